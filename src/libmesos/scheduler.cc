// The scheduler's half: libmesos_perl_scheduler.so.

#include <mesos/scheduler.hpp>

#include "message.h"

#include <google/protobuf/stubs/common.h>
#if GOOGLE_PROTOBUF_VERSION < 2005000
#error "protobuf 2.5.0 or newer is needed"
#endif

namespace mesos_perl {
namespace {

// --- what versions of Mesos lack -------------------------------------------------------------------------------------
// Each is a pair: the first is taken where the driver has such a method (the int fits better), the second elsewhere.

template <class Driver>
auto revive(Driver *driver, const Strings &roles, int) -> decltype(driver->reviveOffers(roles)) {
  return driver->reviveOffers(roles);
}
template <class Driver> mesos::Status revive(Driver *, const Strings &, long) {
  throw std::logic_error("reviveOffers: this libmesos knows no roles");
}
template <class Driver>
auto has_revive(Driver *driver, int) -> decltype(driver->reviveOffers(Strings()), std::uint32_t()) {
  return SchedulerProxy::ReviveRoles;
}
template <class Driver> std::uint32_t has_revive(Driver *, long) { return 0; }

template <class Driver>
auto suppress(Driver *driver, const Strings &roles, int) -> decltype(driver->suppressOffers(roles)) {
  return driver->suppressOffers(roles);
}
template <class Driver> mesos::Status suppress(Driver *, const Strings &, long) {
  throw std::logic_error("suppressOffers: this libmesos knows no roles");
}
template <class Driver>
auto has_suppress(Driver *driver, int) -> decltype(driver->suppressOffers(Strings()), std::uint32_t()) {
  return SchedulerProxy::SuppressRoles;
}
template <class Driver> std::uint32_t has_suppress(Driver *, long) { return 0; }

// 1.11 has offer constraints as a third argument, which Perl does not give: without them there are none.
struct Missing {};
struct Older : Missing {};
struct Newer : Older {};

template <class Driver>
auto update(Driver *driver, const mesos::FrameworkInfo &framework, const Strings &suppressed, Newer)
    -> decltype(driver->updateFramework(framework, suppressed, {})) {
  return driver->updateFramework(framework, suppressed, {});
}
template <class Driver>
auto update(Driver *driver, const mesos::FrameworkInfo &framework, const Strings &suppressed, Older)
    -> decltype(driver->updateFramework(framework, suppressed)) {
  return driver->updateFramework(framework, suppressed);
}
template <class Driver> mesos::Status update(Driver *, const mesos::FrameworkInfo &, const Strings &, Missing) {
  throw std::logic_error("updateFramework: this libmesos has no such call");
}
template <class Driver>
auto has_update(Driver *driver, Newer)
    -> decltype(driver->updateFramework(mesos::FrameworkInfo(), Strings(), {}), std::uint32_t()) {
  return SchedulerProxy::UpdateFramework;
}
template <class Driver>
auto has_update(Driver *driver, Older)
    -> decltype(driver->updateFramework(mesos::FrameworkInfo(), Strings()), std::uint32_t()) {
  return SchedulerProxy::UpdateFramework;
}
template <class Driver> std::uint32_t has_update(Driver *, Missing) { return 0; }

// --- callbacks -------------------------------------------------------------------------------------------------------

class Callbacks : public mesos::Scheduler {
public:
  explicit Callbacks(Sink *sink) : sink(sink) {}

