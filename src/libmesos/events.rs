//! What a driver, its thread and libmesos' threads share, and what becomes of libmesos' callbacks.

use super::bridge::ffi::Callback;
use super::worker::{Command, Work};
use crate::channel::Channel;
use crate::driver::gate::Gate;
use crate::driver::{DriverError, Status};
use crate::event::{Acknowledgement, Arg, ArgType, EventOwner};
use crate::message::{class, ClassId};
use bytes::Bytes;
use prost::Message;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

/// See the module.
pub struct Core {
    pub gate: Gate,
    /// Updates that need it are acknowledged when their callback has returned.
    implicit_acknowledgements: bool,
    /// How long there may be no master.
    master_timeout: Option<Duration>,
    commands: Mutex<Sender<Command>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Since when a started driver has had no master.
    absent_since: Option<Instant>,
    /// An error that libmesos told of in its constructor, when Perl has no driver yet.
    early: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these mutexes guard is consistent between any two statements.
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Core {
    pub fn new(
        channel_to_perl: Channel,
        implicit_acknowledgements: bool,
        master_timeout: Option<Duration>,
    ) -> (Arc<Self>, Receiver<Command>) {
        let (commands, receiver) = channel();
        let core = Core {
            gate: Gate::new(channel_to_perl),
            implicit_acknowledgements,
            master_timeout,
            commands: Mutex::new(commands),
            state: Mutex::new(State::default()),
        };
        (Arc::new(core), receiver)
    }

    /// Queues a command for the driver's thread.
    pub fn send(&self, command: Command) {
        // The thread may have ended: then there is nobody to do it.
        let _ = lock(&self.commands).send(command);
    }

    /// From now on a master is missing.
    pub fn absent(&self) {
        lock(&self.state).absent_since = Some(Instant::now());
    }

    /// When the driver has to give up; `None`: not for want of a master.
    pub fn gives_up(&self) -> Option<Instant> {
        let since = lock(&self.state).absent_since?;
        since.checked_add(self.master_timeout?)
    }

    /// What the error of giving up says of the time.
    pub fn patience(&self) -> f64 {
        self.master_timeout.unwrap_or_default().as_secs_f64()
    }

    /// The driver has failed: its `error` event, and nothing after it.
    pub fn fail(self: &Arc<Self>, message: &str) {
        lock(&self.state).absent_since = None;
        self.gate.fail(message, self.owner());
    }

    /// The error of libmesos' constructor, once.
    pub fn early_error(&self) -> Option<String> {
        lock(&self.state).early.take()
    }

    fn owner(self: &Arc<Self>) -> Weak<dyn EventOwner> {
        let owner: Weak<Core> = Arc::downgrade(self);
        owner
    }

    fn pass(self: &Arc<Self>, name: &'static str, args: Vec<Arg>) {
        self.gate.pass(name, args, None, self.owner());
    }
}

impl EventOwner for Core {
    fn acknowledge(&self, update: Acknowledgement) {
        if self.gate.lifecycle.is_running() {
            self.send(Command::Work(Work::Acknowledge(update)));
        }
    }

    fn end_delivered(&self) {
        self.gate.lifecycle.end_delivered();
    }
}

/// What the C++ side holds to make its callbacks.
pub struct Events {
    core: Arc<Core>,
}

/// The members of a TaskStatus that an acknowledgement is made of.
#[derive(Clone, PartialEq, Message)]
pub struct Update {
    #[prost(bytes = "bytes", optional, tag = "1")]
    task_id: Option<Bytes>,
    /// Required in a TaskStatus; of no meaning in an acknowledgement.
    #[prost(int32, optional, tag = "2")]
    state: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    slave_id: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "11")]
    uuid: Option<Bytes>,
}

impl Update {
    /// What acknowledges an encoded TaskStatus; nothing for one that a master or a driver made.
    fn acknowledgement(status: &[u8]) -> Option<Acknowledgement> {
        let update = Update::decode(status).ok()?;
        Some(Acknowledgement::Task {
            agent_id: update.slave_id?,
            task_id: update.task_id?,
            uuid: update.uuid.filter(|u| !u.is_empty())?,
        })
    }

    /// An encoded TaskStatus that libmesos takes as an acknowledgement; nothing for an operation's, which its drivers do not tell of.
    pub fn status(update: Acknowledgement) -> Option<Vec<u8>> {
        let Acknowledgement::Task { agent_id, task_id, uuid } = update else {
            return None;
        };
        let update = Update {
            task_id: Some(task_id),
            state: Some(crate::proto::TaskState::TaskStaging as i32),
            slave_id: Some(agent_id),
            uuid: Some(uuid),
        };
        Some(update.encode_to_vec())
    }
}

impl Events {
    pub fn new(core: Arc<Core>) -> Self {
        Events { core }
    }

