//! The installed programs: a few lines of C that call this.

use super::{process, signals};
use crate::programs::{self, system::Primitives};
use std::ffi::{c_char, c_int, CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// What has no safe form.
pub const PRIMITIVES: Primitives = Primitives {
    reset_signals: signals::reset_to_default,
    fork: |child| process::fork(child),
};

/// The status of a program that panics, as Rust's own have it.
const PANIC: u8 = 101;

/// Is `mesos-local`, or the helper of a cluster if the first argument says so. For a `main` that has
/// opened the first three descriptors, ignores SIGPIPE, and gives back what this returns. The arguments are those of `main`.
#[no_mangle]
pub extern "C" fn mesos_program_main(argc: c_int, argv: *const *const c_char) -> c_int {
    let run = || {
        let count = usize::try_from(argc).unwrap_or_default();
        // SAFETY: main's arguments are so many strings that nobody changes.
        let argument = |n| unsafe { CStr::from_ptr(*argv.add(n)) };
        let arguments = (0..count).map(|n| OsString::from(OsStr::from_bytes(argument(n).to_bytes())));
        programs::main(arguments.collect(), PRIMITIVES)
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(PANIC).into()
}
