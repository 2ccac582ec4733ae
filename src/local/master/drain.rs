//! Agents that operators take out of use. One that is deactivated gets no offers; one that is drained loses its tasks, too.

use super::Master;
use crate::local::messages::ToAgent;
use std::time::Duration;

/// How an agent is drained.
#[derive(Debug, Clone, PartialEq)]
pub struct Drain {
    /// No task has more time to end than this. It may be below zero, as Mesos takes that, too.
    pub grace: Option<i64>,
    /// The agent is gone once it has nothing left.
    pub mark_gone: bool,
    /// Seconds since the epoch.
    pub since: f64,
    /// Nothing is left on it.
    pub done: bool,
}

impl Drain {
    fn longest(&self) -> Option<Duration> {
        self.grace
            .map(|nanoseconds| Duration::from_nanos(nanoseconds.max(0).unsigned_abs()))
    }
}

impl Master {
    /// Whether an agent's resources are offered: it is connected, and no operator has said otherwise.
    pub fn is_active(&self, id: &str) -> bool {
        self.agents.get(id).is_some_and(|agent| agent.connected) && !self.deactivated.contains(id)
    }

    /// DEACTIVATE_AGENT: what it runs goes on, but it gets no more. Errors are texts of a 400.
    pub fn deactivate_agent(&mut self, id: &str) -> Result<(), String> {
        if !self.agents.contains_key(id) && !self.unreachable.contains_key(id) && !self.recovered.contains_key(id) {
            return Err("Unknown agent".into());
        }
        self.deactivated.insert(id.to_string());
        self.rescind_offers_of(id);
        Ok(())
    }

    /// DRAIN_AGENT: it is deactivated, and its tasks are killed. Said again, the newest counts.
    pub fn drain_agent(&mut self, id: &str, grace: Option<i64>, mark_gone: bool) -> Result<(), String> {
        self.deactivate_agent(id)?;
        let since = self.now.seconds();
        let drain = Drain {
            grace,
            mark_gone,
            since,
            done: false,
        };
        self.drains.insert(id.to_string(), drain);
        self.tell_of_drain(id);
        self.check_drains();
        Ok(())
    }

    /// REACTIVATE_AGENT.
    pub fn reactivate_agent(&mut self, id: &str) -> Result<(), String> {
        if !self.deactivated.contains(id) {
            return Err("Agent is not deactivated".into());
        }
        if self.drains.get(id).is_some_and(|drain| !drain.done) {
            return Err("Agent is still in the DRAINING state".into());
        }
        self.deactivated.remove(id);
        self.drains.remove(id);
        self.allocate();
        Ok(())
    }

    /// As if no agent had ever been taken out of use. Tasks that are being killed end nevertheless.
    pub fn forget_drains(&mut self) {
        self.deactivated.clear();
        self.drains.clear();
    }

    /// An agent that is to be drained kills its tasks. It hears of it again when it is back.
    pub(super) fn tell_of_drain(&mut self, id: &str) {
        if let Some(drain) = self.drains.get(id).filter(|drain| !drain.done) {
            let (grace, mark_gone) = (drain.longest(), drain.mark_gone);
            self.send_agent(id, ToAgent::Drain { grace, mark_gone });
        }
    }

