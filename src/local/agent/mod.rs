//! The agent: containers from their sandbox to the end of their process, and command tasks.

mod environment;
pub mod executors;
pub mod helper;
mod last_words;
pub mod orphans;
mod room;
pub mod sandbox;
mod updates;
mod wait_status;

use super::core::{is_terminal, status, uuid, Container, Core, Kind};
use super::helper_protocol::{Program, Report};
use super::resources::Resources;
use super::timers::Timer;
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::task_status::{Reason, Source};
use crate::proto::{container_info, CommandInfo, ContainerInfo, DurationInfo, ExecutorId, KillPolicy, TaskInfo, TaskState};
use nix::sys::signal::Signal;
use sandbox::Place;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

/// Between SIGTERM and SIGKILL, unless a policy says otherwise.
const KILL_GRACE: Duration = Duration::from_secs(3);

/// What a container is started from.
pub struct Start<'a> {
    pub framework: &'a str,
    pub executor: &'a str,
    pub command: &'a CommandInfo,
    /// What it wants to be contained in: more than a process and a sandbox is refused.
    pub container: Option<&'a ContainerInfo>,
    pub role: &'a str,
    pub kind: Kind,
    pub held: Resources,
}

/// Why a container was not started, and so what becomes of its tasks.
pub enum LaunchError {
    /// No sandbox: an agent drops such tasks.
    Directory(String),
    /// Anything else: they fail.
    Container(String),
}

/// What is said where a command has no value: Mesos' executors end with it, and a shell without a command would succeed.
fn unspecified(command: &CommandInfo) -> &'static str {
    match command.shell() {
        true => "Shell command is not specified",
        false => "Executable path is not specified",
    }
}

/// Running on the bare machine what was meant for an image would be worse than not running it.
fn contained_by_a_process(container: Option<&ContainerInfo>) -> Result<(), String> {
    let wanted = match container {
        Some(container) if container.docker.is_some() || container.r#type() == container_info::Type::Docker => "Docker",
        Some(container) if container.mesos.as_ref().is_some_and(|m| m.image.is_some()) => "an image",
        Some(container) if !container.volumes.is_empty() => "volumes",
        _ => return Ok(()),
    };
    Err(format!("the embedded cluster has no containers, and this wants {wanted}"))
}

/// Nanoseconds of the protocol as a duration; negative ones are none.
pub fn duration(info: Option<&DurationInfo>) -> Option<Duration> {
    info.map(|info| Duration::from_nanos(u64::try_from(info.nanoseconds).unwrap_or(0)))
}

fn grace(policy: Option<&KillPolicy>) -> Option<Duration> {
    duration(policy.and_then(|policy| policy.grace_period.as_ref()))
}

impl Core {
    /// Makes the sandbox and has the helper start the command. On an error nothing is left but the sandbox.
    pub fn start_container(&mut self, start: Start<'_>) -> Result<u64, LaunchError> {
        if self.helper.is_gone() {
            let reason = "the helper process of the embedded cluster has ended".to_string();
            return Err(LaunchError::Container(reason));
        }
        let container_id = super::ids::uuid();
        let place = Place {
            agent: &self.identity.agent_id,
            framework: start.framework,
            executor: start.executor,
            container: &container_id,
        };
        let Some(framework) = self.frameworks.get(start.framework) else {
            return Err(LaunchError::Container("the framework is gone".into()));
        };
        // In Mesos' order: first the sandbox with its owner, then what runs in it.
        let no_directory = |reason: String| {
            let directory = sandbox::path(&self.identity.work_dir, &place);
            let directory = directory.display();
            LaunchError::Directory(format!("Failed to create executor directory '{directory}': {reason}"))
        };
        let wanted = start.command.user.as_deref().unwrap_or(&framework.info.user);
        let user = sandbox::user(wanted, self.identity.owner).map_err(no_directory)?;
        let directory =
            sandbox::create(&self.identity.work_dir, &place, user.as_ref()).map_err(|e| no_directory(e.to_string()))?;
        contained_by_a_process(start.container).map_err(LaunchError::Container)?;
        if environment::has_secret_references(start.command) {
            let reason = "Default secret resolver cannot resolve references".to_string();
            return Err(LaunchError::Container(reason));
        }
        let fetches = sandbox::fetches(&start.command.uris).map_err(LaunchError::Container)?;
        let token = super::ids::secret().map_err(|e| LaunchError::Container(format!("no randomness for a token: {e}")))?;
        let process = self.number();
        let (file, arguments) = environment::command_line(start.command);
        let program = Program {
            directory: directory.as_os_str().as_bytes().to_vec(),
            stdout: b"stdout".to_vec(),
            stderr: b"stderr".to_vec(),
            file,
            arguments,
            environment: environment::of(&self.identity, &start, &directory, &token),
            user,
            fetches,
        };
        if program.is_too_large() {
            return Err(LaunchError::Container("Argument list too long".into()));
        }
        let container = Container {
            framework: start.framework.to_string(),
            executor_id: start.executor.to_string(),
            container_id,
            token,
            directory,
            pid: None,
            kind: start.kind,
            role: start.role.to_string(),
            held: start.held,
            deadline: None,
        };
        self.containers.insert(process, container);
        self.helper.start(process, program);
        Ok(process)
    }

