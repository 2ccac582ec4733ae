// The stand-in's MesosSchedulerDriver: states, threads and destructor as Mesos' has them, and a master in this process.
// `master` is any HOST:PORT. Nobody answers at port 1, and a host that ends in .invalid is one that no detector is made for.

#include "master.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace standin {

struct SchedulerState : Endpoint {
  mesos::Scheduler *scheduler = nullptr;
  mesos::SchedulerDriver *driver = nullptr;
  mesos::FrameworkInfo framework;
  std::string master;
  bool implicit = true;
  std::recursive_mutex mutex;
  mesos::Status status = mesos::DRIVER_NOT_STARTED;
  std::atomic<bool> running{false};
  // Used in the actor only.
  bool is_connected = false;
  std::string id;
  bool started = false;
  Latch latch;
  Actor actor;

  void callback(Callback callback) override {
    actor.run([this, callback] {
      if (running) {
        callback(scheduler, driver);
      }
    });
  }
  void registered(const mesos::FrameworkID &framework_id, const mesos::MasterInfo &info) override {
    actor.run([this, framework_id, info] {
      if (running) {
        is_connected = true;
        id = framework_id.value();
        scheduler->registered(driver, framework_id, info);
      }
    });
  }
  void update(const mesos::TaskStatus &update) override {
    actor.run([this, update] {
      if (!running || !is_connected) {
        return;
      }
      scheduler->statusUpdate(driver, update);
      if (implicit && running && update.has_uuid()) {
        acknowledge(update);
      }
    });
  }
  void error(const std::string &message) override {
    actor.run([this, message] {
      if (running) {
        driver->abort();
        scheduler->error(driver, message);
      }
    });
  }
  bool is_partition_aware() const {
    for (const auto &capability : framework.capabilities()) {
      if (capability.type() == mesos::FrameworkInfo::Capability::PARTITION_AWARE) {
        return true;
      }
    }
    return false;
  }
  void connected(bool is) override {
    actor.run([this, is] { is_connected = is; });
  }
  void acknowledge(const mesos::TaskStatus &update) {
    const std::string framework_id = id;
    Master::instance().run([framework_id, update] { Master::instance().acknowledge(framework_id, update); });
  }
  // In the actor: hands something to the master if this is registered there.
  void to_master(std::function<void(Master &, const std::string &)> call) {
    if (is_connected) {
      const std::string framework_id = id;
      Master::instance().run([call, framework_id] { call(Master::instance(), framework_id); });
    }
  }
  // From any thread: queues a call of a running driver, and returns the status.
  mesos::Status dispatch(std::function<void(Master &, const std::string &)> call) {
    std::lock_guard<std::recursive_mutex> lock(mutex);
    if (status == mesos::DRIVER_RUNNING) {
      actor.run([this, call] { to_master(call); });
    }
    return status;
  }
};

} // namespace standin

