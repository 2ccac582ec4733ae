//! The HTTP APIs in JSON, as clients of other languages speak them.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/program.rs"]
mod program_support;
#[path = "support/skip.rs"]
mod skip;

use local_support::{connect, read_head, request, send, Reply};
use program_support::*;
use serde_json::{json, Value};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A subscription whose events are JSON.
struct Events {
    reader: BufReader<TcpStream>,
    head: Reply,
    buffer: Vec<u8>,
}

impl Events {
    fn open(program: &Program, path: &str, headers: &[(&str, &str)], call: &Value) -> Events {
        let mut stream = connect(program.address);
        send(
            &mut stream,
            "POST",
            path,
            &[&[JSON], headers].concat(),
            call.to_string().as_bytes(),
        );
        let mut reader = BufReader::new(stream);
        let head = read_head(&mut reader);
        assert_eq!((head.status, head.header("Content-Type")), (200, Some("application/json")));
        Events {
            reader,
            head,
            buffer: Vec::new(),
        }
    }

    fn next(&mut self) -> Value {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let length: usize = std::str::from_utf8(&self.buffer[..end]).unwrap().parse().unwrap();
                if self.buffer.len() > end + length {
                    let record = serde_json::from_slice(&self.buffer[end + 1..end + 1 + length]).expect("JSON");
                    self.buffer.drain(..end + 1 + length);
                    return record;
                }
            }
            let mut line = String::new();
            self.reader.read_line(&mut line).unwrap();
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            assert!(length > 0, "the stream ended");
            let mut chunk = vec![0; length + 2];
            self.reader.read_exact(&mut chunk).unwrap();
            self.buffer.extend(&chunk[..length]);
        }
    }

    fn of_type(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next();
            if event["type"] == kind {
                return event;
            }
        }
    }
}

struct Framework<'a> {
    program: &'a Program,
    events: Events,
    id: Value,
}

impl Framework<'_> {
    fn new<'a>(program: &'a Program, info: Value) -> Framework<'a> {
        let call = json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info } });
        let mut events = Events::open(program, "/api/v1/scheduler", &[], &call);
        let subscribed = events.of_type("SUBSCRIBED");
        let id = subscribed["subscribed"]["framework_id"].clone();
        Framework { program, events, id }
    }

    fn call(&self, mut call: Value) -> (u16, String) {
        call["framework_id"] = self.id.clone();
        let stream = self.events.head.header("Mesos-Stream-Id").unwrap();
        let headers = [JSON, ("Mesos-Stream-Id", stream)];
        let reply = request(
            self.program.address,
            "POST",
            "/master/api/v1/scheduler",
            &headers,
            call.to_string().as_bytes(),
        );
        (reply.status, reply.text().to_string())
    }

    /// Calls that must be accepted.
    fn accepted(&self, call: Value) {
        assert_eq!(self.call(call), (202, String::new()));
    }

    /// The next update, acknowledged.
    fn update(&mut self) -> Value {
        let status = self.events.of_type("UPDATE")["update"]["status"].take();
        if !status["uuid"].is_null() {
            let of = |name: &str| status[name].clone();
            let acknowledge = json!({ "agent_id": of("agent_id"), "task_id": of("task_id"), "uuid": of("uuid") });
            self.accepted(json!({ "type": "ACKNOWLEDGE", "acknowledge": acknowledge }));
        }
        status
    }
}

