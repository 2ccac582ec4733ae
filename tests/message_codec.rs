//! The codec on its own: round trips through both tapes, hostile bytes, and what the check refuses.

#[path = "support/message.rs"]
mod message_support;

use mesos_perl::message::decode::Decoder;
use mesos_perl::message::encode::{check, write, Problem};
use mesos_perl::message::schema::{self, Kind};
use mesos_perl::message::tape::{MesosPerlOp, MesosPerlToken, MesosTokenOp, MESOS_NO_FIELD};
use mesos_perl::message::wire::WireError;
use mesos_perl::message::{class, class_by_perl_name, ClassId, MAX_DEPTH};
use mesos_perl::proto;
use message_support::{encode, perl_tape, show};
use prost::Message;
use std::time::Instant;

fn decode(class: ClassId, bytes: &[u8]) -> String {
    let mut decoder = Decoder::default();
    show(decoder.decode(class, bytes).unwrap_or_else(|e| panic!("{e}")), bytes)
}

fn error(class: ClassId, bytes: &[u8]) -> (WireError, String) {
    let mut decoder = Decoder::default();
    let error = decoder.decode(class, bytes).expect_err("an error");
    assert!(error.to_string().contains("incomplete or invalid"));
    (error.problem, error.path)
}

/// A small generator of random numbers (xorshift), so that failures can be seen again.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A random message of the class, canonical: fields in order, required ones there.
fn random_message(random: &mut Random, id: ClassId, depth: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for field in schema::class(id).unwrap().fields() {
        let required = field.label == schema::Label::Required;
        let wanted = random.next(3) == 0 && depth < 6;
        let times = match field.is_repeated() {
            true if depth < 6 => random.next(3),
            true => 0,
            false => u64::from(required || wanted),
        };
        for _ in 0..times {
            varint(&mut out, u64::from(field.number) << 3 | field.kind.wire_type() as u64);
            match field.kind {
                Kind::Double => out.extend(f64::to_le_bytes(random.next(1000) as f64 / 8.0)),
                Kind::Float => out.extend(f32::to_le_bytes(random.next(1000) as f32 / 8.0)),
                Kind::Message => {
                    let inner = random_message(random, ClassId(field.of.into()), depth + 1);
                    varint(&mut out, inner.len() as u64);
                    out.extend(inner);
                }
                Kind::String | Kind::Bytes => {
                    let length = [0, 1, 20, 130, 300][random.next(5) as usize];
                    varint(&mut out, length);
                    out.extend((0..length).map(|_| b'a' + random.next(26) as u8));
                }
                Kind::Bool => varint(&mut out, random.next(2)),
                Kind::Int32 | Kind::Enum => varint(&mut out, i64::from(random.next(1 << 32) as i32) as u64),
                Kind::Uint32 => varint(&mut out, random.next(1 << 32)),
                Kind::Int64 | Kind::Uint64 => {
                    let bits = random.next(64) + 1;
                    let value = random.next(u64::MAX) >> (64 - bits);
                    varint(&mut out, value);
                }
                other => panic!("no field of Mesos is a {other:?}"),
            }
        }
    }
    out
}

#[test]
fn every_class_there_and_back() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut decoder = Decoder::default();
    for i in 0..schema::classes().len() {
        let id = ClassId(i as u32);
        for _ in 0..20 {
            let bytes = random_message(&mut random, id, 0);
            let tape = decoder.decode(id, &bytes).expect("valid").to_vec();
            show(&tape, &bytes);
            let (perl, arena) = perl_tape(id, &tape, &bytes);
            let again = encode(id, perl, &arena).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(again, bytes, "{}", schema::class(id).unwrap().proto);
        }
    }
}

#[test]
fn agrees_with_prost() {
    let offer = proto::Offer {
        id: proto::OfferId { value: "o1".into() },
        framework_id: proto::FrameworkId { value: "f".into() },
        slave_id: proto::SlaveId { value: "s".into() },
        hostname: "h".into(),
        ..Default::default()
    };
    assert_eq!(
        decode(class::OFFER, &offer.encode_to_vec()),
        r#"{id={value="o1"} framework_id={value="f"} slave_id={value="s"} hostname="h"}"#
    );
}

