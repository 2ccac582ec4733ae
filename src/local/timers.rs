//! What the cluster does later. A timer is never cancelled: whoever is called looks whether it still matters.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What is due. Streams, processes and generations are numbers that are never used twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timer {
    /// The allocator's periodic run.
    Batch,
    /// One allocation soon after resources came back.
    Allocate,
    /// A HEARTBEAT on a scheduler's stream.
    Heartbeat { stream: u64 },
    /// A HEARTBEAT on an executor's stream.
    ExecutorHeartbeat { process: u64, stream: u64 },
    /// The failover timeout of a framework, counted from one of its disconnections.
    Failover { framework: String, disconnection: u64 },
    /// Send an unacknowledged update again.
    Retry { framework: String, task: String, uuid: Vec<u8> },
    /// The grace period of a kill or shutdown is over.
    Grace { process: u64 },
    /// An executor had to be subscribed by now.
    Registration { process: u64 },
    /// The task's max_completion_time is over.
    Completion { process: u64 },
}

/// All timers by the time at which they are due.
#[derive(Default)]
pub struct Timers {
    queue: BTreeMap<(Instant, u64), Timer>,
    count: u64,
    changed: Rc<Notify>,
}

impl Timers {
    pub fn add(&mut self, after: Duration, timer: Timer) {
        // Beyond what the clock can say is never; 30 years will do for the longest.
        let after = after.min(Duration::from_secs(30 * 365 * 24 * 3600));
        self.count += 1;
        self.queue.insert((Instant::now() + after, self.count), timer);
        self.changed.notify_one();
    }

    /// When the first one is due.
    pub fn next(&self) -> Option<Instant> {
        self.queue.keys().next().map(|(due, _)| *due)
    }

    /// Takes the first one that is due.
    pub fn take(&mut self, now: Instant) -> Option<Timer> {
        let first = *self.queue.keys().next().filter(|(due, _)| *due <= now)?;
        self.queue.remove(&first)
    }

    /// Notified when a timer was added.
    pub fn changed(&self) -> Rc<Notify> {
        self.changed.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_of_time_then_of_addition() {
        let mut timers = Timers::default();
        timers.add(Duration::from_secs(9), Timer::Batch);
        timers.add(Duration::ZERO, Timer::Allocate);
        timers.add(Duration::MAX, Timer::Grace { process: 1 });
        let now = Instant::now();
        assert_eq!(timers.take(now), Some(Timer::Allocate));
        assert_eq!(timers.take(now), None);
        assert_eq!(timers.take(now + Duration::from_secs(10)), Some(Timer::Batch));
        assert!(timers.next().is_some());
    }
}
