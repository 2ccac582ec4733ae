//! What a master and its agents know, as the operator API shows it: messages of v1 in JSON.

use super::crowd::MOST_LISTENING;
use crate::local::core::Core;
use crate::local::ids;
use crate::local::master::state::{Agent, Framework, Offer, Task};
use crate::local::master::{Drain, VERSION};
use crate::message::json;
use crate::message::text;
use crate::proto::{self, ExecutorId, FrameworkId, SlaveId};
use crate::resources::Resources;
use prost::Message;
use serde_json::{json, Map, Value};

/// A message of this class (its Perl name), with the names of v1.
pub fn message(class: &str, message: &impl Message) -> Value {
    let class = text::of(class);
    let bytes = text::original(class, message.encode_to_vec());
    // What prost has made can be read.
    json::value(class, &bytes).unwrap_or_default()
}

/// Seconds since the epoch as a TimeInfo.
pub fn time(seconds: f64) -> Value {
    json!({ "nanoseconds": (seconds * 1e9) as i64 })
}

/// Resources with the role that they had before roles were stacked: of what is unreserved it is `*`.
fn resources<'a>(items: impl IntoIterator<Item = &'a proto::Resource>, role: Option<&str>) -> Value {
    let one = |item: &proto::Resource| {
        let mut made = message("Mesos::Resource", item);
        if item.reservations.is_empty() && made.get("role").is_none() {
            made["role"] = "*".into();
        }
        if let (Some(role), None) = (role, &item.allocation_info) {
            made["allocation_info"] = json!({ "role": role });
        }
        made
    };
    items.into_iter().map(one).collect()
}

/// Puts a member in, unless it is an empty list.
pub fn put(object: &mut Value, name: &str, value: Value) {
    if value.as_array().map_or(true, |list| !list.is_empty()) {
        object[name] = value;
    }
}

pub fn task(framework: &str, task: &Task) -> Value {
    let info = &task.info;
    let (state, uuid) = match &task.forwarded {
        Some((state, uuid)) => (Some(*state as i32), Some(uuid.clone())),
        None => (None, None),
    };
    let made = proto::Task {
        name: info.name.clone(),
        task_id: info.task_id.clone(),
        framework_id: FrameworkId { value: framework.into() },
        executor_id: task.executor_id().map(|id| ExecutorId { value: id.into() }),
        slave_id: SlaveId {
            value: task.agent.clone(),
        },
        state: task.state as i32,
        resources: info.resources.clone(),
        statuses: task.history.iter().collect(),
        status_update_state: state,
        status_update_uuid: uuid,
        labels: info.labels.clone(),
        discovery: info.discovery.clone(),
        container: info.container.clone(),
        health_check: info.health_check.clone(),
        kill_policy: info.kill_policy,
        ..Default::default()
    };
    message("Mesos::Task", &made)
}

pub fn framework(core: &Core, framework: &Framework) -> Value {
    let id = framework.id();
    let mut made = json!({
        "framework_info": message("Mesos::FrameworkInfo", &framework.info),
        "active": framework.is_connected(),
        "connected": framework.is_connected(),
        "recovered": framework.recovered,
        "registered_time": time(framework.registered),
        "reregistered_time": time(framework.reregistered.unwrap_or(framework.registered)),
        "offer_constraints": message("Mesos::Scheduler::OfferConstraints", framework.constraints.wished()),
    });
    if framework.unregistered > 0.0 {
        made["unregistered_time"] = time(framework.unregistered);
    }
    let mut allocated = Vec::new();
    for task in framework.tasks.values() {
        allocated.extend(task.resources.items().iter().cloned());
    }
    for agent in core.master.agents.values() {
        for (_, executor) in agent.executors_of(id) {
            allocated.extend(executor.resources.items().iter().cloned());
        }
    }
    let role = framework.roles.first().map(String::as_str);
    put(
        &mut made,
        "allocated_resources",
        resources(Resources::new(&allocated).items(), role),
    );
    let mut offered = Resources::default();
    let offers = core.master.offers.iter().filter(|(_, offer)| offer.framework == id);
    let shown = offers.map(|(offer_id, offer)| {
        offered.add(&offer.resources);
        self::offer(core, offer_id, offer)
    });
    let shown: Vec<Value> = shown.collect();
    put(&mut made, "offers", shown.into());
    put(&mut made, "offered_resources", resources(offered.items(), role));
    made
}