    /// Starts a task's own command.
    pub fn launch_command(&mut self, framework: &str, task: TaskInfo, role: &str) {
        let id = task.task_id.value.clone();
        let command = task.command.clone().unwrap_or_default();
        if command.value.is_none() {
            let message = format!("Executor terminated: {}", unspecified(&command));
            return self.executor_terminated(framework, &id, &id, message);
        }
        let kind = Kind::Command {
            task: id.clone(),
            killed: false,
            overdue: false,
        };
        let start = Start {
            framework,
            executor: &id,
            command: &command,
            container: task.container.as_ref(),
            role,
            kind,
            held: Resources::default(),
        };
        match self.start_container(start) {
            Ok(process) => self.set_process(framework, &id, process),
            Err(error) => self.not_launched(framework, &id, &id, error),
        }
    }

    /// The update for a task whose container was not even begun.
    pub fn not_launched(&mut self, framework: &str, task: &str, executor: &str, error: LaunchError) {
        let (precise, reason, message) = match error {
            LaunchError::Directory(message) => (TaskState::TaskDropped, Reason::ExecutorTerminated, message),
            LaunchError::Container(message) => {
                let message = format!("Failed to launch container: {message}");
                (TaskState::TaskFailed, Reason::ContainerLaunchFailed, message)
            }
        };
        let state = match (precise, self.frameworks.get(framework)) {
            (TaskState::TaskDropped, Some(framework)) => framework.lost(precise),
            _ => precise,
        };
        self.agent_update(framework, task, executor, state, reason, message);
    }

    fn executor_terminated(&mut self, framework: &str, task: &str, executor: &str, message: String) {
        let (state, reason) = (TaskState::TaskFailed, Reason::ExecutorTerminated);
        self.agent_update(framework, task, executor, state, reason, message);
    }

    /// The agent's own word on a task.
    pub fn agent_update(
        &mut self,
        framework: &str,
        task: &str,
        executor: &str,
        state: TaskState,
        reason: Reason,
        message: String,
    ) {
        let mut update = status(task, state, Source::Slave);
        update.reason = Some(reason as i32);
        update.message = Some(message);
        update.executor_id = Some(ExecutorId {
            value: executor.to_string(),
        });
        update.uuid = uuid();
        self.update(framework, update);
    }

    pub fn set_process(&mut self, framework: &str, task: &str, process: u64) {
        if let Some(task) = self.frameworks.get_mut(framework).and_then(|f| f.tasks.get_mut(task)) {
            task.process = process;
        }
    }

    /// An update in the name of the command's executor.
    fn command_update(&mut self, framework: &str, task: &str, process: u64, state: TaskState, message: Option<String>) {
        let mut update = status(task, state, Source::Executor);
        update.message = message;
        update.uuid = uuid();
        self.fill_container(&mut update, process);
        self.update(framework, update);
    }

    fn launch_failed(&mut self, framework: &str, task: &str, process: u64, reason: &str) {
        let mut failed = status(task, TaskState::TaskFailed, Source::Slave);
        failed.reason = Some(Reason::ContainerLaunchFailed as i32);
        failed.message = Some(format!("Failed to launch container: {reason}"));
        failed.uuid = uuid();
        self.fill_container(&mut failed, process);
        self.update(framework, failed);
    }

