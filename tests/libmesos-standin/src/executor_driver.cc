// The stand-in's MesosExecutorDriver: connects to the stand-in's agent, whose address is in MESOS_SLAVE_PID.

#include "wire.h"

#include <arpa/inet.h>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mesos/executor.hpp>

namespace standin {

struct ExecutorState {
  mesos::Executor *executor = nullptr;
  mesos::ExecutorDriver *driver = nullptr;
  std::recursive_mutex mutex;
  mesos::Status status = mesos::DRIVER_NOT_STARTED;
  // False: no callbacks any more. Calls depend on the status alone.
  std::atomic<bool> running{false};
  bool started = false;
  int socket = -1;
  std::string agent_id;
  std::thread reader;
  Latch latch;
  Actor actor;

  void callback(std::function<void()> callback) {
    actor.run([this, callback] {
      if (running) {
        callback();
      }
    });
  }
  void send(const Frame &frame) {
    actor.run([this, frame] { send_frame(socket, frame); });
  }
  void shutdown() {
    callback([this] {
      executor->shutdown(driver);
      running = false;
    });
  }
  void read() {
    for (Frame frame; receive_frame(socket, &frame);) {
      take(frame);
    }
    // The agent is gone: Mesos' driver ends the executor then, too.
    shutdown();
  }
  void take(const Frame &frame) {
    if (frame.type == 'R' && frame.parts.size() == 3) {
      mesos::ExecutorInfo info;
      mesos::FrameworkInfo framework;
      mesos::SlaveInfo slave;
      if (info.ParseFromString(frame.parts[0]) && framework.ParseFromString(frame.parts[1]) &&
          slave.ParseFromString(frame.parts[2])) {
        callback([this, info, framework, slave] { executor->registered(driver, info, framework, slave); });
      }
    } else if (frame.type == 'L') {
      mesos::TaskInfo task;
      if (task.ParseFromString(frame.parts.at(0))) {
        callback([this, task] { executor->launchTask(driver, task); });
      }
    } else if (frame.type == 'K') {
      mesos::TaskID id;
      if (id.ParseFromString(frame.parts.at(0))) {
        callback([this, id] { executor->killTask(driver, id); });
      }
    } else if (frame.type == 'M') {
      const std::string data = frame.parts.at(0);
      callback([this, data] { executor->frameworkMessage(driver, data); });
    } else if (frame.type == 'S') {
      shutdown();
    }
  }
};

// Mesos' driver ends the process, too.
static std::string required(const char *name) {
  const char *value = std::getenv(name);
  if (value == nullptr) {
    std::fprintf(stderr, "standin: expecting '%s' to be set in the environment\n", name);
    std::exit(1);
  }
  return value;
}

} // namespace standin

namespace mesos {

using standin::ExecutorState;
using standin::Frame;

MesosExecutorDriver::MesosExecutorDriver(Executor *executor) : state(std::make_shared<ExecutorState>()) {
  state->executor = executor;
  state->driver = this;
}

#if STANDIN_SHAPE >= 1009
MesosExecutorDriver::MesosExecutorDriver(Executor *executor, const std::map<std::string, std::string> &)
    : MesosExecutorDriver(executor) {}
#endif

MesosExecutorDriver::~MesosExecutorDriver() {
  state->actor.end();
  if (state->socket >= 0) {
    ::shutdown(state->socket, SHUT_RDWR);
  }
  if (state->reader.joinable()) {
    state->reader.join();
  }
  if (state->socket >= 0) {
    ::close(state->socket);
  }
}

Status MesosExecutorDriver::start() {
  std::lock_guard<std::recursive_mutex> lock(state->mutex);
  if (state->status != DRIVER_NOT_STARTED) {
    return state->status;
  }
  const std::string pid = standin::required("MESOS_SLAVE_PID");
  if (pid.find('@') == std::string::npos) {
    std::abort();
  }
  state->agent_id = standin::required("MESOS_SLAVE_ID");
  const std::string framework_id = standin::required("MESOS_FRAMEWORK_ID");
  const std::string executor_id = standin::required("MESOS_EXECUTOR_ID");
  standin::required("MESOS_DIRECTORY");

  sockaddr_in address;
  std::memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<unsigned short>(std::atoi(pid.substr(pid.rfind(':') + 1).c_str())));
  state->socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(state->socket, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0) {
    // As with an agent that is gone: not an error of the start.
    ::shutdown(state->socket, SHUT_RDWR);
  }
  state->started = true;
  state->running = true;
  state->send(Frame{'R', {framework_id, executor_id}});
  ExecutorState *self = state.get();
  state->reader = std::thread([self] { self->read(); });
  return state->status = DRIVER_RUNNING;
}

Status MesosExecutorDriver::stop() {
  std::lock_guard<std::recursive_mutex> lock(state->mutex);
  if (state->status != DRIVER_RUNNING && state->status != DRIVER_ABORTED) {
    return state->status;
  }
  const bool aborted = state->status == DRIVER_ABORTED;
  state->running = false;
  ExecutorState *self = state.get();
  state->actor.run([self] { self->latch.open(); });
  state->status = DRIVER_STOPPED;
  return aborted ? DRIVER_ABORTED : state->status;
}

Status MesosExecutorDriver::abort() {
  std::lock_guard<std::recursive_mutex> lock(state->mutex);
  if (state->status != DRIVER_RUNNING) {
    return state->status;
  }
  state->running = false;
  ExecutorState *self = state.get();
  state->actor.run([self] { self->latch.open(); });
  return state->status = DRIVER_ABORTED;
}

Status MesosExecutorDriver::join() {
  {
    std::lock_guard<std::recursive_mutex> lock(state->mutex);
    if (!state->started) {
      return state->status;
    }
  }
  state->latch.await();
  std::lock_guard<std::recursive_mutex> lock(state->mutex);
  return state->status;
}

Status MesosExecutorDriver::run() {
  const Status status = start();
  return status == DRIVER_RUNNING ? join() : status;
}

Status MesosExecutorDriver::sendStatusUpdate(const TaskStatus &status) {
  std::lock_guard<std::recursive_mutex> lock(state->mutex);
  if (state->status == DRIVER_RUNNING) {
    TaskStatus complete = status;
    complete.mutable_slave_id()->set_value(state->agent_id);
    state->send(Frame{'U', {complete.SerializeAsString()}});
  }
  return state->status;
}

Status MesosExecutorDriver::sendFrameworkMessage(const std::string &data) {
  std::lock_guard<std::recursive_mutex> lock(state->mutex);
  if (state->status == DRIVER_RUNNING) {
    state->send(Frame{'M', {data}});
  }
  return state->status;
}

} // namespace mesos
