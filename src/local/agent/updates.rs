//! Reliable status updates: one stream for each task, of which the oldest unacknowledged update is with the framework.

use super::state::Updates;
use super::{Agent, Timer};
use crate::local::events::is_terminal;
use crate::local::jitter::Jitter;
use crate::local::messages::ToMaster;
use crate::proto::network_info::IpAddress;
use crate::proto::{ContainerId, ContainerStatus, ExecutorId, NetworkInfo, TaskState, TaskStatus};
use std::collections::BTreeSet;

impl Agent {
    /// Takes an update (with uuid) of the agent or an executor. Those of frameworks that are gone and of ended tasks end here.
    pub(super) fn update(&mut self, framework_id: &str, mut update: TaskStatus) {
        update.slave_id = Some(self.agent_id());
        update.timestamp.get_or_insert(self.now.seconds());
        self.drained(framework_id, &mut update);
        let id = update.task_id.value.clone();
        let Some(framework) = self.frameworks.get_mut(framework_id).filter(|f| !f.terminating) else {
            return;
        };
        let Ok(state) = TaskState::try_from(update.state) else {
            return;
        };
        let updates = match framework.tasks.get_mut(&id) {
            Some(task) if task.is_terminal() => return,
            Some(task) => &mut task.updates,
            None if self.strangers.contains_key(&(framework_id.to_string(), id.clone())) => return,
            None => framework.late.entry(id.clone()).or_default(),
        };
        if !updates.push(update) {
            return;
        }
        let first = updates.queue.len() == 1;
        if let Some(task) = framework.tasks.get_mut(&id) {
            task.state = state;
        }
        if is_terminal(state) {
            self.unmount(framework_id, &id);
            self.limit_container_of(framework_id, &id);
        }
        if first {
            self.forward(framework_id, &id);
        }
    }

    pub(super) fn updates(&mut self, framework: &str, task: &str) -> Option<&mut Updates> {
        match self.frameworks.get_mut(framework).and_then(|known| known.updates(task)) {
            Some(updates) => Some(updates),
            None => self.strangers.get_mut(&(framework.to_string(), task.to_string())),
        }
    }

    /// Nothing more is said of the task that only the master knew: another one has its name now.
    pub(super) fn forget_stranger(&mut self, framework: &str, task: &str) {
        let forgotten = self.strangers.remove(&(framework.to_string(), task.to_string()));
        let retry = forgotten.and_then(|updates| updates.retry);
        retry.into_iter().for_each(|retry| self.timers.cancel(retry));
    }

    /// The tasks of a framework that only the master knew.
    pub(super) fn strangers_of(&self, framework: &str) -> Vec<String> {
        let theirs = self.strangers.keys().filter(|(of, _)| of == framework);
        theirs.map(|(_, task)| task.clone()).collect()
    }

    /// Sends the oldest update of a task for the first time.
    pub(super) fn forward(&mut self, framework: &str, task: &str) {
        let first = self.identity.intervals.retry;
        if let Some(updates) = self.updates(framework, task) {
            updates.backoff = first;
            self.send_oldest(framework, task);
        }
    }

    /// Sends the oldest update, and again when the time has come.
    fn send_oldest(&mut self, framework: &str, task: &str) {
        let most = self.identity.intervals.retry_max;
        let Some(updates) = self.updates(framework, task) else {
            return;
        };
        let Some(update) = updates.queue.front() else { return };
        let uuid = update.uuid.clone().unwrap_or_default().to_vec();
        let (wait, state) = (updates.backoff, update.state);
        updates.backoff = (wait * 2).min(most);
        let late = Timer::Tell {
            framework: framework.to_string(),
            task: task.to_string(),
            uuid: uuid.clone(),
        };
        let retry = Timer::Retry {
            framework: framework.to_string(),
            task: task.to_string(),
            uuid,
        };
        let key = self.timers.after(self.now, wait, retry);
        if let Some(updates) = self.updates(framework, task) {
            updates.retry = Some(key);
        }
        match self.identity.jitter {
            None => self.tell_oldest(framework, task),
            // Others of this agent may overtake it, but none of its task: that is sent when this one is acknowledged.
            Some(seed) => drop(self.timers.after(self.now, Jitter::new(seed).of_update(task, state), late)),
        }
    }

    /// Sends an update that was held back, if nothing has become of it meanwhile.
    pub(super) fn tell_late(&mut self, framework: &str, task: &str, uuid: &[u8]) {
        if self.oldest_uuid(framework, task).as_deref() == Some(uuid) {
            self.tell_oldest(framework, task);
        }
    }

