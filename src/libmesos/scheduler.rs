//! The scheduler driver over MesosSchedulerDriver.

use super::bridge::{ffi, list};
use super::events::{Core, Update};
use super::worker::{Proxy, Work, Worker};
use crate::channel::Channel;
use crate::driver::backend::Backend;
use crate::driver::{DriverError, SchedulerCall, SchedulerOptions, Stat, Status};
use crate::event::DriverId;
use cxx::UniquePtr;
use std::sync::Arc;
use std::time::Duration;

/// How long a call may take to leave libmesos' sockets.
const CALL_LINGERS: Duration = Duration::from_millis(100);

/// Bits of the proxy's `features`.
const REVIVE_ROLES: u32 = 1;
const SUPPRESS_ROLES: u32 = 2;

/// A framework's driver. Its C++ driver is made and destroyed with it.
pub struct SchedulerDriver {
    core: Arc<Core>,
    worker: Worker,
    features: u32,
    implicit_acknowledgements: bool,
}

impl SchedulerDriver {
    /// `options.master` goes to libmesos as it is. Loads libmesos if this is the first driver.
    pub fn new(options: SchedulerOptions, channel: Channel) -> Result<Self, DriverError> {
        let implicit_acknowledgements = options.implicit_acknowledgements;
        let (core, commands) = Core::new(channel, implicit_acknowledgements, options.master_timeout);
        let make = move |events| {
            let credential = options.credential.unwrap_or_default();
            let master = options.master;
            let driver = ffi::new_scheduler(super::folder(), events, &options.framework, master.as_bytes(), &credential)?;
            Ok(SchedulerProxy { driver, master })
        };
        let features = |proxy: &SchedulerProxy| proxy.driver.features().unwrap_or(0);
        let (worker, features) = Worker::launch("mesos-scheduler", &core, commands, make, features)?;
        Ok(SchedulerDriver {
            core,
            worker,
            features,
            implicit_acknowledgements,
        })
    }

    /// Refuses what this libmesos cannot do.
    fn check(&self, call: &SchedulerCall) -> Result<(), DriverError> {
        if let Some(name) = beyond_libmesos(call) {
            return Err(DriverError::System(format!(
                "{name}: not possible on libmesos' driver: use driver => 'native'"
            )));
        }
        let (name, missing) = match call {
            SchedulerCall::ReviveOffers { roles: Some(_) } => ("reviveOffers", self.features & REVIVE_ROLES == 0),
            SchedulerCall::SuppressOffers { roles: Some(_) } => ("suppressOffers", self.features & SUPPRESS_ROLES == 0),
            SchedulerCall::Acknowledge { .. } if self.implicit_acknowledgements => {
                return Err(DriverError::Argument {
                    name: "status",
                    problem: "this driver acknowledges updates itself (implicit acknowledgements are on)".to_string(),
                })
            }
            _ => return Ok(()),
        };
        match missing {
            false => Ok(()),
            true => Err(DriverError::System(format!(
                "{name}: libmesos {} knows no roles here, Mesos 1.9 and later do: use driver => 'native'",
                super::VERSION
            ))),
        }
    }
}

impl crate::driver::SchedulerDriver for SchedulerDriver {
    fn backend(&self) -> Backend {
        Backend::Libmesos
    }

    fn id(&self) -> DriverId {
        self.core.gate.id
    }

    fn status(&self) -> Status {
        self.core.gate.lifecycle.status()
    }

    fn start(&self) -> Result<Status, DriverError> {
        self.worker.start()
    }

    fn stop(&self, failover: bool) -> Status {
        self.worker.stop(failover)
    }

    fn abort(&self) -> Status {
        self.worker.abort()
    }

    fn call(&self, call: SchedulerCall) -> Result<Status, DriverError> {
        self.check(&call)?;
        Ok(self.worker.work(Work::Scheduler(call)))
    }

    fn stats(&self) -> Vec<Stat> {
        self.core.gate.stats()
    }

    fn close(&self) {
        self.worker.close();
    }
}

