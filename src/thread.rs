//! Threads of this crate: they are named, and all signals are blocked in them, so that Perl's handlers run in Perl's thread.

use nix::sys::signal::{SigSet, SigmaskHow};
use std::sync::{Mutex, MutexGuard};
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

/// Locks a mutex of this crate, also after a panic of a thread that held it: what our mutexes guard is whole between any two statements.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
