//! What a master knows: frameworks with their tasks, agents, offers.

use super::constraints::Constraints;
use super::filters::{Filters, Seat};
use super::history::History;
use crate::local::capabilities;
use crate::local::clock::Time;
use crate::local::events::{is_terminal, Stream};
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::{
    CheckStatusInfo, ContainerStatus, ExecutorInfo, FrameworkInfo, KillPolicy, MachineId, OperationId, OperationState, SlaveInfo,
    TaskInfo, TaskState, TaskStatus, Unavailability,
};
use crate::resources::conversion::Conversion;
use crate::resources::Resources;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How many tasks of one framework `/state` remembers after their end.
const REMEMBERED_TASKS: usize = 1000;

pub struct Framework {
    pub info: FrameworkInfo,
    /// Always at least one: `*` when the framework named none.
    pub roles: Vec<String>,
    pub suppressed: BTreeSet<String>,
    /// Its numbers in the [filters](Filters) of agents, by role: only where it has refused something.
    pub seats: BTreeMap<String, Seat>,
    /// Of which agents it wants offers.
    pub constraints: Constraints,
    /// Absent while disconnected.
    pub subscription: Option<Subscription>,
    /// What is offered to it, or used by its tasks and executors, by role. Scalars only: the sum goes over agents.
    pub allocated: BTreeMap<String, Resources>,
    pub tasks: BTreeMap<String, Task>,
    /// Those on agents that are unreachable.
    pub unreachable_tasks: BTreeMap<String, Task>,
    pub completed_tasks: VecDeque<Task>,
    pub registered: f64,
    pub reregistered: Option<f64>,
    pub unregistered: f64,
    /// Known from agents only, after a failover of the master.
    pub recovered: bool,
    /// Which of its disconnections it is in or had last: a timer of an older one means nothing.
    pub disconnection: u64,
    /// The user knows that it may wait in vain.
    pub idle_told: bool,
}

pub struct Subscription {
    /// The Mesos-Stream-Id.
    pub id: String,
    pub stream: Stream,
}

pub struct Offer {
    pub framework: String,
    pub role: String,
    pub agent: String,
    pub resources: Resources,
}

/// An operation on resources that an agent does.
pub struct Operation {
    pub framework: String,
    pub agent: String,
    pub role: String,
    /// With one, its framework hears of its end.
    pub id: Option<OperationId>,
    /// What is nobody's until it has ended. Nothing, if it was taken for done at once.
    pub held: Resources,
    /// What comes back then.
    pub converted: Resources,
    pub state: OperationState,
    /// The uuid of the update that asks for an acknowledgement.
    pub forwarded: Option<Bytes>,
}

#[derive(Clone)]
pub struct Task {
    /// The agent has the same one.
    pub info: Arc<TaskInfo>,
    pub agent: String,
    pub role: String,
    /// The newest that the agent has told of, whatever has been acknowledged.
    pub state: TaskState,
    /// The update that went to the framework and asks for an acknowledgement: its state and uuid.
    pub forwarded: Option<(TaskState, Bytes)>,
    /// What it uses: nothing any more after its end.
    pub resources: Resources,
    pub history: History,
    pub healthy: Option<bool>,
    pub check_status: Option<CheckStatusInfo>,
    pub container_status: Option<ContainerStatus>,
}

pub struct Agent {
    /// Which of the cluster's links leads to it.
    pub link: usize,
    pub info: SlaveInfo,
    pub total: Resources,
    /// Neither used nor offered.
    pub free: Resources,
    /// Custom executors by framework and id.
    pub executors: BTreeMap<(String, String), Executor>,
    /// Whether the link to it is there. What is not is offered to nobody.
    pub connected: bool,
    /// Pings that it has not answered.
    pub missed: u32,
    /// Which of its connections this is: a timer of an older one means nothing.
    pub connection: u64,
    pub registered: f64,
    pub reregistered: Option<f64>,
    /// Tasks to be killed, and how: told again when it comes back.
    pub kills: BTreeMap<(String, String), Option<KillPolicy>>,
    /// What frameworks have refused of it.
    pub filters: Filters,
}

pub struct Executor {
    pub info: ExecutorInfo,
    pub role: String,
    pub resources: Resources,
}

/// An agent that did not answer pings, or did not come back.
pub struct Unreachable {
    pub info: SlaveInfo,
    pub since: Time,
}

/// A role's quota: what it is to get before others, and what it gets at most. Of what is not named there is no limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quota {
    pub guarantees: BTreeMap<String, f64>,
    pub limits: BTreeMap<String, f64>,
}

/// Machines that will be unavailable at the same time.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    pub machines: Vec<MachineId>,
    pub unavailability: Unavailability,
}

/// What was planned, and what became of it.
#[derive(Debug, Clone, Default)]
pub struct Maintenance {
    pub schedule: Vec<Window>,
    /// Machines whose maintenance has begun.
    pub down: Vec<MachineId>,
}

impl Maintenance {
    pub fn of(&self, machine: &MachineId) -> Option<&Unavailability> {
        let is_in = |window: &&Window| window.machines.iter().any(|planned| is_same_machine(planned, machine));
        Some(&self.schedule.iter().find(is_in)?.unavailability)
    }

    pub fn is_down(&self, machine: &MachineId) -> bool {
        self.down.iter().any(|down| is_same_machine(down, machine))
    }
}

/// Case does not count in names of hosts.
pub fn is_same_machine(one: &MachineId, other: &MachineId) -> bool {
    one.hostname().eq_ignore_ascii_case(other.hostname()) && one.ip() == other.ip()
}

