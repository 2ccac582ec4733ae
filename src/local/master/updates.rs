//! Tasks after their launch: status updates and acknowledgements, kills, reconciliation, messages.

use super::state::{Framework, Task};
use super::{idle, slave_id, Master};
use crate::local::events::{is_terminal, scheduler_event, status};
use crate::local::messages::ToAgent;
use crate::proto::scheduler::{call, event, Event};
use crate::proto::task_status::{Reason, Source};
use crate::proto::{ExecutorId, KillPolicy, TaskState, TaskStatus, TimeInfo};
use bytes::Bytes;

impl Master {
    /// An update of an agent, for the framework if it is connected: if it is not, the agent sends the update again.
    pub(super) fn update(&mut self, link: usize, id: &str, update: TaskStatus, latest: TaskState) {
        let Some(agent) = self.agent_at(link) else { return };
        let Some(framework) = self.frameworks.get_mut(id) else {
            return log::debug!("an update of a framework that is gone is dropped");
        };
        let connected = framework.is_connected();
        let full = framework.is_full();
        let (state, uuid) = (TaskState::try_from(update.state), update.uuid.clone());
        let mut ended = None;
        // What was sent before still waits to be read. Of unknown tasks nobody knows what was sent.
        let mut unread = full;
        let known = framework
            .tasks
            .get_mut(&update.task_id.value)
            .filter(|task| task.agent == agent);
        if let (Some(task), Ok(state)) = (known, state) {
            unread = full && task.forwarded.as_ref().map(|(_, uuid)| uuid) == uuid.as_ref();
            // What a disconnected framework did not get is not forwarded: until it gets the update, its reconciliation is told the
            // latest state. A copy: its own holds the executor's whole call.
            if connected {
                task.forwarded = uuid.map(|uuid| (state, Bytes::copy_from_slice(&uuid)));
            }
            task.healthy = update.healthy;
            task.check_status = update.check_status;
            if update.container_status.is_some() {
                task.container_status = update.container_status.clone();
            }
            if !task.is_terminal() {
                task.state = latest;
            }
            task.record(&update);
            if task.is_terminal() {
                let resources = std::mem::take(&mut task.resources);
                ended = Some((task.role.clone(), resources));
            }
        }
        if let Some((role, resources)) = ended {
            self.forget_kill(&agent, id, &update.task_id.value);
            if !resources.is_empty() {
                self.recover(id, &agent, &role, &resources);
                self.allocate_soon();
            }
        }
        if connected && !unread {
            self.send_status(id, update);
        }
    }

    /// ACKNOWLEDGE. The agent hears of it; a task whose end is acknowledged is forgotten.
    pub fn acknowledge(&mut self, framework: &str, agent: &str, task: &str, uuid: &Bytes) {
        if !self.agents.get(agent).is_some_and(|agent| agent.connected) {
            return log::debug!("an acknowledgement for an agent that is not connected is dropped");
        }
        let Some(known) = self.frameworks.get_mut(framework) else {
            return;
        };
        if let Some(one) = known.tasks.get_mut(task).filter(|one| one.agent == agent) {
            let Some((state, forwarded)) = &one.forwarded else {
                return log::warn!("an acknowledgement of task {task} comes before any update");
            };
            if is_terminal(*state) && forwarded == uuid {
                one.state = *state;
                known.complete_task(task);
                idle::ended(&mut self.timers, self.now, (framework, known), task);
                self.forget_kill(agent, framework, task);
            }
        }
        self.send_agent(
            agent,
            ToAgent::Acknowledge {
                framework: framework.to_string(),
                task: task.to_string(),
                uuid: uuid.clone(),
            },
        );
        self.check_drains();
    }

    /// KILL. An unknown task is answered like a reconciliation.
    pub fn kill(&mut self, id: &str, task: &str, agent: Option<&str>, policy: Option<KillPolicy>) {
        let Some(framework) = self.frameworks.get(id) else { return };
        let Some(known) = framework.tasks.get(task) else {
            let answer = self.reconciled(framework, task, agent);
            return answer.into_iter().for_each(|answer| self.send_status(id, answer));
        };
        if agent.is_some_and(|agent| agent != known.agent) || known.is_terminal() {
            return;
        }
        let on = known.agent.clone();
        if let Some(agent) = self.agents.get_mut(&on) {
            // Told again when it comes back, if it is not there or the word is lost.
            agent.kills.insert((id.to_string(), task.to_string()), policy);
        }
        self.send_agent(
            &on,
            ToAgent::Kill {
                framework: id.to_string(),
                task: task.to_string(),
                policy,
            },
        );
    }

