//! The wall that no panic crosses: the body of every exported function runs in here.
//!
//! Perl's handlers of unsafe signals run in the middle of whatever the thread does. One that interrupts a call of this library may
//! interrupt the holder of a lock, for which a second call would wait for ever: it is refused.

use super::error::{remember, FfiError, MesosCode};
use std::cell::Cell;
use std::panic::{catch_unwind, AssertUnwindSafe};

thread_local! {
    /// Where on the stack the call is that this thread is in; 0 if it is in none.
    static CALL: Cell<usize> = const { Cell::new(0) };
}

/// Whether this thread is in a call already: then a signal's handler makes this one. What lies above on the stack has been left by
/// a `longjmp`, as Perl's `die` does, and is no call any more. (Stacks grow downwards wherever this runs.)
pub fn is_inside() -> bool {
    let here = 0_u8;
    let call = CALL.try_with(Cell::get).unwrap_or_default();
    std::ptr::addr_of!(here) as usize <= call
}

/// Runs `body` and makes its outcome a code. The text of a failure is kept for `mesos_error_message`.
pub fn guard(body: impl FnOnce() -> Result<(), FfiError>) -> MesosCode {
    if is_inside() {
        remember(INSIDE.to_string());
        return MesosCode::MesosInside;
    }
    let here = 0_u8;
    let _ = CALL.try_with(|call| call.set(std::ptr::addr_of!(here) as usize));
    let code = guard_anywhere(body);
    let _ = CALL.try_with(|call| call.set(0));
    code
}

const INSIDE: &str = "called from a signal handler that interrupted another call of this module";

/// As [`guard`], for bodies that take no lock: they may also run where a signal has interrupted another call.
pub fn guard_anywhere(body: impl FnOnce() -> Result<(), FfiError>) -> MesosCode {
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

/// Whether a signal's handler runs in the middle of a call of this thread: all that needs a handle but `mesos_channel_size` would be
/// `MESOS_INSIDE`, and functions that return no code would return nothing.
#[no_mangle]
pub extern "C" fn mesos_is_inside() -> bool {
    is_inside()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::error::mesos_error_message;

    #[test]
    fn a_call_within_a_call_is_refused() {
        let mut outcomes = Vec::new();
        let code = guard(|| {
            outcomes.push((is_inside(), guard(|| panic!("not run"))));
            outcomes.push((is_inside(), guard_anywhere(|| Ok(()))));
            Err(FfiError::new(MesosCode::MesosSystem, "outer"))
        });
        assert_eq!(code, MesosCode::MesosSystem);
        assert_eq!(outcomes, [(true, MesosCode::MesosInside), (true, MesosCode::MesosOk)]);
        assert!(!is_inside());
        assert_eq!(guard(|| Ok(())), MesosCode::MesosOk);
    }

    #[test]
    fn a_call_that_was_left_is_none() {
        // As after a longjmp: the call stood deeper on the stack than we are.
        let here = 0_u8;
        CALL.with(|call| call.set(std::ptr::addr_of!(here) as usize - (1 << 16)));
        assert!(!is_inside());
        assert_eq!(guard(|| Ok(())), MesosCode::MesosOk);
    }

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
