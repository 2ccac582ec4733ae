//! What must hold for every input of the decoder. Run by the fuzzer, and on the corpus by tests/fuzz_corpus.rs.

use mesos_perl::message::decode::Decoder;
use mesos_perl::message::schema::classes;
use mesos_perl::message::tape::MesosTokenOp as Op;
use mesos_perl::message::ClassId;

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
    let Ok(tape) = decoder.decode(class, bytes) else { return };
    // Bounded: a field takes two bytes at least, and makes a value and perhaps a list or message around it.
    assert!(
        tape.len() <= 4 + 4 * bytes.len(),
        "{} tokens from {} bytes",
        tape.len(),
        bytes.len()
    );
    // Well nested, with every byte string inside the input, and lists of the length that they promise.
    let mut open: Vec<(u16, u32)> = Vec::new();
    for (index, token) in tape.iter().enumerate() {
        assert!(index == 0 || !open.is_empty(), "something follows the end");
        if token.op == Op::MesosTokenEnd as u16 {
            let (op, left) = open.pop().expect("an end without a beginning");
            assert!(op != Op::MesosTokenList as u16 || left == 0, "a list of another length");
            continue;
        }
        if let Some((op, left)) = open.last_mut() {
            if *op == Op::MesosTokenList as u16 {
                assert_eq!(token.key, 0);
                *left = left.checked_sub(1).expect("a list of another length");
            }
        }
        if token.op == Op::MesosTokenMessage as u16 || token.op == Op::MesosTokenList as u16 {
            open.push((token.op, token.count));
            assert!(open.len() <= 2 * 128, "nested too deep");
        } else if token.op == Op::MesosTokenBytes as u16 {
            let end = token.value.checked_add(u64::from(token.count)).expect("no overflow");
            assert!(end <= bytes.len() as u64, "bytes outside of the input");
        }
    }
    assert!(open.is_empty(), "something was not closed");
}