    /// The task has ended: its id may be that of another one.
    pub(super) fn forget_kill(&mut self, agent: &str, framework: &str, task: &str) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.kills.remove(&(framework.to_string(), task.to_string()));
        }
    }

    /// SHUTDOWN call of a scheduler.
    pub fn shutdown_executor(&mut self, framework: &str, executor: &str, agent: &str) {
        let (framework, executor) = (framework.to_string(), executor.to_string());
        self.send_agent(agent, ToAgent::ShutdownExecutor { framework, executor });
    }

    /// A scheduler's MESSAGE to an executor: lost unless that is running.
    pub fn message_to_executor(&mut self, framework: &str, message: call::Message) {
        self.send_agent(
            &message.slave_id.value,
            ToAgent::Message {
                framework: framework.to_string(),
                executor: message.executor_id.value,
                data: message.data,
            },
        );
    }

    /// MESSAGE of an executor to its framework: not reliable.
    pub(super) fn message_to_framework(&mut self, link: usize, framework: &str, executor: &str, data: Bytes) {
        let Some(agent) = self.agent_at(link) else { return };
        let message = event::Message {
            slave_id: slave_id(&agent),
            executor_id: ExecutorId {
                value: executor.to_string(),
            },
            data,
        };
        self.send(
            framework,
            Event {
                message: Some(message),
                ..scheduler_event(event::Type::Message)
            },
        );
    }

    /// RECONCILE: every answer is an update without uuid. An empty list asks for all tasks.
    pub fn reconcile(&mut self, id: &str, asked: &[call::reconcile::Task]) {
        let Some(framework) = self.frameworks.get(id) else { return };
        if framework.is_full() {
            return log::warn!("framework {id} asks for states and does not read them: no answer");
        }
        let answers: Vec<TaskStatus> = match asked {
            [] => framework
                .tasks
                .keys()
                .filter_map(|task| self.reconciled(framework, task, None))
                .collect(),
            asked => asked
                .iter()
                .filter_map(|one| {
                    let agent = one.slave_id.as_ref().map(|agent| agent.value.as_str());
                    self.reconciled(framework, &one.task_id.value, agent)
                })
                .collect(),
        };
        answers.into_iter().for_each(|answer| self.send_status(id, answer));
    }

    /// What is known of `task`; `agent` is where the framework believes it to be. Nothing while that agent has still to come back.
    fn reconciled(&self, framework: &Framework, task: &str, agent: Option<&str>) -> Option<TaskStatus> {
        let unreachable = agent.and_then(|agent| self.unreachable.get(agent));
        let known = framework.tasks.get(task);
        let (state, message) = match (known, agent) {
            (Some(known), _) => {
                let forwarded = known.forwarded.as_ref().map(|(state, _)| *state);
                (forwarded.unwrap_or(known.state), "Reconciliation: Latest task state")
            }
            (None, None) if !self.recovered.is_empty() => return None,
            (None, Some(agent)) if self.recovered.contains_key(agent) => return None,
            (None, Some(agent)) if self.agents.contains_key(agent) => (
                framework.lost(TaskState::TaskGone),
                "Reconciliation: Task is unknown to the agent",
            ),
            (None, Some(_)) if unreachable.is_some() => (
                framework.lost(TaskState::TaskUnreachable),
                "Reconciliation: Task is unreachable",
            ),
            (None, Some(agent)) if self.gone.contains(agent) => {
                (framework.lost(TaskState::TaskGoneByOperator), "Reconciliation: Task is gone")
            }
            (None, _) => (framework.lost(TaskState::TaskUnknown), "Reconciliation: Task is unknown"),
        };
        let mut answer = status(self.now, task, state, Source::Master);
        answer.reason = Some(Reason::Reconciliation as i32);
        answer.message = Some(message.into());
        answer.slave_id = agent.map(slave_id);
        match known {
            Some(known) => describe(&mut answer, known),
            None => {
                let nanoseconds = unreachable.map(|one| one.since.nanoseconds());
                answer.unreachable_time = nanoseconds.map(|nanoseconds| TimeInfo { nanoseconds });
            }
        }
        Some(answer)
    }
}

fn describe(answer: &mut TaskStatus, task: &Task) {
    answer.slave_id = Some(slave_id(&task.agent));
    answer.executor_id = task.executor_id().map(|id| ExecutorId { value: id.to_string() });
    answer.healthy = task.healthy;
    answer.check_status = task.check_status;
    answer.container_status = task.container_status.clone();
}
