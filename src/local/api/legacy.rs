//! The JSON of Mesos' older endpoints, with the names of v0, which tools still read. `/state` itself is in [`state`](super::state).

use super::state::{attributes, flat, framework, framework_alone, reserved, slave, task, version};
use super::{plans, views};
use crate::local::agent::sandbox::{self, Place};
use crate::local::agent::state::Container;
use crate::local::agent::Agent;
use crate::local::core::Core;
use crate::local::master::state as known;
use crate::message::text;
use crate::resources::Resources;
use serde_json::{json, Map, Value};
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;

/// GET /slaves.
pub fn slaves(core: &Core) -> Value {
    let all = core.master.agents.iter().map(|(id, agent)| slave(core, id, agent));
    json!({ "slaves": all.collect::<Vec<Value>>(), "recovered_slaves": [] })
}

/// GET /frameworks.
pub fn frameworks(core: &Core) -> Value {
    let offered = core.master.offered();
    let there = core.master.frameworks.iter();
    let there = there.map(|(id, one)| framework(core, id, one, offered.get(id.as_str())));
    let completed = core.master.completed.iter().map(|one| framework(core, one.id(), one, None));
    json!({
        "frameworks": there.collect::<Vec<Value>>(),
        "completed_frameworks": completed.collect::<Vec<Value>>(),
        "unregistered_frameworks": [],
    })
}

/// GET /tasks: the newest first, as many as are asked for.
pub fn tasks(core: &Core, limit: usize, offset: usize) -> Value {
    let began = |one: &known::Task| one.history.began().unwrap_or(f64::MAX);
    let mut all: Vec<(&str, &known::Task)> = core.master.all_tasks().collect();
    all.sort_by(|(_, a), (_, b)| began(b).total_cmp(&began(a)));
    // What is not shown is not made.
    let shown = all.into_iter().skip(offset).take(limit).map(|(id, one)| task(id, one));
    json!({ "tasks": shown.collect::<Vec<Value>>() })
}

/// GET /roles.
pub fn roles(core: &Core) -> Value {
    let one = |(name, members, sum): (String, Vec<String>, Resources)| {
        let mut offered = Resources::default();
        let offers = core.master.offers.values().filter(|offer| offer.role == name);
        offers.for_each(|offer| offered.add(&offer.resources.scalars()));
        let offered: Map<String, Value> = offered
            .items()
            .iter()
            .map(|item| (item.name.clone(), offered.scalar(&item.name).into()))
            .collect();
        let amounts: Map<String, Value> = sum
            .items()
            .iter()
            .map(|item| (item.name.clone(), sum.scalar(&item.name).into()))
            .collect();
        json!({
            "name": name, "weight": core.master.weight(&name), "frameworks": members, "resources": amounts, "allocated": amounts, "offered": offered, "reserved": {},
            "quota": plans::quota_of(core, &name),
        })
    };
    json!({ "roles": views::roles_used(core).into_iter().map(one).collect::<Vec<Value>>() })
}

/// GET /state-summary: without tasks, but with their numbers.
pub fn state_summary(core: &Core) -> Value {
    let counted = |mut made: Value, wanted: &dyn Fn(&str, &str) -> bool| {
        if let Some(object) = made.as_object_mut() {
            object.extend(
                views::counts(core, wanted)
                    .into_iter()
                    .map(|(state, count)| (state.to_string(), count.into())),
            );
        }
        made
    };
    let here = |agent: &str| {
        let there = core.master.frameworks.iter();
        let on_it = there.filter(|(_, framework)| framework.all_tasks().any(|task| task.agent == agent));
        on_it.map(|(id, _)| id.clone()).collect::<Vec<String>>()
    };
    let slaves = core.master.agents.iter().map(|(id, agent)| {
        let mut made = counted(slave(core, id, agent), &|_, on| on == id);
        made["framework_ids"] = here(id).into();
        made
    });
    let offered = core.master.offered();
    let frameworks = core.master.frameworks.iter().map(|(id, one)| {
        let alone = framework_alone(core, id, one, offered.get(id.as_str()));
        let mut made = counted(alone, &|of, _| of == id);
        let agents: std::collections::BTreeSet<&str> = one.all_tasks().map(|task| task.agent.as_str()).collect();
        made["slave_ids"] = agents.into_iter().collect();
        made
    });
    json!({
        "hostname": core.master.identity.hostname,
        "slaves": slaves.collect::<Vec<Value>>(),
        "frameworks": frameworks.collect::<Vec<Value>>(),
    })
}

/// GET /flags.
pub fn flags(core: &Core) -> Value {
    json!({ "flags": views::flags(core) })
}

/// GET /slave(1)/state.
pub fn agent_state(core: &Core, agent: &Agent) -> Value {
    let id = agent.id.as_ref().map(|id| id.value.clone()).unwrap_or_default();
    let running: BTreeSet<&str> = agent
        .containers
        .values()
        .map(|container| container.framework.as_str())
        .collect();
    let runs = |framework: &str| running.contains(framework);
    // A framework that runs nothing here any more is no more one of the agent's, as in Mesos.
    let was_here =
        |framework: &known::Framework| views::was_on(framework, &id) || agent.ended_of(framework.id()).next().is_some();
    let there = core.master.frameworks.values().filter(|one| runs(one.id()));
    let gone = core
        .master
        .frameworks
        .values()
        .filter(|one| !runs(one.id()))
        .chain(&core.master.completed);
    let shown = |one| framework_of_agent(agent, &id, one);
    let frameworks: Vec<Value> = there.map(shown).collect();
    let completed: Vec<Value> = gone.filter(|one| was_here(one)).map(shown).collect();
    let identity = &agent.identity;
    let mut made = json!({
        "id": id,
        "pid": identity.pid(),
        "hostname": identity.hostname,
        "start_time": core.master.identity.started,
        "capabilities": crate::local::capabilities::AGENT,
        "resources": flat(&identity.total),
        "unreserved_resources": flat(&identity.total.usable_by("*")),
        "reserved_resources": reserved(&identity.total),
        "attributes": attributes(&identity.attributes),
        "master_hostname": core.master.identity.hostname,
        "flags": views::flags(core),
        "frameworks": frameworks,
        "completed_frameworks": completed,
    });
    if let Some((config, since)) = views::own_drain(agent) {
        made["drain_config"] = config;
        made["estimated_drain_start_time_seconds"] = (since as i64).into();
    }
    if let (Some(made), Value::Object(version)) = (made.as_object_mut(), version()) {
        made.extend(version);
    }
    made
}

