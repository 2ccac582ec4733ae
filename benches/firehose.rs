//! A master of the benchmarks' own that streams events as fast as they are read, answers calls, and takes the time.
//!
//! `firehose serve`: prints its address, serves one framework after the other, and prints a line for each run. What a run is says
//! the framework's name: `updates COUNT`, `offers COUNT`, `latency COUNT`, each with ` delay MILLISECONDS` for answers that come later.
//! `latency COUNT burst NUMBER MILLISECONDS` sends so many at once, with this pause before; without, one every 2 milliseconds.
//! Speaks protobuf, and JSON to those who want it. After the run it sends a MESSAGE, upon which the framework is to stop.
//!
//! `firehose wake` prints what the machine itself takes for one wake-up: microseconds from before a write to a socket on loopback until
//! a thread that waits in poll has read it, the median of 1,000.
//!
//! Without either it measures the driver alone, without Perl: a thread takes events and acknowledges updates.

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use mesos_perl::backends::scheduler;
use mesos_perl::channel::Channel;
use mesos_perl::driver::SchedulerOptions;
use mesos_perl::proto::{self, scheduler as api};
use prost::encoding::{decode_key, decode_varint, skip_field, DecodeContext};
use prost::Message;
use serde_json::{json, Value};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Offers in an event.
const OFFERS: usize = 10;
const TASK: &str = "task-@@@@@@@@@@";
const MESSAGE: &str = "Command exited with status 0 at ~~~~~~~~~~~~~~~~~~~~";
const UUID: [u8; 16] = [0xfe; 16];
const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\nDate: Mon, 23 Nov 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n";

#[derive(Default)]
struct Run {
    acknowledged: AtomicU64,
    /// Set when the last call of the run has come.
    ended: Mutex<Option<Instant>>,
    change: Condvar,
}

impl Run {
    fn end(&self) {
        self.ended.lock().expect("lock").get_or_insert_with(Instant::now);
        self.change.notify_all();
    }
}

/// What a framework's name asks for.
struct Task {
    kind: String,
    count: u64,
    delay: Duration,
    /// Where latency is measured: updates that are sent at once, and the pause before them.
    burst: u64,
    pause: Duration,
    json: bool,
}

impl Task {
    fn parse(name: &str, json: bool) -> Option<Self> {
        let mut words = name.split(' ');
        let (kind, count) = (words.next()?.to_string(), words.next()?.parse().ok()?);
        let (mut delay, mut burst, mut pause) = (0.0, 1, 2.0);
        match words.next() {
            Some("delay") => delay = words.next()?.parse().ok()?,
            Some("burst") => {
                burst = words.next()?.parse().ok()?;
                pause = words.next()?.parse().ok()?;
            }
            _ => (),
        }
        Some(Task {
            kind,
            count,
            delay: Duration::from_secs_f64(delay / 1000.0),
            burst,
            pause: Duration::from_secs_f64(pause / 1000.0),
            json,
        })
    }
}

/// The run that goes on: its books, how many acknowledgements end it, and the delay of answers.
type Current = Arc<Mutex<(Arc<Run>, u64, Duration)>>;

fn status() -> proto::TaskStatus {
    proto::TaskStatus {
        task_id: proto::TaskId { value: TASK.into() },
        state: proto::TaskState::TaskRunning as i32,
        message: Some(MESSAGE.into()),
        source: Some(proto::task_status::Source::Executor as i32),
        slave_id: Some(proto::SlaveId {
            value: "852ea09f-51e8-45ee-b8f8-92c67eabcf3c-S0".into(),
        }),
        executor_id: Some(proto::ExecutorId { value: "default".into() }),
        timestamp: Some(1_447_779_683.17),
        uuid: Some(UUID.to_vec().into()),
        ..Default::default()
    }
}

