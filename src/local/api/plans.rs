//! What operators plan: quotas and weights of roles, and maintenance. As calls of v1, and as the older endpoints, of which there is one
//! more: it ends a framework.

use super::body::{self, Arriving, PATIENCE};
use super::content;
use super::refusal::Refusal;
use super::reply::{empty, json, wrong_method, Reply};
use super::views::{message, put};
use super::{files, orders};
use crate::local::core::Core;
use crate::local::master::state::{Quota, Window};
use crate::message::json as json_of;
use crate::message::text;
use crate::proto::{value, MachineId, Resource, Unavailability, WeightInfo};
use crate::resources::role::check_role;
use hyper::{Method, Request, StatusCode};
use prost::Message;
use serde_json::{json, Map, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

const SCALAR: i32 = value::Type::Scalar as i32;

/// An older endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Quota,
    Weights,
    Schedule,
    Status,
    Down,
    Up,
    Teardown,
}

impl Endpoint {
    /// What a path behind `/master` leads to. As with Mesos, what follows does not count, but names a role if a quota is removed.
    pub fn of(path: &str) -> Option<Endpoint> {
        let known = [
            ("/quota", Endpoint::Quota),
            ("/weights", Endpoint::Weights),
            ("/maintenance/schedule", Endpoint::Schedule),
            ("/maintenance/status", Endpoint::Status),
            ("/machine/down", Endpoint::Down),
            ("/machine/up", Endpoint::Up),
            ("/teardown", Endpoint::Teardown),
        ];
        let it = |name: &str| {
            path.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        known.into_iter().find(|(name, _)| it(name)).map(|(_, endpoint)| endpoint)
    }

    fn methods(self) -> &'static [&'static str] {
        match self {
            Endpoint::Quota => &["GET", "POST", "DELETE"],
            Endpoint::Weights => &["GET", "PUT"],
            Endpoint::Schedule => &["GET", "POST"],
            Endpoint::Status => &["GET"],
            Endpoint::Down | Endpoint::Up | Endpoint::Teardown => &["POST"],
        }
    }
}

/// Answers at an older endpoint.
pub async fn answer(core: Rc<RefCell<Core>>, endpoint: Endpoint, request: Request<Arriving>) -> Result<Reply, Refusal> {
    let (parts, body) = request.into_parts();
    if !endpoint.methods().contains(&parts.method.as_str()) {
        return Ok(wrong_method(&parts.method, endpoint.methods()));
    }
    let body = text::from_bytes(&body::collect(body, PATIENCE).await?).to_string();
    let core = &mut core.borrow_mut();
    core.tick();
    if parts.method == Method::GET {
        return Ok(json(&match endpoint {
            Endpoint::Quota => quota_status(core),
            Endpoint::Weights => weight_infos(core).into(),
            Endpoint::Schedule => schedule(core),
            _ => status(core),
        }));
    }
    match (endpoint, parts.method == Method::DELETE) {
        (Endpoint::Quota, true) => remove_quota_at(core, parts.uri.path()),
        (Endpoint::Quota, false) => {
            let bad = |what: &str, why: String| Refusal::bad(format!("Failed to {what} set quota request JSON '{body}': {why}"));
            let given = object(&body).map_err(|why| bad("parse", why))?;
            let request = QuotaRequest::of(&given, "").map_err(|why| bad("validate", why))?;
            set_quota(core, request)
        }
        (Endpoint::Weights, _) => {
            let given = list_of(&body);
            let given =
                given.map_err(|why| Refusal::bad(format!("Failed to parse update weights request JSON '{body}': {why}")))?;
            let read = weights(given.iter().map(|one| (one, String::new())));
            let read =
                read.map_err(|why| Refusal::bad(format!("Failed to convert weights JSON array to protobuf '{body}': {why}")))?;
            core.master.update_weights(&read).map_err(Refusal::bad)
        }
        (Endpoint::Schedule, _) => {
            let windows = object(&body).and_then(|given| windows(&given, ""));
            windows
                .and_then(|windows| core.master.update_maintenance(windows))
                .map_err(Refusal::bad)
        }
        (Endpoint::Teardown, _) => {
            let id = files::query(Some(&body), "frameworkId");
            let missing = || Refusal::bad("Missing 'frameworkId' query parameter in the request body");
            orders::teardown(core, &id.ok_or_else(missing)?)
        }
        (endpoint, _) => {
            let given = list_of(&body).map_err(Refusal::bad)?;
            let machines = machines(given.iter().map(|one| (one, String::new())));
            let machines = machines.map_err(Refusal::bad)?;
            let done = match endpoint {
                Endpoint::Down => core.master.start_maintenance(&machines),
                _ => core.master.stop_maintenance(&machines),
            };
            done.map_err(Refusal::bad)
        }
    }?;
    core.run();
    Ok(empty(StatusCode::OK))
}

