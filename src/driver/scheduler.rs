//! The scheduler driver's trait, options and calls.

use super::{Driver, DriverError, Status};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Everything but the channel that a scheduler driver is made from.
#[derive(Clone, Default)]
pub struct SchedulerOptions {
    /// `native`, `libmesos`, or empty for the default.
    pub driver: String,
    /// As the Perl program gave it; [`Master`](super::master::Master) has the forms.
    pub master: String,
    /// Encoded mesos.FrameworkInfo.
    pub framework: Vec<u8>,
    /// Encoded mesos.Credential.
    pub credential: Option<Vec<u8>>,
    /// Acknowledge updates when their callback has returned; else only by [`SchedulerCall::Acknowledge`].
    pub implicit_acknowledgements: bool,
    /// Fail with an `error` event after this long without a master. `None`: keep trying.
    pub master_timeout: Option<Duration>,
    /// Where the framework's id is kept between runs.
    pub framework_id_file: Option<PathBuf>,
    /// Ask for the states of all tasks after every subscription.
    pub reconcile_on_registration: bool,
    /// How many calls may be unanswered, 1 to 1,000. `None`: 256.
    pub max_unanswered_calls: Option<i64>,
    /// How many calls may wait behind those, at least 1. `None`: 100,000.
    pub max_queued_calls: Option<i64>,
    /// For `local`: the helper executable (parent of all tasks).
    pub helper: PathBuf,
    /// For `local`: added to the environment of executors, below what the framework sets.
    pub executor_environment: BTreeMap<String, String>,
}

/// A call on a running driver. Byte vectors are encoded v0 messages of the type that the comment names.
#[derive(Clone, Debug, PartialEq)]
pub enum SchedulerCall {
    /// Request[]
    RequestResources {
        requests: Vec<Vec<u8>>,
    },
    /// OfferID[], TaskInfo[], Filters
    LaunchTasks {
        offer_ids: Vec<Vec<u8>>,
        tasks: Vec<Vec<u8>>,
        filters: Option<Vec<u8>>,
    },
    /// OfferID[], Offer.Operation[], Filters
    AcceptOffers {
        offer_ids: Vec<Vec<u8>>,
        operations: Vec<Vec<u8>>,
        filters: Option<Vec<u8>>,
    },
    /// OfferID, Filters
    DeclineOffer {
        offer_id: Vec<u8>,
        filters: Option<Vec<u8>>,
    },
    /// `None`: all roles. An empty list does nothing, as in libmesos.
    ReviveOffers {
        roles: Option<Vec<String>>,
    },
    /// FrameworkInfo with the framework's id; `None`: the suppressed roles stay as they are.
    UpdateFramework {
        framework: Vec<u8>,
        suppressed_roles: Option<Vec<String>>,
    },
    SuppressOffers {
        roles: Option<Vec<String>>,
    },
    /// TaskID, KillPolicy
    KillTask {
        task_id: Vec<u8>,
        kill_policy: Option<Vec<u8>>,
    },
    /// TaskStatus. An update without uuid needs no acknowledgement and is let pass.
    Acknowledge {
        status: Vec<u8>,
    },
    /// ExecutorID, SlaveID, any bytes
    SendFrameworkMessage {
        executor_id: Vec<u8>,
        slave_id: Vec<u8>,
        data: Vec<u8>,
    },
    /// TaskStatus[]; empty: implicit reconciliation
    ReconcileTasks {
        statuses: Vec<Vec<u8>>,
    },
    /// OfferID[], Filters
    AcceptInverseOffers {
        offer_ids: Vec<Vec<u8>>,
        filters: Option<Vec<u8>>,
    },
    /// OfferID[], Filters
    DeclineInverseOffers {
        offer_ids: Vec<Vec<u8>>,
        filters: Option<Vec<u8>>,
    },
    /// OperationStatus. One without uuid needs no acknowledgement and is let pass.
    AcknowledgeOperation {
        status: Vec<u8>,
    },
    /// scheduler.Call.ReconcileOperations.Operation[]; empty: all operations.
    ReconcileOperations {
        operations: Vec<Vec<u8>>,
    },
    /// ExecutorID, SlaveID
    ShutdownExecutor {
        executor_id: Vec<u8>,
        slave_id: Vec<u8>,
    },
}

impl SchedulerCall {
    /// What makes a call long: the argument, as the Perl API names it, and how many bytes it has.
    pub fn payload(&self) -> (&'static str, usize) {
        use SchedulerCall::*;
        let sum = |all: &[Vec<u8>]| all.iter().map(|one| one.len() + 6).sum();
        match self {
            LaunchTasks { tasks, .. } => ("tasks", sum(tasks)),
            AcceptOffers { operations, .. } | ReconcileOperations { operations } => ("operations", sum(operations)),
            UpdateFramework { framework, .. } => ("frameworkInfo", framework.len()),
            SendFrameworkMessage { data, .. } => ("data", data.len()),
            ReconcileTasks { statuses } => ("statuses", sum(statuses)),
            RequestResources { requests } => ("requests", sum(requests)),
            Acknowledge { status } | AcknowledgeOperation { status } => ("status", status.len()),
            KillTask { task_id, .. } => ("taskId", task_id.len()),
            AcceptInverseOffers { offer_ids, .. } | DeclineInverseOffers { offer_ids, .. } => ("inverseOfferIds", sum(offer_ids)),
            ShutdownExecutor { executor_id, .. } => ("executorId", executor_id.len()),
            DeclineOffer { offer_id, .. } => ("offerId", offer_id.len()),
            ReviveOffers { .. } | SuppressOffers { .. } => ("roles", 0),
        }
    }
}

/// A framework's connection to Mesos.
pub trait SchedulerDriver: Driver {
    /// With `failover` the framework stays registered, else it is torn down if a master is connected.
    fn stop(&self, failover: bool) -> Status;
    /// Carries `call` out if the driver runs; returns the status in any case.
    fn call(&self, call: SchedulerCall) -> Result<Status, DriverError>;
}
