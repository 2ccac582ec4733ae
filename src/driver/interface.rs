//! What the drivers of schedulers and of executors have in common.

use super::counters::Counters;
use super::gate::Gate;
use super::{Backend, DriverError, Stat, Status};
use crate::event::DriverId;

/// All methods may be called from any thread and return at once, except [`close`](Self::close).
pub trait Driver: Send + Sync {
    /// Its id and status, and the way of its events to the channel.
    fn gate(&self) -> &Gate;
    fn counters(&self) -> &Counters;
    /// What it runs on.
    fn backend(&self) -> Backend {
        Backend::Native
    }
    /// The id in the [`Origin`](crate::event::Origin) of this driver's events.
    fn id(&self) -> DriverId {
        self.gate().id
    }
    fn status(&self) -> Status {
        self.gate().lifecycle.status()
    }
    /// What the driver has counted since it was made.
    fn stats(&self) -> Vec<Stat> {
        self.counters().stats(self.gate().channel())
    }
    /// An executor's reads the environment that the agent set; a missing variable is an error that names it.
    fn start(&self) -> Result<Status, DriverError>;
    fn abort(&self) -> Status;
    /// Ends the driver: sends what is queued (bounded in time), closes connections and joins threads. An executor's waits until the agent
    /// has recorded the updates. No TEARDOWN unless stopped. No event is queued afterwards. Idempotent. Dropping a driver closes it.
    fn close(&self);
}
