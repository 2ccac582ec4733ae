//! The allocator's periodic rounds, and which of them can be left out while the clock jumps.
//!
//! A round that has offered nothing offers nothing the next time either, unless something has changed meanwhile, or a refusal has
//! expired. So rounds until then need not be simulated when the clock is moved on by a day.

use super::{Master, Timer};
use crate::local::clock::Time;

impl Master {
    /// A periodic round.
    pub(super) fn round(&mut self) {
        let made = self.next_offer;
        self.allocate();
        // Inverse offers have more reasons to come.
        self.rounds.idle = made == self.next_offer && self.maintenance.schedule.is_empty();
        self.rounds.next = self.now.plus(self.identity.intervals.allocation);
    }

    /// The next round may find something to do.
    pub fn something_happened(&mut self) {
        self.rounds.idle = false;
    }

    /// A timer that changes nothing for the allocator.
    pub(super) fn is_of_no_account(&self, timer: &Timer) -> bool {
        match timer {
            Timer::Heartbeat { .. } => true,
            Timer::Ping { agent, .. } => {
                let known = self.agents.get(agent);
                known.map_or(true, |known| known.missed < self.identity.intervals.pings)
            }
            _ => false,
        }
    }

    /// Leaves out rounds that would find nothing to do, if nothing else happens: until a refusal expires, a timer is
    /// due, or `end`.
    ///
    /// Those that remain are when they would have been.
    pub fn leave_out_rounds(&mut self, end: Time) {
        if !self.rounds.idle {
            return;
        }
        let refusals = self
            .frameworks
            .values()
            .flat_map(|framework| framework.filters.values().flatten());
        let others = refusals.map(|filter| filter.until).chain(self.timers.next());
        let until = others.min().map_or(end, |first| first.min(end));
        // The last one before the end is left: it was idle, but the next one is to be on time.
        let (period, left) = (self.identity.intervals.allocation, until.after(self.rounds.next));
        let rounds = left.as_nanos() / period.as_nanos().max(1);
        let skipped = u64::try_from(period.as_nanos() * rounds).unwrap_or(0);
        self.rounds.next = self.rounds.next.plus(std::time::Duration::from_nanos(skipped));
    }
}
