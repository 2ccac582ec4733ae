//! Requests to a cluster on a stage, whatever bytes they are made of: for the fuzzer, and for the test of its corpus.
//!
//! An input is a row of steps: a byte that says what it is ([`Step`]), two for the length of what follows, and that. In texts, `$F` stands
//! for the id of a framework, `$O` for that of an offer, `$A` for that of the agent, so that inputs can speak of them.

use super::{Order, Report, Stage, SECRET};
use crate::local::settings::intervals::Intervals;
use crate::random::seeded;
use std::time::Duration;

/// What opens `/mesos-local/` here.
const CONTROL: &str = "control";
/// More steps than this say nothing new.
const MOST: usize = 40;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";
const RECORDIO: &str = "application/recordio";

/// What happens.
#[derive(Clone, Copy)]
enum Step {
    /// A call to this path, in this format.
    Call(&'static str, &'static str),
    /// The body's first line is method and path.
    Request,
    /// All bytes of a connection.
    Raw,
    /// So many seconds pass: the first byte.
    Time,
    /// The latest process ends, with the first byte as its status.
    Exit,
}

const STEPS: [Step; 14] = [
    Step::Raw,
    Step::Request,
    Step::Call("/api/v1/scheduler", JSON),
    Step::Call("/api/v1/scheduler", PROTOBUF),
    Step::Call("/slave(1)/api/v1/executor", JSON),
    Step::Call("/slave(1)/api/v1/executor", PROTOBUF),
    Step::Call("/api/v1", JSON),
    Step::Call("/api/v1", PROTOBUF),
    Step::Call("/slave(1)/api/v1", JSON),
    Step::Call("/slave(1)/api/v1", PROTOBUF),
    Step::Call("/slave(1)/api/v1", RECORDIO),
    Step::Call("/mesos-local/", JSON),
    Step::Time,
    Step::Exit,
];

struct Play {
    stage: Stage,
    now: Duration,
    /// Of the latest scheduler that has subscribed, and of the latest executor's process.
    stream_id: String,
    token: String,
    processes: Vec<u64>,
    /// Whether somebody has asked for faults.
    has_faults: bool,
}

/// No request may panic, spoil the books, leave something behind, or keep the cluster from answering the next one.
pub fn check(data: &[u8]) {
    seeded::set(Some(7));
    let mut play = Play {
        stage: Stage::new(1, &Intervals::default()),
        now: Duration::ZERO,
        stream_id: "none".into(),
        token: "none".into(),
        processes: Vec::new(),
        has_faults: false,
    };
    play.stage.core.borrow_mut().settings.control = Some(CONTROL.into());
    let mut rest = data;
    for _ in 0..MOST {
        let [what, low, high, behind @ ..] = rest else { break };
        let length = (usize::from(*low) + 256 * usize::from(*high)).min(behind.len());
        let (body, behind) = behind.split_at(length);
        play.step(STEPS[usize::from(*what) % STEPS.len()], body);
        play.stage.check();
        rest = behind;
    }
    play.end();
    seeded::set(None);
}

impl Play {
    fn step(&mut self, step: Step, body: &[u8]) {
        let first = body.first().copied().unwrap_or_default();
        match step {
            Step::Time => {
                self.now += Duration::from_secs(u64::from(first));
                self.stage.advance_to(self.now);
            }
            Step::Exit => {
                if let Some(process) = self.processes.pop() {
                    let status = i32::from(first) << 8;
                    self.stage.report(Report::Exited { process, status });
                }
            }
            Step::Raw => {
                let bytes = self.filled(body);
                self.speak(&bytes);
            }
            Step::Call(path, kind) => {
                let body = if kind == JSON { self.filled(body) } else { body.to_vec() };
                self.request("POST", path, kind, &body);
            }
            Step::Request => {
                let body = self.filled(body);
                let mut parts = body.splitn(2, |byte| *byte == b'\n');
                let line = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
                let (method, path) = line.split_once(' ').unwrap_or(("GET", &line));
                self.request(method, path, JSON, parts.next().unwrap_or_default());
            }
        }
        for order in self.stage.orders() {
            match order {
                Order::Start { process, environment } => {
                    let token = environment.get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN");
                    self.token = token.unwrap_or(&self.token).clone();
                    self.processes.push(process);
                    self.stage.report(Report::Started { process, pid: 1 });
                }
                Order::Signal { process, signal } => {
                    self.processes.retain(|one| *one != process);
                    self.stage.report(Report::Exited { process, status: signal });
                }
            }
        }
    }

