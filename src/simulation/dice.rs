//! Chance that follows from a seed, and the transcript of what came of it.

use crate::random::seeded;
use std::cell::{Cell, RefCell};
use std::time::Duration;

pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// At least 0, less than `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        seeded::next(&mut self.0) % limit.max(1)
    }

    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A time of so many milliseconds at most.
    pub fn within(&mut self, milliseconds: u64) -> Duration {
        Duration::from_micros(self.below(milliseconds * 1000 + 1))
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let index = self.below(all.len() as u64);
        all.get(index as usize).copied()
    }
}

thread_local! {
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// From now on everything on this thread is written down.
pub fn write_down() {
    LINES.set(Some(Vec::new()));
}

/// What was written down; nothing is any more.
pub fn written() -> Vec<String> {
    LINES.take().unwrap_or_default()
}

pub fn is_written() -> bool {
    LINES.with_borrow(Option::is_some)
}

pub fn set_now(now: Duration) {
    NOW.set(now);
}

pub fn line(text: &str) {
    let line = format!("{:11.6} {text}", NOW.get().as_secs_f64());
    LINES.with_borrow_mut(|lines| lines.as_mut().map(|lines| lines.push(line)));
}

/// One line of the transcript, if there is one.
macro_rules! note {
    ($($text:tt)*) => {
        if $crate::simulation::dice::is_written() {
            $crate::simulation::dice::line(&format!($($text)*));
        }
    };
}
pub(super) use note;
