//! The cluster's end of the helper's pipes.

use crate::descriptors::moved;
use crate::local::helper_protocol::{self as protocol, Cgroup, Command, Frame, Program, Report};
use rustix::process::{pidfd_open, pidfd_send_signal, Pid, PidfdFlags, Signal};
use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};

/// The pipes to a helper that has said that it is ready.
pub struct Pipes {
    commands: OwnedFd,
    reports: OwnedFd,
    processes: Processes,
}

/// The helper's processes, which are nobody's that take their numbers later. None on kernels before 5.3.
pub struct Processes(Vec<OwnedFd>);

impl Processes {
    fn of(pids: [u32; 2]) -> Self {
        let pids = pids.into_iter().filter_map(|pid| Pid::from_raw(pid as i32));
        Processes(pids.filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()).collect())
    }

    /// Tasks of their user can stop them. This makes them go on.
    pub fn wake(&self) {
        for process in &self.0 {
            let _ = pidfd_send_signal(process, Signal::Cont);
        }
    }
}

/// Starts the helper, without leaving a child to this process: the first stage is waited for here.
///
/// It prepares `work_dir`. `private` is a directory that the helper removes at its end, `cgroup` the cluster's place among the cgroups,
/// which goes likewise.
pub fn launch(executable: &Path, work_dir: &Path, private: Option<&Path>, cgroup: Option<&Path>) -> io::Result<Pipes> {
    let mut child = std::process::Command::new(executable)
        .arg0("mesos-perl-helper")
        .args(["start", &std::process::id().to_string()])
        .arg(work_dir)
        .args([private, cgroup].map(|path| path.unwrap_or(Path::new(""))))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let pipes = child.stdin.take().zip(child.stdout.take());
    // Where SIGCHLD is ignored there is nothing to wait for any more.
    match child.wait() {
        Ok(status) if !status.success() => return Err(io::Error::other("the helper could not start")),
        _ => {}
    }
    let (commands, mut reports) = pipes.ok_or(io::ErrorKind::BrokenPipe)?;
    match protocol::read(&mut reports)? {
        Some(Report::Ready { server, guard }) => Ok(Pipes {
            processes: Processes::of([server, guard]),
            commands: moved(commands.into())?,
            reports: moved(reports.into())?,
        }),
        _ => Err(io::Error::other(
            "the helper ended at once; is it of the same version as the module, and may this user start two more processes (ulimit -u)?",
        )),
    }
}

/// Queues commands. They are obeyed in order.
pub struct Helper {
    commands: Option<UnboundedSender<Vec<u8>>>,
    /// It was told to end.
    dismissed: Cell<bool>,
}

impl Helper {
    pub fn new() -> (Helper, UnboundedReceiver<Vec<u8>>) {
        let (sender, receiver) = unbounded_channel();
        let helper = Helper {
            commands: Some(sender),
            dismissed: Cell::new(false),
        };
        (helper, receiver)
    }

    fn send(&self, command: &Command) {
        if let Some(commands) = &self.commands {
            let _ = commands.send(command.encode());
        }
    }

    pub fn start(&self, process: u64, program: Program) {
        let program = Box::new(program);
        self.send(&Command::Start { process, program });
    }

    /// To the process and all that belongs to it.
    pub fn signal(&self, process: u64, signal: nix::sys::signal::Signal) {
        self.send(&Command::Signal {
            process,
            signal: signal as i32,
        });
    }

    /// What a cgroup is to say from now on.
    pub fn limit(&self, cgroup: Cgroup) {
        self.send(&Command::Limit(cgroup));
    }

    /// Kills everything.
    pub fn shutdown(&self) {
        self.dismissed.set(true);
        self.send(&Command::Shutdown);
    }

    /// It is not there any more: nothing can be started.
    pub fn gone(&mut self) {
        self.commands = None;
    }

    pub fn is_dismissed(&self) -> bool {
        self.dismissed.get()
    }

    pub fn is_gone(&self) -> bool {
        self.commands.is_none()
    }
}

/// Writes queued commands until the queue or the pipe ends.
pub async fn write_commands(pipe: OwnedFd, mut commands: UnboundedReceiver<Vec<u8>>) -> io::Result<()> {
    let mut pipe = pipe::Sender::from_owned_fd(pipe)?;
    while let Some(frame) = commands.recv().await {
        pipe.write_all(&frame).await?;
    }
    Ok(())
}

/// Hands every report to `take` until the pipe ends, which it does when the helper has.
pub async fn read_reports(pipe: OwnedFd, mut take: impl FnMut(Report)) -> io::Result<()> {
    let mut pipe = pipe::Receiver::from_owned_fd(pipe)?;
    let mut buffer = Vec::new();
    while pipe.read_buf(&mut buffer).await? > 0 {
        while let Some(body) = protocol::split(&mut buffer)? {
            take(Report::decode(&body)?);
        }
    }
    Ok(())
}

impl Pipes {
    /// The pipe for commands, the one for reports, and who is at their other ends.
    pub fn split(self) -> (OwnedFd, OwnedFd, Processes) {
        (self.commands, self.reports, self.processes)
    }
}