fn offer_json(number: usize) -> Value {
    let scalar = |name: &str, value: f64| json!({"name": name, "type": "SCALAR", "scalar": {"value": value}, "role": "*", "allocation_info": {"role": "*"}});
    json!({
        "id": {"value": format!("852ea09f-51e8-45ee-b8f8-92c67eabcf3c-O{number}")},
        "framework_id": {"value": "852ea09f-51e8-45ee-b8f8-92c67eabcf3c-0000"},
        "agent_id": {"value": "852ea09f-51e8-45ee-b8f8-92c67eabcf3c-S0"},
        "hostname": "agent-17.example.org",
        "url": {"scheme": "http", "address": {"hostname": "agent-17.example.org", "ip": "10.1.2.3", "port": 5051}, "path": "/slave(1)"},
        "allocation_info": {"role": "*"},
        "resources": [scalar("cpus", 8.0), scalar("mem", 16384.0), scalar("disk", 409_600.0),
            {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 32000}]}, "role": "*",
             "allocation_info": {"role": "*"}}],
        "attributes": [{"name": "rack", "type": "TEXT", "text": {"value": "r42"}}, {"name": "ssd", "type": "SCALAR", "scalar": {"value": 1.0}}]
    })
}

fn offer(number: usize) -> proto::Offer {
    use proto::resource::AllocationInfo;
    use proto::value::{Range, Ranges, Scalar, Text, Type};
    let allocation = || Some(AllocationInfo { role: Some("*".into()) });
    #[allow(deprecated)]
    let resource = |name: &str| proto::Resource {
        name: name.into(),
        role: Some("*".into()),
        allocation_info: allocation(),
        ..Default::default()
    };
    let scalar = |name: &str, value| proto::Resource {
        r#type: Type::Scalar as i32,
        scalar: Some(Scalar { value }),
        ..resource(name)
    };
    proto::Offer {
        id: proto::OfferId {
            value: format!("852ea09f-51e8-45ee-b8f8-92c67eabcf3c-O{number}"),
        },
        framework_id: proto::FrameworkId {
            value: "852ea09f-51e8-45ee-b8f8-92c67eabcf3c-0000".into(),
        },
        slave_id: proto::SlaveId {
            value: "852ea09f-51e8-45ee-b8f8-92c67eabcf3c-S0".into(),
        },
        hostname: "agent-17.example.org".into(),
        url: Some(proto::Url {
            scheme: "http".into(),
            address: proto::Address {
                hostname: Some("agent-17.example.org".into()),
                ip: Some("10.1.2.3".into()),
                port: 5051,
            },
            path: Some("/slave(1)".into()),
            ..Default::default()
        }),
        allocation_info: allocation(),
        resources: vec![
            scalar("cpus", 8.0),
            scalar("mem", 16384.0),
            scalar("disk", 409_600.0),
            proto::Resource {
                r#type: Type::Ranges as i32,
                ranges: Some(Ranges {
                    range: vec![Range {
                        begin: 31000,
                        end: 32000,
                    }],
                }),
                ..resource("ports")
            },
        ],
        attributes: vec![
            proto::Attribute {
                name: "rack".into(),
                r#type: Type::Text as i32,
                text: Some(Text { value: "r42".into() }),
                ..Default::default()
            },
            proto::Attribute {
                name: "ssd".into(),
                r#type: Type::Scalar as i32,
                scalar: Some(Scalar { value: 1.0 }),
                ..Default::default()
            },
        ],
        ..Default::default()
    }
}

fn event(kind: api::event::Type) -> api::Event {
    api::Event {
        r#type: Some(kind as i32),
        ..Default::default()
    }
}

