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
        // With jitter, too: it is as late as Mesos may be already.
        self.make_offers();
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
        let refusals = self.agents.values().flat_map(|agent| agent.filters.ends());
        let others = refusals.chain(self.timers.next());
        let until = others.min().map_or(end, |first| first.min(end));
        // The last one before the end is left: it was idle, but the next one is to be on time.
        let (period, left) = (self.identity.intervals.allocation, until.after(self.rounds.next));
        let rounds = left.as_nanos() / period.as_nanos().max(1);
        let skipped = u64::try_from(period.as_nanos() * rounds).unwrap_or(0);
        self.rounds.next = self.rounds.next.plus(std::time::Duration::from_nanos(skipped));
    }
}

#[cfg(test)]
mod tests {
    use super::Master;
    use crate::local::jitter::OF_OFFERS;
    use crate::local::master::tests::{info, master, register, subscribe};
    use crate::local::master::Registry;
    use std::time::Duration;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// After how many milliseconds a framework that has just subscribed has its offer.
    fn wait_for_offer(master: &mut Master) -> u32 {
        subscribe(master, 1, info("f", &[], false));
        let mut waited = 0;
        while master.offers.is_empty() {
            waited += 1;
            assert!(waited < 2000, "no offer");
            master.set_time(master.now.plus(MILLISECOND));
            master.fire();
        }
        waited
    }

    #[test]
    fn with_jitter_offers_come_late() {
        let wait = |seed| {
            let mut identity = master().identity;
            identity.jitter = seed;
            // The next periodic round is far away.
            identity.intervals.allocation = Duration::from_secs(100);
            let mut master = Master::new(identity, Registry::default(), master().now);
            register(&mut master, 0, "cpus:4;mem:512");
            wait_for_offer(&mut master)
        };
        assert_eq!(wait(None), 0);
        let waits: Vec<u32> = (1..=20).map(|seed| wait(Some(seed))).collect();
        assert_eq!(waits, (1..=20).map(|seed| wait(Some(seed))).collect::<Vec<_>>());
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(*least < 200 && *most > 600, "{waits:?}");
        assert!(MILLISECOND * *most <= OF_OFFERS + MILLISECOND, "{waits:?}");
    }

    #[test]
    fn with_jitter_agents_are_in_any_order() {
        let order = |seed| {
            let mut identity = master().identity;
            identity.jitter = seed;
            let mut master = Master::new(identity, Registry::default(), master().now);
            (0..6).for_each(|link| register(&mut master, link, "cpus:4;mem:512"));
            wait_for_offer(&mut master);
            master.offers.values().map(|offer| offer.agent.clone()).collect::<Vec<_>>()
        };
        let (plain, one, other) = (order(None), order(Some(7)), order(Some(8)));
        assert!(plain.is_sorted() && one != plain && other != one, "{one:?} {other:?}");
        assert_eq!(one, order(Some(7)));
    }
}
