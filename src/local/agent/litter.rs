//! What is left of executors that have ended, until it is removed.

use crate::local::clock::Time;
use crate::local::settings::collection::Collection;
use std::collections::VecDeque;
use std::sync::Arc;

/// What is to be removed. All parts are [checked](crate::local::ids::check) ids.
#[derive(Debug, Clone, PartialEq)]
pub enum Litter {
    /// A sandbox, and what is empty above it then.
    Sandbox {
        agent: Arc<str>,
        framework: Arc<str>,
        executor: Box<str>,
        container: Box<str>,
    },
    /// All of an agent that was here before.
    Agent(Arc<str>),
}

/// What has ended, the oldest first.
#[derive(Debug, Clone, Default)]
pub struct Collector {
    pub(super) ended: VecDeque<(Time, Litter)>,
    /// A timer looks how full the disk is.
    pub(super) watches: bool,
    /// A timer waits for the oldest.
    pub(super) waits: bool,
}

impl Collector {
    pub(super) fn add(&mut self, now: Time, litter: Litter) {
        self.ended.push_back((now, litter));
    }

    /// One of the two ids, without another copy of it if the newest has it.
    pub(super) fn shared(&self, id: &str, of: impl Fn(&Litter) -> Option<&Arc<str>>) -> Arc<str> {
        let newest = self.ended.back().and_then(|(_, litter)| of(litter));
        newest.filter(|newest| ***newest == *id).cloned().unwrap_or_else(|| id.into())
    }

    /// Takes out what ended at this moment or earlier.
    pub(super) fn take(&mut self, until: Time) -> Vec<Litter> {
        let count = self.ended.iter().take_while(|(ended, _)| *ended <= until).count();
        self.ended.drain(..count).map(|(_, litter)| litter).collect()
    }

    /// When the oldest is old enough.
    pub(super) fn next(&self, rule: &Collection) -> Option<Time> {
        self.ended.front().map(|(ended, _)| ended.plus(rule.delay))
    }
}
