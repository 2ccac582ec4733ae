//! Messages as JSON, in Mesos' own mapping: it is older than protobuf's, and another one.
//!
//! | | is |
//! |---|---|
//! | fields | by their names; what is unset and has a default is there all the same, unless it is deprecated |
//! | enums | names |
//! | bytes | Base64 |
//! | 64-bit integers | numbers |
//! | maps | objects |
//!
//! Names are those of the v1 API, which says `agent` where v0 says `slave`, as do proto/ and Perl. Perl's own JSON has both.

mod names;
mod read;
mod surplus;
mod write;

pub use read::{parse, read, BadJson};
pub use surplus::surplus;
pub use write::{value, write};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::schema::{classes, Class};
    use crate::message::{text, ClassId};
    use serde_json::{json, Value};

    fn there_and_back(class: &str, given: Value) -> Value {
        let bytes = read(text::of(class), &given).unwrap_or_else(|e| panic!("{class} {given}: {e}"));
        value(text::of(class), &bytes).unwrap()
    }

    #[test]
    fn kinds_and_names() {
        let given = json!({
            "task_id": { "value": "t" },
            "agent_id": { "value": "a" },
            "state": "TASK_LOST",
            "source": "SOURCE_AGENT",
            "reason": "REASON_AGENT_REMOVED",
            "timestamp": 1.5,
            "data": "AHNvbWX/",
            "healthy": false,
            "labels": { "labels": [{ "key": "k" }, { "key": "l", "value": "é" }] },
        });
        assert_eq!(there_and_back("Mesos::TaskStatus", given.clone()), given);
        let ranges = json!({ "range": [{ "begin": 31000, "end": u64::MAX }] });
        assert_eq!(there_and_back("Mesos::Value::Ranges", ranges.clone()), ranges);
    }

    #[test]
    fn maps_are_objects() {
        let is_there = |class: &Class| class.proto.ends_with(".StaticProvisioning");
        let id = ClassId(classes().iter().position(is_there).unwrap() as u32);
        let given = json!({ "volume_context": { "a": "b", "c": "d" } });
        let error = read(id, &given).unwrap_err().to_string();
        assert_eq!(error, "Missing required fields: volume_id, volume_capability");
        let given = json!({ "volume_id": "v", "volume_context": given["volume_context"],
                            "volume_capability": { "access_mode": { "mode": "SINGLE_NODE_WRITER" }, "mount": {} } });
        let back = value(id, &read(id, &given).unwrap()).unwrap();
        assert_eq!(back["volume_context"], given["volume_context"]);
        // A path has the number of an entry, not its key.
        let given = json!({ "role_constraints": { "a": { "groups": [{ "attribute_constraints": [{ "selector": {} }] }] } } });
        let error = read(text::of("Mesos::Scheduler::OfferConstraints"), &given).unwrap_err();
        let missing = "role_constraints[0].value.groups[0].attribute_constraints[0].predicate";
        assert_eq!(error.to_string(), format!("Missing required fields: {missing}"));
    }

    #[test]
    fn defaults_are_shown() {
        let framework = there_and_back("Mesos::FrameworkInfo", json!({ "user": "u", "name": "n" }));
        assert_eq!(
            framework,
            json!({ "user": "u", "name": "n", "failover_timeout": 0.0, "checkpoint": false })
        );
        let agent = json!({ "hostname": "h" });
        assert_eq!(
            there_and_back("Mesos::SlaveInfo", agent),
            json!({ "hostname": "h", "port": 5051 })
        );
    }

    #[test]
    fn lenient_as_mesos_is() {
        let framework = json!({
            "user": "u", "name": null, "unknown": [1], "failover_timeout": "1.5", "roles": "one",
            "capabilities": [{ "type": "NOSUCH" }, { "type": "MULTI_ROLE" }],
        });
        let error = read(text::of("Mesos::FrameworkInfo"), &framework).unwrap_err();
        assert_eq!(error.to_string(), "Missing required fields: name");
        let mut complete = framework;
        complete["name"] = "n".into();
        let back = there_and_back("Mesos::FrameworkInfo", complete);
        assert_eq!((&back["failover_timeout"], &back["roles"]), (&json!(1.5), &json!(["one"])));
        assert_eq!(back["capabilities"], json!([{}, { "type": "MULTI_ROLE" }]));
        for (infinite, bits) in [("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)] {
            let scalar = read(text::of("Mesos::Value::Scalar"), &json!({ "value": infinite })).unwrap();
            assert_eq!(scalar[1..], bits.to_le_bytes());
        }
    }

    #[test]
    fn errors_say_where() {
        for (class, given, error) in [
            ("Mesos::Scheduler::Call", json!([]), "Expecting a JSON object"),
            (
                "Mesos::TaskID",
                json!({ "value": 5 }),
                "Not expecting a JSON number for field 'value'",
            ),
            (
                "Mesos::TaskID",
                json!({ "value": {} }),
                "Not expecting a JSON object for field 'value'",
            ),
            (
                "Mesos::TaskID",
                json!({ "value": true }),
                "Not expecting a JSON boolean for field 'value'",
            ),
            (
                "Mesos::TaskID",
                json!({ "value": ["a"] }),
                "Not expecting a JSON array for field 'value'",
            ),
            (
                "Mesos::TaskStatus",
                json!({ "task_id": "t" }),
                "Not expecting a JSON string for field 'task_id'",
            ),
            (
                "Mesos::TaskStatus",
                json!({ "state": 6 }),
                "Not expecting a JSON number for field 'state'",
            ),
            (
                "Mesos::TaskStatus",
                json!({ "state": "NOSUCH" }),
                "Failed to find enum for 'NOSUCH'",
            ),
            (
                "Mesos::TaskStatus",
                json!({ "data": "!" }),
                "Failed to base64 decode bytes field 'data'",
            ),
            (
                "Mesos::Offer",
                json!({ "id": {}, "resources": [{ "name": "cpus" }] }),
                "Missing required fields: id.value, framework_id, agent_id, hostname, resources[0].type",
            ),
        ] {
            let bad = read(text::of(class), &given).unwrap_err();
            assert!(bad.to_string().starts_with(error), "{given}: {bad}");
        }
        assert_eq!(parse("{\"type\":").unwrap_err(), "syntax error at line 1 near: ");
        assert_eq!(parse("{\n\"a\": x}").unwrap_err(), "syntax error at line 2 near: x}");
    }
}
