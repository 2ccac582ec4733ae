//! Custom executors: one process for each executor id, tasks queued until it subscribes, and its calls.

use super::launch::{duration, Start};
use super::state::{Container, Executor, Kind};
use super::{Action, Agent, Timer};
use crate::local::events::{executor_event, Stream, FULL};
use crate::local::ids;
use crate::local::messages::ToMaster;
use crate::proto::executor::call::{self, Type};
use crate::proto::executor::{event, Call, Event};
use crate::proto::task_status::Reason;
use crate::proto::{ContainerId, ExecutorInfo, KillPolicy, TaskGroupInfo, TaskId, TaskInfo, TaskState, TaskStatus};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

fn launch_event(task: &TaskInfo) -> Event {
    let task = task.clone();
    Event {
        launch: Some(event::Launch { task }),
        ..executor_event(event::Type::Launch)
    }
}

pub(super) fn launch_group_event(tasks: &[Arc<TaskInfo>]) -> Event {
    let tasks = tasks.iter().map(|task| TaskInfo::clone(task)).collect();
    let task_group = TaskGroupInfo { tasks };
    Event {
        launch_group: Some(event::LaunchGroup { task_group }),
        ..executor_event(event::Type::LaunchGroup)
    }
}

impl Agent {
    pub(super) fn send(&mut self, stream: u64, event: Event) {
        let event = Box::new(event);
        self.actions.push(Action::Send { stream, event });
    }

    /// The executor in a container, if that has one.
    fn executor(&self, process: u64) -> Option<&Executor> {
        match &self.containers.get(&process)?.kind {
            Kind::Custom(executor) => Some(executor),
            Kind::Command { .. } | Kind::Default(_) => None,
        }
    }

    pub(super) fn executor_mut(&mut self, process: u64) -> Option<&mut Executor> {
        match &mut self.containers.get_mut(&process)?.kind {
            Kind::Custom(executor) => Some(executor),
            Kind::Command { .. } | Kind::Default(_) => None,
        }
    }

    /// The stream of an executor that listens.
    fn stream_of(&self, process: u64) -> Option<&Stream> {
        self.executor(process)?.stream.as_ref()
    }

    /// Gives a task to its executor, which is started if need be.
    pub(super) fn launch_in_executor(&mut self, framework: &str, task: Arc<TaskInfo>, role: &str) {
        let id = task.task_id.value.clone();
        let Some(info) = task.executor.clone() else { return };
        let process = self.custom_executor(framework, *info, role);
        self.mount(process, &task.resources);
        let Some(executor) = self.executor_mut(process).filter(|executor| !executor.terminating) else {
            return self.drop_task(framework, &id, Reason::ExecutorTerminated, "Executor terminating");
        };
        let listening = executor.listens();
        match listening {
            Some(stream) => {
                executor.had_task = true;
                self.send(stream, launch_event(&task));
            }
            None => executor.queued.push(task),
        }
        if let Some(task) = self.frameworks.get_mut(framework).and_then(|f| f.tasks.get_mut(&id)) {
            task.delivered = listening.is_some();
        }
        self.set_process(framework, &id, process);
    }

    /// The executor with this id, which is started if need be.
    pub(super) fn custom_executor(&mut self, framework: &str, info: ExecutorInfo, role: &str) -> u64 {
        let executor_id = info.executor_id.value.clone();
        match self.find_executor(framework, &executor_id) {
            Ok(process) => {
                self.limit_container(process);
                process
            }
            Err(_) => {
                let command = info.command.clone().unwrap_or_default();
                let container = info.container.clone();
                let executor = Executor {
                    info,
                    stream: None,
                    registered: false,
                    queued: Vec::new(),
                    queued_groups: Vec::new(),
                    had_task: false,
                    terminating: false,
                    beats: false,
                };
                let process = self.start_container(Start {
                    framework,
                    executor: &executor_id,
                    command: &command,
                    container: container.as_deref(),
                    role,
                    kind: Kind::Custom(Box::new(executor)),
                    nested: None,
                });
                let patience = self.identity.intervals.registration;
                self.timers.after(self.now, patience, Timer::Registration { process });
                process
            }
        }
    }

