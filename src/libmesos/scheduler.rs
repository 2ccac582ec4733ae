//! The scheduler driver over MesosSchedulerDriver.

use super::bridge::{ffi, list};
use super::events::{Settings, Shared, Update};
use super::work::Work;
use super::worker::{Proxy, Worker};
use crate::channel::Channel;
use crate::driver::backend::Backend;
use crate::driver::counters::Counters;
use crate::driver::framework::{FrameworkInfo, Id, SuppressedRoles};
use crate::driver::framework_id_file::FrameworkIdFile;
use crate::driver::gate::Gate;
use crate::driver::master::masked;
use crate::driver::{Driver, DriverError, SchedulerCall, SchedulerOptions, Status};
use crate::message::text;
use cxx::UniquePtr;
use prost::Message;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a call may take to leave libmesos' sockets.
const CALL_LINGERS: Duration = Duration::from_millis(100);

/// Bits of the proxy's `features`.
const REVIVE_ROLES: u32 = 1;
const SUPPRESS_ROLES: u32 = 2;
const UPDATE_FRAMEWORK: u32 = 4;

/// A framework's driver. Its C++ driver is made and destroyed with it.
pub struct SchedulerDriver {
    shared: Arc<Shared>,
    worker: Worker,
    features: u32,
    implicit_acknowledgements: bool,
    max_queued_calls: usize,
    framework: Mutex<Framework>,
}

/// What the framework is by the calls made so far. libmesos knows it too, but cannot be asked.
struct Framework {
    info: FrameworkInfo,
    suppressed: SuppressedRoles,
}

impl SchedulerDriver {
    /// `options.master` goes to libmesos as it is. Loads libmesos if this is the first driver.
    pub fn new(options: SchedulerOptions, channel: Channel) -> Result<Self, DriverError> {
        let implicit_acknowledgements = options.implicit_acknowledgements;
        let limits = options.limits()?;
        let store = options.framework_id_file.map(FrameworkIdFile::open).transpose()?;
        let framework = match &store {
            Some(store) => store.complete(options.framework)?,
            None => options.framework,
        };
        // What cannot be decoded is refused by the proxy, with its own words.
        let info = FrameworkInfo::read(&framework).unwrap_or_default();
        let settings = Settings {
            implicit_acknowledgements,
            reconcile_on_registration: options.reconcile_on_registration,
            master_timeout: options.master_timeout,
            told_as: Some(info.name.clone().unwrap_or_default()),
            id: info.id().map(str::to_string),
            store,
        };
        let (shared, commands) = Shared::new(channel, Counters::scheduler(), settings);
        let make = move |listener| {
            let credential = options.credential.unwrap_or_default();
            let master = options.master;
            let driver = ffi::new_scheduler(super::folder(), listener, &framework, master.as_bytes(), &credential)?;
            Ok(SchedulerProxy { driver, master })
        };
        let features = |proxy: &SchedulerProxy| proxy.driver.features().unwrap_or(0);
        let (worker, features) = Worker::launch("mesos-scheduler", &shared, commands, make, features)?;
        Ok(SchedulerDriver {
            shared,
            worker,
            features,
            implicit_acknowledgements,
            max_queued_calls: limits.queued_calls,
            framework: Mutex::new(Framework {
                info,
                suppressed: SuppressedRoles::default(),
            }),
        })
    }

    /// Refuses what this libmesos cannot do.
    fn check(&self, call: &SchedulerCall) -> Result<(), DriverError> {
        if let Some(name) = beyond_libmesos(call) {
            return Err(DriverError::System(format!(
                "{name}: not possible on libmesos' driver: use driver => 'native'"
            )));
        }
        let (name, feature, lacks) = match call {
            SchedulerCall::ReviveOffers { roles: Some(_) } => ("reviveOffers", REVIVE_ROLES, "knows no roles here"),
            SchedulerCall::SuppressOffers { roles: Some(_) } => ("suppressOffers", SUPPRESS_ROLES, "knows no roles here"),
            SchedulerCall::UpdateFramework { .. } => ("updateFramework", UPDATE_FRAMEWORK, "has no such call"),
            SchedulerCall::AcceptOffers { operations, .. } if operations.iter().any(|o| has_id(o)) => {
                return Err(DriverError::Argument {
                    name: "operations",
                    problem: "an operation has an id, which libmesos' driver does not allow: use driver => 'native'".to_string(),
                })
            }
            SchedulerCall::KillTask {
                kill_policy: Some(_), ..
            } => {
                return Err(DriverError::Argument {
                    name: "killPolicy",
                    problem: "libmesos' driver takes none: use driver => 'native', or the kill_policy of the task".to_string(),
                })
            }
            SchedulerCall::Acknowledge { .. } if self.implicit_acknowledgements => {
                return Err(DriverError::Argument {
                    name: "status",
                    problem: "this driver acknowledges updates itself (implicit acknowledgements are on)".to_string(),
                })
            }
            _ => return Ok(()),
        };
        match self.features & feature {
            0 => Err(DriverError::System(format!(
                "{name}: libmesos {} {lacks}, Mesos 1.9 and later do: use driver => 'native'",
                super::VERSION
            ))),
            _ => Ok(()),
        }
    }

