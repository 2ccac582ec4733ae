// The stand-in's master with its one agent, in the process of the scheduler. One for the process: drivers come and go.
#pragma once

#include "wire.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <mesos/scheduler.hpp>
#include <sys/types.h>

namespace standin {

// What the master knows of a driver: runs a callback in the driver's thread.
using Callback = std::function<void(mesos::Scheduler *, mesos::SchedulerDriver *)>;
struct Endpoint {
  virtual ~Endpoint() {}
  virtual void registered(const mesos::FrameworkID &id, const mesos::MasterInfo &master) = 0;
  virtual void update(const mesos::TaskStatus &status) = 0;
  virtual void callback(Callback callback) = 0;
  virtual void error(const std::string &message) = 0;
  virtual void connected(bool is) = 0;
};

// All functions but `instance` and `run` are called in the master's own thread.
class Master {
public:
  static Master &instance();
  void run(std::function<void()> function);
  // As `run`, and waits for it.
  void run_now(std::function<void()> function);

  void subscribe(const mesos::FrameworkInfo &info, std::shared_ptr<Endpoint> endpoint);
  // The driver is gone. What happens to the framework is as FrameworkInfo.failover_timeout says, unless it is torn down.
  void gone(const std::shared_ptr<Endpoint> &endpoint, bool teardown);
  void deactivate(const std::string &framework_id);
  void accept(const std::string &framework_id, const std::vector<mesos::OfferID> &offers,
              const std::vector<mesos::Offer::Operation> &operations, const mesos::Filters &filters);
  // No roles: all of the framework's.
  void suppress(const std::string &framework_id, const std::vector<std::string> &roles, bool suppressed);
  void update(const std::string &framework_id, const mesos::FrameworkInfo &info, const std::vector<std::string> &suppressed);
  void kill(const std::string &framework_id, const mesos::TaskID &id);
  void acknowledge(const std::string &framework_id, const mesos::TaskStatus &status);
  void message(const std::string &framework_id, const std::string &executor_id, const std::string &data);
  void reconcile(const std::string &framework_id, const std::vector<mesos::TaskStatus> &statuses);

private:
  using Resources = std::map<std::string, double>;
  struct Task {
    mesos::TaskInfo info;
    std::string executor_id;
    mesos::TaskStatus last;
    // The first is with the scheduler until it is acknowledged.
    std::deque<mesos::TaskStatus> updates;
    pid_t pid = 0;
    bool killed = false;
  };
  struct Executor {
    mesos::ExecutorInfo info;
    pid_t pid = 0;
    int socket = -1;
    std::vector<mesos::TaskInfo> waiting;
  };
  struct Framework {
    mesos::FrameworkInfo info;
    std::shared_ptr<Endpoint> endpoint;
    bool active = true;
    std::set<std::string> suppressed;
    // Of the last offer: the roles take turns.
    std::string role;
    Clock::time_point refused_until;
    std::string offer_id;
    Resources offered;
    std::map<std::string, Task> tasks;
    std::map<std::string, Executor> executors;
  };

  Master();
  void listen();
  void receive(int socket);
  void from_executor(const std::string &framework_id, const std::string &executor_id, const Frame &frame);
  Framework *find(const std::string &framework_id);
  void script(const std::string &framework_id, const std::string &commands);
  void offer();
  void launch(const std::string &framework_id, const mesos::TaskInfo &task, Resources *available);
  void refuse_task(Framework &framework, const mesos::TaskInfo &task, mesos::TaskState state, const std::string &why,
                   mesos::TaskStatus::Reason reason = mesos::TaskStatus::REASON_TASK_INVALID);
  void start_command(const std::string &framework_id, Task &task);
  void start_executor(const std::string &framework_id, const mesos::ExecutorInfo &info);
  void add_update(const std::string &framework_id, mesos::TaskStatus status);
  void send_first(const std::string &framework_id, const std::string &task_id);
  void task_exited(const std::string &framework_id, const std::string &task_id, int status);
  void executor_exited(const std::string &framework_id, const std::string &executor_id, int status);
  void remove(const std::string &framework_id);

  Actor actor;
  int listener = -1;
  int port = 0;
  std::chrono::milliseconds resend;
  unsigned long next_id = 0;
  Resources free;
  std::map<std::string, Framework> frameworks;
};

} // namespace standin
