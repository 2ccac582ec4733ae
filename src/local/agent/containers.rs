//! Containers: a program with its sandbox, from its start to the end of its process.

use super::checker::Checks;
use super::companions::remember_end;
use super::launch::{check_size, contained_by_a_process, Launch, LaunchError, Mount, Place, PlaceKind, Start};
use super::state::{Container, Kind, Origin, Token};
use super::{cgroups, environment, limits, sandbox, task_volumes, wait_status, Action, Agent, Timer};
use crate::local::events::{status, uuid};
use crate::local::helper_protocol::{not_fetched, Program, Report};
use crate::local::ids;
use crate::local::probe::Seen;
use crate::proto::task_status::{Reason, Source};
use crate::proto::{ExecutorId, TaskState, TaskStatus};
use nix::sys::signal::Signal;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// So much of a URI's name is in that of its file in the cache.
const NAME: usize = 100;

/// A user's folder in the cache. Nobody is called like the one of who has no name.
fn cache_of(user: &str) -> &str {
    match user {
        "" => "-",
        user => user,
    }
}

impl Agent {
    /// Has a program started in a sandbox of its own. What is wrong with that now or later comes as [`not_started`](Self::not_started).
    pub(super) fn start_container(&mut self, start: Start<'_>) -> u64 {
        let process = self.next_process;
        self.next_process += 1;
        let container_id = ids::uuid();
        let agent = self.agent_id().value;
        let place = |container: &str| {
            let place = sandbox::Place {
                agent: &agent,
                framework: start.framework,
                executor: start.executor,
                container,
            };
            sandbox::runs(&self.identity.work_dir, &place)
        };
        let places = match &start.nested {
            None => vec![(place(&container_id), container_id.clone(), PlaceKind::Executor)],
            Some(nested) => vec![
                (place(&nested.container_id), nested.container_id.clone(), PlaceKind::Parent),
                (nested.directory.join("containers"), container_id.clone(), PlaceKind::Nested),
            ],
        };
        let mut places: Vec<Place> = places
            .into_iter()
            .map(|(runs, container, kind)| Place { runs, container, kind })
            .collect();
        let sandbox = places
            .last()
            .map(|place| place.runs.join(&place.container))
            .unwrap_or_default();
        let framework = self.frameworks.get(start.framework);
        let wanted = start.command.user.clone();
        let user = wanted.unwrap_or_else(|| framework.map(|f| f.info.user.clone()).unwrap_or_default());
        let token = ids::secret();
        if start.command.uris.iter().any(|uri| uri.cache()) {
            places.push(Place {
                runs: sandbox::cache(&self.identity.work_dir, &agent),
                container: cache_of(&user).to_string(),
                kind: PlaceKind::Cache,
            });
        }
        let program = match &token {
            Ok(token) => self.program(&start, &container_id, &user, &sandbox, token),
            Err(e) => Err(LaunchError::Container(format!("no randomness for a token: {e}"))),
        };
        let checks = self.checks_of(&start);
        let origin = program.as_ref().ok().filter(|_| !self.identity.simulate).map(|program| {
            Box::new(Origin {
                program: Program {
                    fetches: Vec::new(),
                    // What joins it later does not set it.
                    cgroup: program.cgroup.as_ref().map(cgroups::joined),
                    ..program.clone()
                },
                user: user.clone(),
            })
        });
        let mounts = self.mounts_of(&start);
        let (framework, executor) = (start.framework, start.executor);
        let container = Container {
            token: Token(token.unwrap_or_default()),
            checks,
            memory_limit: program.as_ref().map_or(0, cgroups::memory_limit),
            origin,
            nested: start.nested,
            ..Container::new(framework, executor, container_id, sandbox, start.role, start.kind)
        };
        self.containers.insert(process, container);
        if self.identity.simulate {
            self.simulate(process);
            return process;
        }
        let launch = Box::new(Launch {
            places,
            mounts,
            user,
            program,
        });
        self.actions.push(Action::Start { process, launch });
        process
    }

    /// The persistent volumes that a program is to see from its start on.
    fn mounts_of(&self, start: &Start<'_>) -> Vec<Mount> {
        match &start.kind {
            Kind::Command { task, .. } => {
                let known = self.frameworks.get(start.framework).and_then(|f| f.tasks.get(task));
                known.map_or_else(Vec::new, |known| self.mounts(&known.info.resources))
            }
            Kind::Custom(executor) => self.mounts(&executor.info.resources),
            Kind::Default(_) => Vec::new(),
        }
    }

    /// The checks of a command.
    fn checks_of(&self, start: &Start<'_>) -> Checks {
        let Kind::Command { task, .. } = &start.kind else {
            return Checks::default();
        };
        if self.identity.simulate {
            return Checks::default();
        }
        let known = self.frameworks.get(start.framework).and_then(|f| f.tasks.get(task));
        known.map_or_else(Checks::default, |known| Checks::of(&known.info))
    }