/// The records of a run in the framework's encoding.
fn record(name: &str, json: bool) -> Vec<u8> {
    let ids = |text: &str| json!({ "value": text });
    match (name, json) {
        ("subscribed", true) => {
            json!({"type": "SUBSCRIBED", "subscribed": {"framework_id": ids("F"), "heartbeat_interval_seconds": 3600.0}})
                .to_string()
                .into()
        }
        ("subscribed", false) => api::Event {
            subscribed: Some(api::event::Subscribed {
                framework_id: proto::FrameworkId { value: "F".into() },
                heartbeat_interval_seconds: Some(3600.0),
                ..Default::default()
            }),
            ..event(api::event::Type::Subscribed)
        }
        .encode_to_vec(),
        ("offers", true) => {
            let offers: Vec<Value> = (0..OFFERS).map(offer_json).collect();
            json!({"type": "OFFERS", "offers": {"offers": offers}}).to_string().into()
        }
        ("offers", false) => api::Event {
            offers: Some(api::event::Offers {
                offers: (0..OFFERS).map(offer).collect(),
                ..Default::default()
            }),
            ..event(api::event::Type::Offers)
        }
        .encode_to_vec(),
        ("message", true) => {
            json!({"type": "MESSAGE", "message": {"executor_id": ids("E"), "agent_id": ids("S"), "data": "ZW5k"}})
                .to_string()
                .into()
        }
        ("message", false) => api::Event {
            message: Some(api::event::Message {
                slave_id: proto::SlaveId { value: "S".into() },
                executor_id: proto::ExecutorId { value: "E".into() },
                data: b"end".to_vec().into(),
            }),
            ..event(api::event::Type::Message)
        }
        .encode_to_vec(),
        (_, true) => {
            let status = status();
            json!({"type": "UPDATE", "update": {"status": {"task_id": ids(TASK), "state": "TASK_RUNNING", "message": MESSAGE,
                "source": "SOURCE_EXECUTOR", "agent_id": ids(&status.slave_id.expect("id").value), "executor_id": ids("default"),
                "timestamp": 1_447_779_683.17, "uuid": STANDARD.encode(UUID)}}})
            .to_string()
            .into()
        }
        (_, false) => api::Event {
            update: Some(api::event::Update { status: status() }),
            ..event(api::event::Type::Update)
        }
        .encode_to_vec(),
    }
}

/// One record in one chunk, as Mesos sends them.
fn framed(record: &[u8]) -> Vec<u8> {
    let length = format!("{}\n", record.len());
    [
        format!("{:x}\r\n{length}", record.len() + length.len()).as_bytes(),
        record,
        b"\r\n",
    ]
    .concat()
}

/// A framed update whose task, uuid and message can be set in place.
struct Update {
    bytes: Vec<u8>,
    task: usize,
    uuid: (usize, usize),
    message: usize,
    json: bool,
}

impl Update {
    fn new(json: bool) -> Self {
        let bytes = framed(&record("update", json));
        let find = |what: &[u8]| bytes.windows(what.len()).position(|w| w == what).expect("placeholder");
        let encoded = STANDARD.encode(UUID);
        let uuid: &[u8] = if json { encoded.as_bytes() } else { &UUID };
        Update {
            task: find(b"@@@@@@@@@@"),
            uuid: (find(uuid), uuid.len()),
            message: find(b"~~~~~~~~~~~~~~~~~~~~"),
            bytes,
            json,
        }
    }

    fn append(&mut self, number: u64, to: &mut Vec<u8>) {
        let mut digits = number;
        for place in self.bytes[self.task..self.task + 10].iter_mut().rev() {
            *place = b'0' + (digits % 10) as u8;
            digits /= 10;
        }
        let mut uuid = UUID;
        uuid[8..].copy_from_slice(&number.to_be_bytes());
        let (start, length) = self.uuid;
        match self.json {
            true => self.bytes[start..start + length].copy_from_slice(STANDARD.encode(uuid).as_bytes()),
            false => self.bytes[start..start + length].copy_from_slice(&uuid),
        }
        to.extend_from_slice(&self.bytes);
    }

    /// Puts the monotonic clock's nanoseconds into the message.
    fn stamp(&mut self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let text = format!("{:020}", now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64);
        self.bytes[self.message..self.message + 20].copy_from_slice(text.as_bytes());
    }
}

/// Type of a Call; with its FrameworkInfo's name if it is SUBSCRIBE.
fn call(body: &[u8], json: bool) -> (i32, Option<String>) {
    if json {
        let has = |text: &str| body.windows(text.len()).any(|w| w == text.as_bytes());
        if has("\"ACKNOWLEDGE\"") {
            return (api::call::Type::Acknowledge as i32, None);
        }
        let value: Value = serde_json::from_slice(body).expect("JSON");
        let kind = value["type"].as_str().and_then(api::call::Type::from_str_name);
        let name = value["subscribe"]["framework_info"]["name"].as_str().map(str::to_string);
        return (kind.map_or(0, |k| k as i32), name);
    }
    let mut rest = body;
    while let Ok((number, wire)) = decode_key(&mut rest) {
        if number == 2 {
            let kind = decode_varint(&mut rest).expect("type") as i32;
            let subscribe = kind == api::call::Type::Subscribe as i32;
            let name = subscribe.then(|| {
                api::Call::decode(body)
                    .expect("Call")
                    .subscribe
                    .expect("subscribe")
                    .framework_info
                    .name
            });
            return (kind, name);
        }
        skip_field(wire, number, &mut rest, DecodeContext::default()).expect("a field");
    }
    (0, None)
}

