//! The class ids of what Perl gives to drivers, for C.
//!
//! Made by tests/generated.rs from proto/*.proto; do not edit.

/// Mesos::FrameworkInfo
pub const MESOS_CLASS_FRAMEWORK_INFO: u32 = 15;
/// Mesos::Credential
pub const MESOS_CLASS_CREDENTIAL: u32 = 111;
/// Mesos::OfferID
pub const MESOS_CLASS_OFFER_ID: u32 = 1;
/// Mesos::SlaveID
pub const MESOS_CLASS_SLAVE_ID: u32 = 2;
/// Mesos::TaskID
pub const MESOS_CLASS_TASK_ID: u32 = 3;
/// Mesos::ExecutorID
pub const MESOS_CLASS_EXECUTOR_ID: u32 = 4;
/// Mesos::Request
pub const MESOS_CLASS_REQUEST: u32 = 78;
/// Mesos::TaskInfo
pub const MESOS_CLASS_TASK_INFO: u32 = 92;
/// Mesos::Filters
pub const MESOS_CLASS_FILTERS: u32 = 106;
/// Mesos::KillPolicy
pub const MESOS_CLASS_KILL_POLICY: u32 = 25;
/// Mesos::TaskStatus
pub const MESOS_CLASS_TASK_STATUS: u32 = 105;
/// Mesos::Offer::Operation
pub const MESOS_CLASS_OFFER_OPERATION: u32 = 80;
/// Mesos::OperationStatus
pub const MESOS_CLASS_OPERATION_STATUS: u32 = 100;
/// Mesos::Scheduler::Call::ReconcileOperations::Operation
pub const MESOS_CLASS_SCHEDULER_CALL_RECONCILE_OPERATIONS_OPERATION: u32 = 226;
