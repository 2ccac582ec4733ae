//! The cluster's parts put together: a master, agents, the links between them, event streams and the helper.
//!
//! The machines decide, this module carries out. Everything runs on one thread, and nothing here waits: events are queued on streams,
//! programs are started by the helper.

use super::agent::helper::Helper;
use super::agent::launch::{Launch, LaunchError};
use super::agent::state::Identity;
use super::agent::{self, last_words, sandbox, volumes, Agent};
use super::clock::{Clock, Time};
use super::events::Stream;
use super::faults::Faults;
use super::helper_protocol::{Program, Report};
use super::link::{Letter, Links};
use super::master::{self, Master, Registry};
use super::probe::{self, Order, Seen};
use super::readers::Readers;
use super::remover::{self, Remover};
use super::settings::access::Access;
use super::settings::isolation::Isolation;
use super::settings::tls::Tls;
use super::stream::{Event, EventStream, Format, Records, Subscriber};
use slots::{Slot, Slots, State};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{watch, Notify};

pub use masters::{Masters, Standing};

/// What is late by so much was not looked at in time.
const STANDSTILL: Duration = Duration::from_secs(1);

/// What does not change while the cluster runs.
pub struct Settings {
    /// Whose the cluster is, and its helper: who this process was when it was started.
    pub owner: nix::unistd::Uid,
    /// By which others reach the agents.
    pub address: SocketAddr,
    /// It listens on the loopback interface only.
    pub local_only: bool,
    pub work_dir: PathBuf,
    /// Where the containers' cgroups are, if they have any.
    pub cgroup: Option<PathBuf>,
    pub isolation: Isolation,
    /// What every client but an executor has to know, also for /health, unless `access` has other ways. Never written anywhere.
    pub secret: String,
    /// What opens `/mesos-local/`, if that is there.
    pub control: Option<String>,
    pub access: Access,
    pub tls: Option<Tls>,
}

/// What somebody outside knows of a place for an agent.
pub struct Place {
    pub number: usize,
    /// Of the agent that is there, or was when it crashed.
    pub id: Option<String>,
    pub hostname: String,
    pub state: &'static str,
    /// Whether the link to the master is.
    pub cut: bool,
}

/// An open answer to SUBSCRIBE.
pub struct Opened {
    pub stream: Stream,
    pub records: Records,
    pub subscriber: Subscriber,
}

pub struct Core {
    pub settings: Settings,
    pub clock: Clock,
    /// The one that leads; while none does, one that knows what the last one has left, and that nobody reaches.
    pub master: Master,
    pub masters: Masters,
    /// What is to go wrong next.
    pub faults: Faults,
    /// Calls that are late on demand, and when they go on.
    held: Vec<(Time, Rc<Notify>)>,
    slots: Slots,
    /// How many there were at first.
    at_first: usize,
    links: Links,
    streams: BTreeMap<u64, EventStream>,
    next_stream: u64,
    helper: Helper,
    probes: probe::Orders,
    remover: Remover,
    /// Notified when a call that must wait may have to no longer.
    pub relief: Arc<Notify>,
    /// Who reads files of sandboxes.
    pub readers: Readers,
    /// Notified when something may be due earlier than before.
    changed: Rc<Notify>,
    /// Counts the turns, for those that look at what has changed.
    turns: watch::Sender<u64>,
}

impl Core {
    /// Masters, of which one leads and the others stand by, with `agents`, which have registered when this returns.
    pub fn new(
        settings: Settings,
        leader: master::Identity,
        standbys: Vec<master::Identity>,
        agents: Vec<Identity>,
        helper: Helper,
        probes: probe::Orders,
        clock: Clock,
    ) -> Self {
        let mut core = Core {
            settings,
            master: Master::new(leader.clone(), Registry::default(), clock.now()),
            masters: Masters::new(leader, standbys),
            clock,
            faults: Faults::default(),
            held: Vec::new(),
            slots: Slots::default(),
            at_first: agents.len(),
            links: Links::default(),
            streams: BTreeMap::new(),
            next_stream: 1,
            helper,
            probes,
            remover: Remover::default(),
            relief: Arc::default(),
            readers: Readers::default(),
            changed: Rc::default(),
            turns: watch::channel(0).0,
        };
        for identity in agents {
            core.add_agent(identity);
        }
        core.run();
        core
    }

    /// One more agent, whose number is that of its place.
    pub fn add_agent(&mut self, mut identity: Identity) {
        identity.number = self.links.add();
        let mut agent = Agent::new(identity.clone(), self.clock.now());
        agent.master_detected();
        self.slots.push(identity, agent);
    }