/// Answers a call of v1 that asks; `None` for those that do not.
pub fn asked(core: &Core, kind: &str) -> Option<Value> {
    Some(match kind {
        "GET_QUOTA" => json!({ "status": quota_status(core) }),
        "GET_WEIGHTS" => match weight_infos(core) {
            none if none.is_empty() => Value::Null,
            infos => json!({ "weight_infos": infos }),
        },
        "GET_MAINTENANCE_SCHEDULE" => json!({ "schedule": schedule(core) }),
        "GET_MAINTENANCE_STATUS" => json!({ "status": status(core) }),
        _ => return None,
    })
}

/// Carries out a call of v1; whether it is one of these.
pub fn carry_out(core: &mut Core, kind: &str, given: &Value) -> Result<bool, Refusal> {
    let bad = |why: String| Refusal::bad(format!("Failed to convert JSON into Call protobuf: {why}"));
    core.tick();
    match kind {
        "UPDATE_QUOTA" => {
            let quotas = quota_configs(given, "update_quota.").map_err(bad)?;
            let force = flag(given, "force").map_err(bad)?;
            core.master.update_quotas(&quotas, force).map_err(Refusal::bad)
        }
        "SET_QUOTA" => {
            let request = required(given, "quota_request", "set_quota.").map_err(bad)?;
            let request = QuotaRequest::of(request, "set_quota.quota_request.").map_err(bad)?;
            set_quota(core, request)
        }
        "REMOVE_QUOTA" => {
            let role = required(given, "role", "remove_quota.").map_err(bad)?;
            let role = role.as_str().ok_or_else(|| bad(unexpected(role, "role")))?;
            remove_quota(core, role).map_err(|why| Refusal::bad(format!("Failed to remove quota: {why}")))
        }
        "UPDATE_WEIGHTS" => {
            let infos = list(given, "weight_infos", "update_weights.").map_err(bad)?;
            let weights = weights(infos.into_iter()).map_err(bad)?;
            core.master.update_weights(&weights).map_err(Refusal::bad)
        }
        "UPDATE_MAINTENANCE_SCHEDULE" => {
            let path = "update_maintenance_schedule.";
            let schedule = required(given, "schedule", path).map_err(bad)?;
            let windows = windows(schedule, &format!("{path}schedule.")).map_err(bad)?;
            core.master.update_maintenance(windows).map_err(Refusal::bad)
        }
        "START_MAINTENANCE" | "STOP_MAINTENANCE" => {
            let given = list(given, "machines", &format!("{}.", kind.to_ascii_lowercase())).map_err(bad)?;
            let machines = machines(given.into_iter()).map_err(bad)?;
            let done = match kind {
                "START_MAINTENANCE" => core.master.start_maintenance(&machines),
                _ => core.master.stop_maintenance(&machines),
            };
            done.map_err(Refusal::bad)
        }
        _ => return Ok(false),
    }?;
    core.run();
    Ok(true)
}

// Reading. Errors are the texts of Mesos; `path` is where a value is, with a dot at its end.