    /// Agents of which every task's end, and every operation's, is acknowledged are drained.
    pub(super) fn check_drains(&mut self) {
        if self.drains.values().all(|drain| drain.done) {
            return;
        }
        let is_empty = |id: &String| {
            let mut tasks = self.frameworks.values().flat_map(|framework| framework.tasks.values());
            !tasks.any(|task| task.agent == *id) && !self.operations.values().any(|operation| operation.agent == *id)
        };
        let drains = self.drains.iter().filter(|(_, drain)| !drain.done).map(|(id, _)| id);
        let there = drains.filter(|id| self.agents.get(*id).is_some_and(|agent| agent.connected));
        let drained: Vec<String> = there.filter(|id| is_empty(id)).cloned().collect();
        for id in drained {
            log::info!("agent {id} is drained");
            match self.drains.get_mut(&id) {
                Some(drain) if drain.mark_gone => drop(self.mark_gone(&id)),
                Some(drain) => drain.done = true,
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::master::tests::{info, launch, master, register, subscribe, told, update};
    use crate::proto::TaskState;
    use bytes::Bytes;

    /// A master whose agent runs a task.
    fn with_task() -> Master {
        let mut master = master();
        register(&mut master, 0, "cpus:4;mem:512");
        subscribe(&mut master, 1, info("f", &[], false));
        launch(&mut master, "f", "t", "cpus:1;mem:32");
        told(&mut master);
        master
    }

    fn is_drained(master: &Master) -> Option<bool> {
        master.drains.get("M-S0").map(|drain| drain.done)
    }

    /// The agent says that the task was killed, and its framework has read it.
    fn ends(master: &mut Master) {
        let killed = TaskState::TaskKilled;
        update(master, 0, "f", "t", killed, b"1", killed);
        assert_ne!(is_drained(master), Some(true), "the update is not acknowledged");
        master.acknowledge("f", "M-S0", "t", &Bytes::from_static(b"1"));
    }

    #[test]
    fn a_deactivated_agent_gets_no_more() {
        let mut master = with_task();
        master.revive("f", &[]);
        assert_eq!((master.offers.len(), master.is_active("M-S0")), (1, true));
        master.deactivate_agent("M-S0").unwrap();
        assert_eq!(master.deactivate_agent("M-S0"), Ok(()));
        master.allocate();
        assert_eq!((master.offers.len(), master.is_active("M-S0")), (0, false));
        assert!(told(&mut master).0.contains(&"1 rescind".to_string()));
        assert!(master.frameworks["f"].tasks.contains_key("t"), "what runs goes on");
        master.reactivate_agent("M-S0").unwrap();
        assert_eq!((master.offers.len(), master.is_active("M-S0")), (1, true));
        assert_eq!(master.reactivate_agent("M-S0"), Err("Agent is not deactivated".into()));
        assert_eq!(master.deactivate_agent("none"), Err("Unknown agent".into()));
        assert_eq!(master.drain_agent("none", None, false), Err("Unknown agent".into()));
    }

    #[test]
    fn a_drained_agent_has_nothing_left() {
        let mut master = with_task();
        master.drain_agent("M-S0", Some(2_000_000_000), false).unwrap();
        let drain = ToAgent::Drain {
            grace: Some(Duration::from_secs(2)),
            mark_gone: false,
        };
        assert_eq!(told(&mut master).1, [drain]);
        let draining = Err("Agent is still in the DRAINING state".to_string());
        assert_eq!(master.reactivate_agent("M-S0"), draining);
        ends(&mut master);
        assert_eq!(is_drained(&master), Some(true));
        master.allocate();
        assert!(master.offers.is_empty());
        // A new master knows of it.
        let next = Master::new(master.identity.clone(), master.registry(), master.now);
        assert_eq!((is_drained(&next), next.deactivated.len()), (Some(true), 1));
        master.reactivate_agent("M-S0").unwrap();
        assert_eq!((is_drained(&master), master.offers.len()), (None, 1));
        // One without anything is drained at once.
        master.drain_agent("M-S0", Some(-1), false).unwrap();
        assert_eq!(is_drained(&master), Some(true));
    }

    #[test]
    fn a_drained_agent_can_be_gone() {
        let mut master = with_task();
        master.drain_agent("M-S0", None, true).unwrap();
        ends(&mut master);
        assert!(master.gone.contains("M-S0") && !master.agents.contains_key("M-S0"));
        assert!(told(&mut master).0.contains(&"1 failure of M-S0".to_string()));
        // As Mesos says.
        let draining = Err("Agent is still in the DRAINING state".to_string());
        assert_eq!(master.reactivate_agent("M-S0"), draining);
    }

    #[test]
    fn the_end_of_a_framework_drains_an_agent() {
        let mut master = with_task();
        master.drain_agent("M-S0", None, false).unwrap();
        master.remove_framework("f");
        assert_eq!(is_drained(&master), Some(true));
    }
}
