//! Answers that are lent to C: each thread keeps its last one.

use super::bytes::MesosBytes;
use super::error::{FfiError, MesosCode};
use std::cell::RefCell;

thread_local! {
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Keeps `answer`, and lends it until the thread's next answer.
pub(super) fn lend(answer: Vec<u8>) -> Result<MesosBytes, FfiError> {
    let lent = ANSWER.try_with(|kept| {
        let mut kept = kept.try_borrow_mut().ok()?;
        *kept = answer;
        Some(MesosBytes::borrowed(&kept))
    });
    // The thread ends, or a handler of a signal has interrupted this very line.
    lent.ok()
        .flatten()
        .ok_or_else(|| FfiError::new(MesosCode::MesosSystem, "there is no place for the answer"))
}