fn unexpected(value: &Value, name: &str) -> String {
    let kind = match value {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Array(_) => "array",
        _ => "object",
    };
    format!("Not expecting a JSON {kind} for field '{name}'")
}

fn object(body: &str) -> Result<Value, String> {
    match json_of::parse(body)? {
        object @ Value::Object(_) => Ok(object),
        _ => Err("Unexpected JSON type parsed".into()),
    }
}

fn list_of(body: &str) -> Result<Vec<Value>, String> {
    match json_of::parse(body)? {
        Value::Array(list) => Ok(list),
        _ => Err("Unexpected JSON type parsed".into()),
    }
}

fn required<'a>(of: &'a Value, name: &str, path: &str) -> Result<&'a Value, String> {
    let there = of.get(name).filter(|value| !value.is_null());
    there.ok_or_else(|| format!("Missing required fields: {path}{name}"))
}

fn flag(of: &Value, name: &str) -> Result<bool, String> {
    match &of[name] {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        other => Err(unexpected(other, name)),
    }
}

/// The objects in a field, and where each is. One alone stands for a list of one.
fn list<'a>(of: &'a Value, name: &str, path: &str) -> Result<Vec<(&'a Value, String)>, String> {
    let all: &[Value] = match &of[name] {
        Value::Null => &[],
        Value::Array(list) => list,
        one => std::slice::from_ref(one),
    };
    if let Some(other) = all.iter().find(|one| !one.is_object()) {
        return Err(unexpected(other, name));
    }
    let places = all.iter().enumerate();
    Ok(places.map(|(index, one)| (one, format!("{path}{name}[{index}]."))).collect())
}

fn read<M: Message + Default>(class: &str, value: &Value, path: &str) -> Result<M, String> {
    let failed = |e: json_of::BadJson| {
        let text = e.to_string();
        match text.strip_prefix("Missing required fields: ") {
            Some(fields) => {
                let fields: Vec<String> = fields.split(", ").map(|field| format!("{path}{field}")).collect();
                format!("Missing required fields: {}", fields.join(", "))
            }
            None => text,
        }
    };
    let bytes = json_of::read(text::of(class), value).map_err(failed)?;
    content::decoded(class, bytes.into()).map_err(|refusal| refusal.text)
}

fn weights<'a>(infos: impl Iterator<Item = (&'a Value, String)>) -> Result<Vec<(String, f64)>, String> {
    let one = |(info, path): (&Value, String)| {
        let info: WeightInfo = read("Mesos::WeightInfo", info, &path)?;
        Ok((info.role.unwrap_or_default(), info.weight))
    };
    infos.map(one).collect()
}

fn machines<'a>(ids: impl Iterator<Item = (&'a Value, String)>) -> Result<Vec<MachineId>, String> {
    ids.map(|(id, path)| read("Mesos::MachineID", id, &path)).collect()
}

fn windows(schedule: &Value, path: &str) -> Result<Vec<Window>, String> {
    let one = |(window, path): (&Value, String)| {
        let machines = machines(list(window, "machine_ids", &path)?.into_iter())?;
        let given = required(window, "unavailability", &path)?;
        if !given.is_object() {
            return Err(unexpected(given, "unavailability"));
        }
        let unavailability: Unavailability = read("Mesos::Unavailability", given, &format!("{path}unavailability."))?;
        Ok(Window {
            machines,
            unavailability,
        })
    };
    list(schedule, "windows", path)?.into_iter().map(one).collect()
}

