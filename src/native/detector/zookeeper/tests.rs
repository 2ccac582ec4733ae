//! The detector against a scripted server: what a real one does only rarely. (tests/native_zookeeper.rs has real ones.)

use super::*;
use crate::driver::master::Master;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};

struct Server {
    listener: TcpListener,
}

impl Server {
    fn new() -> Self {
        Server {
            listener: TcpListener::bind("127.0.0.1:0").expect("listen"),
        }
    }

    /// A detector on it, on a thread of its own until the test ends.
    fn detector(&self) -> UnboundedReceiver<Detection> {
        let master = format!("zk://{}/m", self.listener.local_addr().expect("address"));
        let Ok(Master::ZooKeeper(url)) = Master::parse(&master) else {
            panic!("{master}");
        };
        let (sender, receiver) = unbounded_channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("runtime");
            runtime.block_on(detect(url, Endpoint::unknown(), sender));
        });
        receiver
    }

    /// Accepts a session. One that the detector gives up meanwhile, as it is too late, is passed over.
    fn session(&self, timeout_ms: i32) -> Connection {
        loop {
            let (stream, _) = self.listener.accept().expect("a connection");
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("timeout");
            let mut connection = Connection(stream, None);
            let Some(hello) = connection.frame() else { continue };
            assert_eq!(hello.len(), 45);
            let answer = [
                &[0; 4][..],
                &timeout_ms.to_be_bytes(),
                &[1; 8],
                &16_i32.to_be_bytes(),
                &[0; 17],
            ]
            .concat();
            connection.send(&answer);
            connection.1 = connection.frame();
            if connection.1.is_some() {
                return connection;
            }
        }
    }
}

/// The second part: the first request.
struct Connection(TcpStream, Option<Vec<u8>>);

impl Connection {
    /// `None` at the end of the connection.
    fn frame(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut frame).ok()?;
        Some(frame)
    }

    fn send(&mut self, body: &[u8]) {
        let frame = [&(body.len() as i32).to_be_bytes(), body].concat();
        // What the detector does not read any more is shown by what it does next.
        drop(self.0.write_all(&frame));
    }

    /// The xid of the next request, which must be of this kind.
    fn request(&mut self, operation: Operation) -> i32 {
        let first = self.1.take();
        let frame = first.or_else(|| self.frame()).expect("a request");
        assert_eq!(frame[4..8], (operation as i32).to_be_bytes());
        i32::from_be_bytes(frame[..4].try_into().expect("xid"))
    }

    fn answer(&mut self, xid: i32, error: i32, body: &[u8]) {
        let head = [&xid.to_be_bytes()[..], &7_i64.to_be_bytes(), &error.to_be_bytes()].concat();
        self.send(&[&head, body].concat());
    }

    fn children(&mut self, nodes: &[&str]) {
        let xid = self.request(Operation::GetChildren);
        let mut body = (nodes.len() as i32).to_be_bytes().to_vec();
        for node in nodes {
            body.extend((node.len() as i32).to_be_bytes());
            body.extend(node.as_bytes());
        }
        self.answer(xid, protocol::OK, &body);
    }

    fn data(&mut self, xid: i32, pid: &str) {
        let body = [&(pid.len() as i32).to_be_bytes(), pid.as_bytes()].concat();
        self.answer(xid, protocol::OK, &body);
    }

    fn fire(&mut self) {
        self.answer(protocol::WATCH_XID, protocol::OK, b"");
    }
}

fn leader(detections: &mut UnboundedReceiver<Detection>) -> u16 {
    match detections.blocking_recv() {
        Some(Detection::Leader(endpoint)) => endpoint.port,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_while_the_leader_is_read_is_not_missed() {
    let server = Server::new();
    let mut detections = server.detector();
    let mut connection = server.session(10_000);
    connection.children(&["0000000001"]);
    let xid = connection.request(Operation::GetData);
    connection.fire();
    connection.data(xid, "master@127.0.0.1:1");
    assert_eq!(leader(&mut detections), 1);
    // The round that follows; its leader is gone when it is read.
    connection.children(&["0000000002"]);
    let xid = connection.request(Operation::GetData);
    connection.answer(xid, protocol::NO_NODE, b"");
    connection.children(&["0000000003"]);
    let xid = connection.request(Operation::GetData);
    connection.data(xid, "master@127.0.0.1:3");
    assert_eq!(leader(&mut detections), 3);
}

#[test]
fn silence_is_a_loss_and_a_server_without_reads_is_no_contact() {
    let server = Server::new();
    let mut detections = server.detector();
    let mut connection = server.session(600);
    connection.children(&["0000000001"]);
    let xid = connection.request(Operation::GetData);
    connection.data(xid, "master@127.0.0.1:1");
    assert_eq!(leader(&mut detections), 1);
    // It asks for a sign of life once, then it goes.
    assert_eq!(connection.frame().expect("a frame"), protocol::ping()[4..]);
    assert_eq!(connection.0.read(&mut [0]).expect("the end"), 0);
    // New sessions that answer with errors do not keep the leader alive.
    let told = loop {
        let mut connection = server.session(600);
        let xid = connection.request(Operation::GetChildren);
        connection.answer(xid, -1, b"");
        if let Ok(told) = detections.try_recv() {
            break told;
        }
    };
    assert!(matches!(told, Detection::NoLeader(_)), "{told:?}");
    let mut connection = server.session(600);
    let xid = connection.request(Operation::GetChildren);
    connection.answer(xid, protocol::NO_NODE, b"");
    let xid = connection.request(Operation::Exists);
    connection.answer(xid, protocol::NO_NODE, b"");
    connection.fire();
    connection.children(&["0000000001"]);
    let xid = connection.request(Operation::GetData);
    connection.data(xid, "master@127.0.0.1:1");
    assert_eq!(leader(&mut detections), 1, "the same one again");
}

#[test]
fn garbage_is_a_loss() {
    let server = Server::new();
    let mut detections = server.detector();
    for garbage in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[0, 0, 0, 1, 0], &[0, 0, 0, 16]] {
        let (mut stream, _) = server.listener.accept().expect("a connection");
        stream.write_all(garbage).expect("send");
    }
    let mut connection = server.session(10_000);
    connection.children(&["0000000009", "x"]);
    let xid = connection.request(Operation::GetData);
    connection.data(xid, "nonsense");
    assert!(matches!(detections.blocking_recv(), Some(Detection::NoLeader(why)) if why.contains("0000000009")));
    connection.fire();
    let xid = connection.request(Operation::GetChildren);
    connection.answer(xid, protocol::NO_AUTH, b"");
    assert!(matches!(detections.blocking_recv(), Some(Detection::Failed(why)) if why.contains("no permission")));
}
