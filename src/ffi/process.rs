//! fork for the helper executable, which starts programs with it: a fresh process of its own kind would take longer than most of them run.

use std::io;

/// Runs `child` in a new process, which ends with what it returns. Nothing of this process' state is dropped or flushed there.
///
/// Refused where there are other threads: the locks that they hold would be held for ever in the child.
pub fn fork(child: impl FnOnce() -> u8) -> io::Result<i32> {
    if std::fs::read_dir("/proc/self/task")?.take(2).count() != 1 {
        return Err(io::Error::other("a program with several threads does not fork"));
    }
    // SAFETY: there is no other thread, so the child may do whatever this process may.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Parent { child } => Ok(child.as_raw()),
        nix::unistd::ForkResult::Child => {
            let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(1);
            // SAFETY: it does not return, and runs nothing.
            unsafe { nix::libc::_exit(code.into()) }
        }
    }
}
