//! What a driver counts, for `stats`: written by its thread, read by anyone.

use crate::channel::Channel;
use crate::driver::Stat;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

/// Shared by a driver and its thread.
#[derive(Default)]
pub struct Counters {
    counts: Mutex<Counts>,
    /// Calls that wait: on their way to the thread, or there for room in the window. Changed in one step, so that it is exact.
    queued: AtomicIsize,
    /// How many calls the thread has taken since it last told, and how many waited there then. Only the thread uses these.
    taken: AtomicUsize,
    waiting: AtomicUsize,
    unanswered: AtomicUsize,
    /// Of calls with a [`Load`].
    bytes: Arc<AtomicUsize>,
}

/// The bytes of a call, which count until it is answered or dropped.
#[derive(Debug)]
pub struct Load {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl PartialEq for Load {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Load {}

impl Drop for Load {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Counts {
    events: BTreeMap<&'static str, u64>,
    calls: BTreeMap<&'static str, u64>,
    answers: BTreeMap<u16, u64>,
    alone: BTreeMap<&'static str, u64>,
    bytes_in: u64,
    bytes_out: u64,
    heartbeat: Option<Instant>,
}

/// Numbers that are there, as 0, before they are counted.
const SCHEDULER: [&str; 7] = [
    "calls_dropped",
    "calls_refused",
    "disconnects",
    "subscriptions",
    "updates_acknowledged",
    "updates_made",
    "updates_received",
];
const EXECUTOR: [&str; 6] = [
    "calls_dropped",
    "calls_refused",
    "disconnects",
    "subscriptions",
    "updates_acknowledged",
    "updates_sent",
];

impl Counters {
    pub fn scheduler() -> Self {
        Counters::with(&SCHEDULER)
    }

    pub fn executor() -> Self {
        Counters::with(&EXECUTOR)
    }

