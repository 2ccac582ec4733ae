//! Everything in one world: a cluster, a framework's program and its drivers, executors, the network between them, and what goes wrong.

use super::dice::{is_written, line, note, set_now, Dice};
use super::executor::{Executor, Next};
use super::network::{Arrival, Network, Party};
use super::program::{Program, Scheduler};
use super::Sabotage;
use crate::local::helper_protocol::Report;
use crate::local::stage::{Order, Stage};
use crate::local::Intervals;
use crate::native::machine::Machine;
use crate::native::protocol::action::Link;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub const AGENTS: u64 = 2;
/// More than any history takes: beyond it something goes round in circles.
const STEPS: usize = 300_000;

/// What the world does itself at some time.
pub enum Due {
    /// The callback of this driver returns.
    Returns(u64),
    Tick,
    Fault,
    /// A process that is no executor ends.
    Exits(u64, i32),
    TaskEnds(u64, String),
    /// The program has another driver.
    Starts,
    /// The aborted driver with this number is stopped.
    Stops(u64),
    GoodWeather,
    /// What the detector of this driver finds: whether a master leads.
    Detected(u64, bool),
}

pub struct World {
    pub now: Duration,
    pub dice: Dice,
    pub stage: Stage,
    pub network: Network,
    pub program: Program,
    pub scheduler: Option<Scheduler>,
    pub executors: BTreeMap<u64, Executor>,
    /// Tasks that are commands.
    pub processes: BTreeSet<u64>,
    pub(super) due: BTreeMap<(Duration, u64), Due>,
    dues: u64,
    steps: usize,
    /// TEARDOWN was asked for, and nobody knows whether it has come.
    pub may_be_removed: bool,
    /// The cluster may have a framework that was the program's: one torn down of which an agent did not hear, or whose id a program that was
    /// killed had not learned yet.
    pub has_strays: bool,
    /// What an earlier stream has sent comes during the life of this driver: its SUBSCRIBE takes the framework over.
    may_be_taken_over: bool,
    /// The program has no driver any more.
    pub ends: bool,
}

impl World {
    pub fn new(seed: u64, sabotage: Option<Sabotage>) -> World {
        let mut dice = Dice::new(seed);
        set_now(Duration::ZERO);
        let intervals = Intervals {
            allocation: Duration::from_secs(5),
            ping: Duration::from_secs(10),
            recovery_timeout: Duration::from_secs(60 + dice.below(200)),
            retry: Duration::from_secs(5),
            retry_max: Duration::from_secs(60),
            registration: Duration::from_secs(30),
            offer: dice.percent(30).then(|| Duration::from_secs(20)),
            ..Intervals::default()
        };
        let program = Program::new(sabotage, &mut dice);
        let mut world = World {
            now: Duration::ZERO,
            stage: Stage::new(AGENTS as usize, &intervals),
            network: Network::default(),
            program,
            scheduler: None,
            executors: BTreeMap::new(),
            processes: BTreeSet::new(),
            due: BTreeMap::new(),
            dues: 0,
            steps: 0,
            may_be_removed: false,
            has_strays: false,
            may_be_taken_over: false,
            ends: false,
            dice,
        };
        world.network.weather.latest = 20;
        world.after(Duration::ZERO, Due::Starts);
        world.after(Duration::from_secs(1), Due::Tick);
        world.after(Duration::from_secs(2), Due::Fault);
        world
    }

    pub fn after(&mut self, after: Duration, due: Due) {
        self.dues += 1;
        self.due.insert((self.now + after, self.dues), due);
    }

    /// Goes on until `done`, but not longer than `until`. Whether it is done.
    pub fn run(&mut self, until: Duration, done: impl Fn(&mut World) -> bool) -> bool {
        loop {
            self.settle();
            if done(self) {
                return true;
            }
            let Some(next) = self.next().filter(|next| *next <= until) else {
                self.go_to(until);
                self.settle();
                return done(self);
            };
            self.go_to(next.max(self.now));
            self.step();
            self.steps += 1;
            assert!(self.steps < STEPS, "the world goes round in circles");
        }
    }

    fn go_to(&mut self, time: Duration) {
        self.now = time;
        set_now(time);
        self.stage.advance_to(time);
    }

