//! The places for agents, and which of the agents have something to do: there may be thousands, and mostly one of them is asked for
//! something. What a turn of the cluster costs must not grow with their number.

use crate::local::agent::litter::Collector;
use crate::local::agent::state::{Checkpoint, Identity};
use crate::local::agent::Agent;
use crate::local::clock::Time;
use crate::resources::Resources;
use std::collections::BTreeSet;

/// A place for an agent: its link, and who is at the other end.
pub(super) struct Slot {
    pub identity: Identity,
    pub state: State,
    /// The next agent's first number for the helper's processes: none is used twice.
    pub next_process: u64,
    /// What an agent leaves to the next one, even if that has another id: reservations and volumes.
    pub total: Resources,
    /// Likewise: sandboxes that are to be removed, and the id of the agent that has ended.
    pub collector: Collector,
    pub ended: Option<String>,
    /// The agent is to be started again when it has ended.
    pub again: bool,
    /// When its agent has something to do, as far as that is written down in [`Slots::due`].
    due: Option<Time>,
}

pub(super) enum State {
    Runs(Box<Agent>),
    /// Its process was killed. It can be started again.
    Crashed(Box<Checkpoint>),
    /// It ended in order, or was told to.
    Ended,
}

impl Slot {
    fn new(identity: Identity, agent: Agent) -> Slot {
        Slot {
            total: identity.total.clone(),
            identity,
            state: State::Runs(Box::new(agent)),
            next_process: 0,
            collector: Collector::default(),
            ended: None,
            again: false,
            due: None,
        }
    }

    /// The agent, if it runs.
    pub fn agent(&self) -> Option<&Agent> {
        match &self.state {
            State::Runs(agent) => Some(agent),
            State::Crashed(_) | State::Ended => None,
        }
    }

    pub fn agent_mut(&mut self) -> Option<&mut Agent> {
        match &mut self.state {
            State::Runs(agent) => Some(agent),
            State::Crashed(_) | State::Ended => None,
        }
    }
}

/// All places, by their numbers.
#[derive(Default)]
pub(super) struct Slots {
    all: Vec<Slot>,
    now: Time,
    /// Whoever was given out to be changed since the last [`settle`](Self::settle): it may want something.
    touched: BTreeSet<usize>,
    /// When each agent has something to do. That of one that was touched may be another time.
    due: BTreeSet<(Time, usize)>,
}

impl Slots {
    pub fn push(&mut self, identity: Identity, agent: Agent) {
        self.touched.insert(self.all.len());
        self.all.push(Slot::new(identity, agent));
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Slot> {
        self.all.iter()
    }

    pub fn get(&self, number: usize) -> Option<&Slot> {
        self.all.get(number)
    }

    /// One of them, whose agent knows what time it is.
    pub fn get_mut(&mut self, number: usize) -> Option<&mut Slot> {
        let slot = self.all.get_mut(number)?;
        self.touched.insert(number);
        if let Some(agent) = slot.agent_mut() {
            agent.set_time(self.now);
        }
        Some(slot)
    }

    /// All of them: for what seldom happens.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Slot> {
        self.touched.extend(0..self.all.len());
        for agent in self.all.iter_mut().filter_map(Slot::agent_mut) {
            agent.set_time(self.now);
        }
        self.all.iter_mut()
    }

    /// The time of what comes next. Agents hear of it when they are asked for something.
    pub fn set_time(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// Those that may want something, in order.
    pub fn touched(&self) -> Vec<usize> {
        self.touched.iter().copied().collect()
    }

    /// Those whose timers are due, in order.
    pub fn with_due_timers(&self) -> BTreeSet<usize> {
        let is_due = |number: &&usize| {
            let timer = self.all.get(**number).and_then(|slot| slot.agent()?.next_timer());
            timer.is_some_and(|due| due <= self.now)
        };
        let others = self.due.iter().take_while(|(due, _)| *due <= self.now);
        let others = others
            .map(|(_, number)| number)
            .filter(|number| !self.touched.contains(number));
        others.chain(self.touched.iter().filter(is_due)).copied().collect()
    }

    /// Nobody wants anything any more but by a timer.
    pub fn settle(&mut self) {
        for number in std::mem::take(&mut self.touched) {
            let Some(slot) = self.all.get_mut(number) else { continue };
            let next = slot.agent().and_then(Agent::next_timer);
            if slot.due == next {
                continue;
            }
            if let Some(before) = std::mem::replace(&mut slot.due, next) {
                self.due.remove(&(before, number));
            }
            self.due.extend(next.map(|next| (next, number)));
        }
    }

    /// When the first timer of an agent is due.
    pub fn next_timer(&self) -> Option<Time> {
        let touched = self
            .touched
            .iter()
            .filter_map(|number| self.all.get(*number)?.agent()?.next_timer());
        let mut others = self.due.iter().filter(|(_, number)| !self.touched.contains(number));
        touched.chain(others.next().map(|(due, _)| *due)).min()
    }
}
