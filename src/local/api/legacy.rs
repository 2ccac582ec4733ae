//! The JSON of Mesos' older endpoints, with the names of v0, which tools still read. `/state` itself is in [`state`](super::state).

use super::state::{attributes, flat, framework, framework_alone, reserved, slave, task, version};
use super::{plans, views};
use crate::local::agent::state::Container;
use crate::local::agent::Agent;
use crate::local::core::Core;
use crate::local::master::state as known;
use crate::message::text;
use crate::resources::Resources;
use serde_json::{json, Map, Value};
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
    let began = |one: &known::Task| one.history.first().and_then(|status| status.timestamp).unwrap_or(f64::MAX);
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
    let mut names: Vec<&str> = agent
        .containers
        .values()
        .map(|container| container.framework.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let shown = |known: &known::Framework| {
        let name = known.id();
        let executors = agent.containers.values().filter(|container| container.framework == name);
        json!({
            "id": name,
            "name": known.info.name,
            "user": known.info.user,
            "hostname": known.info.hostname.clone().unwrap_or_default(),
            "failover_timeout": known.info.failover_timeout.unwrap_or(0.0),
            "checkpoint": known.info.checkpoint.unwrap_or(false),
            "role": known.roles.first().cloned().unwrap_or_default(),
            "executors": executors.map(|container| executor(known, &id, container)).collect::<Vec<Value>>(),
            "completed_executors": [],
        })
    };
    let there = names.into_iter().filter_map(|name| core.master.frameworks.get(name));
    let frameworks: Vec<Value> = there.map(shown).collect();
    let was = core.master.completed.iter().filter(|framework| views::was_on(framework, &id));
    let completed: Vec<Value> = was.map(shown).collect();
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

fn executor(framework: &known::Framework, agent: &str, container: &Container) -> Value {
    let info = container.kind.executor();
    let name = info.and_then(|info| info.name.clone());
    let sum = info.map(|info| Resources::new(&info.resources)).unwrap_or_default();
    let mine = |task: &&known::Task| {
        let of = task.executor_id().unwrap_or(&task.info.task_id.value);
        task.agent == agent && of == container.executor_id
    };
    let tasks = |all: &mut dyn Iterator<Item = &known::Task>| {
        all.filter(mine).map(|one| task(framework.id(), one)).collect::<Vec<Value>>()
    };
    json!({
        "id": container.executor_id,
        "name": name.unwrap_or_default(),
        "source": "",
        "container": container.container_id,
        "directory": text::from_bytes(container.directory.as_os_str().as_bytes()),
        "resources": flat(&sum),
        "role": container.role,
        "tasks": tasks(&mut framework.tasks.values()),
        "queued_tasks": [],
        "completed_tasks": tasks(&mut framework.completed_tasks.iter()),
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