    /// What is to run in `directory`.
    fn program(
        &mut self,
        start: &Start<'_>,
        container_id: &str,
        user: &str,
        directory: &Path,
        token: &str,
    ) -> Result<Program, LaunchError> {
        contained_by_a_process(start.container).map_err(LaunchError::Container)?;
        if environment::has_secret_references(start.command) {
            let reason = "Default secret resolver cannot resolve references".to_string();
            return Err(LaunchError::Container(reason));
        }
        let folder = sandbox::cache(&self.identity.work_dir, &self.agent_id().value).join(cache_of(user));
        let (cache, numbers) = (&mut self.cache, &mut self.next_process);
        let fetches = sandbox::fetches(&start.command.uris, |uri, base| {
            let entry = cache.entry((user.to_string(), uri.to_string()));
            let file = entry.or_insert_with(|| {
                // Never that of an earlier agent in this place.
                *numbers += 1;
                let mut name = OsString::from(format!("c{}-", *numbers));
                name.push(OsStr::from_bytes(base.as_bytes().get(..NAME).unwrap_or(base.as_bytes())));
                folder.join(name)
            });
            file.clone()
        });
        let bytes = directory.as_os_str().as_bytes();
        let fetches = fetches.map_err(|why| LaunchError::Container(not_fetched(bytes, &why)))?;
        let parent = start.nested.as_ref().map(|nested| nested.directory.as_path());
        let volumes = task_volumes::of(start.container, directory, parent).map_err(LaunchError::Container)?;
        let (file, arguments) = environment::command_line(start.command);
        let checkpoint = self.frameworks.get(start.framework).is_some_and(|f| f.checkpoints());
        let program = Program {
            directory: directory.as_os_str().as_bytes().to_vec(),
            stdout: b"stdout".to_vec(),
            stderr: b"stderr".to_vec(),
            file,
            arguments,
            environment: environment::of(&self.identity, &self.agent_id().value, start, checkpoint, directory, token),
            user: None,
            fetches,
            volumes,
            limits: limits::of(start.container).map_err(LaunchError::Container)?,
            cgroup: self.cgroup_of(start, container_id).map_err(LaunchError::Container)?,
        };
        check_size(&program)?;
        Ok(program)
    }

    /// A container that was not even begun. `who` is to know what becomes of its tasks.
    pub fn not_started(&mut self, process: u64, error: LaunchError) {
        let (LaunchError::Directory(reason) | LaunchError::Container(reason) | LaunchError::OnDemand(_, reason)) = &error;
        self.probed(process, Err(reason.clone()));
        self.companion_failed(process, reason);
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let (framework, executor) = (container.framework.clone(), container.executor_id.clone());
        if matches!(container.kind, Kind::Custom(_)) {
            self.executor_failure(&framework, &executor, -1);
        }
        let tasks = self.tasks_of(&framework, process);
        // An end after a kill is said already.
        for task in tasks {
            let (state, reason, message) = match &error {
                LaunchError::Directory(message) => (TaskState::TaskDropped, Reason::ExecutorTerminated, message.clone()),
                LaunchError::Container(message) => {
                    let message = format!("Failed to launch container: {message}");
                    (TaskState::TaskFailed, Reason::ContainerLaunchFailed, message)
                }
                LaunchError::OnDemand(reason, message) => (TaskState::TaskFailed, *reason, message.clone()),
            };
            let state = match (state, self.frameworks.get(&framework)) {
                (TaskState::TaskDropped, Some(framework)) => framework.lost(state),
                _ => state,
            };
            self.agent_update(&framework, &task, &executor, state, reason, message);
        }
        self.end_container(process, TaskState::TaskFailed);
    }

    /// The agent's own word on a task of an executor.
    pub(super) fn agent_update(
        &mut self,
        framework: &str,
        task: &str,
        executor: &str,
        state: TaskState,
        reason: Reason,
        message: String,
    ) {
        let mut update = self.own_status(task, state, reason, message);
        update.executor_id = Some(ExecutorId {
            value: executor.to_string(),
        });
        self.update(framework, update);
    }

    /// A status that the agent itself makes.
    pub(super) fn own_status(&self, task: &str, state: TaskState, reason: Reason, message: String) -> TaskStatus {
        let mut update = status(self.now, task, state, Source::Slave);
        update.reason = Some(reason as i32);
        update.message = Some(message);
        update.uuid = uuid();
        update
    }

    /// A task that the agent cannot start: lost.
    pub(super) fn drop_task(&mut self, framework: &str, task: &str, reason: Reason, message: &str) {
        if let Some(state) = self.frameworks.get(framework).map(|f| f.lost(TaskState::TaskDropped)) {
            let dropped = self.own_status(task, state, reason, message.to_string());
            self.update(framework, dropped);
        }
    }

    pub(super) fn set_process(&mut self, framework: &str, task: &str, process: u64) {
        if let Some(task) = self.frameworks.get_mut(framework).and_then(|f| f.tasks.get_mut(task)) {
            task.process = process;
        }
    }

