//! LAUNCH_GROUP: the tasks of a group are launched together or not at all. The checks are the master's, in its order, with its texts.

use super::launch::{allocated, shared};
use super::operations::Left;
use super::state::{Executor, Task};
use super::validate::{self, Against};
use super::{checks, Master};
use crate::local::messages::ToAgent;
use crate::proto::container_info::Type as ContainerType;
use crate::proto::executor_info::Type as ExecutorType;
use crate::proto::offer::operation::LaunchGroup;
use crate::proto::task_status::Reason;
use crate::proto::{ExecutorInfo, TaskInfo};
use crate::resources::{self, Resources};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What an executor of a group has at least.
const CPUS: f64 = 0.01;
const MEMORY: f64 = 32.0;

impl Master {
    /// Validates a group and hands it to the agent.
    pub(super) fn launch_group(
        &mut self,
        framework_id: &str,
        group: LaunchGroup,
        with_id: bool,
        agent_id: &str,
        role: &str,
        left: &mut Left,
    ) {
        let (mut executor, mut tasks) = (group.executor, group.task_group.tasks);
        tasks.iter_mut().for_each(validate::complete_health_check);
        let Some(against) = self.against(framework_id, agent_id, role, &left.available) else {
            return;
        };
        let valid = match with_id {
            true => Err("The `id` field cannot be set on LAUNCH_GROUP operations".into()),
            false => validate(&executor, &tasks, &against),
        };
        if let Err(message) = valid {
            for task in &tasks {
                self.refuse_task(framework_id, task, Reason::TaskGroupInvalid, &message);
            }
            return;
        }
        let starts_executor = validate::running(&executor, &against).is_none();
        left.take(&needed(&executor, &tasks, starts_executor));
        allocated(&mut executor.resources, role);
        for task in &mut tasks {
            allocated(&mut task.resources, role);
            task.executor = Some(Box::new(executor.clone()));
        }
        if starts_executor {
            let key = (framework_id.to_string(), executor.executor_id.value.clone());
            let known = Executor {
                resources: Resources::new(&executor.resources),
                role: role.to_string(),
                info: executor.clone(),
            };
            if let Some(agent) = self.agents.get_mut(agent_id) {
                agent.executors.insert(key, known);
            }
        }
        let Some(framework) = self.frameworks.get_mut(framework_id) else {
            return;
        };
        let tasks: Vec<Arc<TaskInfo>> = tasks.into_iter().map(shared).collect();
        for task in &tasks {
            let known = Task::launched(task.clone(), agent_id, role);
            framework.tasks.insert(task.task_id.value.clone(), known);
        }
        let message = ToAgent::RunGroup {
            framework: Box::new(framework.info.clone()),
            role: role.to_string(),
            executor: Box::new(executor),
            tasks,
        };
        self.send_agent(agent_id, message);
    }
}

fn needed(executor: &ExecutorInfo, tasks: &[TaskInfo], starts_executor: bool) -> Resources {
    let mut needed = Resources::default();
    tasks.iter().for_each(|task| needed.add(&Resources::new(&task.resources)));
    if starts_executor {
        needed.add(&Resources::new(&executor.resources));
    }
    needed
}

fn validate(executor: &ExecutorInfo, tasks: &[TaskInfo], against: &Against<'_>) -> Result<(), String> {
    validate::items(tasks.iter().flat_map(|task| &task.resources).chain(&executor.resources))?;
    let mut ids = BTreeSet::new();
    for task in tasks {
        let id = &task.task_id.value;
        let valid = validate::common(task, against).and_then(|()| of_a_group(task));
        let valid = valid.and_then(|()| match ids.insert(id) {
            true => Ok(()),
            false => Err(format!("Task has duplicate ID: {id}")),
        });
        valid.map_err(|e| format!("Task '{id}' is invalid: {e}"))?;
    }
    validate_executor(executor, against)?;
    let id = &executor.executor_id.value;
    let differs = |task: &&TaskInfo| {
        let own = task.executor.as_ref();
        own.is_some_and(|own| !validate::is_same_executor(own, executor))
    };
    if let Some(task) = tasks.iter().find(differs) {
        let task = &task.task_id.value;
        return Err(format!(
            "The `ExecutorInfo` of task '{task}' is different from executor '{id}'"
        ));
    }
    enough(executor)?;
    let starts_executor = validate::running(executor, against).is_none();
    let needed = needed(executor, tasks, starts_executor);
    if !against.available.contains(&needed) {
        let text = |resources| resources::to_text(resources, Some(against.role));
        let (needed, available) = (text(&needed), text(against.available));
        return Err(format!(
            "Total resources {needed} required by task group and its executor are more than available {available}"
        ));
    }
    Ok(())
}

/// What a task of a group must not be.
fn of_a_group(task: &TaskInfo) -> Result<(), String> {
    match &task.container {
        Some(container) if container.r#type() == ContainerType::Docker => {
            Err("Docker ContainerInfo is not supported on the task".into())
        }
        _ => Ok(()),
    }
}

fn validate_executor(executor: &ExecutorInfo, against: &Against<'_>) -> Result<(), String> {
    let container = executor.container.as_ref();
    match executor.r#type.map(ExecutorType::try_from) {
        None => return Err("'ExecutorInfo.type' must be set".into()),
        Some(Ok(ExecutorType::Default)) if executor.command.is_some() => {
            return Err("'ExecutorInfo.command' must not be set for 'DEFAULT' executor".into());
        }
        Some(Ok(ExecutorType::Default)) if container.is_some_and(|c| c.r#type() != ContainerType::Mesos) => {
            return Err("'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor".into());
        }
        Some(Ok(ExecutorType::Default)) => {}
        Some(Ok(ExecutorType::Custom)) if executor.command.is_none() => {
            return Err("'ExecutorInfo.command' must be set for 'CUSTOM' executor".into());
        }
        Some(Ok(ExecutorType::Custom)) => {}
        Some(_) => return Err("Unknown executor type".into()),
    }
    if executor.framework_id.is_none() {
        return Err("'ExecutorInfo.framework_id' must be set".into());
    }
    validate::executor(executor, against)?;
    if let Some(command) = &executor.command {
        checks::command(command).map_err(|reason| format!("Executor's `CommandInfo` is invalid: {reason}"))?;
    }
    match &executor.container {
        Some(container) => checks::container(container).map_err(|e| format!("Executor's `ContainerInfo` is invalid: {e}")),
        None => Ok(()),
    }
}

/// Executors of groups must have something to live on.
fn enough(executor: &ExecutorInfo) -> Result<(), String> {
    let id = &executor.executor_id.value;
    let given = |name: &str| {
        let amount = Resources::new(&executor.resources).scalar(name);
        (amount, Some(amount).filter(|amount| *amount > 0.0))
    };
    let (cpus, shown) = given("cpus");
    if cpus < CPUS {
        let shown = shown.map_or("None".to_string(), |cpus| cpus.to_string());
        return Err(format!(
            "Executor '{id}' uses less CPUs ({shown}) than the minimum required ({CPUS})"
        ));
    }
    let (memory, shown) = given("mem");
    if memory < MEMORY {
        let shown = shown.map_or("None".to_string(), |memory| format!("{memory}MB"));
        return Err(format!(
            "Executor '{id}' uses less memory ({shown}) than the minimum required ({MEMORY}MB)"
        ));
    }
    match given("disk") {
        (_, None) => Err(format!("Executor '{id}' uses no disk")),
        _ => Ok(()),
    }
}
