//! What an agent knows: frameworks with their tasks, and containers.

use super::cgroups::Cgroups;
use super::checker::Checks;
use super::litter::Collector;
use crate::local::capabilities;
use crate::local::clock::Time;
use crate::local::events::{is_terminal, Stream};
use crate::local::helper_protocol::{Memory, Program, Report};
use crate::local::ids;
use crate::local::messages::KnownOperation;
use crate::local::settings::intervals::Intervals;
use crate::local::timers::Key;
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::{Attribute, ExecutorInfo, FrameworkInfo, SlaveId, TaskInfo, TaskState, TaskStatus};
use crate::resources::Resources;
use prost::Message;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// So many uuids of a task's updates are remembered, to know an update that comes twice.
const REMEMBERED_UPDATES: usize = 1000;

/// What an update costs beside its bytes, while it waits.
const OVERHEAD: usize = 500;

/// What an update that waits takes in memory, about.
pub fn cost(update: &TaskStatus) -> usize {
    update.encoded_len() + OVERHEAD
}

/// What does not change as long as an agent lives.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The number of its link, which makes its pid: `slave(1)` is 0.
    pub number: usize,
    pub hostname: String,
    pub address: SocketAddr,
    pub work_dir: PathBuf,
    pub attributes: Vec<Attribute>,
    /// Of its containers, if they have any.
    pub cgroups: Option<Cgroups>,
    pub total: Resources,
    /// Below MESOS_* and below what frameworks set.
    pub executor_environment: BTreeMap<String, String>,
    pub intervals: Intervals,
    /// Tasks are timers, not processes.
    pub simulate: bool,
    /// Updates of different tasks overtake each other, by what follows from this number.
    pub jitter: Option<u64>,
}

impl Identity {
    /// `slave(1)@127.0.0.1:5051`
    pub fn pid(&self) -> String {
        ids::agent_pid(self.number, self.address)
    }
}

/// Where the agent stands with its master.
#[derive(Debug, Default, PartialEq)]
pub enum Master {
    /// There is none to be seen.
    #[default]
    None,
    /// It has been asked, for the time with this number.
    Asked {
        attempt: u64,
    },
    Registered {
        heard: Time,
    },
}

/// What an agent has written down for frameworks that checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    pub id: Option<SlaveId>,
    /// This is written down in any case.
    pub total: Resources,
    pub operations: BTreeMap<String, Operation>,
    /// This, too.
    pub drain: Option<Drain>,
    pub frameworks: BTreeMap<String, Framework>,
    pub containers: BTreeMap<u64, Container>,
    pub next_process: u64,
    pub collector: Collector,
    /// What happened to its processes while there was no agent.
    pub reports: Vec<Report>,
}

impl Checkpoint {
    /// The helper is gone, and everything that it ran with it.
    pub fn helper_gone(&mut self) {
        let status = nix::sys::signal::Signal::SIGKILL as i32;
        let processes = self.containers.keys();
        self.reports.extend(processes.map(|process| Report::Exited {
            process: *process,
            status,
        }));
    }

    /// The helper's word for an agent that is not there.
    pub fn report(&mut self, report: Report) {
        self.reports.push(report);
    }
}

/// An operation whose update is not acknowledged.
#[derive(Debug, Clone)]
pub struct Operation {
    pub known: KnownOperation,
    /// How long the next retry waits.
    pub backoff: Duration,
}

#[derive(Debug, Clone)]
pub struct Framework {
    pub info: FrameworkInfo,
    /// The master has said that it is gone: nothing more is said of it.
    pub terminating: bool,
    pub tasks: BTreeMap<String, Task>,
    /// Updates for tasks that the agent does not know: never launched, or forgotten since.
    pub late: BTreeMap<String, Updates>,
}

#[derive(Debug, Clone)]
pub struct Task {
    /// The master has the same one.
    pub info: Arc<TaskInfo>,
    pub role: String,
    /// The newest, whatever has been acknowledged.
    pub state: TaskState,
    /// The process it belongs to; 0 before and without one.
    pub process: u64,
    /// Sent to its executor, which may still not have answered.
    pub delivered: bool,
    pub updates: Updates,
}

