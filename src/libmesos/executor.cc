// The executor's half: libmesos_perl_executor.so.

#include <mesos/executor.hpp>

#include "message.h"

#include <google/protobuf/stubs/common.h>
#if GOOGLE_PROTOBUF_VERSION < 2005000
#error "protobuf 2.5.0 or newer is needed"
#endif

namespace mesos_perl {
namespace {

class Callbacks : public mesos::Executor {
public:
  explicit Callbacks(Sink *sink) : sink(sink) {}

  void registered(mesos::ExecutorDriver *, const mesos::ExecutorInfo &executor, const mesos::FrameworkInfo &framework,
                  const mesos::SlaveInfo &slave) override {
    pass(sink, Callback::ExecutorRegistered,
         [&] { return Strings{serialise(executor), serialise(framework), serialise(slave)}; });
  }
  void reregistered(mesos::ExecutorDriver *, const mesos::SlaveInfo &slave) override {
    pass(sink, Callback::ExecutorReregistered, [&] { return Strings{serialise(slave)}; });
  }
  void disconnected(mesos::ExecutorDriver *) override {
    pass(sink, Callback::Disconnected, [] { return Strings(); });
  }
  void launchTask(mesos::ExecutorDriver *, const mesos::TaskInfo &task) override {
    pass(sink, Callback::LaunchTask, [&] { return Strings{serialise(task)}; });
  }
  void killTask(mesos::ExecutorDriver *, const mesos::TaskID &id) override {
    pass(sink, Callback::KillTask, [&] { return Strings{serialise(id)}; });
  }
  void frameworkMessage(mesos::ExecutorDriver *, const std::string &data) override {
    pass(sink, Callback::ExecutorMessage, [&] { return Strings{data}; });
  }
  void shutdown(mesos::ExecutorDriver *) override {
    pass(sink, Callback::Shutdown, [] { return Strings(); });
  }
  void error(mesos::ExecutorDriver *, const std::string &message) override {
    pass(sink, Callback::Error, [&] { return Strings{message}; });
  }

private:
  Sink *const sink;
};

class Proxy : public ExecutorProxy {
public:
  explicit Proxy(Sink *sink) : callbacks(sink), driver(&callbacks) {}

  int start() override { return driver.start(); }
  int stop() override { return driver.stop(); }
  int abort() override { return driver.abort(); }
  int join() override { return driver.join(); }
  int send_status_update(const std::string &status) override {
    return driver.sendStatusUpdate(parse<mesos::TaskStatus>("status", status));
  }
  int send_framework_message(const std::string &data) override { return driver.sendFrameworkMessage(data); }

private:
  // In this order: the driver calls the callbacks until its destructor has returned.
  Callbacks callbacks;
  mesos::MesosExecutorDriver driver;
};

} // namespace
} // namespace mesos_perl

extern "C" mesos_perl::ExecutorProxy *mesos_perl_new_executor(mesos_perl::Sink *sink) {
  return new mesos_perl::Proxy(sink);
}
