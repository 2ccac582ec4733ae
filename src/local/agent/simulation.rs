//! Tasks that are timers: for tests of schedulers with more tasks than a machine can run.
//!
//! A simulated command has no process and no sandbox. It runs as long as its task's label says, and finishes. A signal ends it at once.

use super::launch::LaunchError;
use super::state::Kind;
use super::{Action, Agent, Timer};
use crate::driver::duration;
use crate::proto::TaskInfo;
use nix::sys::signal::Signal;
use std::time::Duration;

/// The label with the time that a task takes: `10secs`. Without it a task ends at once.
const LABEL: &str = "simulate";

/// How long a task takes.
fn time_of(task: &TaskInfo) -> Result<Duration, String> {
    let labels = task.labels.iter().flat_map(|labels| &labels.labels);
    let mut values = labels.filter(|label| label.key == LABEL).map(|label| label.value());
    match values.next() {
        None => Ok(Duration::ZERO),
        Some(text) => duration::parse(text).ok_or_else(|| {
            format!("its label '{LABEL}' is '{text}', and a number with ns us ms secs mins hrs days or weeks is expected")
        }),
    }
}

impl Agent {
    /// Begins a container that is only played.
    pub(super) fn simulate(&mut self, process: u64) {
        let Some(container) = self.containers.get(&process) else {
            return;
        };
        let known = match &container.kind {
            Kind::Command { task, .. } => self.frameworks.get(&container.framework).and_then(|f| f.tasks.get(task)),
            Kind::Custom(_) | Kind::Default(_) => None,
        };
        let time = known
            .ok_or_else(|| "executors are not simulated".to_string())
            .and_then(|known| time_of(&known.info));
        // Not yet: who asked for it has still to learn its number.
        self.timers.add(self.now, Timer::Simulated { process, end: None });
        match time {
            Ok(time) => self.simulate_end(process, self.now.plus(time), 0),
            Err(why) => self.unsimulated.push((process, why)),
        }
    }

    fn simulate_end(&mut self, process: u64, due: crate::local::clock::Time, raw: i32) {
        if let Some(container) = self.containers.get_mut(&process) {
            container.simulated = Some((due, raw));
        }
        self.timers.add(due, Timer::Simulated { process, end: Some(raw) });
    }

    /// The agent was started again.
    pub(super) fn simulate_again(&mut self, process: u64) {
        if let Some((due, raw)) = self.containers.get(&process).and_then(|container| container.simulated) {
            self.timers.add(due, Timer::Simulated { process, end: Some(raw) });
        }
    }

    /// A simulated program starts, or ends with this status.
    pub(super) fn simulated(&mut self, process: u64, end: Option<i32>) {
        match end {
            None => match self.unsimulated.iter().position(|(number, _)| *number == process) {
                Some(index) => {
                    let (_, why) = self.unsimulated.swap_remove(index);
                    let why = format!("the cluster simulates tasks, and this one cannot be: {why}");
                    self.not_started(process, LaunchError::Container(why));
                }
                // It has no process, and says so.
                None => self.container_started(process, 0),
            },
            Some(raw) => self.container_exited(process, raw),
        }
    }

    /// A signal to all that belongs to a process.
    pub(super) fn signal(&mut self, process: u64, signal: Signal) {
        match self
            .containers
            .get(&process)
            .is_some_and(|container| container.simulated.is_some())
        {
            true => self.simulate_end(process, self.now, signal as i32),
            false => self.actions.push(Action::Signal { process, signal }),
        }
    }
}
