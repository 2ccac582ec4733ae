//! What must hold for every input that comes from elsewhere: a network, a user, a pipe. Nothing panics, the same bytes mean the same in
//! whatever pieces they come, and what was understood is written so that it is understood again.
//!
//! Run by the fuzzer, and on the corpus and its mutations by tests/fuzz_corpus.rs.

use bytes::{Bytes, BytesMut};
use mesos_perl::driver::counters::Counters;
use mesos_perl::driver::master::{masked, Master};
use mesos_perl::local::helper_protocol::{split, Command, Frame, Report};
use mesos_perl::local::Config as ClusterConfig;
use mesos_perl::message::json;
use mesos_perl::message::schema::classes;
use mesos_perl::message::ClassId;
use mesos_perl::native::detector::zookeeper::group;
use mesos_perl::native::detector::zookeeper::protocol::{connected, next_frame, Reader, Reply};
use mesos_perl::native::executor::environment::Environment;
use mesos_perl::native::executor::machine::ExecutorMachine;
use mesos_perl::native::machine::{Action, Machine, Now};
use mesos_perl::native::protocol::action::{Link, LinkAction};
use mesos_perl::native::protocol::http::{Part, ResponseParser};
use mesos_perl::native::protocol::recordio::Decoder;
use mesos_perl::native::scheduler::machine::{Config, SchedulerMachine};
use mesos_perl::native::Endpoint;
use mesos_perl::resources::{text, Resources};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What holds for inputs of a kind.
type Check = fn(&[u8]);

/// Each kind of input, as its folder of the corpus is called.
pub const KINDS: &[(&str, Check)] = &[
    ("recordio", recordio),
    ("response", response),
    ("session", session),
    ("executor", executor),
    ("zookeeper", zookeeper),
    ("master", master),
    ("location", location),
    ("json", json),
    ("resources", resources),
    ("settings", settings),
    ("frames", frames),
];

/// For the fuzzer: `FUZZ_KIND` is the kind, so that inputs are as they are in the corpus.
#[allow(dead_code)] // the tests go through KINDS
pub fn check(data: &[u8]) {
    static KIND: OnceLock<Check> = OnceLock::new();
    let check = KIND.get_or_init(|| {
        let wanted = std::env::var("FUZZ_KIND").expect("FUZZ_KIND is a folder of corpus/inputs");
        let kind = KINDS.iter().find(|(kind, _)| *kind == wanted);
        kind.unwrap_or_else(|| panic!("FUZZ_KIND: there is no kind '{wanted}'")).1
    });
    check(data);
}

/// Pieces whose lengths follow from the bytes.
fn pieces(data: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    let (mut rest, mut state) = (data, data.len() as u32 | 1);
    while !rest.is_empty() {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345 + u32::from(rest[0]));
        let (piece, behind) = rest.split_at((1 + (state >> 16) as usize % 40).min(rest.len()));
        all.push(piece);
        rest = behind;
    }
    all
}

fn recordio(data: &[u8]) {
    let read = |pieces: &[&[u8]]| {
        let (mut decoder, mut records) = (Decoder::default(), Vec::new());
        for piece in pieces {
            decoder.feed(Bytes::copy_from_slice(piece));
            loop {
                match decoder.next_record() {
                    Ok(Some(record)) => records.push(record.to_vec()),
                    Ok(None) => break,
                    Err(why) => return (records, Some(why.to_string())),
                }
            }
        }
        (records, None)
    };
    assert_eq!(read(&[data]), read(&pieces(data)));
}

