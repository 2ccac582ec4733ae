//! Masters that run by themselves, and agents that count: an update is sent until it is acknowledged, as Mesos does it.

use super::scheduler::{event, subscribed};
use super::{Connection, Request};
use mesos_perl::proto::scheduler as api;
use mesos_perl::proto::{SlaveId, TaskId, TaskState, TaskStatus};
use prost::Message;
use socket2::SockRef;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// What all agents together know; several masters may share it.
#[derive(Default)]
pub struct Agents {
    state: Mutex<Ledger>,
    changed: Condvar,
}

#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Updates that are not acknowledged.
    pub pending: BTreeSet<u64>,
    /// How often each update was written to a framework.
    pub sent: BTreeMap<u64, usize>,
    /// How often each was acknowledged.
    pub acknowledged: BTreeMap<u64, usize>,
    /// Tasks of KILL calls, in the order in which they came.
    pub killed: Vec<String>,
    /// The most calls that were read from a connection before the first of them was answered.
    pub unanswered: usize,
    pub subscriptions: usize,
}

impl Agents {
    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// New updates, to be sent from now on.
    pub fn update(&self, numbers: std::ops::Range<u64>) {
        self.lock().pending.extend(numbers);
        self.changed.notify_all();
    }
}

/// The update of this number: its task, and the uuid that names it.
pub fn update(number: u64) -> api::Event {
    api::Event {
        update: Some(api::event::Update {
            status: TaskStatus {
                task_id: TaskId {
                    value: format!("t{number}"),
                },
                state: TaskState::TaskFinished as i32,
                slave_id: Some(SlaveId { value: "S".into() }),
                uuid: Some([[0xa5; 8], number.to_be_bytes()].concat().into()),
                ..Default::default()
            },
        }),
        ..event(api::event::Type::Update)
    }
}

/// The number of an update's uuid.
pub fn number(uuid: &[u8]) -> u64 {
    assert!(uuid.len() == 16 && uuid[..8] == [0xa5; 8], "uuid {uuid:?}");
    u64::from_be_bytes(uuid[8..].try_into().expect("8 bytes"))
}

#[derive(Default)]
struct State {
    down: bool,
    /// Where the leader is, if it is not this master.
    leader: Option<String>,
    /// Calls are read, but not answered.
    silent: bool,
    steps_down: Option<StepsDown>,
    /// Each redirect is answered twice.
    twice: bool,
    /// Goes out on the event stream before anything else.
    raw: Vec<u8>,
    /// Bytes in a chunk of the event stream; 0: a record in each.
    chunk: usize,
    heartbeat: f64,
    connections: Vec<TcpStream>,
    stream: Option<(usize, TcpStream)>,
}

/// A master that takes some more calls, and redirects all others to these, in turn. It cuts no connection.
struct StepsDown {
    after: usize,
    leaders: Vec<String>,
    redirected: usize,
}

impl State {
    /// Where the next request is to go instead.
    fn redirect(&mut self) -> Option<String> {
        let Some(steps_down) = &mut self.steps_down else {
            return self.leader.clone();
        };
        if steps_down.after > 0 {
            steps_down.after -= 1;
            return None;
        }
        let leader = steps_down.leaders[steps_down.redirected % steps_down.leaders.len()].clone();
        steps_down.redirected += 1;
        Some(leader)
    }
}

struct Shared {
    agents: Arc<Agents>,
    state: Mutex<State>,
    changed: Condvar,
}