    fn next(&mut self) -> Option<Duration> {
        let scheduler = self.scheduler.as_mut().and_then(|scheduler| scheduler.driver.deadline());
        let executors = self.executors.values_mut().filter_map(|executor| executor.driver.deadline());
        let machines = executors.chain(scheduler).min();
        let own = self.due.keys().next().map(|(when, _)| *when);
        [machines, own, self.stage.due(), self.network.next()]
            .into_iter()
            .flatten()
            .min()
    }

    /// One thing that is due.
    fn step(&mut self) {
        if let Some((connection, arrival)) = self.network.take(self.now) {
            return self.arrives(connection, arrival);
        }
        let first = self.due.keys().next().copied().filter(|(when, _)| *when <= self.now);
        if let Some(due) = first.and_then(|first| self.due.remove(&first)) {
            return self.comes_due(due);
        }
        let now = self.now;
        if let Some(scheduler) = self.scheduler.as_mut() {
            if scheduler.driver.deadline().is_some_and(|deadline| deadline <= now) {
                let now = scheduler.driver.at(now);
                scheduler.driver.machine.tick(now);
            }
        }
        for executor in self.executors.values_mut() {
            if executor.driver.deadline().is_some_and(|deadline| deadline <= now) {
                let now = executor.driver.at(now);
                executor.driver.machine.tick(now);
            }
        }
    }

    fn arrives(&mut self, id: u64, arrival: Arrival) {
        let Some((party, server)) = self.network.connections.get(&id).map(|c| (c.party, c.server)) else {
            return;
        };
        match (arrival, server) {
            (Arrival::Connected, _) => {
                let server = self.stage.connect();
                if let Some(connection) = self.network.connections.get_mut(&id) {
                    connection.server = Some(server);
                }
                self.at_client(party, id, None);
            }
            (Arrival::Refused, _) => self.ends_at_client(party, id, "cannot connect: refused"),
            (Arrival::EndAtClient(why), _) => self.ends_at_client(party, id, why),
            (Arrival::AtClient(bytes), _) => self.at_client(party, id, Some(bytes)),
            (Arrival::AtServer(bytes), Some(server)) => {
                self.may_be_taken_over |= self.network.is_left_stream_of_scheduler(id);
                self.stage.receive(server, &bytes);
            }
            (Arrival::EndAtServer(in_order), Some(server)) => self.stage.end(server, in_order),
            (Arrival::AtServer(_) | Arrival::EndAtServer(_), None) => (),
        }
    }

    /// It is connected, or bytes have come.
    fn at_client(&mut self, party: Party, id: u64, bytes: Option<Vec<u8>>) {
        match party {
            Party::Scheduler(number) => {
                let Some(scheduler) = self.scheduler.as_mut().filter(|s| s.number == number) else {
                    return;
                };
                let Some(link) = scheduler.driver.link_of(id) else { return };
                let now = scheduler.driver.at(self.now);
                match bytes {
                    None => scheduler.driver.machine.opened(link, now),
                    Some(bytes) => {
                        if link == Link::Calls {
                            scheduler.books.received(id, &bytes);
                        }
                        scheduler.driver.machine.received(link, &bytes, now);
                    }
                }
            }
            Party::Executor(process) => {
                let Some(executor) = self.executors.get_mut(&process) else {
                    return;
                };
                let Some(link) = executor.driver.link_of(id) else { return };
                let now = executor.driver.at(self.now);
                match bytes {
                    None => executor.driver.machine.opened(link, now),
                    Some(bytes) => executor.driver.machine.received(link, &bytes, now),
                }
            }
        }
    }

    fn ends_at_client(&mut self, party: Party, id: u64, why: &'static str) {
        note!("connection {id} of {party:?}: {why}");
        match party {
            Party::Scheduler(number) => {
                let Some(scheduler) = self.scheduler.as_mut().filter(|s| s.number == number) else {
                    return;
                };
                let Some(link) = scheduler.driver.link_of(id) else { return };
                scheduler.driver.broken(link, why, self.now);
                if link == Link::Calls {
                    scheduler.books.ended(id);
                }
            }
            Party::Executor(process) => {
                let Some(executor) = self.executors.get_mut(&process) else {
                    return;
                };
                let Some(link) = executor.driver.link_of(id) else { return };
                executor.driver.broken(link, why, self.now);
            }
        }
        if let Some(connection) = self.network.connections.get_mut(&id) {
            connection.is_used = false;
        }
    }

