//! The second stage: starts programs, waits for them, signals them, and takes everything with it when it ends.
//!
//! Single-threaded. It is the subreaper of all that it starts, so a daemonised grandchild comes back to it when its parents are
//! gone. It ends when it is told to, when the pipe ends, or when the creator is gone (a fork of the creator may hold the pipe open).

use crate::processes;
use mesos_perl::local::helper_protocol::{self as protocol, Command, Frame, Program, Report};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{waitid, Id, WaitPidFlag};
use rustix::event::{poll, PollFd, PollFlags};
use rustix::fd::OwnedFd;
use rustix::process::{pidfd_open, Pid, PidfdFlags, WaitOptions};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

/// `creator` is alive for sure until `Ready` has been written: the cluster waits for that.
/// `directory` goes when everything is dead: the creator may have had no time to remove it.
pub fn serve(creator: i32, directory: Option<PathBuf>) -> ExitCode {
    let worked = Server::new(creator).and_then(|mut server| server.work());
    if let Some(directory) = directory {
        let _ = std::fs::remove_dir_all(directory);
    }
    match worked {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

struct Server {
    /// Running programs: the cluster's name of each by process id.
    running: BTreeMap<i32, u64>,
    /// Readable when the creator is gone; absent on kernels before 5.3.
    creator: Option<OwnedFd>,
    /// Readable when a child changed its state.
    children: SignalFd,
    /// Bytes of commands that are not complete yet.
    pending: Vec<u8>,
}

impl Server {
    fn new(creator: i32) -> std::io::Result<Self> {
        // Own session: the terminal's Ctrl-C is for Perl, which may want its tasks to end in order.
        rustix::process::setsid()?;
        nix::sys::prctl::set_child_subreaper(true)?;
        SigSet::all().thread_block()?;
        let children = SignalFd::with_flags(&SigSet::from(Signal::SIGCHLD), SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let creator = Pid::from_raw(creator).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        Ok(Server {
            running: BTreeMap::new(),
            creator,
            children,
            pending: Vec::new(),
        })
    }

    /// Returns when nothing that was started is left.
    fn work(&mut self) -> std::io::Result<()> {
        let result = report(&Report::Ready).and_then(|()| self.serve());
        end_everything();
        result
    }

    fn serve(&mut self) -> std::io::Result<()> {
        loop {
            let (commands, creator_gone) = {
                let stdin = rustix::stdio::stdin();
                let mut watched = vec![PollFd::new(&stdin, PollFlags::IN), PollFd::new(&self.children, PollFlags::IN)];
                watched.extend(self.creator.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
                match poll(&mut watched, -1) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(e) => return Err(e.into()),
                }
                let ready = |index: usize| watched.get(index).is_some_and(|fd| !fd.revents().is_empty());
                (ready(0), ready(2))
            };
            if creator_gone {
                return Ok(());
            }
            while let Ok(Some(_)) = self.children.read_signal() {}
            self.reap()?;
            if commands && !self.take_commands()? {
                return Ok(());
            }
        }
    }

    /// Reads what is there and obeys it. False when the cluster wants an end or is gone.
    fn take_commands(&mut self) -> std::io::Result<bool> {
        let mut piece = [0; 65536];
        let count = match rustix::io::read(rustix::stdio::stdin(), &mut piece) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return Ok(true),
            Err(e) => return Err(e.into()),
        };
        if count == 0 {
            return Ok(false);
        }
        self.pending.extend(piece.iter().take(count));
        while let Some(body) = protocol::split(&mut self.pending)? {
            match Command::decode(&body)? {
                Command::Start { process, program } => match start(&program) {
                    Ok(pid) => {
                        self.running.insert(pid, process);
                        report(&Report::Started {
                            process,
                            pid: pid as u32,
                        })?;
                    }
                    Err(reason) => report(&Report::Failed { process, reason })?,
                },
                Command::Signal { process, signal } => self.signal(process, signal),
                Command::Shutdown => return Ok(false),
            }
        }
        Ok(true)
    }

    fn signal(&self, process: u64, signal: i32) {
        let Ok(signal) = Signal::try_from(signal) else { return };
        if let Some((pid, _)) = self.running.iter().find(|(_, p)| **p == process) {
            processes::signal_tree(*pid, signal);
        }
    }

    /// Waits for every child that has ended: programs, and orphans that came to us.
    fn reap(&mut self) -> std::io::Result<()> {
        loop {
            // Looked at before it is waited for: until then its session's number cannot be another's.
            let ended = match waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
                Ok(status) => match status.pid() {
                    Some(pid) => pid.as_raw(),
                    None => return Ok(()),
                },
                Err(Errno::ECHILD) => return Ok(()),
                Err(Errno::EINTR) => continue,
                // A status that nix cannot name (a real-time signal).
                Err(_) => 0,
            };
            if self.running.contains_key(&ended) {
                processes::signal_tree(ended, Signal::SIGKILL);
            }
            let waited = match Pid::from_raw(ended) {
                Some(pid) => rustix::process::waitpid(Some(pid), WaitOptions::NOHANG)?.map(|status| (pid, status)),
                None => rustix::process::wait(WaitOptions::NOHANG)?,
            };
            let Some((pid, status)) = waited else { return Ok(()) };
            if let Some(process) = self.running.remove(&pid.as_raw_nonzero().get()) {
                report(&Report::Exited {
                    process,
                    status: status.as_raw() as i32,
                })?;
            }
        }
    }
}

/// Runs `program` through this executable's third mode and waits until its exec has succeeded or failed.
fn start(program: &Program) -> Result<i32, String> {
    let mut child = std::process::Command::new(crate::SELF)
        .arg0("mesos-perl-helper")
        .args(["run", &std::process::id().to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("cannot start a process: {e}"))?;
    let mut frame = Vec::new();
    program.put(&mut frame);
    // A child that is gone already has its reason in the other pipe, or none: then there is an exit status.
    let written = child.stdin.take().map(|mut pipe| pipe.write_all(&frame));
    let mut reason = Vec::new();
    let read = child.stdout.take().map(|mut pipe| pipe.read_to_end(&mut reason));
    if reason.is_empty() && matches!((written, read), (Some(Ok(())), Some(Ok(_)))) {
        return Ok(child.id() as i32);
    }
    let _ = child.kill();
    let _ = child.wait();
    match String::from_utf8_lossy(&reason).into_owned() {
        empty if empty.is_empty() => Err("the helper ended before the program started".into()),
        reason => Err(reason),
    }
}

fn report(report: &Report) -> std::io::Result<()> {
    protocol::write(&mut std::io::stdout().lock(), report)
}

/// Kills all descendants, again and again until there are none: orphans become our children when their parents die.
fn end_everything() {
    loop {
        processes::kill_descendants();
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
