// What the two halves of the C++ side know of each other.
//
// The glue is part of libmesos_perl.so and knows nothing of Mesos. Each proxy is a shared object of its own
// (libmesos_perl_scheduler.so, libmesos_perl_executor.so), linked to libmesos and loaded when its first driver is made. So
// libmesos_perl.so loads on a machine without libmesos, and a libmesos that lacks one driver class lacks that half only.
// Only the standard library's types cross: both sides are compiled by one run of build.rs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mesos_perl {

using Strings = std::vector<std::string>;

// The callbacks of both drivers; bridge.rs has the same numbers, and cxx compares them. `Failed` is the proxy's own: an
// exception stopped a callback, and its text is the argument.
enum class Callback : std::uint8_t {
  Registered = 1,
  Reregistered = 2,
  Disconnected = 3,
  ResourceOffers = 4,
  OfferRescinded = 5,
  StatusUpdate = 6,
  SchedulerMessage = 7,
  SlaveLost = 8,
  ExecutorLost = 9,
  Error = 10,
  ExecutorRegistered = 11,
  ExecutorReregistered = 12,
  LaunchTask = 13,
  KillTask = 14,
  ExecutorMessage = 15,
  Shutdown = 16,
  Failed = 17,
};

// Takes callbacks, in whatever thread libmesos makes them.
class Sink {
public:
  virtual ~Sink() = default;
  // The arguments in their order: encoded messages, plain bytes, a number as decimal text. `ResourceOffers`: the offers.
  virtual void callback(Callback which, const Strings &arguments) noexcept = 0;
};

// A driver of libmesos. The numbers returned are those of mesos.Status. Functions throw std::exception: wrong bytes, mostly.
// The destructor waits for the driver's thread: never run it in that thread, nor with a lock held that a callback takes.
class SchedulerProxy {
public:
  // What a version of Mesos may lack, as bits of `features`.
  enum Feature : std::uint32_t { ReviveRoles = 1, SuppressRoles = 2, UpdateFramework = 4 };

  virtual ~SchedulerProxy() = default;
  virtual std::uint32_t features() const = 0;
  virtual int start() = 0;
  virtual int stop(bool failover) = 0;
  virtual int abort() = 0;
  virtual int join() = 0;
  virtual int request_resources(const Strings &requests) = 0;
  virtual int launch_tasks(const Strings &offer_ids, const Strings &tasks, const std::string &filters) = 0;
  virtual int accept_offers(const Strings &offer_ids, const Strings &operations, const std::string &filters) = 0;
  virtual int decline_offer(const std::string &offer_id, const std::string &filters) = 0;
  virtual int revive_offers() = 0;
  virtual int revive_roles(const Strings &roles) = 0;
  virtual int suppress_offers() = 0;
  virtual int suppress_roles(const Strings &roles) = 0;
  virtual int update_framework(const std::string &framework, const Strings &suppressed_roles) = 0;
  virtual int kill_task(const std::string &task_id) = 0;
  virtual int acknowledge(const std::string &status) = 0;
  virtual int send_framework_message(const std::string &executor_id, const std::string &slave_id, const std::string &data) = 0;
  virtual int reconcile_tasks(const Strings &statuses) = 0;
};

class ExecutorProxy {
public:
  virtual ~ExecutorProxy() = default;
  virtual int start() = 0;
  virtual int stop() = 0;
  virtual int abort() = 0;
  virtual int join() = 0;
  virtual int send_status_update(const std::string &status) = 0;
  virtual int send_framework_message(const std::string &data) = 0;
};

// What a proxy's shared object exports. `sink` outlives the proxy; an empty credential is none.
extern "C" {
typedef SchedulerProxy *NewSchedulerProxy(
    Sink *sink, const std::string &framework, const std::string &master, const std::string &credential);
typedef ExecutorProxy *NewExecutorProxy(Sink *sink);
}
#define MESOS_PERL_NEW_SCHEDULER "mesos_perl_new_scheduler"
#define MESOS_PERL_NEW_EXECUTOR "mesos_perl_new_executor"

} // namespace mesos_perl
