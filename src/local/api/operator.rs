//! The operator API of v1: `/api/v1` of the master, and of each agent.

use super::containers;
use super::content::{self, Accepted, Content, Speaker};
use super::executor::not_back;
use super::refusal::Refusal;
use super::{orders, plans, sandboxes, state, views};
use crate::local::agent::Agent;
use crate::local::control::{carry_out, Control};
use crate::local::core::Core;
use hyper::header::HeaderMap;
use hyper::StatusCode;
use serde_json::{json, Value};

/// Whom a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    Master,
    /// The agent with this number.
    Agent(usize),
}

/// What a call is answered with.
pub enum Answer {
    Value(Value),
    /// This, with what comes of the work as a member.
    Later {
        made: Value,
        member: String,
        work: sandboxes::Work,
    },
    /// 200 without a body, or 202.
    Empty(StatusCode),
    /// The events of the master.
    Subscribed,
    /// Of a container of the agent with this number: an end or an output, that is still to come.
    Container(usize, containers::Answer),
}

const OF_MASTER: &[&str] = &[
    "GET_HEALTH",
    "GET_FLAGS",
    "GET_VERSION",
    "GET_METRICS",
    "GET_LOGGING_LEVEL",
    "LIST_FILES",
    "READ_FILE",
    "GET_STATE",
    "GET_AGENTS",
    "GET_FRAMEWORKS",
    "GET_EXECUTORS",
    "GET_OPERATIONS",
    "GET_TASKS",
    "GET_ROLES",
    "GET_MASTER",
    "SUBSCRIBE",
    "TEARDOWN",
    "MARK_AGENT_GONE",
    "GET_QUOTA",
    "UPDATE_QUOTA",
    "SET_QUOTA",
    "REMOVE_QUOTA",
    "GET_WEIGHTS",
    "UPDATE_WEIGHTS",
    "GET_MAINTENANCE_SCHEDULE",
    "GET_MAINTENANCE_STATUS",
    "UPDATE_MAINTENANCE_SCHEDULE",
    "START_MAINTENANCE",
    "STOP_MAINTENANCE",
    "RESERVE_RESOURCES",
    "UNRESERVE_RESOURCES",
    "CREATE_VOLUMES",
    "DESTROY_VOLUMES",
    "GROW_VOLUME",
    "SHRINK_VOLUME",
    "DRAIN_AGENT",
    "DEACTIVATE_AGENT",
    "REACTIVATE_AGENT",
];
/// Besides those for containers.
const OF_AGENT: &[&str] = &[
    "GET_HEALTH",
    "GET_FLAGS",
    "GET_VERSION",
    "GET_METRICS",
    "GET_LOGGING_LEVEL",
    "LIST_FILES",
    "READ_FILE",
    "GET_STATE",
    "GET_CONTAINERS",
    "GET_FRAMEWORKS",
    "GET_EXECUTORS",
    "GET_OPERATIONS",
    "GET_TASKS",
    "GET_AGENT",
];

/// The types whose member of the same name has to be there, besides those for containers.
const WITH_MEMBER: &[&str] = &[
    "GET_METRICS",
    "LIST_FILES",
    "READ_FILE",
    "TEARDOWN",
    "MARK_AGENT_GONE",
    "UPDATE_QUOTA",
    "SET_QUOTA",
    "REMOVE_QUOTA",
    "UPDATE_WEIGHTS",
    "UPDATE_MAINTENANCE_SCHEDULE",
    "START_MAINTENANCE",
    "STOP_MAINTENANCE",
    "RESERVE_RESOURCES",
    "UNRESERVE_RESOURCES",
    "CREATE_VOLUMES",
    "DESTROY_VOLUMES",
    "GROW_VOLUME",
    "SHRINK_VOLUME",
    "DRAIN_AGENT",
    "DEACTIVATE_AGENT",
    "REACTIVATE_AGENT",
];

impl Whom {
    pub fn speaker(self) -> Speaker {
        match self {
            Whom::Master => Speaker::Master,
            Whom::Agent(_) => Speaker::Agent,
        }
    }

    /// The name of a class of its API, as Perl would have it.
    pub fn class(self, name: &str) -> String {
        match self {
            Whom::Master => format!("Mesos::Master::{name}"),
            Whom::Agent(_) => format!("Mesos::Agent::{name}"),
        }
    }
}

