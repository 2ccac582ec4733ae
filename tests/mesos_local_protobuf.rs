//! The operator API in protobuf, and how its answers depend on `Content-Type` and `Accept`.
//!
//! With `MESOS_TEST_MASTER=host:port` a real master and its agent are asked the same, and have to answer the same.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/operator.rs"]
mod operator_support;
#[path = "support/program.rs"]
mod program_support;
#[path = "support/skip.rs"]
mod skip;

use local_support::{connect, read_head, request, Reply, PATIENCE};
use mesos_perl::message::json;
use mesos_perl::message::text;
use operator_support::*;
use program_support::*;
use serde_json::{json, Value};
use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Instant;

const PROTOBUF: &str = "application/x-protobuf";
const RECORDIO: &str = "application/recordio";

const OF_BOTH: [Of; 2] = [
    Of {
        class: "Mesos::Master",
        kinds: &[
            "GET_HEALTH",
            "GET_FLAGS",
            "GET_VERSION",
            "GET_METRICS",
            "GET_LOGGING_LEVEL",
            "GET_STATE",
            "GET_AGENTS",
            "GET_FRAMEWORKS",
            "GET_EXECUTORS",
            "GET_OPERATIONS",
            "GET_TASKS",
            "GET_ROLES",
            "GET_MASTER",
            "GET_QUOTA",
            "GET_WEIGHTS",
            "GET_MAINTENANCE_SCHEDULE",
            "GET_MAINTENANCE_STATUS",
        ],
    },
    Of {
        class: "Mesos::Agent",
        kinds: &[
            "GET_HEALTH",
            "GET_FLAGS",
            "GET_VERSION",
            "GET_METRICS",
            "GET_LOGGING_LEVEL",
            "GET_STATE",
            "GET_CONTAINERS",
            "GET_FRAMEWORKS",
            "GET_EXECUTORS",
            "GET_OPERATIONS",
            "GET_TASKS",
            "GET_AGENT",
        ],
    },
];

/// An API and its calls that change nothing.
struct Of {
    class: &'static str,
    kinds: &'static [&'static str],
}

/// Where a master and its first agent are.
struct Cluster {
    addresses: [SocketAddr; 2],
}

const PATHS: [&str; 2] = ["/api/v1", "/slave(1)/api/v1"];

impl Cluster {
    fn own(program: &Program) -> Cluster {
        Cluster {
            addresses: [program.address; 2],
        }
    }

    /// The one that `MESOS_TEST_MASTER` names.
    fn real() -> Option<Cluster> {
        let Ok(master) = std::env::var("MESOS_TEST_MASTER") else {
            skip::skip("mesos_local_protobuf", "MESOS_TEST_MASTER names no real Mesos");
            return None;
        };
        let master = master.to_socket_addrs().expect("an address").next().expect("an address");
        let agents = asked(master, "/api/v1", &json!({ "type": "GET_AGENTS" }));
        let pid = agents["get_agents"]["agents"][0]["pid"].as_str().expect("an agent");
        let agent = pid.split_once('@').unwrap().1.parse().unwrap();
        Some(Cluster {
            addresses: [master, agent],
        })
    }

    fn ask(&self, whom: usize, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        request(self.addresses[whom], "POST", PATHS[whom], headers, body)
    }
}

fn encoded(class: &str, value: &Value) -> Vec<u8> {
    json::read(text::of(class), value).unwrap_or_else(|e| panic!("{class}: {e}: {value}"))
}

fn decoded(class: &str, bytes: &[u8]) -> Value {
    json::value(text::of(class), bytes).unwrap_or_else(|e| panic!("{class}: {e}"))
}

/// Where two answers differ, but for what changes while one looks at it. Mesos rounds in JSON.
fn difference(path: &str, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.retain(|name| !matches!(name.as_str(), "metrics" | "resource_statistics"));
            let mut inside = names.into_iter().map(|name| (format!("{path}.{name}"), name));
            inside.find_map(|(path, name)| difference(&path, &one[name], &other[name]))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).find_map(|(a, b)| difference(&format!("{path}[]"), a, b))
        }
        _ => {
            let close = one.as_f64().zip(other.as_f64()).is_some_and(|(a, b)| (a - b).abs() < 0.001);
            (one != other && !close).then(|| format!("{path}: {one} and {other}"))
        }
    }
}