    /// What the helper said about one of its processes.
    pub fn helper_report(&mut self, report: Report) {
        match report {
            Report::Ready { .. } => {}
            Report::Started { process, pid } => self.container_started(process, pid),
            Report::Failed { process, reason } => self.container_failed(process, &reason),
            Report::Exited { process, status } => self.container_exited(process, status),
        }
    }

    /// The helper is gone, and everything that it ran with it.
    pub fn helper_gone(&mut self) {
        self.helper.gone();
        let processes: Vec<u64> = self.containers.keys().copied().collect();
        processes
            .into_iter()
            .for_each(|process| self.container_exited(process, Signal::SIGKILL as i32));
    }

    fn container_started(&mut self, process: u64, pid: u32) {
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        container.pid = Some(pid);
        let Kind::Command { task, killed, .. } = &container.kind else {
            return;
        };
        let (framework, task, killed) = (container.framework.clone(), task.clone(), *killed);
        // What was killed before it ran goes on to its end. STARTING is said only now, when the process id is known.
        if !killed {
            self.command_update(&framework, &task, process, TaskState::TaskStarting, None);
            self.command_update(&framework, &task, process, TaskState::TaskRunning, None);
        }
        let known = self.frameworks.get(&framework).and_then(|f| f.tasks.get(&task));
        if let Some(limit) = known.and_then(|known| duration(known.info.max_completion_time.as_ref())) {
            self.timers.add(limit, Timer::Completion { process });
        }
    }