/// What a framework was asked for: to leave an agent. And what it answered, for operators.
#[derive(Default)]
pub struct InverseOffers {
    /// Those that are out: framework and agent.
    pub out: BTreeMap<String, (String, String)>,
    /// By framework and agent: whether it agrees, when it said so, and until when it is not asked again.
    pub answers: BTreeMap<(String, String), Answer>,
}

pub struct Answer {
    pub accepts: bool,
    pub at: Time,
    pub until: Time,
}

impl Framework {
    pub fn new(info: FrameworkInfo, roles: Vec<String>, now: Time) -> Framework {
        Framework {
            info,
            roles,
            suppressed: BTreeSet::new(),
            seats: BTreeMap::new(),
            constraints: Constraints::default(),
            subscription: None,
            allocated: BTreeMap::new(),
            tasks: BTreeMap::new(),
            unreachable_tasks: BTreeMap::new(),
            completed_tasks: VecDeque::new(),
            registered: now.seconds(),
            reregistered: None,
            unregistered: 0.0,
            recovered: false,
            disconnection: 0,
            idle_told: false,
        }
    }

    pub fn id(&self) -> &str {
        self.info.id.as_ref().map_or("", |id| &id.value)
    }

    pub fn has(&self, capability: Capability) -> bool {
        capabilities::has(&self.info, capability)
    }

    pub fn lost(&self, precise: TaskState) -> TaskState {
        capabilities::lost(&self.info, precise)
    }

    pub fn is_connected(&self) -> bool {
        self.subscription.is_some()
    }

    /// Whether it has much to read.
    pub fn is_full(&self) -> bool {
        self.subscription.as_ref().is_some_and(|s| s.stream.is_full())
    }

    pub fn add_allocated(&mut self, role: &str, resources: &Resources) {
        let scalars = resources.scalars();
        if !scalars.is_empty() {
            self.allocated.entry(role.to_string()).or_default().add(&scalars);
        }
    }

    pub fn subtract_allocated(&mut self, role: &str, resources: &Resources) {
        if let Some(allocated) = self.allocated.get_mut(role) {
            allocated.subtract(&resources.scalars());
            if allocated.is_empty() {
                self.allocated.remove(role);
            }
        }
    }

    /// Takes a task out of the living.
    pub fn complete_task(&mut self, id: &str) {
        if let Some(task) = self.tasks.remove(id) {
            self.remember(task);
        }
    }

    /// Those that live, those on agents that are unreachable, and those that are remembered.
    pub fn all_tasks(&self) -> impl Iterator<Item = &Task> {
        let there = self.tasks.values().chain(self.unreachable_tasks.values());
        there.chain(&self.completed_tasks)
    }

    pub fn remember(&mut self, task: Task) {
        self.completed_tasks.push_back(task);
        if self.completed_tasks.len() > REMEMBERED_TASKS {
            self.completed_tasks.pop_front();
        }
    }
}

impl Task {
    /// One that was just handed to an agent.
    pub fn launched(info: Arc<TaskInfo>, agent: &str, role: &str) -> Task {
        Task {
            agent: agent.to_string(),
            role: role.to_string(),
            state: TaskState::TaskStaging,
            forwarded: None,
            resources: Resources::new(&info.resources),
            history: History::default(),
            healthy: None,
            check_status: None,
            container_status: None,
            info,
        }
    }

    pub fn is_terminal(&self) -> bool {
        is_terminal(self.state)
    }

    /// For custom executors only: the master does not know others.
    pub fn executor_id(&self) -> Option<&str> {
        self.info
            .executor
            .as_ref()
            .map(|executor| executor.executor_id.value.as_str())
    }

    /// Adds a status to the history that `/state` shows.
    pub fn record(&mut self, status: &TaskStatus) {
        self.history.record(status);
    }
}

impl Agent {
    /// One that is connected, and of which nothing else is known.
    pub fn new(link: usize, info: SlaveInfo, connection: u64, now: Time) -> Agent {
        let total = Resources::new(&info.resources);
        Agent {
            link,
            free: total.clone(),
            total,
            info,
            executors: BTreeMap::new(),
            connected: true,
            missed: 0,
            connection,
            registered: now.seconds(),
            reregistered: None,
            kills: BTreeMap::new(),
            filters: Filters::default(),
        }
    }

    /// Somebody has it now. What is shared stays free for others.
    pub fn take(&mut self, resources: &Resources) {
        self.free.subtract(&resources.unshared());
    }

    /// What was used is free again, as the agent knows it: a task may have mounted a volume elsewhere.
    pub fn give_back(&mut self, resources: &Resources) {
        let resources = resources.unshared();
        match resources.items().iter().any(|item| item.disk.is_some()) {
            true => self.free.add(&resources.spelled_as(&self.total)),
            false => self.free.add(&resources),
        }
    }

    /// An operation has changed what there is. Who did it has what it took, and gets what it gave; what is shared, all have.
    pub fn convert(&mut self, conversion: &Conversion) {
        self.total.subtract(&conversion.consumed);
        self.total.add(&conversion.converted);
        self.free.subtract(&conversion.consumed.shared());
        self.free.add(&conversion.converted.shared());
    }

    /// What it runs executors with, for offers to `framework`.
    pub fn executors_of<'a>(&'a self, framework: &'a str) -> impl Iterator<Item = (&'a str, &'a Executor)> {
        let of = move |((owner, id), executor): (&'a (String, String), &'a Executor)| {
            (owner == framework).then_some((id.as_str(), executor))
        };
        self.executors.iter().filter_map(of)
    }

    pub fn executor(&self, framework: &str, id: &str) -> Option<&Executor> {
        self.executors.get(&(framework.to_string(), id.to_string()))
    }
}

/// When the allocator's next periodic round is, and whether the one before has found nothing to do.
pub struct Rounds {
    pub next: Time,
    pub idle: bool,
}
