//! What a reader of JSON passes over without a word, as [`read`](super::read) does: names that are no fields, and values that an enum
//! does not have. Whoever wrote them meant something else.

use super::names;
use crate::message::schema::{class, enums, Field, Kind};
use crate::message::{ClassId, MAX_DEPTH};
use serde_json::{json, Value};

/// An object for each: its path and name, what does not know it, and the names that this knows.
pub fn surplus(id: ClassId, value: &Value) -> Value {
    let mut found = Vec::new();
    message(id, value, "", 1, &mut found);
    Value::Array(found)
}

/// `path` is that of the message, with a dot at its end.
fn message(id: ClassId, value: &Value, path: &str, depth: usize, found: &mut Vec<Value>) {
    let (Some(of), Value::Object(object)) = (class(id), value) else {
        return;
    };
    if depth > MAX_DEPTH {
        return;
    }
    for (name, value) in object {
        let inside = format!("{path}{name}");
        match of.fields().iter().find(|field| names::field(field.name()) == name.as_str()) {
            Some(field) => values(field, value, &inside, depth, found),
            None => {
                let known: Vec<_> = of.fields().iter().map(|field| names::field(field.name())).collect();
                found.push(json!({ "path": inside, "name": name, "of": of.proto, "known": known, "is_value": false }));
            }
        }
    }
}

fn values(field: &Field, value: &Value, path: &str, depth: usize, found: &mut Vec<Value>) {
    match value {
        Value::Array(list) if field.is_repeated() => {
            for (index, value) in list.iter().enumerate() {
                one(field, value, &format!("{path}[{index}]"), depth, found);
            }
        }
        Value::Object(entries) if field.is_map() => {
            let entry = class(ClassId(field.of.into()));
            let Some(of) = entry.and_then(|entry| entry.fields().iter().find(|part| part.name() == "value")) else {
                return;
            };
            for (key, value) in entries {
                one(of, value, &format!("{path}{{{key}}}"), depth + 1, found);
            }
        }
        value => one(field, value, path, depth, found),
    }
}

fn one(field: &Field, value: &Value, path: &str, depth: usize, found: &mut Vec<Value>) {
    match (field.kind, value) {
        (Kind::Message, value) => message(ClassId(field.of.into()), value, &format!("{path}."), depth + 1, found),
        (Kind::Enum, Value::String(name)) => {
            let Some(of) = enums().get(usize::from(field.of)) else {
                return;
            };
            let known: Vec<_> = of.values.iter().map(|(known, _)| names::enum_value(known)).collect();
            if !known.iter().any(|known| known == name) {
                found.push(json!({ "path": path, "name": name, "of": of.proto, "known": known, "is_value": true }));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::text;

    #[track_caller]
    fn paths(class: &str, given: Value) -> Vec<String> {
        let found = surplus(text::of(class), &given);
        let told = |one: &Value| format!("{} {}", one["path"].as_str().unwrap(), one["of"].as_str().unwrap());
        found.as_array().unwrap().iter().map(told).collect()
    }

    #[test]
    fn what_nobody_reads_is_found_with_its_path() {
        let resource = json!({ "name": "cpus", "type": "SCALER", "scaler": { "value": 1 }, "reservations": [{ "typ": 1, "type": "STATIC" }] });
        let given = json!({ "type": "RESERVE_RESOURCES", "reserve_resources": { "slave_id": {}, "agent_id": { "value": "a" },
            "resources": [{ "name": "mem" }, resource] }, "get_tasks": {} });
        assert_eq!(
            paths("Mesos::Master::Call", given),
            [
                "get_tasks mesos.master.Call",
                "reserve_resources.resources[1].reservations[0].typ mesos.Resource.ReservationInfo",
                "reserve_resources.resources[1].scaler mesos.Resource",
                "reserve_resources.resources[1].type mesos.Value.Type",
                "reserve_resources.slave_id mesos.master.Call.ReserveResources",
            ]
        );
    }

    #[test]
    fn maps_have_keys_of_their_own() {
        let given = json!({ "task_id": { "value": "t" }, "limits": { "cpus": { "value": 1 }, "mem": { "valu": 1 } } });
        assert_eq!(paths("Mesos::TaskInfo", given), ["limits{mem}.valu mesos.Value.Scalar"]);
        let given = json!({ "quota_configs": [{ "role": "r", "limits": { "cpus": { "value": 4 }, "x": { "y": 1 } } }] });
        assert_eq!(
            paths("Mesos::Master::Call::UpdateQuota", given),
            ["quota_configs[0].limits{x}.y mesos.Value.Scalar"]
        );
    }

    #[test]
    fn what_is_right_or_of_another_kind_is_passed_over() {
        for given in [
            json!([]),
            json!("x"),
            json!(null),
            json!({ "type": "GET_TASKS" }),
            json!({ "type": 5, "read_file": [] }),
        ] {
            assert_eq!(paths("Mesos::Master::Call", given), [""; 0]);
        }
    }
}
