//! The master, as a machine: a plain value without I/O, clock or threads. It is fed with calls of frameworks, messages of agents and the
//! time. It answers with [`Action`]s, which `core` carries out.
//!
//! | what | module |
//! |---|---|
//! | what it knows | `state`, `history` |
//! | frameworks from SUBSCRIBE to their end | `frameworks` |
//! | agents from their registration to their end | `agents` |
//! | agents that are drained or deactivated | `drain` |
//! | maintenance of machines, and inverse offers | `maintenance` |
//! | who gets which offer | `allocator`, `turns`, `quota`, `constraints`; when, and what that costs: `rounds`, `runs` |
//! | offers that are out, and what was refused | `offers`, `filters` |
//! | ACCEPT: from offers to tasks | `launch`, `validate`, `checks` |
//! | the same for task groups | `groups` |
//! | and to reservations and volumes | `operations`, `operation_checks`, `operators` |
//! | status updates, acknowledgements, kills, reconciliation | `updates` |
//! | what looks as if its program waits in vain | `idle` |

mod agents;
mod allocator;
mod checks;
mod constraints;
mod drain;
mod filters;
mod frameworks;
mod groups;
mod history;
mod idle;
mod launch;
mod maintenance;
mod offers;
mod operation_checks;
#[cfg(test)]
mod operation_tests;
mod operations;
mod operators;
mod quota;
mod rounds;
mod runs;
pub mod state;
#[cfg(test)]
mod tests;
mod turns;
mod updates;
mod validate;

use super::clock::Time;
use super::events::scheduler_event;
use super::jitter::Jitter;
use super::messages::{ToAgent, ToMaster};
use super::settings::intervals::Intervals;
use super::settings::minimum::Minimum;
use super::timers::Timers;
use crate::proto::scheduler::{event, Event};
use crate::proto::{master_info, Address, FrameworkId, MasterInfo, SlaveId, TaskStatus};
pub use drain::Drain;
pub use frameworks::Wish;
pub use operators::Refused;
use state::{Agent, Framework, InverseOffers, Maintenance, Offer, Operation, Quota, Rounds, Task, Unreachable};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

/// The version of Mesos whose behaviour this is.
pub const VERSION: &str = "1.11.0";

/// How many frameworks `/state` remembers after their end.
const REMEMBERED_FRAMEWORKS: usize = 50;

/// How many ids of agents that are gone, and of frameworks that ended, are remembered at most.
const REMEMBERED_IDS: usize = 100_000;

/// What does not change as long as a master lives.
#[derive(Debug, Clone)]
pub struct Identity {
    pub id: String,
    pub hostname: String,
    pub address: SocketAddr,
    /// Where all agents are reached: at the same address, unless there are several masters.
    pub agents: SocketAddr,
    /// `http`, or `https`.
    pub scheme: &'static str,
    /// Seconds since the epoch.
    pub started: f64,
    pub intervals: Intervals,
    /// What an offer has at least.
    pub minimum: Minimum,
    /// Offers come late, by what follows from this number.
    pub jitter: Option<u64>,
    /// By which the allocator's work is timed, and nothing else.
    pub stopwatch: fn() -> Duration,
}

/// What a master wants to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// An event for a framework, on this stream.
    Send { stream: u64, event: Box<Event> },
    /// The stream ends after what was sent.
    End { stream: u64 },
    /// A message to the agent at the other end of this link.
    ToAgent { link: usize, message: ToAgent },
}

#[derive(Debug, Clone, PartialEq)]
enum Timer {
    /// One allocation soon after resources came back.
    Allocate,
    /// A HEARTBEAT on a stream.
    Heartbeat { stream: u64 },
    /// The failover timeout of a framework, counted from one of its disconnections.
    Failover { framework: String, disconnection: u64 },
    /// An agent is to be pinged.
    Ping { agent: String, connection: u64 },
    /// Agents that have not come back after a failover are given up.
    Reregister,
    /// An offer was out for long enough.
    OfferTimeout { offer: String },
    /// A framework without tasks, whose last one failed, had some time.
    Idle { framework: String, task: String },
}

/// What a master keeps for its successor.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Agents that were admitted.
    pub agents: BTreeMap<String, crate::proto::SlaveInfo>,
    pub unreachable: BTreeMap<String, (crate::proto::SlaveInfo, Time)>,
    pub gone: BTreeSet<String>,
    pub weights: BTreeMap<String, f64>,
    pub quotas: BTreeMap<String, Quota>,
    pub maintenance: Maintenance,
    pub deactivated: BTreeSet<String>,
    pub drains: BTreeMap<String, Drain>,
}