/// A call that can be carried out, and what its caller takes for an answer.
pub struct Asked {
    pub kind: String,
    pub accepted: Accepted,
    call: Value,
    /// The agent whose container it is about.
    of_container: Option<usize>,
}

/// What is asked for, in the order in which Mesos looks at it.
pub fn understand(whom: Whom, headers: &HeaderMap, body: Content) -> Result<Asked, Refusal> {
    // An agent looks at this first, a master when it has understood the call.
    let early = match whom {
        Whom::Master => None,
        Whom::Agent(_) => Some(content::accepted_of_agent(headers)?),
    };
    let is_first = body.is_first();
    let call = body.call(&whom.class("Call"))?;
    let (known, class) = match whom {
        Whom::Master => (OF_MASTER, "master::Call"),
        Whom::Agent(_) => (OF_AGENT, "agent::Call"),
    };
    let kind = call["type"].as_str().unwrap_or_default();
    let of_container = match whom {
        Whom::Agent(number) if containers::CALLS.contains(&kind) => Some(number),
        _ => None,
    };
    if of_container.is_none() && !known.contains(&kind) {
        return Err(match kind {
            "UNKNOWN" => Refusal::new(StatusCode::NOT_IMPLEMENTED, "501 Not Implemented."),
            "" => Refusal::bad(format!("Failed to validate {class}: Expecting 'type' to be present")),
            // Whatever else the schema knows.
            _ => Refusal::new(StatusCode::NOT_IMPLEMENTED, format!("mesos-local has no {kind}")),
        });
    }
    let member = kind.to_ascii_lowercase();
    if (of_container.is_some() || WITH_MEMBER.contains(&kind)) && !call[&member].is_object() {
        return Err(Refusal::bad(format!(
            "Failed to validate {class}: Expecting '{member}' to be present"
        )));
    }
    if of_container.is_some() {
        containers::validate(kind, &call[&member])?;
    }
    containers::check_stream(kind, is_first)?;
    let accepted = match early {
        Some(accepted) => accepted,
        None => Accepted {
            format: content::accepted(headers)?,
            stream: false,
        },
    };
    if accepted.stream && !containers::is_streaming(kind) {
        let text = format!("Streaming response is not supported for {kind} call");
        return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, text));
    }
    Ok(Asked {
        kind: kind.to_string(),
        accepted,
        of_container,
        call,
    })
}

/// Answers a call.
pub fn handle(core: &mut Core, whom: Whom, asked: Asked) -> Result<Answer, Refusal> {
    let (kind, member) = (asked.kind.as_str(), asked.kind.to_ascii_lowercase());
    let given = &asked.call[&member];
    if let Some(number) = asked.of_container {
        return Ok(match containers::carry_out(core, number, kind, given)? {
            containers::Answer::Empty(status) => Answer::Empty(status),
            answer => Answer::Container(number, answer),
        });
    }
    if let Some(answer) = action(core, kind, given)? {
        return Ok(answer);
    }
    core.tick();
    let answer = match whom {
        Whom::Master => of_master(core, kind),
        Whom::Agent(number) => {
            let agent = core.running_agent(number);
            of_agent(core, agent.ok_or_else(not_back)?, kind, given)
        }
    };
    let mut made = json!({ "type": kind });
    let answer = match answer {
        Some(answer) => answer,
        None => match sandboxes::call(core, kind, given)? {
            Some(work) => return Ok(Answer::Later { made, member, work }),
            None => common(core, kind),
        },
    };
    // Mesos has no member for a list without items.
    if !answer.is_null() {
        made[member] = answer;
    }
    Ok(Answer::Value(made))
}

/// What is done, and not only told.
fn action(core: &mut Core, kind: &str, given: &Value) -> Result<Option<Answer>, Refusal> {
    let named = |name: &str| {
        let text = given[name]["value"].as_str();
        text.map(str::to_string)
            .ok_or_else(|| Refusal::without(&format!("{name}.value")))
    };
    match kind {
        "SUBSCRIBE" => Ok(Some(Answer::Subscribed)),
        "TEARDOWN" => {
            orders::teardown(core, &named("framework_id")?)?;
            Ok(Some(Answer::Empty(StatusCode::OK)))
        }
        "MARK_AGENT_GONE" => {
            let id = named("agent_id")?;
            let there = core.master.agents.contains_key(&id)
                || core.master.unreachable.contains_key(&id)
                || core.master.recovered.contains_key(&id);
            if !there {
                return Err(Refusal::new(StatusCode::NOT_FOUND, ""));
            }
            carry_out(core, Control::MarkAgentGone(id));
            Ok(Some(Answer::Empty(StatusCode::OK)))
        }
        _ => match orders::carry_out(core, kind, given)? {
            Some(status) => Ok(Some(Answer::Empty(status))),
            None => Ok(plans::carry_out(core, kind, given)?.then_some(Answer::Empty(StatusCode::OK))),
        },
    }
}