  void registered(mesos::SchedulerDriver *, const mesos::FrameworkID &id, const mesos::MasterInfo &master) override {
    pass(sink, Callback::Registered, [&] { return Strings{serialise(id), serialise(master)}; });
  }
  void reregistered(mesos::SchedulerDriver *, const mesos::MasterInfo &master) override {
    pass(sink, Callback::Reregistered, [&] { return Strings{serialise(master)}; });
  }
  void disconnected(mesos::SchedulerDriver *) override {
    pass(sink, Callback::Disconnected, [] { return Strings(); });
  }
  void resourceOffers(mesos::SchedulerDriver *, const std::vector<mesos::Offer> &offers) override {
    pass(sink, Callback::ResourceOffers, [&] {
      Strings all;
      all.reserve(offers.size());
      for (const mesos::Offer &offer : offers) {
        all.push_back(serialise(offer));
      }
      return all;
    });
  }
  void offerRescinded(mesos::SchedulerDriver *, const mesos::OfferID &id) override {
    pass(sink, Callback::OfferRescinded, [&] { return Strings{serialise(id)}; });
  }
  void statusUpdate(mesos::SchedulerDriver *, const mesos::TaskStatus &status) override {
    pass(sink, Callback::StatusUpdate, [&] { return Strings{serialise(status)}; });
  }
  void frameworkMessage(mesos::SchedulerDriver *, const mesos::ExecutorID &executor, const mesos::SlaveID &slave,
                        const std::string &data) override {
    pass(sink, Callback::SchedulerMessage, [&] { return Strings{serialise(executor), serialise(slave), data}; });
  }
  void slaveLost(mesos::SchedulerDriver *, const mesos::SlaveID &slave) override {
    pass(sink, Callback::SlaveLost, [&] { return Strings{serialise(slave)}; });
  }
  void executorLost(mesos::SchedulerDriver *, const mesos::ExecutorID &executor, const mesos::SlaveID &slave,
                    int status) override {
    pass(sink, Callback::ExecutorLost,
         [&] { return Strings{serialise(executor), serialise(slave), std::to_string(status)}; });
  }
  void error(mesos::SchedulerDriver *, const std::string &message) override {
    pass(sink, Callback::Error, [&] { return Strings{message}; });
  }

private:
  Sink *const sink;
};

// --- the driver ------------------------------------------------------------------------------------------------------

class Proxy : public SchedulerProxy {
public:
  // Acknowledgements are explicit on this side: an implicit one would go out before Perl has seen the update.
  Proxy(Sink *sink, const mesos::FrameworkInfo &framework, const std::string &master)
      : callbacks(sink), driver(&callbacks, framework, master, false) {}
  Proxy(Sink *sink, const mesos::FrameworkInfo &framework, const std::string &master, const mesos::Credential &credential)
      : callbacks(sink), driver(&callbacks, framework, master, false, credential) {}

  std::uint32_t features() const override {
    mesos::MesosSchedulerDriver *const any = nullptr;
    return has_revive(any, 0) | has_suppress(any, 0) | has_update(any, Newer());
  }

  int start() override { return driver.start(); }
  int stop(bool failover) override { return driver.stop(failover); }
  int abort() override { return driver.abort(); }
  int join() override { return driver.join(); }

  int request_resources(const Strings &requests) override {
    return driver.requestResources(parse_all<mesos::Request>("requests", requests));
  }
  int launch_tasks(const Strings &offer_ids, const Strings &tasks, const std::string &filters) override {
    return driver.launchTasks(parse_all<mesos::OfferID>("offerIds", offer_ids), parse_all<mesos::TaskInfo>("tasks", tasks),
                              parse<mesos::Filters>("filters", filters));
  }
  int accept_offers(const Strings &offer_ids, const Strings &operations, const std::string &filters) override {
    return driver.acceptOffers(parse_all<mesos::OfferID>("offerIds", offer_ids),
                               parse_all<mesos::Offer::Operation>("operations", operations),
                               parse<mesos::Filters>("filters", filters));
  }
  int decline_offer(const std::string &offer_id, const std::string &filters) override {
    return driver.declineOffer(parse<mesos::OfferID>("offerId", offer_id), parse<mesos::Filters>("filters", filters));
  }
  int revive_offers() override { return driver.reviveOffers(); }
  int revive_roles(const Strings &roles) override { return revive(&driver, roles, 0); }
  int suppress_offers() override { return driver.suppressOffers(); }
  int suppress_roles(const Strings &roles) override { return suppress(&driver, roles, 0); }
  int update_framework(const std::string &framework, const Strings &suppressed_roles) override {
    return update(&driver, parse<mesos::FrameworkInfo>("frameworkInfo", framework), suppressed_roles, Newer());
  }
  int kill_task(const std::string &task_id) override { return driver.killTask(parse<mesos::TaskID>("taskId", task_id)); }
  int acknowledge(const std::string &status) override {
    return driver.acknowledgeStatusUpdate(parse<mesos::TaskStatus>("status", status));
  }
  int send_framework_message(const std::string &executor_id, const std::string &slave_id, const std::string &data) override {
    return driver.sendFrameworkMessage(
        parse<mesos::ExecutorID>("executorId", executor_id), parse<mesos::SlaveID>("slaveId", slave_id), data);
  }
  int reconcile_tasks(const Strings &statuses) override {
    return driver.reconcileTasks(parse_all<mesos::TaskStatus>("statuses", statuses));
  }

private:
  // In this order: the driver calls the callbacks until its destructor has returned.
  Callbacks callbacks;
  mesos::MesosSchedulerDriver driver;
};

} // namespace
} // namespace mesos_perl

extern "C" mesos_perl::SchedulerProxy *mesos_perl_new_scheduler(
    mesos_perl::Sink *sink, const std::string &framework, const std::string &master, const std::string &credential) {
  const auto info = mesos_perl::parse<mesos::FrameworkInfo>("framework", framework);
  if (credential.empty()) {
    return new mesos_perl::Proxy(sink, info, master);
  }
  return new mesos_perl::Proxy(sink, info, master, mesos_perl::parse<mesos::Credential>("credential", credential));
}
