//! A framework that counts what it gets, dies in some callbacks, and compares its books with the agents' in the end.

use super::agents::{number, Agents};
use super::scheduler::acknowledge;
use super::{message, wait_for};
use mesos_perl::backends::scheduler;
use mesos_perl::channel::Channel;
use mesos_perl::driver::{SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::event::Event;
use mesos_perl::proto::{FrameworkInfo, TaskStatus};
use prost::Message;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

/// See the module.
pub struct Framework {
    pub driver: Arc<dyn SchedulerDriver>,
    pub channel: Channel,
    /// How often each update was delivered.
    pub delivered: BTreeMap<u64, usize>,
    /// How many callbacks of each update returned normally.
    pub handled: BTreeMap<u64, usize>,
    /// `registered`, `disconnected`, `reregistered`, in their order.
    pub connection: Vec<String>,
    /// The first callback for every update of which this is a divisor dies.
    pub dies: u64,
}

impl Framework {
    pub fn start(master: &str) -> Self {
        let info = FrameworkInfo {
            name: "faults".into(),
            ..Default::default()
        };
        let options = SchedulerOptions {
            master: master.to_string(),
            framework: info.encode_to_vec(),
            implicit_acknowledgements: true,
            ..Default::default()
        };
        let channel = Channel::new();
        let driver = scheduler::new(options, channel.clone()).expect("driver");
        assert_eq!(driver.start(), Ok(Status::Running));
        Framework {
            driver,
            channel,
            delivered: BTreeMap::new(),
            handled: BTreeMap::new(),
            connection: Vec::new(),
            dies: 0,
        }
    }

    /// Handles what is queued; whether there was something.
    pub fn step(&mut self) -> bool {
        let Some(event) = self.channel.take() else { return false };
        match &*event.name {
            "statusUpdate" => self.update(&event),
            "registered" | "reregistered" | "disconnected" => self.connection.push(event.name.into_owned()),
            other => panic!("{other}: {event:?}"),
        }
        true
    }

    fn update(&mut self, event: &Event) {
        let status: TaskStatus = message(event, 0);
        let number = number(status.uuid.as_ref().expect("uuid"));
        let times = self.delivered.entry(number).or_default();
        *times += 1;
        if *times == 1 && self.dies > 0 && number % self.dies == 0 {
            return;
        }
        *self.handled.entry(number).or_default() += 1;
        assert!(acknowledge(event), "an update of an agent is to be acknowledged");
    }

    /// Handles events until the condition holds.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        wait_for(what, || {
            while self.step() {}
            done(self).then_some(())
        });
    }

    /// How often the driver has (re)registered.
    pub fn registrations(&self) -> usize {
        self.connection.iter().filter(|name| name.ends_with("registered")).count()
    }

    /// Nothing lost, nothing acknowledged falsely, nothing delivered more often than sent, callbacks in their order.
    pub fn balance(&mut self, agents: &Agents) {
        self.until("all updates to be acknowledged", |_| agents.lock().pending.is_empty());
        let ledger = agents.lock().clone();
        assert!(
            ledger.sent.keys().eq(self.delivered.keys()),
            "each update that was sent was delivered"
        );
        for (number, times) in &self.delivered {
            assert!(
                *times <= ledger.sent[number],
                "update {number}: {times} deliveries of {} sent",
                ledger.sent[number]
            );
        }
        assert!(ledger.acknowledged.keys().eq(self.handled.keys()));
        for (number, times) in &ledger.acknowledged {
            assert!(
                *times <= self.handled[number],
                "update {number}: {times} acknowledgements, {} callbacks",
                self.handled[number]
            );
        }
        assert!(ledger.unanswered <= 256, "{} calls unanswered", ledger.unanswered);
        for (index, name) in self.connection.iter().enumerate() {
            let expected = match index {
                0 => "registered",
                _ if index % 2 == 0 => "reregistered",
                _ => "disconnected",
            };
            assert_eq!(name, expected, "{:?}", self.connection);
        }
    }
}

/// For tests that measure their process: runs the test of this name alone in one of its own, where this is true.
pub fn alone(test: &str) -> bool {
    const ALONE: &str = "MESOS_TEST_ALONE";
    if std::env::var_os(ALONE).is_some_and(|name| name == test) {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let status = command.args(["--exact", test, "--nocapture"]).env(ALONE, test).status();
    assert!(status.expect("this program again").success(), "{test}: see above");
    false
}

/// Resident memory of this process in bytes.
pub fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes << 10
}