fn offer(core: &Core, id: &str, offer: &Offer) -> Value {
    let agent = core.master.agents.get(&offer.agent);
    let allocation_info = Some(proto::resource::AllocationInfo {
        role: Some(offer.role.clone()),
    });
    let made = proto::Offer {
        id: proto::OfferId { value: id.into() },
        framework_id: FrameworkId {
            value: offer.framework.clone(),
        },
        slave_id: SlaveId {
            value: offer.agent.clone(),
        },
        hostname: agent.map(|agent| agent.info.hostname.clone()).unwrap_or_default(),
        url: agent.map(|agent| core.master.agent_url(agent)),
        resources: offer.resources.shown(true, allocation_info.as_ref()),
        attributes: agent.map(|agent| agent.info.attributes.clone()).unwrap_or_default(),
        allocation_info,
        ..Default::default()
    };
    message("Mesos::Offer", &made)
}

pub fn agent(core: &Core, id: &str, agent: &Agent) -> Value {
    let (offered, used) = core.master.offered_and_used(id, agent);
    let mut info = message("Mesos::SlaveInfo", &agent.info);
    info["checkpoint"] = true.into();
    let mut made = json!({
        "agent_info": info,
        "active": core.master.is_active(id),
        "deactivated": core.master.deactivated.contains(id),
        "version": VERSION,
        "pid": ids::agent_pid(agent.link, core.settings.address),
        "registered_time": time(agent.registered),
    });
    if let Some(seconds) = agent.reregistered {
        made["reregistered_time"] = time(seconds);
    }
    if let Some(drain) = core.master.drains.get(id) {
        made["drain_info"] = drain_info(drain);
        made["estimated_drain_start_time"] = time(drain.since.floor());
    }
    put(&mut made, "total_resources", resources(agent.total.items(), None));
    put(&mut made, "allocated_resources", resources(used.items(), Some("*")));
    put(&mut made, "offered_resources", resources(offered.items(), Some("*")));
    let capabilities = crate::local::capabilities::AGENT.iter().map(|name| json!({ "type": name }));
    put(&mut made, "capabilities", capabilities.collect());
    made
}

/// How far an agent is that operators drain.
pub fn drain_info(drain: &Drain) -> Value {
    let state = if drain.done { "DRAINED" } else { "DRAINING" };
    json!({ "state": state, "config": drain_config(drain.grace, drain.mark_gone) })
}

fn drain_config(nanoseconds: Option<i64>, mark_gone: bool) -> Value {
    let mut config = json!({ "mark_gone": mark_gone });
    if let Some(nanoseconds) = nanoseconds {
        config["max_grace_period"] = json!({ "nanoseconds": nanoseconds });
    }
    config
}

/// What an agent itself says of its draining, and since when, in seconds.
pub fn own_drain(agent: &crate::local::agent::Agent) -> Option<(Value, f64)> {
    let drain = agent.drain.as_ref()?;
    let nanoseconds = |longest: std::time::Duration| i64::try_from(longest.as_nanos()).unwrap_or(i64::MAX);
    let config = drain_config(drain.longest.map(nanoseconds), drain.mark_gone);
    Some((config, drain.since))
}

pub fn tasks(core: &Core) -> Value {
    let (mut running, mut unreachable, mut completed) = (Vec::new(), Vec::new(), Vec::new());
    for framework in core.master.all_frameworks() {
        let id = framework.id();
        running.extend(framework.tasks.values().map(|one| task(id, one)));
        unreachable.extend(framework.unreachable_tasks.values().map(|one| task(id, one)));
        completed.extend(framework.completed_tasks.iter().map(|one| task(id, one)));
    }
    json!({ "tasks": running, "unreachable_tasks": unreachable, "completed_tasks": completed })
}

pub fn executors(core: &Core) -> Value {
    let of_agent = |(id, agent): (&String, &Agent)| {
        let one = |executor: &crate::local::master::state::Executor| json!({ "executor_info": message("Mesos::ExecutorInfo", &executor.info), "agent_id": { "value": id } });
        agent.executors.values().map(one).collect::<Vec<Value>>()
    };
    json!({ "executors": core.master.agents.iter().flat_map(of_agent).collect::<Vec<Value>>() })
}

