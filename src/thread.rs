//! Starting a thread of this crate: named, and with all signals blocked, so that Perl's handlers run in Perl's thread.

use nix::sys::signal::{SigSet, SigmaskHow};
use std::thread::JoinHandle;

/// Starts `body` on a new thread called `name` (at most 15 bytes show up in `ps`).
pub fn spawn<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> std::io::Result<JoinHandle<T>> {
    // The mask is inherited: blocking before the start leaves no moment in which the new thread could take a signal.
    let mut before = SigSet::empty();
    nix::sys::signal::pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), Some(&mut before))?;
    let started = std::thread::Builder::new().name(name.to_string()).spawn(body);
    nix::sys::signal::pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None)?;
    started
}