    fn oldest_uuid(&mut self, framework: &str, task: &str) -> Option<bytes::Bytes> {
        self.updates(framework, task)?.queue.front()?.uuid.clone()
    }

    fn tell_oldest(&mut self, framework: &str, task: &str) {
        if !self.is_registered() {
            return;
        }
        let known = self.frameworks.get(framework).and_then(|known| known.tasks.get(task));
        let known = known.map(|task| task.state);
        let Some(update) = self.updates(framework, task).and_then(|updates| updates.queue.front()) else {
            return;
        };
        let Some(latest) = known.or_else(|| TaskState::try_from(update.state).ok()) else {
            return;
        };
        let status = Box::new(update.clone());
        let framework = framework.to_string();
        self.tell_master(ToMaster::Update {
            framework,
            status,
            latest,
        });
    }

    /// Sends the oldest update again, if it is still the one with `uuid`.
    pub(super) fn retry(&mut self, framework: &str, task: &str, uuid: &[u8]) {
        if self.oldest_uuid(framework, task).as_deref() == Some(uuid) {
            self.send_oldest(framework, task);
        }
    }

    /// A framework is back: what it has not acknowledged is sent now rather than at the next retry, which stays armed.
    pub(super) fn resend(&mut self, framework: &str) {
        let mut tasks = self.strangers_of(framework);
        if let Some(known) = self.frameworks.get(framework) {
            tasks.extend(known.tasks.keys().chain(known.late.keys()).cloned());
        }
        tasks.iter().for_each(|task| self.tell_oldest(framework, task));
    }

    /// The same for all frameworks: the master is a new one, or had lost this agent.
    pub(super) fn resend_all(&mut self) {
        let strangers = self.strangers.keys().map(|(framework, _)| framework);
        let frameworks: BTreeSet<String> = self.frameworks.keys().chain(strangers).cloned().collect();
        frameworks.iter().for_each(|framework| self.resend(framework));
    }

    /// ACKNOWLEDGE. Anything but the uuid that is waited for is ignored.
    pub(super) fn acknowledged(&mut self, framework_id: &str, task: &str, uuid: &[u8]) {
        let Some(updates) = self.updates(framework_id, task) else {
            return;
        };
        let Some(acknowledged) = updates.acknowledge(uuid) else {
            return;
        };
        // There are several for each task, and they would wait for long.
        let retry = updates.retry.take();
        let ended = TaskState::try_from(acknowledged.state).is_ok_and(is_terminal);
        let nothing_left = updates.queue.is_empty();
        if let Some(framework) = self.frameworks.get_mut(framework_id) {
            if ended {
                framework.tasks.remove(task);
            }
            if ended || nothing_left {
                framework.late.remove(task);
            }
        }
        retry.into_iter().for_each(|retry| self.timers.cancel(retry));
        self.relief();
        match ended {
            true => self.forget_stranger(framework_id, task),
            false => self.forward(framework_id, task),
        }
        self.tidy(framework_id);
    }

    /// What the agent knows of the container of an update.
    pub(super) fn fill_container(&self, update: &mut TaskStatus, process: u64) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        update.executor_id.get_or_insert_with(|| ExecutorId {
            value: container.executor_id.clone(),
        });
        let is_over = TaskState::try_from(update.state).is_ok_and(is_terminal);
        let status = update.container_status.get_or_insert_with(ContainerStatus::default);
        let nested = container.nested.as_ref();
        let container_id = || ContainerId {
            value: container.container_id.clone(),
            parent: nested.map(|nested| {
                Box::new(ContainerId {
                    value: nested.container_id.clone(),
                    ..Default::default()
                })
            }),
        };
        status.container_id.get_or_insert_with(container_id);
        // The container of a task of a group is there only while the task runs.
        if nested.is_some() && (is_over || container.pid.is_none()) {
            return;
        }
        // A simulated program has none.
        status.executor_pid = status.executor_pid.or(container.pid.filter(|pid| *pid != 0));
        if status.network_infos.is_empty() {
            let ip_address = Some(self.identity.address.ip().to_string());
            // The protocol is left at its default, IPv4, as Mesos does.
            let ip = IpAddress {
                protocol: None,
                ip_address,
            };
            status.network_infos = vec![NetworkInfo {
                ip_addresses: vec![ip],
                ..Default::default()
            }];
        }
    }
}
