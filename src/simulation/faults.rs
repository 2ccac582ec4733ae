//! What goes wrong, and the end of it.

use super::dice::note;
use super::network::{Party, Told};
use super::world::{Due, World, AGENTS};
use crate::local::Control;
use crate::native::machine::Machine;
use crate::native::protocol::action::Link;
use std::time::Duration;

/// No faults come later than that.
const STORM: Duration = Duration::from_secs(80);
/// A driver is back by then: its watchdog's 75 s, the longest wait for an answer to SUBSCRIBE of 240 s, the longest pause of 15 s.
const BACK: Duration = Duration::from_secs(350);
/// And by then all has come to an end.
const OVER: Duration = Duration::from_secs(1500);

fn is_scheduler(party: Party) -> bool {
    matches!(party, Party::Scheduler(_))
}

impl World {
    /// One of the things that go wrong, and when the next one does.
    pub fn fault(&mut self) {
        if self.program.is_calm {
            return;
        }
        let pause = self.dice.within(6_000);
        self.after(pause, Due::Fault);
        match self.dice.below(23) {
            0..=5 => self.connection_fails(),
            6 | 7 => self.bad_weather(),
            8 => self.executor_fails(),
            9..=13 => self.agent_fails(),
            14 | 15 => {
                note!("the master fails over");
                self.stage.control(Control::FailOverMaster);
                self.look();
            }
            16 => self.kill(),
            17 => match self.dice.below(5) {
                0 => self.stop(false),
                1 | 2 => self.stop(true),
                _ => self.abort(),
            },
            18 => {
                let process = self.processes.iter().next().copied();
                process.into_iter().for_each(|process| self.exits(process, 9));
            }
            19 => {
                let count = 1 + self.dice.below(3);
                note!("{count} updates come twice from their agents");
                self.stage.repeat_updates(count);
            }
            20 => {
                let count = 1 + self.dice.below(3);
                note!("{count} updates of agents are lost");
                self.stage.lose_updates(count);
            }
            21 => self.look(),
            _ => {
                self.network.weather.in_pieces = self.dice.percent(20);
                self.network.weather.latest = self.dice.below(2000);
                note!("the weather is {:?}", self.network.weather);
            }
        }
    }

    fn connection_fails(&mut self) {
        let alive = self.network.alive(is_scheduler);
        let Some(id) = self.dice.pick(&alive) else { return };
        let told = [Told::Both, Told::Client, Told::Server, Told::Nobody];
        let told = self.dice.pick(&told).unwrap_or(Told::Both);
        match self.dice.below(4) {
            0 => self.network.cut(id, told, self.now, &mut self.dice),
            1 => {
                let until = self.now + self.dice.within(60_000);
                self.network.hold(id, until);
            }
            _ => {
                let (of_server, bytes) = (self.dice.percent(60), self.dice.below(600) as usize);
                self.network.cut_after(id, of_server, bytes, told);
            }
        }
    }

    fn bad_weather(&mut self) {
        let told = if self.dice.percent(50) { Told::Nobody } else { Told::Both };
        self.network.weather.hangs = self.dice.percent(50);
        self.network.weather.refuses = !self.network.weather.hangs;
        note!("the weather is {:?}", self.network.weather);
        if self.dice.percent(70) {
            for id in self.network.alive(is_scheduler) {
                self.network.cut(id, told, self.now, &mut self.dice);
            }
        }
        let time = self.dice.within(60_000);
        self.after(time, Due::GoodWeather);
    }

    /// On one host nothing is silent for ever.
    fn executor_fails(&mut self) {
        let alive = self.network.alive(|party| !is_scheduler(party));
        match self.dice.pick(&alive) {
            Some(id) if self.dice.percent(70) => match self.dice.percent(50) {
                true => self.network.cut(id, Told::Both, self.now, &mut self.dice),
                false => {
                    let (of_server, bytes) = (self.dice.percent(60), self.dice.below(600) as usize);
                    self.network.cut_after(id, of_server, bytes, Told::Both);
                }
            },
            _ => {
                let process = self.executors.keys().next().copied();
                process.into_iter().for_each(|process| self.exits(process, 9));
            }
        }
    }

    fn agent_fails(&mut self) {
        let agent = self.dice.below(AGENTS) as usize;
        let control = match self.dice.below(14) {
            0..=2 => Control::CrashAgent(agent),
            3 => Control::StopAgent(agent),
            4..=7 => Control::StartAgent(agent),
            8 | 9 => Control::CutAgent(agent),
            10..=12 => Control::HealAgent(agent),
            _ => Control::DelayAgent(agent, self.dice.within(5000)),
        };
        note!("{control:?}");
        let crashed = matches!(control, Control::CrashAgent(_));
        self.stage.control(control);
        if crashed {
            // Its sockets go with it.
            for id in self.network.alive(|party| !is_scheduler(party)) {
                let Some(Party::Executor(process)) = self.network.connections.get(&id).map(|c| c.party) else {
                    continue;
                };
                if Self::agent_of(process) == agent {
                    self.network.cut(id, Told::Both, self.now, &mut self.dice);
                }
            }
        }
    }