/// A master.
pub struct Master {
    pub identity: Identity,
    /// Since when it leads, in seconds since the epoch.
    pub elected: f64,
    now: Time,
    pub frameworks: BTreeMap<String, Framework>,
    /// Ids that can never subscribe again.
    removed: BTreeSet<String>,
    /// The newest of them, for `/state`.
    pub completed: VecDeque<Framework>,
    pub agents: BTreeMap<String, Agent>,
    /// Known to the master before this one, and not back yet.
    pub recovered: BTreeMap<String, crate::proto::SlaveInfo>,
    pub unreachable: BTreeMap<String, Unreachable>,
    pub gone: BTreeSet<String>,
    pub offers: BTreeMap<String, Offer>,
    /// Operations whose updates are not acknowledged. The names are the master's own.
    pub operations: BTreeMap<String, Operation>,
    /// What operators have said of roles.
    pub weights: BTreeMap<String, f64>,
    pub quotas: BTreeMap<String, Quota>,
    pub maintenance: Maintenance,
    /// Agents that operators want no offers of, and those of them that they drain.
    pub deactivated: BTreeSet<String>,
    pub drains: BTreeMap<String, Drain>,
    pub inverse_offers: InverseOffers,
    timers: Timers<Timer>,
    rounds: Rounds,
    /// What runs of the allocator have cost.
    pub runs: runs::Runs,
    /// Which agent is at the other end of a link, as far as it is still there.
    by_link: BTreeMap<usize, String>,
    actions: Vec<Action>,
    turns: turns::Turns,
    /// Why tasks were refused, as far as it was told on standard error.
    told: BTreeSet<String>,
    /// What all agents have together of what is [`SHARED`](allocator::SHARED), as of the last allocation.
    totals: [f64; 4],
    allocation_pending: bool,
    jitter: Option<Jitter>,
    next_framework: u64,
    next_agent: u64,
    next_offer: u64,
    numbers: u64,
}

impl Master {
    /// Those that are there, and those that have been.
    pub fn all_frameworks(&self) -> impl Iterator<Item = &Framework> {
        self.frameworks.values().chain(&self.completed)
    }

    /// Their tasks, each with the id of its framework.
    pub fn all_tasks(&self) -> impl Iterator<Item = (&str, &Task)> {
        self.all_frameworks()
            .flat_map(|framework| framework.all_tasks().map(|task| (framework.id(), task)))
    }

    /// A master that knows nobody but those of `registry`.
    pub fn new(identity: Identity, registry: Registry, now: Time) -> Master {
        let mut timers = Timers::default();
        let rounds = Rounds {
            next: now.plus(identity.intervals.allocation),
            idle: false,
        };
        if !registry.agents.is_empty() {
            timers.after(now, identity.intervals.reregister, Timer::Reregister);
        }
        let unreachable = registry.unreachable.into_iter();
        Master {
            jitter: identity.jitter.map(Jitter::new),
            identity,
            elected: now.seconds(),
            now,
            frameworks: BTreeMap::new(),
            removed: BTreeSet::new(),
            completed: VecDeque::new(),
            agents: BTreeMap::new(),
            recovered: registry.agents,
            unreachable: unreachable
                .map(|(id, (info, since))| (id, Unreachable { info, since }))
                .collect(),
            gone: registry.gone,
            weights: registry.weights,
            quotas: registry.quotas,
            maintenance: registry.maintenance,
            deactivated: registry.deactivated,
            drains: registry.drains,
            inverse_offers: InverseOffers::default(),
            offers: BTreeMap::new(),
            operations: BTreeMap::new(),
            timers,
            rounds,
            runs: runs::Runs::default(),
            by_link: BTreeMap::new(),
            actions: Vec::new(),
            turns: turns::Turns::default(),
            told: BTreeSet::new(),
            totals: [0.0; 4],
            allocation_pending: false,
            next_framework: 0,
            next_agent: 0,
            next_offer: 0,
            numbers: 0,
        }
    }

    /// What a successor has to know.
    pub fn registry(&self) -> Registry {
        let agents = self.agents.iter().map(|(id, agent)| (id.clone(), agent.info.clone()));
        let unreachable = self.unreachable.iter();
        Registry {
            agents: agents.chain(self.recovered.clone()).collect(),
            unreachable: unreachable
                .map(|(id, one)| (id.clone(), (one.info.clone(), one.since)))
                .collect(),
            gone: self.gone.clone(),
            weights: self.weights.clone(),
            quotas: self.quotas.clone(),
            maintenance: self.maintenance.clone(),
            deactivated: self.deactivated.clone(),
            drains: self.drains.clone(),
        }
    }

