//! Whether a task may be launched: the checks of the master in its order, with its texts.

use super::checks;
use super::state::{Agent, Framework};
use crate::local::ids;
use crate::proto::executor_info::Type as ExecutorType;
use crate::proto::{health_check, CommandInfo, DurationInfo, ExecutorInfo, Resource, TaskInfo};
use crate::resources::item::canonical;
use crate::resources::{self, Resources};
use std::collections::BTreeSet;

/// What a task is held against.
pub struct Against<'a> {
    pub framework_id: &'a str,
    pub framework: &'a Framework,
    pub agent_id: &'a str,
    pub agent: &'a Agent,
    pub role: &'a str,
    /// What is left of the offers.
    pub available: &'a Resources,
}

/// Fills in what schedulers may leave out.
pub fn complete(task: &mut TaskInfo, framework_id: &str) {
    complete_health_check(task);
    if let Some(executor) = task.executor.as_mut() {
        executor.framework_id.get_or_insert_with(|| crate::proto::FrameworkId {
            value: framework_id.to_string(),
        });
        // Old schedulers know of no types.
        if executor.command.is_some() {
            executor.r#type.get_or_insert(ExecutorType::Custom as i32);
        }
    }
}

/// Schedulers of before there were types.
pub fn complete_health_check(task: &mut TaskInfo) {
    if let Some(check) = task.health_check.as_mut().filter(|check| check.r#type.is_none()) {
        check.r#type = match (&check.command, &check.http) {
            (Some(_), None) => Some(health_check::Type::Command as i32),
            (None, Some(_)) => Some(health_check::Type::Http as i32),
            _ => None,
        };
    }
}

/// What the task takes from the offers: its own resources, and those of an executor that is not there yet.
pub fn needed(task: &TaskInfo, against: &Against<'_>) -> Resources {
    let mut needed = Resources::new(&task.resources);
    if let Some(executor) = task.executor.as_ref().filter(|_| starts_executor(task, against)) {
        needed.add(&Resources::new(&executor.resources));
    }
    needed
}

/// Whether the task has an executor that does not run on the agent yet.
pub fn starts_executor(task: &TaskInfo, against: &Against<'_>) -> bool {
    let new = |executor: &ExecutorInfo| running(executor, against).is_none();
    task.executor.as_deref().is_some_and(new)
}

/// The first reason why not, as far as tasks of groups have it, too.
pub fn common(task: &TaskInfo, against: &Against<'_>) -> Result<(), String> {
    let id = &task.task_id.value;
    ids::check(id)?;
    if against.framework.tasks.contains_key(id) {
        return Err(format!("Task has duplicate ID: {id}"));
    }
    if against.framework.unreachable_tasks.contains_key(id) {
        return Err(format!("Task reuses the ID of an unreachable task: {id}"));
    }
    if task.slave_id.value != against.agent_id {
        let (used, expected) = (&task.slave_id.value, against.agent_id);
        return Err(format!("Task uses invalid agent {used} while agent {expected} is expected"));
    }
    if is_negative(task.kill_policy.as_ref().and_then(|policy| policy.grace_period.as_ref())) {
        return Err("Task's 'kill_policy.grace_period' must be non-negative".into());
    }
    if is_negative(task.max_completion_time.as_ref()) {
        return Err("Task's `max_completion_time` must be non-negative".into());
    }
    if let Some(check) = &task.check {
        checks::check(check).map_err(|e| format!("Task uses invalid check: {e}"))?;
    }
    if let Some(check) = &task.health_check {
        checks::health(check).map_err(|e| format!("Task uses invalid health check: {e}"))?;
    }
    if task.resources.is_empty() {
        return Err("Task uses no resources".into());
    }
    validate_resources(&task.resources).map_err(|e| format!("Task uses invalid resources: {e}"))?;
    if let Some(reason) = task.command.as_ref().and_then(|command| checks::command(command).err()) {
        return Err(format!("Task's `CommandInfo` is invalid: {reason}"));
    }
    if let Some(container) = &task.container {
        checks::container(container).map_err(|e| format!("Task's `ContainerInfo` is invalid: {e}"))?;
    }
    validate_limits(task)
}

