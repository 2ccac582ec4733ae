//! The JSON of `/state` and `/version`, with the names that tools look for (v0 style).

use super::views;
use crate::local::agent::state::Container;
use crate::local::capabilities;
use crate::local::core::Core;
use crate::local::ids;
use crate::local::master::state::{Agent, Framework, Task};
use crate::local::master::VERSION;
use crate::message::text;
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::{Attribute, Labels, TaskState, TaskStatus};
use crate::resources::item::reserved_for;
use crate::resources::{amount_text, Resources};
use serde_json::{json, Map, Value};
use std::os::unix::ffi::OsStrExt;

/// GET /version.
pub fn version() -> Value {
    json!({ "version": VERSION, "build_date": "2020-11-24 15:38:37", "build_time": 1606232317.0, "build_user": "mesos-perl" })
}

/// `{"cpus":4.0,"mem":..,"disk":..,"gpus":0.0,"ports":"[31000-32000]"}`.
pub fn flat(all: &Resources) -> Value {
    let mut flat = Map::new();
    for name in ["cpus", "mem", "disk", "gpus"] {
        flat.insert(name.into(), all.scalar(name).into());
    }
    for item in all.items() {
        if item.scalar.is_some() {
            flat.insert(item.name.clone(), all.scalar(&item.name).into());
        } else {
            flat.insert(item.name.clone(), amount_text(item).into());
        }
    }
    Value::Object(flat)
}

/// What is reserved, by role.
pub fn reserved(all: &Resources) -> Value {
    let mut roles: Vec<&str> = all.items().iter().filter_map(reserved_for).collect();
    roles.sort_unstable();
    roles.dedup();
    let of = |role: &str| (role.to_string(), flat(&all.only(|item| reserved_for(item) == Some(role))));
    Value::Object(roles.into_iter().map(of).collect())
}

fn sum<'a>(all: impl Iterator<Item = &'a Resources>) -> Resources {
    let mut sum = Resources::default();
    all.for_each(|one| sum.add(one));
    sum
}

fn labels(labels: &Labels) -> Value {
    labels
        .labels
        .iter()
        .map(|label| json!({ "key": label.key, "value": label.value }))
        .collect()
}

pub fn attributes(all: &[Attribute]) -> Value {
    let value = |a: &Attribute| match (&a.scalar, &a.text) {
        (Some(scalar), _) => json!(scalar.value),
        (_, Some(text)) => json!(text.value),
        _ => {
            let item = crate::proto::Resource {
                r#type: a.r#type,
                ranges: a.ranges.clone(),
                set: a.set.clone(),
                ..Default::default()
            };
            json!(amount_text(&item))
        }
    };
    all.iter().map(|a| (a.name.clone(), value(a))).collect::<Map<_, _>>().into()
}

fn state_name(state: i32) -> &'static str {
    TaskState::try_from(state).unwrap_or(TaskState::TaskStaging).as_str_name()
}

fn status(status: &TaskStatus) -> Value {
    let mut made = json!({ "state": state_name(status.state), "timestamp": status.timestamp });
    if let Some(healthy) = status.healthy {
        made["healthy"] = healthy.into();
    }
    if let Some(all) = &status.labels {
        made["labels"] = labels(all);
    }
    let container = status
        .container_status
        .as_ref()
        .and_then(|container| container.container_id.as_ref());
    if let Some(container) = container {
        made["container_status"] = json!({ "container_id": { "value": container.value } });
    }
    made
}

pub fn task(framework: &str, task: &Task) -> Value {
    let mut made = json!({
        "id": task.info.task_id.value,
        "name": task.info.name,
        "framework_id": framework,
        "executor_id": task.executor_id().unwrap_or_default(),
        "slave_id": task.agent,
        "state": state_name(task.state as i32),
        // What it was launched with, also after its end.
        "resources": flat(&Resources::new(&task.info.resources)),
        "role": task.role,
        "statuses": task.history.iter().map(|one| status(&one)).collect::<Vec<_>>(),
    });
    if let Some(all) = &task.info.labels {
        made["labels"] = labels(all);
    }
    made
}

/// With its tasks, offers and executors.
pub fn framework(core: &Core, id: &str, f: &Framework, offered: Option<&Resources>) -> Value {
    let mut made = framework_alone(core, id, f, offered);
    let offers = core.master.offers.iter().filter(|(_, offer)| offer.framework == id);
    let offers = offers.map(|(offer_id, offer)| {
        json!({ "id": offer_id, "framework_id": id, "slave_id": offer.agent,
                "allocation_info": { "role": offer.role }, "resources": flat(&offer.resources) })
    });
    let executors = core.agents().flat_map(|agent| {
        let theirs = agent.containers.values().filter(|container| container.framework == id);
        theirs.filter_map(|container| executor(agent.id.as_ref().map_or("", |id| &id.value), container))
    });
    made["tasks"] = f.tasks.values().map(|t| task(id, t)).collect();
    made["unreachable_tasks"] = f.unreachable_tasks.values().map(|t| task(id, t)).collect();
    made["completed_tasks"] = f.completed_tasks.iter().map(|t| task(id, t)).collect();
    made["offers"] = offers.collect();
    made["executors"] = executors.collect();
    made
}

