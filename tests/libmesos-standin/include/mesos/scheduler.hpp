// Stand-in for Mesos' header of the same name: the classes that a scheduler is written against, in the shape of Mesos 0.28 or,
// with STANDIN_SHAPE 1009 or 1011, of 1.9 or 1.11. Names and signatures are Mesos'; everything else is ours.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <mesos/mesos.hpp>
#if STANDIN_SHAPE >= 1011
#include <mesos/scheduler/scheduler.pb.h>
#endif

namespace standin {
struct SchedulerState;
}

namespace mesos {

class SchedulerDriver;

class Scheduler {
public:
  virtual ~Scheduler() {}
  virtual void registered(SchedulerDriver *driver, const FrameworkID &frameworkId, const MasterInfo &masterInfo) = 0;
  virtual void reregistered(SchedulerDriver *driver, const MasterInfo &masterInfo) = 0;
  virtual void disconnected(SchedulerDriver *driver) = 0;
  virtual void resourceOffers(SchedulerDriver *driver, const std::vector<Offer> &offers) = 0;
  virtual void offerRescinded(SchedulerDriver *driver, const OfferID &offerId) = 0;
  virtual void statusUpdate(SchedulerDriver *driver, const TaskStatus &status) = 0;
  virtual void frameworkMessage(
      SchedulerDriver *driver, const ExecutorID &executorId, const SlaveID &slaveId, const std::string &data) = 0;
  virtual void slaveLost(SchedulerDriver *driver, const SlaveID &slaveId) = 0;
  virtual void executorLost(SchedulerDriver *driver, const ExecutorID &executorId, const SlaveID &slaveId, int status) = 0;
  virtual void error(SchedulerDriver *driver, const std::string &message) = 0;
};

class SchedulerDriver {
public:
  virtual ~SchedulerDriver() {}
  virtual Status start() = 0;
  virtual Status stop(bool failover = false) = 0;
  virtual Status abort() = 0;
  virtual Status join() = 0;
  virtual Status run() = 0;
  virtual Status requestResources(const std::vector<Request> &requests) = 0;
  virtual Status launchTasks(const std::vector<OfferID> &offerIds, const std::vector<TaskInfo> &tasks,
                             const Filters &filters = Filters()) = 0;
  virtual Status launchTasks(const OfferID &offerId, const std::vector<TaskInfo> &tasks,
                             const Filters &filters = Filters()) = 0;
  virtual Status killTask(const TaskID &taskId) = 0;
  virtual Status acceptOffers(const std::vector<OfferID> &offerIds, const std::vector<Offer::Operation> &operations,
                              const Filters &filters = Filters()) = 0;
  virtual Status declineOffer(const OfferID &offerId, const Filters &filters = Filters()) = 0;
  virtual Status reviveOffers() = 0;
  virtual Status suppressOffers() = 0;
  virtual Status acknowledgeStatusUpdate(const TaskStatus &status) = 0;
  virtual Status sendFrameworkMessage(const ExecutorID &executorId, const SlaveID &slaveId, const std::string &data) = 0;
  virtual Status reconcileTasks(const std::vector<TaskStatus> &statuses) = 0;
#if STANDIN_SHAPE >= 1009
  virtual Status reviveOffers(const std::vector<std::string> &roles) = 0;
  virtual Status suppressOffers(const std::vector<std::string> &roles) = 0;
#endif
#if STANDIN_SHAPE >= 1011
  virtual Status updateFramework(const FrameworkInfo &frameworkInfo, const std::vector<std::string> &suppressedRoles,
                                 ::mesos::scheduler::OfferConstraints &&offerConstraints) = 0;
#elif STANDIN_SHAPE >= 1009
  virtual Status updateFramework(const FrameworkInfo &frameworkInfo, const std::vector<std::string> &suppressedRoles) = 0;
#endif
};

class MesosSchedulerDriver : public SchedulerDriver {
public:
  MesosSchedulerDriver(Scheduler *scheduler, const FrameworkInfo &framework, const std::string &master);
  MesosSchedulerDriver(
      Scheduler *scheduler, const FrameworkInfo &framework, const std::string &master, const Credential &credential);
  MesosSchedulerDriver(
      Scheduler *scheduler, const FrameworkInfo &framework, const std::string &master, bool implicitAcknowledgements);
  MesosSchedulerDriver(Scheduler *scheduler, const FrameworkInfo &framework, const std::string &master,
                       bool implicitAcknowledgements, const Credential &credential);
#if STANDIN_SHAPE >= 1009
  MesosSchedulerDriver(Scheduler *scheduler, const FrameworkInfo &framework, const std::vector<std::string> &suppressedRoles,
                       const std::string &master, bool implicitAcknowledgements);
  MesosSchedulerDriver(Scheduler *scheduler, const FrameworkInfo &framework, const std::vector<std::string> &suppressedRoles,
                       const std::string &master, bool implicitAcknowledgements, const Credential &credential);
#endif
  virtual ~MesosSchedulerDriver();

  virtual Status start();
  virtual Status stop(bool failover = false);
  virtual Status abort();
  virtual Status join();
  virtual Status run();
  virtual Status requestResources(const std::vector<Request> &requests);
  virtual Status launchTasks(const OfferID &offerId, const std::vector<TaskInfo> &tasks, const Filters &filters = Filters());
  virtual Status launchTasks(
      const std::vector<OfferID> &offerIds, const std::vector<TaskInfo> &tasks, const Filters &filters = Filters());
  virtual Status killTask(const TaskID &taskId);
  virtual Status acceptOffers(const std::vector<OfferID> &offerIds, const std::vector<Offer::Operation> &operations,
                              const Filters &filters = Filters());
  virtual Status declineOffer(const OfferID &offerId, const Filters &filters = Filters());
  virtual Status reviveOffers();
  virtual Status suppressOffers();
  virtual Status acknowledgeStatusUpdate(const TaskStatus &status);
  virtual Status sendFrameworkMessage(const ExecutorID &executorId, const SlaveID &slaveId, const std::string &data);
  virtual Status reconcileTasks(const std::vector<TaskStatus> &statuses);
#if STANDIN_SHAPE >= 1009
  virtual Status reviveOffers(const std::vector<std::string> &roles);
  virtual Status suppressOffers(const std::vector<std::string> &roles);
#endif
#if STANDIN_SHAPE >= 1011
  virtual Status updateFramework(const FrameworkInfo &frameworkInfo, const std::vector<std::string> &suppressedRoles,
                                 ::mesos::scheduler::OfferConstraints &&offerConstraints);
#elif STANDIN_SHAPE >= 1009
  virtual Status updateFramework(const FrameworkInfo &frameworkInfo, const std::vector<std::string> &suppressedRoles);
#endif

private:
  std::shared_ptr<standin::SchedulerState> state;
};

} // namespace mesos
