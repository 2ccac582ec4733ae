//! Which of several masters leads, as a machine: a plain value without I/O and clock. As with ZooKeeper, masters stand in line, and the one
//! leads that has stood there longest. Unlike there, all of them see at once that a leader is gone, and have none until the election is over.

use super::clock::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// See the module.
#[derive(Debug, Clone)]
pub struct Election {
    /// Those that run, by their numbers; who has stood there longest is the first.
    line: VecDeque<usize>,
    /// It is the first in the line.
    leads: bool,
    /// When the election ends that goes on.
    due: Option<Time>,
    delay: Duration,
}

impl Election {
    /// So many masters, of which the first one leads. After its end it takes `delay` until the next one does.
    pub fn new(masters: usize, delay: Duration) -> Election {
        Election {
            line: (0..masters).collect(),
            leads: masters > 0,
            due: None,
            delay,
        }
    }

    pub fn leader(&self) -> Option<usize> {
        self.line.front().copied().filter(|_| self.leads)
    }

    /// Whether a master runs.
    pub fn has(&self, master: usize) -> bool {
        self.line.contains(&master)
    }

    /// A master has started: it is the last in the line.
    pub fn join(&mut self, now: Time, master: usize) {
        if self.has(master) {
            return;
        }
        self.line.push_back(master);
        if !self.leads && self.due.is_none() {
            self.due = Some(now.plus(self.delay));
        }
    }

    /// A master has ended. Whether it was the leader.
    pub fn leave(&mut self, now: Time, master: usize) -> bool {
        let led = self.leader() == Some(master);
        self.line.retain(|other| *other != master);
        if led {
            self.leads = false;
            self.due = Some(now.plus(self.delay));
        }
        if self.line.is_empty() {
            self.due = None;
        }
        led
    }

    /// The election that goes on, if there is one, ends at once.
    pub fn hurry(&mut self, now: Time) {
        if self.due.is_some() {
            self.due = Some(now);
        }
    }

    /// When [`fire`](Self::fire) has something to do.
    pub fn next(&self) -> Option<Time> {
        self.due
    }

    /// The master that is elected now.
    pub fn fire(&mut self, now: Time) -> Option<usize> {
        self.due.filter(|due| *due <= now)?;
        self.due = None;
        self.leads = !self.line.is_empty();
        self.leader()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DELAY: Duration = Duration::from_secs(2);

    fn at(seconds: u64) -> Time {
        Time::from_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn the_next_one_in_the_line_leads_after_a_while() {
        let mut election = Election::new(3, DELAY);
        assert_eq!((election.leader(), election.next()), (Some(0), None));
        // Who leads is not told, and a standby that ends changes nothing.
        assert!(!election.leave(at(1), 2));
        assert_eq!((election.leader(), election.next()), (Some(0), None));
        election.join(at(1), 2);
        assert!(election.leave(at(10), 0));
        election.join(at(10), 0);
        assert_eq!((election.leader(), election.next()), (None, Some(at(12))));
        assert_eq!((election.fire(at(11)), election.leader()), (None, None));
        assert_eq!((election.fire(at(12)), election.leader()), (Some(1), Some(1)));
        assert_eq!(election.fire(at(13)), None, "once");
        // 2 came before 0, which came back last.
        election.leave(at(20), 1);
        assert_eq!(election.fire(at(30)), Some(2));
    }

    #[test]
    fn nobody_is_elected_while_nobody_runs() {
        let mut election = Election::new(2, DELAY);
        election.leave(at(1), 1);
        election.leave(at(1), 0);
        assert_eq!((election.fire(at(9)), election.next()), (None, None));
        election.join(at(10), 1);
        election.join(at(11), 0);
        assert_eq!(election.next(), Some(at(12)), "from the first one on");
        // It ends before it is elected, and the other one is as soon as it would have been.
        election.leave(at(11), 1);
        assert_eq!(election.fire(at(12)), Some(0));
        election.join(at(12), 0);
        assert_eq!((election.leader(), election.next()), (Some(0), None), "it runs already");
    }

    #[test]
    fn an_election_can_be_hurried() {
        let mut election = Election::new(2, DELAY);
        election.hurry(at(1));
        assert_eq!((election.fire(at(1)), election.leader()), (None, Some(0)), "there is none");
        election.leave(at(1), 0);
        election.hurry(at(1));
        assert_eq!(election.fire(at(1)), Some(1));
    }

    proptest! {
        /// Whatever comes and goes: a leader runs and stays the leader until it ends, and there is one when somebody runs and time has passed.
        #[test]
        fn there_is_one_leader(steps in prop::collection::vec((0_usize..4, 0_u64..4, any::<bool>()), 0..60)) {
            let mut election = Election::new(4, DELAY);
            let mut now = 0;
            for (master, wait, comes) in steps {
                now += wait;
                let before = election.leader();
                let elected = election.fire(at(now));
                prop_assert!(before.is_none() || (elected.is_none() && election.leader() == before));
                let before = election.leader();
                match comes {
                    true => election.join(at(now), master),
                    false => prop_assert_eq!(election.leave(at(now), master), before == Some(master)),
                }
                let after = election.leader();
                prop_assert!(after.map_or(true, |leader| election.has(leader) && before == Some(leader)));
                prop_assert_eq!(election.has(master), comes);
                prop_assert_eq!(election.next().is_some(), after.is_none() && (0..4).any(|one| election.has(one)));
                prop_assert!(election.next().map_or(true, |due| due <= at(now).plus(DELAY)));
            }
            election.fire(at(now).plus(DELAY));
            prop_assert_eq!(election.leader().is_some(), (0..4).any(|one| election.has(one)));
        }
    }
}