/// Reliable updates of one task.
#[derive(Debug, Clone, Default)]
pub struct Updates {
    /// The first is with the framework, the others wait for its acknowledgement.
    pub queue: VecDeque<TaskStatus>,
    /// The bytes of those.
    pub waiting: usize,
    /// How long the next retry waits.
    pub backoff: Duration,
    /// The one that is armed.
    pub retry: Option<Key>,
    /// The uuids of updates that were taken from the executor, oldest first: copies, since theirs hold the calls that they came in. Most
    /// tasks have two or three.
    seen: VecDeque<Box<[u8]>>,
}

/// A running (or starting) program with its sandbox.
#[derive(Debug, Clone)]
pub struct Container {
    pub framework: String,
    pub executor_id: String,
    pub container_id: String,
    /// Opens the executor API for this executor. Never written anywhere but into its environment.
    pub token: Token,
    pub directory: PathBuf,
    pub pid: Option<u32>,
    pub kind: Kind,
    pub role: String,
    /// When SIGKILL is sent, once an end is under way.
    pub deadline: Option<Time>,
    /// When its task must have completed.
    pub completion: Option<Time>,
    /// Of a command.
    pub checks: Checks,
    /// Of what runs as a process.
    pub origin: Option<Box<Origin>>,
    /// When a simulated program ends, and how.
    pub simulated: Option<(Time, i32)>,
    /// The highest limit that its memory has had, in bytes.
    pub memory_limit: u64,
    /// The kernel has killed something in its cgroup, for its memory.
    pub exceeded: Option<Memory>,
    /// Of a task of a group: where it belongs.
    pub nested: Option<Nested>,
}

/// What the master has said of its end by an operator's word.
#[derive(Debug, Clone, PartialEq)]
pub struct Drain {
    /// No task has more time to end than this.
    pub longest: Option<Duration>,
    /// It will not come back.
    pub mark_gone: bool,
    /// Whole seconds since the epoch.
    pub since: f64,
}

/// A container in that of a default executor.
#[derive(Debug, Clone)]
pub struct Nested {
    /// The number of the executor's container, its id, and its sandbox.
    pub parent: u64,
    pub container_id: String,
    pub directory: PathBuf,
    /// The tasks with this number live and die together.
    pub group: u64,
}

/// What a container's program was started from, and as whom: another one can run beside it.
#[derive(Clone)]
pub struct Origin {
    pub program: Program,
    pub user: String,
}

impl std::fmt::Debug for Origin {
    /// Without the program, whose environment may have secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin").finish_non_exhaustive()
    }
}

/// A container within another one.
#[derive(Debug, Clone)]
pub struct Companion {
    /// The process of the container that it is in.
    pub parent: u64,
    /// Its own part of its id.
    pub id: String,
    pub directory: PathBuf,
    pub pid: Option<u32>,
    /// Its output is for who has started it.
    pub is_session: bool,
    /// The wait status, once it has ended.
    pub status: Option<i32>,
}

/// A secret, which is in no debugging output.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

#[derive(Debug, Clone)]
pub enum Kind {
    /// A task's own command, without an executor of its own.
    Command {
        task: String,
        killed: bool,
        overdue: bool,
        /// It was killed because of its health check.
        unhealthy: bool,
    },
    Custom(Box<Executor>),
    /// What task groups run in. It has no process of its own.
    Default(Box<DefaultExecutor>),
}

/// A default executor, which has no process.
#[derive(Debug, Clone)]
pub struct DefaultExecutor {
    pub info: ExecutorInfo,
    /// It takes no more groups.
    pub terminating: bool,
}

impl Kind {
    /// What its framework has said of the executor. A command's is the agent's own matter.
    pub fn executor(&self) -> Option<&ExecutorInfo> {
        match self {
            Kind::Command { .. } => None,
            Kind::Custom(executor) => Some(&executor.info),
            Kind::Default(executor) => Some(&executor.info),
        }
    }

