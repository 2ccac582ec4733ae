//! The executor driver that Perl holds.

pub mod environment;
pub mod machine;
mod updates;
pub mod wire;

use super::executor::environment::Environment;
use super::executor::machine::{complete, Command, ExecutorMachine};
use super::io::handle::Handle;
use super::protocol::backoff::seed;
use crate::channel::Channel;
use crate::driver::counters::Counters;
use crate::driver::gate::Gate;
use crate::driver::lifecycle::Lifecycle;
use crate::driver::limits::{sendable, QUEUED_BYTES};
use crate::driver::{Driver, DriverError, ExecutorCall, Status};
use crate::event::{Acknowledgement, EventOwner};
use crate::random;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// From so many calls on that wait for the agent, messages are refused.
const QUEUED_CALLS: usize = 100_000;

type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// An executor's driver over the v1 HTTP API. One thread between `start` and its end.
pub struct ExecutorDriver {
    handle: Arc<Handle<Command>>,
    variables: Variables,
    /// Set by `start`.
    environment: Mutex<Option<Environment>>,
}

impl EventOwner for Handle<Command> {
    /// Agents want no acknowledgements from executors.
    fn acknowledge(&self, _: Acknowledgement) {}

    fn end_delivered(&self) {
        self.gate.lifecycle.end_delivered();
    }
}

impl ExecutorDriver {
    /// `environment` gives the value of a variable; `start` reads it.
    pub fn new(environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static, channel: Channel) -> Self {
        ExecutorDriver {
            handle: Arc::new(Handle::new(channel, Counters::executor())),
            variables: Box::new(environment),
            environment: Mutex::new(None),
        }
    }

    fn environment(&self) -> Option<Environment> {
        crate::thread::lock(&self.environment).clone()
    }
}

/// The complete update, and its uuid.
fn update(environment: &Environment, status: &[u8]) -> Result<Command, DriverError> {
    let uuid = uuid()?;
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let status = complete(status, environment, &uuid, wall.map_or(0.0, |d| d.as_secs_f64()))?;
    Ok(Command::Update { uuid, status })
}

fn uuid() -> Result<Vec<u8>, DriverError> {
    let bytes = random::bytes().map_err(|e| DriverError::System(e.to_string()))?;
    Ok(random::uuid_v4(bytes).to_vec())
}

/// The end of a grace period: this process and all that it started in its group.
fn kill_process_group() {
    let group = rustix::process::getpgrp();
    if let Err(why) = rustix::process::kill_process_group(group, rustix::process::Signal::Kill) {
        log::error!("cannot kill the own process group: {why}");
    }
}

impl Driver for ExecutorDriver {
    fn gate(&self) -> &Gate {
        &self.handle.gate
    }

    fn counters(&self) -> &Counters {
        &self.handle.counters
    }

    fn start(&self) -> Result<Status, DriverError> {
        if self.status() != Status::NotStarted {
            return Ok(self.status());
        }
        let environment = Environment::read(&self.variables)?;
        let transition = self.handle.gate.lifecycle.start();
        if transition.changed {
            *crate::thread::lock(&self.environment) = Some(environment.clone());
            let machine = ExecutorMachine::new(environment, Arc::clone(&self.handle.counters), seed());
            self.handle.launch("mesos-executor", machine, kill_process_group)?;
        }
        Ok(transition.status)
    }

    fn abort(&self) -> Status {
        self.handle.finish(Lifecycle::abort, Command::Abort)
    }

    fn close(&self) {
        self.handle.close(Command::Close);
    }
}

impl crate::driver::ExecutorDriver for ExecutorDriver {
    fn stop(&self) -> Status {
        self.handle.finish(Lifecycle::stop, Command::Stop)
    }

    fn call(&self, call: ExecutorCall) -> Result<Status, DriverError> {
        let environment = self.environment().filter(|_| self.handle.gate.lifecycle.is_running());
        if let Some(environment) = environment {
            // Updates are never refused: they are the executor's duty.
            let (command, bound) = match call {
                ExecutorCall::SendStatusUpdate { status } => {
                    sendable("status", status.len())?;
                    (update(&environment, &status)?, usize::MAX)
                }
                ExecutorCall::SendFrameworkMessage { data } => {
                    sendable("data", data.len())?;
                    let load = self.handle.counters.load(data.len(), QUEUED_BYTES);
                    let load = Some(load.ok_or(DriverError::AgentFullOfBytes(QUEUED_BYTES))?);
                    (Command::Message { data, load }, QUEUED_CALLS)
                }
            };
            if !self.handle.counters.hand_over(bound) {
                return Err(DriverError::AgentFull(bound));
            }
            self.handle.send(command);
        }
        Ok(self.status())
    }
}

impl Drop for ExecutorDriver {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_4() {
        let (one, other) = (uuid().expect("uuid"), uuid().expect("uuid"));
        assert_ne!(one, other);
        assert_eq!((one.len(), one[6] >> 4, one[8] >> 6), (16, 4, 2));
    }
}
