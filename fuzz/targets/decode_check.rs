//! What must hold for every input of the decoder, with each of its options. Run by the fuzzer, and on the corpus by tests/fuzz_corpus.rs.

use mesos_perl::message::decode::{DecodeOptions, Decoder};
use mesos_perl::message::schema::{classes, enums};
use mesos_perl::message::tape::{MesosToken, MesosTokenOp as Op};
use mesos_perl::message::ClassId;
use std::collections::HashSet;

const MAP: u16 = Op::MesosTokenMap as u16;

/// The class is chosen by the first two bytes; the rest is what is decoded.
pub fn split(data: &[u8]) -> Option<(ClassId, &[u8])> {
    let (head, bytes) = (data.get(..2)?, data.get(2..)?);
    let index = usize::from(head[0]) + 256 * usize::from(head[1]);
    Some((ClassId((index % classes().len()) as u32), bytes))
}

#[allow(dead_code)] // replay.rs takes `split` only
pub fn check(data: &[u8]) {
    let Some((class, bytes)) = split(data) else { return };
    let mut decoder = Decoder::default();
    let plain = match decoder.decode(class, bytes) {
        Ok(tape) => Some(tape.to_vec()),
        Err(_) => None,
    };
    if let Some(tape) = &plain {
        check_tape(tape, bytes);
    }
    for options in 1..8 {
        let (reject_unknown, enum_names, maps) = (options & 1 != 0, options & 2 != 0, options & 4 != 0);
        decoder.options = DecodeOptions {
            reject_unknown,
            enum_names,
            maps,
        };
        match (decoder.decode(class, bytes), &plain) {
            (Ok(tape), Some(_)) if maps => check_tape(tape, bytes),
            (Ok(tape), Some(plain)) => check_named(tape, plain, enum_names),
            (Ok(_), None) => panic!("an option makes invalid bytes valid"),
            (Err(_), Some(_)) => assert!(reject_unknown, "names of enums make valid bytes invalid"),
            (Err(_), None) => (),
        }
    }
}

/// With names of enums only the tokens of enums differ: they have the enum beside the number, as those of unknown numbers always have.
fn check_named(tape: &[MesosToken], plain: &[MesosToken], enum_names: bool) {
    assert_eq!(tape.len(), plain.len());
    for (token, plain) in tape.iter().zip(plain) {
        assert_eq!((token.key, token.value), (plain.key, plain.value));
        if enum_names && token.op == Op::MesosTokenEnum as u16 {
            let of = enums().get(token.count as usize).expect("an enum");
            let expected = match of.has(token.value as i32) {
                true => (Op::MesosTokenInt as u16, 0),
                false => (token.op, token.count),
            };
            assert_eq!((plain.op, plain.count), expected);
        } else {
            assert_eq!((token.op, token.count), (plain.op, plain.count));
        }
    }
}

fn check_tape(tape: &[MesosToken], bytes: &[u8]) {
    // Bounded: a field takes two bytes at least, and makes a value and perhaps a list or message around it. A map's entry is completed.
    assert!(
        tape.len() <= 5 + 4 * bytes.len(),
        "{} tokens from {} bytes",
        tape.len(),
        bytes.len()
    );
    // Well nested, with every byte string inside the input, lists and messages of the size that they promise, no key twice.
    let mut open: Vec<(u16, u32, HashSet<u16>)> = Vec::new();
    for (index, token) in tape.iter().enumerate() {
        assert!(index == 0 || !open.is_empty(), "something follows the end");
        if [Op::MesosTokenEnd as u16, Op::MesosTokenMapEnd as u16].contains(&token.op) {
            let (op, left, _) = open.pop().expect("an end without a beginning");
            assert_eq!(left, 0, "another size");
            assert_eq!(op == MAP, token.op == Op::MesosTokenMapEnd as u16, "the end of another");
            continue;
        }
        if let Some((op, left, keys)) = open.last_mut() {
            *left = left.checked_sub(1).expect("another size");
            match [MAP, Op::MesosTokenList as u16].contains(op) {
                true => assert_eq!(token.key, 0),
                false => assert!(token.key != 0 && keys.insert(token.key), "no key, or one a second time"),
            }
            if *op == MAP {
                let entry = (token.op, token.count);
                assert_eq!(entry, (Op::MesosTokenMessage as u16, 2), "an entry has a key and a value");
            }
        }
        if [MAP, Op::MesosTokenMessage as u16, Op::MesosTokenList as u16].contains(&token.op) {
            open.push((token.op, token.count, HashSet::new()));
            assert!(open.len() <= 2 * 128, "nested too deep");
        } else if token.op == Op::MesosTokenBytes as u16 {
            let end = token.value.checked_add(u64::from(token.count)).expect("no overflow");
            assert!(end <= bytes.len() as u64, "bytes outside of the input");
        }
    }
    assert!(open.is_empty(), "something was not closed");
}
