//! Reliable status updates: one stream for each task, of which the oldest unacknowledged update is with the framework.

use super::room;
use crate::local::core::{is_terminal, Core};
use crate::local::timers::Timer;
use crate::proto::network_info::IpAddress;
use crate::proto::{ContainerStatus, ExecutorId, NetworkInfo, TaskState, TaskStatus};
use std::time::Duration;

/// How many states of a task `/state` tells.
const HISTORY: usize = 100;

/// The first retry waits so long, every further one twice as long as the one before.
const RETRY: Duration = Duration::from_secs(10);
const RETRY_MAX: Duration = Duration::from_secs(600);

impl Core {
    /// Takes an update (with uuid) of the agent or an executor. Those of unknown or ended tasks end here.
    pub fn update(&mut self, framework_id: &str, mut update: TaskStatus) {
        let (id, agent_id) = (update.task_id.value.clone(), self.agent_id());
        let Some(framework) = self.frameworks.get_mut(framework_id) else {
            return;
        };
        let Some(task) = framework.tasks.get_mut(&id) else { return };
        let (Ok(state), Some(uuid)) = (TaskState::try_from(update.state), update.uuid.clone()) else {
            return;
        };
        if is_terminal(task.state) || !task.seen.insert(uuid.to_vec()) {
            return;
        }
        update.slave_id = Some(agent_id);
        update.timestamp.get_or_insert_with(crate::local::core::now);
        task.state = state;
        task.healthy = update.healthy.or(task.healthy);
        if update.container_status.is_some() {
            task.container_status = update.container_status.clone();
        }
        if task.history.last().map_or(true, |last| last.state != update.state) {
            // These can be large, and `/state` does not show them.
            task.history.push(TaskStatus {
                data: None,
                message: None,
                ..update.clone()
            });
            if task.history.len() > HISTORY {
                task.history.remove(0);
            }
        }
        task.waiting += room::cost(&update);
        task.updates.push_back(update);
        let first = task.updates.len() == 1;
        if is_terminal(state) {
            // At once, not when it is acknowledged.
            let (role, resources) = (task.role(), std::mem::take(&mut task.resources));
            self.recover(framework_id, &role, &resources);
            self.allocate_soon();
        }
        if first {
            self.forward(framework_id, &id);
        }
    }

    /// Sends the oldest update of a task for the first time.
    fn forward(&mut self, framework_id: &str, id: &str) {
        let Some(task) = self.frameworks.get_mut(framework_id).and_then(|f| f.tasks.get_mut(id)) else {
            return;
        };
        task.backoff = RETRY;
        self.send_oldest(framework_id, id, false);
    }

    fn send_oldest(&mut self, framework_id: &str, id: &str, again: bool) {
        let Some(framework) = self.frameworks.get_mut(framework_id) else {
            return;
        };
        // What was sent before still waits to be read.
        let unread = again && framework.is_full();
        let Some(task) = framework.tasks.get_mut(id) else { return };
        let Some(update) = task.updates.front().cloned() else { return };
        let uuid = update.uuid.clone().unwrap_or_default().to_vec();
        task.forwarded = TaskState::try_from(update.state).ok();
        let retry = Timer::Retry {
            framework: framework_id.to_string(),
            task: id.to_string(),
            uuid,
        };
        self.timers.add(task.backoff, retry);
        task.backoff = (task.backoff * 2).min(RETRY_MAX);
        if !unread {
            self.send_status(framework_id, update);
        }
    }

    /// Sends the oldest update again, if it is still the one with `uuid`.
    pub fn retry_update(&mut self, framework: &str, id: &str, uuid: &[u8]) {
        let task = self.frameworks.get(framework).and_then(|f| f.tasks.get(id));
        let oldest = task
            .and_then(|task| task.updates.front())
            .and_then(|update| update.uuid.as_deref());
        if oldest == Some(uuid) {
            self.send_oldest(framework, id, true);
        }
    }

    /// A framework is back: what it has not acknowledged is sent now rather than at the next retry, which stays armed.
    pub fn resend_updates(&mut self, framework_id: &str) {
        let Some(framework) = self.frameworks.get(framework_id) else {
            return;
        };
        let oldest = framework.tasks.values().filter_map(|task| task.updates.front().cloned());
        for update in oldest.collect::<Vec<_>>() {
            self.send_status(framework_id, update);
        }
    }

    /// ACKNOWLEDGE. Anything but the uuid that is waited for is ignored.
    pub fn acknowledge(&mut self, framework_id: &str, agent: &str, id: &str, uuid: &[u8]) {
        if agent != self.identity.agent_id {
            return;
        }
        let Some(framework) = self.frameworks.get_mut(framework_id) else {
            return;
        };
        let Some(task) = framework.tasks.get_mut(id) else { return };
        if !task
            .updates
            .front()
            .is_some_and(|update| update.uuid.as_deref() == Some(uuid))
        {
            return;
        }
        let acknowledged = task.updates.pop_front();
        task.waiting -= acknowledged.as_ref().map_or(0, room::cost);
        self.relief.notify_waiters();
        if acknowledged
            .and_then(|update| TaskState::try_from(update.state).ok())
            .is_some_and(is_terminal)
        {
            framework.complete_task(id);
        } else {
            self.forward(framework_id, id);
        }
    }

    /// What the agent knows of the container of an update.
    pub fn fill_container(&self, update: &mut TaskStatus, process: u64) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        update.executor_id.get_or_insert_with(|| ExecutorId {
            value: container.executor_id.clone(),
        });
        let status = update.container_status.get_or_insert_with(ContainerStatus::default);
        let container_id = || crate::proto::ContainerId {
            value: container.container_id.clone(),
            ..Default::default()
        };
        status.container_id.get_or_insert_with(container_id);
        status.executor_pid = status.executor_pid.or(container.pid);
        if status.network_infos.is_empty() {
            let ip_address = Some(self.identity.address.ip().to_string());
            // The protocol is left at its default, IPv4, as Mesos does.
            let ip = IpAddress {
                protocol: None,
                ip_address,
            };
            status.network_infos.push(NetworkInfo {
                ip_addresses: vec![ip],
                ..Default::default()
            });
        }
    }
}