    /// Follows what calls make of the framework. Gives the call as libmesos wants it; nothing for one that has no effect.
    fn follow(&self, call: SchedulerCall) -> Result<Option<SchedulerCall>, DriverError> {
        let mut framework = crate::thread::lock(&self.framework);
        let (revive, roles) = match &call {
            SchedulerCall::ReviveOffers { roles } => (true, roles),
            SchedulerCall::SuppressOffers { roles } => (false, roles),
            SchedulerCall::UpdateFramework { .. } => return self.update(&mut framework, call).map(Some),
            SchedulerCall::Acknowledge { status } if Update::owes_nothing(status) => return Ok(None),
            _ => return Ok(Some(call)),
        };
        if roles.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        let own = framework.info.roles();
        if framework
            .suppressed
            .change(revive, roles.as_deref().unwrap_or_default(), &own)
        {
            return Ok(Some(call));
        }
        // A master ignores it. libmesos would remember it, and subscribe with it later, which ends the driver.
        log::warn!("roles that are not the framework's are neither suppressed nor revived: {roles:?}");
        Ok(None)
    }

    fn update(&self, framework: &mut Framework, call: SchedulerCall) -> Result<SchedulerCall, DriverError> {
        let SchedulerCall::UpdateFramework {
            framework: bytes,
            suppressed_roles,
        } = call
        else {
            return Ok(call);
        };
        let info = FrameworkInfo::read(&bytes).unwrap_or_default();
        info.check_update(self.shared.id().as_deref(), suppressed_roles.as_ref())?;
        framework.suppressed.update(suppressed_roles, &info.roles());
        framework.info = info;
        Ok(SchedulerCall::UpdateFramework {
            framework: bytes,
            suppressed_roles: Some(framework.suppressed.list()),
        })
    }
}

impl Driver for SchedulerDriver {
    fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    fn backend(&self) -> Backend {
        Backend::Libmesos
    }

    fn start(&self) -> Result<Status, DriverError> {
        if self.status() == Status::NotStarted {
            self.shared.check_id_again()?;
        }
        self.worker.start()
    }

    fn abort(&self) -> Status {
        self.worker.abort()
    }

    fn close(&self) {
        self.worker.close();
    }
}

impl crate::driver::SchedulerDriver for SchedulerDriver {
    fn stop(&self, failover: bool) -> Status {
        self.worker.stop(failover)
    }

    fn call(&self, call: SchedulerCall) -> Result<Status, DriverError> {
        if !self.shared.gate.lifecycle.is_running() {
            return Ok(self.status());
        }
        self.check(&call)?;
        match self.follow(call)? {
            Some(call) => self.worker.work(Work::Scheduler(call), self.max_queued_calls),
            None => Ok(self.status()),
        }
    }
}

impl Drop for SchedulerDriver {
    fn drop(&mut self) {
        self.worker.close();
    }
}

/// The Perl method of a call that MesosSchedulerDriver does not have in any version.
fn beyond_libmesos(call: &SchedulerCall) -> Option<&'static str> {
    match call {
        SchedulerCall::AcceptInverseOffers { .. } => Some("acceptInverseOffers"),
        SchedulerCall::DeclineInverseOffers { .. } => Some("declineInverseOffers"),
        SchedulerCall::AcknowledgeOperation { .. } => Some("acknowledgeOperationStatus"),
        SchedulerCall::ReconcileOperations { .. } => Some("reconcileOperations"),
        SchedulerCall::ShutdownExecutor { .. } => Some("shutdownExecutor"),
        _ => None,
    }
}

/// Whether an encoded Offer.Operation has an id: libmesos would end the process.
fn has_id(operation: &[u8]) -> bool {
    /// Offer.Operation, as far as that goes.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Operation {
        #[prost(message, optional, tag = "12")]
        id: Option<Id>,
    }
    Operation::decode(operation).is_ok_and(|operation| operation.id.is_some())
}

struct SchedulerProxy {
    driver: UniquePtr<ffi::Scheduler>,
    master: String,
}

impl Proxy for SchedulerProxy {
    fn target(&self) -> String {
        masked(&self.master)
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
                SchedulerCall::UpdateFramework {
                    framework,
                    suppressed_roles,
                } => driver.update_framework(&framework, &texts(suppressed_roles.unwrap_or_default()))?,
                SchedulerCall::KillTask { task_id, .. } => driver.kill_task(&task_id)?,
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
    list(roles.iter().map(|role| text::to_bytes(role).into_owned()).collect())
}
