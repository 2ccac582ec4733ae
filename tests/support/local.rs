//! A small blocking client of the v1 APIs, and a cluster to point it at.

#![allow(dead_code)]

#[path = "local/executor.rs"]
pub mod executor;
#[path = "local/web.rs"]
pub mod web;

use bytes::Bytes;
use mesos_perl::local::{Cluster, Config};
use mesos_perl::message::{text, ClassId};
use mesos_perl::proto::offer::{operation, Operation};
use mesos_perl::proto::scheduler::call::{self, Type};
use mesos_perl::proto::scheduler::{event, Event};
use mesos_perl::proto::*;
use prost::Message;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(40);

pub fn config(resources: &str) -> Config {
    Config {
        helper: env!("CARGO_BIN_EXE_mesos-local").into(),
        resources: Some(resources.into()),
        ..Default::default()
    }
}

pub fn cluster() -> Cluster {
    Cluster::start(config("cpus:4;mem:4096;disk:4096;ports:[31000-31099]")).expect("the cluster starts")
}

/// Asks until the answer is yes; fails the test when it stays no.
pub fn until(what: &str, mut yes: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !yes() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process exists that is not a zombie.
pub fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
}

pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

pub fn send(stream: &mut TcpStream, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
    let mut head = format!("{method} {path} HTTP/1.1\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head += "Host: localhost\r\n";
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    stream.write_all(&[head.as_bytes(), body].concat()).expect("send");
}

pub fn read_head(reader: &mut BufReader<TcpStream>) -> Reply {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).expect("head");
        line.trim_end().to_string()
    };
    let status = line()
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .expect("status line");
    let mut headers = Vec::new();
    loop {
        let line = line();
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.push((name.to_string(), value.to_string()));
    }
    Reply {
        status,
        headers,
        body: Vec::new(),
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connect");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    stream
}

/// One request on a connection of its own.
pub fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut stream = connect(address);
    send(
        &mut stream,
        method,
        path,
        &[headers, &[("Connection", "close")]].concat(),
        body,
    );
    let mut reader = BufReader::new(stream);
    let mut reply = read_head(&mut reader);
    reader.read_to_end(&mut reply.body).expect("body");
    reply
}

/// Of an event, whose strings need not be UTF-8.
fn class_of<M>() -> ClassId {
    text::of(match std::any::type_name::<M>().contains("executor") {
        true => "Mesos::Executor::Event",
        false => "Mesos::Scheduler::Event",
    })
}

/// A streaming answer, record by record.
pub struct Records {
    reader: BufReader<TcpStream>,
    pub reply: Reply,
    buffer: Vec<u8>,
    ended: bool,
}

impl Records {
    /// Sends a SUBSCRIBE and reads the head of the answer, which has to be a 200.
    pub fn open(address: SocketAddr, path: &str, secret: &str, call: &impl Message) -> Records {
        let mut stream = connect(address);
        let authorization = format!("Bearer {secret}");
        let headers = [
            ("Content-Type", "application/x-protobuf"),
            ("Accept", "application/x-protobuf"),
            ("Authorization", &authorization),
        ];
        send(&mut stream, "POST", path, &headers, &call.encode_to_vec());
        Records::of(stream)
    }

    /// What comes on a connection on which SUBSCRIBE was sent.
    pub fn of(connection: TcpStream) -> Records {
        let mut reader = BufReader::new(connection);
        let reply = read_head(&mut reader);
        assert_eq!(reply.status, 200, "SUBSCRIBE is accepted");
        assert_eq!(reply.header("Transfer-Encoding"), Some("chunked"));
        assert_eq!(reply.header("Content-Type"), Some("application/x-protobuf"));
        Records {
            reader,
            reply,
            buffer: Vec::new(),
            ended: false,
        }
    }

    /// One HTTP chunk; false at the end.
    fn chunk(&mut self) -> bool {
        let mut line = String::new();
        if self.ended || self.reader.read_line(&mut line).expect("chunk") == 0 {
            self.ended = true;
            return false;
        }
        let length = usize::from_str_radix(line.trim(), 16).expect("chunk length");
        let mut chunk = vec![0; length + 2];
        self.reader.read_exact(&mut chunk).expect("chunk");
        self.buffer.extend(&chunk[..length]);
        self.ended = length == 0;
        !self.ended
    }

    /// The next record; `None` when the server has ended the stream.
    pub fn next<M: Message + Default>(&mut self) -> Option<M> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let length: usize = std::str::from_utf8(&self.buffer[..end])
                    .unwrap()
                    .parse()
                    .expect("record length");
                if self.buffer.len() > end + length {
                    let record = Bytes::copy_from_slice(&self.buffer[end + 1..end + 1 + length]);
                    let record = M::decode(text::readable(class_of::<M>(), record)).expect("record");
                    self.buffer.drain(..end + 1 + length);
                    return Some(record);
                }
            }
            if !self.chunk() {
                assert!(self.buffer.is_empty(), "cut record");
                return None;
            }
        }
    }
}