/// So many executors of a framework are shown that have ended: Mesos' default.
const COMPLETED_EXECUTORS: usize = 150;

fn framework_of_agent(agent: &Agent, id: &str, known: &known::Framework) -> Value {
    let name = known.id();
    let executors = agent.containers.values().filter(|container| container.framework == name);
    let ended = agent.ended_of(name).take(COMPLETED_EXECUTORS);
    json!({
        "id": name,
        "name": known.info.name,
        "user": known.info.user,
        "hostname": known.info.hostname.clone().unwrap_or_default(),
        "failover_timeout": known.info.failover_timeout.unwrap_or(0.0),
        "checkpoint": known.info.checkpoint.unwrap_or(false),
        "role": known.roles.first().cloned().unwrap_or_default(),
        "executors": executors.map(|container| executor(known, id, container)).collect::<Vec<Value>>(),
        "completed_executors": ended.map(|place| completed_executor(agent, known, &place)).collect::<Vec<Value>>(),
    })
}

fn is_in(task: &known::Task, agent: &str, executor: &str) -> bool {
    task.agent == agent && task.executor_id().unwrap_or(&task.info.task_id.value) == executor
}

/// What a container may use: the executor's share, and those of its tasks that have not ended.
fn allocated(framework: &known::Framework, agent: &str, container: &Container) -> Resources {
    let info = container.kind.executor();
    let mut sum = info.map(|info| Resources::new(&info.resources)).unwrap_or_default();
    let mine = |task: &&known::Task| is_in(task, agent, &container.executor_id);
    framework
        .tasks
        .values()
        .filter(mine)
        .for_each(|task| sum.add(&task.resources));
    sum
}

fn executor(framework: &known::Framework, agent: &str, container: &Container) -> Value {
    let name = container.kind.executor().and_then(|info| info.name.clone());
    let mine = |task: &&known::Task| is_in(task, agent, &container.executor_id);
    let tasks = |all: &mut dyn Iterator<Item = &known::Task>| {
        all.filter(mine).map(|one| task(framework.id(), one)).collect::<Vec<Value>>()
    };
    json!({
        "id": container.executor_id,
        "name": name.unwrap_or_default(),
        "source": "",
        "container": container.container_id,
        "directory": text::from_bytes(container.directory.as_os_str().as_bytes()),
        "resources": flat(&allocated(framework, agent, container)),
        "role": container.role,
        "tasks": tasks(&mut framework.tasks.values()),
        "queued_tasks": [],
        "completed_tasks": tasks(&mut framework.completed_tasks.iter()),
    })
}

/// One that has ended, as long as its sandbox is there: for whoever wants to look into that.
fn completed_executor(agent: &Agent, framework: &known::Framework, place: &Place<'_>) -> Value {
    let mine = |task: &&known::Task| is_in(task, place.agent, place.executor);
    let all = framework.completed_tasks.iter().chain(framework.tasks.values()).filter(mine);
    let tasks: Vec<&known::Task> = all.collect();
    let directory = sandbox::path(&agent.identity.work_dir, place);
    json!({
        "id": place.executor,
        "name": "",
        "source": "",
        "container": place.container,
        "directory": text::from_bytes(directory.as_os_str().as_bytes()),
        "resources": flat(&Resources::default()),
        "role": tasks.first().map(|task| task.role.as_str()).or(framework.roles.first().map(String::as_str)),
        "tasks": [],
        "queued_tasks": [],
        "completed_tasks": tasks.into_iter().map(|one| task(framework.id(), one)).collect::<Vec<Value>>(),
    })
}

/// GET /slave(1)/containers.
pub fn containers(agent: &Agent) -> Value {
    let one = |container: &Container| {
        json!({
            "container_id": container.container_id,
            "executor_id": container.executor_id,
            "executor_name": "",
            "framework_id": container.framework,
            "source": "",
            "status": { "container_id": { "value": container.container_id }, "executor_pid": container.pid },
        })
    };
    agent.containers.values().map(one).collect()
}

/// GET /slave(1)/monitor/statistics: what containers may use. What they do use is not measured.
pub fn statistics(core: &Core, agent: &Agent) -> Value {
    let id = agent.id.as_ref().map(|id| id.value.as_str()).unwrap_or_default();
    let one = |container: &Container| {
        let framework = core.master.frameworks.get(&container.framework);
        let limits = framework
            .map(|framework| allocated(framework, id, container))
            .unwrap_or_default();
        let name = container.kind.executor().and_then(|info| info.name.clone());
        let megabytes = limits.scalar("mem");
        json!({
            "executor_id": container.executor_id,
            "executor_name": name.unwrap_or_default(),
            "framework_id": container.framework,
            "source": "",
            "statistics": {
                "timestamp": core.clock.now().seconds(),
                "cpus_limit": limits.scalar("cpus"),
                "mem_limit_bytes": (megabytes * 1024.0 * 1024.0) as u64,
            },
        })
    };
    agent.containers.values().map(one).collect()
}
