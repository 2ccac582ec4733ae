//! `/mesos-local/`: faults and repairs on demand, over HTTP. docs/mesos-local.md says what there is.

use super::body::{self, Arriving};
use super::refusal::Refusal;
use super::reply::{json, Reply};
use super::{door, faults};
use crate::local::control::{carry_out, Control};
use crate::local::core::{Core, Standing};
use crate::local::ids;
use crate::local::reset::{is_settled, left_over, reset, start_again};
use crate::message::text;
use hyper::header::HeaderMap;
use hyper::{Method, Request, StatusCode};
use serde_json::{json, Value};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

const PREFIX: &str = "/mesos-local";

/// Whether a path is one of this API.
pub fn is_below(path: &str) -> bool {
    path.strip_prefix(PREFIX)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// How long a reset waits for agents and processes at most, and how often it looks.
const SETTLING: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);

/// Whether the headers have the token of this API.
pub fn may(headers: &HeaderMap, token: &str) -> bool {
    door::bearer(headers).is_some_and(|given| ids::is_same_secret(given, token))
}

/// Answers a request of somebody who may.
pub async fn answer(core: Rc<RefCell<Core>>, request: Request<Arriving>) -> Result<Reply, Refusal> {
    let (parts, body) = request.into_parts();
    let bytes = body::collect(body, body::PATIENCE).await?;
    let given = match bytes.is_empty() {
        true => Value::Null,
        false => {
            serde_json::from_str(&text::from_bytes(&bytes)).map_err(|e| Refusal::bad(format!("The body is no JSON: {e}")))?
        }
    };
    let path = parts.uri.path().replace("%28", "(").replace("%29", ")");
    let path = path.strip_prefix(PREFIX).unwrap_or_default();
    let way: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let value = match (&parts.method, way.as_slice()) {
        (&Method::POST, ["reset"]) => reset_all(core).await,
        (&Method::POST, ["master" | "masters", ..]) => change_master(core, &way).await?,
        (&Method::POST, ["updates" | "calls" | "launches" | "frameworks", _]) => {
            faults::cause(&mut core.borrow_mut(), &way, &given)?.ok_or_else(nothing_there)?
        }
        (&Method::POST, way) => change(&mut core.borrow_mut(), way, &given)?,
        (&Method::GET, way) => show(&core.borrow(), way)?,
        _ => return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Expecting GET or POST")),
    };
    Ok(json(&value))
}

fn nothing_there() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "There is no such thing below /mesos-local/: see docs/mesos-local.md",
    )
}

fn show(core: &Core, way: &[&str]) -> Result<Value, Refusal> {
    Ok(match way {
        [] => {
            json!({ "agents": agents(core), "clock": clock(core), "left": left(core), "master": core.master.identity.id, "masters": masters(core) })
        }
        ["agents"] => agents(core),
        ["masters"] => masters(core),
        ["clock"] => clock(core),
        ["left"] => left(core),
        ["faults"] => faults::show(core),
        _ => return Err(nothing_there()),
    })
}

fn agents(core: &Core) -> Value {
    let places = core.places().into_iter();
    places
        .map(|place| json!({ "number": place.number, "id": place.id, "hostname": place.hostname, "state": place.state, "cut": place.cut }))
        .collect()
}

fn masters(core: &Core) -> Value {
    let all = core.masters.standings().into_iter();
    all.map(|master| json!({ "number": master.number, "address": master.address.to_string(), "state": master.state }))
        .collect()
}

/// Returns when the masters' ports are open or closed as they have to be.
async fn change_master(core: Rc<RefCell<Core>>, way: &[&str]) -> Result<Value, Refusal> {
    let control = master_control(&core.borrow(), way)?;
    carry_out(&mut core.borrow_mut(), control);
    let end = Instant::now() + SETTLING;
    while !core.borrow().masters.ports_follow() && Instant::now() < end {
        tokio::time::sleep(LOOK).await;
    }
    let core = core.borrow();
    Ok(json!({ "masters": masters(&core) }))
}