/// A v1 Call with anything but `subscribe`, whose place differs between v0 and v1.
pub fn call(kind: Type) -> scheduler::Call {
    scheduler::Call {
        r#type: Some(kind as i32),
        ..Default::default()
    }
}

/// A framework that is subscribed.
pub struct Framework {
    pub address: SocketAddr,
    pub secret: String,
    pub records: Records,
    pub id: FrameworkId,
    pub stream_id: String,
    pub agent_id: SlaveId,
    /// Acknowledge every update as it is read.
    pub acknowledge: bool,
    calls: BufReader<TcpStream>,
    /// Events that were read while something else was wanted.
    seen: Vec<Event>,
}

pub fn info(name: &str) -> FrameworkInfo {
    FrameworkInfo {
        user: String::new(),
        name: name.into(),
        ..Default::default()
    }
}

pub fn subscribe_call(info: FrameworkInfo) -> scheduler::Call {
    let subscribe = call::Subscribe {
        framework_info: info.clone(),
        ..Default::default()
    };
    scheduler::Call {
        framework_id: info.id,
        subscribe: Some(subscribe),
        ..call(Type::Subscribe)
    }
}

impl Framework {
    pub fn new(cluster: &Cluster) -> Framework {
        Framework::of(cluster, info("test"))
    }

    pub fn of(cluster: &Cluster, info: FrameworkInfo) -> Framework {
        Framework::at(cluster.address(), cluster.secret(), info)
    }

    pub fn at(address: SocketAddr, secret: &str, info: FrameworkInfo) -> Framework {
        let mut records = Records::open(address, "/master/api/v1/scheduler", secret, &subscribe_call(info));
        let first: Event = records.next().expect("SUBSCRIBED");
        let subscribed = first.subscribed.expect("SUBSCRIBED comes first");
        let stream_id = records.reply.header("Mesos-Stream-Id").expect("stream id").to_string();
        let master = subscribed.master_info.as_ref().expect("master_info").id.clone();
        Framework {
            address,
            secret: secret.to_string(),
            records,
            id: subscribed.framework_id,
            stream_id,
            agent_id: SlaveId {
                value: format!("{master}-S0"),
            },
            acknowledge: true,
            calls: BufReader::new(connect(address)),
            seen: Vec::new(),
        }
    }

    /// Sends a call on the connection for calls and returns the answer.
    pub fn post(&mut self, mut call: scheduler::Call) -> Reply {
        call.framework_id = Some(self.id.clone());
        let authorization = format!("Bearer {}", self.secret);
        let headers = [
            ("Content-Type", "application/x-protobuf"),
            ("Authorization", authorization.as_str()),
            ("Mesos-Stream-Id", &self.stream_id),
        ];
        send(
            self.calls.get_mut(),
            "POST",
            "/api/v1/scheduler",
            &headers,
            &call.encode_to_vec(),
        );
        let mut reply = read_head(&mut self.calls);
        let length = reply
            .header("Content-Length")
            .and_then(|length| length.parse().ok())
            .unwrap_or(0);
        reply.body = vec![0; length];
        self.calls.read_exact(&mut reply.body).expect("body");
        reply
    }

    pub fn accepted(&mut self, call: scheduler::Call) {
        let reply = self.post(call);
        assert_eq!((reply.status, reply.text()), (202, ""));
    }

    fn read(&mut self) -> Option<Event> {
        let event: Event = self.records.next()?;
        if let Some(status) = event.update.as_ref().map(|update| &update.status) {
            if let (true, Some(uuid)) = (self.acknowledge, status.uuid.clone()) {
                self.acknowledge(&status.task_id.value.clone(), uuid.to_vec());
            }
        }
        Some(event)
    }

    pub fn acknowledge(&mut self, task: &str, uuid: Vec<u8>) {
        let acknowledge = Some(call::Acknowledge {
            slave_id: self.agent_id.clone(),
            task_id: TaskId { value: task.into() },
            uuid: uuid.into(),
        });
        self.accepted(scheduler::Call {
            acknowledge,
            ..call(Type::Acknowledge)
        });
    }

