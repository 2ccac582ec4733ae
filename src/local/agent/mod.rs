//! An agent, as a machine: a plain value without I/O, clock or threads. It is fed with messages of the master, calls of executors, reports
//! of the helper and the time. It answers with [`Action`]s, which `core` carries out.
//!
//! | what | module |
//! |---|---|
//! | what it knows | `state` |
//! | its master: registration, pings | `registration` |
//! | programs from their start to their end | `launch`, `containers`, `environment`, `task_volumes`, `wait_status` |
//! | tasks that are commands | `commands` |
//! | their checks and health checks | `checks`, `checker` |
//! | tasks of executors | `executors` |
//! | task groups, and what Mesos' default executor does with them | `groups` |
//! | limits of containers by cgroups, and their memory | `contained`, `cgroups` |
//! | status updates until they are acknowledged | `updates` |
//! | operations on its resources | `operations` |
//! | its end by an operator's word | `drain` |
//! | tasks that are only played | `simulation` |
//! | sandboxes that are to be removed | `collector`, `litter` |
//! | its end by a crash, and how it goes on afterwards | `recovery` |
//!
//! Beside the machine: `helper` (the pipes to the helper process), `sandbox` (directories), `volumes` (what outlives them), `orphans` (what is left of
//! them when the helper is killed), `last_words` (what a failed program wrote).

pub mod cgroups;
mod checker;
mod checks;
mod collector;
mod commands;
pub mod companions;
mod contained;
mod containers;
mod drain;
mod environment;
mod executors;
mod groups;
pub mod helper;
pub mod last_words;
pub mod launch;
mod limits;
pub mod litter;
mod operations;
pub mod orphans;
mod recovery;
mod registration;
pub mod sandbox;
mod simulation;
pub mod state;
mod task_volumes;
mod updates;
pub mod volumes;
mod wait_status;

use super::clock::Time;
use super::helper_protocol::Cgroup;
use super::messages::{ToAgent, ToMaster};
use super::probe::Target;
use super::timers::Timers;
use crate::proto::executor::Event;
use crate::proto::{SlaveId, SlaveInfo};
use crate::resources::Resources;
use launch::{Launch, Mount};
use litter::{Collector, Litter};
use nix::sys::signal::Signal;
use state::{Companion, Container, Drain, Framework, Identity, Master, Operation, Updates};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// What an agent wants to be done.
pub enum Action {
    ToMaster(ToMaster),
    /// An event for an executor, on this stream.
    Send {
        stream: u64,
        event: Box<Event>,
    },
    /// The stream ends after what was sent.
    End {
        stream: u64,
    },
    /// Start a program, mostly in a sandbox that is made for it. The answer is a report of the helper, or [`Agent::not_started`].
    Start {
        process: u64,
        launch: Box<Launch>,
    },
    /// What a cgroup is to say from now on.
    Limit(Cgroup),
    /// To a process and all that belongs to it.
    Signal {
        process: u64,
        signal: Signal,
    },
    /// Look whether a task answers on its port. The answer is [`Agent::probed`].
    Probe {
        probe: u64,
        target: Target,
    },
    /// It need not be answered any more, if it is such a one.
    EndProbe {
        probe: u64,
    },
    /// Show the user what a failed program wrote last. `who` it was, and `how` it ended.
    LastWords {
        who: String,
        how: String,
        directory: PathBuf,
    },
    /// Make the directories of persistent volumes, and remove those of others.
    Volumes {
        make: Vec<PathBuf>,
        remove: Vec<PathBuf>,
    },
    /// Link volumes into the sandbox of a running executor.
    Mount {
        directory: PathBuf,
        mounts: Vec<Mount>,
    },
    /// Remove these links from it.
    Unmount {
        directory: PathBuf,
        mounts: Vec<Mount>,
    },
    /// Remove these sandboxes.
    Remove(Vec<Litter>),
    /// See how full the disk is. The answer is [`Agent::disk_usage`].
    LookAtDisk,
    /// Somebody who had to wait may have to no longer.
    Relief,
    /// The agent's process is to end: its master has told it to.
    Ended,
}

#[derive(Debug, Clone, PartialEq)]
enum Timer {
    /// Ask the master again.
    Register { attempt: u64, backoff: Duration },
    /// The master had to be heard of by now.
    Silence,
    /// A HEARTBEAT on an executor's stream.
    Heartbeat { process: u64 },
    /// Send an unacknowledged update again.
    Retry { framework: String, task: String, uuid: Vec<u8> },
    /// Send an update that was held back.
    Tell { framework: String, task: String, uuid: Vec<u8> },
    /// Send the unacknowledged update of an operation again.
    Operation { name: String },
    /// The grace period of a kill or shutdown is over.
    Grace { process: u64 },
    /// An executor had to be subscribed by now.
    Registration { process: u64 },
    /// Executors had to be back by now.
    Reregistration,
    /// A check of a command is due.
    Check { process: u64, index: usize },
    /// A probe had to be done by now.
    Probe { probe: u64 },
    /// A simulated program starts, or ends with this status.
    Simulated { process: u64, end: Option<i32> },
    /// The task's max_completion_time is over.
    Completion { process: u64 },
    /// The oldest sandbox of what has ended is old enough to go.
    Collect,
    /// It is time to see how full the disk is.
    DiskWatch,
}

