//! Floods of an open cluster: who comes meanwhile is served, streams of frameworks and slow uploads go on, and memory is bounded.

#[path = "support/local.rs"]
mod local_support;
#[path = "support/program.rs"]
mod program_support;
#[path = "support/skip.rs"]
mod skip;

use local_support::{call, connect, info, read_head, request, send, until, Framework};
use mesos_perl::proto::scheduler::{self, call::Type};
use program_support::{command, Program, PROGRAM};
use prost::Message;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// What each connection of a flood sends.
const HALF_HEAD: &str = "POST /api/v1 HTTP/1.1\r\nHost: localhost\r\nContent-Ty";
const HALF_BODY: &str =
    "POST /api/v1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"type\"";
const WHOLE: &str = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
const SUBSCRIBE: &str =
    "POST /api/v1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"type\":\"SUBSCRIBE\"}";

/// An open cluster that may have so many descriptors.
fn limited(descriptors: usize) -> Program {
    let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
    let program = command(&["--open", "--port=0", "--ready-fd=1", "--resources=cpus:4;mem:4096"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &script, PROGRAM]).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Program::of(&mut shell)
}

/// Whether this process may have so many descriptors; then it may from now on.
fn may_have(descriptors: u64) -> bool {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    !maximum.is_some_and(|most| most < descriptors) && setrlimit(Resource::Nofile, limit).is_ok()
}

/// So many connections that send this. After each hundred `between` is called.
fn flood(address: SocketAddr, start: &str, connections: usize, mut between: impl FnMut()) -> Vec<TcpStream> {
    let one = |number: usize| {
        if number % 100 == 99 {
            between();
        }
        let mut stream = TcpStream::connect(address).expect("a connection");
        // It may have been closed already.
        let _ = stream.write_all(start.as_bytes());
        stream
    };
    (0..connections).map(one).collect()
}

fn is_served(address: SocketAddr) {
    let begin = Instant::now();
    assert_eq!(request(address, "GET", "/health", &[], b"").status, 200);
    let time = begin.elapsed();
    assert!(time < Duration::from_secs(10), "{time:?}");
}

/// Its stream is still there: this call would be refused else. Its own connection for calls may have had to go.
fn revive(framework: &Framework) {
    let call = scheduler::Call {
        framework_id: Some(framework.id.clone()),
        ..call(Type::Revive)
    };
    let headers = [
        ("Content-Type", "application/x-protobuf"),
        ("Mesos-Stream-Id", framework.stream_id.as_str()),
    ];
    let reply = request(
        framework.address,
        "POST",
        "/api/v1/scheduler",
        &headers,
        &call.encode_to_vec(),
    );
    assert_eq!((reply.status, reply.text()), (202, ""));
}

#[test]
fn floods_keep_nobody_out() {
    if !may_have(2000) {
        return skip::skip("mesos_local_floods", "this process may not have 2000 descriptors");
    }
    for start in [HALF_BODY, WHOLE, SUBSCRIBE, HALF_HEAD] {
        let (begin, program) = (Instant::now(), limited(1024));
        let framework = Framework::at(program.address, "", info("before"));
        // Sent piece by piece during the flood.
        let mut body = format!("{}{{\"type\":\"GET_HEALTH\"}}", " ".repeat(100));
        let mut upload = BufReader::new(connect(program.address));
        let head = format!(
            "POST /api/v1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        upload.get_mut().write_all(head.as_bytes()).expect("a head");
        let mut goes_on = true;
        let mut more = |upload: &mut BufReader<TcpStream>, bytes: usize| {
            let rest = body.split_off(bytes.min(body.len()));
            goes_on &= upload.get_mut().write_all(body.as_bytes()).is_ok();
            body = rest;
        };
        more(&mut upload, 1);
        let connections = if start == HALF_HEAD { 300 } else { 1100 };
        let crowd = flood(program.address, start, connections, || more(&mut upload, 1));
        is_served(program.address);
        revive(&framework);
        revive(&Framework::at(program.address, "", info("after")));
        more(&mut upload, usize::MAX);
        let time = begin.elapsed();
        println!("{time:?} for {}", start.escape_debug());
        // A body has 30 seconds, which a busy machine may have needed for all this.
        if time < Duration::from_secs(25) {
            assert!(goes_on, "{start}");
            assert_eq!(read_head(&mut upload).status, 200, "{start}");
        }
        // All of them have gone, and everything is as before.
        drop(crowd);
        is_served(program.address);
    }
}

/// The most memory that a process has had, in bytes.
fn peak(pid: i32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[test]
fn bodies_that_do_not_end_take_little_memory() {
    if !may_have(5000) {
        return skip::skip("mesos_local_floods", "this process may not have 5000 descriptors");
    }
    let program = limited(4500);
    is_served(program.address);
    let before = peak(program.pid());
    let crowd = flood(program.address, HALF_BODY, 3000, || {});
    is_served(program.address);
    let grown = peak(program.pid()) - before;
    println!("{} half bodies: {grown} bytes more", crowd.len());
    assert!(grown < 48 << 20, "{grown} bytes more");
}

/// As Mesos' --max_operator_event_stream_subscribers, which is 1000 by default.
#[test]
fn the_oldest_of_too_many_subscribers_has_to_go() {
    if !may_have(2000) {
        return skip::skip("mesos_local_floods", "this process may not have 2000 descriptors");
    }
    let program = limited(2000);
    let mut all: Vec<TcpStream> = Vec::new();
    for _ in 0..1001 {
        let mut stream = connect(program.address);
        let headers = [("Content-Type", "application/json")];
        send(&mut stream, "POST", "/api/v1", &headers, br#"{"type":"SUBSCRIBE"}"#);
        let mut first = [0];
        stream.read_exact(&mut first).expect("an answer");
        all.push(stream);
    }
    let ended = |stream: &mut TcpStream| {
        stream.set_nonblocking(true).expect("no waiting");
        let mut bytes = [0; 65536];
        loop {
            match stream.read(&mut bytes) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != ErrorKind::WouldBlock,
            }
        }
    };
    until("the end of the first one", || ended(&mut all[0]));
    let others = all[1..].iter_mut().filter_map(|stream| ended(stream).then_some(())).count();
    assert_eq!(others, 0);
}