/// How the answers of a real master differ. Its GET_STATE in protobuf lacks the tasks of frameworks that have ended, so only what is in lists at
/// all is compared.
fn difference_in_shape(what: &str, one: &Value, other: &Value) -> Option<String> {
    let [one, other] = [one, other].map(|value| {
        let mut into = BTreeMap::new();
        shape(value, "", &mut into);
        // The second is a field of v0 that goes along in its protobuf.
        let varies = ["completed_tasks", "agent_info.checkpoint", "resource_statistics"];
        into.retain(|path, _| !varies.iter().any(|name| path.contains(name)));
        into
    });
    let only = |a: &BTreeMap<String, &'static str>, b: &BTreeMap<String, &'static str>| -> Vec<String> {
        let missing = a.iter().filter(|(path, kind)| b.get(*path) != Some(kind));
        missing.map(|(path, kind)| format!("{path} {kind}")).collect()
    };
    (one != other).then(|| format!("{what}: {:?} and {:?}", only(&one, &other), only(&other, &one)))
}

type Difference = fn(&str, &Value, &Value) -> Option<String>;

/// The same call in both formats: what is said is the same, and nothing is lost on the way.
fn says_the_same(cluster: &Cluster, difference: Difference) {
    for (whom, of) in OF_BOTH.iter().enumerate() {
        for kind in of.kinds {
            let mut call = json!({ "type": kind });
            if *kind == "GET_METRICS" {
                call["get_metrics"] = json!({});
            }
            let what = format!("{kind} of {}", of.class);
            let bytes = encoded(&format!("{}::Call", of.class), &call);
            let response = format!("{}::Response", of.class);
            // Tasks of other tests may end between two questions.
            let end = Instant::now() + PATIENCE;
            loop {
                let headers = [("Content-Type", PROTOBUF), ("Accept", PROTOBUF)];
                let reply = cluster.ask(whom, &headers, &bytes);
                assert_eq!((reply.status, reply.header("Content-Type")), (200, Some(PROTOBUF)), "{what}");
                let in_protobuf = decoded(&response, &reply.body);
                assert_eq!(in_protobuf["type"], *kind);
                let in_json = asked(cluster.addresses[whom], PATHS[whom], &call);
                // Through the schema, which shows lists that are empty in one way only.
                let in_json = decoded(&response, &encoded(&response, &in_json));
                match difference(&what, &in_protobuf, &in_json) {
                    None => break,
                    Some(difference) => assert!(Instant::now() < end, "{difference}"),
                }
            }
        }
    }
}

#[test]
fn protobuf_says_what_json_says() {
    let program = Program::new(&[]);
    let mut framework = with_tasks(program.address);
    framework.offer();
    says_the_same(&Cluster::own(&program), difference);
    if let Some(real) = Cluster::real() {
        let mut framework = with_tasks(real.addresses[0]);
        framework.offer();
        says_the_same(&real, difference_in_shape);
    }
}

#[test]
fn calls_in_protobuf_are_carried_out() {
    let program = Program::new(&[]);
    let framework = with_tasks(program.address);
    let cluster = Cluster::own(&program);
    let both = [("Content-Type", PROTOBUF), ("Accept", PROTOBUF)];
    let read = |path: &str| {
        let call = json!({ "type": "READ_FILE", "read_file": { "path": path, "offset": 1, "length": 3 } });
        let reply = cluster.ask(0, &both, &encoded("Mesos::Master::Call", &call));
        assert_eq!(reply.status, 200, "{}", reply.text());
        decoded("Mesos::Master::Response", &reply.body)["read_file"].clone()
    };
    let state = got(program.address, "/slave(1)/state");
    let directory = state["frameworks"][0]["executors"][0]["directory"].as_str().unwrap();
    assert_eq!(read(&format!("{directory}/stdout")), json!({ "size": 6, "data": "ZWxs" }));
    let quota = json!({ "type": "UPDATE_QUOTA", "update_quota": { "force": true, "quota_configs": [
        { "role": "r", "limits": { "cpus": { "value": 1.5 } } }] } });
    assert_eq!(cluster.ask(0, &both, &encoded("Mesos::Master::Call", &quota)).status, 200);
    let quota = asked(program.address, "/api/v1", &json!({ "type": "GET_QUOTA" }));
    assert_eq!(quota["get_quota"]["status"]["configs"][0]["limits"]["cpus"]["value"], 1.5);
    let teardown = json!({ "type": "TEARDOWN", "teardown": { "framework_id": { "value": framework.id.value } } });
    assert_eq!(cluster.ask(0, &both, &encoded("Mesos::Master::Call", &teardown)).status, 200);
    assert_eq!(cluster.ask(0, &both, &encoded("Mesos::Master::Call", &teardown)).status, 400);
}

