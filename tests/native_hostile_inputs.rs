//! Bytes and texts of strangers: random ones, and damaged copies of good ones, in random portions. Nothing panics, and what is understood
//! does not depend on how it was cut. The seeds are random; a failure shows its input, as small as it can be.

mod support;

use bytes::{Bytes, BytesMut};
use mesos_perl::driver::address::split_authority;
use mesos_perl::driver::counters::Counters;
use mesos_perl::driver::duration;
use mesos_perl::driver::master::Master;
use mesos_perl::local::helper_protocol::{self, Command, Frame, Report};
use mesos_perl::local::settings::config::Config as LocalConfig;
use mesos_perl::message::{class, schema, text, ClassId};
use mesos_perl::native::detector::zookeeper::{group, protocol as zookeeper};
use mesos_perl::native::machine::{Action, Machine, Now};
use mesos_perl::native::protocol::action::{Link, LinkAction};
use mesos_perl::native::protocol::http::{HttpError, Part, ResponseParser};
use mesos_perl::native::protocol::recordio::Decoder;
use mesos_perl::native::scheduler::machine::{Config, SchedulerMachine};
use mesos_perl::native::Endpoint;
use mesos_perl::resources::text as resource_text;
use proptest::prelude::*;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use support::scheduler::{event, offers, subscribed, update};

/// Some seconds for all; MESOS_TEST_CASES asks for more.
fn cases() -> u32 {
    let asked = std::env::var("MESOS_TEST_CASES").ok();
    asked.and_then(|number| number.parse().ok()).unwrap_or(1000)
}

/// One change of good bytes.
#[derive(Clone, Debug)]
enum Damage {
    Set(u8),
    Insert(Vec<u8>),
    Cut(usize),
    Repeat(usize),
}

fn damages() -> impl Strategy<Value = Vec<(prop::sample::Index, Damage)>> {
    let damage = prop_oneof![
        any::<u8>().prop_map(Damage::Set),
        prop::collection::vec(any::<u8>(), 1..5).prop_map(Damage::Insert),
        prop::sample::select(vec![
            &b"\r\n"[..],
            b"\r\n\r\n",
            b"0\n",
            b"999999999\n",
            b"ffffffffffffffff\r\n",
            b"HTTP/1.1 100 C\r\n\r\n"
        ])
        .prop_map(|piece| Damage::Insert(piece.to_vec())),
        (1usize..40).prop_map(Damage::Cut),
        (1usize..40).prop_map(Damage::Repeat),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), damage), 0..4)
}

fn damaged(good: &[u8], damages: Vec<(prop::sample::Index, Damage)>) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for (index, damage) in damages.into_iter().filter(|_| !good.is_empty()) {
        if bytes.is_empty() {
            break;
        }
        let at = index.index(bytes.len());
        let end = |length: usize| (at + length).min(bytes.len());
        match damage {
            Damage::Set(byte) => bytes[at] = byte,
            Damage::Insert(piece) => drop(bytes.splice(at..at, piece)),
            Damage::Cut(length) => drop(bytes.drain(at..end(length))),
            Damage::Repeat(length) => {
                let piece = bytes[at..end(length)].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// The bytes in portions of these lengths, again and again.
fn portions<'a>(bytes: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = bytes;
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(move || {
        let length = (*lengths.next()?).min(rest.len());
        let (portion, others) = rest.split_at(length);
        rest = others;
        (!portion.is_empty()).then_some(portion)
    })
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..60, 1..6)
}

fn recordio(records: &[Vec<u8>]) -> Vec<u8> {
    let framed = |record: &Vec<u8>| [format!("{}\n", record.len()).as_bytes(), record].concat();
    records.iter().flat_map(framed).collect()
}

/// Status, body, and whether the end was seen.
type Response = (u16, Vec<u8>, bool);

/// All that is understood of a stream of responses; or how many heads were, and what is wrong then.
fn responses<'a>(portions: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Response>, (usize, HttpError)> {
    let mut parser = ResponseParser::default();
    let mut found: Vec<Response> = Vec::new();
    for portion in portions {
        parser.feed(portion);
        while let Some(part) = parser.next_part().map_err(|why| (found.len(), why))? {
            match (part, found.last_mut()) {
                (Part::Head(head), _) => found.push((head.status, vec![], false)),
                (Part::Body(data), Some(last)) => last.1.extend_from_slice(&data),
                (Part::End, Some(last)) => last.2 = true,
                (part, None) => panic!("{part:?} before a head"),
            }
        }
    }
    Ok(found)
}

