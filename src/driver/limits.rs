//! How much a driver may have under way, and how long it may wait.

use super::{DriverError, SchedulerOptions};
use std::time::Duration;

/// Calls that may be unanswered on one connection unless set otherwise.
pub const WINDOW: usize = 256;
/// The most for `max_unanswered_calls`: a connection that closes with tens of thousands takes a 1.11 master with it.
const MAX_WINDOW: usize = 1000;
/// Calls that may wait behind the window unless set otherwise, and at most.
const DEFAULT_QUEUED_CALLS: usize = 100_000;
const MAX_QUEUED_CALLS: usize = 1_000_000_000;

/// The longest argument. It comes to the other side in an event, with a little around it, which has to be shorter than 256 MiB.
pub const MAX_ARGUMENT: usize = 255 << 20;
/// From so many bytes on an executor's messages that wait for the agent are refused.
pub const QUEUED_BYTES: usize = 256 << 20;

/// Whether the argument `name` of so many bytes can be sent.
pub fn sendable(name: &'static str, length: usize) -> Result<(), DriverError> {
    match length {
        0..=MAX_ARGUMENT => Ok(()),
        _ => Err(DriverError::Argument {
            name,
            problem: format!("it is {length} bytes long, expected {MAX_ARGUMENT} at most: nothing was sent"),
        }),
    }
}

/// How many calls a driver may have under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub unanswered_calls: usize,
    pub queued_calls: usize,
}

impl SchedulerOptions {
    pub fn limits(&self) -> Result<Limits, DriverError> {
        Ok(Limits {
            unanswered_calls: bounded("max_unanswered_calls", self.max_unanswered_calls, WINDOW, MAX_WINDOW)?,
            queued_calls: bounded(
                "max_queued_calls",
                self.max_queued_calls,
                DEFAULT_QUEUED_CALLS,
                MAX_QUEUED_CALLS,
            )?,
        })
    }
}

/// A number from 1 to `most`.
fn bounded(name: &'static str, given: Option<i64>, default: usize, most: usize) -> Result<usize, DriverError> {
    let Some(given) = given else { return Ok(default) };
    match usize::try_from(given) {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(DriverError::Argument {
            name,
            problem: format!("expected 1 to {most}, got {given}"),
        }),
    }
}

/// How long to wait for a master: nothing, for ever, is 0, or more than time can be.
pub fn master_timeout(seconds: f64) -> Result<Option<Duration>, DriverError> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(limit) => Ok(Some(limit).filter(|limit| !limit.is_zero())),
        Err(_) if seconds > 0.0 => Ok(None),
        Err(_) => Err(DriverError::Argument {
            name: "master_timeout",
            problem: format!("expected a number of seconds, 0 for no limit, got {seconds}"),
        }),
    }
}
