//! What is done while there is no master: the user is told, and perhaps the driver gives up.

use super::{SchedulerMachine, State};
use crate::driver::absence::{FIRST_TOLD, TOLD_AGAIN};
use crate::logging::tell;
use crate::native::machine::Now;
use std::time::Duration;

impl SchedulerMachine {
    /// From now on there is no master.
    pub(super) fn absent(&mut self, now: Now) {
        self.absent_since = now.elapsed;
        self.tells_at = now.elapsed.saturating_add(FIRST_TOLD);
        self.has_told = false;
    }

    fn waits(&self) -> bool {
        self.state == State::Running && self.subscribed_since.is_none()
    }

    pub(super) fn absence_ends(&self) -> Option<Duration> {
        let limit = self.config.master_timeout.filter(|_| self.waits());
        limit.map(|limit| self.absent_since.saturating_add(limit))
    }

    pub(super) fn tells_next(&self) -> Option<Duration> {
        self.waits().then_some(self.tells_at)
    }

    pub(super) fn tell_absent(&mut self, now: Now) {
        if !self.tells_next().is_some_and(|at| at <= now.elapsed) {
            return;
        }
        self.tells_at = now.elapsed.saturating_add(TOLD_AGAIN);
        self.has_told = true;
        tell(&format!(
            "framework {}: no master at {} for {} s: {} (the driver goes on trying)",
            self.framework(),
            self.config.source,
            now.elapsed.saturating_sub(self.absent_since).as_secs(),
            self.last_reason
        ));
    }

    pub(super) fn tell_found(&mut self, now: Now) {
        if std::mem::take(&mut self.has_told) {
            tell(&format!(
                "framework {}: found the master at {} after {} s",
                self.framework(),
                self.session.target(),
                now.elapsed.saturating_sub(self.absent_since).as_secs()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_told_after_five_seconds_and_then_once_a_minute() {
        let mut machine = crate::native::scheduler::machine::tests::waiting();
        let at = |seconds| Now {
            elapsed: Duration::from_secs(seconds),
            wall: 0.0,
        };
        machine.absent(at(100));
        for (seconds, next) in [(104, 105), (105, 165), (106, 165), (165, 225)] {
            machine.tell_absent(at(seconds));
            assert_eq!(machine.tells_next(), Some(Duration::from_secs(next)), "at {seconds}");
        }
        assert!(machine.has_told);
        machine.tell_found(at(170));
        assert!(!machine.has_told);
    }
}