pub fn frameworks(core: &Core) -> Value {
    let all =
        |frameworks: &mut dyn Iterator<Item = &Framework>| frameworks.map(|one| framework(core, one)).collect::<Vec<Value>>();
    json!({
        "frameworks": all(&mut core.master.frameworks.values()),
        "completed_frameworks": all(&mut core.master.completed.iter()),
    })
}

pub fn agents(core: &Core) -> Value {
    let agents = core.master.agents.iter().map(|(id, one)| agent(core, id, one));
    let recovered = core.master.recovered.values().map(|info| message("Mesos::SlaveInfo", info));
    json!({ "agents": agents.collect::<Vec<Value>>(), "recovered_agents": recovered.collect::<Vec<Value>>() })
}

pub fn state(core: &Core) -> Value {
    json!({ "get_tasks": tasks(core), "get_executors": executors(core), "get_frameworks": frameworks(core), "get_agents": agents(core) })
}

/// Whether a framework that has ended had tasks on an agent.
pub fn was_on(framework: &Framework, agent: &str) -> bool {
    framework.completed_tasks.iter().any(|task| task.agent == agent)
}

/// The names of roles that frameworks have, with what is allocated and offered to each, and whose they are.
pub fn roles_used(core: &Core) -> Vec<(String, Vec<String>, Resources)> {
    let mut names = std::collections::BTreeSet::new();
    names.extend(
        core.master
            .weights
            .keys()
            .chain(core.master.quotas.keys())
            .map(String::as_str),
    );
    for framework in core.master.frameworks.values() {
        names.extend(framework.roles.iter().map(String::as_str));
        names.extend(framework.allocated.keys().map(String::as_str));
    }
    // A role is below others, which are there with it.
    let parents = |name: &'_ str| name.match_indices('/').map(|(end, _)| end).collect::<Vec<usize>>();
    let above: Vec<&str> = names
        .iter()
        .flat_map(|name| parents(name).into_iter().map(|end| &name[..end]))
        .collect();
    names.extend(above);
    let of = |name: &str| {
        let mut sum = Resources::default();
        let mut members = Vec::new();
        for (id, framework) in &core.master.frameworks {
            if framework.roles.iter().any(|role| role == name) {
                members.push(id.clone());
            }
            if let Some(allocated) = framework.allocated.get(name) {
                sum.add(&allocated.scalars());
            }
        }
        (name.to_string(), members, sum)
    };
    names.into_iter().map(of).collect()
}

pub fn roles(core: &Core) -> Value {
    let one = |(name, members, sum): (String, Vec<String>, Resources)| {
        let ids: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
        let mut made = json!({ "name": name, "weight": core.master.weight(&name) });
        put(&mut made, "frameworks", ids.into());
        let quantity = |item: &proto::Resource| json!({ "name": item.name, "type": "SCALAR", "scalar": { "value": sum.scalar(&item.name) } });
        put(&mut made, "resources", sum.items().iter().map(quantity).collect());
        made
    };
    json!({ "roles": roles_used(core).into_iter().map(one).collect::<Vec<Value>>() })
}

/// What a cluster was started with, as far as Mesos has flags for it.
pub fn flags(core: &Core) -> Map<String, Value> {
    let intervals = &core.master.identity.intervals;
    let seconds = |duration: std::time::Duration| format!("{}secs", duration.as_secs_f64());
    let mut flags = Map::new();
    let mut set = |name: &str, value: String| flags.insert(name.into(), value.into());
    set("gc_delay", seconds(intervals.collection.delay));
    set("gc_disk_headroom", intervals.collection.headroom.to_string());
    set("disk_watch_interval", seconds(intervals.collection.watch));
    set("agent_ping_timeout", seconds(intervals.ping));
    set("agent_reregister_timeout", seconds(intervals.reregister));
    set("allocation_interval", seconds(intervals.allocation));
    set("authenticate_http_frameworks", (!core.settings.access.open).to_string());
    set("hostname", core.master.identity.hostname.clone());
    set("ip", core.master.identity.address.ip().to_string());
    set("max_agent_ping_timeouts", intervals.pings.to_string());
    set("max_operator_event_stream_subscribers", MOST_LISTENING.to_string());
    set("min_allocatable_resources", core.master.identity.minimum.text().to_string());
    set("port", core.master.identity.address.port().to_string());
    set("work_dir", core.settings.work_dir.to_string_lossy().into_owned());
    let isolation = &core.settings.isolation;
    set("isolation", isolation.text.clone());
    set("cgroups_enable_cfs", isolation.cfs.to_string());
    if let Some(root) = &isolation.root {
        set("cgroups_root", root.clone());
    }
    if let Some(offer) = intervals.offer {
        set("offer_timeout", seconds(offer));
    }
    flags
}