/// The first reason why not. `task` is [`complete`].
pub fn task(task: &TaskInfo, against: &Against<'_>) -> Result<(), String> {
    common(task, against)?;
    if task.executor.is_some() == task.command.is_some() {
        return Err("Task should have at least one (but not both) of CommandInfo or ExecutorInfo present".into());
    }
    if let Some(executor) = &task.executor {
        validate_executor(executor, against)?;
    }
    let needed = needed(task, against);
    if !against.available.contains(&needed) {
        let text = |resources| resources::to_text(resources, Some(against.role));
        let (needed, available) = (text(&needed), text(against.available));
        return Err(format!(
            "Total resources {needed} required by task and its executor is more than available {available}"
        ));
    }
    Ok(())
}

fn is_negative(duration: Option<&DurationInfo>) -> bool {
    duration.is_some_and(|duration| duration.nanoseconds < 0)
}

/// Only cpus and mem have limits, and none is below what is asked for.
fn validate_limits(task: &TaskInfo) -> Result<(), String> {
    let limits = &task.limits;
    if limits.keys().any(|name| !["cpus", "mem"].contains(&name.as_str())) {
        return Err("Only cpus and mem may be included in a task's resource limits".into());
    }
    let asked = Resources::new(&task.resources);
    for (name, whole, short) in [("cpus", "CPU", "cpu"), ("mem", "memory", "memory")] {
        let Some(limit) = limits.get(name) else { continue };
        if asked.scalar(name) == 0.0 {
            return Err(format!(
                "When a {whole} limit is specified, a {whole} request must also be specified"
            ));
        }
        if limit.value < asked.scalar(name) {
            return Err(format!(
                "The {short} limit must be greater than or equal to the {short} request"
            ));
        }
    }
    Ok(())
}

/// The first item that is no resource: it makes a whole operation void, before its tasks are looked at.
pub fn operation(tasks: &[TaskInfo]) -> Result<(), String> {
    items(tasks.iter().flat_map(|task| {
        let of_executor = task.executor.iter().flat_map(|executor| &executor.resources);
        task.resources.iter().chain(of_executor)
    }))
}

/// The same of any items.
pub fn items<'a>(items: impl IntoIterator<Item = &'a Resource>) -> Result<(), String> {
    for item in items {
        if let Err(reason) = resources::validate_item(item) {
            let text = resources::item_text(item, None);
            return Err(format!("Resource '{text}' is invalid: {reason}"));
        }
    }
    Ok(())
}

fn validate_resources(items: &[Resource]) -> Result<(), String> {
    resources::validate(items)?;
    let gpus: f64 = items
        .iter()
        .filter(|r| r.name == "gpus")
        .filter_map(|r| r.scalar)
        .map(|s| s.value)
        .sum();
    if (gpus * 1000.0) as i64 % 1000 != 0 {
        return Err("Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer".into());
    }
    let canonical: Vec<Resource> = items.iter().map(canonical).collect();
    resources::validate_disks(&canonical, ids::check)?;
    let revocable = items
        .iter()
        .filter(|item| item.revocable.is_some())
        .map(|item| &item.name)
        .collect::<BTreeSet<_>>();
    if items
        .iter()
        .any(|item| item.revocable.is_none() && revocable.contains(&item.name))
    {
        return Err("Cannot use both revocable and non-revocable resources of the same kind at the same time".into());
    }
    Ok(())
}

