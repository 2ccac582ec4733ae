//! The wall that no panic crosses: the body of every exported function runs in here.

use super::error::{remember, FfiError, MesosCode};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Runs `body` and makes its outcome a code. The text of a failure is kept for `mesos_error_message`.
pub fn guard(body: impl FnOnce() -> Result<(), FfiError>) -> MesosCode {
    // AssertUnwindSafe: what a panic left half done sits behind a poisoned or self-consistent lock, or is the caller's to free.
    let error = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return MesosCode::MesosOk,
        Ok(Err(error)) => error,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown panic");
            FfiError::new(MesosCode::MesosPanic, format!("internal error (please report it): {text}"))
        }
    };
    remember(error.message);
    error.code
}

/// As [`guard`] for functions that return a value and cannot fail but by a bug: `fallback` is returned then.
pub fn guard_value<T>(fallback: T, body: impl FnOnce() -> Result<T, FfiError>) -> T {
    let mut value = fallback;
    guard(|| {
        value = body()?;
        Ok(())
    });
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::error::mesos_error_message;

    #[test]
    fn panics_become_codes() {
        assert_eq!(guard(|| panic!("boom {}", 1)), MesosCode::MesosPanic);
        // SAFETY: the text is borrowed from this thread, and no call of the library comes between.
        let text = unsafe { mesos_error_message().as_slice() }.to_vec();
        assert_eq!(text, b"internal error (please report it): boom 1");
        assert_eq!(guard_value(7, || panic!("static")), 7);
        assert_eq!(guard(|| Ok(())), MesosCode::MesosOk);
    }
}
