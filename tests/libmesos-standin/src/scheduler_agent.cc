// The stand-in's agent, a part of its master: processes of command tasks and of executors, and the executors' connections.

#include "master.h"

#include <arpa/inet.h>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace standin {

// Waits for a command and writes its exit status to descriptor 9; what the shell itself says of signals goes nowhere. waitpid is not for a library: event loops reap every child.
static const char *const WAIT = "trap : TERM; exec 8>&2 2>/dev/null; \"$@\" 2>&8 8>&- 9>&- & p=$!; "
                                "while wait $p; s=$?; kill -0 $p 2>/dev/null; do :; done; echo $s >&9";

// Starts a process in a group of its own, with the parent's environment and `more`, and with no signal blocked or ignored.
// `*status` is where its exit status can be read when it has ended. Arguments after the program's name are the command's.
static pid_t start(const mesos::CommandInfo &command, std::vector<std::string> more, int *status) {
  std::vector<std::string> arguments = {"/bin/sh", "-c", WAIT, "sh"};
  if (command.shell()) {
    arguments.insert(arguments.end(), {"/bin/sh", "-c", command.value()});
  } else {
    arguments.push_back(command.value());
    for (int i = 1; i < command.arguments_size(); i++) {
      arguments.push_back(command.arguments(i));
    }
  }
  for (const auto &variable : command.environment().variables()) {
    more.push_back(variable.name() + "=" + variable.value());
  }
  std::vector<char *> argv, envp;
  for (std::string &argument : arguments) {
    argv.push_back(&argument[0]);
  }
  argv.push_back(nullptr);
  for (std::string &variable : more) {
    envp.push_back(&variable[0]);
  }
  for (char **variable = environ; *variable != nullptr; variable++) {
    envp.push_back(*variable);
  }
  envp.push_back(nullptr);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, pipe;
  sigemptyset(&none);
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &pipe);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    std::abort();
  }
  *status = ends[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 9);
  pid_t pid = 0;
  const int failed = posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(ends[1]);
  return failed != 0 ? 0 : pid;
}

// Runs `then` with the raw wait status when the process has ended.
static void when_ended(pid_t pid, int from, std::function<void(int)> then) {
  std::thread([pid, from, then] {
    std::string said;
    char byte;
    while (read(from, &byte, 1) == 1) {
      said += byte;
    }
    close(from);
    if (pid > 0) {
      waitpid(pid, nullptr, 0);
    }
    const int exit = said.empty() ? 128 + SIGKILL : std::atoi(said.c_str());
    const int status = exit > 128 ? exit - 128 : exit << 8;
    Master::instance().run([then, status] { then(status); });
  }).detach();
}

void Master::start_command(const std::string &framework_id, Task &task) {
  const std::string id = task.info.task_id().value();
  task.executor_id = id;
  int ended = -1;
  task.pid = start(task.info.command(), {}, &ended);
  mesos::TaskStatus status;
  status.mutable_task_id()->set_value(id);
  status.set_source(mesos::TaskStatus::SOURCE_EXECUTOR);
  for (const mesos::TaskState state : {mesos::TASK_STARTING, mesos::TASK_RUNNING}) {
    status.set_state(state);
    add_update(framework_id, status);
  }
  when_ended(task.pid, ended, [this, framework_id, id](int status) { task_exited(framework_id, id, status); });
}

void Master::task_exited(const std::string &framework_id, const std::string &task_id, int status) {
  Framework *framework = find(framework_id);
  if (framework == nullptr || framework->tasks.count(task_id) == 0) {
    return;
  }
  Task &task = framework->tasks[task_id];
  task.pid = 0;
  mesos::TaskStatus update;
  update.mutable_task_id()->set_value(task_id);
  update.set_source(mesos::TaskStatus::SOURCE_EXECUTOR);
  const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  update.set_state(task.killed ? mesos::TASK_KILLED : good ? mesos::TASK_FINISHED : mesos::TASK_FAILED);
  update.set_message(WIFEXITED(status) ? "Command exited with status " + std::to_string(WEXITSTATUS(status))
                                       : "Command terminated with signal " + std::to_string(WTERMSIG(status)));
  add_update(framework_id, update);
}

void Master::kill(const std::string &framework_id, const mesos::TaskID &id) {
  Framework *framework = find(framework_id);
  if (framework == nullptr || framework->tasks.count(id.value()) == 0) {
    mesos::TaskStatus asked;
    *asked.mutable_task_id() = id;
    asked.set_state(mesos::TASK_STAGING);
    reconcile(framework_id, {asked});
    return;
  }
  Task &task = framework->tasks[id.value()];
  if (task.pid > 0) {
    task.killed = true;
    ::kill(-task.pid, SIGTERM);
    // Again while it lives: the first may have come before the command was started.
    actor.run(
        [this, framework_id, id] {
          Framework *framework = find(framework_id);
          if (framework != nullptr && framework->tasks.count(id.value()) != 0 && framework->tasks[id.value()].pid > 0) {
            kill(framework_id, id);
          }
        },
        std::chrono::milliseconds(100));
  } else if (framework->executors.count(task.executor_id) != 0) {
    send_frame(framework->executors[task.executor_id].socket, Frame{'K', {id.SerializeAsString()}});
  }
}

// --- executors -------------------------------------------------------------------------------------------------------

