//! The cgroups of containers, as tasks come and go, and what becomes of a container that uses too much memory.

use super::cgroups::{exceeded_text, megabytes, Share, OVERHEAD};
use super::launch::Start;
use super::state::{Kind, Task};
use super::{Action, Agent};
use crate::local::helper_protocol::Cgroup;
use crate::proto::task_status::Reason;
use crate::proto::{ExecutorId, TaskResourceLimitation, TaskState};
use crate::resources::Resources;

impl Agent {
    /// What an executor has itself: `kind` is that of its container.
    fn own_share(kind: &Kind) -> (f64, f64) {
        match kind.executor() {
            None => OVERHEAD,
            Some(info) => {
                let resources = Resources::new(&info.resources);
                (resources.scalar("cpus"), resources.scalar("mem"))
            }
        }
    }

    /// The tasks of an executor, or the one that is its own, which have not ended.
    pub(super) fn live_tasks<'a>(&'a self, framework: &str, executor: &'a str) -> impl Iterator<Item = &'a Task> {
        let known = self.frameworks.get(framework).into_iter().flat_map(|f| f.tasks.values());
        let belongs = move |task: &&Task| match &task.info.executor {
            Some(info) => info.executor_id.value == executor,
            None => task.info.task_id.value == executor,
        };
        known.filter(belongs).filter(|task| !task.is_terminal())
    }

    fn share(&self, framework: &str, executor: &str, own: (f64, f64), cfs: bool) -> Share {
        let tasks = self.live_tasks(framework, executor);
        Share::of(own, tasks.map(|task| &*task.info), cfs)
    }

    /// The container that a task is in: that of its executor, also if the task has one of its own within that.
    pub(super) fn container_around(&self, framework: &str, task: &str) -> Option<u64> {
        let process = self.frameworks.get(framework)?.tasks.get(task)?.process;
        let nested = self.containers.get(&process).and_then(|container| container.nested.as_ref());
        Some(nested.map_or(process, |nested| nested.parent))
    }

    /// The cgroup of what is to be started: its own, or that of the executor around it.
    pub(super) fn cgroup_of(&mut self, start: &Start<'_>, container_id: &str) -> Result<Option<Cgroup>, String> {
        let Some(cgroups) = &self.identity.cgroups else {
            return Ok(None);
        };
        let parent = start.nested.as_ref().map(|nested| nested.parent);
        let around = parent.and_then(|parent| self.containers.get(&parent));
        let own = Agent::own_share(around.map_or(&start.kind, |container| &container.kind));
        let id = around.map_or(container_id, |container| &container.container_id);
        let path = cgroups.path(id);
        let share = self.share(start.framework, start.executor, own, cgroups.cfs);
        let mut highest = parent.and_then(|parent| self.containers.get_mut(&parent));
        let mut none = 0;
        let highest = highest.as_mut().map_or(&mut none, |container| &mut container.memory_limit);
        let settings = cgroups.settings(&share, highest)?;
        Ok(Some(Cgroup { path, settings }))
    }

    /// The tasks of an executor are others than before: so is what its container may use.
    pub(super) fn limit_container(&mut self, process: u64) {
        let Some(cgroups) = &self.identity.cgroups else { return };
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        if container.kind.executor().is_none() {
            return;
        }
        let own = Agent::own_share(&container.kind);
        let share = self.share(&container.framework, &container.executor_id, own, cgroups.cfs);
        let path = cgroups.path(&container.container_id);
        let mut highest = container.memory_limit;
        // Without tasks and resources of its own, an executor keeps what it has.
        if let Ok(settings) = cgroups.settings(&share, &mut highest) {
            self.actions.push(Action::Limit(Cgroup { path, settings }));
        }
        if let Some(container) = self.containers.get_mut(&process) {
            container.memory_limit = highest;
        }
    }

    /// The same when a task has ended.
    pub(super) fn limit_container_of(&mut self, framework: &str, task: &str) {
        if let Some(process) = self.container_around(framework, task) {
            self.limit_container(process);
        }
    }

    /// A container was ended by the kernel, for its memory: so its tasks have failed. Returns how that of a command has ended.
    pub(super) fn memory_exceeded(&mut self, process: u64, raw: i32) -> TaskState {
        let state = TaskState::TaskFailed;
        let Some(container) = self.containers.get_mut(&process) else {
            return state;
        };
        let memory = container.exceeded.take().unwrap_or_default();
        let (framework, executor) = (container.framework.clone(), container.executor_id.clone());
        let (directory, is_executor) = (container.directory.clone(), matches!(container.kind, Kind::Custom(_)));
        let tasks = self.tasks_of(&framework, process);
        let who = match (is_executor, tasks.is_empty()) {
            (true, true) => format!("executor {executor}"),
            (true, false) => format!("executor {executor} of task {}", tasks.join(", ")),
            (false, _) => format!("task {}", tasks.join(", ")),
        };
        self.last_words(who, raw, directory);
        if is_executor {
            self.executor_failure(&framework, &executor, raw);
        }
        for task in tasks {
            let (reason, text) = (Reason::ContainerLimitationMemory, exceeded_text(&memory));
            let mut update = self.own_status(&task, state, reason, text);
            update.executor_id = Some(ExecutorId { value: executor.clone() });
            update.limitation = Some(TaskResourceLimitation {
                resources: vec![megabytes(memory.peak.unwrap_or_default())],
            });
            self.update(&framework, update);
        }
        state
    }
}
