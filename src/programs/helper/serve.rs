//! The third stage: starts programs, waits for them, signals them, and takes everything with it when it ends.
//!
//! Single-threaded. It is the subreaper of all that it starts, so a daemonised grandchild comes back to it when its parents are
//! gone. It ends when it is told to, when the pipe ends, when the guard is gone, or when the
//! creator is (a fork of the creator may hold the pipe open).

use super::cgroups::Cgroups;
use super::leavings::Leavings;
use super::{processes, run};
use crate::local::helper_protocol::{self as protocol, Command, Frame, Program, Report};
use crate::programs::system::{Primitives, FAILURE, SUCCESS};
use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{waitid, Id, WaitPidFlag};
use rustix::event::{poll, PollFd, PollFlags};
use rustix::fd::OwnedFd;
use rustix::process::{pidfd_open, Pid, PidfdFlags, WaitOptions};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

/// `creator` is alive for sure until `Ready` has been written: the cluster waits for that.
pub fn serve(creator: i32, leavings: &Leavings, primitives: Primitives) -> u8 {
    let guard = nix::unistd::getppid();
    let worked = Server::new(creator, guard, primitives).and_then(|mut server| server.work());
    leavings.remove();
    // Else it would stay, stopped by a task.
    if nix::unistd::getppid() == guard {
        let _ = nix::sys::signal::kill(guard, Signal::SIGCONT);
    }
    match worked {
        Ok(()) => SUCCESS,
        Err(_) => FAILURE,
    }
}

struct Server {
    /// Running programs: the cluster's name of each by process id.
    running: BTreeMap<i32, u64>,
    /// The pipe of each that is on its way to its exec. What it says is why it failed; it ends with the exec.
    starting: BTreeMap<i32, Starting>,
    cgroups: Cgroups,
    guard: nix::unistd::Pid,
    /// Readable when the creator is gone; absent on kernels before 5.3.
    creator: Option<OwnedFd>,
    /// Readable when a child changed its state, or the guard died.
    signals: SignalFd,
    /// Bytes of commands that are not complete yet.
    pending: Vec<u8>,
    primitives: Primitives,
}

struct Starting {
    process: u64,
    pipe: OwnedFd,
    reason: Vec<u8>,
}

/// Milliseconds between two looks at a cgroup that is not empty yet.
const LOOK_AGAIN: i32 = 20;

/// What the kernel sends when the guard dies.
const GUARD_DIED: Signal = Signal::SIGUSR1;

