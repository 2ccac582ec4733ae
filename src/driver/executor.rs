//! The executor driver's trait and calls.

use super::{Backend, DriverError, Stat, Status};
use crate::event::DriverId;

/// A call on a running driver. Byte vectors are encoded v0 messages of the type that the comment names.
#[derive(Clone, Debug, PartialEq)]
pub enum ExecutorCall {
    /// TaskStatus; slave_id, timestamp, uuid and source are set by the driver
    SendStatusUpdate { status: Vec<u8> },
    /// any bytes
    SendFrameworkMessage { data: Vec<u8> },
}

/// An executor's connection to its agent. All methods may be called from any thread and return at once, except
/// [`close`](Self::close).
pub trait ExecutorDriver: Send + Sync {
    /// What it runs on.
    fn backend(&self) -> Backend {
        Backend::Native
    }
    /// The id in the [`Origin`](crate::event::Origin) of this driver's events.
    fn id(&self) -> DriverId;
    fn status(&self) -> Status;
    /// Reads the environment that the agent set; a missing variable is an error that names it.
    fn start(&self) -> Result<Status, DriverError>;
    fn stop(&self) -> Status;
    fn abort(&self) -> Status;
    /// What the driver has counted since it was made.
    fn stats(&self) -> Vec<Stat>;
    /// Carries `call` out if the driver runs; returns the status in any case.
    fn call(&self, call: ExecutorCall) -> Result<Status, DriverError>;
    /// Ends the driver: sends what is queued and waits, bounded in time, until the agent has recorded the updates; joins threads.
    /// Idempotent. Dropping a driver closes it.
    fn close(&self);
}