    /// Makes an event of a callback. Called in any thread of libmesos.
    pub fn take(&self, which: Callback, arguments: Vec<Vec<u8>>) {
        let core = &self.core;
        let named = |name: &'static str, classes: &[Option<ClassId>]| core.pass(name, args(classes, arguments.clone()));
        match which {
            Callback::Registered => {
                self.present();
                named("registered", &[Some(class::FRAMEWORK_ID), Some(class::MASTER_INFO)]);
            }
            Callback::Reregistered => {
                self.present();
                named("reregistered", &[Some(class::MASTER_INFO)]);
            }
            Callback::Disconnected => {
                core.absent();
                core.send(Command::Look);
                named("disconnected", &[]);
            }
            Callback::ResourceOffers => {
                let offers = Arg::List(
                    ArgType::Message(class::OFFER),
                    arguments.into_iter().map(Bytes::from).collect(),
                );
                core.pass("resourceOffers", vec![offers]);
            }
            Callback::OfferRescinded => named("offerRescinded", &[Some(class::OFFER_ID)]),
            Callback::StatusUpdate => {
                let update = arguments.first().and_then(|status| Update::acknowledgement(status));
                let update = update.filter(|_| core.implicit_acknowledgements);
                let args = args(&[Some(class::TASK_STATUS)], arguments);
                core.gate.pass("statusUpdate", args, update, core.owner());
            }
            Callback::SchedulerMessage => named("frameworkMessage", &[Some(class::EXECUTOR_ID), Some(class::SLAVE_ID), None]),
            Callback::SlaveLost => named("slaveLost", &[Some(class::SLAVE_ID)]),
            Callback::ExecutorLost => named("executorLost", &[Some(class::EXECUTOR_ID), Some(class::SLAVE_ID), None]),
            Callback::Error => self.error(&arguments),
            Callback::ExecutorRegistered => named(
                "registered",
                &[
                    Some(class::EXECUTOR_INFO),
                    Some(class::FRAMEWORK_INFO),
                    Some(class::SLAVE_INFO),
                ],
            ),
            Callback::ExecutorReregistered => named("reregistered", &[Some(class::SLAVE_INFO)]),
            Callback::LaunchTask => named("launchTask", &[Some(class::TASK_INFO)]),
            Callback::KillTask => named("killTask", &[Some(class::TASK_ID)]),
            Callback::ExecutorMessage => named("frameworkMessage", &[None]),
            Callback::Shutdown => named("shutdown", &[]),
            other => log::error!("a callback of libmesos is lost: {other:?}: {}", text(&arguments)),
        }
    }

    fn present(&self) {
        lock(&self.core.state).absent_since = None;
    }

    fn error(&self, arguments: &[Vec<u8>]) {
        let message = text(arguments);
        match self.core.gate.lifecycle.status() {
            Status::NotStarted => lock(&self.core.state).early = Some(message),
            _ => self.core.fail(&message),
        }
    }
}

/// Arguments that are messages of these classes, or plain bytes.
fn args(classes: &[Option<ClassId>], arguments: Vec<Vec<u8>>) -> Vec<Arg> {
    let typed = |(class, bytes): (&Option<ClassId>, Vec<u8>)| match class {
        Some(class) => Arg::message(*class, bytes),
        None => Arg::string(bytes),
    };
    classes.iter().zip(arguments).map(typed).collect()
}

fn text(arguments: &[Vec<u8>]) -> String {
    let texts: Vec<_> = arguments.iter().map(|a| String::from_utf8_lossy(a)).collect();
    texts.join(", ")
}

/// What the bridge threw.
pub fn thrown(exception: &cxx::Exception) -> DriverError {
    DriverError::System(format!("libmesos: {exception}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_survives_the_way_through_a_status() {
        let update = Acknowledgement::Task {
            agent_id: b"\x0a\x01S".to_vec(),
            task_id: b"\x0a\x01T".to_vec(),
            uuid: vec![7; 16],
        };
        let status = Update::status(update.clone()).expect("a task's");
        let decoded = crate::proto::TaskStatus::decode(&status[..]).expect("a whole TaskStatus");
        assert_eq!(decoded.task_id.value, "T");
        assert_eq!(Update::acknowledgement(&status), Some(update));
    }

    #[test]
    fn updates_without_uuid_or_agent_owe_nothing() {
        let mut update = Update {
            task_id: Some(b"\x0a\x01T".to_vec()),
            slave_id: Some(b"\x0a\x01S".to_vec()),
            ..Update::default()
        };
        assert_eq!(Update::acknowledgement(&update.encode_to_vec()), None);
        update.uuid = Some(Vec::new());
        assert_eq!(Update::acknowledgement(&update.encode_to_vec()), None);
        update.uuid = Some(vec![1]);
        assert!(Update::acknowledgement(&update.encode_to_vec()).is_some());
        update.slave_id = None;
        assert_eq!(Update::acknowledgement(&update.encode_to_vec()), None);
        assert_eq!(Update::acknowledgement(b"\xff"), None);
    }
}