    /// The time of what comes next. It never goes back.
    pub fn set_time(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// When [`fire`](Self::fire) has something to do.
    pub fn next_timer(&self) -> Option<Time> {
        let round = self.rounds.next;
        Some(self.timers.next().map_or(round, |timer| timer.min(round)))
    }

    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Does what is due.
    pub fn fire(&mut self) {
        loop {
            let timer = self.timers.next().filter(|due| *due <= self.now);
            let round = self.rounds.next;
            if round <= self.now && timer.map_or(true, |timer| round < timer) {
                self.round();
                continue;
            }
            let Some(timer) = self.timers.take(self.now) else { break };
            if !self.is_of_no_account(&timer) {
                self.something_happened();
            }
            match timer {
                Timer::Allocate => {
                    self.allocation_pending = false;
                    self.make_offers();
                }
                Timer::Heartbeat { stream } => self.heartbeat(stream),
                Timer::Failover {
                    framework,
                    disconnection,
                } => self.failover_timeout(&framework, disconnection),
                Timer::Ping { agent, connection } => self.ping(&agent, connection),
                Timer::Reregister => self.give_up_recovered(),
                Timer::OfferTimeout { offer } => self.rescind(&offer),
                Timer::Idle { framework, task } => self.idle(&framework, &task),
            }
        }
    }

    /// A message of the agent at the other end of `link`.
    pub fn agent_message(&mut self, link: usize, message: ToMaster) {
        if message != ToMaster::Pong {
            self.something_happened();
        }
        match message {
            ToMaster::Register { info } => self.register(link, *info),
            ToMaster::Reregister(what) => self.reregister(link, *what),
            ToMaster::Pong => self.pong(link),
            ToMaster::Update {
                framework,
                status,
                latest,
            } => self.update(link, &framework, *status, latest),
            ToMaster::ExecutorExited {
                framework,
                executor,
                status,
            } => self.executor_exited(link, &framework, &executor, status),
            ToMaster::Message {
                framework,
                executor,
                data,
            } => self.message_to_framework(link, &framework, &executor, data),
            ToMaster::OperationUpdate(told) => self.operation_update(link, *told),
            ToMaster::Unregister => self.unregister(link),
        }
    }

    /// A number that was never given before.
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn new_framework_id(&mut self) -> FrameworkId {
        let id = format!("{}-{:04}", self.identity.id, self.next_framework);
        self.next_framework += 1;
        FrameworkId { value: id }
    }

    /// Sends `event` to the framework if it is connected.
    fn send(&mut self, framework: &str, event: Event) {
        if let Some(subscription) = self.frameworks.get(framework).and_then(|f| f.subscription.as_ref()) {
            let (stream, event) = (subscription.stream.id, Box::new(event));
            self.actions.push(Action::Send { stream, event });
        }
    }

    /// Sends a status as it is. Those without a uuid are sent only here, and never again.
    fn send_status(&mut self, framework: &str, status: TaskStatus) {
        let update = Some(event::Update { status });
        self.send(
            framework,
            Event {
                update,
                ..scheduler_event(event::Type::Update)
            },
        );
    }

    /// To the agent with this id, if it is connected.
    fn send_agent(&mut self, agent: &str, message: ToAgent) {
        let link = self.agents.get(agent).filter(|known| known.connected).map(|known| known.link);
        if let Some(link) = link {
            self.send_link(link, message);
        }
    }

    fn send_link(&mut self, link: usize, message: ToAgent) {
        self.actions.push(Action::ToAgent { link, message });
    }

    pub fn master_info(&self) -> MasterInfo {
        let address = self.identity.address;
        let ip = match address.ip() {
            // In network order on the wire, as libprocess has it in memory.
            std::net::IpAddr::V4(ip) => u32::from_le_bytes(ip.octets()),
            std::net::IpAddr::V6(_) => 0,
        };
        let capability = |kind: master_info::capability::Type| master_info::Capability {
            r#type: Some(kind as i32),
        };
        MasterInfo {
            id: self.identity.id.clone(),
            ip,
            port: u32::from(address.port()),
            pid: Some(format!("master@{address}")),
            hostname: Some(self.identity.hostname.clone()),
            version: Some(VERSION.into()),
            address: Some(self.as_address(address)),
            domain: None,
            capabilities: vec![capability(master_info::capability::Type::AgentUpdate)],
        }
    }

    /// An address of this host.
    fn as_address(&self, address: SocketAddr) -> Address {
        Address {
            hostname: Some(self.identity.hostname.clone()),
            ip: Some(address.ip().to_string()),
            port: i32::from(address.port()),
        }
    }
}

fn slave_id(id: &str) -> SlaveId {
    SlaveId { value: id.to_string() }
}
