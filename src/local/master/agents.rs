//! Agents: registration, pings, lost links, unreachable ones and their return, ends.
//!
//! States, reasons and texts are those that a real 1.11.0 was seen to send.

use super::state::{Agent, Executor, Framework, Task, Unreachable};
use super::{slave_id, Master, Timer, REMEMBERED_IDS};
use crate::local::events::{is_terminal, scheduler_event, status};
use crate::local::messages::{MissingTask, Reregister, RunningTask, ToAgent};
use crate::proto::scheduler::{event, Event};
use crate::proto::task_status::{Reason, Source};
use crate::proto::{ExecutorId, OperationState, SlaveInfo, TaskState, TimeInfo};
use crate::resources::Resources;
use std::collections::BTreeSet;

/// Why an agent is not taken.
const GONE: &str = "Agent has been marked gone";
const MACHINE_DOWN: &str = "Machine is `DOWN`";
const REMOVED: &str = "Agent attempted to reregister after removal";

impl Master {
    /// A new agent.
    pub(super) fn register(&mut self, link: usize, mut info: SlaveInfo) {
        if self.is_down(&info.hostname) {
            let message = MACHINE_DOWN.to_string();
            return self.send_link(link, ToAgent::Shutdown { message });
        }
        // It asks again because the answer was late or lost.
        if let Some(id) = self.agent_at(link) {
            if self.agents.get(&id).is_some_and(|agent| agent.connected) {
                let agent = slave_id(&id);
                return self.send_link(link, ToAgent::Registered { agent });
            }
            // Another process has taken this agent's place without an end that was seen.
            self.remove_agent(&id, "a new agent registered at the same address");
        }
        let id = format!("{}-S{}", self.identity.id, self.next_agent);
        self.next_agent += 1;
        let agent = slave_id(&id);
        info.id = Some(agent.clone());
        let connection = self.number();
        self.by_link.insert(link, id.clone());
        self.agents.insert(id.clone(), Agent::new(link, info, connection, self.now));
        self.start_pings(&id, connection);
        log::info!("agent {id} registered with the embedded master");
        self.send_link(link, ToAgent::Registered { agent });
        self.allocate();
    }

    fn start_pings(&mut self, id: &str, connection: u64) {
        let agent = id.to_string();
        let timer = Timer::Ping { agent, connection };
        self.timers.after(self.now, self.identity.intervals.ping, timer);
    }

