//! What happens to agents and their links on demand: they crash, end, start again, and are cut off.

use super::slots::State;
use super::Core;
use crate::local::agent::Agent;
use crate::local::messages::ToAgent;
use std::time::Duration;

impl Core {
    /// Kills an agent's process. Programs of frameworks that checkpoint live on.
    pub fn crash_agent(&mut self, number: usize) {
        let Some(slot) = self.slots.get_mut(number) else { return };
        match std::mem::replace(&mut slot.state, State::Ended) {
            State::Runs(agent) => {
                let (checkpoint, actions) = agent.crash();
                slot.state = State::Crashed(Box::new(checkpoint));
                self.links.reset(number);
                actions.into_iter().for_each(|action| self.carry_out_for(number, action));
                if !self.links.is_cut(number) {
                    self.master.link_broken(number);
                }
            }
            other => slot.state = other,
        }
    }

    /// Ends an agent in order: with all that it runs, and a word to the master.
    pub fn stop_agent(&mut self, number: usize) {
        if let Some(agent) = self.agent(number) {
            agent.unregister();
            agent.master_message(ToAgent::Shutdown {
                message: "it was stopped".into(),
            });
        }
    }

    /// Starts an agent again: one that crashed goes on from what it had, one that ended is a new one.
    pub fn start_agent(&mut self, number: usize) {
        let now = self.clock.now();
        let Some(slot) = self.slots.get_mut(number) else { return };
        match std::mem::replace(&mut slot.state, State::Ended) {
            State::Crashed(checkpoint) => {
                slot.state = State::Runs(Box::new(Agent::recover(slot.identity.clone(), *checkpoint, now)));
            }
            State::Ended => self.start_new(number),
            State::Runs(agent) => {
                slot.again = agent.is_ending();
                slot.state = State::Runs(agent);
            }
        }
    }

    /// A new agent in the place of one that has ended.
    pub(super) fn start_new(&mut self, number: usize) {
        let now = self.clock.now();
        if let Some(slot) = self.slots.get_mut(number) {
            let mut agent = Agent::new(slot.identity.clone(), now);
            agent.number_processes_from(slot.next_process);
            agent.total = slot.total.clone();
            agent.collect_of(std::mem::take(&mut slot.collector), slot.ended.take().as_deref());
            agent.master_detected();
            slot.state = State::Runs(Box::new(agent));
        }
    }

    /// Cuts an agent off: what it and the master say to each other arrives when the link is healed. Neither is told.
    pub fn cut_agent(&mut self, number: usize) {
        self.links.cut(number);
    }

    pub fn heal_agent(&mut self, number: usize) {
        self.links.heal(self.clock.now(), number);
    }

    pub fn delay_agent(&mut self, number: usize, delay: Duration) {
        self.links.delay(number, delay);
    }
}