/// One master. Its threads end with it.
pub struct Master {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

impl Master {
    pub fn new(agents: &Arc<Agents>, heartbeat: f64) -> Self {
        let mut master = Master {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            shared: Arc::new(Shared {
                agents: Arc::clone(agents),
                state: Mutex::new(State {
                    heartbeat,
                    ..Default::default()
                }),
                changed: Condvar::new(),
            }),
            listener: None,
        };
        master.begin();
        master
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts (again), at the same address.
    pub fn begin(&mut self) {
        let listener = super::wait_for("the master's port", || TcpListener::bind(self.address).ok());
        // As on a network between machines; with the 64 KiB of loopback, a proxy that did not read for a while gets nothing for as long.
        SockRef::from(&listener).set_tcp_mss(1460).expect("the longest segment");
        self.address = listener.local_addr().expect("address");
        self.shared.lock().down = false;
        let shared = Arc::clone(&self.shared);
        self.listener = Some(std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let mut state = shared.lock();
                if state.down {
                    return;
                }
                stream.set_nodelay(true).expect("nodelay");
                state.connections.push(stream.try_clone().expect("a duplicate"));
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(stream));
            }
        }));
    }

    /// Dies: all connections end, new ones are refused.
    pub fn end(&mut self) {
        {
            let mut state = self.shared.lock();
            state.down = true;
            state.stream = None;
            for connection in state.connections.drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
        self.shared.wake();
        if let Some(listener) = self.listener.take() {
            drop(TcpStream::connect(self.address));
            listener.join().expect("the master's thread");
        }
    }

    /// Leads (`None`), or redirects to another; to nobody, when that is empty: 503. What is connected is cut, as masters do when they lose their leadership.
    pub fn follow(&self, leader: Option<String>) {
        let mut state = self.shared.lock();
        state.leader = leader;
        state.steps_down = None;
        state.stream = None;
        for connection in state.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        self.shared.wake();
    }

    /// Takes `after` more calls and redirects what comes behind them, SUBSCRIBE too, to `leaders` in turn.
    pub fn step_down(&self, after: usize, leaders: &[&Master]) {
        self.shared.lock().steps_down = Some(StepsDown {
            after,
            leaders: leaders.iter().map(|master| master.address().to_string()).collect(),
            redirected: 0,
        });
    }

    /// How many requests [`step_down`](Self::step_down) has redirected.
    pub fn redirected(&self) -> usize {
        self.shared.lock().steps_down.as_ref().map_or(0, |s| s.redirected)
    }

    /// Answers each redirect twice.
    pub fn repeat_redirects(&self) {
        self.shared.lock().twice = true;
    }

    /// Announces a record of this length on the event stream, and sends so many bytes of it.
    pub fn next_record(&self, length: &str, bytes: usize) {
        let head = format!("{length}\n");
        let chunk = format!("{:x}\r\n{head}", head.len() + bytes);
        self.raw([chunk.as_bytes(), &vec![b'x'; bytes], b"\r\n"].concat());
    }

    /// An event of a type that nobody knows, with so many bytes in it.
    pub fn unknown_event(&self, bytes: usize) {
        // Field 1, type: 99. Field 1000, bytes.
        let mut event = vec![8, 99];
        prost::encoding::bytes::encode(1000, &vec![b'x'; bytes], &mut event);
        let head = format!("{}\n", event.len());
        let chunk = format!("{:x}\r\n{head}", head.len() + event.len());
        self.raw([chunk.as_bytes(), &event, b"\r\n"].concat());
    }

    /// Later streams come in chunks of so many bytes, whatever the records.
    pub fn chunks(&self, bytes: usize) {
        self.shared.lock().chunk = bytes;
    }

    fn raw(&self, bytes: Vec<u8>) {
        self.shared.lock().raw = bytes;
        self.shared.wake();
    }

    /// Reads calls without answering them, or answers again.
    pub fn silent(&self, silent: bool) {
        self.shared.lock().silent = silent;
        self.shared.wake();
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn wake(&self) {
        self.changed.notify_all();
        // The lock orders this behind a writer that is about to wait.
        drop(self.agents.lock());
        self.agents.changed.notify_all();
    }

    fn serve(&self, stream: TcpStream) {
        let mut connection = Connection {
            stream,
            buffer: Vec::new(),
        };
        let mut withheld = 0;
        while let Some(request) = connection.read_request() {
            let call: api::Call = request.decode();
            let (leader, twice) = {
                let mut state = self.lock();
                (state.redirect(), state.twice)
            };
            if leader.as_ref().is_some_and(String::is_empty) {
                connection.respond("503 Service Unavailable", "", "No leader elected");
                continue;
            }
            if let Some(leader) = leader {
                let location = format!("Location: //{leader}/master/api/v1/scheduler\r\n");
                for _ in 0..if twice { 2 } else { 1 } {
                    connection.respond("307 Temporary Redirect", &location, "");
                }
                continue;
            }
            if call.r#type() == api::call::Type::Subscribe {
                return self.stream(connection.stream);
            }
            let status = self.call(&call, &request);
            withheld += 1;
            {
                let mut ledger = self.agents.lock();
                ledger.unanswered = ledger.unanswered.max(withheld);
            }
            if self.lock().silent {
                continue;
            }
            for _ in 1..withheld {
                connection.respond("202 Accepted", "", "");
            }
            withheld = 0;
            match status {
                Ok(()) => connection.respond("202 Accepted", "", ""),
                Err(why) => connection.respond("400 Bad Request", "", why),
            }
        }
    }

    fn call(&self, call: &api::Call, request: &Request) -> Result<(), &'static str> {
        let current = self.lock().stream.as_ref().map(|(id, _)| format!("stream-{id}"));
        if current.is_none() || request.header("Mesos-Stream-Id") != current.as_deref() {
            return Err("The stream ID included in this request didn't match the stream ID currently associated");
        }
        let mut ledger = self.agents.lock();
        match call.r#type() {
            api::call::Type::Acknowledge => {
                let uuid = &call.acknowledge.as_ref().expect("ACKNOWLEDGE").uuid;
                let number = number(uuid);
                ledger.pending.remove(&number);
                *ledger.acknowledged.entry(number).or_default() += 1;
            }
            api::call::Type::Kill => ledger.killed.push(call.kill.as_ref().expect("KILL").task_id.value.clone()),
            _ => (),
        }
        Ok(())
    }

    /// Answers a SUBSCRIBE, sends all pending updates, then those that come, and heartbeats.
    fn stream(&self, stream: TcpStream) {
        let (id, heartbeat, chunk) = {
            let mut state = self.lock();
            let mut ledger = self.agents.lock();
            ledger.subscriptions += 1;
            let id = ledger.subscriptions;
            if let Some((_, old)) = state.stream.replace((id, stream.try_clone().expect("a duplicate"))) {
                let _ = old.shutdown(Shutdown::Both);
            }
            (id, state.heartbeat, state.chunk)
        };
        let mut connection = Connection {
            stream,
            buffer: Vec::new(),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: stream-{id}\r\n\
             Content-Type: application/x-protobuf\r\n\r\n"
        );
        let mut going = connection.write(head.as_bytes()) && connection.write(&framed(&subscribed(heartbeat), chunk));
        let mut next = 0;
        while going && self.lock().stream.as_ref().is_some_and(|(current, _)| *current == id) {
            let raw = std::mem::take(&mut self.lock().raw);
            if !raw.is_empty() {
                going = connection.write(&raw);
                continue;
            }
            let mut ledger = self.agents.lock();
            let due: Vec<u64> = ledger.pending.range(next..).take(64).copied().collect();
            if due.is_empty() {
                let pause = Duration::from_secs_f64(heartbeat);
                let waited = self
                    .agents
                    .changed
                    .wait_timeout(ledger, pause)
                    .unwrap_or_else(|e| e.into_inner());
                drop(waited.0);
                going = connection.write(&framed(&event(api::event::Type::Heartbeat), chunk));
                continue;
            }
            for number in &due {
                *ledger.sent.entry(*number).or_default() += 1;
            }
            drop(ledger);
            next = due.last().map_or(next, |last| last + 1);
            let records: Vec<u8> = due.iter().flat_map(|number| framed(&update(*number), chunk)).collect();
            going = connection.write(&records);
        }
        let _ = connection.stream.shutdown(Shutdown::Both);
    }
}

/// One record, in chunks of so many bytes; 0: in one.
fn framed(event: &api::Event, chunk: usize) -> Vec<u8> {
    let event = event.encode_to_vec();
    let record = [format!("{}\n", event.len()).as_bytes(), &event].concat();
    let size = if chunk == 0 { record.len() } else { chunk };
    let chunks = record.chunks(size);
    chunks
        .flat_map(|data| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat())
        .collect()
}

impl Connection {
    /// As `try_request`, but waits as long as it takes, and any trouble is the end.
    fn read_request(&mut self) -> Option<Request> {
        loop {
            if let Some(request) = self.buffered_request() {
                return Some(request);
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn write(&mut self, data: &[u8]) -> bool {
        std::io::Write::write_all(&mut self.stream, data).is_ok()
    }

    fn respond(&mut self, status: &str, headers: &str, body: &str) {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        self.write(head.as_bytes());
    }
}