    /// The text with what its placeholders stand for.
    fn filled(&self, body: &[u8]) -> Vec<u8> {
        let core = self.stage.core.borrow();
        let mut filled = Vec::new();
        let mut rest = body.iter();
        while let Some(byte) = rest.next() {
            let id = match (byte, rest.as_slice().first()) {
                (b'$', Some(b'F')) => core.master.frameworks.keys().last(),
                (b'$', Some(b'O')) => core.master.offers.keys().last(),
                (b'$', Some(b'A')) => core.master.agents.keys().last(),
                _ => None,
            };
            match id {
                Some(id) => {
                    rest.next();
                    filled.extend_from_slice(id.as_bytes());
                }
                None => filled.push(*byte),
            }
        }
        filled
    }

    fn request(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) {
        let secret = match path {
            path if path.starts_with("/mesos-local") => CONTROL,
            path if path.ends_with("/executor") => &self.token,
            _ => SECRET,
        };
        self.has_faults |= secret == CONTROL && method == "POST";
        // A stream's records are JSON.
        let (accept, of_messages) = match kind {
            RECORDIO => (JSON, "Message-Content-Type: application/json\r\n"),
            kind => (kind, ""),
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {secret}\r\nAccept: {accept}\r\nContent-Type: {kind}\r\n\
            {of_messages}Mesos-Stream-Id: {}\r\nContent-Length: {}\r\n\r\n",
            self.stream_id,
            body.len()
        );
        self.speak(&[head.as_bytes(), body].concat());
    }

    /// Sends this on a connection of its own, in two pieces, and takes what comes on all connections.
    fn speak(&mut self, bytes: &[u8]) {
        let connection = self.stage.connect();
        let (piece, rest) = bytes.split_at(bytes.len() * 2 / 3);
        self.stage.receive(connection, piece);
        self.stage.receive(connection, rest);
        let (answer, _) = self.stage.take(connection);
        // Whoever asks in HTTP/1.0 is answered so.
        let is_http = [&b"HTTP/1.1 "[..], b"HTTP/1.0 "]
            .iter()
            .any(|version| answer.starts_with(version));
        assert!(answer.is_empty() || is_http, "an answer is HTTP");
        let head = String::from_utf8_lossy(&answer[..answer.len().min(1000)]);
        let line = head.lines().find_map(|line| line.strip_prefix("mesos-stream-id: "));
        self.stream_id = line.unwrap_or(&self.stream_id).to_string();
        for other in self.stage.speaking() {
            self.stage.take(other);
        }
    }

    /// Everybody hangs up, and an operator removes the frameworks.
    fn end(mut self) {
        let connections: Vec<u64> = self.stage.wires.keys().copied().collect();
        for connection in connections {
            self.stage.end(connection, true);
            self.stage.take(connection);
        }
        self.stage.tear_down_others("");
        self.stage.check();
        // See `no_request_hurts_the_cluster`. Faults may keep an agent from hearing of the end.
        let may_stay = ["agents away", "connections", "streams"];
        let mut left = self.stage.left();
        left.retain(|left| !may_stay.iter().any(|what| left.contains(what)));
        assert!(self.has_faults || left.is_empty(), "{left:?}");
        let connection = self.stage.connect();
        let honest = format!("GET /state HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {SECRET}\r\n\r\n");
        self.stage.receive(connection, honest.as_bytes());
        let answer = self.stage.take(connection).0;
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "an honest request is answered");
    }
}

#[cfg(test)]
mod tests {
    /// What the fuzzer knows.
    #[test]
    fn no_input_of_the_fuzzer_hurts_the_cluster() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/requests");
        let mut inputs = 0;
        for entry in std::fs::read_dir(&folder).expect("corpus") {
            let path = entry.expect("entry").path();
            println!("{}", path.display());
            super::check(&std::fs::read(path).expect("input"));
            inputs += 1;
        }
        assert!(inputs > 10, "{inputs} inputs in {}", folder.display());
    }
}
