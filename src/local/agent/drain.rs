//! An agent that operators drain: all that it runs is killed, and the ends of tasks say why. It takes no more until nothing is left.
//! REACTIVATE_AGENT is the master's business: an agent does not hear of it.

use super::commands::grace;
use super::state::Drain;
use super::Agent;
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::task_status::Reason;
use crate::proto::{DurationInfo, KillPolicy, TaskState, TaskStatus};
use std::time::Duration;

impl Agent {
    /// DRAIN of the master: tasks have their own time to end, but no more than `longest`.
    pub(super) fn drain(&mut self, longest: Option<Duration>, mark_gone: bool) {
        let since = self.now.seconds().floor();
        self.drain = Some(Drain {
            longest,
            mark_gone,
            since,
        });
        let mut tasks = Vec::new();
        for (id, framework) in &self.frameworks {
            let running = framework.tasks.iter().filter(|(_, task)| !task.is_terminal());
            tasks.extend(running.map(|(task, known)| (id.clone(), task.clone(), known.info.kill_policy)));
        }
        for (framework, task, own) in tasks {
            let policy = longest.filter(|longest| grace(own.as_ref()).map_or(true, |own| own > *longest));
            let policy = policy.map(|longest| KillPolicy {
                grace_period: Some(DurationInfo {
                    nanoseconds: i64::try_from(longest.as_nanos()).unwrap_or(i64::MAX),
                }),
            });
            self.kill(&framework, &task, policy);
        }
        self.drain_if_empty();
    }

    /// It is over when no framework has anything here, and the end of each operation is acknowledged. The master may think so earlier, as
    /// it counts tasks and not executors.
    pub(super) fn drain_if_empty(&mut self) {
        if self.frameworks.is_empty() && self.operations.is_empty() {
            self.drain = None;
        }
    }

    /// The master has activated this agent again, while the executor of an older task is still here.
    pub(super) fn drop_because_of_drain(&mut self, framework: &str, task: &str) {
        const MESSAGE: &str = "Task was received while agent was already draining";
        self.drop_task(framework, task, Reason::SlaveDraining, MESSAGE);
    }

    /// A task that was killed meanwhile says why; of an agent that will be gone, that it is so.
    pub(super) fn drained(&self, framework: &str, update: &mut TaskStatus) {
        let Some(drain) = &self.drain else { return };
        if update.state != TaskState::TaskKilled as i32 {
            return;
        }
        update.reason = Some(Reason::SlaveDraining as i32);
        let knows = self
            .frameworks
            .get(framework)
            .is_some_and(|known| known.has(Capability::PartitionAware));
        if drain.mark_gone && knows {
            update.state = TaskState::TaskGoneByOperator as i32;
        }
    }
}
