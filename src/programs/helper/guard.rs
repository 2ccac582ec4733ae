//! The second stage: looks after the third, which tasks of its own user can kill or stop.
//!
//! It is a subreaper, too: what the server leaves when it is killed comes here, and is ended. Should this process be killed
//! instead, the server notices, and ends everything itself.

use super::leavings::Leavings;
use super::processes;
use crate::programs::system::{FAILURE, SUCCESS};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{waitid, Id, WaitPidFlag, WaitStatus};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

/// Starts the server and stays until it and all that it started are gone. The pipe for reports is kept open until then.
pub fn guard(creator: i32, leavings: &Leavings) -> u8 {
    let Ok(server) = start(creator, leavings) else {
        return FAILURE;
    };
    watch(&server);
    processes::end_all_descendants();
    leavings.remove();
    SUCCESS
}

fn start(creator: i32, leavings: &Leavings) -> std::io::Result<Child> {
    // Own session: the terminal's Ctrl-C is for Perl, which may want its tasks to end in order.
    rustix::process::setsid()?;
    nix::sys::prctl::set_child_subreaper(true)?;
    SigSet::all().thread_block()?;
    let server = Command::new(processes::SELF)
        .arg0(processes::NAME)
        .args(["serve", &creator.to_string()])
        .args(leavings.arguments())
        .env_clear()
        .spawn()?;
    // The end of the pipe for commands is the server's alone: the cluster shall see when nobody reads it.
    if let Ok(null) = std::fs::File::open("/dev/null") {
        rustix::stdio::dup2_stdin(&null)?;
    }
    Ok(server)
}

/// Returns when the server has ended. Whenever somebody stops it, it is told to go on.
fn watch(server: &Child) {
    let pid = nix::unistd::Pid::from_raw(server.id() as i32);
    loop {
        match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WSTOPPED) {
            Ok(WaitStatus::Stopped(..)) => {
                let _ = nix::sys::signal::kill(pid, Signal::SIGCONT);
            }
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(Errno::ECHILD) => return,
            // Interrupted, or a status that nix cannot name: of a signal that stops nothing.
            Err(Errno::EINTR) => {}
            Ok(_) | Err(_) => return,
        }
    }
}
