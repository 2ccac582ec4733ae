//! A cluster whose timing is unkind: updates of different tasks overtake each other, and offers take as long as Mesos lets them take.
//!
//! Every delay follows from a seed and from what is delayed, so that a run which has found a mistake can be repeated.

use crate::random;
use std::time::Duration;

/// The longest that an update waits. It is much for tasks that start together, and little for a test.
pub const OF_UPDATES: Duration = Duration::from_millis(100);

/// The longest that offers wait: of a Mesos that has nothing else to do, they come this late.
pub const OF_OFFERS: Duration = Duration::from_millis(800);

/// What is drawn from a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter {
    seed: u64,
    drawn: u64,
}

impl Jitter {
    pub fn new(seed: u64) -> Jitter {
        Jitter { seed, drawn: 0 }
    }

    /// How long an update of a task waits that tells of this state: the same whenever it comes.
    pub fn of_update(self, task: &str, state: i32) -> Duration {
        let mut number = self.seed ^ u64::from(state.unsigned_abs());
        for byte in task.bytes() {
            number = random::next(&mut number) ^ u64::from(byte);
        }
        part(OF_UPDATES, random::next(&mut number))
    }

    /// How long the next offers wait.
    pub fn of_offers(&mut self) -> Duration {
        let number = self.draw();
        part(OF_OFFERS, number)
    }

    /// Puts them into any order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            let other = self.draw() % (last as u64 + 1);
            all.swap(last, other as usize);
        }
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        let mut number = self.seed ^ self.drawn.rotate_left(32);
        random::next(&mut number)
    }
}

/// From nothing to `most`, to the microsecond.
fn part(most: Duration, number: u64) -> Duration {
    let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX - 1);
    Duration::from_micros(number % (most + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_follows_from_the_seed() {
        let drawn = |seed| {
            let mut jitter = Jitter::new(seed);
            let mut all: Vec<usize> = (0..20).collect();
            jitter.shuffle(&mut all);
            let offers: Vec<Duration> = (0..50).map(|_| jitter.of_offers()).collect();
            let updates: Vec<Duration> = (0..50).map(|n| jitter.of_update(&format!("t{n}"), 1)).collect();
            (all, offers, updates)
        };
        assert_eq!(drawn(7), drawn(7));
        let ((one, offers, updates), (other, ..)) = (drawn(7), drawn(8));
        assert_ne!(one, other);
        let mut sorted = one.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
        for (all, most) in [(offers, OF_OFFERS), (updates, OF_UPDATES)] {
            let (least, longest) = (all.iter().min().unwrap(), all.iter().max().unwrap());
            assert!(*longest <= most && *longest > most / 2 && *least < most / 2, "{all:?}");
        }
        let jitter = Jitter::new(7);
        assert_ne!(jitter.of_update("t", 1), jitter.of_update("t", 2));
    }
}
