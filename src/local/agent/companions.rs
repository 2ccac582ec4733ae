//! Containers that operators have started in those of tasks and executors: a command that runs beside a task, in its sandbox.

use super::launch::{Launch, Place, PlaceKind};
use super::state::{Companion, Kind, Origin};
use super::{environment, Action, Agent};
use crate::local::helper_protocol::{Program, Report};
use crate::message::text;
use crate::proto::task_status::Reason;
use crate::proto::{CommandInfo, TaskState};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, VecDeque};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// So many ends of containers are remembered, for those who wait for them.
const REMEMBERED_ENDS: usize = 100;

impl Origin {
    /// The same environment and sandbox with another command.
    pub fn runs(&self, command: &CommandInfo) -> Program {
        let mut environment: BTreeMap<Vec<u8>, Vec<u8>> = self.program.environment.iter().cloned().collect();
        environment.extend(environment::given(command));
        let (file, arguments) = environment::command_line(command);
        Program {
            file,
            arguments,
            environment: environment.into_iter().collect(),
            ..self.program.clone()
        }
    }

    /// What starts it beside the program: as the user of the command, or else that of the program.
    pub fn launch(&self, command: &CommandInfo, program: Program, places: Vec<Place>) -> Box<Launch> {
        Box::new(Launch {
            places,
            mounts: Vec::new(),
            user: command.user.clone().unwrap_or_else(|| self.user.clone()),
            program: Ok(program),
        })
    }
}

/// How the start of a container went.
#[derive(Debug, PartialEq, Eq)]
pub enum Started {
    /// As the helper's process with this number.
    Now(u64),
    Already,
}

impl Agent {
    /// The process of the container with this id, which begins with that of the outermost.
    pub fn container_at(&self, id: &[String]) -> Option<u64> {
        let is_it = |container: &super::state::Container| match (&container.nested, id) {
            (None, [own]) => container.container_id == *own,
            (Some(nested), [outer, own]) => nested.container_id == *outer && container.container_id == *own,
            _ => false,
        };
        let found = self.containers.iter().find(|(_, container)| is_it(container));
        found.map(|(process, _)| *process)
    }

    /// The process of the companion with this id.
    pub fn companion_at(&self, id: &[String]) -> Option<u64> {
        let (own, parent) = id.split_last()?;
        let parent = self.container_at(parent)?;
        let found = self
            .companions
            .iter()
            .find(|(_, companion)| companion.parent == parent && companion.id == *own);
        found.map(|(process, _)| *process)
    }

    /// Starts a command in the container with the id above `id`. The error says what is wrong.
    pub fn start_companion(&mut self, id: &[String], command: &CommandInfo, is_session: bool) -> Result<Started, String> {
        let (own, above) = id.split_last().ok_or("Expecting a container id")?;
        let shown = || above.join(".");
        let parent = self.container_at(above);
        let parent = parent.ok_or_else(|| format!("Parent container {} does not exist", shown()))?;
        if self.companion_at(id).is_some() {
            return Ok(Started::Already);
        }
        let container = self.containers.get(&parent);
        let Some((container, origin)) = container.and_then(|container| Some((container, container.origin.as_ref()?))) else {
            return Err(format!("Parent container {} runs no process", shown()));
        };
        let directory = container.directory.join("containers").join(text::to_os(own));
        let mut program = origin.runs(command);
        match is_session {
            // It runs where the task does. Its output is no file of the task's.
            true => {
                let output = |name: &str| {
                    let below = PathBuf::from("containers").join(text::to_os(own)).join(name);
                    below.as_os_str().as_bytes().to_vec()
                };
                (program.stdout, program.stderr) = (output("stdout"), output("stderr"));
            }
            false => {
                program.directory = directory.as_os_str().as_bytes().to_vec();
                program.volumes = Vec::new();
            }
        }
        if program.is_too_large() {
            return Err("Argument list too long".into());
        }
        let place = Place {
            runs: container.directory.join("containers"),
            container: own.clone(),
            kind: PlaceKind::Nested,
        };
        let launch = origin.launch(command, program, vec![place]);
        let process = self.next_process;
        self.next_process += 1;
        let companion = Companion {
            parent,
            id: own.clone(),
            directory,
            pid: None,
            is_session,
            status: None,
        };
        self.companions.insert(process, companion);
        self.actions.push(Action::Start { process, launch });
        Ok(Started::Now(process))
    }