    /// The command of a task that has just been launched.
    pub fn command(task: &str) -> Kind {
        Kind::Command {
            task: task.to_string(),
            killed: false,
            overdue: false,
            unhealthy: false,
        }
    }
}

impl Container {
    pub fn new(framework: &str, executor: &str, container_id: String, directory: PathBuf, role: &str, kind: Kind) -> Container {
        Container {
            framework: framework.to_string(),
            executor_id: executor.to_string(),
            container_id,
            token: Token(String::new()),
            directory,
            pid: None,
            kind,
            role: role.to_string(),
            deadline: None,
            completion: None,
            checks: Checks::default(),
            origin: None,
            simulated: None,
            memory_limit: 0,
            exceeded: None,
            nested: None,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Executor {
    pub info: ExecutorInfo,
    pub stream: Option<Stream>,
    /// Has been subscribed once.
    pub registered: bool,
    /// To be sent when it subscribes, in this order.
    pub queued: Vec<Arc<TaskInfo>>,
    /// The same as groups.
    pub queued_groups: Vec<Vec<Arc<TaskInfo>>>,
    pub had_task: bool,
    pub terminating: bool,
    /// A timer sends heartbeats to its present stream.
    pub beats: bool,
}

impl Executor {
    /// The stream on which it can be sent tasks.
    pub fn listens(&self) -> Option<u64> {
        self.stream.as_ref().filter(|_| self.registered).map(|stream| stream.id)
    }
}

impl Framework {
    pub fn new(info: FrameworkInfo) -> Framework {
        Framework {
            info,
            terminating: false,
            tasks: BTreeMap::new(),
            late: BTreeMap::new(),
        }
    }

    pub fn has(&self, capability: Capability) -> bool {
        capabilities::has(&self.info, capability)
    }

    pub fn lost(&self, precise: TaskState) -> TaskState {
        capabilities::lost(&self.info, precise)
    }

    pub fn checkpoints(&self) -> bool {
        self.info.checkpoint.unwrap_or(false)
    }

    pub fn updates(&mut self, task: &str) -> Option<&mut Updates> {
        match self.tasks.get_mut(task) {
            Some(task) => Some(&mut task.updates),
            None => self.late.get_mut(task),
        }
    }
}

impl Task {
    pub fn new(info: Arc<TaskInfo>, role: String) -> Task {
        Task {
            info,
            role,
            state: TaskState::TaskStaging,
            process: 0,
            delivered: false,
            updates: Updates::default(),
        }
    }

    pub fn is_terminal(&self) -> bool {
        is_terminal(self.state)
    }
}

impl Updates {
    /// Takes an update in, unless it was taken in before.
    pub fn push(&mut self, update: TaskStatus) -> bool {
        let uuid = update.uuid.as_deref().unwrap_or_default();
        if self.seen.iter().any(|seen| **seen == *uuid) {
            return false;
        }
        self.seen.push_back(uuid.into());
        if self.seen.len() > REMEMBERED_UPDATES {
            self.seen.pop_front();
        }
        self.waiting += cost(&update);
        self.queue.push_back(update);
        true
    }

    /// Whether the last of them is the end of the task.
    pub fn end(&self) -> bool {
        let ends = |update: &TaskStatus| TaskState::try_from(update.state).is_ok_and(is_terminal);
        self.queue.back().is_some_and(ends)
    }

    /// Takes the oldest out, if it is the one with `uuid`.
    pub fn acknowledge(&mut self, uuid: &[u8]) -> Option<TaskStatus> {
        if self.queue.front()?.uuid.as_deref() != Some(uuid) {
            return None;
        }
        let acknowledged = self.queue.pop_front()?;
        self.waiting -= cost(&acknowledged);
        // A task that runs has nothing to say for long.
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        Some(acknowledged)
    }
}