#[test]
fn scattered_values_are_gathered() {
    // One label of Labels, with only a key
    let label = |text: &str| {
        let mut out = vec![0x0a, text.len() as u8 + 2, 0x0a, text.len() as u8];
        out.extend(text.bytes());
        out
    };
    // port 1, path 2, statuses 4
    let id = class_by_perl_name("Mesos::HealthCheck::HTTP").unwrap();
    let bytes = [0x20, 1, 0x08, 80, 0x20, 2, 0x12, 1, b'/', 0x22, 2, 3, 4, 0x08, 81, 0x20, 5];
    assert_eq!(decode(id, &bytes), r#"{port=81 path="/" statuses=[1 2 3 4 5]}"#);
    // together, packed and not: the other way through
    assert_eq!(decode(id, &[0x22, 2, 1, 2, 0x20, 3, 0x22, 0]), "{statuses=[1 2 3]}");
    assert_eq!(decode(id, &[0x22, 0]), "{statuses=[]}");
    let bytes: Vec<u8> = [label("a"), label("b")].concat();
    assert_eq!(decode(class::LABELS, &bytes), r#"{labels=[{key="a"} {key="b"}]}"#);
    // The last of several sub-messages replaces the others: it is not merged with them.
    let status = [0x0a, 3, 0x0a, 1, b'x', 0x10, 1, 0x0a, 0];
    assert_eq!(decode(class::TASK_STATUS, &status), "{task_id={} state=1}");
}

#[test]
fn what_is_not_known_is_skipped() {
    // 100: varint, 101: fixed64, 102: bytes, 103: group, 104: fixed32
    let mut bytes = vec![0xa0, 0x06, 5, 0xa9, 0x06];
    bytes.extend([0; 8]);
    bytes.extend([0xb2, 0x06, 2, 1, 2, 0xbb, 0x06, 0x08, 1, 0xbc, 0x06, 0xc5, 0x06, 0, 0, 0, 0]);
    bytes.extend([0x0a, 1, b'v']);
    assert_eq!(decode(class::TASK_ID, &bytes), r#"{value="v"}"#);
    // the field, with another wire type
    assert_eq!(decode(class::TASK_ID, &[0x08, 1]), "{}");
    assert_eq!(
        decode(class::TASK_STATUS, &[0x12, 1, 1]),
        "{}",
        "a packed enum that is not repeated"
    );
    assert_eq!(decode(class::TASK_ID, &[]), "{}");
}

#[test]
fn numbers() {
    let ten = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let with = |tag: u8, value: &[u8]| [&[tag][..], value].concat();
    assert_eq!(
        decode(class::TASK_STATUS, &with(0x10, &ten)),
        "{state=-1}",
        "enums are signed"
    );
    assert_eq!(
        decode(class::TASK_STATUS, &[0x10, 0xe7, 0x07]),
        "{state=999}",
        "unknown enum numbers are kept"
    );
    assert_eq!(decode(class::DURATION_INFO, &with(0x08, &ten)), "{nanoseconds=-1}");
    let range = class_by_perl_name("Mesos::Value::Range").unwrap();
    assert_eq!(decode(range, &with(0x08, &ten)), "{begin=18446744073709551615}");
    assert_eq!(decode(class::TASK_STATUS, &[0x40, 7]), "{healthy=1}", "a bool is 0 or 1");
}

#[test]
fn truncation_is_an_error_everywhere() {
    let mut random = Random(42);
    let mut decoder = Decoder::default();
    for id in [class::OFFER, class::TASK_STATUS, class::TASK_INFO] {
        let bytes = random_message(&mut random, id, 0);
        for end in 0..bytes.len() {
            // A cut between two fields leaves a shorter message; any other cut is an error. Neither panics.
            if let Ok(tape) = decoder.decode(id, &bytes[..end]) {
                show(tape, &bytes);
            }
        }
    }
    assert_eq!(
        error(class::TASK_ID, &[0x0a, 5, b'a']),
        (WireError::Truncated, "Mesos::TaskID".into())
    );
    assert_eq!(
        error(class::TASK_INFO, &[0x12, 2, 0x0a, 5]),
        (WireError::Truncated, "Mesos::TaskInfo.task_id".into())
    );
    assert_eq!(error(class::TASK_ID, &[0x0c]).0, WireError::GroupEnd);
    assert_eq!(error(class::TASK_ID, &[0x00]).0, WireError::FieldNumber);
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random(7);
    let mut decoder = Decoder::default();
    for round in 0..200_000 {
        let id = ClassId(random.next(schema::classes().len() as u64) as u32);
        let mut bytes: Vec<u8> = (0..random.next(40)).map(|_| random.next(256) as u8).collect();
        if round % 2 == 0 {
            // Nearly valid: one byte of a valid message is changed.
            bytes = random_message(&mut random, id, 4);
            if !bytes.is_empty() {
                let at = random.next(bytes.len() as u64) as usize;
                bytes[at] = random.next(256) as u8;
            }
        }
        if let Ok(tape) = decoder.decode(id, &bytes) {
            let tape = tape.to_vec();
            assert!(
                tape.len() <= 2 * bytes.len() + 4,
                "{} tokens of {} bytes",
                tape.len(),
                bytes.len()
            );
            show(&tape, &bytes);
            let (perl, arena) = perl_tape(id, &tape, &bytes);
            encode(id, perl, &arena).expect("what was decoded can be encoded");
        }
    }
}

/// `depth` ContainerIDs, each the parent of the one around it.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 1..depth {
        let mut outer = vec![0x12];
        varint(&mut outer, bytes.len() as u64);
        outer.extend(&bytes);
        bytes = outer;
    }
    bytes
}

#[test]
fn depth_is_bounded() {
    decode(class::CONTAINER_ID, &nested(MAX_DEPTH));
    assert_eq!(error(class::CONTAINER_ID, &nested(MAX_DEPTH + 1)).0, WireError::TooDeep);
    assert_eq!(error(class::CONTAINER_ID, &nested(100_000)).0, WireError::TooDeep);
    assert_eq!(error(class::CONTAINER_ID, &[0x9b; 1000]).0, WireError::VarintTooLong);
}

#[test]
fn hostile_messages_take_linear_time_and_memory() {
    const SIZE: usize = 1 << 20;
    let start = Instant::now();
    let mut decoder = Decoder::default();
    // Repeated fields of Resource-like messages, interleaved: executor_ids of Offer (6) and resources (5) and attributes (7)
    let interleaved: Vec<u8> = [0x32, 0, 0x2a, 0, 0x3a, 0]
        .iter()
        .copied()
        .cycle()
        .take(SIZE / 6 * 6)
        .collect();
    assert_eq!(decoder.decode(class::OFFER, &interleaved).unwrap().len(), SIZE / 6 * 6 + 8);
    // The same field a million times
    let same: Vec<u8> = [0x2a, 0].iter().copied().cycle().take(SIZE).collect();
    assert_eq!(decoder.decode(class::OFFER, &same).unwrap().len(), SIZE + 4);
    // Nested, and scattered at every level
    let mut bytes = vec![0x0a, 0, 0x0a, 0];
    for _ in 1..MAX_DEPTH {
        let mut outer = vec![0x12];
        varint(&mut outer, bytes.len() as u64);
        outer.extend(&bytes);
        outer.extend([0x0a, 0, 0x12, 0, 0x0a, 0]);
        let mut last = vec![0x12];
        varint(&mut last, bytes.len() as u64);
        outer.extend(last);
        outer.extend(&bytes);
        bytes = outer;
        if bytes.len() > SIZE {
            break;
        }
    }
    decoder.decode(class::CONTAINER_ID, &bytes).unwrap();
    // Packed, with the largest varints; and messages with many fields that have none
    let id = class_by_perl_name("Mesos::HealthCheck::HTTP").unwrap();
    let mut packed = vec![0x22];
    varint(&mut packed, SIZE as u64);
    packed.extend(vec![1; SIZE]);
    assert_eq!(decoder.decode(id, &packed).unwrap().len(), SIZE + 4);
    assert!(start.elapsed().as_secs() < 20, "took {:?}", start.elapsed());
}

fn token(op: MesosPerlOp, field: u32, value: u64, length: u64) -> MesosPerlToken {
    MesosPerlToken {
        op: op as u32,
        field,
        value,
        length,
    }
}

fn field(perl: &str, name: &str) -> u32 {
    let class = schema::class(class_by_perl_name(perl).unwrap()).unwrap();
    let at = class.fields().iter().position(|f| f.name() == name).unwrap();
    u32::from(class.first_field) + at as u32
}

#[test]
fn errors_name_the_path() {
    use MesosPerlOp::*;
    let open = |id: ClassId| token(MesosPerlMessage, MESOS_NO_FIELD, id.0.into(), 0);
    let resources = field("Mesos::TaskInfo", "resources");
    let scalar = field("Mesos::Resource", "scalar");
    let tape = vec![
        open(class::TASK_INFO),
        token(MesosPerlList, resources, 0, 0),
        token(MesosPerlMessage, resources, 0, 0),
        token(MesosPerlEnd, 0, 0, 0),
        token(MesosPerlMessage, resources, 0, 0),
        token(MesosPerlMessage, scalar, 0, 0),
        token(MesosPerlText, field("Mesos::Value::Scalar", "value"), 0, 3),
    ];
    assert_eq!(
        encode(class::TASK_INFO, tape, b"abc").unwrap_err(),
        "Mesos::TaskInfo.resources[1].scalar.value: expected a number, got \"abc\""
    );
    let limits = field("Mesos::TaskInfo", "limits");
    let tape = vec![
        open(class::TASK_INFO),
        token(MesosPerlMap, limits, 0, 0),
        token(MesosPerlMessage, limits, 0, 0),
        token(MesosPerlBytes, field("Mesos::TaskInfo::LimitsEntry", "key"), 0, 4),
        token(MesosPerlMessage, field("Mesos::TaskInfo::LimitsEntry", "value"), 0, 0),
        token(MesosPerlText, field("Mesos::Value::Scalar", "value"), 4, 1),
    ];
    assert_eq!(
        encode(class::TASK_INFO, tape, b"cpusx").unwrap_err(),
        "Mesos::TaskInfo.limits{cpus}.value: expected a number, got \"x\""
    );
    let value = field("Mesos::TaskID", "value");
    let tape = vec![
        open(class::TASK_ID),
        token(MesosPerlMissing, value, 0, 0),
        token(MesosPerlEnd, 0, 0, 0),
    ];
    assert_eq!(
        encode(class::TASK_ID, tape, b"").unwrap_err(),
        "Mesos::TaskID.value: required field is missing"
    );
    let port = field("Mesos::MasterInfo", "port");
    let tape = vec![
        open(class::MASTER_INFO),
        token(MesosPerlMissing, port, 0, 0),
        token(MesosPerlEnd, 0, 0, 0),
    ];
    assert_eq!(
        encode(class::MASTER_INFO, tape, b"").unwrap(),
        [0x18, 0xba, 0x27],
        "a required field's default is written"
    );
    let ports = field("Mesos::HealthCheck::HTTP", "statuses");
    let id = class_by_perl_name("Mesos::HealthCheck::HTTP").unwrap();
    let tape = vec![
        open(id),
        token(MesosPerlList, ports, 0, 0),
        token(MesosPerlInt, ports, -1i64 as u64, 0),
    ];
    assert_eq!(
        encode(id, tape, b"").unwrap_err(),
        "Mesos::HealthCheck::HTTP.statuses[0]: expected an integer from 0 to 4294967295, got -1"
    );
}

#[test]
fn broken_tapes_are_refused() {
    use MesosPerlOp::*;
    let value = field("Mesos::TaskID", "value");
    let open = token(MesosPerlMessage, MESOS_NO_FIELD, class::TASK_ID.0.into(), 0);
    let end = token(MesosPerlEnd, 0, 0, 0);
    for tape in [
        vec![],
        vec![end],
        vec![open],
        vec![open, end, end],
        vec![open, token(MesosPerlBytes, value, 0, 9), end],
        vec![open, token(MesosPerlBytes, value, u64::MAX, 2), end],
        vec![open, token(MesosPerlInt, u32::MAX - 1, 0, 0), end],
        vec![open, token(MesosPerlInt, 0, 0, 0)],
    ] {
        let mut tape = tape;
        let error = check(class::TASK_ID, &mut tape, b"x").expect_err("refused");
        assert!(matches!(error.problem, Problem::Tape | Problem::Expected { .. }), "{error}");
    }
    let mut out = [0; 1];
    assert!(write(&[open, token(MesosPerlBytes, value, 0, 1), end], b"x", &mut out).is_err());
}

/// Every map is closed as one, and each entry in it has a key and a value, however the bytes are ordered.
#[test]
fn maps_have_complete_entries() {
    // Field 15, limits: an entry of nothing, one with a key, one with a value; once together, once around another field.
    let entries: [&[u8]; 3] = [&[0x7a, 0], &[0x7a, 3, 0x0a, 1, b'k'], &[0x7a, 2, 0x12, 0]];
    let together = entries.concat();
    let scattered = [entries[0], entries[1], &[0x0a, 1, b'n'], entries[2]].concat();
    let mut decoder = Decoder::default();
    decoder.options.maps = true;
    for bytes in [together, scattered] {
        let tape = decoder.decode(class::TASK_INFO, &bytes).expect("a message");
        let ops = |op: MesosTokenOp| tape.iter().filter(|token| token.op == op as u16).collect::<Vec<_>>();
        let (opened, closed) = (ops(MesosTokenOp::MesosTokenMap), ops(MesosTokenOp::MesosTokenMapEnd));
        assert_eq!((opened.len(), closed.len()), (1, 1));
        assert_eq!(opened[0].count, 3);
        assert_eq!(opened[0].key, closed[0].key);
        let first = tape.iter().position(|token| token == opened[0]).expect("it is there");
        // Each entry: its message, a string, and a message of the value.
        for entry in tape[first + 1..].chunks(5).take(3) {
            assert_eq!((entry[0].op, entry[0].count), (MesosTokenOp::MesosTokenMessage as u16, 2));
            let mut inside = [entry[1].op, entry[2].op, entry[3].op];
            inside.sort_unstable();
            let expected = [
                MesosTokenOp::MesosTokenMessage,
                MesosTokenOp::MesosTokenEnd,
                MesosTokenOp::MesosTokenBytes,
            ];
            assert_eq!(inside, expected.map(|op| op as u16));
        }
    }
}