fn quota_configs(given: &Value, path: &str) -> Result<Vec<(String, Quota)>, String> {
    let amounts = |config: &Value, name: &str, path: &str| -> Result<BTreeMap<String, f64>, String> {
        let map = match &config[name] {
            Value::Null => return Ok(BTreeMap::new()),
            Value::Object(map) => map,
            other => return Err(unexpected(other, name)),
        };
        let amount = |(index, (key, given)): (usize, (&String, &Value))| {
            if !given.is_object() {
                return Err(unexpected(given, "value"));
            }
            let scalar: value::Scalar = read("Mesos::Value::Scalar", given, &format!("{path}{name}[{index}].value."))?;
            Ok((key.clone(), scalar.value))
        };
        map.iter().enumerate().map(amount).collect()
    };
    let one = |(config, path): (&Value, String)| {
        let role = required(config, "role", &path)?;
        let role = role.as_str().ok_or_else(|| unexpected(role, "role"))?;
        let guarantees = amounts(config, "guarantees", &path)?;
        let limits = amounts(config, "limits", &path)?;
        Ok((role.to_string(), Quota { guarantees, limits }))
    };
    list(given, "quota_configs", path)?.into_iter().map(one).collect()
}

/// What there was before limits: a guarantee is the limit, too.
struct QuotaRequest {
    force: bool,
    role: String,
    guarantee: Vec<Resource>,
}

impl QuotaRequest {
    fn of(given: &Value, path: &str) -> Result<QuotaRequest, String> {
        let role = match &given["role"] {
            Value::Null => "",
            Value::String(role) => role,
            other => return Err(unexpected(other, "role")),
        };
        let item = |(item, path): (&Value, String)| read("Mesos::Resource", item, &path);
        Ok(QuotaRequest {
            force: flag(given, "force")?,
            role: role.to_string(),
            guarantee: list(given, "guarantee", path)?
                .into_iter()
                .map(item)
                .collect::<Result<_, _>>()?,
        })
    }

    fn quota(&self) -> Result<Quota, String> {
        check_role(&self.role).map_err(|why| format!("QuotaInfo with invalid role: {why}"))?;
        if self.guarantee.is_empty() {
            return Err("QuotaInfo with empty 'guarantee'".into());
        }
        let mut guarantees = BTreeMap::new();
        for item in &self.guarantee {
            let name = &item.name;
            if item.r#type != SCALAR {
                return Err("QuotaInfo must not include non-scalar resources".into());
            }
            let amount = item.scalar.map_or(0.0, |scalar| scalar.value);
            if amount.is_nan() || amount <= 0.0 {
                let why = if item.scalar.is_some() { ": value <= 0" } else { "" };
                return Err(format!(
                    "QuotaInfo with invalid resource: Resource '{name}:{amount}' is invalid: Invalid scalar resource{why}"
                ));
            }
            if guarantees.insert(name.clone(), amount).is_some() {
                return Err(format!("QuotaInfo contains duplicate resource name '{name}'"));
            }
        }
        let limits = guarantees.clone();
        Ok(Quota { guarantees, limits })
    }
}

fn set_quota(core: &mut Core, request: QuotaRequest) -> Result<(), Refusal> {
    let bad = |why: String| Refusal::bad(format!("Failed to validate set quota request: {why}"));
    let quota = request.quota().map_err(bad)?;
    let role = request.role;
    if core.master.quotas.contains_key(&role) {
        return Err(bad(format!("Cannot set quota for role '{role}' which already has quota")));
    }
    if !request.force {
        let all = core.master.quotas.values().chain([&quota]);
        core.master.check_guarantees(all).map_err(|why| {
            let why = why.replacen("total", "Total", 1);
            let text = format!("Quota guarantees overcommit the cluster (use 'force' to bypass this check): {why}");
            Refusal::new(StatusCode::CONFLICT, text)
        })?;
    }
    core.master.update_quotas(&[(role, quota)], true).map_err(Refusal::bad)
}

fn remove_quota(core: &mut Core, role: &str) -> Result<(), String> {
    match core.master.remove_quota(role) {
        true => Ok(()),
        false => Err(format!("Role '{role}' has no quota set")),
    }
}

