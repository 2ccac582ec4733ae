//! Who leads, as ZooKeeper tells the drivers that ask it: late, twice, and for a while wrong.
//!
//! What asks ZooKeeper is no machine: tests/native_zookeeper.rs and tests/native_leaders.rs try that on real servers. What a driver makes of
//! its answers is one.

use super::dice::note;
use super::program::master;
use super::world::{Due, World};
use crate::native::detector::Detection;
use crate::native::machine::Machine;
use crate::native::protocol::action::Link;

impl World {
    /// The driver's detector looks again. In the end it finds the master, whatever it has believed before.
    pub fn look(&mut self) {
        let Some(number) = self.scheduler.as_ref().filter(|s| s.asks).map(|s| s.number) else {
            return;
        };
        let mut after = self.dice.within(3_000);
        if self.program.is_calm {
            return self.after(after, Due::Detected(number, true));
        }
        if self.dice.percent(50) {
            self.after(after, Due::Detected(number, false));
            after += self.dice.within(20_000);
        }
        self.after(after, Due::Detected(number, true));
        if self.dice.percent(20) {
            after += self.dice.within(1_000);
            self.after(after, Due::Detected(number, true));
        }
    }

    pub(super) fn detected(&mut self, number: u64, leads: bool) {
        let asking = self.scheduler.as_mut().filter(|s| s.number == number && !s.driver.is_done);
        let Some(scheduler) = asking else { return };
        note!(
            "the detector of driver {number} finds that {}",
            if leads { "the master leads" } else { "nobody leads" }
        );
        let detection = match leads {
            true => Detection::Leader(master()),
            false => Detection::NoLeader("no master leads".into()),
        };
        // A subscription without an id that is given up before its answer has come makes a framework that nobody knows, as in Mesos.
        self.has_strays |= self.program.id.is_none() && scheduler.driver.connection(Link::Stream).is_some();
        let now = scheduler.driver.at(self.now);
        scheduler.driver.machine.detected(detection, now);
    }

    /// Nothing that is wrong or comes again is told any more.
    pub(super) fn see_clearly(&mut self) {
        self.due.retain(|_, due| !matches!(due, Due::Detected(..)));
        if let Some(number) = self.scheduler.as_ref().filter(|s| s.asks).map(|s| s.number) {
            self.detected(number, true);
        }
    }
}