    /// What the helper said about one of this agent's processes.
    pub fn helper_report(&mut self, report: Report) {
        match report {
            Report::Ready { .. } => {}
            Report::OutOfMemory { process, memory } => {
                if let Some(container) = self.containers.get_mut(&process) {
                    container.exceeded = Some(memory);
                }
            }
            Report::Started { process, .. } | Report::Failed { process, .. } | Report::Exited { process, .. }
                if self.companions.contains_key(&process) =>
            {
                self.companion_report(report);
            }
            Report::Started { process, pid } => self.container_started(process, pid),
            Report::Failed { process, reason } if self.probes.contains_key(&process) => self.probed(process, Err(reason)),
            Report::Exited { process, status } if self.probes.contains_key(&process) => {
                self.probed(process, Ok(Seen::Exit(status)));
            }
            Report::Failed { process, reason } => self.container_failed(process, &reason),
            Report::Exited { process, status } => self.container_exited(process, status),
        }
    }

    /// The helper is gone, and everything that it ran with it.
    pub fn helper_gone(&mut self) {
        let killed = |process: &u64| Report::Exited {
            process: *process,
            status: Signal::SIGKILL as i32,
        };
        let processes = self.companions.keys().chain(self.containers.keys());
        let reports: Vec<Report> = processes.map(killed).collect();
        reports.into_iter().for_each(|report| self.helper_report(report));
    }

    pub(super) fn container_started(&mut self, process: u64, pid: u32) {
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        container.pid = Some(pid);
        if let Kind::Command { .. } = &container.kind {
            self.command_started(process);
        }
    }

    fn container_failed(&mut self, process: u64, reason: &str) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let (framework, executor) = (container.framework.clone(), container.executor_id.clone());
        if matches!(container.kind, Kind::Custom(_)) {
            self.executor_failure(&framework, &executor, -1);
        }
        for task in self.tasks_of(&framework, process) {
            let message = format!("Failed to launch container: {reason}");
            let mut failed = self.own_status(&task, TaskState::TaskFailed, Reason::ContainerLaunchFailed, message);
            self.fill_container(&mut failed, process);
            self.update(&framework, failed);
        }
        self.end_container(process, TaskState::TaskFailed);
    }

    pub(super) fn container_exited(&mut self, process: u64, raw: i32) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        if !matches!(container.kind, Kind::Default(_)) {
            remember_end(&mut self.ends, process, raw);
        }
        let state = match &container.kind {
            Kind::Command { .. } | Kind::Custom(_) if container.exceeded.is_some() => self.memory_exceeded(process, raw),
            Kind::Command { .. } => self.command_exited(process, raw),
            Kind::Custom(_) => {
                self.executor_exited(process, raw);
                TaskState::TaskFinished
            }
            // It ends with its tasks.
            Kind::Default(_) => return,
        };
        self.end_container(process, state);
    }

    pub(super) fn last_words(&mut self, who: String, raw: i32, directory: PathBuf) {
        if self.identity.simulate {
            return;
        }
        let how = wait_status::command_text(raw);
        self.actions.push(Action::LastWords { who, how, directory });
    }

    /// Tasks of a container that have not ended.
    pub(super) fn tasks_of(&self, framework: &str, process: u64) -> Vec<String> {
        let tasks = self.frameworks.get(framework).into_iter().flat_map(|f| &f.tasks);
        tasks
            .filter(|(_, task)| task.process == process && !task.is_terminal())
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// A container is no more. Its task, if it had one of its own, has ended like this.
    fn end_container(&mut self, process: u64, state: TaskState) {
        let nested = self.containers.get(&process).and_then(|container| container.nested.clone());
        self.forget_container(process);
        if let Some(nested) = nested {
            self.nested_ended(&nested, state);
        }
    }

    pub(super) fn forget_container(&mut self, process: u64) {
        self.end_checks(process);
        self.end_companions_of(process);
        let Some(container) = self.containers.remove(&process) else {
            return;
        };
        if let Kind::Custom(executor) = &container.kind {
            if let Some(stream) = &executor.stream {
                self.actions.push(Action::End { stream: stream.id });
            }
        }
        // What is nested goes with the executor's.
        if container.nested.is_none() {
            self.has_ended(&container.framework, &container.executor_id, &container.container_id);
        }
        self.relief();
        self.tidy(&container.framework);
        self.end_if_idle();
    }

    /// SIGKILL to the tree after `wait`, or earlier if that was said before.
    pub(super) fn end_after(&mut self, process: u64, wait: Duration) {
        let deadline = self.now.plus(wait);
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        if container.deadline.map_or(true, |set| deadline < set) {
            container.deadline = Some(deadline);
            self.timers.add(deadline, Timer::Grace { process });
        }
    }

    pub(super) fn grace_is_over(&mut self, process: u64) {
        let now = self.now;
        let over = |container: &Container| container.deadline.is_some_and(|deadline| deadline <= now);
        if self.containers.get(&process).is_some_and(over) {
            self.signal(process, Signal::SIGKILL);
        }
    }

    /// Ends a container in order: its framework is gone, or asked for it.
    pub(super) fn shutdown(&mut self, process: u64) {
        match self.containers.get(&process).map(|container| &container.kind) {
            Some(Kind::Command { .. }) => self.shutdown_command(process),
            Some(Kind::Custom(_)) => self.shutdown_executor(process),
            Some(Kind::Default(_)) => self.shutdown_default_executor(process),
            None => {}
        }
    }
}
