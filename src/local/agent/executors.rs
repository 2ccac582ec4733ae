//! Custom executors: one process for each executor id, tasks queued until it subscribes, and its calls.

use super::environment::SHUTDOWN_GRACE;
use super::{duration, Start};
use crate::local::api::stream::{executor_event, scheduler_event, EventStream, Records, Subscriber};
use crate::local::core::{Container, Core, Executor, Kind};
use crate::local::ids;
use crate::local::resources::Resources;
use crate::local::timers::Timer;
use crate::proto::executor::{call, event, Event};
use crate::proto::scheduler;
use crate::proto::task_status::Reason;
use crate::proto::{ContainerId, ExecutorId, KillPolicy, SlaveInfo, TaskId, TaskInfo, TaskState, TaskStatus};
use hyper::body::Bytes;
use std::time::Duration;

/// An executor must have subscribed by then.
const REGISTRATION_TIMEOUT: Duration = Duration::from_secs(60);

const HEARTBEAT: Duration = Duration::from_secs(30 * 60);

/// An open answer to an executor's SUBSCRIBE.
pub struct Subscribed {
    pub records: Records,
    pub number: u64,
    pub subscriber: Subscriber,
}

fn send_launch(stream: &EventStream, task: TaskInfo) {
    stream.send(&Event {
        launch: Some(event::Launch { task }),
        ..executor_event(event::Type::Launch)
    });
}

/// A message of the framework.
pub fn send_message(stream: &EventStream, data: Bytes) {
    stream.send(&Event {
        message: Some(event::Message { data }),
        ..executor_event(event::Type::Message)
    });
}

impl Core {
    /// Gives a task to its executor, which is started if need be.
    pub fn launch_in_executor(&mut self, framework: &str, mut task: TaskInfo, role: &str) {
        let id = task.task_id.value.clone();
        let Some(info) = task.executor.as_mut() else { return };
        let executor_id = info.executor_id.value.clone();
        let known = self
            .frameworks
            .get(framework)
            .and_then(|f| f.executors.get(&executor_id))
            .copied();
        let process = match known {
            Some(process) => process,
            None => {
                let command = info.command.clone().unwrap_or_default();
                let held = Resources::new(&info.resources);
                let executor = Executor {
                    info: info.clone(),
                    stream: None,
                    registered: false,
                    queued: Vec::new(),
                    had_task: false,
                    terminating: false,
                };
                let kind = Kind::Custom(Box::new(executor));
                let start = Start {
                    framework,
                    executor: &executor_id,
                    command: &command,
                    container: info.container.as_ref(),
                    role,
                    kind,
                    held: held.clone(),
                };
                match self.start_container(start) {
                    Ok(process) => {
                        if let Some(framework) = self.frameworks.get_mut(framework) {
                            framework.executors.insert(executor_id, process);
                        }
                        self.timers.add(REGISTRATION_TIMEOUT, Timer::Registration { process });
                        process
                    }
                    Err(error) => {
                        self.recover(framework, role, &held);
                        self.executor_failure(framework, &executor_id, -1);
                        return self.not_launched(framework, &id, &executor_id, error);
                    }
                }
            }
        };
        let terminating = match self.containers.get_mut(&process).map(|container| &mut container.kind) {
            Some(Kind::Custom(executor)) if !executor.terminating => {
                match executor.stream.as_ref().filter(|_| executor.registered) {
                    Some(stream) => {
                        executor.had_task = true;
                        send_launch(stream, task);
                    }
                    None => executor.queued.push(task),
                }
                let delivered = executor.stream.is_some();
                if let Some(task) = self.frameworks.get_mut(framework).and_then(|f| f.tasks.get_mut(&id)) {
                    task.delivered = delivered;
                }
                false
            }
            _ => true,
        };
        if terminating {
            return self.drop_task(framework, &id, Reason::ExecutorTerminated, "Executor terminating");
        }
        self.set_process(framework, &id, process);
    }