#[test]
fn subscribers_hear_events_in_protobuf() {
    let program = Program::new(&["--control"]);
    let call = encoded("Mesos::Master::Call", &json!({ "type": "SUBSCRIBE" }));
    let headers = [("Content-Type", PROTOBUF), ("Accept", PROTOBUF)];
    let (head, mut events) = Events::of(program.address, "/api/v1", &headers, &call);
    assert_eq!(head.header("Content-Type"), Some(PROTOBUF));
    let mut next = || decoded("Mesos::Master::Event", &events.record().expect("the stream goes on"));
    let first = next();
    assert_eq!(first["type"], "SUBSCRIBED");
    assert_eq!(first["subscribed"]["get_state"]["get_agents"]["agents"][0]["active"], true);
    let framework = with_tasks(program.address);
    let mut kinds = Vec::new();
    loop {
        let event = next();
        kinds.push(event["type"].as_str().unwrap().to_string());
        if event["task_updated"]["state"] == "TASK_FINISHED" {
            assert_eq!(event["task_updated"]["status"]["task_id"]["value"], "short");
            assert_eq!(event["task_updated"]["framework_id"]["value"], framework.id.value);
            break;
        }
    }
    for kind in ["FRAMEWORK_ADDED", "TASK_ADDED", "TASK_UPDATED"] {
        assert!(kinds.iter().any(|one| one == kind), "{kind} among {kinds:?}");
    }
    drop(framework);
    let updated = std::iter::from_fn(|| Some(next())).find(|event| event["type"] == "FRAMEWORK_UPDATED");
    assert_eq!(updated.unwrap()["framework_updated"]["framework"]["connected"], false);
    let token = format!("Bearer {}", program.ready["control_token"].as_str().unwrap());
    for path in ["agents", "agents/1/stop"] {
        let headers = [("Authorization", token.as_str())];
        assert_eq!(
            request(program.address, "POST", &format!("/mesos-local/{path}"), &headers, b"").status,
            200
        );
    }
    let wanted = |kind: &'static str| move |event: &Value| event["type"] == kind;
    let mut all = std::iter::from_fn(|| Some(next()));
    let added = all.find(wanted("AGENT_ADDED")).unwrap();
    let removed = all.find(wanted("AGENT_REMOVED")).unwrap();
    assert_eq!(
        added["agent_added"]["agent"]["agent_info"]["id"],
        removed["agent_removed"]["agent_id"]
    );
}

/// A request, its status, and what its text is, or is the beginning of.
struct Case {
    whom: usize,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    status: u16,
    text: &'static str,
}

fn case(whom: usize, content_type: &'static str, accept: &'static str, body: &[u8], status: u16, text: &'static str) -> Case {
    let headers = [("Content-Type", content_type), ("Accept", accept)];
    Case {
        whom,
        headers: headers.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        body: body.to_vec(),
        status,
        text,
    }
}

