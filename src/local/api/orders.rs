//! What operators order for agents: to drain or deactivate one, and operations on its resources. Calls of v1.

use super::content::{decoded, encoded};
use super::refusal::Refusal;
use crate::local::core::Core;
use crate::local::master::Refused;
use crate::proto::offer::Operation;
use crate::proto::Resource;
use crate::resources::{self, item_text};
use hyper::StatusCode;
use serde_json::{json, Value};

const OPERATION: &str = "Mesos::Offer::Operation";

/// Ends a framework and everything that it has.
pub fn teardown(core: &mut Core, framework: &str) -> Result<(), Refusal> {
    core.tick();
    if !core.master.frameworks.contains_key(framework) {
        return Err(Refusal::bad("No framework found with specified ID"));
    }
    core.master.remove_framework(framework);
    core.run();
    Ok(())
}

/// Carries out a call; the code of its answer if it is one of these.
pub fn carry_out(core: &mut Core, kind: &str, given: &Value) -> Result<Option<StatusCode>, Refusal> {
    let prefix = kind.to_ascii_lowercase();
    let agent = || agent_id(given, &prefix);
    match kind {
        "DRAIN_AGENT" => {
            let (agent, grace, gone) = (agent()?, grace(given)?, flag(given, "mark_gone")?);
            core.tick();
            core.master.drain_agent(&agent, grace, gone).map_err(Refusal::bad)?;
        }
        "DEACTIVATE_AGENT" => {
            let agent = agent()?;
            core.tick();
            core.master.deactivate_agent(&agent).map_err(Refusal::bad)?;
        }
        "REACTIVATE_AGENT" => {
            let agent = agent()?;
            core.tick();
            core.master.reactivate_agent(&agent).map_err(Refusal::bad)?;
        }
        _ => {
            let Some(operation) = operation(kind, given, &prefix)? else {
                return Ok(None);
            };
            let agent = match given.get("agent_id") {
                None | Some(Value::Null) => {
                    return Err(invalid(
                        "Expecting 'agent_id' to be present; only agent default resources are supported right now".into(),
                    ))
                }
                Some(_) => agent()?,
            };
            core.tick();
            let done = core.master.operate_on(&agent, operation);
            core.run();
            return match done {
                Ok(()) => Ok(Some(StatusCode::ACCEPTED)),
                Err(Refused::Bad(text)) => Err(Refusal::bad(text)),
                Err(Refused::Conflict(text)) => Err(Refusal::new(StatusCode::CONFLICT, text)),
            };
        }
    }
    core.run();
    Ok(Some(StatusCode::OK))
}

fn unreadable(why: &str) -> Refusal {
    Refusal::bad(format!("Failed to convert JSON into Call protobuf: {why}"))
}

fn invalid(why: String) -> Refusal {
    Refusal::bad(format!("Failed to validate master::Call: {why}"))
}

fn unexpected(value: &Value, field: &str) -> Refusal {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    unreadable(&format!("Not expecting a JSON {kind} for field '{field}'"))
}

fn agent_id(given: &Value, prefix: &str) -> Result<String, Refusal> {
    let missing = |what: &str| unreadable(&format!("Missing required fields: {prefix}.{what}"));
    match &given["agent_id"] {
        Value::Null => Err(missing("agent_id")),
        Value::Object(id) => {
            let value = id.get("value").and_then(Value::as_str);
            value.map(str::to_string).ok_or_else(|| missing("agent_id.value"))
        }
        other => Err(unexpected(other, "agent_id")),
    }
}

fn flag(given: &Value, name: &str) -> Result<bool, Refusal> {
    match &given[name] {
        Value::Null => Ok(false),
        Value::Bool(value) => Ok(*value),
        other => Err(unexpected(other, name)),
    }
}

/// A duration of protobuf's own, in nanoseconds.
fn grace(given: &Value) -> Result<Option<i64>, Refusal> {
    const FIELD: &str = "max_grace_period";
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    match &given[FIELD] {
        Value::Null => Ok(None),
        Value::Object(duration) => {
            let part = |name: &str| duration.get(name).and_then(number).unwrap_or(0);
            Ok(Some(
                part("seconds").saturating_mul(1_000_000_000).saturating_add(part("nanos")),
            ))
        }
        other => Err(unexpected(other, FIELD)),
    }
}

/// The operation that a call is; `None` if it is none.
fn operation(kind: &str, given: &Value, prefix: &str) -> Result<Option<Operation>, Refusal> {
    let list = |member: &str| given.get(member).cloned().unwrap_or_else(|| json!([]));
    let (name, inside) = match kind {
        "RESERVE_RESOURCES" => ("RESERVE", json!({ "source": list("source"), "resources": list("resources") })),
        "UNRESERVE_RESOURCES" => ("UNRESERVE", json!({ "resources": list("resources") })),
        "CREATE_VOLUMES" => ("CREATE", json!({ "volumes": list("volumes") })),
        "DESTROY_VOLUMES" => ("DESTROY", json!({ "volumes": list("volumes") })),
        "GROW_VOLUME" => (kind, json!({ "volume": given["volume"], "addition": given["addition"] })),
        "SHRINK_VOLUME" => (kind, json!({ "volume": given["volume"], "subtract": given["subtract"] })),
        _ => return Ok(None),
    };
    // The others' agent is required, and comes first.
    if !matches!(kind, "GROW_VOLUME" | "SHRINK_VOLUME") {
        agent_id(given, prefix)?;
    }
    let member = name.to_ascii_lowercase();
    let read = encoded(OPERATION, &json!({ "type": name, member.as_str(): inside }));
    let read = read.map_err(|refusal| Refusal {
        text: refusal.text.replace(&format!(" {member}."), &format!(" {prefix}.")),
        ..refusal
    })?;
    let operation: Operation = decoded(OPERATION, read)?;
    let reserved = operation.reserve.as_ref().map(|one| &one.resources);
    let unreserved = operation.unreserve.as_ref().map(|one| &one.resources);
    let wrong = |item: &Resource| {
        let why = resources::validate_item(item).err()?;
        Some(format!("Resource '{}' is invalid: {why}", item_text(item, None)))
    };
    match reserved.or(unreserved).and_then(|items| items.iter().find_map(wrong)) {
        Some(why) => Err(invalid(why)),
        None => Ok(Some(operation)),
    }
}