    /// The first event, read or to come, for which `pick` has an answer. Others are kept.
    pub fn find<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        for index in 0..self.seen.len() {
            if let Some(found) = pick(&self.seen[index]) {
                self.seen.remove(index);
                return found;
            }
        }
        loop {
            assert!(Instant::now() < end, "waited in vain for {what}");
            let event = self.read().unwrap_or_else(|| panic!("the stream ended before {what}"));
            match pick(&event) {
                Some(found) => return found,
                None => self.seen.push(event),
            }
        }
    }

    /// Forgets what was read while something else was wanted.
    pub fn forget(&mut self) {
        self.seen.clear();
    }

    /// The same, but only updates.
    pub fn forget_updates(&mut self) {
        self.seen.retain(|event| event.update.is_none());
    }

    pub fn offer(&mut self) -> Offer {
        self.find("an offer", |event| event.offers.as_ref()?.offers.first().cloned())
    }

    /// The next update of a task.
    pub fn update(&mut self, task: &str) -> TaskStatus {
        self.find(&format!("an update of {task}"), |event| {
            let status = &event.update.as_ref()?.status;
            (status.task_id.value == task).then(|| status.clone())
        })
    }

    /// States and messages of a task up to a terminal one.
    pub fn story(&mut self, task: &str) -> Vec<(TaskState, String)> {
        let mut story = Vec::new();
        loop {
            let status = self.update(task);
            story.push((status.state(), status.message().to_string()));
            if !matches!(
                status.state(),
                TaskState::TaskStarting | TaskState::TaskRunning | TaskState::TaskKilling
            ) {
                return story;
            }
        }
    }

    pub fn wait_for(&mut self, task: &str, state: TaskState) -> TaskStatus {
        loop {
            let status = self.update(task);
            if status.state() == state {
                return status;
            }
        }
    }

    /// Accepts an offer with tasks; the rest may be offered again at once.
    pub fn launch_on(&mut self, offer: &Offer, tasks: Vec<TaskInfo>) {
        let launch = Some(operation::Launch { task_infos: tasks });
        let operation = Operation {
            r#type: Some(operation::Type::Launch as i32),
            launch,
            ..Default::default()
        };
        let filters = Some(Filters {
            refuse_seconds: Some(0.0),
        });
        let accept = call::Accept {
            offer_ids: vec![offer.id.clone()],
            operations: vec![operation],
            filters,
        };
        self.accepted(scheduler::Call {
            accept: Some(accept),
            ..call(Type::Accept)
        });
    }

    pub fn launch(&mut self, tasks: Vec<TaskInfo>) {
        let offer = self.offer();
        self.launch_on(&offer, tasks);
    }

    pub fn command(&self, id: &str, command: &str) -> TaskInfo {
        TaskInfo {
            name: id.into(),
            task_id: TaskId { value: id.into() },
            slave_id: self.agent_id.clone(),
            resources: vec![scalar("cpus", 0.1), scalar("mem", 16.0)],
            command: Some(CommandInfo {
                value: Some(command.into()),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    /// A task of a custom executor.
    pub fn task_of(&self, id: &str, executor: &str, command: &str) -> TaskInfo {
        let info = ExecutorInfo {
            executor_id: ExecutorId { value: executor.into() },
            command: Some(CommandInfo {
                value: Some(command.into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        TaskInfo {
            command: None,
            executor: Some(Box::new(info)),
            ..self.command(id, "")
        }
    }

    pub fn kill(&mut self, task: &str, grace_seconds: Option<f64>) {
        let kill_policy = grace_seconds.map(|seconds| KillPolicy {
            grace_period: Some(DurationInfo {
                nanoseconds: (seconds * 1e9) as i64,
            }),
        });
        let kill = Some(call::Kill {
            task_id: TaskId { value: task.into() },
            slave_id: None,
            kill_policy,
        });
        self.accepted(scheduler::Call {
            kill,
            ..call(Type::Kill)
        });
    }

    /// Whether the server ends the stream.
    pub fn ends(&mut self) -> bool {
        while self.records.next::<Event>().is_some() {}
        true
    }

    pub fn sandbox(&self, cluster: &Cluster, executor: &str) -> std::path::PathBuf {
        let parts = [
            "slaves",
            &self.agent_id.value,
            "frameworks",
            &self.id.value,
            "executors",
            executor,
            "runs",
            "latest",
        ];
        cluster.work_dir().join(parts.iter().collect::<std::path::PathBuf>())
    }
}

pub fn scalar(name: &str, value: f64) -> Resource {
    Resource {
        name: name.into(),
        r#type: value::Type::Scalar as i32,
        scalar: Some(value::Scalar { value }),
        ..Default::default()
    }
}

pub fn event_type(event: &Event) -> event::Type {
    event.r#type()
}

/// Waits for a file to hold a number, and returns it.
pub fn number_in(path: &std::path::Path) -> i32 {
    let mut number = None;
    until(&format!("a number in {}", path.display()), || {
        number = std::fs::read_to_string(path)
            .ok()
            .filter(|t| t.ends_with('\n'))
            .and_then(|t| t.trim().parse().ok());
        number.is_some()
    });
    number.unwrap()
}
