//! ACCEPT: from offers and operations to tasks on the agent.

use super::validate::{self, Against};
use crate::local::core::{status, uuid, Core, Task};
use crate::local::resources::Resources;
use crate::proto::offer::operation;
use crate::proto::resource::AllocationInfo;
use crate::proto::scheduler::call;
use crate::proto::task_status::{Reason, Source};
use crate::proto::{Filters, TaskInfo, TaskState, TaskStatus};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

impl Core {
    /// ACCEPT. Its results are updates: the call itself has been accepted before.
    pub fn accept(&mut self, framework: &str, accept: call::Accept) {
        let role = match self.check_offers(framework, &accept.offer_ids) {
            Ok(role) => role,
            Err(error) => return self.reject(framework, &accept, &error),
        };
        let mut available = Resources::default();
        for id in &accept.offer_ids {
            if let Some(offer) = self.offers.remove(&id.value) {
                available.add(&offer.resources);
            }
        }
        for operation in accept.operations {
            if let Some(launch) = operation.launch {
                let void = match operation.id {
                    Some(_) => Err("The `id` field cannot be set on LAUNCH operations".to_string()),
                    None => validate::operation(&launch.task_infos),
                };
                for task in launch.task_infos {
                    match &void {
                        Ok(()) => self.launch(framework, task, &role, &mut available),
                        Err(message) => {
                            let error = refusal(&task, TaskState::TaskError, Reason::TaskInvalid, message.clone());
                            self.send_status(framework, error);
                        }
                    }
                }
            } else if let Some(group) = operation.launch_group {
                self.reject_group(framework, group);
            } else {
                self.reject_operation(framework, &operation);
            }
        }
        self.refuse(
            framework,
            &role,
            &available,
            Some(&accept.filters.unwrap_or(Filters { refuse_seconds: None })),
        );
    }

    /// The whole call is void: valid offers go back without a filter, every task is lost.
    fn reject(&mut self, framework: &str, accept: &call::Accept, error: &str) {
        let distinct: BTreeSet<&String> = accept.offer_ids.iter().map(|id| &id.value).collect();
        for id in distinct {
            if self.offers.get(id).is_some_and(|offer| offer.framework == framework) {
                if let Some(offer) = self.offers.remove(id) {
                    self.recover(framework, &offer.role, &offer.resources);
                }
            }
        }
        let Some(state) = self.frameworks.get(framework).map(|f| f.lost(TaskState::TaskDropped)) else {
            return;
        };
        let launches = accept
            .operations
            .iter()
            .filter_map(|o| o.launch.as_ref())
            .flat_map(|launch| &launch.task_infos);
        let groups = accept
            .operations
            .iter()
            .filter_map(|o| o.launch_group.as_ref())
            .flat_map(|g| &g.task_group.tasks);
        for task in launches.chain(groups) {
            let message = format!("Task launched with invalid offers: {error}");
            self.send_status(framework, refusal(task, state, Reason::InvalidOffers, message));
        }
    }

    /// Task groups need Mesos' own default executor, which is not embedded.
    fn reject_group(&mut self, framework: &str, group: operation::LaunchGroup) {
        for task in &group.task_group.tasks {
            let message = "Task groups are not supported by the embedded cluster".to_string();
            self.send_status(
                framework,
                refusal(task, TaskState::TaskError, Reason::TaskGroupInvalid, message),
            );
        }
    }

    /// Validates one task and hands it to the agent.
    fn launch(&mut self, framework_id: &str, mut task: TaskInfo, role: &str, available: &mut Resources) {
        validate::complete(&mut task, framework_id);
        let Some(framework) = self.frameworks.get(framework_id) else {
            return;
        };
        let agent_id = &self.identity.agent_id;
        let against = Against {
            framework_id,
            framework,
            agent_id,
            role,
            available,
            containers: &self.containers,
        };
        let needed = match validate::task(&task, &against) {
            Ok(()) => validate::needed(&task, &against),
            Err(message) => {
                self.send_status(
                    framework_id,
                    refusal(&task, TaskState::TaskError, Reason::TaskInvalid, message),
                );
                return;
            }
        };
        available.subtract(&needed);
        // Executors see what the resources were allocated for.
        let executor_resources = task.executor.iter_mut().flat_map(|executor| executor.resources.iter_mut());
        for item in task.resources.iter_mut().chain(executor_resources) {
            item.allocation_info.get_or_insert_with(|| AllocationInfo {
                role: Some(role.to_string()),
            });
        }
        let id = task.task_id.value.clone();
        let known = Task {
            state: TaskState::TaskStaging,
            forwarded: None,
            executor_id: task.executor.as_ref().map(|executor| executor.executor_id.value.clone()),
            process: 0,
            delivered: false,
            resources: Resources::new(&task.resources),
            updates: VecDeque::new(),
            waiting: 0,
            backoff: Duration::ZERO,
            seen: BTreeSet::new(),
            history: Vec::new(),
            healthy: None,
            container_status: None,
            info: task.clone(),
        };
        if let Some(framework) = self.frameworks.get_mut(framework_id) {
            framework.tasks.insert(id, known);
        }
        match task.executor.is_some() {
            true => self.launch_in_executor(framework_id, task, role),
            false => self.launch_command(framework_id, task, role),
        }
    }

    /// A task that the agent cannot start: lost, with a uuid, since the agent says so.
    pub fn drop_task(&mut self, framework: &str, task: &str, reason: Reason, message: &str) {
        let Some(state) = self.frameworks.get(framework).map(|f| f.lost(TaskState::TaskDropped)) else {
            return;
        };
        let mut dropped = status(task, state, Source::Slave);
        dropped.reason = Some(reason as i32);
        dropped.message = Some(message.to_string());
        dropped.uuid = uuid();
        self.update(framework, dropped);
    }
}

/// The master's own word on a task that never came to be.
fn refusal(task: &TaskInfo, state: TaskState, reason: Reason, message: String) -> TaskStatus {
    let mut refused = status(&task.task_id.value, state, Source::Master);
    refused.reason = Some(reason as i32);
    refused.message = Some(message);
    refused.slave_id = Some(task.slave_id.clone());
    refused
}
