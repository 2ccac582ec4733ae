//! An executor's process: its driver, and a program that runs tasks for a while.

use super::books::scalar;
use super::dice::{note, Dice};
use super::driver::{Deed, Driver};
use super::network::{Network, Party};
use crate::driver::counters::Counters;
use crate::driver::framework::value;
use crate::native::executor::environment::Environment;
use crate::native::executor::machine::{complete, Command, ExecutorMachine};
use crate::native::machine::Machine;
use crate::proto::{TaskId, TaskInfo, TaskState, TaskStatus};
use crate::random;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub struct Executor {
    pub process: u64,
    pub driver: Driver<ExecutorMachine>,
    environment: Environment,
    /// Those that were launched here.
    launched: BTreeSet<String>,
    running: BTreeSet<String>,
}

/// What the process does next.
pub enum Next {
    /// It ends, with this raw status of wait(2).
    Ends(i32),
    /// A task comes to its end later.
    TaskEnds(String, Duration),
}

impl Executor {
    pub fn new(process: u64, variables: &BTreeMap<String, String>, now: Duration, dice: &mut Dice) -> Option<Executor> {
        // Tasks that are commands have no token.
        variables.get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN")?;
        let environment = Environment::read(|name| variables.get(name).cloned()).expect("an executor's environment");
        let counters = Arc::new(Counters::executor());
        let machine = ExecutorMachine::new(environment.clone(), counters, dice.below(u64::MAX));
        Some(Executor {
            process,
            driver: Driver::new(machine, Party::Executor(process), now, |_| None),
            environment,
            launched: BTreeSet::new(),
            running: BTreeSet::new(),
        })
    }

    fn update(&mut self, task: &str, state: TaskState, now: Duration) {
        if !self.driver.handle.gate.lifecycle.is_running() {
            return;
        }
        let status = TaskStatus {
            task_id: TaskId { value: task.into() },
            state: state as i32,
            ..Default::default()
        };
        let uuid = random::uuid_v4(random::bytes().expect("bytes")).to_vec();
        let wall = self.driver.at(now).wall;
        let status = complete(&status.encode_to_vec(), &self.environment, &uuid, wall).expect("an update");
        note!("executor {} says that {task} is {}", self.process, state.as_str_name());
        assert!(self.driver.machine.counters().hand_over(usize::MAX));
        self.driver.handle.send(Command::Update { uuid, status });
    }

    /// A task that runs here comes to its end.
    pub fn task_ends(&mut self, task: &str, now: Duration, dice: &mut Dice) {
        if self.running.remove(task) {
            let state = if dice.percent(80) {
                TaskState::TaskFinished
            } else {
                TaskState::TaskFailed
            };
            self.update(task, state, now);
        }
    }

    /// Makes the callbacks that wait. They return at once.
    pub fn call_back(&mut self, now: Duration, dice: &mut Dice) -> Vec<Next> {
        let mut next = Vec::new();
        while let Some(event) = self.driver.take() {
            match &*event.name {
                "launchTask" => {
                    let task = TaskInfo::decode(&scalar(&event.args, 0)[..]).expect("a task").task_id.value;
                    assert!(self.launched.insert(task.clone()), "{task} is launched once");
                    self.running.insert(task.clone());
                    self.update(&task, TaskState::TaskRunning, now);
                    next.push(Next::TaskEnds(task, dice.within(60_000)));
                }
                "killTask" => {
                    let task = value(&scalar(&event.args, 0)).unwrap_or_default();
                    if self.running.remove(&task) {
                        self.update(&task, TaskState::TaskKilled, now);
                    }
                }
                "frameworkMessage" => {
                    let (data, load) = (scalar(&event.args, 0), None);
                    assert!(self.driver.machine.counters().hand_over(usize::MAX));
                    self.driver.handle.send(Command::Message { data, load });
                }
                "shutdown" => {
                    for task in std::mem::take(&mut self.running) {
                        self.update(&task, TaskState::TaskKilled, now);
                    }
                    self.driver.handle.gate.silence(|lifecycle| lifecycle.stop());
                    self.driver.handle.send(Command::Stop);
                }
                "error" => next.push(Next::Ends(1 << 8)),
                _ => (),
            }
        }
        next
    }

    /// Carries out what its driver wants. What the process does next, and whether anything was done.
    pub fn settle(&mut self, network: &mut Network, now: Duration, dice: &mut Dice) -> (Vec<Next>, bool) {
        let deeds = self.driver.settle(network, now, dice);
        let mut next = self.call_back(now, dice);
        for deed in &deeds {
            match deed {
                Deed::Killed => next.push(Next::Ends(9)),
                Deed::Done => next.push(Next::Ends(0)),
                _ => (),
            }
        }
        let busy = !deeds.is_empty() || !next.is_empty();
        (next, busy)
    }
}