    /// One more agent, with what the first one has.
    pub fn add_agent_like_the_others(&mut self) {
        if let Some(identity) = self.slots.get(0).map(|slot| slot.identity.clone()) {
            self.add_agent(identity);
        }
    }

    /// The agents that run.
    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.slots.iter().filter_map(Slot::agent)
    }

    /// All places for agents.
    pub fn places(&self) -> Vec<Place> {
        let place = |(number, slot): (usize, &Slot)| {
            let (id, state) = match &slot.state {
                State::Runs(agent) => (&agent.id, "running"),
                State::Crashed(checkpoint) => (&checkpoint.id, "crashed"),
                State::Ended => (&None, "ended"),
            };
            Place {
                number,
                id: id.as_ref().map(|id| id.value.clone()),
                hostname: slot.identity.hostname.clone(),
                state,
                cut: self.links.is_cut(number),
            }
        };
        self.slots.iter().enumerate().map(place).collect()
    }

    /// How many places there were at first.
    pub fn agents_at_first(&self) -> usize {
        self.at_first
    }

    /// The ids of all that have run something which may still be there.
    pub fn agent_ids(&self) -> Vec<String> {
        let id = |slot: &Slot| match &slot.state {
            State::Runs(agent) => agent.id.clone(),
            State::Crashed(checkpoint) => checkpoint.id.clone(),
            State::Ended => None,
        };
        self.slots.iter().filter_map(id).map(|id| id.value).collect()
    }

    /// The agent with this number, if it runs.
    pub fn running_agent(&self, number: usize) -> Option<&Agent> {
        self.slots.get(number)?.agent()
    }

    pub fn agent(&mut self, number: usize) -> Option<&mut Agent> {
        self.slots.get_mut(number)?.agent_mut()
    }

    /// Whether an agent has crashed and may come back. Of its executors nobody knows anything until then.
    pub fn an_agent_is_down(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot.state, State::Crashed(_)))
    }

    /// Whether an agent that is down has left an executor with these ids.
    pub fn is_left(&self, framework: &str, executor: &str) -> bool {
        self.slots.iter().any(|slot| match &slot.state {
            State::Crashed(checkpoint) => {
                let mut containers = checkpoint.containers.values();
                containers.any(|container| container.framework == framework && container.executor_id == executor)
            }
            State::Runs(_) | State::Ended => false,
        })
    }

    fn agents_mut(&mut self) -> impl Iterator<Item = &mut Agent> {
        self.slots.iter_mut().filter_map(Slot::agent_mut)
    }

    /// How many event streams are open.
    #[cfg(any(test, feature = "stage"))]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// A fresh event stream, whose records are the body of an answer.
    pub fn open_stream(&mut self, format: Format) -> Opened {
        let stream = Stream::new(self.next_stream);
        self.next_stream += 1;
        let (events, records, subscriber) = EventStream::open(format, stream.backlog.clone(), self.relief.clone());
        self.streams.insert(stream.id, events);
        Opened {
            stream,
            records,
            subscriber,
        }
    }

    /// The subscriber of a stream has gone.
    pub fn stream_closed(&mut self, stream: u64) {
        self.tick();
        self.streams.remove(&stream);
        self.master.stream_closed(stream);
        self.agents_mut().for_each(|agent| agent.stream_closed(stream));
        self.run();
    }

    /// Tells everybody the time: an agent hears it when it is asked for something.
    pub fn tick(&mut self) {
        let now = self.clock.now();
        self.master.set_time(now);
        self.slots.set_time(now);
    }

    /// Something was due long ago: this process was stopped, or it had no processor. What others have sent meanwhile was sent in time.
    pub fn has_stood_still(&self) -> bool {
        self.next().is_some_and(|due| due.plus(STANDSTILL) < self.clock.now())
    }

    /// Does what is due, and what follows. After a standstill that has to wait for `catch_up`.
    pub fn run(&mut self) {
        self.tick();
        if !self.has_stood_still() {
            self.fire();
        }
        self.carry_on();
    }

    /// As `run`, when all that others sent during a standstill has been read.
    pub fn catch_up(&mut self) {
        self.tick();
        self.fire();
        self.carry_on();
    }

    fn fire(&mut self) {
        self.let_go();
        self.elect();
        if self.masters.leader().is_some() {
            self.master.fire();
        }
        for number in self.slots.with_due_timers() {
            self.agent(number).into_iter().for_each(Agent::fire);
        }
    }

    /// Carries out what the machines want, until they want nothing more.
    fn carry_on(&mut self) {
        while self.carry_out() {}
        self.slots.settle();
        self.changed.notify_one();
        self.turns.send_modify(|turns| *turns += 1);
    }

    /// Whether there was anything.
    fn carry_out(&mut self) -> bool {
        let now = self.clock.now();
        let mut some = false;
        for action in self.master.take_actions() {
            some = true;
            match action {
                master::Action::Send { stream, event } => self.send(stream, &*event),
                master::Action::End { stream } => drop(self.streams.remove(&stream)),
                master::Action::ToAgent { link, message } => self.links.send(now, link, Letter::ToAgent(message)),
            }
        }
        for number in self.slots.touched() {
            let actions = self.agent(number).map(Agent::take_actions).unwrap_or_default();
            some |= !actions.is_empty();
            actions.into_iter().for_each(|action| self.carry_out_for(number, action));
        }
        while let Some((link, letter)) = self.links.receive(now) {
            some = true;
            match letter {
                Letter::ToMaster(message) => self.arrives_at_master(link, message),
                Letter::ToAgent(message) => {
                    if let Some(agent) = self.agent(link) {
                        agent.master_message(message);
                    }
                }
            }
        }
        some
    }

    fn carry_out_for(&mut self, number: usize, action: agent::Action) {
        use agent::Action;
        match action {
            Action::ToMaster(message) => self.links.send(self.clock.now(), number, Letter::ToMaster(message)),
            Action::Send { stream, event } => self.send(stream, &*event),
            Action::End { stream } => drop(self.streams.remove(&stream)),
            Action::Start { process, launch } => {
                let is_check = self
                    .agent(number)
                    .map_or(true, |agent| !agent.containers.contains_key(&process));
                let failed = if is_check { None } else { self.faults.of_launch() };
                let started = match failed {
                    Some(failed) => Err(LaunchError::OnDemand(failed.reason, failed.text)),
                    None => self.start(process, *launch),
                };
                if let Err(error) = started {
                    if let Some(agent) = self.agent(number) {
                        agent.not_started(process, error);
                    }
                }
            }
            Action::Signal { process, signal } => self.helper.signal(process, signal),
            Action::Limit(cgroup) => self.helper.limit(cgroup),
            Action::Probe { probe, target } => drop(self.probes.send(Order::Begin { probe, target })),
            Action::EndProbe { probe } => drop(self.probes.send(Order::End { probe })),
            Action::Volumes { make, remove } => {
                let done = make.iter().map(|path| (path, volumes::make(path)));
                let done = done.chain(remove.iter().map(|path| (path, volumes::remove(path))));
                for (path, error) in done.filter_map(|(path, done)| Some((path, done.err()?))) {
                    log::error!("persistent volume {}: {error}", path.display());
                }
            }
            Action::Mount { directory, mounts } => {
                if let Err(e) = volumes::link(&directory, &mounts) {
                    log::error!("{e}");
                }
            }
            Action::Unmount { directory, mounts } => volumes::unlink(&directory, &mounts),
            Action::LastWords { who, how, directory } => last_words::tell_of(&who, &how, &directory),
            Action::Remove(litter) => self.remover.remove(&self.settings.work_dir, litter),
            Action::LookAtDisk => {
                let usage = remover::disk_usage(&self.settings.work_dir);
                if let (Some(usage), Some(agent)) = (usage, self.agent(number)) {
                    agent.disk_usage(usage);
                }
            }
            Action::Relief => self.relief.notify_waiters(),
            Action::Ended => {
                if let Some(slot) = self.slots.get_mut(number) {
                    if let State::Runs(agent) = &mut slot.state {
                        slot.collector = agent.take_collector();
                        slot.ended = agent.id.as_ref().map(|id| id.value.clone());
                        slot.next_process = agent.next_process();
                        slot.total = agent.total.clone();
                    }
                    slot.state = State::Ended;
                    if std::mem::take(&mut slot.again) {
                        self.start_new(number);
                    }
                }
            }
        }
    }

    /// An event on a stream, unless that has ended.
    fn send(&self, stream: u64, event: &impl Event) {
        if let Some(stream) = self.streams.get(&stream) {
            stream.send(event);
        }
    }

    /// Makes a program's sandbox, unless it is there, and has the program started in it.
    fn start(&self, process: u64, launch: Launch) -> Result<(), LaunchError> {
        if self.helper.is_gone() {
            let reason = "the helper process of the embedded cluster has ended".to_string();
            return Err(LaunchError::Container(reason));
        }
        let user = sandbox::user(&launch.user, self.settings.owner);
        let ways = self.remover.keep_ways();
        for place in &launch.places {
            let failed = |reason: String| {
                let directory = place.runs.join(&place.container);
                let directory = directory.display();
                LaunchError::Directory(format!("Failed to create executor directory '{directory}': {reason}"))
            };
            let user = user.as_ref().map_err(|e| failed(e.clone()))?;
            sandbox::create(place, user.as_ref()).map_err(|e| failed(e.to_string()))?;
        }
        drop(ways);
        if let Some(innermost) = launch.places.last() {
            let sandbox = innermost.runs.join(&innermost.container);
            volumes::link(&sandbox, &launch.mounts).map_err(LaunchError::Container)?;
        }
        let user = user.map_err(LaunchError::Container)?;
        self.helper.start(process, Program { user, ..launch.program? });
        Ok(())
    }

    /// What the helper said about one of its processes.
    pub fn helper_report(&mut self, report: Report) {
        self.tick();
        let process = match &report {
            Report::Ready { .. } => return,
            Report::Started { process, .. }
            | Report::Failed { process, .. }
            | Report::OutOfMemory { process, .. }
            | Report::Exited { process, .. } => *process,
        };
        match self.slots.get_mut(Agent::owner_of(process)).map(|slot| &mut slot.state) {
            Some(State::Runs(agent)) => agent.helper_report(report),
            Some(State::Crashed(checkpoint)) => checkpoint.report(report),
            Some(State::Ended) | None => {}
        }
        self.run();
    }

    /// What a probe of some agent has found.
    pub fn probed(&mut self, probe: u64, seen: Result<Seen, String>) {
        self.tick();
        if let Some(agent) = self.agent(Agent::owner_of(probe)) {
            agent.probed(probe, seen);
        }
        self.run();
    }

    /// The helper is gone, and everything that it ran with it.
    pub fn helper_gone(&mut self) {
        self.tick();
        self.helper.gone();
        for slot in self.slots.iter_mut() {
            match &mut slot.state {
                State::Runs(agent) => agent.helper_gone(),
                State::Crashed(checkpoint) => checkpoint.helper_gone(),
                State::Ended => {}
            }
        }
        self.run();
    }

    /// Whether the helper was told to end.
    pub fn dismissed_helper(&self) -> bool {
        self.helper.is_dismissed()
    }

    /// Has the helper kill everything and end.
    pub fn shutdown_helper(&self) {
        self.helper.shutdown();
    }

    /// When [`run`](Self::run) has something to do, on the cluster's clock.
    pub fn next(&self) -> Option<Time> {
        let leads = self.masters.leader().and(self.master.next_timer());
        self.next_of_others().into_iter().chain(leads).min()
    }

    /// The same without the leading master.
    fn next_of_others(&self) -> Option<Time> {
        let held = self.held.iter().map(|(due, _)| *due);
        let agents = self.slots.next_timer().into_iter();
        agents.chain(self.masters.next()).chain(self.links.next()).chain(held).min()
    }

    /// The same on the system's clock; `None` is not before something else happens.
    pub fn due(&self) -> Option<Instant> {
        Instant::now().checked_add(self.clock.wait(self.next()?)?)
    }

    /// Tells of each turn, after which something may be different.
    pub fn turns(&self) -> watch::Receiver<u64> {
        self.turns.subscribe()
    }

    pub fn changed(&self) -> Rc<Notify> {
        self.changed.clone()
    }

    /// The process of the executor whose token this is.
    pub fn executor_of_token(&self, token: &[u8]) -> Option<u64> {
        self.agents().find_map(|agent| agent.executor_of_token(token))
    }

    /// The process of an executor; the errors are in the words of an agent. Two agents can have executors with the same ids: `only` is the
    /// process that is meant, if that is known.
    pub fn find_executor(&self, framework: &str, executor: &str, only: Option<u64>) -> Result<u64, &'static str> {
        if let Some(process) = only {
            let agent = self.slots.get(Agent::owner_of(process)).and_then(Slot::agent);
            let container = agent.and_then(|agent| agent.containers.get(&process));
            if container.is_some_and(|c| c.framework == framework && c.executor_id == executor) {
                return Ok(process);
            }
        }
        let mut error = "Framework cannot be found";
        for agent in self.agents() {
            match agent.find_executor(framework, executor) {
                Ok(process) => return Ok(process),
                Err(e) if e != error => error = e,
                Err(_) => {}
            }
        }
        Err(error)
    }

    /// Moves the clock on, step by step, so that each timer fires in its turn.
    pub fn advance(&mut self, by: Duration) {
        let end = self.clock.now().plus(by);
        self.master.something_happened();
        loop {
            let now = self.clock.now();
            let others = self.next_of_others();
            self.master.leave_out_rounds(others.map_or(end, |others| others.min(end)));
            match self.next().filter(|next| *next <= end) {
                Some(next) => self.clock.advance(next.after(now)),
                None => break self.clock.advance(end.after(now)),
            }
            self.run();
        }
    }
}

#[cfg(any(test, feature = "stage"))]
pub mod conserved;
mod faults;
mod masters;
mod places;
mod slots;
#[cfg(test)]
pub mod tests;
