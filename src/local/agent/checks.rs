//! Checks and health checks of commands: when a probe is made, and what comes of its result. These are the rules of Mesos' executors.

use super::checker::{empty_status, is_good, status_of, Health, Probe, Purpose};
use super::state::Kind;
use super::{Action, Agent, Timer};
use crate::local::clock::Time;
use crate::local::events::{status, uuid};
use crate::local::helper_protocol::Program;
use crate::local::probe::Seen;
use crate::proto::task_status::{Reason, Source};
use crate::proto::{TaskState, TaskStatus};
use nix::sys::signal::Signal;
use std::time::Duration;

/// A probe that follows at once would leave no time for anything else.
const SHORTEST: Duration = Duration::from_millis(1);

impl Agent {
    /// A status of a command as its executor makes it: nothing of former ones is in it.
    pub(super) fn fresh_status(&self, framework: &str, task: &str, process: u64, state: TaskState) -> TaskStatus {
        let mut fresh = status(self.now, task, state, Source::Executor);
        fresh.uuid = uuid();
        let known = self.frameworks.get(framework).and_then(|f| f.tasks.get(task));
        fresh.check_status = known.and_then(|known| known.info.check.as_deref()).map(empty_status);
        self.fill_container(&mut fresh, process);
        fresh
    }

    /// The command runs from now on.
    pub(super) fn start_checks(&mut self, process: u64) {
        let now = self.now;
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        for (index, checker) in container.checks.checkers.iter_mut().enumerate() {
            checker.started = now;
            self.timers.after(now, checker.delay, Timer::Check { process, index });
        }
    }

    /// The agent was started again: probes that were under way are lost, others are due.
    pub(super) fn restart_checks(&mut self, process: u64) {
        let now = self.now;
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        for (index, checker) in container.checks.checkers.iter_mut().enumerate() {
            if checker.started > Time::default() {
                checker.running = None;
                let due = checker.started.plus(checker.delay);
                let due = if due > now {
                    due
                } else {
                    now.plus(checker.interval.max(SHORTEST))
                };
                self.timers.add(due, Timer::Check { process, index });
            }
        }
    }

    /// Whether the task still runs, and nobody has killed it.
    fn is_checked(&self, process: u64) -> bool {
        let kind = self.containers.get(&process).map(|container| &container.kind);
        matches!(kind, Some(Kind::Command { killed: false, .. }))
    }

    /// It is time for a probe.
    pub(super) fn check(&mut self, process: u64, index: usize) {
        if !self.is_checked(process) {
            return;
        }
        let number = self.next_process;
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        let Some(checker) = container.checks.checkers.get(index).filter(|one| one.running.is_none()) else {
            return;
        };
        let action = match &checker.probe {
            Probe::Net(target) => Action::Probe {
                probe: number,
                target: target.clone(),
            },
            Probe::Command(command) => {
                let Some(origin) = &container.origin else { return };
                // It writes to the task's standard error.
                let program = Program {
                    stdout: origin.program.stderr.clone(),
                    ..origin.runs(command)
                };
                Action::Start {
                    process: number,
                    launch: origin.launch(command, program, Vec::new()),
                }
            }
        };
        let timeout = checker.timeout;
        if let Some(checker) = container.checks.checkers.get_mut(index) {
            checker.running = Some(number);
        }
        self.next_process += 1;
        self.probes.insert(number, (process, index));
        self.actions.push(action);
        if let Some(timeout) = timeout {
            self.timers.after(self.now, timeout, Timer::Probe { probe: number });
        }
    }

    /// A probe has taken too long.
    pub(super) fn probe_timeout(&mut self, probe: u64) {
        if self.probes.contains_key(&probe) {
            self.end_probe(probe);
            self.probed(probe, Err("it timed out".into()));
        }
    }

    fn end_probe(&mut self, probe: u64) {
        let (process, signal) = (probe, Signal::SIGKILL);
        // Whichever of the two it is: nobody has the number of the other.
        self.actions.push(Action::Signal { process, signal });
        self.actions.push(Action::EndProbe { probe });
    }

    /// Nobody wants to know any more.
    pub(super) fn end_checks(&mut self, process: u64) {
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        let running = container.checks.checkers.iter_mut().filter_map(|one| one.running.take());
        for probe in running.collect::<Vec<_>>() {
            self.probes.remove(&probe);
            self.end_probe(probe);
        }
    }

    /// What a probe has found, or why it found nothing. Late ones are ignored.
    pub fn probed(&mut self, probe: u64, seen: Result<Seen, String>) {
        let Some((process, index)) = self.probes.remove(&probe) else {
            return;
        };
        let now = self.now;
        let Some(container) = self.containers.get_mut(&process) else {
            return;
        };
        let framework = container.framework.clone();
        let Kind::Command { task, .. } = &container.kind else { return };
        let task = task.clone();
        let checks = &mut container.checks;
        let Some(checker) = checks.checkers.get_mut(index) else {
            return;
        };
        checker.running = None;
        let next = checker.interval.max(SHORTEST);
        self.timers.after(now, next, Timer::Check { process, index });
        if let Err(why) = &seen {
            log::info!("a check of task {task} failed: {why}");
        }
        match checker.purpose {
            Purpose::Health { .. } => {
                if let Health::Tell { healthy, kill } = checker.health(now, is_good(&seen)) {
                    checks.healthy = Some(healthy);
                    self.tell_checked(&framework, &task, process, Reason::TaskHealthCheckStatusUpdated);
                    if kill {
                        self.kill_unhealthy(&framework, &task, process);
                    }
                }
            }
            Purpose::Check => {
                let known = self.frameworks.get(&framework).and_then(|f| f.tasks.get(&task));
                let check = known.and_then(|known| known.info.check.as_ref());
                let status = check.map(|check| status_of(check, &seen));
                if checks.check_status != status {
                    checks.check_status = status;
                    self.tell_checked(&framework, &task, process, Reason::TaskCheckStatusUpdated);
                }
            }
        }
    }

    /// The last status again, with what is new of the checks.
    fn tell_checked(&mut self, framework: &str, task: &str, process: u64, reason: Reason) {
        let mut update = self.fresh_status(framework, task, process, TaskState::TaskRunning);
        update.reason = Some(reason as i32);
        if let Some(container) = self.containers.get(&process) {
            update.healthy = container.checks.healthy;
            update.check_status = container.checks.check_status;
        }
        self.update(framework, update);
    }
}