/// Writes that many answers at that time.
fn delayed(mut stream: TcpStream, answers: &mpsc::Receiver<(Instant, usize)>) {
    for (due, count) in answers {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if stream.write_all(&ACCEPTED.repeat(count)).is_err() {
            return;
        }
    }
}

fn serve(mut stream: TcpStream, current: &Current) {
    stream.set_nodelay(true).expect("nodelay");
    let mut buffer = vec![0; 256 << 10];
    let (mut start, mut end) = (0, 0);
    let mut late: Option<mpsc::Sender<(Instant, usize)>> = None;
    loop {
        if start > 0 {
            buffer.copy_within(start..end, 0);
            (start, end) = (0, end - start);
        }
        match stream.read(&mut buffer[end..]) {
            Ok(0) | Err(_) => return,
            Ok(length) => end += length,
        }
        let (mut answers, mut acknowledgements) = (0, 0);
        while let Some(head) = buffer[start..end].windows(4).position(|w| w == b"\r\n\r\n") {
            let text = std::str::from_utf8(&buffer[start..start + head]).expect("ASCII");
            if text.starts_with("GET /version") {
                let body = r#"{"version":"1.11.0"}"#;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes());
                start += head + 4;
                continue;
            }
            let json = text.contains("application/json");
            let length = text.split("Content-Length: ").nth(1).and_then(|t| t.split("\r\n").next());
            let length: usize = length.expect("a length").parse().expect("a number");
            if end - start < head + 4 + length {
                break;
            }
            let (kind, name) = call(&buffer[start + head + 4..start + head + 4 + length], json);
            start += head + 4 + length;
            if let Some(name) = name {
                let Some(task) = Task::parse(&name, json) else {
                    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
                    return;
                };
                return streams(stream, &task, current);
            }
            answers += 1;
            match api::call::Type::try_from(kind) {
                Ok(api::call::Type::Acknowledge) => acknowledgements += 1,
                Ok(api::call::Type::Suppress) => current.lock().expect("lock").0.end(),
                _ => (),
            }
        }
        if answers == 0 {
            continue;
        }
        let (run, wanted, delay) = current.lock().expect("lock").clone();
        if run.acknowledged.fetch_add(acknowledgements, Ordering::Relaxed) + acknowledgements == wanted && acknowledgements > 0 {
            run.end();
        }
        if delay.is_zero() {
            if stream.write_all(&ACCEPTED.repeat(answers)).is_err() {
                return;
            }
        } else {
            let sender = late.get_or_insert_with(|| {
                let (sender, receiver) = mpsc::channel();
                let stream = stream.try_clone().expect("a duplicate");
                std::thread::spawn(move || delayed(stream, &receiver));
                sender
            });
            let _ = sender.send((Instant::now() + delay, answers));
        }
    }
}

/// A whole run on the stream of a subscription.
fn streams(mut stream: TcpStream, task: &Task, current: &Current) {
    let run = Arc::new(Run::default());
    let wanted = if task.kind == "offers" { u64::MAX } else { task.count };
    *current.lock().expect("lock") = (Arc::clone(&run), wanted, task.delay);
    let kind = if task.json {
        "application/json"
    } else {
        "application/x-protobuf"
    };
    let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: s\r\nContent-Type: {kind}\r\n\r\n");
    let sent = stream.write_all(head.as_bytes());
    let sent = sent.and_then(|()| stream.write_all(&framed(&record("subscribed", task.json))));
    // Registration is not part of the run.
    std::thread::sleep(Duration::from_millis(100));
    let started = Instant::now();
    if sent.and_then(|()| send(&mut stream, task)).is_err() {
        return;
    }
    let mut ended = run.ended.lock().expect("lock");
    while ended.is_none() {
        ended = run.change.wait(ended).expect("lock");
    }
    let took = ended.expect("ended").duration_since(started).as_secs_f64();
    println!("{} {} {took:.6}", task.kind, task.count);
    let _ = stream.write_all(&framed(&record("message", task.json)));
    // Until the framework goes.
    while stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
}