    /// SUBSCRIBE of an executor on a fresh stream: the first, or after it lost its stream.
    pub fn executor_subscribe(&mut self, process: u64, subscribe: call::Subscribe, stream: Stream) {
        let number = stream.id;
        let Some(container) = self.containers.get(&process) else {
            return self.dismiss(number);
        };
        let container_id = Some(ContainerId {
            value: container.container_id.clone(),
            ..Default::default()
        });
        let framework_id = container.framework.clone();
        let framework = self.frameworks.get(&framework_id).filter(|f| !f.terminating);
        let Some(framework_info) = framework.map(|f| f.info.clone()) else {
            return self.dismiss(number);
        };
        let slave_info = self.slave_info();
        let Some(executor) = self.executor_mut(process) else {
            return self.dismiss(number);
        };
        let has_nothing = !executor.had_task && executor.queued.is_empty() && executor.queued_groups.is_empty();
        if executor.terminating || has_nothing {
            let terminating = executor.terminating;
            self.dismiss(number);
            if !terminating {
                self.shutdown_executor(process);
            }
            return;
        }
        let executor_info = executor.info.clone();
        executor.registered = true;
        executor.had_task = true;
        // A former stream ends.
        let former = executor.stream.replace(stream);
        let queued = std::mem::take(&mut executor.queued);
        let groups = std::mem::take(&mut executor.queued_groups);
        let subscribed = event::Subscribed {
            executor_info,
            framework_info,
            slave_info,
            container_id,
        };
        former
            .into_iter()
            .for_each(|former| self.actions.push(Action::End { stream: former.id }));
        self.send(
            number,
            Event {
                subscribed: Some(subscribed),
                ..executor_event(event::Type::Subscribed)
            },
        );
        let beats = self
            .executor_mut(process)
            .map(|executor| std::mem::replace(&mut executor.beats, true));
        if beats == Some(false) {
            self.beat_later(process);
        }
        for update in subscribe.unacknowledged_updates {
            self.executor_update(process, update.status);
        }
        self.lose_undelivered(&framework_id, process, &subscribe.unacknowledged_tasks);
        let mut delivered = |task: &Arc<TaskInfo>| {
            let framework = self.frameworks.get_mut(&framework_id);
            if let Some(known) = framework.and_then(|f| f.tasks.get_mut(&task.task_id.value)) {
                known.delivered = true;
            }
        };
        queued.iter().chain(groups.iter().flatten()).for_each(&mut delivered);
        queued.iter().for_each(|task| self.send(number, launch_event(task)));
        groups.iter().for_each(|group| self.send(number, launch_group_event(group)));
    }

    /// SHUTDOWN on a stream, which then ends.
    fn dismiss(&mut self, stream: u64) {
        self.send(stream, executor_event(event::Type::Shutdown));
        self.actions.push(Action::End { stream });
    }

    /// Tasks that were sent on a stream that broke, and of which a resubscribing executor knows nothing.
    fn lose_undelivered(&mut self, framework_id: &str, process: u64, known: &[TaskInfo]) {
        let Some(framework) = self.frameworks.get(framework_id) else {
            return;
        };
        let lost: Vec<String> = framework
            .tasks
            .iter()
            .filter(|(_, task)| task.process == process && task.delivered && task.state == TaskState::TaskStaging)
            .filter(|(id, _)| known.iter().all(|one| one.task_id.value != **id))
            .map(|(id, _)| id.clone())
            .collect();
        lost.iter()
            .for_each(|id| self.drop_task(framework_id, id, Reason::SlaveRestarted, "Task launched during agent restart"));
    }

    /// The reader of a stream has gone. The executor itself lives on: only the end of its process counts.
    pub fn stream_closed(&mut self, stream: u64) {
        for container in self.containers.values_mut() {
            if let Kind::Custom(executor) = &mut container.kind {
                if executor.stream.as_ref().is_some_and(|s| s.id == stream) {
                    executor.stream = None;
                }
            }
        }
    }

    pub(super) fn heartbeat(&mut self, process: u64) {
        let Some(stream) = self.stream_of(process).map(|stream| stream.id) else {
            // Until it subscribes again.
            self.executor_mut(process)
                .into_iter()
                .for_each(|executor| executor.beats = false);
            return;
        };
        self.send(stream, executor_event(event::Type::Heartbeat));
        self.beat_later(process);
    }

    fn beat_later(&mut self, process: u64) {
        let interval = self.identity.intervals.executor_heartbeat;
        self.timers.after(self.now, interval, Timer::Heartbeat { process });
    }

