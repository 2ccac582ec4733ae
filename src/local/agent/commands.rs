//! Tasks that are commands: the agent runs them itself, and says what Mesos' command executor would say.

use super::launch::{contained_by_a_process, duration, unspecified, Start};
use super::state::{Framework, Kind, Task};
use super::{wait_status, Agent, Timer};
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::task_status::Reason;
use crate::proto::{FrameworkInfo, KillPolicy, TaskInfo, TaskState};
use nix::sys::signal::Signal;
use std::sync::Arc;
use std::time::Duration;

/// Between SIGTERM and SIGKILL, unless a policy says otherwise.
const KILL_GRACE: Duration = Duration::from_secs(3);

pub(super) fn grace(policy: Option<&KillPolicy>) -> Option<Duration> {
    duration(policy.and_then(|policy| policy.grace_period.as_ref()))
}

impl Agent {
    /// RUN of the master.
    pub(super) fn run(&mut self, info: FrameworkInfo, role: String, task: Arc<TaskInfo>) {
        let framework_id = info.id.as_ref().map(|id| id.value.clone()).unwrap_or_default();
        let framework = self
            .frameworks
            .entry(framework_id.clone())
            .or_insert_with(|| Framework::new(info));
        if framework.terminating {
            return;
        }
        let known = Task::new(task.clone(), role.clone());
        framework.tasks.insert(task.task_id.value.clone(), known);
        self.forget_stranger(&framework_id, &task.task_id.value);
        if self.drain.is_some() {
            return self.drop_because_of_drain(&framework_id, &task.task_id.value);
        }
        match task.executor.is_some() {
            true => self.launch_in_executor(&framework_id, task, &role),
            false => self.launch_command(&framework_id, &task, &role),
        }
    }

    /// Starts a task's own command.
    fn launch_command(&mut self, framework: &str, task: &TaskInfo, role: &str) {
        let id = task.task_id.value.clone();
        let command = task.command.clone().unwrap_or_default();
        // An image has a command of its own: what is missing then is the container.
        if command.value.is_none() && contained_by_a_process(task.container.as_deref()).is_ok() {
            let message = format!("Executor terminated: {}", unspecified(&command));
            let (state, reason) = (TaskState::TaskFailed, Reason::ExecutorTerminated);
            return self.agent_update(framework, &id, &id, state, reason, message);
        }
        let process = self.start_container(Start {
            framework,
            executor: &id,
            command: &command,
            container: task.container.as_deref(),
            role,
            kind: Kind::command(&id),
            nested: None,
        });
        self.set_process(framework, &id, process);
    }

    /// An update in the name of the command's executor.
    fn command_update(&mut self, framework: &str, task: &str, process: u64, state: TaskState) {
        let update = self.fresh_status(framework, task, process, state);
        self.update(framework, update);
    }

