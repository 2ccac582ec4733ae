//! Shared by the tests of the native drivers: a small HTTP server that follows a script, and what reads a channel.

#![allow(dead_code)] // each test file uses its part

pub mod agents;
pub mod cluster;
pub mod executor;
pub mod framework;
pub mod proxy;
pub mod scheduler;
pub mod skip;
pub mod world;

use mesos_perl::channel::Channel;
use mesos_perl::event::{Arg, Event};
use prost::Message;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// How long a test waits before it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until `check` gives something.
pub fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The next event of the channel.
pub fn next_event(channel: &Channel) -> Event {
    wait_for("an event", || channel.take())
}

/// The next event, which must have this name.
pub fn expect(channel: &Channel, name: &str) -> Event {
    let event = next_event(channel);
    assert_eq!(event.name, name, "{event:?}");
    event
}

/// The bytes of a scalar argument.
pub fn bytes(event: &Event, index: usize) -> Vec<u8> {
    match event.args.get(index) {
        Some(Arg::Scalar(_, bytes)) => bytes.to_vec(),
        other => panic!("argument {index} is {other:?}"),
    }
}

/// The items of a list argument.
pub fn list(event: &Event, index: usize) -> Vec<Vec<u8>> {
    match event.args.get(index) {
        Some(Arg::List(_, items)) => items.iter().map(|item| item.to_vec()).collect(),
        other => panic!("argument {index} is {other:?}"),
    }
}

/// A scalar argument as text.
pub fn text(event: &Event, index: usize) -> String {
    String::from_utf8(bytes(event, index)).expect("text")
}

/// A scalar argument as a message.
pub fn message<M: Message + Default>(event: &Event, index: usize) -> M {
    M::decode(&bytes(event, index)[..]).expect("message")
}

/// A server whose every step the test makes.
pub struct Server {
    listener: TcpListener,
}

impl Server {
    pub fn new() -> Self {
        Server::on("127.0.0.1:0").expect("listen")
    }

    /// At this address, if this machine has it.
    pub fn on(address: &str) -> Option<Self> {
        let listener = TcpListener::bind(address).ok()?;
        listener.set_nonblocking(true).expect("nonblocking");
        Some(Server { listener })
    }

    pub fn port(&self) -> u16 {
        self.listener.local_addr().expect("address").port()
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// The next connection.
    pub fn accept(&self) -> Connection {
        let (stream, _) = wait_for("a connection", || self.listener.accept().ok());
        stream.set_nonblocking(false).expect("blocking");
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        Connection {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Whether nobody waits to be accepted.
    pub fn is_idle(&self) -> bool {
        self.listener.accept().is_err()
    }

    /// Accepts a SUBSCRIBE and answers it with the head of a stream. Gives the request, too.
    pub fn subscription(&self) -> (Connection, Request) {
        let mut connection = self.accept();
        let request = connection.request();
        connection.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nMesos-Stream-Id: stream-1\r\n\
              Content-Type: application/x-protobuf\r\n\r\n",
        );
        (connection, request)
    }
}

/// What a client sent.
#[derive(Debug)]
pub struct Request {
    pub head: String,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub fn decode<M: Message + Default>(&self) -> M {
        M::decode(&self.body[..]).expect("a call")
    }
}

pub struct Connection {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Reads the next request; `None` at the end of the connection.
    pub fn try_request(&mut self) -> Option<Request> {
        loop {
            if let Some(request) = self.buffered_request() {
                return Some(request);
            }
            let mut portion = [0; 16 << 10];
            match self.stream.read(&mut portion) {
                Ok(0) => return None,
                Ok(length) => self.buffer.extend_from_slice(&portion[..length]),
                Err(why) if why.kind() == ErrorKind::ConnectionReset => return None,
                Err(why) => panic!("no request: {why}"),
            }
        }
    }

    /// A request that was read completely.
    fn buffered_request(&mut self) -> Option<Request> {
        let end = self.buffer.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = String::from_utf8(self.buffer[..end].to_vec()).expect("ASCII");
        let request = Request { head, body: vec![] };
        let length: usize = request.header("Content-Length").expect("a length").parse().expect("number");
        if self.buffer.len() < end + 4 + length {
            return None;
        }
        let body = self.buffer[end + 4..end + 4 + length].to_vec();
        self.buffer.drain(..end + 4 + length);
        Some(Request { body, ..request })
    }

    /// Reads more; false at the end, of whatever kind.
    fn fill(&mut self) -> bool {
        let mut portion = [0; 16 << 10];
        match self.stream.read(&mut portion) {
            Ok(0) | Err(_) => false,
            Ok(length) => {
                self.buffer.extend_from_slice(&portion[..length]);
                true
            }
        }
    }

    pub fn request(&mut self) -> Request {
        self.try_request().expect("a request, not the end of the connection")
    }

    /// Whether the client sends nothing for that long.
    pub fn is_quiet(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("timeout");
        let silent =
            self.buffer.is_empty() && matches!(self.stream.peek(&mut [0]), Err(why) if why.kind() == ErrorKind::WouldBlock);
        self.stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        silent
    }

    pub fn send(&mut self, data: &[u8]) {
        self.stream.write_all(data).expect("send");
    }

    /// A complete answer.
    pub fn answer(&mut self, status: &str, headers: &str, body: &str) {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        self.send(head.as_bytes());
    }

    pub fn accepted(&mut self) {
        self.answer("202 Accepted", "", "");
    }

    /// One record in one chunk.
    pub fn record(&mut self, event: &impl Message) {
        let event = event.encode_to_vec();
        let record = [format!("{}\n", event.len()).as_bytes(), &event].concat();
        self.chunk(&record);
    }

    pub fn chunk(&mut self, data: &[u8]) {
        self.send(&[format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat());
    }
}