const RESPONSES: &[u8] = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
    HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\nConnection: close\r\n\r\nwrong\
    HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nT: v\r\n\r\nHTTP/1.0 204 N\r\n\r\n";

fn machine() -> SchedulerMachine {
    SchedulerMachine::new(Config {
        source: Endpoint::master("127.0.0.1", 5050).into(),
        framework: b"\x0a\x01u\x12\x01n".to_vec(),
        implicit_acknowledgements: true,
        master_timeout: None,
        window: 256,
        reconcile_on_registration: true,
        store: None,
        known_id: Arc::default(),
        offered: Arc::default(),
        counters: Arc::new(Counters::scheduler()),
        seed: 7,
    })
}

fn at(seconds: f64) -> Now {
    Now {
        elapsed: Duration::from_secs_f64(seconds),
        wall: 1.7e9 + seconds,
    }
}

/// What a scheduler's machine makes of the bytes of its stream: callbacks, and whether the session is at an end.
fn session<'a>(link: Link, portions: impl Iterator<Item = &'a [u8]>) -> (Vec<&'static str>, SchedulerMachine, bool) {
    let mut machine = machine();
    machine.start(at(0.0));
    machine.opened(Link::Stream, at(0.0));
    if link == Link::Calls {
        let hello = stream(&[subscribed(15.0).encode_to_vec()]);
        machine.received(Link::Stream, &hello, at(0.0));
        machine.opened(Link::Calls, at(0.0));
        machine.take_actions();
    }
    let (mut names, mut ended) = (Vec::new(), false);
    for portion in portions {
        machine.received(link, portion, at(0.1));
        for action in machine.take_actions() {
            match action {
                Action::Emit(emission) => names.push(emission.name),
                Action::Link(LinkAction::Close(Link::Stream)) | Action::Done => ended = true,
                _ => {}
            }
        }
        if ended {
            break;
        }
    }
    (names, machine, ended)
}

fn stream(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-protobuf\r\n\r\n".to_vec();
    for record in records {
        let record = recordio(std::slice::from_ref(record));
        bytes.extend_from_slice(&[format!("{:x}\r\n", record.len()).as_bytes(), &record, b"\r\n"].concat());
    }
    bytes
}

fn events() -> Vec<Vec<u8>> {
    let heartbeat = event(mesos_perl::proto::scheduler::event::Type::Heartbeat);
    [
        subscribed(15.0),
        heartbeat,
        offers(&["a", "b"]),
        update("t", Some(&[7; 16])),
        update("u", None),
    ]
    .map(|event| event.encode_to_vec())
    .to_vec()
}