/// Figures of the master, by the names that Mesos has for them.
pub fn metrics(core: &Core) -> Map<String, Value> {
    let master = &core.master;
    let (active, inactive): (Vec<&String>, Vec<&String>) = master.agents.keys().partition(|id| master.is_active(id));
    let connected_agents = master.agents.values().filter(|agent| agent.connected).count();
    let (connected, disconnected): (Vec<_>, Vec<_>) = master.frameworks.values().partition(|framework| framework.is_connected());
    let mut all: Vec<(String, f64)> = [
        ("master/elected", 1.0),
        ("master/uptime_secs", core.clock.now().seconds() - master.identity.started),
        ("master/slaves_active", active.len() as f64),
        ("master/slaves_connected", connected_agents as f64),
        ("master/slaves_disconnected", (master.agents.len() - connected_agents) as f64),
        ("master/slaves_inactive", inactive.len() as f64),
        ("master/slaves_unreachable", master.unreachable.len() as f64),
        ("master/frameworks_active", connected.len() as f64),
        ("master/frameworks_connected", connected.len() as f64),
        ("master/frameworks_disconnected", disconnected.len() as f64),
        ("master/frameworks_inactive", disconnected.len() as f64),
        ("master/outstanding_offers", master.offers.len() as f64),
        ("allocator/mesos/allocation_runs", master.runs.count as f64),
    ]
    .map(|(name, value)| (name.to_string(), value))
    .into();
    let runs = master.runs.figures().into_iter();
    all.extend(runs.map(|(name, value)| (format!("allocator/mesos/allocation_run_ms{name}"), value)));
    for (state, count) in counts(core, |_, _| true) {
        all.push((
            format!("master/{}", state.to_ascii_lowercase().replacen("task_", "tasks_", 1)),
            count as f64,
        ));
    }
    for name in ["cpus", "mem", "disk", "gpus"] {
        let total: f64 = master.agents.values().map(|agent| agent.total.scalar(name)).sum();
        let free: f64 = master.agents.values().map(|agent| agent.free.scalar(name)).sum();
        let offered: f64 = master.offers.values().map(|offer| offer.resources.scalar(name)).sum();
        let used = (total - free - offered).max(0.0);
        all.push((format!("master/{name}_total"), total));
        all.push((format!("master/{name}_used"), used));
        all.push((format!("master/{name}_percent"), if total > 0.0 { used / total } else { 0.0 }));
    }
    all.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// The states that `/state-summary` and the figures count.
const COUNTED: [&str; 10] = [
    "TASK_STAGING",
    "TASK_STARTING",
    "TASK_RUNNING",
    "TASK_KILLING",
    "TASK_FINISHED",
    "TASK_KILLED",
    "TASK_FAILED",
    "TASK_LOST",
    "TASK_ERROR",
    "TASK_UNREACHABLE",
];

/// How many tasks there are in each state, of those that are wanted: by framework and agent.
pub fn counts(core: &Core, wanted: impl Fn(&str, &str) -> bool) -> Vec<(&'static str, usize)> {
    let mut counts = COUNTED.map(|state| (state, 0));
    for framework in core.master.all_frameworks() {
        for task in framework.all_tasks() {
            if wanted(framework.id(), &task.agent) {
                let state = task.state.as_str_name();
                counts
                    .iter_mut()
                    .filter(|(name, _)| *name == state)
                    .for_each(|(_, count)| *count += 1);
            }
        }
    }
    counts.into()
}
