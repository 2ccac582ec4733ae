#include "mesos-perl/src/libmesos/glue.h"

#include "mesos-perl/src/libmesos/bridge.rs.h"

#include <dlfcn.h>
#include <stdexcept>
#include <unistd.h>

namespace mesos_perl {
namespace {

std::string text(rust::Slice<const std::uint8_t> bytes) {
  return std::string(reinterpret_cast<const char *>(bytes.data()), bytes.size());
}

Strings texts(rust::Slice<const Bytes> all) {
  Strings strings;
  strings.reserve(all.size());
  for (const Bytes &one : all) {
    strings.emplace_back(reinterpret_cast<const char *>(one.data.data()), one.data.size());
  }
  return strings;
}

// Hands callbacks to Rust, which only queues them.
class RustSink : public Sink {
public:
  explicit RustSink(rust::Box<Listener> listener) : listener(std::move(listener)) {}
  void callback(Callback which, const Strings &arguments) noexcept override { listener->callback(which, arguments); }

private:
  rust::Box<Listener> listener;
};

// The folder of the shared object that this code is in.
std::string own_folder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&own_folder), &info) == 0 || info.dli_fname == nullptr) {
    return std::string();
  }
  const std::string path = info.dli_fname;
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string(".") : path.substr(0, slash);
}

// The function `symbol` of a proxy's shared object. Never unloaded: libmesos' threads run to the end of the process.
template <class Function> Function *load(const std::string &name, const std::string &folder, const char *symbol) {
  std::string path = own_folder() + "/" + name;
  if (access(path.c_str(), F_OK) != 0 && !folder.empty()) {
    path = folder + "/" + name;
  }
  // Local: another protobuf in this process and libmesos' own must not see each other.
  void *object = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (object == nullptr) {
    throw std::runtime_error(std::string("cannot load libmesos: ") + dlerror());
  }
  void *function = dlsym(object, symbol);
  if (function == nullptr) {
    throw std::runtime_error(std::string("cannot use ") + path + ": " + dlerror());
  }
  return reinterpret_cast<Function *>(function);
}

} // namespace

Scheduler::Scheduler(std::unique_ptr<Sink> sink, std::unique_ptr<SchedulerProxy> proxy)
    : sink(std::move(sink)), proxy(std::move(proxy)) {}

std::uint32_t Scheduler::features() const { return proxy->features(); }
std::int32_t Scheduler::start() { return proxy->start(); }
std::int32_t Scheduler::stop(bool failover) { return proxy->stop(failover); }
std::int32_t Scheduler::abort() { return proxy->abort(); }
std::int32_t Scheduler::join() { return proxy->join(); }

std::int32_t Scheduler::request_resources(rust::Slice<const Bytes> requests) {
  return proxy->request_resources(texts(requests));
}
std::int32_t Scheduler::launch_tasks(
    rust::Slice<const Bytes> offer_ids, rust::Slice<const Bytes> tasks, rust::Slice<const std::uint8_t> filters) {
  return proxy->launch_tasks(texts(offer_ids), texts(tasks), text(filters));
}
std::int32_t Scheduler::accept_offers(
    rust::Slice<const Bytes> offer_ids, rust::Slice<const Bytes> operations, rust::Slice<const std::uint8_t> filters) {
  return proxy->accept_offers(texts(offer_ids), texts(operations), text(filters));
}
std::int32_t Scheduler::decline_offer(rust::Slice<const std::uint8_t> offer_id, rust::Slice<const std::uint8_t> filters) {
  return proxy->decline_offer(text(offer_id), text(filters));
}
std::int32_t Scheduler::revive_offers() { return proxy->revive_offers(); }
std::int32_t Scheduler::revive_roles(rust::Slice<const Bytes> roles) { return proxy->revive_roles(texts(roles)); }
std::int32_t Scheduler::suppress_offers() { return proxy->suppress_offers(); }
std::int32_t Scheduler::suppress_roles(rust::Slice<const Bytes> roles) { return proxy->suppress_roles(texts(roles)); }
std::int32_t Scheduler::update_framework(
    rust::Slice<const std::uint8_t> framework, rust::Slice<const Bytes> suppressed_roles) {
  return proxy->update_framework(text(framework), texts(suppressed_roles));
}
std::int32_t Scheduler::kill_task(rust::Slice<const std::uint8_t> task_id) { return proxy->kill_task(text(task_id)); }
std::int32_t Scheduler::acknowledge(rust::Slice<const std::uint8_t> status) { return proxy->acknowledge(text(status)); }
std::int32_t Scheduler::send_framework_message(
    rust::Slice<const std::uint8_t> executor_id, rust::Slice<const std::uint8_t> slave_id, rust::Slice<const std::uint8_t> data) {
  return proxy->send_framework_message(text(executor_id), text(slave_id), text(data));
}
std::int32_t Scheduler::reconcile_tasks(rust::Slice<const Bytes> statuses) {
  return proxy->reconcile_tasks(texts(statuses));
}

Executor::Executor(std::unique_ptr<Sink> sink, std::unique_ptr<ExecutorProxy> proxy)
    : sink(std::move(sink)), proxy(std::move(proxy)) {}

std::int32_t Executor::start() { return proxy->start(); }
std::int32_t Executor::stop() { return proxy->stop(); }
std::int32_t Executor::abort() { return proxy->abort(); }
std::int32_t Executor::join() { return proxy->join(); }
std::int32_t Executor::send_status_update(rust::Slice<const std::uint8_t> status) {
  return proxy->send_status_update(text(status));
}
std::int32_t Executor::send_framework_message(rust::Slice<const std::uint8_t> data) {
  return proxy->send_framework_message(text(data));
}

std::unique_ptr<Scheduler> new_scheduler(
    rust::Str folder, rust::Box<Listener> listener, rust::Slice<const std::uint8_t> framework,
    rust::Slice<const std::uint8_t> master, rust::Slice<const std::uint8_t> credential) {
  auto *make = load<NewSchedulerProxy>("libmesos_perl_scheduler.so", std::string(folder), MESOS_PERL_NEW_SCHEDULER);
  std::unique_ptr<Sink> sink(new RustSink(std::move(listener)));
  std::unique_ptr<SchedulerProxy> proxy(make(sink.get(), text(framework), text(master), text(credential)));
  return std::unique_ptr<Scheduler>(new Scheduler(std::move(sink), std::move(proxy)));
}

std::unique_ptr<Executor> new_executor(rust::Str folder, rust::Box<Listener> listener) {
  auto *make = load<NewExecutorProxy>("libmesos_perl_executor.so", std::string(folder), MESOS_PERL_NEW_EXECUTOR);
  std::unique_ptr<Sink> sink(new RustSink(std::move(listener)));
  std::unique_ptr<ExecutorProxy> proxy(make(sink.get()));
  return std::unique_ptr<Executor>(new Executor(std::move(sink), std::move(proxy)));
}

} // namespace mesos_perl
