//! Reads ../shared/captures for the unit tests: wire traffic of a real Mesos 1.11.0.

use std::io::Write;
use std::path::PathBuf;

fn folder() -> PathBuf {
    let shared = std::env::var_os("MESOS_TEST_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    shared.join("captures")
}

/// Whether there are captures; says so when not, since a test then checks less. Who names a folder has them.
pub fn present() -> bool {
    let found = folder().is_dir();
    let named = std::env::var_os("MESOS_TEST_SHARED").is_some();
    assert!(found || !named, "no captures in {}", folder().display());
    if !found {
        // Past cargo's capture of what tests print.
        let _ = writeln!(std::io::stderr(), "SKIP captures: none in {}", folder().display());
    }
    found
}

/// The bytes of one capture, where there are any. All that tests name are there then.
pub fn read(name: &str) -> Option<Vec<u8>> {
    present().then(|| std::fs::read(folder().join(name)).unwrap_or_else(|why| panic!("capture {name}: {why}")))
}

/// All captures in `subfolder` whose name ends in `suffix`, by name.
pub fn files(subfolder: &str, suffix: &str) -> Vec<(String, Vec<u8>)> {
    if !present() {
        return Vec::new();
    }
    let mut found: Vec<_> = std::fs::read_dir(folder().join(subfolder))
        .expect("capture folder")
        .map(|entry| entry.expect("capture").path())
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .map(|path| {
            let name = path.file_name().expect("file").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("capture"))
        })
        .collect();
    found.sort();
    found
}

/// The bodies of requests that were sent one behind the other.
pub fn bodies(mut requests: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some(head) = requests.windows(4).position(|w| w == b"\r\n\r\n") {
        let text = std::str::from_utf8(&requests[..head]).expect("a head");
        let length = text.split("Content-Length: ").nth(1).expect("a length");
        let length: usize = length.lines().next().expect("a line").parse().expect("a number");
        let (body, rest) = requests[head + 4..].split_at(length);
        found.push(body);
        requests = rest;
    }
    assert!(requests.is_empty(), "not a request: {requests:?}");
    found
}

/// The records of a `.recordio` capture.
pub fn records(name: &str) -> Vec<Vec<u8>> {
    let mut decoder = super::protocol::recordio::Decoder::default();
    decoder.feed(read(name).unwrap_or_default().into());
    std::iter::from_fn(|| decoder.next_record().expect("captured RecordIO"))
        .map(Vec::from)
        .collect()
}
