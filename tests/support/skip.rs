//! How a test says that it cannot run here.

use std::io::Write;

/// Says which test is skipped and why, past cargo's capture of what tests print: script/test shows these lines in its summary, and
/// fails where everything that the test needs has to be there.
pub fn skip(test: &str, why: &str) {
    // In one piece: other tests print meanwhile.
    let _ = std::io::stderr().write_all(format!("SKIP {test}: {why}\n").as_bytes());
}

/// The value of a variable that names what `test` needs, `MESOS_TEST_MASTER` and its like. Without it the test is skipped.
#[allow(dead_code)] // not every test that may be skipped asks a variable
pub fn wanted(test: &str, variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    if value.is_none() {
        skip(test, &format!("{variable} is not set"));
    }
    value
}
