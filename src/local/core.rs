//! The state of the cluster: one master and one agent, without I/O. What happens to it is in the modules beside.
//!
//! Everything runs on one thread. Nothing here waits: answers are queued on streams, programs are started by the helper.

use super::agent::helper::Helper;
use super::api::stream::EventStream;
use super::ids;
use super::resources::Resources;
use super::timers::{Timer, Timers};
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::{
    Attribute, ContainerStatus, ExecutorInfo, FrameworkId, FrameworkInfo, SlaveId, TaskInfo, TaskState, TaskStatus,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;

/// How many frameworks, and tasks of one framework, `/state` remembers after their end.
const REMEMBERED_FRAMEWORKS: usize = 50;
const REMEMBERED_TASKS: usize = 1000;

/// What does not change while the cluster runs.
pub struct Identity {
    /// Whose the cluster is, and its helper: who this process was when it was started.
    pub owner: nix::unistd::Uid,
    pub master_id: String,
    pub agent_id: String,
    pub hostname: String,
    pub address: SocketAddr,
    /// Seconds since the epoch.
    pub started: f64,
    pub work_dir: PathBuf,
    pub attributes: Vec<Attribute>,
    pub total: Resources,
    /// Below MESOS_* and below what frameworks set.
    pub executor_environment: BTreeMap<String, String>,
    /// What every client but an executor has to know, also for /health. Never written anywhere.
    pub secret: String,
}

pub struct Core {
    pub identity: Identity,
    /// Neither used nor offered.
    pub free: Resources,
    pub frameworks: BTreeMap<String, Framework>,
    /// Ids that can never subscribe again.
    pub removed: BTreeSet<String>,
    /// The newest of them, for `/state`.
    pub completed: VecDeque<Framework>,
    pub offers: BTreeMap<String, Offer>,
    /// By the helper's number of the process.
    pub containers: BTreeMap<u64, Container>,
    pub timers: Timers,
    pub helper: Helper,
    pub allocation_pending: bool,
    pub turns: super::master::turns::Turns,
    pub next_framework: u64,
    pub next_offer: u64,
    /// Notified when somebody who must wait (see `agent::room`) may have to no longer.
    pub relief: Arc<Notify>,
    numbers: u64,
}

pub struct Framework {
    pub info: FrameworkInfo,
    /// Always at least one: `*` when the framework named none.
    pub roles: Vec<String>,
    pub suppressed: BTreeSet<String>,
    pub filters: Vec<Filter>,
    /// Absent while disconnected.
    pub subscription: Option<Subscription>,
    /// Offered to it, or used by its tasks and executors, by role.
    pub allocated: BTreeMap<String, Resources>,
    pub tasks: BTreeMap<String, Task>,
    pub completed_tasks: VecDeque<Task>,
    /// Custom executors: the process of each id.
    pub executors: BTreeMap<String, u64>,
    pub registered: f64,
    pub reregistered: Option<f64>,
    pub unregistered: f64,
    /// Which of its disconnections it is in or had last: a timer of an older one means nothing.
    pub disconnection: u64,
}

pub struct Subscription {
    /// The Mesos-Stream-Id.
    pub id: String,
    pub stream: EventStream,
}

/// Keeps offers away: see [`offers`](super::master::offers).
pub struct Filter {
    pub role: String,
    pub refused: Resources,
    pub until: Instant,
}

pub struct Offer {
    pub framework: String,
    pub role: String,
    pub resources: Resources,
}

pub struct Task {
    pub info: TaskInfo,
    /// The agent's latest, whatever has been acknowledged.
    pub state: TaskState,
    /// The latest that was sent to the framework with a uuid.
    pub forwarded: Option<TaskState>,
    /// For custom executors only: the master does not know others.
    pub executor_id: Option<String>,
    /// The process it belongs to; 0 before and without one.
    pub process: u64,
    /// Sent to its executor, which may still not have answered.
    pub delivered: bool,
    pub resources: Resources,
    /// The first is with the framework, the others wait for its acknowledgement.
    pub updates: VecDeque<TaskStatus>,
    /// The bytes of those.
    pub waiting: usize,
    /// How long the next retry waits.
    pub backoff: Duration,
    /// Updates that were taken from the executor, by uuid.
    pub seen: BTreeSet<Vec<u8>>,
    /// One for each state that was reported, oldest first.
    pub history: Vec<TaskStatus>,
    pub healthy: Option<bool>,
    pub container_status: Option<ContainerStatus>,
}

/// A running (or starting) program with its sandbox.
pub struct Container {
    pub framework: String,
    pub executor_id: String,
    pub container_id: String,
    /// Opens the executor API for this executor. Never written anywhere but into its environment.
    pub token: String,
    pub directory: PathBuf,
    pub pid: Option<u32>,
    pub kind: Kind,
    /// The role that `held` was allocated to.
    pub role: String,
    /// Given back when the process has ended.
    pub held: Resources,
    /// When SIGKILL is sent, once an end is under way.
    pub deadline: Option<Instant>,
}

pub enum Kind {
    /// A task's own command, without an executor of its own.
    Command {
        task: String,
        killed: bool,
        overdue: bool,
    },
    Custom(Box<Executor>),
}

pub struct Executor {
    pub info: ExecutorInfo,
    pub stream: Option<EventStream>,
    /// Has been subscribed once.
    pub registered: bool,
    /// To be sent when it subscribes, in this order.
    pub queued: Vec<TaskInfo>,
    pub had_task: bool,
    pub terminating: bool,
}

/// Seconds since the epoch.
pub fn now() -> f64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// The eight states after which nothing comes.
pub fn is_terminal(state: TaskState) -> bool {
    use TaskState::*;
    matches!(
        state,
        TaskFinished | TaskFailed | TaskKilled | TaskError | TaskLost | TaskDropped | TaskGone | TaskGoneByOperator
    )
}

impl Task {
    /// The role that its resources were allocated to, as the launch has put it there.
    pub fn role(&self) -> String {
        let of = |resource: &crate::proto::Resource| resource.allocation_info.as_ref()?.role.clone();
        self.info.resources.iter().find_map(of).unwrap_or_else(|| "*".into())
    }
}

impl Framework {
    pub fn has(&self, capability: Capability) -> bool {
        self.info.capabilities.iter().any(|c| c.r#type == Some(capability as i32))
    }

    /// TASK_DROPPED and its like are only for those that know them.
    pub fn lost(&self, precise: TaskState) -> TaskState {
        if self.has(Capability::PartitionAware) {
            precise
        } else {
            TaskState::TaskLost
        }
    }

    /// Whether it has much to read.
    pub fn is_full(&self) -> bool {
        self.subscription.as_ref().is_some_and(|s| s.stream.is_full())
    }

    pub fn is_connected(&self) -> bool {
        self.subscription.is_some()
    }

    /// Takes a task out of the living.
    pub fn complete_task(&mut self, id: &str) {
        if let Some(mut task) = self.tasks.remove(id) {
            task.updates.clear();
            task.waiting = 0;
            self.completed_tasks.push_back(task);
            if self.completed_tasks.len() > REMEMBERED_TASKS {
                self.completed_tasks.pop_front();
            }
        }
    }
}

impl Core {
    pub fn new(identity: Identity, helper: Helper) -> Self {
        let mut core = Core {
            free: identity.total.clone(),
            identity,
            frameworks: BTreeMap::new(),
            removed: BTreeSet::new(),
            completed: VecDeque::new(),
            offers: BTreeMap::new(),
            containers: BTreeMap::new(),
            timers: Timers::default(),
            helper,
            allocation_pending: false,
            turns: Default::default(),
            next_framework: 0,
            next_offer: 0,
            relief: Arc::default(),
            numbers: 0,
        };
        core.timers.add(super::master::offers::BATCH_INTERVAL, Timer::Batch);
        core
    }

    /// A number that was never given before: for streams and processes.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub fn agent_id(&self) -> SlaveId {
        SlaveId {
            value: self.identity.agent_id.clone(),
        }
    }

    pub fn new_framework_id(&mut self) -> FrameworkId {
        let id = format!("{}-{:04}", self.identity.master_id, self.next_framework);
        self.next_framework += 1;
        FrameworkId { value: id }
    }

    pub fn remember_removed(&mut self, id: String, framework: Framework) {
        self.removed.insert(id);
        self.completed.push_back(framework);
        if self.completed.len() > REMEMBERED_FRAMEWORKS {
            self.completed.pop_front();
        }
    }

    /// Resources that `framework` had, offered or used, are free again.
    pub fn recover(&mut self, framework: &str, role: &str, resources: &Resources) {
        let framework = self.frameworks.get_mut(framework);
        if let Some(allocated) = framework.and_then(|f| f.allocated.get_mut(role)) {
            allocated.subtract(resources);
        }
        self.free.add(resources);
    }

    /// Calls whatever is due.
    pub fn fire(&mut self, now: Instant) {
        while let Some(timer) = self.timers.take(now) {
            match timer {
                Timer::Batch => {
                    self.allocate();
                    self.timers.add(super::master::offers::BATCH_INTERVAL, Timer::Batch);
                }
                Timer::Allocate => {
                    self.allocation_pending = false;
                    self.allocate();
                }
                Timer::Heartbeat { stream } => self.heartbeat(stream),
                Timer::ExecutorHeartbeat { process, stream } => self.executor_heartbeat(process, stream),
                Timer::Failover {
                    framework,
                    disconnection,
                } => self.failover_timeout(&framework, disconnection),
                Timer::Retry { framework, task, uuid } => self.retry_update(&framework, &task, &uuid),
                Timer::Grace { process } => self.grace_is_over(process, now),
                Timer::Registration { process } => self.registration_timeout(process),
                Timer::Completion { process } => self.completion_timeout(process),
            }
        }
    }

    /// The subscriber of a stream has gone.
    pub fn stream_closed(&mut self, stream: u64) {
        let framework = self
            .frameworks
            .iter()
            .find(|(_, f)| f.subscription.as_ref().is_some_and(|s| s.stream.id == stream));
        if let Some(id) = framework.map(|(id, _)| id.clone()) {
            return self.disconnect(&id);
        }
        for container in self.containers.values_mut() {
            if let Kind::Custom(executor) = &mut container.kind {
                // The executor itself lives on: only the end of its process counts.
                if executor.stream.as_ref().is_some_and(|s| s.id == stream) {
                    executor.stream = None;
                }
            }
        }
    }
}

/// A status with what every status has. `state` is that of the task, `source` who says so.
pub fn status(task: &str, state: TaskState, source: crate::proto::task_status::Source) -> TaskStatus {
    TaskStatus {
        task_id: crate::proto::TaskId { value: task.to_string() },
        state: state as i32,
        source: Some(source as i32),
        timestamp: Some(now()),
        ..Default::default()
    }
}

/// A fresh uuid, which asks for an acknowledgement.
pub fn uuid() -> Option<hyper::body::Bytes> {
    Some(ids::uuid_bytes().to_vec().into())
}