fn response(data: &[u8]) {
    let read = |pieces: &[&[u8]]| {
        let (mut parser, mut heads, mut body) = (ResponseParser::default(), Vec::new(), Vec::new());
        for piece in pieces {
            parser.feed(piece);
            loop {
                match parser.next_part() {
                    Ok(Some(Part::Head(head))) => {
                        heads.push((head.status, head.reason(), head.header("Location"), head.retry_after()));
                        body.push(b'H');
                    }
                    Ok(Some(Part::Body(bytes))) => body.extend_from_slice(&bytes),
                    Ok(Some(Part::End)) => body.push(b'E'),
                    Ok(None) => break,
                    Err(_) => return (heads, body, true),
                }
            }
        }
        (heads, body, false)
    };
    assert_eq!(read(&[data]), read(&pieces(data)));
}

fn at(seconds: usize) -> Now {
    Now {
        elapsed: Duration::from_secs(seconds as u64),
        wall: 1.7e9,
    }
}

/// A scheduler's driver that a master answers so.
fn session(data: &[u8]) {
    converse(
        data,
        SchedulerMachine::new(Config {
            source: Endpoint::master("127.0.0.1", 5050).into(),
            framework: b"\x0a\x04user\x12\x04name".to_vec(),
            implicit_acknowledgements: true,
            master_timeout: None,
            window: 4,
            reconcile_on_registration: true,
            store: None,
            known_id: Arc::default(),
            offered: Arc::default(),
            counters: Arc::new(Counters::scheduler()),
            seed: 7,
        }),
    );
}

/// An executor's, that an agent answers so. The first byte says whether there are checkpoints.
fn executor(data: &[u8]) {
    let Some((first, data)) = data.split_first() else { return };
    let set = |name: &str| {
        let value = match name {
            "MESOS_SLAVE_PID" => "slave(1)@127.0.0.1:5051",
            "MESOS_SLAVE_ID" => "a",
            "MESOS_FRAMEWORK_ID" => "f",
            "MESOS_EXECUTOR_ID" => "e",
            "MESOS_DIRECTORY" => "/d",
            "MESOS_CHECKPOINT" if first % 2 == 1 => "1",
            _ => return None,
        };
        Some(value.to_string())
    };
    let environment = Environment::read(set).expect("an environment");
    converse(data, ExecutorMachine::new(environment, Arc::new(Counters::executor()), 7));
}

/// Most pieces come on the stream, some on the connection for calls; one that begins with 0xff is the end of its connection.
fn converse(data: &[u8], mut machine: impl Machine) {
    machine.start(at(0));
    let mut open = Vec::new();
    let mut done = carry_out(&mut machine, &mut open, at(0));
    for (number, piece) in pieces(data).into_iter().enumerate() {
        let now = at(number);
        let link = if number % 5 == 4 { Link::Calls } else { Link::Stream };
        match piece.first() {
            Some(0xff) => {
                open.retain(|other| *other != link);
                machine.broken(link, "gone".to_string(), now);
            }
            _ => machine.received(link, piece, now),
        }
        let was_done = done;
        done |= carry_out(&mut machine, &mut open, now);
        while !done && machine.deadline().is_some_and(|deadline| deadline <= now.elapsed) {
            machine.tick(now);
            done = carry_out(&mut machine, &mut open, now);
        }
        if was_done {
            return;
        }
        // An executor without checkpoints has no patience that could end: an open connection is enough.
        let waits = machine.deadline().is_some() || !open.is_empty();
        assert!(done || waits, "a driver that runs waits for something");
    }
}

/// What the machine wants: each connection is there at once. Whether the driver ends, behind which nothing comes.
fn carry_out(machine: &mut impl Machine, open: &mut Vec<Link>, now: Now) -> bool {
    let mut done = false;
    for _ in 0..1000 {
        let actions = machine.take_actions();
        if actions.is_empty() {
            return done;
        }
        for action in actions {
            assert!(!done, "nothing comes behind the end");
            match action {
                Action::Link(LinkAction::Open(link, _)) => {
                    open.push(link);
                    machine.opened(link, now);
                }
                Action::Link(LinkAction::Close(link)) => open.retain(|other| *other != link),
                // This process is no more.
                Action::KillProcessGroup => return true,
                Action::Done => done = true,
                _ => (),
            }
        }
    }
    panic!("the machine always wants something more");
}