/// An agent.
pub struct Agent {
    pub identity: Identity,
    now: Time,
    /// As the master has given it.
    pub id: Option<SlaveId>,
    master: Master,
    /// What it has: at first what its identity says, then what operations made of that.
    pub total: Resources,
    /// Operations whose updates are not acknowledged, by the master's name.
    pub operations: BTreeMap<String, Operation>,
    /// Set from the word of operators until nothing is left.
    pub drain: Option<Drain>,
    pub frameworks: BTreeMap<String, Framework>,
    /// Ends of tasks that the master has and this agent does not know: by framework, which it need not know either, and task. As in Mesos
    /// they are told until they are acknowledged, and not written down.
    pub strangers: BTreeMap<(String, String), Updates>,
    /// By the helper's number of the process.
    pub containers: BTreeMap<u64, Container>,
    /// Probes that are under way: of which container, and which of its checks. They have numbers as processes have.
    probes: BTreeMap<u64, (u64, usize)>,
    /// What operators have started in containers, by the helper's number of the process.
    pub companions: BTreeMap<u64, Companion>,
    /// The last processes that have ended, and how.
    ends: VecDeque<(u64, i32)>,
    /// The files in the cache, by user and URI.
    cache: BTreeMap<(String, String), PathBuf>,
    /// Programs that are to be simulated and cannot be, and why.
    unsimulated: Vec<(u64, String)>,
    collector: Collector,
    timers: Timers<Timer>,
    actions: Vec<Action>,
    next_process: u64,
    numbers: u64,
    /// It was told to end, and does so when everything that it runs has.
    ending: bool,
    /// A timer looks whether the master is heard of.
    listens: bool,
}

/// Each agent has its own numbers for the helper's processes: so many.
const PROCESSES: u64 = 1 << 40;

impl Agent {
    /// A new agent, which has to ask for an id.
    pub fn new(identity: Identity, now: Time) -> Agent {
        Agent {
            next_process: identity.number as u64 * PROCESSES + 1,
            total: identity.total.clone(),
            identity,
            now,
            operations: BTreeMap::new(),
            drain: None,
            id: None,
            master: Master::default(),
            frameworks: BTreeMap::new(),
            strangers: BTreeMap::new(),
            containers: BTreeMap::new(),
            probes: BTreeMap::new(),
            companions: BTreeMap::new(),
            ends: VecDeque::new(),
            cache: BTreeMap::new(),
            unsimulated: Vec::new(),
            collector: Collector::default(),
            timers: Timers::default(),
            actions: Vec::new(),
            numbers: 0,
            ending: false,
            listens: false,
        }
    }

    /// Where the next agent in this place goes on with its numbers for processes.
    pub fn next_process(&self) -> u64 {
        self.next_process
    }

    pub fn number_processes_from(&mut self, next: u64) {
        self.next_process = self.next_process.max(next);
    }

    pub fn is_ending(&self) -> bool {
        self.ending
    }

    /// The number of the agent that has the helper's process with this number.
    pub fn owner_of(process: u64) -> usize {
        usize::try_from(process / PROCESSES).unwrap_or(usize::MAX)
    }

    /// The time of what comes next. It never goes back.
    pub fn set_time(&mut self, now: Time) {
        self.now = self.now.max(now);
    }

    /// When [`fire`](Self::fire) has something to do.
    pub fn next_timer(&self) -> Option<Time> {
        self.timers.next()
    }

    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Does what is due.
    pub fn fire(&mut self) {
        while let Some(timer) = self.timers.take(self.now) {
            match timer {
                Timer::Register { attempt, backoff } => self.register_again(attempt, backoff),
                Timer::Silence => self.silence(),
                Timer::Heartbeat { process } => self.heartbeat(process),
                Timer::Retry { framework, task, uuid } => self.retry(&framework, &task, &uuid),
                Timer::Tell { framework, task, uuid } => self.tell_late(&framework, &task, &uuid),
                Timer::Operation { name } => self.send_operation(&name),
                Timer::Grace { process } => self.grace_is_over(process),
                Timer::Registration { process } => self.registration_timeout(process),
                Timer::Reregistration => self.recovered(),
                Timer::Check { process, index } => self.check(process, index),
                Timer::Probe { probe } => self.probe_timeout(probe),
                Timer::Simulated { process, end } => self.simulated(process, end),
                Timer::Completion { process } => self.completion_timeout(process),
                Timer::Collect => self.collect(),
                Timer::DiskWatch => self.watch_disk(),
            }
        }
    }

