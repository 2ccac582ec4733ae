//! The fuzzer's inputs as an ordinary test.

#[path = "../fuzz/targets/decode_check.rs"]
mod decode_check;
#[path = "../fuzz/targets/encode_check.rs"]
mod encode_check;

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
