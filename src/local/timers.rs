//! What a machine does later. Timers are mostly not cancelled: whoever is called looks whether it still matters. Only those of which
//! there would be many are.

use super::clock::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// Which timer of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(Time, u64);

/// A machine's timers by the time at which they are due. `T` says what is due.
#[derive(Debug)]
pub struct Timers<T> {
    queue: BTreeMap<(Time, u64), T>,
    count: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers {
            queue: BTreeMap::new(),
            count: 0,
        }
    }
}

impl<T> Timers<T> {
    pub fn add(&mut self, due: Time, timer: T) -> Key {
        self.count += 1;
        self.queue.insert((due, self.count), timer);
        Key(due, self.count)
    }

    /// `after` from `now` on.
    pub fn after(&mut self, now: Time, after: Duration, timer: T) -> Key {
        self.add(now.plus(after), timer)
    }

    /// Forgets a timer of these, unless it has been taken.
    pub fn cancel(&mut self, key: Key) {
        self.queue.remove(&(key.0, key.1));
    }

    /// How many wait.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// When the first one is due.
    pub fn next(&self) -> Option<Time> {
        self.queue.keys().next().map(|(due, _)| *due)
    }

    /// Takes the first one that is due.
    pub fn take(&mut self, now: Time) -> Option<T> {
        let first = *self.queue.keys().next().filter(|(due, _)| *due <= now)?;
        self.queue.remove(&first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_of_time_then_of_addition() {
        let mut timers = Timers::default();
        let now = Time::from_epoch(Duration::from_secs(100));
        timers.after(now, Duration::from_secs(9), "last");
        timers.after(now, Duration::ZERO, "first");
        timers.after(now, Duration::ZERO, "second");
        timers.after(now, Duration::MAX, "never");
        let cancelled = timers.after(now, Duration::ZERO, "cancelled");
        timers.cancel(cancelled);
        timers.cancel(cancelled);
        assert_eq!(timers.take(now), Some("first"));
        assert_eq!(timers.take(now), Some("second"));
        assert_eq!(timers.take(now), None);
        assert_eq!(timers.take(now.plus(Duration::from_secs(10))), Some("last"));
        assert!(timers.next().is_some());
    }
}