    /// A message of the master.
    pub fn master_message(&mut self, message: ToAgent) {
        match message {
            ToAgent::Registered { agent } => self.registered(agent),
            ToAgent::Reregistered { agent, missing } => self.reregistered(agent, missing),
            ToAgent::Shutdown { message } => self.told_to_end(&message),
            ToAgent::Ping { connected } => self.pinged(connected),
            ToAgent::RunGroup { .. } if !self.is_registered() => {
                log::info!("a task group comes from a connection that is given up");
            }
            ToAgent::RunGroup {
                framework,
                role,
                executor,
                tasks,
            } => self.run_group(*framework, &role, *executor, tasks),
            // It was sent before this agent asked again: the master will ask for it.
            ToAgent::Run { task, .. } if !self.is_registered() => {
                log::info!("task {} comes from a connection that is given up", task.task_id.value);
            }
            ToAgent::Run { framework, role, task } => self.run(*framework, role, task),
            ToAgent::Apply { name, .. } if !self.is_registered() => {
                log::info!("operation {name} comes from a connection that is given up");
            }
            ToAgent::Apply {
                name,
                framework,
                operation,
            } => self.apply(name, framework, &operation),
            ToAgent::AcknowledgeOperation { name, uuid } => self.operation_acknowledged(&name, &uuid),
            ToAgent::MissingOperations { operations } => self.missing_operations(operations),
            ToAgent::Kill { framework, task, policy } => self.kill(&framework, &task, policy),
            ToAgent::Drain { grace, mark_gone } => self.drain(grace, mark_gone),
            ToAgent::Acknowledge { framework, task, uuid } => self.acknowledged(&framework, &task, &uuid),
            ToAgent::ShutdownExecutor { framework, executor } => {
                let found = self.find_executor(&framework, &executor).ok();
                let found = found.or_else(|| self.default_executor(&framework, &executor));
                found.into_iter().for_each(|process| self.shutdown(process));
            }
            ToAgent::ShutdownFramework { framework } => self.shutdown_framework(&framework),
            ToAgent::Message {
                framework,
                executor,
                data,
            } => self.message_to_executor(&framework, &executor, data),
            ToAgent::UpdateFramework { framework, resend } => self.update_framework(*framework, resend),
        }
    }

    fn tell_master(&mut self, message: ToMaster) {
        self.actions.push(Action::ToMaster(message));
    }

    fn relief(&mut self) {
        self.actions.push(Action::Relief);
    }

    fn agent_id(&self) -> SlaveId {
        self.id.clone().unwrap_or_default()
    }

    /// What it says of itself.
    pub fn slave_info(&self) -> SlaveInfo {
        SlaveInfo {
            hostname: self.identity.hostname.clone(),
            port: Some(i32::from(self.identity.address.port())),
            resources: self.total.items().to_vec(),
            attributes: self.identity.attributes.clone(),
            id: self.id.clone(),
            ..Default::default()
        }
    }

    /// The framework and everything of it end, without updates.
    fn shutdown_framework(&mut self, id: &str) {
        // Mesos' agent goes on to tell of these if it does not know the framework, and nobody can acknowledge. Its master does not listen.
        for task in self.strangers_of(id) {
            self.forget_stranger(id, &task);
        }
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        framework.terminating = true;
        let of = |(_, container): &(&u64, &Container)| container.framework == id;
        let processes: Vec<u64> = self.containers.iter().filter(of).map(|(process, _)| *process).collect();
        processes.into_iter().for_each(|process| self.shutdown(process));
        self.tidy(id);
        self.relief();
    }

    /// Forgets a framework of which nothing is left.
    fn tidy(&mut self, id: &str) {
        let done = |f: &Framework| f.terminating || (f.tasks.is_empty() && f.late.is_empty());
        let runs = || self.containers.values().any(|container| container.framework == id);
        if self.frameworks.get(id).is_some_and(done) && !runs() {
            self.frameworks.remove(id);
            self.drain_if_empty();
        }
    }

    fn update_framework(&mut self, info: crate::proto::FrameworkInfo, resend: bool) {
        let id = info.id.as_ref().map(|id| id.value.clone()).unwrap_or_default();
        if let Some(framework) = self.frameworks.get_mut(&id) {
            framework.info = info;
            if resend {
                self.resend(&id);
            }
        }
    }

    /// The master wants nothing to do with this agent: everything ends.
    fn told_to_end(&mut self, message: &str) {
        log::warn!("an embedded agent ends: {message}");
        self.master = Master::default();
        let frameworks: Vec<String> = self.frameworks.keys().cloned().collect();
        frameworks.iter().for_each(|id| self.shutdown_framework(id));
        self.ending = true;
        self.end_if_idle();
    }

    /// An agent that is to end waits for what it runs.
    fn end_if_idle(&mut self) {
        if self.ending && self.containers.is_empty() {
            self.actions.push(Action::Ended);
        }
    }
}
