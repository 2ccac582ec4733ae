// Stand-in for Mesos' header of the same name: the classes that an executor is written against. Names and signatures are
// Mesos'; everything else is ours.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <mesos/mesos.hpp>

namespace standin {
struct ExecutorState;
}

namespace mesos {

class ExecutorDriver;

class Executor {
public:
  virtual ~Executor() {}
  virtual void registered(ExecutorDriver *driver, const ExecutorInfo &executorInfo, const FrameworkInfo &frameworkInfo,
                          const SlaveInfo &slaveInfo) = 0;
  virtual void reregistered(ExecutorDriver *driver, const SlaveInfo &slaveInfo) = 0;
  virtual void disconnected(ExecutorDriver *driver) = 0;
  virtual void launchTask(ExecutorDriver *driver, const TaskInfo &task) = 0;
  virtual void killTask(ExecutorDriver *driver, const TaskID &taskId) = 0;
  virtual void frameworkMessage(ExecutorDriver *driver, const std::string &data) = 0;
  virtual void shutdown(ExecutorDriver *driver) = 0;
  virtual void error(ExecutorDriver *driver, const std::string &message) = 0;
};

class ExecutorDriver {
public:
  virtual ~ExecutorDriver() {}
  virtual Status start() = 0;
  virtual Status stop() = 0;
  virtual Status abort() = 0;
  virtual Status join() = 0;
  virtual Status run() = 0;
  virtual Status sendStatusUpdate(const TaskStatus &status) = 0;
  virtual Status sendFrameworkMessage(const std::string &data) = 0;
};

class MesosExecutorDriver : public ExecutorDriver {
public:
  explicit MesosExecutorDriver(Executor *executor);
#if STANDIN_SHAPE >= 1009
  explicit MesosExecutorDriver(Executor *executor, const std::map<std::string, std::string> &environment);
#endif
  virtual ~MesosExecutorDriver();

  virtual Status start();
  virtual Status stop();
  virtual Status abort();
  virtual Status join();
  virtual Status run();
  virtual Status sendStatusUpdate(const TaskStatus &status);
  virtual Status sendFrameworkMessage(const std::string &data);

private:
  std::shared_ptr<standin::ExecutorState> state;
};

} // namespace mesos
