//! Faults of updates, calls, launches and connections, as `/mesos-local/` takes and shows them.

use super::refusal::Refusal;
use crate::local::core::Core;
use crate::local::faults::{Api, FailedLaunch, OnCall, OnUpdate, Refused, MOST};
use crate::proto::task_status::Reason;
use hyper::StatusCode;
use serde_json::{json, Value};
use std::time::Duration;

/// Has something go wrong; `None` if there is no such thing.
pub fn cause(core: &mut Core, way: &[&str], given: &Value) -> Result<Option<Value>, Refusal> {
    match way {
        ["updates", "lose"] => on_updates(core, OnUpdate::Lose, given)?,
        ["updates", "duplicate"] => on_updates(core, OnUpdate::Duplicate, given)?,
        ["calls", what @ ("refuse" | "delay")] => on_calls(core, what, given)?,
        ["launches", "fail"] => fail_launches(core, given)?,
        ["frameworks", what @ ("mute" | "unmute" | "disconnect")] => {
            connection(core, what, given)?;
            return Ok(Some(json!({})));
        }
        _ => return Ok(None),
    }
    Ok(Some(show(core)))
}

/// How many faults wait for what they are to happen to.
pub fn show(core: &Core) -> Value {
    let [updates, calls, launches] = core.faults.waiting();
    json!({ "updates": updates, "calls": calls, "launches": launches })
}

/// A member that may be left out.
fn text<'a>(given: &'a Value, name: &str) -> Result<Option<&'a str>, Refusal> {
    match &given[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other => Err(Refusal::bad(format!("Expecting '{name}' to be a text, not {other}"))),
    }
}

fn count(given: &Value) -> Result<u64, Refusal> {
    let count = match &given["count"] {
        Value::Null => Some(1),
        given => given.as_u64(),
    };
    count
        .filter(|count| (1..=MOST).contains(count))
        .ok_or_else(|| Refusal::bad(format!("Expecting 'count' to be a number from 1 to {MOST}")))
}

/// `{"seconds": 1.5}`
pub fn seconds(given: &Value) -> Result<Duration, Refusal> {
    let seconds = given["seconds"].as_f64();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        // Far enough for any test; a million years of timers would take long.
        .filter(|duration| *duration <= Duration::from_secs(10 * 366 * 24 * 3600))
        .ok_or_else(|| Refusal::bad("Expecting {\"seconds\": NUMBER}, from 0 to ten years"))
}

fn on_updates(core: &mut Core, what: OnUpdate, given: &Value) -> Result<(), Refusal> {
    let (task, count) = (text(given, "task_id")?, count(given)?);
    core.faults.on_updates(what, task.map(str::to_string), count);
    Ok(())
}

fn on_calls(core: &mut Core, what: &str, given: &Value) -> Result<(), Refusal> {
    let kind = text(given, "type")?.ok_or_else(|| Refusal::bad("Expecting 'type', as \"ACCEPT\""))?;
    let api = Api::of(text(given, "api")?.unwrap_or("scheduler"))
        .ok_or_else(|| Refusal::bad("Expecting 'api' to be scheduler, executor or operator"))?;
    let fault = match what {
        "delay" => OnCall::Delay(seconds(given)?),
        _ => OnCall::Refuse(refused(given)?),
    };
    core.faults.on_calls(fault, api, kind.to_string(), count(given)?);
    Ok(())
}

fn refused(given: &Value) -> Result<Refused, Refusal> {
    let status = match &given["status"] {
        Value::Null => Some(503),
        given => given.as_u64().and_then(|status| u16::try_from(status).ok()),
    };
    let status = status
        .filter(|status| (400..600).contains(status))
        .ok_or_else(|| Refusal::bad("Expecting 'status' to be a number from 400 to 599"))?;
    let text = text(given, "message")?.unwrap_or("Refused on demand").to_string();
    Ok(Refused { status, text })
}

fn fail_launches(core: &mut Core, given: &Value) -> Result<(), Refusal> {
    let name = text(given, "reason")?.unwrap_or("REASON_CONTAINER_LAUNCH_FAILED");
    // The schema is that of v0.
    let reason = Reason::from_str_name(&name.replace("AGENT", "SLAVE"));
    let reason = reason.ok_or_else(|| Refusal::bad(format!("Expecting 'reason' to be one of TaskStatus, not '{name}'")))?;
    let text = text(given, "message")?.unwrap_or("Failed on demand").to_string();
    core.faults.fail_launches(count(given)?, FailedLaunch { reason, text });
    Ok(())
}

/// Of a framework that is named by its id or its name.
fn connection(core: &mut Core, what: &str, given: &Value) -> Result<(), Refusal> {
    let name = text(given, "framework")?.ok_or_else(|| Refusal::bad("Expecting 'framework', an id or a name"))?;
    let mut all = core.master.frameworks.iter();
    let framework = core.master.frameworks.get(name).or_else(|| {
        all.find(|(_, framework)| framework.info.name == name)
            .map(|(_, framework)| framework)
    });
    let not_there = || Refusal::new(StatusCode::NOT_FOUND, format!("There is no framework '{name}'"));
    let subscription = framework.ok_or_else(not_there)?.subscription.as_ref();
    let not_connected = || Refusal::new(StatusCode::CONFLICT, format!("The framework '{name}' is not connected"));
    let stream = subscription.ok_or_else(not_connected)?.stream.id;
    match what {
        "disconnect" => core.end_stream(stream),
        what => core.mute(stream, what == "mute"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(seconds(&json!({ "seconds": 1.5 })).unwrap(), Duration::from_millis(1500));
        for bad in [
            json!({ "seconds": -1 }),
            json!({ "seconds": "1" }),
            json!(1),
            Value::Null,
            json!({ "seconds": 1e300 }),
        ] {
            assert!(seconds(&bad).is_err(), "{bad}");
        }
    }
}