fn validate_executor(executor: &ExecutorInfo, against: &Against<'_>) -> Result<(), String> {
    match executor.r#type {
        Some(kind) if kind == ExecutorType::Custom as i32 && executor.command.is_none() => {
            return Err("'ExecutorInfo.command' must be set for 'CUSTOM' executor".into());
        }
        Some(kind) if kind == ExecutorType::Default as i32 && executor.command.is_some() => {
            return Err("'ExecutorInfo.command' must not be set for 'DEFAULT' executor".into());
        }
        Some(kind) if kind != ExecutorType::Custom as i32 => return Err("'ExecutorInfo.type' must be 'CUSTOM'".into()),
        _ => {}
    }
    self::executor(executor, against)?;
    let Some(command) = &executor.command else {
        return Err("'ExecutorInfo.command' must be set".into());
    };
    if executor.resources.iter().any(|item| item.shared.is_some()) {
        let given = resources::to_text(&Resources::new(&executor.resources), Some(against.role));
        return Err(format!("Executor resources {given} should not contain any shared resources"));
    }
    checks::command(command).map_err(|reason| format!("Executor's `CommandInfo` is invalid: {reason}"))
}

/// What holds for executors of both kinds.
pub fn executor(executor: &ExecutorInfo, against: &Against<'_>) -> Result<(), String> {
    ids::check(&executor.executor_id.value)?;
    if is_negative(executor.shutdown_grace_period.as_ref()) {
        return Err("ExecutorInfo's 'shutdown_grace_period' must be non-negative".into());
    }
    let given = executor.framework_id.as_ref().map_or("", |id| id.value.as_str());
    if given != against.framework_id {
        let expected = against.framework_id;
        return Err(format!(
            "ExecutorInfo has an invalid FrameworkID (Actual: {given} vs Expected: {expected})"
        ));
    }
    if !executor.resources.is_empty() {
        validate_resources(&executor.resources).map_err(|e| format!("Executor uses invalid resources: {e}"))?;
    }
    if let Some(existing) = running(executor, against) {
        if !is_same_executor(existing, executor) {
            let line = "-".repeat(60);
            return Err(format!(
                "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n{line}\n\
                 Existing ExecutorInfo:\n{existing:?}\n{line}\nExecutorInfo:\n{executor:?}\n{line}\n"
            ));
        }
    }
    Ok(())
}

/// The executor with this id that the agent has.
pub fn running<'a>(executor: &ExecutorInfo, against: &Against<'a>) -> Option<&'a ExecutorInfo> {
    let known = against.agent.executor(against.framework_id, &executor.executor_id.value)?;
    Some(&known.info)
}

/// Equality as Mesos has it: labels and shutdown_grace_period are not compared.
#[allow(deprecated)]
pub fn is_same_executor(a: &ExecutorInfo, b: &ExecutorInfo) -> bool {
    let command = |a: &Option<CommandInfo>, b: &Option<CommandInfo>| match (a, b) {
        (Some(a), Some(b)) => is_same_command(a, b),
        (a, b) => a.is_none() && b.is_none(),
    };
    let (mine, theirs) = (Resources::new(&a.resources), Resources::new(&b.resources));
    a.r#type == b.r#type
        && a.executor_id == b.executor_id
        && a.data == b.data
        && mine.contains(&theirs)
        && theirs.contains(&mine)
        && command(&a.command, &b.command)
        && a.framework_id == b.framework_id
        && a.name == b.name
        && a.source == b.source
        && a.container == b.container
        && a.discovery == b.discovery
}

/// URIs and the environment in any order, arguments in theirs.
fn is_same_command(a: &CommandInfo, b: &CommandInfo) -> bool {
    let uris = |command: &CommandInfo| {
        let uris = command.uris.iter();
        let mut uris: Vec<_> = uris
            .map(|uri| (uri.value.clone(), uri.executable(), uri.extract(), uri.output_file.clone()))
            .collect();
        uris.sort();
        uris
    };
    let environment = |command: &CommandInfo| {
        let variables = command.environment.iter().flat_map(|e| &e.variables);
        let mut variables: Vec<_> = variables.map(|v| (v.name.clone(), v.value.clone())).collect();
        variables.sort();
        variables
    };
    uris(a) == uris(b)
        && a.arguments == b.arguments
        && environment(a) == environment(b)
        && a.value == b.value
        && a.user == b.user
        && a.shell() == b.shell()
}