    fn comes_due(&mut self, due: Due) {
        match due {
            Due::Returns(number) => {
                if let Some(scheduler) = self.scheduler.as_mut().filter(|s| s.number == number) {
                    self.program.end(scheduler, &mut self.dice);
                }
            }
            Due::Tick => {
                if let Some(scheduler) = self.scheduler.as_mut().filter(|s| s.busy.is_none()) {
                    self.program.tick(scheduler, &mut self.dice);
                }
                if self.program.is_calm {
                    self.supervise();
                }
                let pause = Duration::from_secs(if self.program.is_calm { 20 } else { 3 });
                self.after(pause, Due::Tick);
            }
            Due::Fault => self.fault(),
            Due::Exits(process, status) => self.exits(process, status),
            Due::TaskEnds(process, task) => {
                if let Some(executor) = self.executors.get_mut(&process) {
                    executor.task_ends(&task, self.now, &mut self.dice);
                }
            }
            Due::Starts => {
                if self.scheduler.is_none() && !self.ends {
                    self.may_be_taken_over = false;
                    self.scheduler = Some(self.program.start(self.now, &mut self.dice));
                }
            }
            Due::Stops(number) => {
                if self.scheduler.as_ref().is_some_and(|s| s.number == number) {
                    self.stop(true);
                }
            }
            Due::Detected(number, leads) => self.detected(number, leads),
            Due::GoodWeather => {
                note!("good weather");
                self.network.weather.refuses = false;
                self.network.weather.hangs = false;
            }
        }
    }

    /// Everybody does what can be done now.
    fn settle(&mut self) {
        let mut touched = false;
        loop {
            let mut busy = false;
            if let Some(scheduler) = self.scheduler.as_mut() {
                let asked = scheduler.asks;
                busy |= scheduler.settle(&mut self.network, self.now, &mut self.dice);
                if scheduler.asks && !asked {
                    self.look();
                }
            }
            busy |= self.call_back();
            for process in self.executors.keys().copied().collect::<Vec<_>>() {
                busy |= self.settle_executor(process);
            }
            for server in self.stage.speaking() {
                busy = true;
                touched = true;
                let (bytes, closed) = self.stage.take(server);
                let Some(connection) = self.network.of_server(server) else {
                    continue;
                };
                if !bytes.is_empty() {
                    self.network.send_to_client(connection, bytes, self.now, &mut self.dice);
                }
                if closed {
                    self.network.server_closes(connection, self.now);
                }
            }
            for order in self.stage.orders() {
                busy = true;
                touched = true;
                self.obey(order);
            }
            self.retire();
            if !busy {
                break;
            }
        }
        if touched {
            self.stage.check();
        }
    }

    /// The program makes its next callback.
    fn call_back(&mut self) -> bool {
        let Some(scheduler) = self.scheduler.as_mut().filter(|s| s.busy.is_none()) else {
            return false;
        };
        let number = scheduler.number;
        match self.program.begin(scheduler, &mut self.dice) {
            None => return false,
            Some(Duration::ZERO) => self.program.end(scheduler, &mut self.dice),
            Some(time) => self.after(time, Due::Returns(number)),
        }
        true
    }