void Master::start_executor(const std::string &framework_id, const mesos::ExecutorInfo &info) {
  const std::string id = info.executor_id().value();
  Executor &executor = find(framework_id)->executors[id];
  executor.info = info;
  executor.info.mutable_framework_id()->set_value(framework_id);
  int ended = -1;
  executor.pid = start(info.command(), {
      "MESOS_SLAVE_PID=slave(1)@127.0.0.1:" + std::to_string(port),
      "MESOS_SLAVE_ID=standin-S0",
      "MESOS_FRAMEWORK_ID=" + framework_id,
      "MESOS_EXECUTOR_ID=" + id,
      "MESOS_DIRECTORY=/tmp",
      "MESOS_CHECKPOINT=0",
  }, &ended);
  when_ended(executor.pid, ended, [this, framework_id, id](int status) { executor_exited(framework_id, id, status); });
}

void Master::executor_exited(const std::string &framework_id, const std::string &executor_id, int status) {
  Framework *framework = find(framework_id);
  if (framework == nullptr || framework->executors.count(executor_id) == 0) {
    return;
  }
  framework->executors.erase(executor_id);
  std::vector<std::string> lost;
  for (const auto &task : framework->tasks) {
    if (task.second.executor_id == executor_id && task.second.last.state() != mesos::TASK_FINISHED &&
        task.second.last.state() != mesos::TASK_KILLED && task.second.last.state() != mesos::TASK_FAILED) {
      lost.push_back(task.first);
    }
  }
  for (const std::string &id : lost) {
    mesos::TaskStatus update;
    update.mutable_task_id()->set_value(id);
    update.set_state(mesos::TASK_FAILED);
    update.set_source(mesos::TaskStatus::SOURCE_SLAVE);
    update.set_message("Executor terminated");
    add_update(framework_id, update);
  }
  mesos::ExecutorID executor;
  executor.set_value(executor_id);
  mesos::SlaveID agent;
  agent.set_value("standin-S0");
  if (framework->endpoint) {
    framework->endpoint->callback([executor, agent, status](mesos::Scheduler *s, mesos::SchedulerDriver *d) {
      s->executorLost(d, executor, agent, status);
    });
  }
}

void Master::message(const std::string &framework_id, const std::string &executor_id, const std::string &data) {
  Framework *framework = find(framework_id);
  if (framework != nullptr && framework->executors.count(executor_id) != 0) {
    send_frame(framework->executors[executor_id].socket, Frame{'M', {data}});
  }
}

void Master::remove(const std::string &framework_id) {
  Framework *framework = find(framework_id);
  for (auto &each : framework->tasks) {
    Task &task = each.second;
    if (task.pid > 0) {
      ::kill(-task.pid, SIGKILL);
    }
    for (const mesos::Resource &resource : task.info.resources()) {
      free[resource.name()] += resource.scalar().value();
    }
  }
  for (auto &each : framework->executors) {
    send_frame(each.second.socket, Frame{'S', {}});
  }
  frameworks.erase(framework_id);
  offer();
}

// --- connections -----------------------------------------------------------------------------------------------------

void Master::listen() {
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address;
  std::memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr *>(&address), size) != 0 || ::listen(listener, 16) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size) != 0) {
    std::abort();
  }
  port = ntohs(address.sin_port);
  std::thread([this] {
    for (;;) {
      const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection >= 0) {
        std::thread([this, connection] { receive(connection); }).detach();
      }
    }
  }).detach();
}

// An executor's connection, in a thread of its own until it ends.
void Master::receive(int connection) {
  Frame frame;
  if (receive_frame(connection, &frame) && frame.type == 'R' && frame.parts.size() == 2) {
    const std::string framework_id = frame.parts[0], executor_id = frame.parts[1];
    run_now([&] {
      Framework *framework = find(framework_id);
      if (framework == nullptr || framework->executors.count(executor_id) == 0) {
        send_frame(connection, Frame{'S', {}});
        return;
      }
      Executor &executor = framework->executors[executor_id];
      executor.socket = connection;
      mesos::SlaveInfo agent;
      agent.set_hostname("localhost");
      agent.mutable_id()->set_value("standin-S0");
      send_frame(connection, Frame{'R', {executor.info.SerializeAsString(), framework->info.SerializeAsString(),
                                         agent.SerializeAsString()}});
      for (const mesos::TaskInfo &task : executor.waiting) {
        send_frame(connection, Frame{'L', {task.SerializeAsString()}});
      }
      executor.waiting.clear();
    });
    while (receive_frame(connection, &frame)) {
      const Frame taken = frame;
      run([this, framework_id, executor_id, taken] { from_executor(framework_id, executor_id, taken); });
    }
    run_now([&] {
      Framework *framework = find(framework_id);
      if (framework != nullptr && framework->executors.count(executor_id) != 0) {
        framework->executors[executor_id].socket = -1;
      }
    });
  }
  close(connection);
}

void Master::from_executor(const std::string &framework_id, const std::string &executor_id, const Frame &frame) {
  Framework *framework = find(framework_id);
  if (framework == nullptr) {
    return;
  }
  if (frame.type == 'U') {
    mesos::TaskStatus status;
    if (status.ParseFromString(frame.parts.at(0))) {
      status.set_source(mesos::TaskStatus::SOURCE_EXECUTOR);
      add_update(framework_id, status);
    }
  } else if (frame.type == 'M' && framework->endpoint) {
    mesos::ExecutorID executor;
    executor.set_value(executor_id);
    mesos::SlaveID agent;
    agent.set_value("standin-S0");
    const std::string data = frame.parts.at(0);
    framework->endpoint->callback([executor, agent, data](mesos::Scheduler *s, mesos::SchedulerDriver *d) {
      s->frameworkMessage(d, executor, agent, data);
    });
  }
}

} // namespace standin