#[test]
fn a_task_in_json() {
    let program = Program::new(&["--attributes=rack:r1;level:3"]);
    let mut framework = Framework::new(
        &program,
        json!({ "user": "", "name": "json", "roles": ["web"], "capabilities": [{ "type": "MULTI_ROLE" }] }),
    );
    let offer = framework.events.of_type("OFFERS")["offers"]["offers"][0].clone();
    assert_eq!(offer["agent_id"]["value"], program.ready["agents"][0]["id"]);
    assert!(offer.get("slave_id").is_none(), "{offer}");
    assert_eq!(
        offer["attributes"][1],
        json!({ "name": "level", "type": "SCALAR", "scalar": { "value": 3.0 } })
    );
    let cpus = offer["resources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["name"] == "cpus")
        .unwrap();
    assert_eq!((&cpus["type"], &cpus["scalar"]["value"]), (&json!("SCALAR"), &json!(4.0)));
    let task = json!({
        "name": "t", "task_id": { "value": "t" }, "agent_id": offer["agent_id"],
        "resources": [{ "name": "cpus", "type": "SCALAR", "scalar": { "value": 1 }, "allocation_info": { "role": "web" } }],
        "command": { "value": "exit 3", "unknown": { "field": true } },
    });
    let accept = json!({ "offer_ids": [offer["id"]], "operations": [{ "type": "LAUNCH", "launch": { "task_infos": [task] } }] });
    framework.accepted(json!({ "type": "ACCEPT", "accept": accept }));
    let mut states = Vec::new();
    let last = loop {
        let status = framework.update();
        states.push(status["state"].as_str().unwrap().to_string());
        if states
            .last()
            .is_some_and(|state| state != "TASK_STARTING" && state != "TASK_RUNNING")
        {
            break status;
        }
    };
    assert_eq!(states, ["TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"]);
    assert_eq!(last["message"], "Command exited with status 3");
    assert_eq!(last["source"], "SOURCE_EXECUTOR");
    assert!(last["timestamp"].is_f64());
    // Enums of v1 have other names, too.
    let lost = json!({ "type": "RECONCILE", "reconcile": { "tasks": [{ "task_id": { "value": "none" }, "agent_id": { "value": "x" } }] } });
    framework.accepted(lost);
    assert_eq!(framework.update()["reason"], "REASON_RECONCILIATION");
    framework.accepted(json!({ "type": "TEARDOWN" }));
}

#[test]
fn suppressed_roles_are_read() {
    let program = Program::new(&["--allocation-interval=10ms"]);
    let subscribe = |suppressed: Value| {
        let info = json!({ "user": "", "name": "n", "roles": ["a", "b"], "capabilities": [{ "type": "MULTI_ROLE" }] });
        json!({ "type": "SUBSCRIBE", "subscribe": { "framework_info": info, "suppressed_roles": suppressed, "force": true } })
    };
    let mut events = Events::open(&program, "/api/v1/scheduler", &[], &subscribe(json!(["a"])));
    let offer = events.of_type("OFFERS")["offers"]["offers"][0].clone();
    assert_eq!(offer["allocation_info"]["role"], "b");
    let body = subscribe(json!([5])).to_string();
    let refused = request(program.address, "POST", "/api/v1/scheduler", &[JSON], body.as_bytes());
    assert_eq!(
        (refused.status, refused.text()),
        (
            400,
            "Failed to convert JSON into Call protobuf: Not expecting a JSON number for field 'suppressed_roles'"
        )
    );
}

#[test]
fn an_executor_in_json() {
    let program = Program::new(&[]);
    let mut framework = Framework::new(&program, json!({ "user": "", "name": "executors" }));
    let offer = framework.events.of_type("OFFERS")["offers"]["offers"][0].clone();
    let resources = json!([{ "name": "cpus", "type": "SCALAR", "scalar": { "value": 0.5 } }, { "name": "mem", "type": "SCALAR", "scalar": { "value": 32 } }]);
    // It leaves what it was told in its sandbox, and this test speaks in its name.
    let command = "env > told.new; mv told.new told; sleep 1000";
    let executor =
        json!({ "type": "CUSTOM", "executor_id": { "value": "e" }, "command": { "value": command }, "resources": resources });
    let task = json!({ "name": "t", "task_id": { "value": "t" }, "agent_id": offer["agent_id"], "resources": resources, "executor": executor, "data": "AP8=" });
    let accept = json!({ "offer_ids": [offer["id"]], "operations": [{ "type": "LAUNCH", "launch": { "task_infos": [task] } }] });
    framework.accepted(json!({ "type": "ACCEPT", "accept": accept }));

    let ids = json!({ "framework_id": framework.id, "executor_id": { "value": "e" } });
    let with = |mut call: Value| {
        for name in ["framework_id", "executor_id"] {
            call[name] = ids[name].clone();
        }
        call
    };
    let subscribe = with(json!({ "type": "SUBSCRIBE", "subscribe": {} }));
    // Not known before it was launched.
    local_support::until("the executor's subscription", || {
        let body = with(json!({ "type": "MESSAGE", "message": { "data": "" } })).to_string();
        let reply = request(program.address, "POST", "/api/v1/executor", &[JSON], body.as_bytes());
        reply.status == 403
    });
    let mut events = Events::open(&program, "/slave(1)/api/v1/executor", &[], &subscribe);
    let subscribed = events.of_type("SUBSCRIBED")["subscribed"].take();
    assert_eq!(subscribed["agent_info"]["hostname"], "localhost");
    let launch = events.of_type("LAUNCH")["launch"]["task"].take();
    assert_eq!((&launch["data"], &launch["agent_id"]), (&json!("AP8="), &offer["agent_id"]));
    let status = json!({ "task_id": { "value": "t" }, "state": "TASK_FINISHED", "source": "SOURCE_EXECUTOR", "uuid": "AAAAAAAAQACAAAAAAAAAAA==" });
    let update = with(json!({ "type": "UPDATE", "update": { "status": status } })).to_string();
    let reply = request(program.address, "POST", "/api/v1/executor", &[JSON], update.as_bytes());
    assert_eq!((reply.status, reply.text()), (202, ""));
    let seen = framework.update();
    assert_eq!(
        (&seen["state"], &seen["uuid"]),
        (&json!("TASK_FINISHED"), &json!("AAAAAAAAQACAAAAAAAAAAA=="))
    );
    assert_eq!(events.of_type("ACKNOWLEDGED")["acknowledged"]["uuid"], seen["uuid"]);
}

/// What a real master answered to requests that are wrong in themselves.
#[test]
fn refusals_are_those_of_a_real_master() {
    let shared = std::env::var("MESOS_TEST_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").into());
    let folder = format!("{shared}/captures/errors");
    if !std::path::Path::new(&folder).is_dir() {
        assert!(std::env::var_os("MESOS_TEST_SHARED").is_none(), "no captures at {folder}");
        return skip::skip("mesos_local_json", &format!("none at {folder}"));
    }
    let program = Program::new(&[]);
    for name in [
        "accept-text",
        "body-bad-protobuf",
        "body-empty-json",
        "body-no-type",
        "body-not-json",
        "body-unknown-type",
        "call-accept-missing-field",
        "call-no-framework-id",
        "call-unknown-framework-id",
        "content-type-text",
        "executor-body-empty",
        "executor-get",
        "executor-no-content-type",
        "executor-subscribe-unknown-framework",
        "executor-update-unknown-framework",
        "get",
        "no-content-type",
        "notfound",
        "put",
        "subscribe-ids-differ",
        "subscribe-missing-user",
        "subscribe-with-stream-id",
        "subscribe-without-info",
    ] {
        let read = |kind: &str| std::fs::read(format!("{folder}/{name}.{kind}.http")).expect("a capture");
        let split = |bytes: Vec<u8>| {
            let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
            (String::from_utf8(bytes[..at].to_vec()).unwrap(), bytes[at + 4..].to_vec())
        };
        let (head, body) = split(read("request"));
        let mut lines = head.split("\r\n");
        let mut first = lines.next().unwrap().split(' ');
        let (method, path) = (first.next().unwrap(), first.next().unwrap());
        let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
        let own = ["Host", "Content-Length", "Connection"];
        let headers: Vec<_> = headers.into_iter().filter(|(name, _)| !own.contains(name)).collect();
        let ours = request(program.address, method, path, &headers, &body);
        let (head, body) = split(read("response"));
        let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!(
            (ours.status, ours.text()),
            (status, std::str::from_utf8(&body).unwrap()),
            "{name}"
        );
        let theirs = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Type: "));
        assert_eq!(ours.header("Content-Type"), theirs, "{name}");
    }
}
