// The glue between bridge.rs and the proxies: cxx's types on one side, the standard library's on the other.
#pragma once

#include "proxy.h"
#include "rust/cxx.h"

#include <memory>

namespace mesos_perl {

struct Bytes;
struct Listener;

class Scheduler {
public:
  Scheduler(std::unique_ptr<Sink> sink, std::unique_ptr<SchedulerProxy> proxy);
  std::uint32_t features() const;
  std::int32_t start();
  std::int32_t stop(bool failover);
  std::int32_t abort();
  std::int32_t join();
  std::int32_t request_resources(rust::Slice<const Bytes> requests);
  std::int32_t launch_tasks(rust::Slice<const Bytes> offer_ids, rust::Slice<const Bytes> tasks, rust::Slice<const std::uint8_t> filters);
  std::int32_t accept_offers(
      rust::Slice<const Bytes> offer_ids, rust::Slice<const Bytes> operations, rust::Slice<const std::uint8_t> filters);
  std::int32_t decline_offer(rust::Slice<const std::uint8_t> offer_id, rust::Slice<const std::uint8_t> filters);
  std::int32_t revive_offers();
  std::int32_t revive_roles(rust::Slice<const Bytes> roles);
  std::int32_t suppress_offers();
  std::int32_t suppress_roles(rust::Slice<const Bytes> roles);
  std::int32_t update_framework(rust::Slice<const std::uint8_t> framework, rust::Slice<const Bytes> suppressed_roles);
  std::int32_t kill_task(rust::Slice<const std::uint8_t> task_id);
  std::int32_t acknowledge(rust::Slice<const std::uint8_t> status);
  std::int32_t send_framework_message(
      rust::Slice<const std::uint8_t> executor_id, rust::Slice<const std::uint8_t> slave_id, rust::Slice<const std::uint8_t> data);
  std::int32_t reconcile_tasks(rust::Slice<const Bytes> statuses);

private:
  // In this order: the proxy uses the sink until its destructor has returned.
  std::unique_ptr<Sink> sink;
  std::unique_ptr<SchedulerProxy> proxy;
};

class Executor {
public:
  Executor(std::unique_ptr<Sink> sink, std::unique_ptr<ExecutorProxy> proxy);
  std::int32_t start();
  std::int32_t stop();
  std::int32_t abort();
  std::int32_t join();
  std::int32_t send_status_update(rust::Slice<const std::uint8_t> status);
  std::int32_t send_framework_message(rust::Slice<const std::uint8_t> data);

private:
  std::unique_ptr<Sink> sink;
  std::unique_ptr<ExecutorProxy> proxy;
};

// `folder`: where the proxies' shared objects are when they are not beside this one; empty for nowhere else.
std::unique_ptr<Scheduler> new_scheduler(
    rust::Str folder, rust::Box<Listener> listener, rust::Slice<const std::uint8_t> framework,
    rust::Slice<const std::uint8_t> master, rust::Slice<const std::uint8_t> credential);
std::unique_ptr<Executor> new_executor(rust::Str folder, rust::Box<Listener> listener);

} // namespace mesos_perl
