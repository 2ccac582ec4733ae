//! An agent that crashed: what of it lives on, and how the next one takes that over.

use super::state::{Checkpoint, Container, Framework, Identity, Kind};
use super::{Action, Agent, Timer};
use crate::local::clock::Time;
use crate::proto::task_status::Reason;
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

impl Agent {
    /// The agent's process is killed. Its connections break; programs of frameworks that do not checkpoint end.
    pub fn crash(mut self) -> (Checkpoint, Vec<Action>) {
        let mut actions = Vec::new();
        let fleeting =
            |frameworks: &BTreeMap<String, Framework>, id: &str| !frameworks.get(id).is_some_and(Framework::checkpoints);
        for (process, container) in &mut self.containers {
            match &mut container.kind {
                Kind::Custom(executor) => {
                    let stream = executor.stream.take();
                    executor.beats = false;
                    actions.extend(stream.map(|stream| Action::End { stream: stream.id }));
                }
                // Mesos' executor of a command ends it, and itself.
                Kind::Command { .. } if fleeting(&self.frameworks, &container.framework) => {
                    let (process, signal) = (*process, Signal::SIGKILL);
                    actions.push(Action::Signal { process, signal });
                }
                Kind::Command { .. } | Kind::Default(_) => {}
            }
        }
        for probe in std::mem::take(&mut self.probes).into_keys() {
            let (process, signal) = (probe, Signal::SIGKILL);
            actions.push(Action::Signal { process, signal });
            actions.push(Action::EndProbe { probe });
        }
        for process in std::mem::take(&mut self.companions).into_keys() {
            let signal = Signal::SIGKILL;
            actions.push(Action::Signal { process, signal });
        }
        // Its timers end with it: what waits for an acknowledgement is sent anew.
        for framework in self.frameworks.values_mut() {
            let tasks = framework.tasks.values_mut().map(|task| &mut task.updates);
            tasks
                .chain(framework.late.values_mut())
                .for_each(|updates| (updates.backoff, updates.retry) = (Duration::ZERO, None));
        }
        let frameworks = &self.frameworks;
        let kept = |container: &Container| !fleeting(frameworks, &container.framework);
        let gone = self
            .containers
            .values()
            .filter(|container| !kept(container) && container.nested.is_none());
        let gone = gone.map(|it| (it.framework.clone(), it.executor_id.clone(), it.container_id.clone()));
        let gone: Vec<_> = gone.collect();
        self.containers.retain(|_, container| kept(container));
        self.frameworks.retain(|_, framework| framework.checkpoints());
        for (framework, executor, container) in gone {
            self.has_ended(&framework, &executor, &container);
        }
        let checkpoint = Checkpoint {
            id: self.id,
            total: self.total,
            operations: self.operations,
            drain: self.drain,
            frameworks: self.frameworks,
            containers: self.containers,
            next_process: self.next_process,
            collector: self.collector,
            reports: Vec::new(),
        };
        (checkpoint, actions)
    }

    /// An agent that goes on from there. It gives its executors some time to come back, then it looks for its master.
    pub fn recover(identity: Identity, checkpoint: Checkpoint, now: Time) -> Agent {
        let mut agent = Agent::new(identity, now);
        agent.id = checkpoint.id;
        agent.total = checkpoint.total;
        agent.operations = checkpoint.operations;
        agent.drain = checkpoint.drain;
        agent.frameworks = checkpoint.frameworks;
        agent.containers = checkpoint.containers;
        agent.next_process = checkpoint.next_process;
        agent.collect_of(checkpoint.collector, None);
        // Before the reports: what has started since begins anyway.
        let processes: Vec<u64> = agent.containers.keys().copied().collect();
        for process in processes {
            agent.restart_checks(process);
            agent.simulate_again(process);
        }
        for report in checkpoint.reports {
            agent.helper_report(report);
        }
        agent.arm_again();
        agent.arm_operations();
        agent.drain_if_empty();
        agent
            .timers
            .after(now, agent.identity.intervals.reregistration, Timer::Reregistration);
        agent
    }

    /// Timers of what goes on.
    fn arm_again(&mut self) {
        let deadlines = self
            .containers
            .iter()
            .filter_map(|(process, c)| Some((*process, c.deadline?)));
        for (process, deadline) in deadlines.collect::<Vec<_>>() {
            self.timers.add(deadline, Timer::Grace { process });
        }
        let completions = self
            .containers
            .iter()
            .filter_map(|(process, c)| Some((*process, c.completion?)));
        for (process, due) in completions.collect::<Vec<_>>() {
            self.timers.add(due, Timer::Completion { process });
        }
        let frameworks: Vec<String> = self.frameworks.keys().cloned().collect();
        for framework in frameworks {
            let Some(known) = self.frameworks.get(&framework) else {
                continue;
            };
            let tasks: Vec<String> = known.tasks.keys().chain(known.late.keys()).cloned().collect();
            for task in tasks {
                let known = self.frameworks.get_mut(&framework).and_then(|f| f.updates(&task));
                // Not what has begun since.
                if known.is_some_and(|updates| updates.backoff.is_zero()) {
                    self.forward(&framework, &task);
                }
            }
            self.tidy(&framework);
        }
    }

    /// Executors that are not back by now are given up.
    pub(super) fn recovered(&mut self) {
        let absent = |container: &Container| match &container.kind {
            Kind::Custom(executor) => executor.stream.is_none() && !executor.terminating,
            Kind::Command { .. } | Kind::Default(_) => false,
        };
        let absent: Vec<u64> = self
            .containers
            .iter()
            .filter(|(_, c)| absent(c))
            .map(|(process, _)| *process)
            .collect();
        let limit = super::environment::duration_text(self.identity.intervals.reregistration);
        let message = format!("Executor did not reregister within {limit}");
        for process in absent {
            self.give_up_executor(process, Reason::ExecutorReregistrationTimeout, &message);
        }
        self.master_detected();
    }
}
