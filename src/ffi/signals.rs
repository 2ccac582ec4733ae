//! Signal dispositions of the helper executable: its only use of C that has no safe form.

use nix::sys::signal::{SigHandler, Signal};

/// Gives every signal its default disposition. Ignored ones are inherited through exec: without this, tasks would ignore what
/// the Perl program ignores, and with SIGCHLD ignored the helper could not wait for them.
pub fn reset_to_default() {
    for signal in Signal::iterator().filter(|s| !matches!(s, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: SIG_DFL runs no code of ours, and the return value, a former handler, is dropped uncalled.
        let _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) };
    }
}