    fn agent_of(process: u64) -> usize {
        crate::local::stage::owner_of(process)
    }

    /// The whole history: a storm, its end, what must be so after it, and the end of everything.
    pub fn history(&mut self) {
        self.run(STORM, |_| false);
        self.heal();
        self.describe();
        let healed = self.now;
        assert!(
            self.run(healed + BACK, World::is_back),
            "the driver is back when the network heals"
        );
        let over = |world: &mut World| {
            let owed = world.scheduler.as_ref().map_or(true, |s| !s.books.owed().is_empty());
            // The framework's end is one call: it must not be told to a connection that stands still.
            let flows = !world.network.stands_still(world.now);
            world.program.is_over() && !owed && world.unacknowledged().is_empty() && world.is_back() && flows
        };
        if !self.run(healed + OVER, over) {
            self.describe();
            let open = self
                .program
                .tasks
                .iter()
                .filter(|(_, task)| !task.is_over())
                .map(|(id, _)| id);
            let open: Vec<_> = open.cloned().collect();
            let owed = self.scheduler.as_ref().map(|s| s.books.owed());
            panic!(
                "all comes to an end: tasks {open:?}, the driver owes {owed:?}, updates that nobody acknowledges {:?}",
                self.unacknowledged()
            );
        }
        self.end();
    }

    fn unacknowledged(&self) -> Vec<String> {
        self.stage.unacknowledged(self.program.id.as_deref().unwrap_or_default())
    }

    /// The driver and the master are subscribed to each other, and no connection is one that hangs.
    fn is_back(&mut self) -> bool {
        let Some(scheduler) = &mut self.scheduler else { return false };
        let (stream, calls) = (
            scheduler.driver.connection(Link::Stream),
            scheduler.driver.connection(Link::Calls),
        );
        let session = scheduler.driver.machine.session();
        session.is_subscribed()
            && session.is_drained()
            && stream.is_some_and(|stream| self.network.is_alive(stream))
            && calls.map_or(true, |calls| self.network.is_alive(calls))
            && self.program.id.as_ref().is_some_and(|id| self.stage.knows(id))
    }

    /// From now on nothing new goes wrong, and what is broken is repaired. Updates that were to be lost or repeated still are.
    fn heal(&mut self) {
        note!("from here on all is well");
        self.program.is_calm = true;
        self.network.weather = super::network::Weather {
            latest: 20,
            ..Default::default()
        };
        self.network.disarm();
        self.see_clearly();
        for agent in 0..AGENTS as usize {
            for control in [
                Control::HealAgent(agent),
                Control::DelayAgent(agent, Duration::ZERO),
                Control::StartAgent(agent),
            ] {
                self.stage.control(control);
            }
        }
        if self
            .scheduler
            .as_ref()
            .is_some_and(|scheduler| !scheduler.runs() && scheduler.error.is_none())
        {
            let limit = self.now + Duration::from_secs(6);
            self.stop(true);
            assert!(
                self.run(limit, |world| world.scheduler.is_none()),
                "a stop takes five seconds at most"
            );
        }
        self.after(Duration::ZERO, Due::Starts);
    }

    /// What starts agents again, if a master has told them to end: those that were removed may not come back as they were.
    pub fn supervise(&mut self) {
        for agent in 0..AGENTS as usize {
            self.stage.control(Control::StartAgent(agent));
        }
    }

    /// The program ends its framework, and nothing is left of it.
    fn end(&mut self) {
        self.ends = true;
        if self.dice.percent(30) {
            self.abort();
        }
        self.stop(false);
        let limit = self.now + Duration::from_secs(6);
        assert!(
            self.run(limit, |world| world.scheduler.is_none()),
            "a stop takes five seconds at most"
        );
        self.run(self.now + Duration::from_secs(90), |_| false);
        if self.has_strays {
            // By now each agent is back, and has brought what it had to the master, as in Mesos.
            self.stage.tear_down_others(self.program.id.as_deref().unwrap_or_default());
            self.run(self.now + Duration::from_secs(90), |_| false);
        }
        for server in self.network.forgotten() {
            self.stage.end(server, false);
        }
        self.run(self.now + Duration::from_secs(1), |_| false);
        self.describe();
        assert_eq!(self.stage.left(), [""; 0], "nothing is left");
        assert!(self.executors.is_empty() && self.processes.is_empty(), "no process is left");
    }
}