/// `/master/quota/ROLE`
fn remove_quota_at(core: &mut Core, path: &str) -> Result<(), Refusal> {
    let path = match path.starts_with("/master/") {
        true => path.to_string(),
        false => format!("/master{path}"),
    };
    let path = path.trim_end_matches('/');
    match path.strip_prefix("/master/quota/").filter(|role| !role.is_empty()) {
        None => Err(Refusal::bad(format!(
            "Failed to parse remove quota request for path '{path}': expected 3 tokens, found 2 tokens"
        ))),
        Some(role) => {
            remove_quota(core, role).map_err(|why| Refusal::bad(format!("Failed to remove quota for path '{path}': {why}")))
        }
    }
}

// Showing.

fn quota_status(core: &Core) -> Value {
    let quotas = &core.master.quotas;
    let scalars = |amounts: &BTreeMap<String, f64>| -> Value {
        let scalar = |(name, amount): (&String, &f64)| (name.clone(), json!({ "value": amount }));
        Value::Object(amounts.iter().map(scalar).collect())
    };
    let resource = |(name, amount): (&String, &f64)| json!({ "name": name, "type": "SCALAR", "scalar": { "value": amount } });
    let info = |(role, quota): (&String, &Quota)| {
        let mut made = json!({ "role": role });
        put(&mut made, "guarantee", quota.guarantees.iter().map(resource).collect());
        made
    };
    let config = |(role, quota): (&String, &Quota)| {
        let mut made = json!({ "role": role });
        for (name, amounts) in [("guarantees", &quota.guarantees), ("limits", &quota.limits)] {
            if !amounts.is_empty() {
                made[name] = scalars(amounts);
            }
        }
        made
    };
    let mut status = json!({});
    put(&mut status, "infos", quotas.iter().map(info).collect());
    put(&mut status, "configs", quotas.iter().map(config).collect());
    status
}

fn weight_infos(core: &Core) -> Vec<Value> {
    let weights = core.master.weights.iter();
    weights
        .map(|(role, weight)| json!({ "role": role, "weight": weight }))
        .collect()
}

fn machine(machine: &MachineId) -> Value {
    message("Mesos::MachineID", machine)
}

fn schedule(core: &Core) -> Value {
    let window = |window: &Window| {
        json!({
            "machine_ids": window.machines.iter().map(machine).collect::<Vec<Value>>(),
            "unavailability": message("Mesos::Unavailability", &window.unavailability),
        })
    };
    let mut made = json!({});
    put(
        &mut made,
        "windows",
        core.master.maintenance.schedule.iter().map(window).collect(),
    );
    made
}

/// Which machines are to be left, with what frameworks say to that, and which are down.
fn status(core: &Core) -> Value {
    let master = &core.master;
    let planned = master.maintenance.schedule.iter().flat_map(|window| &window.machines);
    let draining = planned.filter(|machine| !master.maintenance.is_down(machine));
    let draining = draining.map(|id| {
        let answers = master.agents_on(id).flat_map(|agent| {
            let answers = master.inverse_offers.answers.iter();
            answers.filter(move |((_, on), _)| on == agent)
        });
        let said = answers.map(|((framework, _), answer)| {
            json!({
                "status": if answer.accepts { "ACCEPT" } else { "DECLINE" },
                "framework_id": { "value": framework },
                "timestamp": { "nanoseconds": (answer.at.seconds() * 1e9) as i64 },
            })
        });
        let mut made = json!({ "id": machine(id) });
        put(&mut made, "statuses", said.collect());
        made
    });
    let mut made = json!({});
    put(&mut made, "draining_machines", draining.collect());
    put(
        &mut made,
        "down_machines",
        master.maintenance.down.iter().map(machine).collect(),
    );
    made
}

/// What `/roles` says of a role's quota.
pub fn quota_of(core: &Core, role: &str) -> Value {
    let quota = core.master.quotas.get(role).cloned().unwrap_or_default();
    let amounts = |amounts: BTreeMap<String, f64>| -> Map<String, Value> {
        amounts.into_iter().map(|(name, amount)| (name, amount.into())).collect()
    };
    json!({
        "role": role, "guarantee": amounts(quota.guarantees), "limit": amounts(quota.limits),
        "consumed": amounts(core.master.quota_used(role)),
    })
}