    /// SUBSCRIBE of an executor: the first, or after it lost its stream.
    pub fn executor_subscribe(&mut self, process: u64, subscribe: call::Subscribe) -> Option<Subscribed> {
        let number = self.number();
        let (stream, records, subscriber) = EventStream::open(number, self.relief.clone());
        let subscribed = Some(Subscribed {
            records,
            number,
            subscriber,
        });
        let framework_id = self.containers.get(&process)?.framework.clone();
        let Some(framework_info) = self.frameworks.get(&framework_id).map(|f| f.info.clone()) else {
            stream.send(&executor_event(event::Type::Shutdown));
            return subscribed;
        };
        let slave_info = self.slave_info();
        let container = self.containers.get_mut(&process)?;
        let container_id = Some(ContainerId {
            value: container.container_id.clone(),
            ..Default::default()
        });
        let Kind::Custom(executor) = &mut container.kind else {
            return None;
        };
        if executor.terminating || (!executor.had_task && executor.queued.is_empty()) {
            stream.send(&executor_event(event::Type::Shutdown));
            if !executor.terminating {
                self.shutdown_executor(process);
            }
            return subscribed;
        }
        let executor_info = executor.info.clone();
        let answer = event::Subscribed {
            executor_info,
            framework_info,
            slave_info,
            container_id,
        };
        stream.send(&Event {
            subscribed: Some(answer),
            ..executor_event(event::Type::Subscribed)
        });
        executor.registered = true;
        executor.had_task = true;
        // Dropping a former stream ends it.
        executor.stream = Some(stream);
        let queued = std::mem::take(&mut executor.queued);
        self.timers
            .add(HEARTBEAT, Timer::ExecutorHeartbeat { process, stream: number });

        for update in subscribe.unacknowledged_updates {
            self.executor_update(process, update.status);
        }
        self.lose_undelivered(&framework_id, process, &subscribe.unacknowledged_tasks);
        for task in queued {
            if let Some(known) = self
                .frameworks
                .get_mut(&framework_id)
                .and_then(|f| f.tasks.get_mut(&task.task_id.value))
            {
                known.delivered = true;
            }
            if let Some(Kind::Custom(executor)) = self.containers.get(&process).map(|container| &container.kind) {
                executor.stream.iter().for_each(|stream| send_launch(stream, task.clone()));
            }
        }
        subscribed
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

    fn slave_info(&self) -> SlaveInfo {
        SlaveInfo {
            hostname: self.identity.hostname.clone(),
            port: Some(i32::from(self.identity.address.port())),
            resources: self.identity.total.items().to_vec(),
            attributes: self.identity.attributes.clone(),
            id: Some(self.agent_id()),
            ..Default::default()
        }
    }

    pub fn executor_heartbeat(&mut self, process: u64, stream: u64) {
        let Some(Kind::Custom(executor)) = self.containers.get(&process).map(|container| &container.kind) else {
            return;
        };
        if let Some(live) = executor.stream.as_ref().filter(|live| live.id == stream) {
            live.send(&executor_event(event::Type::Heartbeat));
            self.timers.add(HEARTBEAT, Timer::ExecutorHeartbeat { process, stream });
        }
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
        if task.is_some_and(|task| task.process == process) {
            self.update(&framework, status);
        }
        if let Some(Kind::Custom(executor)) = self.containers.get(&process).map(|container| &container.kind) {
            let acknowledged = Some(event::Acknowledged { task_id, uuid });
            let event = Event {
                acknowledged,
                ..executor_event(event::Type::Acknowledged)
            };
            executor.stream.iter().for_each(|stream| stream.send(&event));
        }
    }

    /// MESSAGE of an executor to its framework: not reliable.
    pub fn message_to_framework(&self, process: u64, data: Bytes) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let message = scheduler::event::Message {
            slave_id: self.agent_id(),
            executor_id: ExecutorId {
                value: container.executor_id.clone(),
            },
            data,
        };
        let kind = scheduler::event::Type::Message;
        self.send(
            &container.framework,
            &scheduler::Event {
                message: Some(message),
                ..scheduler_event(kind)
            },
        );
    }