fn zookeeper(data: &[u8]) {
    let mut received = BytesMut::from(data);
    while let Ok(Some(frame)) = next_frame(&mut received) {
        let _ = connected(frame.clone());
        let mut reader = Reader(frame);
        if Reply::read(&mut reader).is_err() {
            continue;
        }
        if let Ok(children) = Reader(reader.0.clone()).strings() {
            assert!(group::leader(&children).map_or(true, |leader| children.contains(leader)));
        }
        if let Ok(content) = reader.bytes() {
            for node in ["json.info_0000000001", "info_0000000001", "x"] {
                let _ = group::address(node, &content, true);
                let _ = group::address(node, &content, false);
            }
        }
    }
}

fn master(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = masked(&text);
    // A file is only named here.
    let _ = Master::parse(&text);
}

fn location(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let from = Endpoint::master("a", 1).with_basic("p", "s");
    for api in ["scheduler", "executor"] {
        if let Ok(to) = from.redirected(&text, api) {
            assert_eq!(to.authorization, from.authorization);
            let plain = |text: &str| text.bytes().all(|byte| byte > b' ' && byte < 0x7f);
            assert!(plain(&to.host) && plain(&to.prefix) && to.port > 0, "{to:?}");
        }
    }
}

/// The class is chosen by the first two bytes.
fn json(data: &[u8]) {
    let Some((head, rest)) = data.get(..2).zip(data.get(2..)) else {
        return;
    };
    let class = ClassId(((usize::from(head[0]) + 256 * usize::from(head[1])) % classes().len()) as u32);
    let text = String::from_utf8_lossy(rest);
    let read = json::parse(&text).ok().and_then(|value| json::read(class, &value).ok());
    if let Some(message) = read {
        let written = json::write(class, &message).expect("what was read is written");
        let written = String::from_utf8(written).expect("JSON is UTF-8");
        let value = json::parse(&written).expect("JSON that we have written");
        let again = json::read(class, &value).expect("and that we read");
        let twice = json::write(class, &again).expect("and write again");
        assert_eq!(written, String::from_utf8_lossy(&twice));
    }
    if let Ok(written) = json::write(class, rest) {
        assert!(json::parse(&String::from_utf8_lossy(&written)).is_ok());
    }
}

fn resources(data: &[u8]) {
    let given = String::from_utf8_lossy(data);
    let _ = text::parse_attributes(&given);
    if let Ok(parsed) = text::parse(&given) {
        let bag = Resources::new(&parsed);
        assert!(bag.contains(&bag));
        let mut twice = bag.clone();
        twice.add(&bag);
        assert!(twice.contains(&bag));
    }
}

/// Lines like `NAME=value`; for the cluster, and for an executor.
fn settings(data: &[u8]) {
    let given = String::from_utf8_lossy(data);
    let find = |name: &str| {
        let found = given.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        // Those name files.
        let files = name.starts_with("LIBPROCESS_SSL") || name.ends_with("CREDENTIALS");
        found.filter(|_| !files).map(str::to_string)
    };
    if let Ok(config) = ClusterConfig::from_environment(find) {
        let _ = config.check();
    }
    let _ = Environment::read(find);
}

fn frames(data: &[u8]) {
    let mut buffer = data.to_vec();
    while let Ok(Some(frame)) = split(&mut buffer) {
        frame_is_the_same::<Command>(&frame);
        frame_is_the_same::<Report>(&frame);
    }
    frame_is_the_same::<Command>(data);
    frame_is_the_same::<Report>(data);
}

fn frame_is_the_same<F: Frame + PartialEq>(body: &[u8]) {
    if let Ok(message) = F::decode(body) {
        let encoded = message.encode();
        assert!(F::decode(&encoded[4..]).is_ok_and(|again| again == message));
    }
}