impl Server {
    fn new(creator: i32, guard: nix::unistd::Pid, primitives: Primitives) -> std::io::Result<Self> {
        nix::sys::prctl::set_child_subreaper(true)?;
        SigSet::all().thread_block()?;
        // The loop looks whether it has died already.
        nix::sys::prctl::set_pdeathsig(GUARD_DIED)?;
        let mut watched = SigSet::from(Signal::SIGCHLD);
        watched.add(GUARD_DIED);
        let signals = SignalFd::with_flags(&watched, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let creator = Pid::from_raw(creator).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        Ok(Server {
            running: BTreeMap::new(),
            starting: BTreeMap::new(),
            cgroups: Cgroups::default(),
            guard,
            creator,
            signals,
            pending: Vec::new(),
            primitives,
        })
    }

    /// Returns when nothing that was started is left.
    fn work(&mut self) -> std::io::Result<()> {
        let ready = Report::Ready {
            server: std::process::id(),
            guard: self.guard.as_raw() as u32,
        };
        let result = report(&ready).and_then(|()| self.serve());
        processes::end_all_descendants();
        result
    }

    fn serve(&mut self) -> std::io::Result<()> {
        loop {
            if nix::unistd::getppid() != self.guard {
                return Ok(());
            }
            // What is to leave a cgroup need not be a child of ours, whose end we hear of.
            let patience = if self.cgroups.tidy() { -1 } else { LOOK_AGAIN };
            let (commands, creator_gone, talking) = {
                let stdin = rustix::stdio::stdin();
                let mut watched = vec![PollFd::new(&stdin, PollFlags::IN), PollFd::new(&self.signals, PollFlags::IN)];
                watched.extend(self.starting.values().map(|one| PollFd::new(&one.pipe, PollFlags::IN)));
                let creator = watched.len();
                watched.extend(self.creator.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
                match poll(&mut watched, patience) {
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(e) => return Err(e.into()),
                }
                let ready = |index: usize| watched.get(index).is_some_and(|fd| !fd.revents().is_empty());
                let talking = self.starting.keys().enumerate().filter(|(index, _)| ready(2 + index));
                let talking: Vec<i32> = talking.map(|(_, pid)| *pid).collect();
                (ready(0), ready(creator), talking)
            };
            if creator_gone {
                return Ok(());
            }
            talking.into_iter().try_for_each(|pid| self.listen(pid))?;
            while let Ok(Some(_)) = self.signals.read_signal() {}
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
                Command::Start { process, program } => self.start(process, &program)?,
                Command::Limit(cgroup) => self.cgroups.set(&cgroup),
                Command::Signal { process, signal } => self.signal(process, signal),
                Command::Shutdown => return Ok(false),
            }
        }
        Ok(true)
    }

    fn start(&mut self, process: u64, program: &Program) -> std::io::Result<()> {
        let prepared = program.cgroup.iter().try_for_each(|cgroup| self.cgroups.prepare(cgroup));
        let started = prepared.and_then(|()| start(program, self.primitives));
        if let Some(cgroup) = &program.cgroup {
            let pid = started.as_ref().ok().map(|(pid, _)| *pid);
            self.cgroups.started(cgroup, pid);
        }
        let (pid, pipe) = match started {
            Ok(started) => started,
            Err(reason) => return report(&Report::Failed { process, reason }),
        };
        let starting = Starting {
            process,
            pipe,
            reason: Vec::new(),
        };
        self.running.insert(pid, process);
        self.starting.insert(pid, starting);
        Ok(())
    }

    /// Hears what a starting program says, and reports it when that is all.
    fn listen(&mut self, pid: i32) -> std::io::Result<()> {
        let Some(starting) = self.starting.get_mut(&pid) else {
            return Ok(());
        };
        let mut piece = [0; 4096];
        loop {
            match rustix::io::read(&starting.pipe, &mut piece) {
                Ok(0) => break,
                Ok(count) => starting.reason.extend(piece.iter().take(count)),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(()),
                Err(_) => break,
            }
        }
        let Some(Starting { process, reason, .. }) = self.starting.remove(&pid) else {
            return Ok(());
        };
        if reason.is_empty() {
            let pid = pid as u32;
            return report(&Report::Started { process, pid });
        }
        // It ends by itself, and no `Exited` follows.
        self.running.remove(&pid);
        let reason = String::from_utf8_lossy(&reason).into_owned();
        report(&Report::Failed { process, reason })
    }

    fn signal(&self, process: u64, signal: i32) {
        let Ok(signal) = Signal::try_from(signal) else { return };
        if let Some((pid, _)) = self.running.iter().find(|(_, p)| **p == process) {
            if signal == Signal::SIGKILL {
                self.cgroups.kill(*pid);
            }
            processes::signal_tree(*pid, signal);
        }
    }

    /// A child has ended: what there is to say of its cgroup, and the end of what it has left there.
    fn ends(&self, pid: i32) -> std::io::Result<()> {
        if let Some((process, memory)) = self.running.get(&pid).zip(self.cgroups.exceeded(pid)) {
            let process = *process;
            report(&Report::OutOfMemory { process, memory })?;
        }
        self.cgroups.kill(pid);
        Ok(())
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
            // Its end of the pipe is closed, so this is all.
            self.listen(ended)?;
            self.ends(ended)?;
            // Whatever it has left behind is a child of ours by now.
            if self.running.contains_key(&ended) && processes::has_children_but(|pid| self.running.contains_key(&pid)) {
                processes::kill_rest(ended);
            }
            let waited = match Pid::from_raw(ended) {
                Some(pid) => rustix::process::waitpid(Some(pid), WaitOptions::NOHANG)?.map(|status| (pid, status)),
                None => rustix::process::wait(WaitOptions::NOHANG)?,
            };
            let Some((pid, status)) = waited else { return Ok(()) };
            self.cgroups.ended(pid.as_raw_nonzero().get());
            if let Some(process) = self.running.remove(&pid.as_raw_nonzero().get()) {
                report(&Report::Exited {
                    process,
                    status: status.as_raw() as i32,
                })?;
            }
        }
    }
}

/// Starts `program`. Nothing of what that takes is waited for.
fn start(program: &Program, primitives: Primitives) -> Result<(i32, OwnedFd), String> {
    match program.fetches.is_empty() {
        true => fork(program, primitives).map_err(|e| format!("cannot start a process: {e}")),
        false => through_this_executable(program),
    }
}

/// In a fork of this process: most programs take less time than an executable of our size takes to start.
fn fork(program: &Program, primitives: Primitives) -> std::io::Result<(i32, OwnedFd)> {
    let (pipe, answer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&pipe, true)?;
    let parent = std::process::id() as i32;
    let pid = (primitives.fork)(Box::new(move || {
        let reason = run::why_not(run::become_program(program, parent));
        let _ = File::from(answer).write_all(reason.as_bytes());
        1
    }))?;
    Ok((pid, pipe))
}

/// Through this executable's last mode, which fetches files first: that can take long, and works with what strangers have made.
fn through_this_executable(program: &Program) -> Result<(i32, OwnedFd), String> {
    let mut child = std::process::Command::new(processes::SELF)
        .arg0(processes::NAME)
        .args(["run", &std::process::id().to_string()])
        .env_clear()
        .stdin(for_reading(program).map_err(|e| format!("cannot hand over the program: {e}"))?)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("cannot start a process: {e}"))?;
    let pipe = child.stdout.take().map(OwnedFd::from);
    match pipe.and_then(|pipe| rustix::io::ioctl_fionbio(&pipe, true).ok().map(|()| pipe)) {
        Some(pipe) => Ok((child.id() as i32, pipe)),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            Err("cannot watch the new process".into())
        }
    }
}

/// The encoded program as a file in memory: a pipe would have to be filled while a reader, whom a task can stop, empties it.
fn for_reading(program: &Program) -> std::io::Result<File> {
    let mut frame = Vec::new();
    program.put(&mut frame);
    let mut file = File::from(rustix::fs::memfd_create("program", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(&frame)?;
    file.rewind()?;
    Ok(file)
}

fn report(report: &Report) -> std::io::Result<()> {
    protocol::write(&mut std::io::stdout().lock(), report)
}
