//! What a master and its agents say to each other. These are the messages of Mesos' own internal protocol, as far as they are needed.

use crate::proto::offer::Operation;
use crate::proto::{ExecutorInfo, FrameworkInfo, KillPolicy, OperationId, OperationStatus};
use crate::proto::{SlaveId, SlaveInfo, TaskInfo, TaskState, TaskStatus};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// From the master to an agent.
#[derive(Debug, Clone, PartialEq)]
pub enum ToAgent {
    /// It has been admitted, under this id.
    Registered {
        agent: SlaveId,
    },
    /// It is known again. Lists tasks that the master has and the agent did not name: the agent answers for each.
    Reregistered {
        agent: SlaveId,
        missing: Vec<MissingTask>,
    },
    /// Its id is of no use any more: it ends everything, and itself.
    Shutdown {
        message: String,
    },
    /// Says that the master is there. `connected` is whether it takes the agent for connected.
    Ping {
        connected: bool,
    },
    /// Run this task. For a task of an executor, that is in `task.executor`.
    Run {
        framework: Box<FrameworkInfo>,
        role: String,
        task: Arc<TaskInfo>,
    },
    /// Run these tasks, all in this executor.
    RunGroup {
        framework: Box<FrameworkInfo>,
        role: String,
        executor: Box<ExecutorInfo>,
        tasks: Vec<Arc<TaskInfo>>,
    },
    Kill {
        framework: String,
        task: String,
        policy: Option<KillPolicy>,
    },
    /// Kill everything, because of an operator. No task has more than this time to end.
    Drain {
        grace: Option<Duration>,
        mark_gone: bool,
    },
    Acknowledge {
        framework: String,
        task: String,
        uuid: Bytes,
    },
    ShutdownExecutor {
        framework: String,
        executor: String,
    },
    /// The framework is gone: all of it ends, without updates.
    ShutdownFramework {
        framework: String,
    },
    Message {
        framework: String,
        executor: String,
        data: Bytes,
    },
    /// A framework has changed what it says of itself.
    /// With `resend` it is back, and wants to hear again what it has not acknowledged.
    UpdateFramework {
        framework: Box<FrameworkInfo>,
        resend: bool,
    },
    /// Do this to the agent's resources. The operation has a name of the master's.
    Apply {
        name: String,
        framework: String,
        operation: Box<Operation>,
    },
    /// The update of an operation has arrived where it should.
    AcknowledgeOperation {
        name: String,
        uuid: Bytes,
    },
    /// Operations that the master has and the agent did not name: the agent answers for each.
    MissingOperations {
        operations: Vec<MissingOperation>,
    },
}

/// From an agent to the master.
#[derive(Debug, Clone, PartialEq)]
pub enum ToMaster {
    /// A new agent asks for an id.
    Register {
        info: Box<SlaveInfo>,
    },
    /// An agent that has an id: after a master's failover, a lost link, or its own restart.
    Reregister(Box<Reregister>),
    Pong,
    /// The oldest update of a task that is not acknowledged. `latest` is the newest state that the agent knows.
    Update {
        framework: String,
        status: Box<TaskStatus>,
        latest: TaskState,
    },
    ExecutorExited {
        framework: String,
        executor: String,
        /// The raw status of wait(2), or -1 when there was no process.
        status: i32,
    },
    /// What an executor says to its framework.
    Message {
        framework: String,
        executor: String,
        data: Bytes,
    },
    /// What has become of an operation; sent until it is acknowledged.
    OperationUpdate(Box<KnownOperation>),
    /// The agent ends in order.
    Unregister,
}

/// What an agent has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reregister {
    pub info: SlaveInfo,
    pub frameworks: Vec<FrameworkInfo>,
    /// Custom executors that run, with their framework and the role of their resources.
    pub executors: Vec<RunningExecutor>,
    pub tasks: Vec<RunningTask>,
    /// The names of operations whose updates are not acknowledged.
    pub operations: BTreeSet<String>,
}

/// An operation that an agent has done, or could not do.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownOperation {
    pub name: String,
    pub framework: String,
    pub status: OperationStatus,
}

/// An operation that the master believes to be with an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct MissingOperation {
    pub name: String,
    pub framework: String,
    pub id: Option<OperationId>,
}

/// A custom executor on an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningExecutor {
    pub framework: String,
    pub role: String,
    pub info: ExecutorInfo,
}

/// A task on an agent, as long as its end is not acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct RunningTask {
    pub framework: String,
    pub role: String,
    pub info: Arc<TaskInfo>,
    /// The newest state.
    pub state: TaskState,
    /// State and uuid of the update that waits for its acknowledgement.
    pub forwarded: Option<(TaskState, Bytes)>,
}

/// A task that the master believes to be on an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct MissingTask {
    pub framework: String,
    pub task: String,
    /// What the framework calls a task that is nowhere.
    pub lost: TaskState,
}