/// Made of what such texts are made of.
fn text_of(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(pieces).prop_map(str::to_string),
        1 => any::<String>(),
        1 => any::<u64>().prop_map(|number| number.to_string()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

const ADDRESSES: &[&str] = &[
    "zk://",
    "http://",
    "https://",
    "file://",
    "//",
    "/",
    ":",
    "@",
    ",",
    "[",
    "]",
    "::1",
    "host",
    "127.0.0.1",
    "5050",
    "local",
    "mesos",
    "user",
    "..",
    ".",
    "?a",
    "#",
    "%2f",
    " ",
    "\t",
    "\r\n",
    "master",
    "/api/v1/scheduler",
    "\u{e9}",
    "99999",
    "-1",
];
const RESOURCES: &[&str] = &[
    "cpus",
    "mem",
    "ports",
    "rack",
    ":",
    ";",
    "(",
    ")",
    "*",
    "role",
    "[",
    "]",
    "-",
    ",",
    "{",
    "}",
    "1",
    "2.5",
    "1e308",
    "nan",
    "inf",
    "-1",
    "0",
    "\"",
    " ",
    "\u{e9}",
    "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":",
    "}}",
    "31000-32000",
    "null",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn records_do_not_depend_on_portions(
        records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6), damages in damages(), lengths in lengths(),
    ) {
        let bytes = damaged(&recordio(&records), damages.clone());
        let read = |lengths: &[usize]| {
            let (mut decoder, mut found) = (Decoder::default(), Vec::new());
            for portion in portions(&bytes, lengths) {
                decoder.feed(Bytes::copy_from_slice(portion));
                loop {
                    match decoder.next_record() {
                        Ok(Some(record)) => found.push(record.to_vec()),
                        Ok(None) => break,
                        Err(why) => return (found, Some(why)),
                    }
                }
            }
            (found, None)
        };
        let whole = read(&[bytes.len().max(1)]);
        prop_assert_eq!(&read(&lengths), &whole);
        if damages.is_empty() {
            prop_assert_eq!(whole, (records, None));
        }
    }

    #[test]
    fn responses_do_not_depend_on_portions(damages in damages(), lengths in lengths()) {
        let bytes = damaged(RESPONSES, damages);
        let whole = responses(std::iter::once(&bytes[..]));
        prop_assert_eq!(responses(portions(&bytes, &lengths)), whole);
    }

    #[test]
    fn random_bytes_are_no_response(bytes in prop::collection::vec(any::<u8>(), 0..300), lengths in lengths()) {
        let whole = responses(std::iter::once(&bytes[..]));
        prop_assert_eq!(responses(portions(&bytes, &lengths)), whole);
    }

    #[test]
    fn a_session_does_not_depend_on_portions_and_survives_damage(damages in damages(), lengths in lengths()) {
        let bytes = damaged(&stream(&events()), damages.clone());
        let (names, mut machine, ended) = session(Link::Stream, portions(&bytes, &lengths));
        if damages.is_empty() {
            prop_assert_eq!(&names, &["registered", "resourceOffers", "statusUpdate", "statusUpdate"]);
            prop_assert!(!ended);
        }
        prop_assert!(names.len() < 100);
        // Whatever it was: the driver connects again, or has told that it does not.
        let failed = names.contains(&"error");
        let mut again = failed;
        for _ in 0..20 {
            let Some(due) = machine.deadline().filter(|_| !again) else { break };
            machine.tick(Now { elapsed: due, wall: 1.7e9 });
            again = machine.take_actions().iter().any(|action| matches!(action, Action::Link(LinkAction::Open(Link::Stream, _)))
                || matches!(action, Action::Emit(emission) if emission.name == "error"));
        }
        prop_assert!(again, "nothing more happens after {:?}", names);
    }

    #[test]
    fn answers_that_are_damaged_do_not_harm_a_session(damages in damages(), lengths in lengths()) {
        let bytes = damaged(RESPONSES, damages);
        let (names, _, _) = session(Link::Calls, portions(&bytes, &lengths));
        prop_assert!(names.iter().all(|name| *name == "disconnected" || *name == "error"), "{:?}", names);
    }

    #[test]
    fn answers_of_zookeeper(bytes in prop::collection::vec(any::<u8>(), 0..200), damages in damages(), node in text_of(&["json.info_", "info_", "log", "0000000001", "_"])) {
        let children = [&3i32.to_be_bytes()[..], &14i32.to_be_bytes(), b"json.info_0001", &(-1i32).to_be_bytes(), &1i32.to_be_bytes(), b"x"].concat();
        let good = [&(children.len() as i32).to_be_bytes()[..], &children].concat();
        for bytes in [bytes, damaged(&good, damages)] {
            let mut received = BytesMut::from(&bytes[..]);
            while let Ok(Some(frame)) = zookeeper::next_frame(&mut received) {
                let _ = zookeeper::connected(frame.clone());
                let _ = zookeeper::Reader(frame.clone()).bytes();
                if let Ok(children) = zookeeper::Reader(frame).strings() {
                    let _ = group::leader(&children);
                }
            }
            for named in [false, true] {
                if let Ok((host, _)) = group::address(&node, &bytes, named) {
                    prop_assert!(!host.is_empty());
                }
            }
        }
    }

    #[test]
    fn masters(text in text_of(ADDRESSES)) {
        let _ = split_authority(&text);
        if let Ok(master) = Master::parse(&text) {
            let shown = format!("{master:?}");
            prop_assert!(!shown.is_empty());
        }
    }

    /// What a redirect leads to stands in the next request's head.
    #[test]
    fn locations(text in text_of(ADDRESSES)) {
        if let Ok(endpoint) = Endpoint::master("127.0.0.1", 5050).redirected(&text, "scheduler") {
            let head = mesos_perl::native::protocol::http::post_head(&endpoint, "scheduler", None);
            let lines = head.split(|b| *b == b'\n').count();
            prop_assert_eq!(lines, 5, "{}", String::from_utf8_lossy(&head));
            let first = head.split(|b| *b == b'\r').next().unwrap_or_default();
            prop_assert_eq!(first.split(|b| *b == b' ').count(), 3, "{}", String::from_utf8_lossy(first));
        }
    }

    #[test]
    fn resources_and_settings(text in text_of(RESOURCES)) {
        let resources = resource_text::parse(&text);
        let _ = resource_text::parse_attributes(&text);
        let _ = duration::parse(&text);
        for name in ["MESOS_RESOURCES", "MESOS_ATTRIBUTES", "MESOS_HOSTNAME", "MESOS_EXECUTOR_ENVIRONMENT_VARIABLES"] {
            let config = LocalConfig::from_environment(|asked| (asked == name).then(|| text.clone()));
            if let (Ok(config), "MESOS_RESOURCES", false) = (&config, name, text.is_empty()) {
                prop_assert!(resources.is_ok() && config.resources.as_deref() == Some(&text[..]));
            }
        }
    }

    #[test]
    fn frames_of_the_helper(bytes in prop::collection::vec(any::<u8>(), 0..100), damages in damages()) {
        let good = Report::Failed { process: 7, reason: "B\u{fc}".into() }.encode();
        for bytes in [bytes, damaged(&good, damages)] {
            let mut buffer = bytes.clone();
            while let Ok(Some(body)) = helper_protocol::split(&mut buffer) {
                let _ = Command::decode(&body);
                if let Ok(report) = Report::decode(&body) {
                    prop_assert_eq!(&report.encode()[4..], &body[..]);
                }
            }
        }
    }

    /// Of any class, of any bytes: what prost then reads is what was there.
    #[test]
    fn strings_that_are_not_utf_8(index in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..60), damages in damages()) {
        let back = text::to_bytes(&text::from_bytes(&bytes)).into_owned();
        prop_assert_eq!(&back, &bytes);
        let any_class = ClassId(index.index(schema::classes().len()) as u32);
        let message = damaged(&update(&"\u{10ff80}x".repeat(3), Some(b"\xf4\x8f\xbe\x80")).update.unwrap_or_default().status.encode_to_vec(), damages);
        for (id, bytes) in [(any_class, bytes), (class::TASK_STATUS, message)] {
            let bytes = Bytes::from(bytes);
            let readable = text::readable(id, bytes.clone());
            if readable != bytes {
                let original = text::original(id, readable.to_vec());
                // Lengths may have been written in more bytes than they need.
                prop_assert_eq!(text::readable(id, original.into()), readable);
            }
        }
    }
}
