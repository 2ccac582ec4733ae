//! What all opaque handles share: who made them, and the checks on the pointers that come back.

use super::error::{FfiError, MesosCode};
use nix::unistd::{getpid, Pid};

/// The creator of a handle. Threads do not survive a fork, and locks may be held by them for ever, so that a child must not
/// touch what its parent made.
#[derive(Clone, Copy)]
pub struct Creator(Pid);

impl Creator {
    pub fn this_process() -> Self {
        Creator(getpid())
    }

    pub fn is_this_process(self) -> bool {
        self.0 == getpid()
    }
}

/// A type whose values cross the ABI as opaque pointers.
pub trait Handle {
    /// For error texts: "driver", "channel", ...
    const NAME: &'static str;
    fn creator(&self) -> Creator;
}

/// The value behind a handle.
///
/// # Safety
/// `handle` is NULL, or came from the type's `_new` and was not freed.
pub unsafe fn get<'a, T: Handle>(handle: *const T) -> Result<&'a T, FfiError> {
    // SAFETY: the caller's promise.
    let value = unsafe { handle.as_ref() }
        .ok_or_else(|| FfiError::new(MesosCode::MesosNullPointer, format!("the {} is not initialised", T::NAME)))?;
    if value.creator().is_this_process() {
        return Ok(value);
    }
    Err(FfiError::new(
        MesosCode::MesosForked,
        format!(
            "this {} was made by process {}, before the fork that made this process: make a new one here",
            T::NAME,
            value.creator().0
        ),
    ))
}

/// The place for a result.
///
/// # Safety
/// `out` is NULL, or points to a writable `T`.
pub unsafe fn out<'a, T>(out: *mut T) -> Result<&'a mut T, FfiError> {
    // SAFETY: the caller's promise.
    unsafe { out.as_mut() }.ok_or_else(|| FfiError::new(MesosCode::MesosNullPointer, "no place for the result"))
}

/// Hands a value to C, which gives it back to [`free`].
pub fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Ends a handle. NULL is nothing to do; in a forked child the value is left alone, for its locks and threads are the parent's.
///
/// # Safety
/// `handle` is NULL, or came from [`give`] and is not used after this.
pub unsafe fn free<T: Handle>(handle: *mut T) {
    if handle.is_null() {
        return;
    }
    // SAFETY: the caller's promise.
    let value = unsafe { Box::from_raw(handle) };
    if value.creator().is_this_process() {
        drop(value);
    } else {
        std::mem::forget(value);
    }
}
