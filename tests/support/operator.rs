//! What tests ask of the operator API, and how they hear its events.

#![allow(dead_code)]

use super::local_support::{connect, info, read_head, request, send, Framework, Reply, PATIENCE};
use mesos_perl::proto::{FrameworkInfo, TaskState};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;

pub const JSON: (&str, &str) = ("Content-Type", "application/json");

pub fn post(address: SocketAddr, path: &str, call: &Value) -> Reply {
    request(address, "POST", path, &[JSON], call.to_string().as_bytes())
}

pub fn asked(address: SocketAddr, path: &str, call: &Value) -> Value {
    let reply = post(address, path, call);
    assert_eq!(reply.status, 200, "{call}: {}", reply.text());
    assert_eq!(reply.header("Content-Type"), Some("application/json"), "{call}");
    serde_json::from_slice(&reply.body).expect("JSON")
}

pub fn got(address: SocketAddr, path: &str) -> Value {
    let reply = request(address, "GET", path, &[], b"");
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    serde_json::from_slice(&reply.body).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A framework with a task that runs and one that has ended.
pub fn with_tasks(address: SocketAddr) -> Framework {
    let mut framework = Framework::at(
        address,
        "none",
        FrameworkInfo {
            user: nix::unistd::User::from_uid(nix::unistd::geteuid())
                .ok()
                .flatten()
                .map(|user| user.name)
                .unwrap_or_default(),
            failover_timeout: Some(100.0),
            ..info("operators")
        },
    );
    let offer = framework.offer();
    framework.agent_id = offer.slave_id.clone();
    let tasks = vec![
        framework.command("long", "echo hello; sleep 1000"),
        framework.command("short", "true"),
    ];
    framework.launch_on(&offer, tasks);
    framework.wait_for("long", TaskState::TaskRunning);
    framework.story("short");
    framework
}

/// The keys in a value, and the types behind them. What is in lists counts together; `flags` and figures have keys of their own.
pub fn shape(value: &Value, path: &str, into: &mut BTreeMap<String, &'static str>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                shape(value, &format!("{path}.{key}"), into);
            }
        }
        Value::Array(list) => {
            into.insert(path.into(), "list");
            list.iter().for_each(|value| shape(value, &format!("{path}[]"), into));
        }
        Value::Number(number) if number.is_f64() => drop(into.insert(path.into(), "float")),
        Value::Number(_) => drop(into.insert(path.into(), "integer")),
        Value::String(_) => drop(into.insert(path.into(), "string")),
        Value::Bool(_) => drop(into.insert(path.into(), "boolean")),
        Value::Null => drop(into.insert(path.into(), "null")),
    }
}

/// An open answer in RecordIO.
pub struct Events(BufReader<std::net::TcpStream>, Vec<u8>);

impl Events {
    pub fn open(address: SocketAddr) -> Events {
        Events::of(address, "/api/v1", &[JSON], br#"{"type": "SUBSCRIBE"}"#).1
    }

    /// Its head and what follows.
    pub fn of(address: SocketAddr, path: &str, headers: &[(&str, &str)], call: &[u8]) -> (Reply, Events) {
        let mut stream = connect(address);
        send(&mut stream, "POST", path, headers, call);
        let mut reader = BufReader::new(stream);
        let head = read_head(&mut reader);
        assert_eq!(head.status, 200);
        (head, Events(reader, Vec::new()))
    }

    /// `None` when it has ended.
    pub fn next(&mut self) -> Option<Value> {
        self.record().map(|record| serde_json::from_slice(&record).expect("JSON"))
    }

    /// The bytes of a record; `None` when there is no more.
    pub fn record(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.1.iter().position(|byte| *byte == b'\n') {
                let length: usize = std::str::from_utf8(&self.1[..end]).unwrap().parse().unwrap();
                if self.1.len() > end + length {
                    let record = self.1[end + 1..end + 1 + length].to_vec();
                    self.1.drain(..end + 1 + length);
                    return Some(record);
                }
            }
            let mut line = String::new();
            self.0.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; length + 2];
            self.0.read_exact(&mut chunk).ok()?;
            self.1.extend(&chunk[..length]);
            if length == 0 {
                return None;
            }
        }
    }

    pub fn until(&mut self, kind: &str) -> Value {
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            let event = self.next().expect("the stream goes on");
            if event["type"] == kind {
                return event[kind.to_lowercase()].clone();
            }
            assert!(std::time::Instant::now() < end, "no {kind}");
        }
    }
}