fn of_master(core: &Core, kind: &str) -> Option<Value> {
    Some(match kind {
        "GET_STATE" => views::state(core),
        "GET_AGENTS" => views::agents(core),
        "GET_FRAMEWORKS" => views::frameworks(core),
        "GET_EXECUTORS" => views::executors(core),
        "GET_TASKS" => views::tasks(core),
        "GET_ROLES" => views::roles(core),
        "GET_MASTER" => {
            let started = core.master.identity.started;
            let info = views::message("Mesos::MasterInfo", &core.master.master_info());
            json!({ "master_info": info, "start_time": started, "elected_time": core.master.elected })
        }
        _ => return plans::asked(core, kind),
    })
}

fn of_agent(core: &Core, agent: &Agent, kind: &str, given: &Value) -> Option<Value> {
    let id = agent.id.as_ref().map(|id| id.value.as_str()).unwrap_or_default();
    let on_it = |framework: &str| agent.containers.values().any(|container| container.framework == framework);
    let frameworks = || {
        let there = core.master.frameworks.values().filter(|framework| on_it(framework.id()));
        let was = core.master.completed.iter().filter(|framework| views::was_on(framework, id));
        let info = |framework: &crate::local::master::state::Framework| json!({ "framework_info": views::message("Mesos::FrameworkInfo", &framework.info) });
        let (there, was): (Vec<Value>, Vec<Value>) = (there.map(info).collect(), was.map(info).collect());
        json!({ "frameworks": there, "completed_frameworks": was })
    };
    let executors = || {
        let infos = agent.containers.values().filter_map(|container| container.kind.executor());
        let all = infos.map(|info| json!({ "executor_info": views::message("Mesos::ExecutorInfo", info) }));
        json!({ "executors": all.collect::<Vec<Value>>(), "completed_executors": [] })
    };
    let tasks = || {
        let (mut launched, mut completed) = (Vec::new(), Vec::new());
        for framework in core.master.frameworks.values() {
            let here = |task: &&crate::local::master::state::Task| task.agent == id;
            launched.extend(
                framework
                    .tasks
                    .values()
                    .filter(here)
                    .map(|task| views::task(framework.id(), task)),
            );
            completed.extend(
                framework
                    .completed_tasks
                    .iter()
                    .filter(here)
                    .map(|task| views::task(framework.id(), task)),
            );
        }
        json!({ "pending_tasks": [], "queued_tasks": [], "launched_tasks": launched, "terminated_tasks": [], "completed_tasks": completed })
    };
    Some(match kind {
        "GET_FRAMEWORKS" => frameworks(),
        "GET_EXECUTORS" => executors(),
        "GET_TASKS" => tasks(),
        "GET_STATE" => json!({ "get_tasks": tasks(), "get_executors": executors(), "get_frameworks": frameworks() }),
        "GET_AGENT" => {
            let known = core.master.agents.get(id);
            let mut made = json!({ "agent_info": known.map(|known| views::message("Mesos::SlaveInfo", &known.info)) });
            if let Some((config, since)) = views::own_drain(agent) {
                made["drain_config"] = config;
                made["estimated_drain_start_time"] = views::time(since);
            }
            made
        }
        "GET_CONTAINERS" => json!({ "containers": containers::list(agent, given["show_nested"] == true) }),
        _ => return None,
    })
}

/// What master and agents answer alike.
fn common(core: &Core, kind: &str) -> Value {
    let pairs = |map: serde_json::Map<String, Value>| {
        let pair = |(name, value)| json!({ "name": name, "value": value });
        map.into_iter().map(pair).collect::<Vec<Value>>()
    };
    match kind {
        "GET_HEALTH" => json!({ "healthy": true }),
        "GET_FLAGS" => json!({ "flags": pairs(views::flags(core)) }),
        "GET_VERSION" => json!({ "version_info": state::version() }),
        "GET_METRICS" => json!({ "metrics": pairs(views::metrics(core)) }),
        "GET_LOGGING_LEVEL" => json!({ "level": 0 }),
        _ => json!({}),
    }
}
