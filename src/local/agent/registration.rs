//! The agent and its master: how it finds one, and how it notices that it has lost it.

use super::state::{Container, Kind, Master, Updates};
use super::{Action, Agent, Timer};
use crate::local::messages::{MissingTask, Reregister, RunningExecutor, RunningTask, ToMaster};
use crate::proto::task_status::Reason;
use crate::proto::{SlaveId, TaskState};
use std::time::Duration;

/// The longest time between two attempts to register.
const REGISTER_MAX: Duration = Duration::from_secs(60);

impl Agent {
    /// There is a (new) master.
    pub fn master_detected(&mut self) {
        self.ask_master(self.identity.intervals.register);
    }

    /// The master is gone.
    pub fn master_lost(&mut self) {
        self.master = Master::None;
    }

    pub fn is_registered(&self) -> bool {
        matches!(self.master, Master::Registered { .. })
    }

    /// Registers, or comes back with what it has.
    fn ask_master(&mut self, backoff: Duration) {
        self.numbers += 1;
        let attempt = self.numbers;
        self.master = Master::Asked { attempt };
        let message = match &self.id {
            None => ToMaster::Register {
                info: Box::new(self.slave_info()),
            },
            Some(_) => ToMaster::Reregister(Box::new(self.reregistration())),
        };
        self.tell_master(message);
        self.timers.after(self.now, backoff, Timer::Register { attempt, backoff });
    }

    pub(super) fn register_again(&mut self, attempt: u64, backoff: Duration) {
        if self.master == (Master::Asked { attempt }) {
            self.ask_master((backoff * 2).min(REGISTER_MAX));
        }
    }

    fn reregistration(&self) -> Reregister {
        let frameworks = self.frameworks.iter().filter(|(_, f)| !f.terminating);
        let tasks = frameworks.clone().flat_map(|(id, framework)| {
            framework.tasks.values().map(|task| {
                let sent = task.updates.queue.front();
                RunningTask {
                    framework: id.clone(),
                    role: task.role.clone(),
                    info: task.info.clone(),
                    state: task.state,
                    forwarded: sent.and_then(|sent| Some((TaskState::try_from(sent.state).ok()?, sent.uuid.clone()?))),
                }
            })
        });
        let there = |container: &&Container| self.frameworks.get(&container.framework).is_some_and(|f| !f.terminating);
        let executors = self.containers.values().filter(there).filter_map(|container| {
            let info = match &container.kind {
                Kind::Custom(executor) => executor.info.clone(),
                Kind::Default(executor) => executor.info.clone(),
                Kind::Command { .. } => return None,
            };
            Some(RunningExecutor {
                framework: container.framework.clone(),
                role: container.role.clone(),
                info,
            })
        });
        Reregister {
            info: self.slave_info(),
            tasks: tasks.collect(),
            executors: executors.collect(),
            operations: self.operations.keys().cloned().collect(),
            frameworks: frameworks.map(|(_, framework)| framework.info.clone()).collect(),
        }
    }

    pub(super) fn registered(&mut self, id: SlaveId) {
        // It may also be the late answer to the agent that was here before: the one to this agent comes after it.
        let known = self.is_registered() && self.id.as_ref() == Some(&id);
        if known || self.master == Master::None {
            return;
        }
        self.id = Some(id);
        self.hear();
    }

    fn hear(&mut self) {
        let first = !self.is_registered();
        self.master = Master::Registered { heard: self.now };
        if first {
            if !std::mem::replace(&mut self.listens, true) {
                self.timers.after(self.now, self.patience(), Timer::Silence);
            }
            self.resend_all();
            self.resend_operations();
        }
    }

    /// How long a master may say nothing: as long as it would wait for an agent.
    fn patience(&self) -> Duration {
        self.identity.intervals.ping * (self.identity.intervals.pings + 1)
    }

    pub(super) fn reregistered(&mut self, id: SlaveId, missing: Vec<MissingTask>) {
        // Not what the agent that was here before has asked for.
        if self.master == Master::None || self.id.as_ref() != Some(&id) {
            return;
        }
        self.hear();
        for one in missing {
            // Launched and ended since: its updates are on their way.
            let known = self
                .frameworks
                .get(&one.framework)
                .is_some_and(|f| f.tasks.contains_key(&one.task));
            if !known {
                self.unknown_task(one);
            }
        }
    }

    /// The master has a task of which nothing is known here. It is told so until that is acknowledged, as in Mesos: also for a framework of
    /// which nothing is known here.
    fn unknown_task(&mut self, missing: MissingTask) {
        let MissingTask { framework, task, lost } = missing;
        // It was asked before: nothing that comes after the end of a task would be sent.
        if self.updates(&framework, &task).is_some_and(|updates| updates.end()) {
            return;
        }
        let message = "Reconciliation: task unknown to the agent".to_string();
        let mut update = self.own_status(&task, lost, Reason::Reconciliation, message);
        update.slave_id = self.id.clone();
        if self.updates(&framework, &task).is_none() {
            let key = (framework.clone(), task.clone());
            self.strangers.insert(key, Updates::default());
        }
        let Some(updates) = self.updates(&framework, &task) else {
            return;
        };
        updates.push(update);
        if updates.queue.len() == 1 {
            self.forward(&framework, &task);
        }
    }

    pub(super) fn pinged(&mut self, connected: bool) {
        self.tell_master(ToMaster::Pong);
        match (&self.master, connected) {
            (Master::Registered { .. }, true) => self.master = Master::Registered { heard: self.now },
            // The master has seen the link break, and this end has not.
            (Master::Registered { .. }, false) => self.ask_master(self.identity.intervals.register),
            _ => {}
        }
    }

    pub(super) fn silence(&mut self) {
        self.listens = false;
        let Master::Registered { heard } = self.master else { return };
        let due = heard.plus(self.patience());
        if due <= self.now {
            return self.ask_master(self.identity.intervals.register);
        }
        self.listens = true;
        self.timers.add(due, Timer::Silence);
    }

    /// The end in order.
    pub fn unregister(&mut self) {
        self.actions.push(Action::ToMaster(ToMaster::Unregister));
        self.master = Master::None;
    }
}
