//! Error codes, and the text that goes with the last one.

use super::bytes::MesosBytes;
use crate::driver::DriverError;
use std::cell::RefCell;

/// What a function of this ABI returns. A number keeps its meaning for ever.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MesosCode {
    MesosOk = 0,
    /// A pointer was NULL that must not be.
    MesosNullPointer = 1,
    /// A bug in this library: a panic was caught.
    MesosPanic = 2,
    /// The handle was made before a fork and is used in the child.
    MesosForked = 3,
    /// An argument is wrong; the text names it.
    MesosBadArgument = 4,
    /// The system refused a descriptor, a thread, a process or a file.
    MesosSystem = 5,
    /// Bytes are not a valid message of the class.
    MesosDecode = 6,
    /// A Perl value cannot be encoded as a message of the class.
    MesosEncode = 7,
    /// Too many calls wait. Nothing was sent, and you may make the same call again later.
    MesosFull = 8,
    /// A signal handler called this function in the middle of another call of the same thread. Nothing was done.
    MesosInside = 9,
}

/// A code with its text, as the safe side of this folder passes it around.
#[derive(Debug)]
pub struct FfiError {
    pub code: MesosCode,
    pub message: String,
}

impl FfiError {
    pub fn new(code: MesosCode, message: impl Into<String>) -> Self {
        FfiError {
            code,
            message: message.into(),
        }
    }
}

impl From<DriverError> for FfiError {
    fn from(error: DriverError) -> Self {
        let code = match error {
            DriverError::Argument { .. } => MesosCode::MesosBadArgument,
            DriverError::System(_) => MesosCode::MesosSystem,
            DriverError::Full(_) | DriverError::AgentFull(_) | DriverError::AgentFullOfBytes(_) => MesosCode::MesosFull,
        };
        FfiError::new(code, error.to_string())
    }
}

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A text may quote what was given, however long that is. Its end is what says what is wrong with it.
fn shortened(message: String) -> String {
    const MOST: usize = 8192;
    if message.len() <= MOST {
        return message;
    }
    let cut = |mut at: usize| {
        while !message.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (begin, end) = (cut(MOST / 2), cut(message.len() - MOST / 2));
    let (first, last) = (
        message.get(..begin).unwrap_or_default(),
        message.get(end..).unwrap_or_default(),
    );
    format!("{first}... ({} bytes) ...{last}", end - begin)
}

/// Remembers the text of a failure for `mesos_error_message`.
pub(super) fn remember(message: String) {
    let message = shortened(message);
    // During thread exit the text has nobody left to read it; in a handler that interrupts this very function it stays as it is.
    let _ = LAST.try_with(|last| last.try_borrow_mut().map(|mut last| *last = message));
}

/// The text (UTF-8) of the last failure in this thread, empty if there was none.
///
/// Borrowed: valid until the next call of any function of this library in this thread.
#[no_mangle]
pub extern "C" fn mesos_error_message() -> MesosBytes {
    LAST.try_with(|last| {
        last.try_borrow()
            .map(|last| MesosBytes::borrowed(last.as_bytes()))
            .unwrap_or_default()
    })
    .unwrap_or_default()
}