fn send(stream: &mut TcpStream, task: &Task) -> std::io::Result<()> {
    let mut update = Update::new(task.json);
    let mut batch = Vec::with_capacity(128 << 10);
    match task.kind.as_str() {
        "offers" => {
            let event = framed(&record("offers", task.json));
            for _ in 0..task.count {
                stream.write_all(&event)?;
            }
        }
        "latency" => {
            for first in (0..task.count).step_by(task.burst as usize) {
                std::thread::sleep(task.pause);
                update.stamp();
                batch.clear();
                for number in first..first + task.burst {
                    update.append(number, &mut batch);
                }
                stream.write_all(&batch)?;
            }
        }
        _ => {
            for number in 0..task.count {
                update.append(number, &mut batch);
                if batch.len() >= 64 << 10 {
                    stream.write_all(&batch)?;
                    batch.clear();
                }
            }
            stream.write_all(&batch)?;
        }
    }
    Ok(())
}

fn listen() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("address");
    std::thread::spawn(move || {
        let current: Current = Arc::new(Mutex::new((Arc::default(), u64::MAX, Duration::ZERO)));
        while let Ok((stream, _)) = listener.accept() {
            let current = Arc::clone(&current);
            std::thread::spawn(move || serve(stream, &current));
        }
    });
    address
}

/// The driver without Perl.
fn driver_alone(address: &str, name: &str) {
    let framework = proto::FrameworkInfo {
        user: "root".into(),
        name: name.into(),
        ..Default::default()
    };
    let channel = Channel::new();
    let options = SchedulerOptions {
        master: address.into(),
        framework: framework.encode_to_vec(),
        implicit_acknowledgements: true,
        ..Default::default()
    };
    let driver = scheduler::new(options, channel.clone()).expect("driver");
    driver.start().expect("start");
    loop {
        let Some(event) = channel.take() else {
            std::thread::sleep(Duration::from_micros(200));
            continue;
        };
        if event.name == "frameworkMessage" {
            break;
        }
        if let Some(origin) = event.origin {
            if let (Some(update), Some(owner)) = (origin.acknowledgement, origin.owner.upgrade()) {
                owner.acknowledge(update);
            }
        }
    }
    driver.stop(false);
    driver.close();
}

/// Microseconds of one wake-up, the median.
fn wake_up() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let mut writer = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    writer.set_nodelay(true).expect("nodelay");
    let mut reader = listener.accept().expect("accept").0;
    let (sender, written) = mpsc::channel();
    std::thread::spawn(move || {
        for _ in 0..1000 {
            std::thread::sleep(Duration::from_millis(2));
            sender.send(Instant::now()).expect("the reader");
            writer.write_all(&[0]).expect("write");
        }
    });
    let mut took: Vec<f64> = (0..1000)
        .map(|_| {
            let mut fds = [rustix::event::PollFd::new(&reader, rustix::event::PollFlags::IN)];
            rustix::event::poll(&mut fds, -1).expect("poll");
            reader.read_exact(&mut [0]).expect("read");
            let now = Instant::now();
            now.duration_since(written.recv().expect("the writer")).as_secs_f64() * 1e6
        })
        .collect();
    took.sort_by(f64::total_cmp);
    took[took.len() / 2]
}

fn main() {
    if std::env::args().any(|argument| argument == "wake") {
        println!("{:.1}", wake_up());
        return;
    }
    let address = listen();
    if std::env::args().any(|argument| argument == "serve") {
        println!("{address}");
        // Until whoever started it goes.
        let _ = std::io::stdin().read(&mut [0]);
        return;
    }
    println!("the driver without Perl: run, count, seconds");
    for name in ["updates 300000", "updates 300000", "updates 300000", "updates 50000 delay 1"] {
        driver_alone(&address.to_string(), name);
    }
}
