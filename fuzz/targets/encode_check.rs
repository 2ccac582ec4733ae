//! What must hold for every tape that is to be encoded, sensible or not. Run by the fuzzer, and on the corpus by tests/fuzz_corpus.rs.

use mesos_perl::message::decode::Decoder;
use mesos_perl::message::encode;
use mesos_perl::message::schema::{classes, fields};
use mesos_perl::message::tape::{MesosPerlOp, MesosPerlToken, MESOS_NO_FIELD};
use mesos_perl::message::ClassId;

const TOKEN: usize = 8;

/// Two bytes for the class, two for the length of the arena, the arena, and 8 bytes for each token of the tape.
pub fn check(data: &[u8]) {
    let Some((head, rest)) = data.get(..4).zip(data.get(4..)) else {
        return;
    };
    let class = ClassId(((usize::from(head[0]) + 256 * usize::from(head[1])) % classes().len()) as u32);
    let arena_len = (usize::from(head[2]) + 256 * usize::from(head[3])).min(rest.len());
    let (arena, tokens) = rest.split_at(arena_len);
    let mut tape = vec![token(
        MesosPerlOp::MesosPerlMessage as u32,
        MESOS_NO_FIELD,
        u64::from(class.0),
        0,
    )];
    for chunk in tokens.chunks_exact(TOKEN) {
        // Mostly sensible: the operation and the field are in range, small values are offsets into the arena.
        let field = (usize::from(chunk[1]) + 256 * usize::from(chunk[2])) % (fields().len() + 1);
        let value = u64::from_le_bytes([chunk[3], chunk[4], chunk[5], 0, 0, 0, 0, chunk[6]]);
        tape.push(token(u32::from(chunk[0] % 14), field as u32, value, u64::from(chunk[7])));
    }
    let Ok(size) = encode::check(class, &mut tape, arena) else {
        return;
    };
    let mut bytes = vec![0; size];
    // Tapes that perl/message_encode.c never writes (a message under a field of numbers) may still be refused here. Nothing may
    // panic, nor be written outside of the size that the check gave.
    if encode::write(&tape, arena, &mut bytes).is_ok() {
        let _ = Decoder::default().decode(class, &bytes);
    }
}

fn token(op: u32, field: u32, value: u64, length: u64) -> MesosPerlToken {
    MesosPerlToken {
        op,
        field,
        value,
        length,
    }
}
