//! A framework whose last task failed and that does nothing since: its program probably waits for an end that has been.

use super::state::{Framework, Task};
use super::{Master, Timer};
use crate::local::clock::Time;
use crate::local::timers::Timers;
use crate::logging::{shown, tell};
use crate::proto::TaskState;
use std::time::Duration;

/// So long may a program think about what to do next.
const PATIENCE: Duration = Duration::from_secs(10);

/// The framework has acknowledged how `task` ended. When that was not well, and it has no other task, somebody looks at it later.
pub(super) fn ended(timers: &mut Timers<Timer>, now: Time, (id, framework): (&str, &Framework), task: &str) {
    if failed_last(framework, task).is_some() {
        let (framework, task) = (id.to_string(), task.to_string());
        timers.after(now, PATIENCE, Timer::Idle { framework, task });
    }
}

/// This task, if it was the last one and has failed, and the user has not been told.
fn failed_last<'a>(framework: &'a Framework, task: &str) -> Option<&'a Task> {
    let is_failure = |state| matches!(state, TaskState::TaskFailed | TaskState::TaskLost | TaskState::TaskDropped);
    let last = framework.completed_tasks.back()?;
    let is_idle = framework.tasks.is_empty() && !framework.idle_told;
    (is_idle && last.info.task_id.value == task && is_failure(last.state)).then_some(last)
}

/// What the user is told, once for each framework.
fn text(name: &str, task: &str, state: TaskState) -> String {
    format!(
        "framework {}: its last task, {}, is {}, and it has launched none for {} s. Does it wait for TASK_FINISHED only? \
         TASK_FAILED, TASK_KILLED and TASK_LOST are ends, too.",
        shown(name),
        shown(task),
        state.as_str_name(),
        PATIENCE.as_secs(),
    )
}

impl Master {
    /// Time has passed since `task` ended.
    pub(super) fn idle(&mut self, framework: &str, task: &str) {
        let Some(framework) = self.frameworks.get_mut(framework) else {
            return;
        };
        let Some(last) = failed_last(framework, task) else { return };
        // What asks for no offers waits for something else: Mesos::Runner, before it tries again.
        let asks = framework.roles.iter().any(|role| !framework.suppressed.contains(role));
        if asks && framework.is_connected() {
            tell(&text(&framework.info.name, task, last.state));
            framework.idle_told = true;
        }
    }
}