    pub(super) fn companion_report(&mut self, report: Report) {
        match report {
            Report::Started { process, pid } => {
                if let Some(companion) = self.companions.get_mut(&process) {
                    companion.pid = Some(pid);
                }
            }
            Report::Exited { process, status } => self.companion_ended(process, status),
            Report::Failed { process, reason } => self.companion_failed(process, &reason),
            Report::Ready { .. } | Report::OutOfMemory { .. } => {}
        }
    }

    /// It could not be started: as an executor of Mesos' that cannot start its command, it ends with 1.
    pub(super) fn companion_failed(&mut self, process: u64, why: &str) {
        if self.companions.contains_key(&process) {
            log::warn!("a nested container could not be started: {why}");
            self.companion_ended(process, 1 << 8);
        }
    }

    fn companion_ended(&mut self, process: u64, status: i32) {
        if let Some(companion) = self.companions.get_mut(&process) {
            companion.status.get_or_insert(status);
            remember_end(&mut self.ends, process, status);
        }
        // A task can live for long, and have commands beside it all the time.
        let over = |(_, companion): &(&u64, &Companion)| companion.status.is_some();
        if self.companions.iter().filter(over).count() > REMEMBERED_ENDS {
            let oldest = self.companions.iter().find(over).map(|(process, _)| *process);
            oldest.and_then(|process| self.companions.remove(&process));
        }
    }

    /// How the container or companion with this process has ended: with its wait status, if that is known. None while it runs.
    pub fn end_of(&self, process: u64) -> Option<Option<i32>> {
        let known = self.ends.iter().rev().find(|(ended, _)| *ended == process);
        match known {
            Some((_, status)) => Some(Some(*status)),
            None if self.containers.contains_key(&process) || self.companions.contains_key(&process) => None,
            None => Some(None),
        }
    }

    /// Whether there was something to signal.
    pub fn signal_companion(&mut self, process: u64, signal: Signal) -> bool {
        let runs = self
            .companions
            .get(&process)
            .is_some_and(|companion| companion.status.is_none());
        if runs {
            self.actions.push(Action::Signal { process, signal });
        }
        runs
    }

    /// An operator kills the container of a task or executor. A command's executor of Mesos' own would be killed with it: the agent tells.
    pub fn signal_container(&mut self, process: u64, signal: Signal) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        if !ends_a_process(signal) {
            return self.signal(process, signal);
        }
        match &container.kind {
            Kind::Command { .. } => {
                let (framework, executor) = (container.framework.clone(), container.executor_id.clone());
                for task in self.tasks_of(&framework, process) {
                    let (state, reason) = (TaskState::TaskFailed, Reason::ExecutorTerminated);
                    self.agent_update(&framework, &task, &executor, state, reason, "Executor terminated".into());
                }
                self.signal(process, Signal::SIGKILL);
            }
            Kind::Custom(_) => self.signal(process, signal),
            Kind::Default(_) => {
                let children = self.children(process);
                children.into_iter().for_each(|child| self.signal_container(child, signal));
            }
        }
    }

    /// Forgets a companion that has ended.
    pub fn remove_companion(&mut self, process: u64) -> Result<(), &'static str> {
        match self.companions.get(&process) {
            Some(companion) if companion.status.is_none() => Err("Nested container has not terminated yet"),
            _ => {
                self.companions.remove(&process);
                Ok(())
            }
        }
    }

    /// The container that they are in has ended.
    pub(super) fn end_companions_of(&mut self, parent: u64) {
        let inside = self.companions.iter().filter(|(_, companion)| companion.parent == parent);
        let inside: Vec<u64> = inside.map(|(process, _)| *process).collect();
        for process in inside {
            if self.signal_companion(process, Signal::SIGKILL) {
                remember_end(&mut self.ends, process, Signal::SIGKILL as i32);
            }
            self.companions.remove(&process);
        }
    }
}

pub(super) fn remember_end(ends: &mut VecDeque<(u64, i32)>, process: u64, status: i32) {
    ends.push_back((process, status));
    if ends.len() > REMEMBERED_ENDS {
        ends.pop_front();
    }
}

/// Whether a process that does not care about this signal ends by it.
fn ends_a_process(signal: Signal) -> bool {
    use Signal::{SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH};
    ![SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH].contains(&signal)
}
