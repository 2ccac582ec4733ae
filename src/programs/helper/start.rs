//! The first stage: sheds what the Perl process had, starts the guard and exits.

use super::leavings::Leavings;
use crate::local::spread;
use crate::programs::system::{FAILURE, SUCCESS};
use nix::fcntl::{fcntl, FcntlArg, FdFlag};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// `creator` is the Perl process. Succeeds when the guard has been started.
pub fn start(creator: i32, work_dir: &Path, leavings: &Leavings, reset_signals: fn()) -> u8 {
    reset_signals();
    close_on_exec();
    // Not in the Perl process: rustix passes an int, which is what Linux reads, but the call is declared with a long (ioctl_iflags(2)). So
    // a Perl program under valgrind would be told of a wrong access.
    spread(work_dir);
    let started = Command::new(super::processes::SELF)
        .arg0(super::processes::NAME)
        .args(["guard", &creator.to_string()])
        .args(leavings.arguments())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::null())
        .spawn();
    match started {
        Ok(_) => SUCCESS,
        Err(_) => FAILURE,
    }
}

/// The Perl process may have descriptors without the flag (XS code, `$^F`); none may reach a task.
fn close_on_exec() {
    let Ok(list) = std::fs::read_dir("/proc/self/fd") else {
        return;
    };
    let descriptors = list
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for fd in descriptors.filter(|fd| *fd > 2) {
        let _ = fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}
