//! When the program has to end: signals, and the end of its parent.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{getppid, Pid};
use rustix::event::{PollFd, PollFlags};
use rustix::process::{pidfd_open, PidfdFlags};
use std::io;
use std::os::fd::OwnedFd;

/// Whom to end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// The process that started this one.
    Own,
    /// The process with this id.
    Of(i32),
}

/// Kernels before 5.3 cannot tell when a process ends: it is looked for so often, in milliseconds.
const LOOK: i32 = 100;

/// What ends the program.
pub struct Ends {
    signals: SignalFd,
    parent: Option<(Pid, Option<OwnedFd>)>,
}

impl Ends {
    /// Blocks the signals for this thread and those that it starts.
    pub fn new(parent: Option<Parent>) -> io::Result<Ends> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            set.add(signal);
        }
        set.thread_block()?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let parent = parent.map(|parent| match parent {
            Parent::Own => getppid(),
            Parent::Of(pid) => Pid::from_raw(pid),
        });
        let open = |pid: Pid| {
            let raw = rustix::process::Pid::from_raw(pid.as_raw())?;
            pidfd_open(raw, PidfdFlags::empty()).ok()
        };
        let parent = parent.map(|pid| (pid, open(pid)));
        Ok(Ends { signals, parent })
    }

    /// Returns when it is time.
    pub fn wait(self) -> io::Result<()> {
        let pidfd = self.parent.as_ref().and_then(|(_, pidfd)| pidfd.as_ref());
        let timeout = match (&self.parent, pidfd) {
            (Some(_), None) => LOOK,
            _ => -1,
        };
        loop {
            let mut watched = vec![PollFd::new(&self.signals, PollFlags::IN)];
            watched.extend(pidfd.map(|pidfd| PollFd::new(pidfd, PollFlags::IN)));
            match rustix::event::poll(&mut watched, timeout) {
                Ok(0) if !self.parent_is_gone() => {}
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn parent_is_gone(&self) -> bool {
        self.parent
            .as_ref()
            .is_some_and(|(pid, _)| nix::sys::signal::kill(*pid, None) == Err(nix::errno::Errno::ESRCH))
    }
}