namespace mesos {

using standin::Master;
using standin::SchedulerState;

static std::shared_ptr<SchedulerState> make(MesosSchedulerDriver *driver, Scheduler *scheduler, const FrameworkInfo &framework,
                                            const std::string &master, bool implicit) {
  auto state = std::make_shared<SchedulerState>();
  state->scheduler = scheduler;
  state->driver = driver;
  state->framework = framework;
  state->master = master;
  state->implicit = implicit;
  // Where Mesos' driver sets its logging up: the same variables, and one line of it.
  const auto variable = [](const char *name) { return std::string(std::getenv(name) == nullptr ? "-" : std::getenv(name)); };
  if (variable("MESOS_quiet") == "0") {
    std::fprintf(stderr, "standin: logs %s of %s\n", variable("MESOS_logging_level").c_str(), framework.name().c_str());
  }
  // Stands for every flag of MESOS_* that cannot be read.
  if (std::getenv("MESOS_STANDIN_BAD_FLAG") != nullptr) {
    state->status = DRIVER_ABORTED;
    scheduler->error(driver, "Failed to load flag 'standin_bad_flag'");
  }
  return state;
}

MesosSchedulerDriver::MesosSchedulerDriver(Scheduler *scheduler, const FrameworkInfo &framework, const std::string &master)
    : state(make(this, scheduler, framework, master, true)) {}
MesosSchedulerDriver::MesosSchedulerDriver(
    Scheduler *scheduler, const FrameworkInfo &framework, const std::string &master, const Credential &)
    : state(make(this, scheduler, framework, master, true)) {}
MesosSchedulerDriver::MesosSchedulerDriver(
    Scheduler *scheduler, const FrameworkInfo &framework, const std::string &master, bool implicit)
    : state(make(this, scheduler, framework, master, implicit)) {}
MesosSchedulerDriver::MesosSchedulerDriver(
    Scheduler *scheduler, const FrameworkInfo &framework, const std::string &master, bool implicit, const Credential &)
    : state(make(this, scheduler, framework, master, implicit)) {}

MesosSchedulerDriver::~MesosSchedulerDriver() {
  state->actor.end();
  std::shared_ptr<SchedulerState> gone = state;
  Master::instance().run_now([gone] { Master::instance().gone(gone, false); });
}

Status MesosSchedulerDriver::start() {
  std::lock_guard<std::recursive_mutex> lock(state->mutex);
  if (state->status != DRIVER_NOT_STARTED) {
    return state->status;
  }
  const auto colon = state->master.rfind(':');
  const std::string host = state->master.substr(0, colon);
  if (host.size() > 8 && host.compare(host.size() - 8, 8, ".invalid") == 0) {
    state->status = DRIVER_ABORTED;
    state->scheduler->error(this, "Failed to create a master detector for '" + state->master + "': no such host");
    return state->status;
  }
  state->started = true;
  state->running = true;
  state->status = DRIVER_RUNNING;
  if (colon != std::string::npos && state->master.substr(colon) != ":1") {
    std::shared_ptr<SchedulerState> endpoint = state;
    Master::instance().run([endpoint] { Master::instance().subscribe(endpoint->framework, endpoint); });
  }
  return state->status;
}

Status MesosSchedulerDriver::stop(bool failover) {
  std::lock_guard<std::recursive_mutex> lock(state->mutex);
  if (state->status != DRIVER_RUNNING && state->status != DRIVER_ABORTED) {
    return state->status;
  }
  const bool aborted = state->status == DRIVER_ABORTED;
  state->running = false;
  state->status = DRIVER_STOPPED;
  if (state->started) {
    SchedulerState *self = state.get();
    std::weak_ptr<SchedulerState> weak = state;
    state->actor.run([self, weak, failover] {
      if (self->is_connected && !failover) {
        std::shared_ptr<SchedulerState> endpoint = weak.lock();
        Master::instance().run_now([endpoint] { Master::instance().gone(endpoint, true); });
      }
      self->is_connected = false;
      self->latch.open();
    });
  }
  return aborted ? DRIVER_ABORTED : state->status;
}

Status MesosSchedulerDriver::abort() {
  std::lock_guard<std::recursive_mutex> lock(state->mutex);
  if (state->status != DRIVER_RUNNING) {
    return state->status;
  }
  state->running = false;
  SchedulerState *self = state.get();
  state->actor.run([self] {
    self->to_master([](Master &master, const std::string &id) { master.deactivate(id); });
    self->latch.open();
  });
  return state->status = DRIVER_ABORTED;
}

Status MesosSchedulerDriver::join() {
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

Status MesosSchedulerDriver::run() {
  const Status status = start();
  return status == DRIVER_RUNNING ? join() : status;
}

Status MesosSchedulerDriver::requestResources(const std::vector<Request> &) {
  return state->dispatch([](Master &, const std::string &) {});
}

Status MesosSchedulerDriver::launchTasks(
    const std::vector<OfferID> &offerIds, const std::vector<TaskInfo> &tasks, const Filters &filters) {
  Offer::Operation operation;
  operation.set_type(Offer::Operation::LAUNCH);
  for (const TaskInfo &task : tasks) {
    *operation.mutable_launch()->add_task_infos() = task;
  }
  return acceptOffers(offerIds, {operation}, filters);
}

Status MesosSchedulerDriver::launchTasks(const OfferID &offerId, const std::vector<TaskInfo> &tasks, const Filters &filters) {
  return launchTasks(std::vector<OfferID>{offerId}, tasks, filters);
}

Status MesosSchedulerDriver::acceptOffers(
    const std::vector<OfferID> &offerIds, const std::vector<Offer::Operation> &operations, const Filters &filters) {
  std::lock_guard<std::recursive_mutex> lock(state->mutex);
  if (state->status != DRIVER_RUNNING) {
    return state->status;
  }
  for (const Offer::Operation &operation : operations) {
    if (operation.has_id()) {
      std::abort();
    }
  }
  SchedulerState *self = state.get();
  state->actor.run([self, offerIds, operations, filters] {
    if (self->is_connected) {
      self->to_master([offerIds, operations, filters](Master &master, const std::string &id) {
        master.accept(id, offerIds, operations, filters);
      });
      return;
    }
    for (const Offer::Operation &operation : operations) {
      for (const TaskInfo &task : operation.launch().task_infos()) {
        TaskStatus status;
        *status.mutable_task_id() = task.task_id();
        status.set_state(self->is_partition_aware() ? TASK_DROPPED : TASK_LOST);
        status.set_source(TaskStatus::SOURCE_MASTER);
        status.set_reason(TaskStatus::REASON_MASTER_DISCONNECTED);
        status.set_message("Master disconnected");
        if (self->running) {
          self->scheduler->statusUpdate(self->driver, status);
        }
      }
    }
  });
  return state->status;
}

Status MesosSchedulerDriver::declineOffer(const OfferID &offerId, const Filters &filters) {
  return acceptOffers({offerId}, {}, filters);
}

Status MesosSchedulerDriver::killTask(const TaskID &taskId) {
  return state->dispatch([taskId](Master &master, const std::string &id) { master.kill(id, taskId); });
}

Status MesosSchedulerDriver::reviveOffers() {
  return state->dispatch([](Master &master, const std::string &id) { master.suppress(id, {}, false); });
}

Status MesosSchedulerDriver::suppressOffers() {
  return state->dispatch([](Master &master, const std::string &id) { master.suppress(id, {}, true); });
}

Status MesosSchedulerDriver::acknowledgeStatusUpdate(const TaskStatus &status) {
  std::lock_guard<std::recursive_mutex> lock(state->mutex);
  if (state->status == DRIVER_RUNNING && state->implicit) {
    std::abort();
  }
  return state->dispatch([status](Master &master, const std::string &id) { master.acknowledge(id, status); });
}

Status MesosSchedulerDriver::sendFrameworkMessage(
    const ExecutorID &executorId, const SlaveID &, const std::string &data) {
  return state->dispatch(
      [executorId, data](Master &master, const std::string &id) { master.message(id, executorId.value(), data); });
}

Status MesosSchedulerDriver::reconcileTasks(const std::vector<TaskStatus> &statuses) {
  return state->dispatch([statuses](Master &master, const std::string &id) { master.reconcile(id, statuses); });
}

#if STANDIN_SHAPE >= 1009
MesosSchedulerDriver::MesosSchedulerDriver(Scheduler *scheduler, const FrameworkInfo &framework,
                                           const std::vector<std::string> &, const std::string &master, bool implicit)
    : state(make(this, scheduler, framework, master, implicit)) {}
MesosSchedulerDriver::MesosSchedulerDriver(Scheduler *scheduler, const FrameworkInfo &framework,
                                           const std::vector<std::string> &, const std::string &master, bool implicit,
                                           const Credential &)
    : state(make(this, scheduler, framework, master, implicit)) {}

Status MesosSchedulerDriver::reviveOffers(const std::vector<std::string> &roles) {
  return roles.empty() ? state->status : state->dispatch([roles](Master &master, const std::string &id) {
    master.suppress(id, roles, false);
  });
}

Status MesosSchedulerDriver::suppressOffers(const std::vector<std::string> &roles) {
  return roles.empty() ? state->status : state->dispatch([roles](Master &master, const std::string &id) {
    master.suppress(id, roles, true);
  });
}

// Mesos' driver ends the process for roles that are there twice, and itself for a wrong id: so does this one.
static Status update_framework(SchedulerState &state, FrameworkInfo info, const std::vector<std::string> &suppressed) {
  if (std::set<std::string>(suppressed.begin(), suppressed.end()).size() != suppressed.size()) {
    std::abort();
  }
  SchedulerState *self = &state;
  return state.dispatch([self, info, suppressed](Master &master, const std::string &id) {
    if (info.id().value() != id) {
      self->error("The 'FrameworkInfo.id' must be equal to the value known to the MesosSchedulerDriver");
    } else {
      master.update(id, info, suppressed);
    }
  });
}
#endif

#if STANDIN_SHAPE >= 1011
Status MesosSchedulerDriver::updateFramework(const FrameworkInfo &info, const std::vector<std::string> &suppressed,
                                             ::mesos::scheduler::OfferConstraints &&) {
  return update_framework(*state, info, suppressed);
}
#elif STANDIN_SHAPE >= 1009
Status MesosSchedulerDriver::updateFramework(const FrameworkInfo &info, const std::vector<std::string> &suppressed) {
  return update_framework(*state, info, suppressed);
}
#endif

} // namespace mesos