    fn container_failed(&mut self, process: u64, reason: &str) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let framework = container.framework.clone();
        match &container.kind {
            Kind::Command { task, .. } => {
                let task = task.clone();
                self.launch_failed(&framework, &task, process, reason);
            }
            Kind::Custom(_) => {
                self.executor_failure(&framework, &container.executor_id, -1);
                for task in self.tasks_of(&framework, process) {
                    self.launch_failed(&framework, &task, process, reason);
                }
            }
        }
        self.forget_container(process);
    }

    fn container_exited(&mut self, process: u64, raw: i32) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let framework = container.framework.clone();
        match &container.kind {
            Kind::Command { task, killed, overdue } => {
                let (task, killed, overdue) = (task.clone(), *killed, *overdue);
                if raw != 0 && !killed {
                    last_words::tell_of(&format!("task {task}"), &wait_status::command_text(raw), &container.directory);
                }
                let state = match () {
                    () if killed => TaskState::TaskKilled,
                    () if raw == 0 => TaskState::TaskFinished,
                    () => TaskState::TaskFailed,
                };
                let mut update = status(&task, state, Source::Executor);
                update.message = Some(wait_status::command_text(raw));
                if overdue && !killed {
                    update.state = TaskState::TaskFailed as i32;
                    update.reason = Some(Reason::MaxCompletionTimeReached as i32);
                }
                update.uuid = uuid();
                self.fill_container(&mut update, process);
                self.update(&framework, update);
            }
            Kind::Custom(custom) => {
                let executor = container.executor_id.clone();
                let tasks = self.tasks_of(&framework, process);
                // Not one that was told to end: it was given time, and may have been killed then.
                if raw != 0 && (container.deadline.is_none() || !custom.registered) {
                    let who = match tasks.is_empty() {
                        true => format!("executor {executor}"),
                        false => format!("executor {executor} of task {}", tasks.join(", ")),
                    };
                    last_words::tell_of(&who, &wait_status::command_text(raw), &container.directory);
                }
                self.executor_failure(&framework, &executor, raw);
                for task in tasks {
                    self.executor_terminated(&framework, &task, &executor, "Executor terminated".into());
                }
            }
        }
        self.forget_container(process);
    }

    /// Tasks of a container that have not ended.
    pub fn tasks_of(&self, framework: &str, process: u64) -> Vec<String> {
        let tasks = self.frameworks.get(framework).into_iter().flat_map(|f| &f.tasks);
        tasks
            .filter(|(_, task)| task.process == process && !is_terminal(task.state))
            .map(|(id, _)| id.clone())
            .collect()
    }

    fn forget_container(&mut self, process: u64) {
        let Some(container) = self.containers.remove(&process) else {
            return;
        };
        if let Some(framework) = self.frameworks.get_mut(&container.framework) {
            if framework.executors.get(&container.executor_id) == Some(&process) {
                framework.executors.remove(&container.executor_id);
            }
        }
        self.relief.notify_waiters();
        self.recover(&container.framework, &container.role, &container.held);
        self.allocate_soon();
    }

    /// KILL. An unknown task is answered like a reconciliation.
    pub fn kill(&mut self, framework_id: &str, id: &str, agent: Option<&str>, policy: Option<KillPolicy>) {
        if agent.is_some_and(|agent| agent != self.identity.agent_id)
            && self.frameworks.get(framework_id).is_some_and(|f| f.tasks.contains_key(id))
        {
            return;
        }
        let Some(framework) = self.frameworks.get(framework_id) else {
            return;
        };
        let Some(task) = framework.tasks.get(id) else {
            self.send_status(framework_id, self.reconciled(framework, id, agent));
            return;
        };
        if is_terminal(task.state) {
            return;
        }
        let process = task.process;
        let wait = grace(policy.as_ref())
            .or_else(|| grace(task.info.kill_policy.as_ref()))
            .unwrap_or(KILL_GRACE);
        // Before its process runs, a command is as good as queued: the agent answers, and nothing of it is seen.
        let unborn = self.containers.get(&process).is_some_and(|container| container.pid.is_none());
        match self.containers.get(&process).map(|container| &container.kind) {
            Some(Kind::Command { .. }) if unborn => {
                self.mark_killed(process);
                self.helper.signal(process, Signal::SIGKILL);
                self.killed_before_delivery(framework_id, id, id);
            }
            Some(Kind::Command { .. }) => self.kill_command(process, wait),
            Some(Kind::Custom(_)) => self.kill_in_executor(framework_id, id, process, policy),
            None => self.drop_task(framework_id, id, Reason::ExecutorTerminated, "Cannot find executor"),
        }
    }

    /// Says that a command was killed; whether that is new.
    fn mark_killed(&mut self, process: u64) -> bool {
        match self.containers.get_mut(&process).map(|container| &mut container.kind) {
            Some(Kind::Command { killed, .. }) => !std::mem::replace(killed, true),
            _ => false,
        }
    }

    pub fn killed_before_delivery(&mut self, framework: &str, task: &str, executor: &str) {
        let (state, reason) = (TaskState::TaskKilled, Reason::TaskKilledDuringLaunch);
        let message = "Killed before delivery to the executor".to_string();
        self.agent_update(framework, task, executor, state, reason, message);
    }

    /// SIGTERM to the tree, SIGKILL after `wait`. Said again, it can only become earlier.
    fn kill_command(&mut self, process: u64, wait: Duration) {
        let first = self.mark_killed(process);
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let Kind::Command { task, .. } = &container.kind else {
            return;
        };
        let (framework, task) = (container.framework.clone(), task.clone());
        if first {
            if self
                .frameworks
                .get(&framework)
                .is_some_and(|f| f.has(Capability::TaskKillingState))
            {
                self.command_update(&framework, &task, process, TaskState::TaskKilling, None);
            }
            self.helper.signal(process, Signal::SIGTERM);
        }
        self.end_after(process, wait);
    }

    /// SIGKILL to the tree after `wait`, or earlier if that was said before.
    pub fn end_after(&mut self, process: u64, wait: Duration) {
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        let deadline = Instant::now().checked_add(wait);
        match (container.deadline, deadline) {
            (Some(set), Some(new)) if set <= new => {}
            (_, None) => {}
            (_, Some(new)) => {
                container.deadline = Some(new);
                self.timers.add(wait, Timer::Grace { process });
            }
        }
    }

    pub fn grace_is_over(&mut self, process: u64, now: Instant) {
        if self
            .containers
            .get(&process)
            .is_some_and(|c| c.deadline.is_some_and(|deadline| deadline <= now))
        {
            self.helper.signal(process, Signal::SIGKILL);
        }
    }

    pub fn completion_timeout(&mut self, process: u64) {
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        if let Kind::Command { overdue, .. } = &mut container.kind {
            *overdue = true;
            self.helper.signal(process, Signal::SIGKILL);
        }
    }

    /// Ends a container in order: its framework is gone, or asked for it.
    pub fn shutdown(&mut self, process: u64) {
        match self.containers.get(&process).map(|container| &container.kind) {
            Some(Kind::Command { .. }) => self.kill_command(process, KILL_GRACE),
            Some(Kind::Custom(_)) => self.shutdown_executor(process),
            None => {}
        }
    }
}
