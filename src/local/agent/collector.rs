//! Which sandboxes are removed, and when: those of executors that ended, by Mesos' rule.

use super::litter::{Collector, Litter};
use super::sandbox::Place;
use super::{Action, Agent, Timer};
use crate::local::clock::Time;

impl Agent {
    /// A container has ended: its sandbox is to be removed one day.
    pub(super) fn has_ended(&mut self, framework: &str, executor: &str, container: &str) {
        if self.identity.simulate {
            return;
        }
        let id = self.agent_id().value;
        let collector = &mut self.collector;
        let agent = collector.shared(&id, |litter| match litter {
            Litter::Sandbox { agent, .. } | Litter::Agent(agent) => Some(agent),
        });
        let framework = collector.shared(framework, |litter| match litter {
            Litter::Sandbox { framework, .. } => Some(framework),
            Litter::Agent(_) => None,
        });
        let (executor, container) = (executor.into(), container.into());
        let sandbox = Litter::Sandbox {
            agent,
            framework,
            executor,
            container,
        };
        collector.add(self.now, sandbox);
        self.arm_collector();
    }

    /// The sandboxes of a framework's executors that have ended, as long as they are there, the newest first.
    pub fn ended_of<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = Place<'a>> {
        let place = move |litter: &'a Litter| match litter {
            Litter::Sandbox {
                agent,
                framework,
                executor,
                container,
            } if **framework == *wanted => Some(Place {
                agent,
                framework,
                executor,
                container,
            }),
            _ => None,
        };
        self.collector.ended.iter().rev().filter_map(move |(_, litter)| place(litter))
    }

    /// This agent goes on from what an earlier one in this place has left. `before` is the id of one that will not come back.
    pub fn collect_of(&mut self, collector: Collector, before: Option<&str>) {
        self.collector = Collector {
            ended: collector.ended,
            watches: false,
            waits: false,
        };
        if let Some(before) = before.filter(|_| !self.identity.simulate) {
            self.collector.add(self.now, Litter::Agent(before.into()));
        }
        self.arm_collector();
    }

    /// What the next agent in this place has to go on from.
    pub fn take_collector(&mut self) -> Collector {
        std::mem::take(&mut self.collector)
    }

    fn arm_collector(&mut self) {
        let rule = &self.identity.intervals.collection;
        let Some(due) = self.collector.next(rule) else { return };
        if !std::mem::replace(&mut self.collector.waits, true) {
            self.timers.add(due, Timer::Collect);
        }
        if !std::mem::replace(&mut self.collector.watches, true) {
            self.timers.after(self.now, rule.watch, Timer::DiskWatch);
        }
    }

    /// What is old enough is removed.
    pub(super) fn collect(&mut self) {
        self.collector.waits = false;
        let delay = self.identity.intervals.collection.delay;
        self.collect_until(self.now.before(delay));
        self.arm_collector();
    }

    pub(super) fn watch_disk(&mut self) {
        self.collector.watches = false;
        if !self.collector.ended.is_empty() {
            self.actions.push(Action::LookAtDisk);
            self.arm_collector();
        }
    }

    /// This part of the disk is used: the fuller it is, the less is kept.
    pub fn disk_usage(&mut self, usage: f64) {
        let age = self.identity.intervals.collection.age(usage);
        self.collect_until(self.now.before(age));
    }

    /// All sandboxes of what has ended are removed, however old.
    pub fn collect_all(&mut self) {
        self.collect_until(self.now);
    }

    fn collect_until(&mut self, until: Time) {
        let litter = self.collector.take(until);
        if !litter.is_empty() {
            log::info!("{} sandboxes of what has ended are removed", litter.len());
            self.actions.push(Action::Remove(litter));
        }
    }
}