/// A master is named by its number, or by its address, or as the `leader`.
fn master_control(core: &Core, way: &[&str]) -> Result<Control, Refusal> {
    let (which, action) = match way {
        ["master", "failover"] => return Ok(Control::FailOverMaster),
        ["masters", which, action] => (which, action),
        _ => return Err(nothing_there()),
    };
    let named = |master: &Standing| {
        master.number.to_string() == *which
            || master.address.to_string() == *which
            || (*which == "leader" && master.state == "leading")
    };
    let mut all = core.masters.standings().into_iter();
    let found = all.find(named).map(|master| master.number);
    let number = found.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, format!("There is no master '{which}'")))?;
    match *action {
        "stop" if core.masters.is_alone() => {
            let text = "The agents and this API are at the port of the only master: with --masters they have a port of their own";
            Err(Refusal::new(StatusCode::CONFLICT, text))
        }
        "stop" => Ok(Control::StopMaster(number)),
        "start" => Ok(Control::StartMaster(number)),
        _ => Err(nothing_there()),
    }
}

fn clock(core: &Core) -> Value {
    json!({ "seconds": core.clock.now().seconds(), "paused": core.clock.is_paused() })
}

fn left(core: &Core) -> Value {
    let frameworks: Vec<Value> = left_over(core)
        .into_iter()
        .map(|framework| {
            let task = |(id, state): &(String, &str)| json!({ "id": id, "state": state });
            let tasks: Vec<Value> = framework.tasks.iter().map(task).collect();
            json!({ "id": framework.id, "name": framework.name, "connected": framework.connected, "tasks": tasks })
        })
        .collect();
    json!({ "frameworks": frameworks })
}

fn change(core: &mut Core, way: &[&str], given: &Value) -> Result<Value, Refusal> {
    let control = match way {
        ["agents"] => Control::AddAgent,
        ["agents", which, action] => of_agent(core, which, action, given)?,
        ["clock", "pause"] => Control::PauseClock,
        ["clock", "resume"] => Control::ResumeClock,
        ["clock", "advance"] => Control::AdvanceClock(faults::seconds(given)?),
        ["tasks", "kill"] => {
            let named = |name: &str| {
                given[name]
                    .as_str()
                    .ok_or_else(|| Refusal::bad(format!("Expecting '{name}'")))
            };
            let (framework, task) = (named("framework_id")?, named("task_id")?);
            core.tick();
            core.master.kill(framework, task, None, None);
            core.run();
            return Ok(json!({}));
        }
        _ => return Err(nothing_there()),
    };
    carry_out(core, control);
    Ok(match way {
        ["agents"] => agents(core).as_array_mut().and_then(Vec::pop).unwrap_or_default(),
        ["agents", which, _] => number_of(core, which)
            .and_then(|number| agents(core).get_mut(number).map(Value::take))
            .unwrap_or_default(),
        ["clock", _] => clock(core),
        _ => json!({}),
    })
}

/// An agent is named by its number or by its id.
fn number_of(core: &Core, which: &str) -> Option<usize> {
    let mut places = core.places().into_iter();
    places
        .find(|place| place.id.as_deref() == Some(which) || which == place.number.to_string())
        .map(|place| place.number)
}

fn of_agent(core: &Core, which: &str, action: &str, given: &Value) -> Result<Control, Refusal> {
    let number = number_of(core, which);
    let number = number.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, format!("There is no agent '{which}'")))?;
    Ok(match action {
        "stop" => Control::StopAgent(number),
        "crash" => Control::CrashAgent(number),
        "start" => Control::StartAgent(number),
        "cut" => Control::CutAgent(number),
        "heal" => Control::HealAgent(number),
        "collect" => Control::CollectSandboxes(number),
        "delay" => Control::DelayAgent(number, faults::seconds(given)?),
        "gone" => {
            let place = core.places().into_iter().nth(number);
            let id = place.and_then(|place| place.id);
            Control::MarkAgentGone(id.ok_or_else(|| Refusal::new(StatusCode::CONFLICT, "The agent has no id"))?)
        }
        _ => return Err(nothing_there()),
    })
}

/// Says what was left over, and returns when the cluster is as it was at first.
async fn reset_all(core: Rc<RefCell<Core>>) -> Value {
    let mut report = left(&core.borrow());
    reset(&mut core.borrow_mut());
    let end = Instant::now() + SETTLING;
    while !is_settled(&core.borrow()) && Instant::now() < end {
        tokio::time::sleep(LOOK).await;
        start_again(&mut core.borrow_mut());
    }
    let core = core.borrow();
    report["settled"] = is_settled(&core).into();
    report["agents"] = agents(&core);
    report["masters"] = masters(&core);
    report
}