pub fn framework_alone(core: &Core, id: &str, f: &Framework, offered: Option<&Resources>) -> Value {
    let used = sum(f.tasks.values().map(|task| &task.resources));
    let mut all = used.clone();
    all.add(offered.unwrap_or(&Resources::default()));
    let on_agents = core.master.agents.values().flat_map(|agent| agent.executors_of(id));
    on_agents.for_each(|(_, executor)| all.add(&executor.resources));
    let capabilities = f
        .info
        .capabilities
        .iter()
        .filter_map(|c| Capability::try_from(c.r#type?).ok());
    let mut made = json!({
        "id": id,
        "name": f.info.name,
        "used_resources": flat(&used),
        "offered_resources": flat(offered.unwrap_or(&Resources::default())),
        "resources": flat(&all),
        "capabilities": capabilities.map(|c| c.as_str_name()).collect::<Vec<_>>(),
        "hostname": f.info.hostname.clone().unwrap_or_default(),
        "webui_url": f.info.webui_url.clone().unwrap_or_default(),
        "active": f.is_connected(),
        "connected": f.is_connected(),
        "recovered": f.recovered,
        "user": f.info.user,
        "failover_timeout": f.info.failover_timeout.unwrap_or(0.0),
        "checkpoint": f.info.checkpoint.unwrap_or(false),
        "registered_time": f.registered,
        "unregistered_time": f.unregistered,
    });
    match f.roles.as_slice() {
        [role] if !f.has(Capability::MultiRole) => made["role"] = role.clone().into(),
        roles => made["roles"] = roles.to_vec().into(),
    }
    if let Some(principal) = &f.info.principal {
        made["principal"] = principal.clone().into();
    }
    if let Some(time) = f.reregistered {
        made["reregistered_time"] = time.into();
    }
    if !f.constraints.wished().role_constraints.is_empty() {
        made["offer_constraints"] = views::message("Mesos::Scheduler::OfferConstraints", f.constraints.wished());
    }
    if let Some(all) = &f.info.labels {
        made["labels"] = labels(all);
    }
    made
}

/// An executor that is not a command's, on the agent with this id.
fn executor(agent: &str, container: &Container) -> Option<Value> {
    let info = container.kind.executor()?;
    Some(json!({
        "executor_id": container.executor_id,
        "name": info.name.clone().unwrap_or_default(),
        "framework_id": container.framework,
        "slave_id": agent,
        "container": container.container_id,
        "directory": text::from_bytes(container.directory.as_os_str().as_bytes()),
        "resources": flat(&Resources::new(&info.resources)),
    }))
}

pub fn slave(core: &Core, id: &str, agent: &Agent) -> Value {
    let (offered, used) = core.master.offered_and_used(id, agent);
    let mut made = json!({
        "id": id,
        "hostname": agent.info.hostname,
        "port": agent.info.port(),
        "attributes": attributes(&agent.info.attributes),
        "pid": ids::agent_pid(agent.link, core.settings.address),
        "registered_time": agent.registered,
        "resources": flat(&agent.total),
        "used_resources": flat(&used),
        "offered_resources": flat(&offered),
        "reserved_resources": reserved(&agent.total),
        "unreserved_resources": flat(&agent.total.usable_by("*")),
        "active": core.master.is_active(id),
        "deactivated": core.master.deactivated.contains(id),
        "version": VERSION,
        "capabilities": capabilities::AGENT,
    });
    if let Some(time) = agent.reregistered {
        made["reregistered_time"] = time.into();
    }
    if let Some(drain) = core.master.drains.get(id) {
        made["drain_info"] = views::drain_info(drain);
        made["estimated_drain_start_time_seconds"] = drain.since.into();
    }
    made
}

/// GET /master/state.
pub fn state(core: &Core) -> Value {
    let (master, identity) = (&core.master, &core.master.identity);
    let (address, hostname) = (identity.address, &identity.hostname);
    let offered = master.offered();
    let frameworks = master
        .frameworks
        .iter()
        .map(|(id, f)| framework(core, id, f, offered.get(id.as_str())));
    let completed = master.completed.iter().map(|f| framework(core, f.id(), f, None));
    let slaves = master.agents.iter().map(|(id, agent)| slave(core, id, agent));
    let (active, inactive): (Vec<_>, Vec<_>) = master.agents.keys().partition(|id| master.is_active(id));
    let recovered = master
        .recovered
        .iter()
        .map(|(id, info)| json!({ "id": id, "hostname": info.hostname, "port": info.port() }));
    json!({
        "version": VERSION,
        "build_date": version()["build_date"],
        "build_time": version()["build_time"],
        "build_user": version()["build_user"],
        "start_time": identity.started,
        "elected_time": master.elected,
        "id": identity.id,
        "pid": format!("master@{address}"),
        "hostname": hostname,
        "capabilities": ["AGENT_UPDATE"],
        "activated_slaves": active.len() as f64,
        "deactivated_slaves": inactive.len() as f64,
        "unreachable_slaves": master.unreachable.len() as f64,
        "leader": format!("master@{address}"),
        "leader_info": { "id": identity.id, "pid": format!("master@{address}"), "port": address.port(), "hostname": hostname },
        "flags": { "work_dir": text::from_bytes(core.settings.work_dir.as_os_str().as_bytes()) },
        "slaves": slaves.collect::<Vec<_>>(),
        "recovered_slaves": recovered.collect::<Vec<_>>(),
        "frameworks": frameworks.collect::<Vec<_>>(),
        "completed_frameworks": completed.collect::<Vec<_>>(),
        "orphan_tasks": [],
        "unregistered_frameworks": [],
    })
}
