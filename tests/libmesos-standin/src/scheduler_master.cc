// The stand-in's master: frameworks, offers, updates that wait for their acknowledgement, and scripts. scheduler_agent.cc has
// the processes of tasks and executors.
//
// A framework whose name is "standin: COMMAND; COMMAND; ..." has these done right after it was registered:
//   disconnect, reregister         the callbacks, and calls between them go nowhere
//   error TEXT                     the driver's end
//   rescind, lose-agent            callbacks
//   messages N, updates N, offers N    N callbacks in a row; the updates want acknowledgements

#include "master.h"

#include <algorithm>
#include <cstdlib>
#include <future>
#include <sstream>
#include <unistd.h>

namespace standin {

static const char *const AGENT = "standin-S0";

Master &Master::instance() {
  // Never destroyed: its thread runs to the end of the process, as libprocess' do.
  static Master *master = new Master();
  return *master;
}

Master::Master() : free{{"cpus", 2}, {"mem", 2048}, {"disk", 4096}} {
  const char *given = std::getenv("STANDIN_RESEND_MS");
  resend = std::chrono::milliseconds(given == nullptr ? 10000 : std::atoi(given));
  listen();
}

void Master::run(std::function<void()> function) { actor.run(std::move(function)); }

void Master::run_now(std::function<void()> function) {
  std::promise<void> done;
  actor.run([&] {
    function();
    done.set_value();
  });
  done.get_future().wait();
}

Master::Framework *Master::find(const std::string &framework_id) {
  const auto found = frameworks.find(framework_id);
  return found == frameworks.end() ? nullptr : &found->second;
}

static mesos::MasterInfo master_info() {
  mesos::MasterInfo info;
  info.set_id("standin");
  info.set_ip(0x0100007f);
  info.set_port(5050);
  info.set_hostname("localhost");
  info.set_pid("master@127.0.0.1:5050");
  return info;
}

static bool is_multi_role(const mesos::FrameworkInfo &info) {
  for (const auto &capability : info.capabilities()) {
    if (capability.type() == mesos::FrameworkInfo::Capability::MULTI_ROLE) {
      return true;
    }
  }
  return false;
}

static std::vector<std::string> roles_of(const mesos::FrameworkInfo &info) {
  return is_multi_role(info) ? std::vector<std::string>(info.roles().begin(), info.roles().end())
                             : std::vector<std::string>{info.role()};
}

// What Mesos' master says of a framework that it does not want; nothing of a good one.
static std::string problem_of(const mesos::FrameworkInfo &info) {
  if (is_multi_role(info) && info.has_role()) {
    return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable";
  }
  if (!is_multi_role(info) && info.roles_size() > 0) {
    return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable";
  }
  const std::set<std::string> roles(info.roles().begin(), info.roles().end());
  if (static_cast<int>(roles.size()) < info.roles_size()) {
    return "'FrameworkInfo.roles' contains duplicate items";
  }
  if (info.role().find(' ') != std::string::npos) {
    return "'FrameworkInfo.role' is not a valid role: it has a space";
  }
  if (info.failover_timeout() > 9e9) {
    return "The framework failover_timeout (" + std::to_string(info.failover_timeout()) + ") is invalid";
  }
  return info.id().value().find('/') == std::string::npos ? "" : "'FrameworkInfo.id' must not have a slash";
}

void Master::subscribe(const mesos::FrameworkInfo &info, std::shared_ptr<Endpoint> endpoint) {
  std::string id = info.id().value();
  const std::string problem = problem_of(info);
  if (!problem.empty()) {
    endpoint->error(problem);
    return;
  }
  if (!id.empty() && find(id) == nullptr) {
    endpoint->error("Framework has been removed");
    return;
  }
  if (id.empty()) {
    id = "standin-F" + std::to_string(next_id++);
  }
  Framework &framework = frameworks[id];
  if (framework.endpoint) {
    framework.endpoint->error("Framework failed over");
  }
  framework.info = info;
  framework.info.mutable_id()->set_value(id);
  framework.endpoint = endpoint;
  framework.active = true;
  framework.offer_id.clear();
  endpoint->registered(framework.info.id(), master_info());
  const std::string prefix = "standin:";
  if (info.name().compare(0, prefix.size(), prefix) == 0) {
    script(id, info.name().substr(prefix.size()));
  }
  for (const auto &task : framework.tasks) {
    send_first(id, task.first);
  }
  offer();
}

void Master::gone(const std::shared_ptr<Endpoint> &endpoint, bool teardown) {
  for (auto &each : frameworks) {
    if (each.second.endpoint != endpoint) {
      continue;
    }
    const std::string id = each.first;
    Framework &framework = each.second;
    framework.endpoint = nullptr;
    for (const auto &resource : framework.offered) {
      free[resource.first] += resource.second;
    }
    framework.offered.clear();
    framework.offer_id.clear();
    if (teardown || framework.info.failover_timeout() <= 0) {
      remove(id);
    }
    break;
  }
}

void Master::deactivate(const std::string &framework_id) {
  if (Framework *framework = find(framework_id)) {
    framework->active = false;
  }
}

void Master::script(const std::string &framework_id, const std::string &commands) {
  Framework *framework = find(framework_id);
  std::shared_ptr<Endpoint> endpoint = framework->endpoint;
  std::istringstream all(commands);
  mesos::SlaveID agent;
  agent.set_value(AGENT);
  for (std::string one; std::getline(all, one, ';');) {
    std::istringstream words(one);
    std::string verb, rest;
    words >> verb >> std::ws;
    std::getline(words, rest);
    const int count = std::atoi(rest.c_str());
    if (verb == "disconnect") {
      endpoint->connected(false);
      endpoint->callback([](mesos::Scheduler *s, mesos::SchedulerDriver *d) { s->disconnected(d); });
    } else if (verb == "reregister") {
      endpoint->connected(true);
      endpoint->callback([](mesos::Scheduler *s, mesos::SchedulerDriver *d) { s->reregistered(d, master_info()); });
    } else if (verb == "error") {
      endpoint->error(rest);
    } else if (verb == "rescind") {
      mesos::OfferID offer;
      offer.set_value("rescinded");
      endpoint->callback([offer](mesos::Scheduler *s, mesos::SchedulerDriver *d) { s->offerRescinded(d, offer); });
    } else if (verb == "lose-agent") {
      endpoint->callback([agent](mesos::Scheduler *s, mesos::SchedulerDriver *d) { s->slaveLost(d, agent); });
    }
    for (int i = 0; i < count; i++) {
      if (verb == "messages") {
        mesos::ExecutorID executor;
        executor.set_value("e");
        const std::string data = std::to_string(i) + std::string(90, 'x');
        endpoint->callback([executor, agent, data](mesos::Scheduler *s, mesos::SchedulerDriver *d) {
          s->frameworkMessage(d, executor, agent, data);
        });
      } else if (verb == "offers") {
        mesos::Offer offer;
        offer.mutable_id()->set_value("scripted-" + std::to_string(i));
        *offer.mutable_framework_id() = framework->info.id();
        *offer.mutable_slave_id() = agent;
        offer.set_hostname("localhost");
        for (const char *name : {"cpus", "mem", "disk", "gpus"}) {
          mesos::Resource *resource = offer.add_resources();
          resource->set_name(name);
          resource->set_type(mesos::Value::SCALAR);
          resource->mutable_scalar()->set_value(i);
        }
        endpoint->callback(
            [offer](mesos::Scheduler *s, mesos::SchedulerDriver *d) { s->resourceOffers(d, {offer}); });
      } else if (verb == "updates") {
        mesos::TaskStatus status;
        status.mutable_task_id()->set_value("scripted-" + std::to_string(i));
        status.set_state(mesos::TASK_FINISHED);
        framework->tasks[status.task_id().value()].last = status;
        add_update(framework_id, status);
      }
    }
  }
}

// --- offers ----------------------------------------------------------------------------------------------------------

void Master::offer() {
  for (auto &each : frameworks) {
    Framework &framework = each.second;
    if (!framework.endpoint || !framework.active || !framework.offer_id.empty() || free["cpus"] < 1e-6) {
      continue;
    }
    std::vector<std::string> wanted;
    for (const std::string &role : roles_of(framework.info)) {
      if (framework.suppressed.count(role) == 0) {
        wanted.push_back(role);
      }
    }
    if (wanted.empty()) {
      continue;
    }
    if (framework.refused_until > Clock::now()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(framework.refused_until - Clock::now());
      actor.run([this] { offer(); }, left + std::chrono::milliseconds(1));
      continue;
    }
    mesos::Offer offer;
    framework.offer_id = "standin-O" + std::to_string(next_id++);
    const auto last = std::find(wanted.begin(), wanted.end(), framework.role);
    framework.role = last == wanted.end() || last + 1 == wanted.end() ? wanted.front() : *(last + 1);
    offer.mutable_allocation_info()->set_role(framework.role);
    offer.mutable_id()->set_value(framework.offer_id);
    *offer.mutable_framework_id() = framework.info.id();
    offer.mutable_slave_id()->set_value(AGENT);
    offer.set_hostname("localhost");
    for (auto &resource : free) {
      mesos::Resource *offered = offer.add_resources();
      offered->set_name(resource.first);
      offered->set_type(mesos::Value::SCALAR);
      offered->mutable_scalar()->set_value(resource.second);
      framework.offered[resource.first] = resource.second;
      resource.second = 0;
    }
    framework.endpoint->callback(
        [offer](mesos::Scheduler *s, mesos::SchedulerDriver *d) { s->resourceOffers(d, {offer}); });
  }
}

void Master::accept(const std::string &framework_id, const std::vector<mesos::OfferID> &offers,
                    const std::vector<mesos::Offer::Operation> &operations, const mesos::Filters &filters) {
  Framework *framework = find(framework_id);
  if (framework == nullptr) {
    return;
  }
  bool valid = false;
  for (const mesos::OfferID &id : offers) {
    valid = valid || id.value() == framework->offer_id;
  }
  Resources available;
  if (valid) {
    available.swap(framework->offered);
    framework->offer_id.clear();
  }
  for (const mesos::Offer::Operation &operation : operations) {
    for (const mesos::TaskInfo &task : operation.launch().task_infos()) {
      if (valid) {
        launch(framework_id, task, &available);
      } else {
        refuse_task(*framework, task, mesos::TASK_LOST, "Task launched with invalid offers",
                    mesos::TaskStatus::REASON_INVALID_OFFERS);
      }
    }
  }
  if (valid) {
    for (const auto &resource : available) {
      free[resource.first] += resource.second;
    }
    const auto pause = std::chrono::milliseconds(static_cast<long>(filters.refuse_seconds() * 1000));
    framework->refused_until = Clock::now() + pause;
    offer();
  }
}

void Master::suppress(const std::string &framework_id, const std::vector<std::string> &roles, bool suppressed) {
  Framework *framework = find(framework_id);
  if (framework == nullptr) {
    return;
  }
  for (const std::string &role : roles.empty() ? roles_of(framework->info) : roles) {
    if (suppressed) {
      framework->suppressed.insert(role);
    } else {
      framework->suppressed.erase(role);
    }
  }
  framework->refused_until = Clock::now();
  offer();
}

// What Mesos' master refuses of an update ends the driver.
void Master::update(
    const std::string &framework_id, const mesos::FrameworkInfo &info, const std::vector<std::string> &suppressed) {
  Framework *framework = find(framework_id);
  if (framework == nullptr || !framework->endpoint) {
    return;
  }
  std::string problem = problem_of(info);
  if (problem.empty() && info.checkpoint() != framework->info.checkpoint()) {
    problem = "FrameworkInfo update is not valid: Updating 'FrameworkInfo.checkpoint' is unsupported";
  }
  if (!problem.empty()) {
    framework->endpoint->error(problem);
    return;
  }
  framework->info = info;
  framework->suppressed = std::set<std::string>(suppressed.begin(), suppressed.end());
  offer();
}

void Master::launch(const std::string &framework_id, const mesos::TaskInfo &task, Resources *available) {
  Framework &framework = *find(framework_id);
  if (task.has_command() == task.has_executor()) {
    refuse_task(framework, task, mesos::TASK_ERROR,
                "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present");
    return;
  }
  Resources wanted;
  for (const mesos::Resource &resource : task.resources()) {
    wanted[resource.name()] += resource.scalar().value();
  }
  if (wanted.empty()) {
    refuse_task(framework, task, mesos::TASK_ERROR, "Task uses no resources");
    return;
  }
  for (const auto &resource : wanted) {
    if (resource.second > (*available)[resource.first] + 1e-6) {
      refuse_task(framework, task, mesos::TASK_ERROR,
                  "Total resources " + resource.first + " required by task and its executor is more than available");
      return;
    }
  }
  for (const auto &resource : wanted) {
    (*available)[resource.first] -= resource.second;
  }
  Task &added = framework.tasks[task.task_id().value()];
  added.info = task;
  *added.last.mutable_task_id() = task.task_id();
  added.last.set_state(mesos::TASK_STAGING);
  if (task.has_command()) {
    start_command(framework_id, added);
    return;
  }
  added.executor_id = task.executor().executor_id().value();
  if (framework.executors.count(added.executor_id) == 0) {
    start_executor(framework_id, task.executor());
  }
  Executor &executor = framework.executors[added.executor_id];
  if (executor.socket >= 0) {
    send_frame(executor.socket, Frame{'L', {task.SerializeAsString()}});
  } else {
    executor.waiting.push_back(task);
  }
}

void Master::refuse_task(Framework &framework, const mesos::TaskInfo &task, mesos::TaskState state, const std::string &why,
                         mesos::TaskStatus::Reason reason) {
  mesos::TaskStatus status;
  *status.mutable_task_id() = task.task_id();
  *status.mutable_slave_id() = task.slave_id();
  status.set_state(state);
  status.set_message(why);
  status.set_reason(reason);
  status.set_source(mesos::TaskStatus::SOURCE_MASTER);
  if (framework.endpoint) {
    framework.endpoint->update(status);
  }
}

// --- updates ---------------------------------------------------------------------------------------------------------

static bool terminal(mesos::TaskState state) {
  return state == mesos::TASK_FINISHED || state == mesos::TASK_FAILED || state == mesos::TASK_KILLED ||
         state == mesos::TASK_LOST || state == mesos::TASK_ERROR;
}

void Master::add_update(const std::string &framework_id, mesos::TaskStatus status) {
  Framework *framework = find(framework_id);
  const auto found = framework == nullptr ? decltype(framework->tasks.begin())() : framework->tasks.find(status.task_id().value());
  if (framework == nullptr || found == framework->tasks.end()) {
    return;
  }
  Task &task = found->second;
  std::string uuid = std::to_string(next_id++);
  uuid.resize(16, '-');
  status.set_uuid(uuid);
  status.mutable_slave_id()->set_value(AGENT);
  if (!task.executor_id.empty()) {
    status.mutable_executor_id()->set_value(task.executor_id);
  }
  task.last = status;
  task.updates.push_back(status);
  if (terminal(status.state())) {
    for (const mesos::Resource &resource : task.info.resources()) {
      free[resource.name()] += resource.scalar().value();
    }
    task.info.clear_resources();
    offer();
  }
  if (task.updates.size() == 1) {
    send_first(framework_id, status.task_id().value());
  }
}

void Master::send_first(const std::string &framework_id, const std::string &task_id) {
  Framework *framework = find(framework_id);
  if (framework == nullptr || !framework->endpoint || framework->tasks.count(task_id) == 0) {
    return;
  }
  Task &task = framework->tasks[task_id];
  if (task.updates.empty()) {
    return;
  }
  framework->endpoint->update(task.updates.front());
  const std::string uuid = task.updates.front().uuid();
  actor.run(
      [this, framework_id, task_id, uuid] {
        Framework *framework = find(framework_id);
        if (framework != nullptr && framework->tasks.count(task_id) != 0) {
          Task &task = framework->tasks[task_id];
          if (!task.updates.empty() && task.updates.front().uuid() == uuid) {
            send_first(framework_id, task_id);
          }
        }
      },
      resend);
}

void Master::acknowledge(const std::string &framework_id, const mesos::TaskStatus &status) {
  Framework *framework = find(framework_id);
  if (framework == nullptr || framework->tasks.count(status.task_id().value()) == 0 || !status.has_slave_id()) {
    return;
  }
  Task &task = framework->tasks[status.task_id().value()];
  if (task.updates.empty() || task.updates.front().uuid() != status.uuid()) {
    return;
  }
  const bool last = terminal(task.updates.front().state());
  task.updates.pop_front();
  if (last) {
    framework->tasks.erase(status.task_id().value());
  } else {
    send_first(framework_id, status.task_id().value());
  }
}

void Master::reconcile(const std::string &framework_id, const std::vector<mesos::TaskStatus> &statuses) {
  Framework *framework = find(framework_id);
  if (framework == nullptr || !framework->endpoint) {
    return;
  }
  std::vector<mesos::TaskStatus> answers;
  for (const mesos::TaskStatus &asked : statuses) {
    const auto task = framework->tasks.find(asked.task_id().value());
    mesos::TaskStatus answer = task == framework->tasks.end() ? asked : task->second.last;
    if (task == framework->tasks.end()) {
      answer.set_state(mesos::TASK_LOST);
    }
    answers.push_back(answer);
  }
  for (const auto &task : framework->tasks) {
    if (statuses.empty()) {
      answers.push_back(task.second.last);
    }
  }
  for (mesos::TaskStatus &answer : answers) {
    answer.clear_uuid();
    answer.set_source(mesos::TaskStatus::SOURCE_MASTER);
    answer.set_reason(mesos::TaskStatus::REASON_RECONCILIATION);
    framework->endpoint->update(answer);
  }
}

} // namespace standin