impl Drop for SchedulerDriver {
    fn drop(&mut self) {
        self.worker.close();
    }
}

/// The Perl method of a call that MesosSchedulerDriver does not have, or that is not bridged (updateFramework, of 1.9 and later).
fn beyond_libmesos(call: &SchedulerCall) -> Option<&'static str> {
    match call {
        SchedulerCall::UpdateFramework { .. } => Some("updateFramework"),
        SchedulerCall::AcceptInverseOffers { .. } => Some("acceptInverseOffers"),
        SchedulerCall::DeclineInverseOffers { .. } => Some("declineInverseOffers"),
        SchedulerCall::AcknowledgeOperation { .. } => Some("acknowledgeOperationStatus"),
        SchedulerCall::ReconcileOperations { .. } => Some("reconcileOperations"),
        SchedulerCall::ShutdownExecutor { .. } => Some("shutdownExecutor"),
        _ => None,
    }
}

struct SchedulerProxy {
    driver: UniquePtr<ffi::Scheduler>,
    master: String,
}

impl Proxy for SchedulerProxy {
    fn target(&self) -> String {
        self.master.clone()
    }

    fn start(&mut self) -> Result<i32, cxx::Exception> {
        self.driver.pin_mut().start()
    }

    fn stop(&mut self, failover: bool) -> Result<i32, cxx::Exception> {
        self.driver.pin_mut().stop(failover)
    }

    fn abort(&mut self) -> Result<i32, cxx::Exception> {
        self.driver.pin_mut().abort()
    }

    fn join(&mut self) -> Result<i32, cxx::Exception> {
        self.driver.pin_mut().join()
    }

    fn work(&mut self, work: Work) -> Result<Duration, cxx::Exception> {
        let driver = self.driver.pin_mut();
        match work {
            Work::Acknowledge(update) => match Update::status(update) {
                Some(status) => driver.acknowledge(&status)?,
                None => {
                    log::warn!("an acknowledgement that is no task's");
                    0
                }
            },
            Work::Scheduler(call) => match call {
                SchedulerCall::RequestResources { requests } => driver.request_resources(&list(requests))?,
                SchedulerCall::LaunchTasks {
                    offer_ids,
                    tasks,
                    filters,
                } => driver.launch_tasks(&list(offer_ids), &list(tasks), &filters.unwrap_or_default())?,
                SchedulerCall::AcceptOffers {
                    offer_ids,
                    operations,
                    filters,
                } => driver.accept_offers(&list(offer_ids), &list(operations), &filters.unwrap_or_default())?,
                SchedulerCall::DeclineOffer { offer_id, filters } => {
                    driver.decline_offer(&offer_id, &filters.unwrap_or_default())?
                }
                SchedulerCall::ReviveOffers { roles: None } => driver.revive_offers()?,
                SchedulerCall::ReviveOffers { roles: Some(roles) } => driver.revive_roles(&texts(roles))?,
                SchedulerCall::SuppressOffers { roles: None } => driver.suppress_offers()?,
                SchedulerCall::SuppressOffers { roles: Some(roles) } => driver.suppress_roles(&texts(roles))?,
                SchedulerCall::KillTask { task_id } => driver.kill_task(&task_id)?,
                SchedulerCall::Acknowledge { status } => driver.acknowledge(&status)?,
                SchedulerCall::SendFrameworkMessage {
                    executor_id,
                    slave_id,
                    data,
                } => driver.send_framework_message(&executor_id, &slave_id, &data)?,
                SchedulerCall::ReconcileTasks { statuses } => driver.reconcile_tasks(&list(statuses))?,
                other => {
                    log::error!("{}: refused before it came here", beyond_libmesos(&other).unwrap_or("a call"));
                    0
                }
            },
            // The executor's: no such call comes here.
            Work::Executor(_) => 0,
        };
        Ok(CALL_LINGERS)
    }
}

fn texts(roles: Vec<String>) -> Vec<ffi::Bytes> {
    list(roles.into_iter().map(String::into_bytes).collect())
}
