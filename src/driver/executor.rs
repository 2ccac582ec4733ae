//! The executor driver's trait and calls.

use super::{Driver, DriverError, Status};

/// A call on a running driver. Byte vectors are encoded v0 messages of the type that the comment names.
#[derive(Clone, Debug, PartialEq)]
pub enum ExecutorCall {
    /// TaskStatus; slave_id, timestamp, uuid and source are set by the driver
    SendStatusUpdate { status: Vec<u8> },
    /// any bytes
    SendFrameworkMessage { data: Vec<u8> },
}

/// An executor's connection to its agent.
pub trait ExecutorDriver: Driver {
    fn stop(&self) -> Status;
    /// Carries `call` out if the driver runs; returns the status in any case.
    fn call(&self, call: ExecutorCall) -> Result<Status, DriverError>;
}