    pub(super) fn command_started(&mut self, process: u64) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let Kind::Command { task, killed, .. } = &container.kind else {
            return;
        };
        let (framework, task, killed) = (container.framework.clone(), task.clone(), *killed);
        // What was killed before it ran goes on to its end. STARTING is said only now, when the process id is known.
        if !killed {
            // That of a group is said already.
            if container.nested.is_none() {
                self.command_update(&framework, &task, process, TaskState::TaskStarting);
            }
            self.command_update(&framework, &task, process, TaskState::TaskRunning);
            self.start_checks(process);
        }
        let known = self.frameworks.get(&framework).and_then(|f| f.tasks.get(&task));
        if let Some(limit) = known.and_then(|known| duration(known.info.max_completion_time.as_ref())) {
            let due = self.now.plus(limit);
            self.timers.add(due, Timer::Completion { process });
            if let Some(container) = self.containers.get_mut(&process) {
                container.completion = Some(due);
            }
        }
    }

    /// Says the task's end, and returns it.
    pub(super) fn command_exited(&mut self, process: u64, raw: i32) -> TaskState {
        let Some(container) = self.containers.get(&process) else {
            return TaskState::TaskFailed;
        };
        let Kind::Command {
            task,
            killed,
            overdue,
            unhealthy,
        } = &container.kind
        else {
            return TaskState::TaskFailed;
        };
        let (framework, task) = (container.framework.clone(), task.clone());
        let is_nested = container.nested.is_some();
        let (killed, overdue, unhealthy) = (*killed, *overdue, *unhealthy);
        let directory = container.directory.clone();
        if raw != 0 && (!killed || overdue) {
            self.last_words(format!("task {task}"), raw, directory);
        }
        let state = match () {
            () if overdue => TaskState::TaskFailed,
            // Mesos' two executors differ.
            () if is_nested && raw == 0 => TaskState::TaskFinished,
            () if killed => TaskState::TaskKilled,
            () if raw == 0 => TaskState::TaskFinished,
            () => TaskState::TaskFailed,
        };
        // The agent may have told of its end already. Then it may be forgotten, or another task has its name.
        let known = self.frameworks.get(&framework).and_then(|f| f.tasks.get(&task));
        if !known.is_some_and(|known| known.process == process && !known.is_terminal()) {
            return state;
        }
        let mut update = self.fresh_status(&framework, &task, process, state);
        update.message = Some(wait_status::command_text(raw));
        update.reason = overdue.then_some(Reason::MaxCompletionTimeReached as i32);
        update.healthy = unhealthy.then_some(false);
        self.update(&framework, update);
        state
    }

    /// KILL of the master.
    pub(super) fn kill(&mut self, framework_id: &str, id: &str, policy: Option<KillPolicy>) {
        let Some(framework) = self.frameworks.get(framework_id) else {
            return;
        };
        let Some(task) = framework.tasks.get(id) else {
            return self.drop_task(framework_id, id, Reason::ExecutorTerminated, "Cannot find executor");
        };
        if task.is_terminal() {
            return;
        }
        let process = task.process;
        let wait = Agent::kill_grace(policy.as_ref(), task.info.kill_policy.as_ref());
        // Before its process runs, a command is as good as queued: the agent answers, and nothing of it is seen.
        let unborn = self.containers.get(&process).is_some_and(|container| container.pid.is_none());
        let is_nested = self
            .containers
            .get(&process)
            .is_some_and(|container| container.nested.is_some());
        match self.containers.get(&process).map(|container| &container.kind) {
            Some(Kind::Command { .. }) if unborn => {
                self.kill_unborn(process);
                // The executor of a group has said already that it has its tasks.
                if !is_nested {
                    self.killed_before_delivery(framework_id, id, id);
                }
            }
            Some(Kind::Command { .. }) => self.kill_command(process, wait),
            Some(Kind::Custom(_)) => self.kill_in_executor(framework_id, id, process, policy),
            Some(Kind::Default(_)) | None => {
                self.drop_task(framework_id, id, Reason::ExecutorTerminated, "Cannot find executor");
            }
        }
    }

    /// How long a task has to end: `policy` is that of the call.
    pub(super) fn kill_grace(policy: Option<&KillPolicy>, of_task: Option<&KillPolicy>) -> Duration {
        grace(policy).or_else(|| grace(of_task)).unwrap_or(KILL_GRACE)
    }

    /// Kills a command whose process does not run yet.
    pub(super) fn kill_unborn(&mut self, process: u64) {
        self.mark_killed(process);
        self.signal(process, Signal::SIGKILL);
    }

    /// Says that a command was killed; whether that is new.
    fn mark_killed(&mut self, process: u64) -> bool {
        match self.containers.get_mut(&process).map(|container| &mut container.kind) {
            Some(Kind::Command { killed, .. }) => !std::mem::replace(killed, true),
            _ => false,
        }
    }

    pub(super) fn killed_before_delivery(&mut self, framework: &str, task: &str, executor: &str) {
        let (state, reason) = (TaskState::TaskKilled, Reason::TaskKilledDuringLaunch);
        let message = "Killed before delivery to the executor".to_string();
        self.agent_update(framework, task, executor, state, reason, message);
    }

    /// SIGTERM to the tree, SIGKILL after `wait`. Said again, it can only become earlier.
    pub(super) fn kill_command(&mut self, process: u64, wait: Duration) {
        let first = self.mark_killed(process);
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let Kind::Command { task, .. } = &container.kind else {
            return;
        };
        let (framework, task) = (container.framework.clone(), task.clone());
        if first {
            self.end_checks(process);
            let known = self.frameworks.get(&framework);
            if known.is_some_and(|f| f.has(Capability::TaskKillingState)) {
                self.command_update(&framework, &task, process, TaskState::TaskKilling);
            }
            self.signal(process, Signal::SIGTERM);
        }
        self.end_after(process, wait);
    }

    /// Its health check has failed too often.
    pub(super) fn kill_unhealthy(&mut self, framework: &str, task: &str, process: u64) {
        if let Some(Kind::Command { unhealthy, .. }) = self.containers.get_mut(&process).map(|c| &mut c.kind) {
            *unhealthy = true;
        }
        let known = self.frameworks.get(framework).and_then(|f| f.tasks.get(task));
        let wait = Agent::kill_grace(None, known.and_then(|known| known.info.kill_policy.as_ref()));
        self.kill_command(process, wait);
    }

    pub(super) fn shutdown_command(&mut self, process: u64) {
        self.kill_command(process, KILL_GRACE);
    }

    /// The task took too long: it is killed without any grace, and has failed.
    pub(super) fn completion_timeout(&mut self, process: u64) {
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        if let Kind::Command { overdue, killed, .. } = &mut container.kind {
            if !*killed {
                *overdue = true;
                self.kill_command(process, Duration::ZERO);
            }
        }
    }
}
