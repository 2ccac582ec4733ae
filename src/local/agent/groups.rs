//! Task groups. The agent is itself what Mesos' default executor is: each task of a group is a command in a sandbox below the executor's,
//! one that fails or is killed takes the rest of its group with it, and the executor ends with its last task.
//!
//! A group may also be for a custom executor, which then gets it as a whole.

use super::executors::launch_group_event;
use super::launch::{contained_by_a_process, Start};
use super::state::{Container, DefaultExecutor, Framework, Kind, Nested, Task};
use super::{sandbox, Agent};
use crate::local::ids;
use crate::proto::executor_info::Type as ExecutorType;
use crate::proto::task_status::Reason;
use crate::proto::{ExecutorInfo, FrameworkInfo, TaskInfo, TaskState};
use std::sync::Arc;

impl Agent {
    /// RUN of a group of tasks, all of which have `executor` as theirs.
    pub(super) fn run_group(&mut self, info: FrameworkInfo, role: &str, executor: ExecutorInfo, tasks: Vec<Arc<TaskInfo>>) {
        let id = info.id.as_ref().map(|id| id.value.clone()).unwrap_or_default();
        let framework = self.frameworks.entry(id.clone()).or_insert_with(|| Framework::new(info));
        if framework.terminating {
            return;
        }
        for task in &tasks {
            let known = Task::new(task.clone(), role.to_string());
            framework.tasks.insert(task.task_id.value.clone(), known);
        }
        for task in &tasks {
            self.forget_stranger(&id, &task.task_id.value);
        }
        if self.drain.is_some() {
            return tasks
                .iter()
                .for_each(|task| self.drop_because_of_drain(&id, &task.task_id.value));
        }
        match executor.r#type() {
            ExecutorType::Default => self.launch_in_default_executor(&id, role, executor, tasks),
            _ => self.launch_group_in_executor(&id, role, executor, tasks),
        }
    }

    fn launch_in_default_executor(&mut self, framework: &str, role: &str, info: ExecutorInfo, tasks: Vec<Arc<TaskInfo>>) {
        let executor_id = info.executor_id.value.clone();
        let refused = info.container.clone().filter(|it| contained_by_a_process(Some(it)).is_err());
        let parent = self.default_executor(framework, &executor_id).unwrap_or_else(|| {
            let executor = DefaultExecutor {
                info,
                terminating: false,
            };
            self.add_default_executor(framework, role, executor)
        });
        let terminating = |container: &Container| matches!(&container.kind, Kind::Default(executor) if executor.terminating);
        if self.containers.get(&parent).map_or(true, terminating) {
            for task in tasks {
                let id = &task.task_id.value;
                self.drop_task(framework, id, Reason::ExecutorTerminated, "Executor terminating");
            }
            return;
        }
        self.numbers += 1;
        let group = self.numbers;
        let nested = tasks.into_iter().map(|task| {
            let nested = self.nested(parent, group);
            (task, nested)
        });
        let nested: Vec<(Arc<TaskInfo>, Nested)> = nested.collect();
        // All of them are known before one of them can fail.
        for (task, nested) in nested {
            let id = task.task_id.value.clone();
            let command = task.command.clone().unwrap_or_default();
            let process = self.start_container(Start {
                framework,
                executor: &executor_id,
                command: &command,
                container: refused.as_deref().or(task.container.as_deref()),
                role,
                kind: Kind::command(&id),
                nested: Some(nested),
            });
            self.set_process(framework, &id, process);
            let starting = self.fresh_status(framework, &id, process, TaskState::TaskStarting);
            self.update(framework, starting);
        }
    }

    /// The process number of a default executor that is there.
    pub(super) fn default_executor(&self, framework: &str, executor: &str) -> Option<u64> {
        let is_it = |container: &Container| {
            container.framework == framework && container.executor_id == executor && matches!(container.kind, Kind::Default(_))
        };
        let mut found = self.containers.iter().filter(|(_, container)| is_it(container));
        found.next().map(|(process, _)| *process)
    }

    fn add_default_executor(&mut self, framework: &str, role: &str, executor: DefaultExecutor) -> u64 {
        let process = self.next_process;
        self.next_process += 1;
        let (executor_id, container_id) = (executor.info.executor_id.value.clone(), ids::uuid());
        let agent = self.agent_id().value;
        let directory = sandbox::path(
            &self.identity.work_dir,
            &sandbox::Place {
                agent: &agent,
                framework,
                executor: &executor_id,
                container: &container_id,
            },
        );
        let container = Container::new(
            framework,
            &executor_id,
            container_id,
            directory,
            role,
            Kind::Default(Box::new(executor)),
        );
        self.containers.insert(process, container);
        process
    }

    fn nested(&self, parent: u64, group: u64) -> Nested {
        let known = self.containers.get(&parent);
        Nested {
            parent,
            group,
            container_id: known.map(|known| known.container_id.clone()).unwrap_or_default(),
            directory: known.map(|known| known.directory.clone()).unwrap_or_default(),
        }
    }

    /// A nested command has ended like this: perhaps the others of its group have to, and perhaps the executor does.
    pub(super) fn nested_ended(&mut self, nested: &Nested, state: TaskState) {
        let is_other = |container: &Container| {
            let other = container.nested.as_ref();
            other.is_some_and(|other| other.parent == nested.parent && other.group == nested.group)
        };
        let terminating = match self.containers.get(&nested.parent).map(|container| &container.kind) {
            Some(Kind::Default(executor)) => executor.terminating,
            _ => return,
        };
        if state != TaskState::TaskFinished && !terminating {
            let others = self.containers.iter().filter(|(_, container)| is_other(container));
            for other in others.map(|(process, _)| *process).collect::<Vec<_>>() {
                self.kill_nested(other);
            }
        }
        self.end_default_executor_if_idle(nested.parent);
    }

    /// The containers in that of a default executor.
    pub(super) fn children(&self, parent: u64) -> Vec<u64> {
        let is_child = |container: &Container| container.nested.as_ref().is_some_and(|nested| nested.parent == parent);
        let children = self.containers.iter().filter(|(_, container)| is_child(container));
        children.map(|(process, _)| *process).collect()
    }

    /// The last task of a default executor takes it along.
    fn end_default_executor_if_idle(&mut self, parent: u64) {
        if !self.children(parent).is_empty() {
            return;
        }
        if let Some(container) = self.containers.get(&parent) {
            let (framework, executor) = (container.framework.clone(), container.executor_id.clone());
            self.executor_failure(&framework, &executor, 0);
            self.forget_container(parent);
        }
    }

    /// TERM, and KILL after its grace period; at once for one that does not run yet.
    fn kill_nested(&mut self, process: u64) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let Kind::Command { task, .. } = &container.kind else { return };
        let known = self.frameworks.get(&container.framework).and_then(|f| f.tasks.get(task));
        let wait = Agent::kill_grace(None, known.and_then(|known| known.info.kill_policy.as_ref()));
        match container.pid {
            Some(_) => self.kill_command(process, wait),
            None => self.kill_unborn(process),
        }
    }

    /// SHUTDOWN of a default executor: its tasks are killed, within the grace period of the executor.
    pub(super) fn shutdown_default_executor(&mut self, process: u64) {
        let usual = self.identity.intervals.shutdown_grace;
        let Some(Kind::Default(executor)) = self.containers.get_mut(&process).map(|container| &mut container.kind) else {
            return;
        };
        executor.terminating = true;
        let grace = super::launch::duration(executor.info.shutdown_grace_period.as_ref()).unwrap_or(usual);
        for child in self.children(process) {
            self.kill_nested(child);
            self.end_after(child, grace);
        }
        self.end_default_executor_if_idle(process);
    }

    /// A group for a custom executor, which is started if need be.
    fn launch_group_in_executor(&mut self, framework: &str, role: &str, info: ExecutorInfo, tasks: Vec<Arc<TaskInfo>>) {
        let process = self.custom_executor(framework, info, role);
        tasks.iter().for_each(|task| self.mount(process, &task.resources));
        let ids: Vec<String> = tasks.iter().map(|task| task.task_id.value.clone()).collect();
        let Some(executor) = self.executor_mut(process).filter(|executor| !executor.terminating) else {
            for id in ids {
                self.drop_task(framework, &id, Reason::ExecutorTerminated, "Executor terminating");
            }
            return;
        };
        let listening = executor.listens();
        match listening {
            Some(stream) => {
                executor.had_task = true;
                self.send(stream, launch_group_event(&tasks));
            }
            None => executor.queued_groups.push(tasks),
        }
        for id in ids {
            if let Some(task) = self.frameworks.get_mut(framework).and_then(|f| f.tasks.get_mut(&id)) {
                task.delivered = listening.is_some();
            }
            self.set_process(framework, &id, process);
        }
    }
}
