//! ACCEPT: from offers and operations to tasks on the agent.

use super::operations::Left;
use super::state::{Executor, Task};
use super::validate::{self, Against};
use super::Master;
use crate::local::clock::Time;
use crate::local::events::status;
use crate::local::messages::ToAgent;
use crate::logging::{shown, tell};
use crate::proto::resource::AllocationInfo;
use crate::proto::scheduler::call;
use crate::proto::task_status::{Reason, Source};
use crate::proto::{Filters, Resource, TaskInfo, TaskState, TaskStatus};
use crate::resources::Resources;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Master {
    /// ACCEPT. Its results are updates: the call itself has been accepted before.
    pub fn accept(&mut self, framework: &str, accept: call::Accept) {
        let (agent, role) = match self.check_offers(framework, &accept.offer_ids) {
            Ok(both) => both,
            Err(error) => return self.reject(framework, &accept, &error),
        };
        let mut offered = Resources::default();
        for id in &accept.offer_ids {
            if let Some(offer) = self.offers.remove(&id.value) {
                offered.add(&offer.resources);
            }
        }
        let mut left = Left::new(offered);
        for operation in accept.operations {
            if let Some(launch) = operation.launch {
                let void = match operation.id {
                    Some(_) => Err("The `id` field cannot be set on LAUNCH operations".to_string()),
                    None => validate::operation(&launch.task_infos),
                };
                for task in launch.task_infos {
                    match &void {
                        Ok(()) => self.launch(framework, task, &agent, &role, &mut left),
                        Err(message) => self.refuse_task(framework, &task, Reason::TaskInvalid, message),
                    }
                }
            } else if let Some(group) = operation.launch_group {
                self.launch_group(framework, group, operation.id.is_some(), &agent, &role, &mut left);
            } else {
                self.operate(framework, operation, &agent, &role, &mut left);
            }
        }
        // What was just made is offered again soon, whatever is refused.
        if !left.converted.is_empty() {
            let converted = std::mem::take(&mut left.converted);
            left.take(&converted);
            self.recover(framework, &agent, &role, &converted);
            self.allocate_soon();
        }
        self.refuse(
            framework,
            &agent,
            &role,
            &left.available,
            Some(&accept.filters.unwrap_or(Filters { refuse_seconds: None })),
        );
    }

    /// The whole call is void: valid offers go back without a filter, every task is lost.
    fn reject(&mut self, framework: &str, accept: &call::Accept, error: &str) {
        let distinct: BTreeSet<&String> = accept.offer_ids.iter().map(|id| &id.value).collect();
        for id in distinct {
            if self.offers.get(id).is_some_and(|offer| offer.framework == framework) {
                if let Some(offer) = self.offers.remove(id) {
                    self.recover(framework, &offer.agent, &offer.role, &offer.resources);
                }
            }
        }
        let Some(state) = self.frameworks.get(framework).map(|f| f.lost(TaskState::TaskDropped)) else {
            return;
        };
        for operation in &accept.operations {
            if operation.launch.is_none() && operation.launch_group.is_none() {
                let why = format!("Operation attempted with invalid offers: {error}");
                self.refuse_operation(framework, operation, why);
            }
        }
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
            let refused = refusal(self.now, task, state, Reason::InvalidOffers, message);
            self.send_status(framework, refused);
        }
    }

    /// What a launch is held against, as long as framework and agent are there.
    pub(super) fn against<'a>(
        &'a self,
        framework_id: &'a str,
        agent_id: &'a str,
        role: &'a str,
        available: &'a Resources,
    ) -> Option<Against<'a>> {
        Some(Against {
            framework_id,
            framework: self.frameworks.get(framework_id)?,
            agent_id,
            agent: self.agents.get(agent_id)?,
            role,
            available,
        })
    }

    /// The framework hears of it by an update. Who writes one reads it here, even if that does not look at updates of this kind yet.
    pub(super) fn refuse_task(&mut self, framework: &str, task: &TaskInfo, reason: Reason, message: &str) {
        if self.told.len() < TOLD && self.told.insert(message.to_string()) {
            tell(&format!(
                "task '{}' is refused, TASK_ERROR: {}",
                shown(&task.task_id.value),
                shown(message)
            ));
        }
        let refused = refusal(self.now, task, TaskState::TaskError, reason, message.to_string());
        self.send_status(framework, refused);
    }

    /// Validates one task and hands it to the agent.
    fn launch(&mut self, framework_id: &str, mut task: TaskInfo, agent_id: &str, role: &str, left: &mut Left) {
        validate::complete(&mut task, framework_id);
        let available = left.for_a_task();
        let Some(against) = self.against(framework_id, agent_id, role, &available) else {
            return;
        };
        let valid = validate::task(&task, &against);
        let starts_executor = validate::starts_executor(&task, &against);
        let needed = validate::needed(&task, &against);
        if let Err(message) = valid {
            return self.refuse_task(framework_id, &task, Reason::TaskInvalid, &message);
        }
        let more = left.shared_again(&needed);
        left.take(&needed);
        // Executors see what the resources were allocated for.
        allocated(&mut task.resources, role);
        if let Some(executor) = &mut task.executor {
            allocated(&mut executor.resources, role);
        }
        if let Some(info) = task.executor.clone().filter(|_| starts_executor) {
            let key = (framework_id.to_string(), info.executor_id.value.clone());
            let executor = Executor {
                resources: Resources::new(&info.resources),
                role: role.to_string(),
                info: *info,
            };
            if let Some(agent) = self.agents.get_mut(agent_id) {
                agent.executors.insert(key, executor);
            }
        }
        let task = shared(task);
        let known = Task::launched(task.clone(), agent_id, role);
        let Some(framework) = self.frameworks.get_mut(framework_id) else {
            return;
        };
        framework.add_allocated(role, &more);
        framework.tasks.insert(task.task_id.value.clone(), known);
        let message = ToAgent::Run {
            framework: Box::new(framework.info.clone()),
            role: role.to_string(),
            task,
        };
        self.send_agent(agent_id, message);
    }
}

/// So many different reasons are told.
const TOLD: usize = 20;

/// What master and agent keep as long as the task lives, and the master beyond: without what decoding has left room for.
pub(super) fn shared(mut task: TaskInfo) -> Arc<TaskInfo> {
    task.resources.shrink_to_fit();
    task.labels.iter_mut().for_each(|labels| labels.labels.shrink_to_fit());
    Arc::new(task)
}

/// Says whom resources were allocated to.
pub(super) fn allocated(resources: &mut [Resource], role: &str) {
    for item in resources {
        item.allocation_info.get_or_insert_with(|| AllocationInfo {
            role: Some(role.to_string()),
        });
    }
}

/// The master's own word on a task that never came to be.
pub(super) fn refusal(now: Time, task: &TaskInfo, state: TaskState, reason: Reason, message: String) -> TaskStatus {
    let mut refused = status(now, &task.task_id.value, state, Source::Master);
    refused.reason = Some(reason as i32);
    refused.message = Some(message);
    refused.slave_id = Some(task.slave_id.clone());
    refused
}
