//! The states of a driver, with the numbers of mesos.Status.

/// For C: what a driver's status may be.
pub const MESOS_STATUS_NOT_STARTED: i32 = 1;
pub const MESOS_STATUS_RUNNING: i32 = 2;
pub const MESOS_STATUS_ABORTED: i32 = 3;
pub const MESOS_STATUS_STOPPED: i32 = 4;

/// Returned by every call of a driver.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    NotStarted = MESOS_STATUS_NOT_STARTED,
    Running = MESOS_STATUS_RUNNING,
    Aborted = MESOS_STATUS_ABORTED,
    Stopped = MESOS_STATUS_STOPPED,
}