    /// KILL of a task that an executor has or will have.
    pub fn kill_in_executor(&mut self, framework_id: &str, id: &str, process: u64, kill_policy: Option<KillPolicy>) {
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        let container_executor = container.executor_id.clone();
        let Kind::Custom(executor) = &mut container.kind else { return };
        let before = executor.queued.len();
        executor.queued.retain(|task| task.task_id.value != id);
        if executor.queued.len() == before {
            let kill = Some(event::Kill {
                task_id: TaskId { value: id.to_string() },
                kill_policy,
            });
            executor.stream.iter().for_each(|stream| {
                stream.send(&Event {
                    kill: kill.clone(),
                    ..executor_event(event::Type::Kill)
                });
            });
            return;
        }
        self.killed_before_delivery(framework_id, id, &container_executor);
    }

    /// SHUTDOWN call of the scheduler.
    pub fn shutdown_by_id(&mut self, framework: &str, executor: &str, agent: &str) {
        let process = self
            .frameworks
            .get(framework)
            .and_then(|f| f.executors.get(executor))
            .copied();
        if let Some(process) = process.filter(|_| agent == self.identity.agent_id) {
            self.shutdown_executor(process);
        }
    }

    /// SHUTDOWN event, and SIGKILL to what is left after the grace period; at once for one that never subscribed.
    pub fn shutdown_executor(&mut self, process: u64) {
        let Some(Kind::Custom(executor)) = self.containers.get_mut(&process).map(|container| &mut container.kind) else {
            return;
        };
        executor.terminating = true;
        let wait = match &executor.stream {
            Some(stream) => {
                stream.send(&executor_event(event::Type::Shutdown));
                duration(executor.info.shutdown_grace_period.as_ref()).unwrap_or(SHUTDOWN_GRACE)
            }
            None if executor.registered => SHUTDOWN_GRACE,
            None => Duration::ZERO,
        };
        self.end_after(process, wait);
    }

    pub fn registration_timeout(&mut self, process: u64) {
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        let (framework, executor_id) = (container.framework.clone(), container.executor_id.clone());
        let Kind::Custom(executor) = &mut container.kind else { return };
        if executor.registered || executor.terminating {
            return;
        }
        executor.terminating = true;
        for id in self.tasks_of(&framework, process) {
            let (state, reason) = (TaskState::TaskFailed, Reason::ExecutorRegistrationTimeout);
            let message = "Executor did not register within 1mins".to_string();
            self.agent_update(&framework, &id, &executor_id, state, reason, message);
        }
        self.end_after(process, Duration::ZERO);
    }

    /// FAILURE for an executor whose process ended, with the raw wait status, or -1 when there was none.
    pub fn executor_failure(&self, framework: &str, executor: &str, raw: i32) {
        let failure = scheduler::event::Failure {
            slave_id: Some(self.agent_id()),
            executor_id: Some(ExecutorId {
                value: executor.to_string(),
            }),
            status: Some(raw),
        };
        let kind = scheduler::event::Type::Failure;
        self.send(
            framework,
            &scheduler::Event {
                failure: Some(failure),
                ..scheduler_event(kind)
            },
        );
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
        let owner = |(_, container): &(&u64, &Container)| custom(&container.kind) && ids::is_same_secret(token, &container.token);
        self.containers.iter().find(owner).map(|(process, _)| *process)
    }

    /// Whether an executor has been subscribed once.
    pub fn is_registered(&self, process: u64) -> bool {
        matches!(self.containers.get(&process).map(|c| &c.kind), Some(Kind::Custom(executor)) if executor.registered)
    }
}
