//! The fuzzer's inputs as an ordinary test.

#[path = "../fuzz/targets/decode_check.rs"]
mod decode_check;
#[path = "../fuzz/targets/encode_check.rs"]
mod encode_check;
#[path = "../fuzz/targets/inputs_check.rs"]
mod inputs_check;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, Instant};

fn run(target: &str, check: fn(&[u8])) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).expect("corpus") {
        check(&std::fs::read(entry.expect("entry").path()).expect("input"));
        inputs += 1;
    }
    assert!(inputs > 10, "{inputs} inputs in {}", folder.display());
}

#[test]
fn decode() {
    run("decode", decode_check::check);
}

#[test]
fn encode() {
    run("encode", encode_check::check);
}

/// Each input, and so many mutations of them; `FUZZ_SECONDS`: for so long. `FUZZ_KIND` is the one kind to try.
const MUTATIONS: u64 = 2000;

/// Bytes that mean something in one of the texts.
const SPECIAL: &[u8] = b"0123456789:;,/[]{}()\"\r\n -\xff\0";

/// An input that is a little like those of the corpus.
fn mutated(corpus: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % limit.max(1)
    };
    let mut input = corpus[below(corpus.len())].clone();
    for _ in 0..1 + below(4) {
        let at = below(input.len() + 1);
        let until = (at + below(12)).min(input.len());
        match below(6) {
            0 => input.insert(at, below(256) as u8),
            1 if at < input.len() => input[at] ^= 1 << below(8),
            2 if at < input.len() => input[at] = SPECIAL[below(SPECIAL.len())],
            3 => drop(input.drain(at..until)),
            4 => {
                let piece = input[at..until].to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                let other = &corpus[below(corpus.len())];
                let from = below(other.len());
                let piece = other[from..(from + below(40)).min(other.len())].to_vec();
                input.splice(at..until, piece);
            }
        }
    }
    input
}

#[test]
fn inputs() {
    let given = |name: &str| std::env::var(name).ok();
    let time = given("FUZZ_SECONDS").map(|text| Duration::from_secs(text.parse().expect("seconds")));
    let first: u64 = given("FUZZ_FROM").map_or(0, |text| text.parse().expect("a number"));
    let wanted = given("FUZZ_KIND");
    let kinds = inputs_check::KINDS.iter();
    for (kind, check) in kinds.filter(|(kind, _)| wanted.as_deref().map_or(true, |wanted| wanted == *kind)) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus/inputs")
            .join(kind);
        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .expect("corpus")
            .map(|entry| entry.expect("entry").path())
            .collect();
        files.sort();
        let corpus: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).expect("input")).collect();
        assert!(corpus.len() > 2, "{} inputs in {}", corpus.len(), folder.display());
        let tried = |input: &[u8], what: &dyn std::fmt::Display| {
            let outcome = catch_unwind(AssertUnwindSafe(|| check(input)));
            assert!(outcome.is_ok(), "{kind}, {what}: {:?}", String::from_utf8_lossy(input));
        };
        corpus
            .iter()
            .zip(&files)
            .for_each(|(input, file)| tried(input, &file.display()));
        let begin = Instant::now();
        let goes_on = |count: u64| time.map_or(count < MUTATIONS, |time| begin.elapsed() < time);
        let count = (0..)
            .take_while(|count| goes_on(*count))
            .inspect(|seed| tried(&mutated(&corpus, first + seed), seed))
            .count();
        println!("{kind}: {count} mutations");
    }
}