    /// An agent that had an id already.
    pub(super) fn reregister(&mut self, link: usize, what: Reregister) {
        let id = what.info.id.as_ref().map(|id| id.value.clone()).unwrap_or_default();
        if self.is_down(&what.info.hostname) {
            let message = MACHINE_DOWN.to_string();
            return self.send_link(link, ToAgent::Shutdown { message });
        }
        if self.gone.contains(&id) {
            let message = GONE.to_string();
            return self.send_link(link, ToAgent::Shutdown { message });
        }
        let was_unreachable = self.unreachable.remove(&id).is_some();
        let was_known = self.agents.contains_key(&id);
        if !was_unreachable && !was_known && self.recovered.remove(&id).is_none() {
            let message = REMOVED.to_string();
            return self.send_link(link, ToAgent::Shutdown { message });
        }
        let registered = self.agents.get(&id).map(|agent| agent.registered);
        let missing = self.replace(&id, link, what, was_unreachable);
        let now = self.now.seconds();
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.reregistered = Some(now);
            agent.registered = registered.unwrap_or(now);
        }
        let agent = slave_id(&id);
        self.send_link(link, ToAgent::Reregistered { agent, missing });
        self.kill_again(&id);
        self.tell_of_drain(&id);
        self.check_drains();
        log::info!("agent {id} reregistered with the embedded master");
        self.allocate();
    }

    /// Puts what an agent has in the place of what was known of it. Returns the tasks that it did not name.
    fn replace(&mut self, id: &str, link: usize, what: Reregister, was_unreachable: bool) -> Vec<MissingTask> {
        self.rescind_offers_of(id);
        let connection = self.number();
        let mut agent = Agent::new(link, what.info, connection, self.now);
        let old = self.agents.remove(id);
        let known = old.is_some();
        if let Some(old) = old {
            self.forget_executors(&old);
            agent.kills = old.kills;
            agent.filters = old.filters;
        }
        self.by_link.insert(link, id.to_string());
        self.agents.insert(id.to_string(), agent);
        self.start_pings(id, connection);
        let mut ended = BTreeSet::new();
        for info in what.frameworks {
            let framework = info.id.as_ref().map(|id| id.value.clone()).unwrap_or_default();
            if self.removed.contains(&framework) {
                ended.insert(framework);
            } else if !self.frameworks.contains_key(&framework) {
                self.recover_framework(framework, info);
            }
        }
        for executor in what.executors.into_iter().filter(|e| !ended.contains(&e.framework)) {
            let (framework, resources) = (executor.framework, Resources::new(&executor.info.resources));
            let key = (framework.clone(), executor.info.executor_id.value.clone());
            let added = Executor {
                info: executor.info,
                role: executor.role,
                resources,
            };
            self.charge(&framework, id, &added.role, &added.resources);
            if let Some(agent) = self.agents.get_mut(id) {
                agent.executors.insert(key, added);
            }
        }
        let named: BTreeSet<(String, String)> = what
            .tasks
            .iter()
            .map(|task| (task.framework.clone(), task.info.task_id.value.clone()))
            .collect();
        let missing = if known { self.missing(id, &named) } else { Vec::new() };
        // The agent will answer for them. Until then they use what they used.
        for one in &missing {
            let Some(framework) = self.frameworks.get_mut(&one.framework) else {
                continue;
            };
            let task = framework.tasks.get(&one.task);
            let (Some(task), Some(agent)) = (task, self.agents.get_mut(id)) else {
                continue;
            };
            if agent.free.contains(&task.resources) {
                agent.take(&task.resources);
            } else if let Some(task) = framework.tasks.get_mut(&one.task) {
                // Reservations that it was launched with got lost with it.
                let lost = std::mem::take(&mut task.resources);
                let role = task.role.clone();
                framework.subtract_allocated(&role, &lost);
            }
        }
        for task in what.tasks.into_iter().filter(|task| !ended.contains(&task.framework)) {
            self.task_is_on(id, task, was_unreachable);
        }
        for framework in ended {
            self.send_link(link, ToAgent::ShutdownFramework { framework });
        }
        self.operations_are_on(id, &what.operations);
        missing
    }

    /// A framework of which only agents know: it has its failover timeout to come back.
    fn recover_framework(&mut self, id: String, info: crate::proto::FrameworkInfo) {
        let roles = super::frameworks::roles_of(&info).unwrap_or_else(|_| vec!["*".into()]);
        let mut framework = Framework::new(info, roles, self.now);
        framework.recovered = true;
        self.frameworks.insert(id.clone(), framework);
        self.await_return(&id);
    }

    /// Tasks of the agent that it did not name.
    fn missing(&self, agent: &str, named: &BTreeSet<(String, String)>) -> Vec<MissingTask> {
        let of = |(id, framework): (&String, &Framework)| {
            let tasks = framework.tasks.iter().filter(|(_, task)| task.agent == agent);
            let pairs = tasks.map(|(task, _)| (id.clone(), task.clone()));
            let lost = framework.lost(TaskState::TaskDropped);
            let missing = pairs.filter(|pair| !named.contains(pair));
            let missing = missing.map(|(framework, task)| MissingTask { framework, task, lost });
            missing.collect::<Vec<_>>()
        };
        self.frameworks.iter().flat_map(of).collect()
    }

    /// A task that an agent has named.
    fn task_is_on(&mut self, agent: &str, told: RunningTask, was_unreachable: bool) {
        let id = told.info.task_id.value.clone();
        let now = self.now;
        let Some(framework) = self.frameworks.get_mut(&told.framework) else {
            return;
        };
        // The framework has used the id again, elsewhere: that task is the one that counts.
        if framework.tasks.get(&id).is_some_and(|known| known.agent != agent) {
            return;
        }
        let before = framework
            .tasks
            .remove(&id)
            .or_else(|| framework.unreachable_tasks.remove(&id));
        if let Some(old) = &before {
            framework.subtract_allocated(&old.role, &old.resources);
        }
        let resources = match is_terminal(told.state) {
            true => Resources::default(),
            false => Resources::new(&told.info.resources),
        };
        let task = Task {
            info: told.info,
            agent: agent.to_string(),
            role: told.role,
            state: told.state,
            forwarded: told.forwarded,
            resources,
            history: before.as_ref().map(|task| task.history.clone()).unwrap_or_default(),
            healthy: before.as_ref().and_then(|task| task.healthy),
            check_status: before.as_ref().and_then(|task| task.check_status),
            container_status: before.and_then(|task| task.container_status),
        };
        let (role, resources, state) = (task.role.clone(), task.resources.clone(), task.state);
        let executor_id = executor_of(&task);
        framework.tasks.insert(id.clone(), task);
        self.charge(&told.framework, agent, &role, &resources);
        if was_unreachable {
            let mut back = status(now, &id, state, Source::Master);
            back.reason = Some(Reason::SlaveReregistered as i32);
            back.message = Some("Unreachable agent re-reregistered".into());
            back.slave_id = Some(slave_id(agent));
            back.executor_id = executor_id;
            self.send_status(&told.framework, back);
        }
    }

    /// Kills that the agent may not have heard.
    fn kill_again(&mut self, id: &str) {
        let Some(agent) = self.agents.get_mut(id) else { return };
        let mut kills = std::mem::take(&mut agent.kills);
        kills.retain(|(framework, task), _| {
            let known = self.frameworks.get(framework).and_then(|f| f.tasks.get(task));
            known.is_some_and(|known| !known.is_terminal() && known.agent == id)
        });
        for ((framework, task), policy) in kills.clone() {
            self.send_agent(id, ToAgent::Kill { framework, task, policy });
        }
        if let Some(agent) = self.agents.get_mut(id) {
            agent.kills = kills;
        }
    }

    pub(super) fn ping(&mut self, id: &str, connection: u64) {
        let most = self.identity.intervals.pings;
        let Some(agent) = self.agents.get_mut(id).filter(|agent| agent.connection == connection) else {
            return;
        };
        if agent.missed >= most {
            return self.unreachable(id, "health check timed out");
        }
        agent.missed += 1;
        let (link, connected) = (agent.link, agent.connected);
        self.send_link(link, ToAgent::Ping { connected });
        self.start_pings(id, connection);
    }

    pub(super) fn pong(&mut self, link: usize) {
        if let Some(agent) = self.agent_at(link).and_then(|id| self.agents.get_mut(&id)) {
            agent.missed = 0;
        }
    }

    pub(super) fn agent_at(&self, link: usize) -> Option<String> {
        let id = self.by_link.get(&link)?;
        let is_there = self.agents.get(id).is_some_and(|agent| agent.link == link);
        is_there.then(|| id.clone())
    }

    /// The link broke: the agent's process has ended, say. It may come back. What cannot survive that is lost now.
    pub fn link_broken(&mut self, link: usize) {
        let Some(id) = self.agent_at(link) else { return };
        let Some(agent) = self.agents.get_mut(&id).filter(|agent| agent.connected) else {
            return;
        };
        agent.connected = false;
        let hostname = agent.info.hostname.clone();
        log::info!("agent {id} is disconnected");
        self.rescind_offers_of(&id);
        let frameworks = self.frameworks.iter();
        let fleeting = frameworks.filter(|(_, f)| !f.info.checkpoint.unwrap_or(false));
        let fleeting: Vec<String> = fleeting.map(|(framework, _)| framework.clone()).collect();
        for framework in fleeting {
            let message = format!("Agent {hostname} disconnected");
            self.lose_tasks(&framework, &id, TaskState::TaskLost, Reason::SlaveDisconnected, &message);
            self.lose_executors(&framework, &id);
        }
    }

    /// Ends the tasks that a framework has on an agent, with a word to the framework.
    fn lose_tasks(&mut self, framework: &str, agent: &str, precise: TaskState, reason: Reason, message: &str) {
        let now = self.now;
        let Some(known) = self.frameworks.get_mut(framework) else {
            return;
        };
        let state = known.lost(precise);
        let ids: Vec<String> = known
            .tasks
            .iter()
            .filter(|(_, task)| task.agent == agent)
            .map(|(id, _)| id.clone())
            .collect();
        let unreachable = matches!(precise, TaskState::TaskUnreachable);
        for id in ids {
            let Some(known) = self.frameworks.get_mut(framework) else {
                return;
            };
            let Some(mut task) = known.tasks.remove(&id) else { continue };
            let resources = std::mem::take(&mut task.resources);
            self.recover(framework, agent, &task.role, &resources);
            self.forget_kill(agent, framework, &id);
            let had_ended = task.is_terminal();
            let mut lost = status(now, &id, state, Source::Master);
            lost.reason = Some(reason as i32);
            lost.message = Some(message.to_string());
            lost.slave_id = Some(slave_id(agent));
            lost.executor_id = executor_of(&task);
            if unreachable {
                let nanoseconds = now.nanoseconds();
                lost.unreachable_time = Some(TimeInfo { nanoseconds });
            }
            if !had_ended {
                task.state = state;
                task.record(&lost);
            }
            let Some(known) = self.frameworks.get_mut(framework) else {
                return;
            };
            match unreachable && !had_ended {
                true => drop(known.unreachable_tasks.insert(id, task)),
                false => known.remember(task),
            }
            self.send_status(framework, lost);
        }
    }

    /// The executors that a framework has on an agent are gone; it hears nothing of them beside the loss of the agent.
    fn lose_executors(&mut self, framework: &str, id: &str) {
        let Some(agent) = self.agents.get(id) else { return };
        let executors: Vec<String> = agent
            .executors_of(framework)
            .map(|(executor, _)| executor.to_string())
            .collect();
        for executor in executors {
            self.forget_executor(id, framework, &executor);
        }
    }

    /// What an executor used is free again. Whether it was known.
    fn forget_executor(&mut self, id: &str, framework: &str, executor: &str) -> bool {
        let key = (framework.to_string(), executor.to_string());
        let ended = self.agents.get_mut(id).and_then(|agent| agent.executors.remove(&key));
        if let Some(ended) = &ended {
            self.recover(framework, id, &ended.role, &ended.resources);
        }
        ended.is_some()
    }

    /// Takes back what frameworks are charged for executors on `agent`.
    fn forget_executors(&mut self, agent: &Agent) {
        for ((framework, _), executor) in &agent.executors {
            if let Some(known) = self.frameworks.get_mut(framework) {
                known.subtract_allocated(&executor.role, &executor.resources);
            }
        }
    }

    /// The agent does not answer: its tasks may still run, and it may come back with them.
    fn unreachable(&mut self, id: &str, why: &str) {
        let Some(info) = self.agents.get(id).map(|agent| agent.info.clone()) else {
            return;
        };
        let since = self.now;
        self.unreachable.insert(id.to_string(), Unreachable { info, since });
        let told = (OperationState::OperationUnreachable, "Agent was marked unreachable");
        self.forget_operations(id, Some(told));
        self.end_agent(id, TaskState::TaskUnreachable, Reason::SlaveRemoved, why);
    }

    /// Agents that did not come back after the master's failover.
    pub(super) fn give_up_recovered(&mut self) {
        let since = self.now;
        for (id, info) in std::mem::take(&mut self.recovered) {
            self.unreachable.insert(id.clone(), Unreachable { info, since });
            self.agent_failure(&id);
        }
    }

    /// The agent has said that it ends.
    pub(super) fn unregister(&mut self, link: usize) {
        if let Some(id) = self.agent_at(link) {
            self.remove_agent(&id, "the agent unregistered");
        }
    }

    pub(super) fn remove_agent(&mut self, id: &str, why: &str) {
        let hostname = self
            .agents
            .get(id)
            .map(|agent| agent.info.hostname.clone())
            .unwrap_or_default();
        let message = format!("Agent {hostname} removed: {why}");
        self.end_agent(id, TaskState::TaskGone, Reason::SlaveRemoved, &message);
    }

    /// MARK_AGENT_GONE of an operator: it never comes back. Whether such an agent was known.
    pub fn mark_gone(&mut self, id: &str) -> bool {
        let known = self.agents.get(id).map(|agent| agent.link);
        let elsewhere = self.unreachable.remove(id).is_some() || self.recovered.remove(id).is_some();
        if known.is_none() && !elsewhere && !self.gone.contains(id) {
            return false;
        }
        if self.gone.len() >= REMEMBERED_IDS {
            self.gone.pop_first();
        }
        self.gone.insert(id.to_string());
        if let Some(link) = known {
            let message = GONE.to_string();
            self.send_link(link, ToAgent::Shutdown { message });
            self.forget_operations(id, Some((OperationState::OperationGoneByOperator, GONE)));
            self.end_agent(
                id,
                TaskState::TaskGoneByOperator,
                Reason::SlaveRemovedByOperator,
                "Agent has been marked gone",
            );
        }
        true
    }

    /// Everything of an agent ends here, and each framework hears of it.
    fn end_agent(&mut self, id: &str, precise: TaskState, reason: Reason, message: &str) {
        self.forget_operations(id, None);
        self.rescind_offers_of(id);
        let frameworks: Vec<String> = self.frameworks.keys().cloned().collect();
        for framework in &frameworks {
            self.lose_tasks(framework, id, precise, reason, message);
            self.lose_executors(framework, id);
        }
        self.rescind_inverse_offers(|(_, on)| on == id);
        self.inverse_offers.answers.retain(|(_, on), _| on != id);
        self.agents.remove(id);
        self.agent_failure(id);
        log::info!("agent {id} is no more: {message}");
    }

    /// FAILURE of an agent, for all who are connected.
    fn agent_failure(&mut self, id: &str) {
        let frameworks: Vec<String> = self.frameworks.keys().cloned().collect();
        for framework in frameworks {
            let failure = event::Failure {
                slave_id: Some(slave_id(id)),
                ..Default::default()
            };
            self.send(
                &framework,
                Event {
                    failure: Some(failure),
                    ..scheduler_event(event::Type::Failure)
                },
            );
        }
    }

    /// FAILURE of an executor, with the raw status of its process.
    pub(super) fn executor_exited(&mut self, link: usize, framework: &str, executor: &str, raw: i32) {
        let Some(id) = self.agent_at(link) else { return };
        if self.forget_executor(&id, framework, executor) {
            self.allocate_soon();
        }
        let failure = event::Failure {
            slave_id: Some(slave_id(&id)),
            executor_id: Some(ExecutorId {
                value: executor.to_string(),
            }),
            status: Some(raw),
        };
        self.send(
            framework,
            Event {
                failure: Some(failure),
                ..scheduler_event(event::Type::Failure)
            },
        );
    }
}

/// As far as the master knows: commands have none.
fn executor_of(task: &Task) -> Option<ExecutorId> {
    task.executor_id().map(|id| ExecutorId { value: id.to_string() })
}