    /// UPDATE of an executor: recorded, then acknowledged to it, whoever else has acknowledged.
    pub fn executor_update(&mut self, process: u64, mut status: TaskStatus) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let framework = container.framework.clone();
        let (task_id, uuid) = (status.task_id.clone(), status.uuid.clone().unwrap_or_default());
        self.fill_container(&mut status, process);
        // Another executor's task is none of its business.
        let task = self.frameworks.get(&framework).and_then(|f| f.tasks.get(&task_id.value));
        if task.map_or(true, |task| task.process == process) {
            self.update(&framework, status);
        }
        if let Some(stream) = self.stream_of(process).map(|stream| stream.id) {
            let acknowledged = Some(event::Acknowledged { task_id, uuid });
            self.send(
                stream,
                Event {
                    acknowledged,
                    ..executor_event(event::Type::Acknowledged)
                },
            );
        }
    }

    /// MESSAGE of an executor to its framework: not reliable.
    pub fn message_to_framework(&mut self, process: u64, data: Bytes) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let (framework, executor) = (container.framework.clone(), container.executor_id.clone());
        self.tell_master(ToMaster::Message {
            framework,
            executor,
            data,
        });
    }

    /// A message of the framework: lost unless its executor listens, and reads.
    pub(super) fn message_to_executor(&mut self, framework: &str, executor: &str, data: Bytes) {
        let Ok(process) = self.find_executor(framework, executor) else {
            return;
        };
        let Some(stream) = self.stream_of(process) else { return };
        if stream.is_full() {
            return log::warn!("a message to executor {executor} is dropped: it does not read");
        }
        let stream = stream.id;
        self.send(
            stream,
            Event {
                message: Some(event::Message { data }),
                ..executor_event(event::Type::Message)
            },
        );
    }

    /// KILL of a task that an executor has or will have.
    pub(super) fn kill_in_executor(&mut self, framework_id: &str, id: &str, process: u64, kill_policy: Option<KillPolicy>) {
        let executor_id = self
            .containers
            .get(&process)
            .map(|c| c.executor_id.clone())
            .unwrap_or_default();
        let Some(executor) = self.executor_mut(process) else { return };
        let before = executor.queued.len();
        executor.queued.retain(|task| task.task_id.value != id);
        if executor.queued.len() != before {
            return self.killed_before_delivery(framework_id, id, &executor_id);
        }
        let has_it = |group: &Vec<Arc<TaskInfo>>| group.iter().any(|task| task.task_id.value == id);
        if let Some(index) = executor.queued_groups.iter().position(has_it) {
            for task in executor.queued_groups.remove(index) {
                self.killed_before_delivery(framework_id, &task.task_id.value, &executor_id);
            }
            return;
        }
        if let Some(stream) = executor.stream.as_ref().map(|stream| stream.id) {
            let task_id = TaskId { value: id.to_string() };
            let kill = Some(event::Kill { task_id, kill_policy });
            self.send(
                stream,
                Event {
                    kill,
                    ..executor_event(event::Type::Kill)
                },
            );
        }
    }

    /// SHUTDOWN event, and SIGKILL to what is left after the grace period; at once for one that never subscribed.
    pub(super) fn shutdown_executor(&mut self, process: u64) {
        let grace = self.identity.intervals.shutdown_grace;
        let Some(executor) = self.executor_mut(process) else { return };
        executor.terminating = true;
        let stream = executor.stream.as_ref().map(|stream| stream.id);
        let wait = match stream {
            Some(_) => duration(executor.info.shutdown_grace_period.as_ref()).unwrap_or(grace),
            None if executor.registered => grace,
            None => Duration::ZERO,
        };
        if let Some(stream) = stream {
            self.send(stream, executor_event(event::Type::Shutdown));
        }
        self.end_after(process, wait);
    }

    pub(super) fn registration_timeout(&mut self, process: u64) {
        let Some(executor) = self.executor_mut(process) else { return };
        if executor.registered || executor.terminating {
            return;
        }
        let limit = super::environment::duration_text(self.identity.intervals.registration);
        let message = format!("Executor did not register within {limit}");
        self.give_up_executor(process, Reason::ExecutorRegistrationTimeout, &message);
    }

    /// An executor that was not heard of in time: its tasks have failed, and it is killed.
    pub(super) fn give_up_executor(&mut self, process: u64, reason: Reason, message: &str) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let (framework, executor_id) = (container.framework.clone(), container.executor_id.clone());
        if let Some(executor) = self.executor_mut(process) {
            executor.terminating = true;
        }
        for id in self.tasks_of(&framework, process) {
            let state = TaskState::TaskFailed;
            self.agent_update(&framework, &id, &executor_id, state, reason, message.to_string());
        }
        self.end_after(process, Duration::ZERO);
    }

    /// The process of an executor has ended.
    pub(super) fn executor_exited(&mut self, process: u64, raw: i32) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let (framework, executor) = (container.framework.clone(), container.executor_id.clone());
        let (directory, told_to_end) = (container.directory.clone(), container.deadline.is_some());
        let registered = self.is_registered_executor(process);
        let tasks = self.tasks_of(&framework, process);
        // Not one that was told to end: it was given time, and may have been killed then. One that leaves tasks behind has failed,
        // whatever its status says.
        let failed = raw != 0 || !tasks.is_empty();
        if failed && (!told_to_end || !registered) {
            let who = match tasks.is_empty() {
                true => format!("executor {executor}"),
                false => format!("executor {executor} of task {}", tasks.join(", ")),
            };
            self.last_words(who, raw, directory);
        }
        self.executor_failure(&framework, &executor, raw);
        for task in tasks {
            let (state, reason) = (TaskState::TaskFailed, Reason::ExecutorTerminated);
            self.agent_update(&framework, &task, &executor, state, reason, "Executor terminated".into());
        }
    }

    /// The end of an executor, with the raw wait status, or -1 when there was no process.
    pub(super) fn executor_failure(&mut self, framework: &str, executor: &str, raw: i32) {
        if self.frameworks.get(framework).map_or(true, |f| f.terminating) {
            return;
        }
        self.tell_master(ToMaster::ExecutorExited {
            framework: framework.to_string(),
            executor: executor.to_string(),
            status: raw,
        });
    }

    /// The process of an executor that may call; the errors are in the words of the agent.
    pub fn find_executor(&self, framework: &str, executor: &str) -> Result<u64, &'static str> {
        let running = self.containers.iter().find(|(_, container)| {
            container.framework == framework && container.executor_id == executor && matches!(container.kind, Kind::Custom(_))
        });
        match running {
            Some((process, _)) => Ok(*process),
            None if self.frameworks.contains_key(framework) => Err("Executor cannot be found"),
            None => Err("Framework cannot be found"),
        }
    }

    /// The running executor that `token` belongs to.
    pub fn executor_of_token(&self, token: &[u8]) -> Option<u64> {
        let custom = |kind: &Kind| matches!(kind, Kind::Custom(_));
        let owner =
            |(_, container): &(&u64, &Container)| custom(&container.kind) && ids::is_same_secret(token, &container.token.0);
        self.containers.iter().find(owner).map(|(process, _)| *process)
    }

    /// Whether an executor has been subscribed once.
    pub fn is_registered_executor(&self, process: u64) -> bool {
        self.executor(process).is_some_and(|executor| executor.registered)
    }

    /// Whether a call has to wait, since nobody has room for what it carries. When that may have changed, there is a relief.
    ///
    /// A call that waits is not answered, and its connection not read further: so the executor has to wait, too, as for a slow network.
    pub fn has_no_room_for(&self, process: u64, kind: Type, call: &Call) -> bool {
        let updates: Vec<&TaskStatus> = match kind {
            Type::Update => call.update.iter().map(|update| &update.status).collect(),
            // To come back must not take long, but it must not be a way around either.
            Type::Subscribe => {
                let subscribe = call.subscribe.iter();
                let updates = subscribe.flat_map(|subscribe| &subscribe.unacknowledged_updates);
                updates.map(|update| &update.status).collect()
            }
            Type::Message | Type::Heartbeat | Type::Unknown => return false,
        };
        let Some(framework) = self.frameworks.get(&call.framework_id.value) else {
            return false;
        };
        // An executor that does not read its acknowledgements.
        let deaf = kind == Type::Update && self.stream_of(process).is_some_and(|stream| stream.is_full());
        let many = |status: &&TaskStatus| match framework.tasks.get(&status.task_id.value) {
            Some(task) => task.updates.waiting >= FULL,
            None => framework.late.values().map(|late| late.waiting).sum::<usize>() >= FULL,
        };
        deaf || updates.iter().any(many)
    }
}