    fn with(names: &[&'static str]) -> Self {
        let counters = Counters::default();
        counters.lock().alone = names.iter().map(|name| (*name, 0)).collect();
        counters
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Numbers cannot be left half written.
        crate::thread::lock(&self.counts)
    }

    pub fn event(&self, name: &'static str) {
        let mut counts = self.lock();
        *counts.events.entry(name).or_default() += 1;
        if name == "HEARTBEAT" {
            counts.heartbeat = Some(Instant::now());
        }
    }

    pub fn call(&self, name: &'static str) {
        *self.lock().calls.entry(name).or_default() += 1;
    }

    pub fn answer(&self, status: u16) {
        *self.lock().answers.entry(status).or_default() += 1;
    }

    /// One more of a number that stands alone.
    pub fn count(&self, name: &'static str) {
        *self.lock().alone.entry(name).or_default() += 1;
    }

    pub fn received(&self, bytes: usize) {
        self.lock().bytes_in += bytes as u64;
    }

    pub fn sent(&self, bytes: usize) {
        self.lock().bytes_out += bytes as u64;
    }

    /// The program hands a call over, unless `bound` calls wait already.
    pub fn hand_over(&self, bound: usize) -> bool {
        let bound = isize::try_from(bound).unwrap_or(isize::MAX);
        let more = |queued: isize| (queued < bound).then_some(queued.saturating_add(1));
        self.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Room for so many bytes more, unless that makes more than `bound`. One alone always has room.
    pub fn load(&self, bytes: usize, bound: usize) -> Option<Arc<Load>> {
        let more = |before: usize| {
            let all = before.checked_add(bytes)?;
            (before == 0 || all <= bound).then_some(all)
        };
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        let all = Arc::clone(&self.bytes);
        Some(Arc::new(Load { bytes, all }))
    }

    /// The thread has taken a call; it tells soon what became of it.
    pub fn taken(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// The thread tells how many calls wait for room in its window, and how many fill that.
    pub fn set_calls(&self, waiting: usize, unanswered: usize) {
        let before = self.waiting.swap(waiting, Ordering::Relaxed) + self.taken.swap(0, Ordering::Relaxed);
        if before != waiting {
            self.queued.fetch_add(waiting as isize - before as isize, Ordering::Relaxed);
        }
        self.unanswered.store(unanswered, Ordering::Relaxed);
    }

    fn waiting_calls(&self) -> usize {
        usize::try_from(self.queued.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// All numbers, with those of the queue that the driver's events go into.
    pub fn stats(&self, channel: &Channel) -> Vec<Stat> {
        let mut stats = vec![
            Stat::count("queue_length", channel.len()),
            Stat::count("queue_high_water", channel.high_water()),
            Stat::count("calls_waiting", self.waiting_calls()),
            Stat::count("calls_unanswered", self.unanswered.load(Ordering::Relaxed)),
        ];
        let counts = self.lock();
        let number = |group, name: String, value: u64| Stat {
            group,
            name,
            value: Some(value as f64),
        };
        stats.extend(counts.events.iter().map(|(name, n)| number("events", name.to_string(), *n)));
        stats.extend(counts.calls.iter().map(|(name, n)| number("calls", name.to_string(), *n)));
        stats.extend(
            counts
                .answers
                .iter()
                .map(|(status, n)| number("answers", status.to_string(), *n)),
        );
        stats.extend(counts.alone.iter().map(|(name, n)| number("", name.to_string(), *n)));
        let subscriptions = counts.alone.get("subscriptions").copied().unwrap_or(0);
        stats.push(number("", "reconnects".to_string(), subscriptions.saturating_sub(1)));
        stats.push(number("", "bytes_in".to_string(), counts.bytes_in));
        stats.push(number("", "bytes_out".to_string(), counts.bytes_out));
        let age = counts.heartbeat.map(|at| at.elapsed().as_secs_f64());
        stats.push(Stat::alone("last_heartbeat_age", age));
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(counters: &Counters, group: &str, name: &str) -> Option<f64> {
        let stats = counters.stats(&Channel::new());
        let stat = stats.iter().find(|s| s.group == group && s.name == name);
        stat.unwrap_or_else(|| panic!("{group}.{name} in {stats:?}")).value
    }

    #[test]
    fn everything_is_counted() {
        let counters = Counters::scheduler();
        assert_eq!(value(&counters, "", "last_heartbeat_age"), None);
        assert_eq!(value(&counters, "", "updates_received"), Some(0.0));
        assert_eq!(value(&counters, "", "reconnects"), Some(0.0));
        for name in ["HEARTBEAT", "UPDATE", "UPDATE"] {
            counters.event(name);
        }
        counters.call("KILL");
        counters.answer(202);
        counters.count("subscriptions");
        counters.count("subscriptions");
        counters.received(3);
        counters.sent(4);
        assert_eq!(value(&counters, "events", "UPDATE"), Some(2.0));
        assert_eq!(value(&counters, "calls", "KILL"), Some(1.0));
        assert_eq!(value(&counters, "answers", "202"), Some(1.0));
        assert_eq!(value(&counters, "", "reconnects"), Some(1.0));
        assert_eq!(value(&counters, "", "bytes_in"), Some(3.0));
        assert_eq!(value(&counters, "", "bytes_out"), Some(4.0));
        assert!(value(&counters, "", "last_heartbeat_age").is_some_and(|age| (0.0..60.0).contains(&age)));
    }

    #[test]
    fn calls_are_bounded_where_they_wait() {
        let counters = Counters::scheduler();
        assert!(counters.hand_over(2) && counters.hand_over(2));
        assert!(!counters.hand_over(2), "two are on their way to the thread");
        counters.taken();
        counters.set_calls(1, 0);
        assert!(!counters.hand_over(2), "one is, and one waits in the thread");
        counters.set_calls(0, 1);
        assert!(counters.hand_over(2), "sent calls do not wait");
        assert_eq!(value(&counters, "", "calls_waiting"), Some(2.0));
        assert_eq!(value(&counters, "", "calls_unanswered"), Some(1.0));
    }

    #[test]
    fn loads_count_while_they_are_there() {
        let counters = Counters::executor();
        let alone = counters.load(1000, 100).expect("one alone");
        assert!(counters.load(1, 100).is_none());
        drop(alone);
        let first = counters.load(60, 100).expect("room");
        let second = counters.load(40, 100).expect("room");
        assert!(counters.load(1, 100).is_none());
        drop(first.clone());
        assert!(counters.load(1, 100).is_none(), "a copy is the same");
        drop(first);
        assert!(counters.load(61, 100).is_none());
        let third = counters.load(60, 100);
        drop(second);
        assert!(third.is_some());
    }
}