fn cases() -> Vec<Case> {
    const P: &str = PROTOBUF;
    const J: &str = "application/json";
    let health = encoded("Mesos::Master::Call", &json!({ "type": "GET_HEALTH" }));
    let in_json = br#"{"type":"GET_HEALTH"}"#;
    let not_parsed = [
        "Failed to parse body into Call protobuf",
        "Failed to parse body into a protobuf object",
    ];
    let prefix = ["Failed to convert JSON into Call protobuf: ", ""];
    let no_type = [
        "Failed to validate master::Call: Expecting 'type' to be present",
        "Failed to validate agent::Call: Expecting 'type' to be present",
    ];
    let healthy = r#"{"get_health":{"healthy":true},"type":"GET_HEALTH"}"#;
    let mut all = Vec::new();
    for whom in 0..2 {
        let leak = |text: &str| -> &'static str { Box::leak(format!("{}{text}", prefix[whom]).into_boxed_str()) };
        all.extend([
            case(whom, P, P, &health, 200, "\u{8}\u{1}\u{12}\u{2}\u{8}\u{1}"),
            case(whom, J, P, in_json, 200, "\u{8}\u{1}\u{12}\u{2}\u{8}\u{1}"),
            case(whom, P, J, &health, 200, healthy),
            case(whom, P, "", &health, 200, healthy),
            case(whom, P, "text/html", &health, 406, NOT_ACCEPTABLE[whom]),
            case(whom, J, "text/html", in_json, 406, NOT_ACCEPTABLE[whom]),
            case(whom, P, "application/x-protobuf;q=0", &health, 406, NOT_ACCEPTABLE[whom]),
            case(whom, "text/plain", P, &health, 415, UNSUPPORTED[whom]),
            case(
                whom,
                "application/x-protobuf; charset=utf-8",
                P,
                &health,
                415,
                UNSUPPORTED[whom],
            ),
            case(whom, "", P, &health, 400, "Expecting 'Content-Type' to be present"),
            case(whom, P, P, b"", 400, no_type[whom]),
            case(whom, P, P, b"\x08\x63", 400, no_type[whom]),
            // ClusterD's calls, of which Mesos 1.11 does not know.
            case(whom, P, P, [b"\x08\x28", b"\x08\x22"][whom], 400, no_type[whom]),
            case(whom, J, J, br#"{"type":"READ_LOG","read_log":{}}"#, 400, no_type[whom]),
            case(whom, P, P, b"\x08\x00", 501, "501 Not Implemented."),
            case(whom, J, J, br#"{"type":"UNKNOWN"}"#, 501, "501 Not Implemented."),
            case(whom, P, P, b"garbage", 400, not_parsed[whom]),
            // A READ_FILE that lacks what it needs.
            case(whom, P, P, b"\x08\x08\x2a\x00", 400, not_parsed[whom]),
            case(whom, P, P, b"\x08\x04", 400, NO_METRICS[whom]),
            case(whom, J, J, b"[]", 400, leak("Expecting a JSON object")),
            case(
                whom,
                J,
                J,
                br#"{"type":7}"#,
                400,
                leak("Not expecting a JSON number for field 'type'"),
            ),
            case(
                whom,
                J,
                J,
                br#"{"type":"GET_HEALTH","read_file":{"path":"x"}}"#,
                400,
                leak("Missing required fields: read_file.offset"),
            ),
        ]);
    }
    all.extend(cases_of_one());
    all
}

const UNSUPPORTED: [&str; 2] = [
    "Expecting 'Content-Type' of application/json or application/x-protobuf",
    "Expecting 'Content-Type' of application/json or application/x-protobuf or application/recordio",
];
const NOT_ACCEPTABLE: [&str; 2] = [
    "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
    "Expecting 'Accept' to allow application/json or application/x-protobuf or application/recordio",
];
const NO_METRICS: [&str; 2] = [
    "Failed to validate master::Call: Expecting 'get_metrics' to be present",
    "Failed to validate agent::Call: Expecting 'get_metrics' to be present",
];

/// Where master and agent differ in more than a text.
fn cases_of_one() -> Vec<Case> {
    const P: &str = PROTOBUF;
    let health = encoded("Mesos::Master::Call", &json!({ "type": "GET_HEALTH" }));
    let mut all = Vec::new();
    let no_stream = "Streaming response is not supported for GET_HEALTH call";
    let both = "application/recordio, application/x-protobuf";
    all.extend([
        case(0, RECORDIO, P, &health, 415, UNSUPPORTED[0]),
        case(0, P, RECORDIO, &health, 406, NOT_ACCEPTABLE[0]),
        case(
            1,
            RECORDIO,
            P,
            &health,
            400,
            "Expecting 'Message-Content-Type' to be set for streaming requests",
        ),
        case(1, P, RECORDIO, &health, 406, no_stream),
        case(1, P, both, &health, 200, "\u{8}\u{1}\u{12}\u{2}\u{8}\u{1}"),
    ]);
    // Master and agent look for what is wrong in another order.
    all.push(case(0, P, "text/html", b"\x08\x04", 400, NO_METRICS[0]));
    all.push(case(1, P, "text/html", b"\x08\x04", 406, NOT_ACCEPTABLE[1]));
    let mut of_messages = case(
        1,
        P,
        RECORDIO,
        &health,
        406,
        "Expecting 'Message-Accept' to allow application/json or application/x-protobuf",
    );
    of_messages.headers.push(("Message-Accept", "text/html"));
    all.push(of_messages);
    let mut streamed = case(
        1,
        RECORDIO,
        P,
        &health,
        415,
        "Expecting 'Message-Content-Type' of application/json or application/x-protobuf",
    );
    streamed.headers.push(("Message-Content-Type", "text/html"));
    all.push(streamed);
    all.extend(cases_of_input());
    all
}

/// The input of a container comes as a stream of calls, of which the first one is looked at by itself.
fn cases_of_input() -> Vec<Case> {
    const J: &str = "application/json";
    let input = |rest: &str| format!(r#"{{"type":"ATTACH_CONTAINER_INPUT"{rest}}}"#);
    let of = |member: &str| input(&format!(r#","attach_container_input":{member}"#));
    let of_id = |id: &str| of(&format!(r#"{{"type":"CONTAINER_ID"{id}}}"#));
    let known = of_id(r#","container_id":{"value":"x"}"#);
    let streams = [
        (known.clone(), 404, "Container x cannot be found"),
        (of_id(r#","container_id":{"value":"y","parent":{"value":"x"}}"#), 404, "Container x.y cannot be found"),
        (of(r#"{"type":"PROCESS_IO"}"#), 400, "Expecting 'attach_container_input.type' to be CONTAINER_ID"),
        (
            of_id(r#","container_id":{"value":"../x"}"#),
            400,
            "Failed to validate agent::Call: 'attach_container_input.container_id' is invalid: '../x' contains invalid characters",
        ),
        (
            of_id(""),
            400,
            "Failed to validate agent::Call: 'attach_container_input.container_id' is invalid: ID must not be empty",
        ),
        (input(""), 400, "Failed to validate agent::Call: Expecting 'attach_container_input' to be present"),
        (of("{}"), 400, "Failed to validate agent::Call: Expecting 'attach_container_input.type' to be present"),
        (
            of(r#"{"type":"UNKNOWN"}"#),
            400,
            "Failed to validate agent::Call: 'attach_container_input.type' is unknown",
        ),
        (
            r#"{"type":"GET_HEALTH"}"#.into(),
            415,
            "Streaming 'Content-Type' application/recordio is not supported for GET_HEALTH call",
        ),
    ];
    let stream = |body: &str, status, text| {
        let mut case = case(1, RECORDIO, J, body.as_bytes(), status, text);
        case.headers.push(("Message-Content-Type", J));
        case
    };
    let mut all: Vec<Case> = streams
        .iter()
        .map(|(call, status, text)| stream(&format!("{}\n{call}", call.len()), *status, text))
        .collect();
    for body in ["", "xyz", "100\n{"] {
        all.push(stream(body, 400, "Received EOF while reading request body"));
    }
    let alone = "Expecting 'Content-Type' to be application/recordio for ATTACH_CONTAINER_INPUT call";
    all.push(case(1, J, J, known.as_bytes(), 415, alone));
    let health = br#"{"type":"GET_HEALTH"}"#;
    let of_messages = "Expecting 'Message-Content-Type' to be not set for non-streaming requests";
    let accepted = "Expecting 'Message-Accept' to be not set for non-streaming responses";
    for (name, status, text) in [("Message-Content-Type", 415, of_messages), ("Message-Accept", 406, accepted)] {
        let mut case = case(1, J, J, health, status, text);
        case.headers.push((name, J));
        all.push(case);
    }
    all
}

#[test]
fn types_are_negotiated_as_by_a_real_mesos() {
    let program = Program::new(&[]);
    let mut clusters = vec![Cluster::own(&program)];
    clusters.extend(Cluster::real());
    for cluster in clusters {
        for case in cases() {
            let reply = cluster.ask(case.whom, &case.headers, &case.body);
            // The order of members means nothing.
            let text = match serde_json::from_slice::<Value>(&reply.body) {
                Ok(value) => value.to_string(),
                Err(_) => reply.text().to_string(),
            };
            assert_eq!(
                (reply.status, text.as_str()),
                (case.status, case.text),
                "{} {} {:?} {}",
                cluster.addresses[case.whom],
                PATHS[case.whom],
                case.headers,
                String::from_utf8_lossy(&case.body)
            );
        }
    }
}

/// Whoever types waits for an answer before the next line: the stream of calls has not ended yet.
#[test]
fn input_of_a_session_is_refused_in_words() {
    let program = Program::new(&[]);
    let _framework = with_tasks(program.address);
    let path = PATHS[1];
    let containers = asked(program.address, path, &json!({ "type": "GET_CONTAINERS" }));
    let task = containers["get_containers"]["containers"][0]["container_id"].clone();
    let session = json!({ "value": "session", "parent": task });
    let launch = json!({ "container_id": session, "command": { "value": "sleep 1000" } });
    let launch = json!({ "type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": launch });
    let (reply, _output) = Events::of(program.address, path, &[JSON], launch.to_string().as_bytes());
    assert_eq!(reply.status, 200);
    for (id, status) in [(session, 501), (task, 500)] {
        let input = json!({ "type": "CONTAINER_ID", "container_id": id });
        let input = json!({ "type": "ATTACH_CONTAINER_INPUT", "attach_container_input": input }).to_string();
        let record = format!("{}\n{input}", input.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {RECORDIO}\r\nMessage-Content-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        let mut stream = connect(program.address);
        // Its first record comes in two pieces.
        let (first, second) = record.split_at(20);
        for piece in [
            head,
            format!("14\r\n{first}\r\n"),
            format!("{:x}\r\n{second}\r\n", second.len()),
        ] {
            stream.write_all(piece.as_bytes()).expect("a piece");
        }
        assert_eq!(read_head(&mut BufReader::new(stream)).status, status);
    }
}
