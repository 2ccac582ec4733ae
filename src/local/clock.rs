//! The cluster's time. It can be paused and moved on, so that a test of a timer need not wait for it.

use std::time::{Duration, Instant, SystemTime};

/// A moment, counted from the epoch. Machines get it with each input; they have no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(Duration);

impl Time {
    pub const fn from_epoch(since: Duration) -> Time {
        Time(since)
    }

    /// Seconds since the epoch, as Mesos' messages have it.
    pub fn seconds(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// Nanoseconds since the epoch, for `TimeInfo`.
    pub fn nanoseconds(self) -> i64 {
        i64::try_from(self.0.as_nanos()).unwrap_or(i64::MAX)
    }

    /// The moment `after` this one. Never overflows: the largest is far away enough to be never.
    pub fn plus(self, after: Duration) -> Time {
        Time(self.0.saturating_add(after))
    }

    /// The moment so long before this one.
    pub fn before(self, ago: Duration) -> Time {
        Time(self.0.saturating_sub(ago))
    }

    /// How long it is until this moment; nothing if it has passed.
    pub fn after(self, now: Time) -> Duration {
        self.0.saturating_sub(now.0)
    }
}

/// What says which time it is.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    /// The cluster's time at `started`.
    at_start: Time,
    /// The time at which it stands, while it is paused.
    paused: Option<Time>,
}

impl Default for Clock {
    /// The system's time, running.
    fn default() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Clock {
            started: Instant::now(),
            at_start: Time::from_epoch(now),
            paused: None,
        }
    }
}

impl Clock {
    pub fn now(&self) -> Time {
        self.paused.unwrap_or_else(|| self.at_start.plus(self.started.elapsed()))
    }

    /// It stands at this time.
    #[cfg(any(test, feature = "stage"))]
    pub fn standing_at(time: Time) -> Clock {
        Clock {
            started: Instant::now(),
            at_start: time,
            paused: Some(time),
        }
    }

    pub fn pause(&mut self) {
        self.paused = Some(self.now());
    }

    /// Goes on from where it stands.
    pub fn resume(&mut self) {
        if let Some(now) = self.paused.take() {
            (self.started, self.at_start) = (Instant::now(), now);
        }
    }

    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Moves the time on, paused or not.
    pub fn advance(&mut self, by: Duration) {
        match &mut self.paused {
            Some(now) => *now = now.plus(by),
            None => self.at_start = self.at_start.plus(by),
        }
    }

    /// How long to sleep until `due`; `None` while the clock stands and `due` is not reached.
    pub fn wait(&self, due: Time) -> Option<Duration> {
        let left = due.after(self.now());
        (self.paused.is_none() || left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_goes_on_and_jumps() {
        let mut clock = Clock::default();
        clock.pause();
        let start = clock.now();
        let day = Duration::from_secs(24 * 3600);
        assert_eq!((clock.now(), clock.wait(start.plus(day))), (start, None));
        clock.advance(day);
        assert_eq!(clock.now(), start.plus(day));
        assert_eq!(clock.wait(start.plus(day)), Some(Duration::ZERO));
        clock.resume();
        assert!(clock.now() >= start.plus(day) && clock.now() < start.plus(2 * day));
        assert!(clock.wait(start.plus(2 * day)).is_some());
        clock.advance(day);
        assert!(clock.now() >= start.plus(2 * day));
        assert_eq!(start.plus(Duration::MAX).after(start), Duration::MAX - (start.0));
    }
}
