//! The cluster and what no driver sends: requests with damage, in pieces that end anywhere.

use super::dice::Dice;
use super::number;
use crate::local::stage::{Stage, SECRET};
use crate::local::Intervals;
use crate::random::seeded;
use std::time::Duration;

/// Requests as they should be: of a scheduler, of operators, of tools.
fn requests() -> Vec<Vec<u8>> {
    let post = |path: &str, kind: &str, body: &[u8]| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {SECRET}\r\nAccept: {kind}\r\nContent-Type: {kind}\r\n\
            Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {SECRET}\r\n\r\n").into_bytes();
    let (protobuf, json) = ("application/x-protobuf", "application/json");
    let (scheduler, operator) = ("/api/v1/scheduler", "/api/v1");
    let subscribe = br#"{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","roles":["a"]}}}"#;
    let accept = br#"{"framework_id":{"value":"f"},"type":"ACCEPT","accept":{"offer_ids":[{"value":"o"}],"operations":[]}}"#;
    let quota = br#"{"type":"UPDATE_QUOTA","update_quota":{"quota_configs":[{"role":"a","limits":{"cpus":{"value":2}}}]}}"#;
    let window = br#"{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[{"machine_ids":[{"hostname":"host"}],"unavailability":{"start":{"nanoseconds":1}}}]}}}"#;
    vec![
        post(scheduler, protobuf, b"\x10\x01\x1a\x08\x0a\x06\x0a\x01u\x12\x01n"),
        post(scheduler, json, subscribe),
        post(scheduler, json, accept),
        post(
            "/slave(1)/api/v1/executor",
            json,
            br#"{"type":"SUBSCRIBE","executor_id":{"value":"e"},"framework_id":{"value":"f"},"subscribe":{}}"#,
        ),
        post(operator, json, br#"{"type":"GET_STATE"}"#),
        post(operator, json, br#"{"type":"SUBSCRIBE"}"#),
        post(operator, json, quota),
        post(operator, json, window),
        post(operator, protobuf, b"\x08\x0a"),
        get("/state"),
        get("/tasks?limit=3&offset=1"),
        get("/files/read?path=/x&offset=-1&length=9"),
        get("/files/browse?path=%2e%2e/"),
        b"POST /api/v1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec(),
    ]
}

fn damaged(requests: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut all = Vec::new();
    for _ in 0..1 + dice.below(3) {
        let mut one = requests[dice.below(requests.len() as u64) as usize].clone();
        for _ in 0..dice.below(4) {
            let at = dice.below(one.len() as u64) as usize;
            match dice.below(4) {
                0 => one[at] = dice.below(256) as u8,
                1 => one.truncate(at.max(1)),
                2 => one.insert(at, dice.pick(b"0123456789\"{}[],:\r\n \xff").unwrap_or_default()),
                _ => {
                    one.remove(at);
                    one.push(b'x');
                }
            }
        }
        all.extend(one);
    }
    all
}

/// `SIMULATION_SEEDS`: that many histories of 30 connections.
#[test]
fn no_request_hurts_the_cluster() {
    let requests = requests();
    for seed in 0..number("SIMULATION_SEEDS").unwrap_or(20) {
        seeded::set(Some(seed));
        let mut dice = Dice::new(seed);
        let mut stage = Stage::new(1, &Intervals::default());
        let mut now = Duration::ZERO;
        for _ in 0..30 {
            let connection = stage.connect();
            let bytes = damaged(&requests, &mut dice);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let length = (1 + dice.below(200) as usize).min(rest.len());
                stage.receive(connection, &rest[..length]);
                rest = &rest[length..];
            }
            let (answer, _) = stage.take(connection);
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 "), "seed {seed}");
            now += dice.within(500);
            stage.advance_to(now);
            stage.check();
            stage.end(connection, dice.percent(50));
            stage.take(connection);
        }
        stage.tear_down_others("");
        // Behind a stream's request there may be bytes that wait for its end: then the server sees the end of the connection when it writes
        // again. What it writes then is a beat of an operator's stream, whose timer stands here.
        let may_stay = ["agents away", "connections", "streams"];
        let left = stage
            .left()
            .into_iter()
            .filter(|left| !may_stay.iter().any(|what| left.contains(what)));
        let left: Vec<String> = left.collect();
        assert_eq!(left, [""; 0], "seed {seed}");
        // And an honest request is answered.
        let connection = stage.connect();
        stage.receive(connection, &requests[9]);
        assert!(stage.take(connection).0.starts_with(b"HTTP/1.1 200 OK"), "seed {seed}");
        seeded::set(None);
    }
}