    fn settle_executor(&mut self, process: u64) -> bool {
        let Some(executor) = self.executors.get_mut(&process) else {
            return false;
        };
        let (next, busy) = executor.settle(&mut self.network, self.now, &mut self.dice);
        for next in next {
            match next {
                Next::Ends(status) => self.exits(process, status),
                Next::TaskEnds(task, when) => self.after(when, Due::TaskEnds(process, task)),
            }
        }
        busy
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Start { process, environment } => {
                note!("process {process} starts");
                match Executor::new(process, &environment, self.now, &mut self.dice) {
                    Some(executor) => drop(self.executors.insert(process, executor)),
                    None => {
                        self.processes.insert(process);
                        let time = self.dice.within(60_000);
                        let status = if self.dice.percent(70) { 0 } else { 1 << 8 };
                        self.after(time, Due::Exits(process, status));
                    }
                }
                self.stage.report(Report::Started { process, pid: 1 });
            }
            Order::Signal { process, signal } => self.exits(process, signal),
        }
    }

    pub fn exits(&mut self, process: u64, status: i32) {
        let executor = self.executors.remove(&process);
        if !self.processes.remove(&process) && executor.is_none() {
            return;
        }
        note!("process {process} exits with status {status}");
        if let Some(mut executor) = executor {
            executor.driver.hang_up(&mut self.network, self.now, &mut Vec::new());
        }
        self.stage.report(Report::Exited { process, status });
    }

    /// The driver has ended, or has told of an error: another one takes its place.
    fn retire(&mut self) {
        let Some(scheduler) = self.scheduler.as_ref() else { return };
        if let Some(error) = scheduler.error.clone() {
            let removed = error.contains("removed") && self.may_be_removed;
            let taken_over = error == "Framework failed over" && self.may_be_taken_over;
            assert!(removed || taken_over, "the driver fails for no reason: {error}");
            if removed {
                self.has_strays = true;
                self.program.forget();
                self.may_be_removed = false;
            }
        }
        if scheduler.driver.is_done && (scheduler.error.is_some() || scheduler.stops) {
            self.bury();
        }
    }

    fn bury(&mut self) {
        let Some(scheduler) = self.scheduler.take() else { return };
        assert!(
            scheduler.driver.channel.is_empty(),
            "no callback is left of a driver that has ended"
        );
        let handles = Arc::strong_count(&scheduler.driver.handle);
        assert_eq!(handles, 1, "nobody holds a driver that has ended");
        if !self.program.is_calm || scheduler.error.is_some() {
            let pause = self.dice.within(10_000);
            self.after(pause, Due::Starts);
        }
    }

    /// The program's process is killed.
    pub fn kill(&mut self) {
        let Some(mut scheduler) = self.scheduler.take() else { return };
        note!("the program is killed");
        self.has_strays |= self.program.id.is_none();
        scheduler.driver.hang_up(&mut self.network, self.now, &mut Vec::new());
        let pause = self.dice.within(20_000);
        self.after(pause, Due::Starts);
    }

    pub fn stop(&mut self, failover: bool) {
        let Some(scheduler) = self.scheduler.as_mut() else { return };
        note!("the program stops its driver, failover: {failover}");
        self.may_be_removed |= !failover;
        scheduler.stops = true;
        let handle = &scheduler.driver.handle;
        if handle.gate.silence(|lifecycle| lifecycle.stop()).changed {
            handle.send(crate::native::scheduler::machine::Command::Stop { failover });
        }
    }

    pub fn abort(&mut self) {
        let Some(scheduler) = self.scheduler.as_mut().filter(|s| s.runs()) else {
            return;
        };
        scheduler.settle(&mut self.network, self.now, &mut self.dice);
        note!("the program aborts its driver");
        if scheduler.driver.machine.session().is_subscribed() {
            scheduler.books.aborts();
        }
        let handle = &scheduler.driver.handle;
        if handle.gate.silence(|lifecycle| lifecycle.abort()).changed && self.program.tells_of_aborts() {
            handle.send(crate::native::scheduler::machine::Command::Abort);
        }
        let number = scheduler.number;
        let pause = self.dice.within(30_000);
        scheduler.settle(&mut self.network, self.now, &mut self.dice);
        let (waiting, _) = scheduler.driver.machine.session().calls();
        assert!(
            scheduler.books.has_given_back() || waiting > 0,
            "an abort gives back the offers that the program had"
        );
        self.after(pause, Due::Stops(number));
    }

    /// For a transcript: where everything stands.
    pub fn describe(&mut self) {
        if !is_written() {
            return;
        }
        if let Some(scheduler) = &mut self.scheduler {
            let deadline = scheduler.driver.deadline();
            let session = scheduler.driver.machine.session();
            line(&format!(
                "driver {}: subscribed {}, calls {:?}, deadline {deadline:?}, owes {:?}",
                scheduler.number,
                session.is_subscribed(),
                session.calls(),
                scheduler.books.owed()
            ));
        }
        for (id, task) in self.program.tasks.iter().filter(|(_, task)| !task.is_over()) {
            line(&format!("{id} on {} of {:?}: {:?}", task.agent, task.executor, task.state));
        }
        let (executors, left) = (self.executors.keys(), self.stage.left());
        line(&format!(
            "executors {executors:?}, processes {:?}, left {left:?}",
            self.processes
        ));
    }
}
