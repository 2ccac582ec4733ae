//! What a driver, its thread and libmesos' threads share, and what becomes of libmesos' callbacks.

use super::bridge::ffi::Callback;
use super::work::{Command, Work};
use crate::channel::Channel;
use crate::driver::absence::{FIRST_TOLD, TOLD_AGAIN};
use crate::driver::counters::Counters;
use crate::driver::framework::value;
use crate::driver::framework::REMOVED;
use crate::driver::framework_id_file::{wrong, FrameworkIdFile, FrameworkIdStore};
use crate::driver::gate::{Emission, Gate};
use crate::driver::{DriverError, SchedulerCall, Status};
use crate::event::{Acknowledgement, Arg, ArgType, EventOwner};
use crate::logging::tell;
use crate::message::{class, ClassId};
use crate::proto::task_status::Reason;
use crate::thread::lock;
use bytes::Bytes;
use prost::Message;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// What a driver is told when it is made.
#[derive(Default)]
pub struct Settings {
    /// Updates that need it are acknowledged when their callback has returned.
    pub implicit_acknowledgements: bool,
    pub reconcile_on_registration: bool,
    /// How long there may be no master.
    pub master_timeout: Option<Duration>,
    /// What a user is told that it has no master: a framework by its name. None: nobody is.
    pub told_as: Option<String>,
    /// The framework's id, if it has one already, and where it is kept.
    pub id: Option<String>,
    pub store: Option<FrameworkIdFile>,
}

/// See the module.
pub struct Shared {
    pub gate: Gate,
    pub counters: Counters,
    implicit_acknowledgements: bool,
    reconcile_on_registration: bool,
    master_timeout: Option<Duration>,
    told_as: Option<String>,
    commands: Mutex<Sender<Command>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Since when a started driver has had no master.
    absent_since: Option<Instant>,
    /// When the user is told of that next, and whether that has happened.
    tells_at: Option<Instant>,
    has_told: bool,
    is_connected: bool,
    id: Option<String>,
    store: Option<FrameworkIdFile>,
    /// An error that libmesos told of in its constructor, when Perl has no driver yet.
    early: Option<String>,
}

impl Shared {
    pub fn new(channel_to_perl: Channel, counters: Counters, settings: Settings) -> (Arc<Self>, Receiver<Command>) {
        let (commands, receiver) = channel();
        let shared = Shared {
            gate: Gate::new(channel_to_perl),
            counters,
            implicit_acknowledgements: settings.implicit_acknowledgements,
            reconcile_on_registration: settings.reconcile_on_registration,
            master_timeout: settings.master_timeout,
            told_as: settings.told_as,
            commands: Mutex::new(commands),
            state: Mutex::new(State {
                id: settings.id,
                store: settings.store,
                ..State::default()
            }),
        };
        (Arc::new(shared), receiver)
    }

    /// The framework's id, once it is known.
    pub fn id(&self) -> Option<String> {
        lock(&self.state).id.clone()
    }

    /// Whether libmesos sends calls at all: it drops most of them without a master, as its callbacks tell.
    pub fn is_connected(&self) -> bool {
        lock(&self.state).is_connected
    }

    /// Refuses to start where another program has stored an id since the driver was made: libmesos has its FrameworkInfo already.
    pub fn check_id_again(&self) -> Result<(), DriverError> {
        let mut state = lock(&self.state);
        let there = match &mut state.store {
            Some(store) => store.load().map_err(wrong)?,
            None => None,
        };
        match (there, &state.id) {
            (Some(there), known) if known.as_ref() != Some(&there) => Err(wrong(format!(
                "it holds {there}, which another program has stored since this driver was made: make the driver anew"
            ))),
            _ => Ok(()),
        }
    }

    /// The framework has ended: the next run of the program registers a new one.
    pub fn forget_id(&self) {
        if let Some(Err(why)) = lock(&self.state).store.as_mut().map(|store| store.remove()) {
            log::error!("{why}");
        }
    }

    /// Queues a command for the driver's thread.
    pub fn send(&self, command: Command) {
        // The thread may have ended: then there is nobody to do it.
        let _ = lock(&self.commands).send(command);
    }

    /// From now on a master is missing.
    pub fn absent(&self) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        state.absent_since = Some(now);
        state.tells_at = now.checked_add(FIRST_TOLD).filter(|_| self.told_as.is_some());
    }

    /// When the driver's thread has something to do about that.
    pub fn wakes(&self) -> Option<Instant> {
        let tells_at = lock(&self.state).tells_at;
        [self.gives_up(), tells_at].into_iter().flatten().min()
    }

    /// Tells the user that there is no master at `target`, if it is time for that.
    pub fn tell_absent(&self, target: &str) {
        let mut state = lock(&self.state);
        let (Some(since), Some(at), Some(name)) = (state.absent_since, state.tells_at, &self.told_as) else {
            return;
        };
        let now = Instant::now();
        if now < at {
            return;
        }
        // What was stopped or has failed waits for nobody.
        state.tells_at = now.checked_add(TOLD_AGAIN).filter(|_| self.gate.lifecycle.is_running());
        if state.tells_at.is_none() {
            return;
        }
        state.has_told = true;
        let seconds = now.saturating_duration_since(since).as_secs();
        drop(state);
        tell(&format!(
            "framework {name:?}: no master at {target} for {seconds} s: not registered (the driver goes on trying)"
        ));
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
        {
            let mut state = lock(&self.state);
            (state.absent_since, state.tells_at) = (None, None);
        }
        self.gate.pass([Emission::fatal(message)], &self.owner());
    }

    /// The error of libmesos' constructor, once.
    pub fn early_error(&self) -> Option<String> {
        lock(&self.state).early.take()
    }

    fn owner(self: &Arc<Self>) -> Weak<dyn EventOwner> {
        let owner: Weak<Shared> = Arc::downgrade(self);
        owner
    }

    fn pass(self: &Arc<Self>, emission: Emission) {
        self.gate.pass([emission], &self.owner());
    }

    /// A registration, under this encoded FrameworkID if it is the first one. False: the driver has failed.
    fn registered(self: &Arc<Self>, id: Option<&Vec<u8>>) -> bool {
        self.counters.event("SUBSCRIBED");
        self.counters.count("subscriptions");
        let mut state = lock(&self.state);
        let since = state.absent_since.take();
        state.tells_at = None;
        if let (true, Some(since), Some(name)) = (std::mem::take(&mut state.has_told), since, &self.told_as) {
            tell(&format!(
                "framework {name:?}: found the master after {} s",
                since.elapsed().as_secs()
            ));
        }
        state.is_connected = true;
        if let Some(id) = id.and_then(|id| value(id)) {
            // The one thing beside queueing that is done in libmesos' thread: it must come before the callback.
            let stored = state.store.as_mut().map(|store| store.save(&id));
            state.id = Some(id);
            drop(state);
            if let Some(Err(why)) = stored {
                self.fail(&why);
                self.send(Command::Abort);
                return false;
            }
        }
        if self.reconcile_on_registration {
            let statuses = Vec::new();
            self.counters.hand_over(usize::MAX);
            self.send(Command::Work(Work::Scheduler(SchedulerCall::ReconcileTasks { statuses })));
        }
        true
    }
}

impl EventOwner for Shared {
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
    shared: Arc<Shared>,
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
    #[prost(int32, optional, tag = "10")]
    reason: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "11")]
    uuid: Option<Bytes>,
}

impl Update {
    /// What acknowledges it; nothing for one that a master or a driver made.
    fn acknowledgement(self) -> Option<Acknowledgement> {
        Some(Acknowledgement::Task {
            agent_id: self.slave_id?,
            task_id: self.task_id?,
            uuid: self.uuid.filter(|u| !u.is_empty())?,
        })
    }

    /// Whether an encoded TaskStatus is none that is acknowledged: libmesos lets it pass, too.
    pub fn owes_nothing(status: &[u8]) -> bool {
        Update::decode(status).is_ok_and(|update| update.acknowledgement().is_none())
    }

    /// Made by libmesos' driver itself, for a task that it could not launch.
    fn is_of_the_driver(&self) -> bool {
        self.uuid.is_none() && self.reason == Some(Reason::MasterDisconnected as i32)
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
            reason: None,
            uuid: Some(uuid),
        };
        Some(update.encode_to_vec())
    }
}

impl Events {
    pub fn new(shared: Arc<Shared>) -> Self {
        Events { shared }
    }

    /// Makes an event of a callback. Called in any thread of libmesos.
    pub fn take(&self, which: Callback, arguments: Vec<Vec<u8>>) {
        let shared = &self.shared;
        if let Some(kind) = kind(which) {
            shared.counters.event(kind);
        }
        let emission = match which {
            Callback::Registered => {
                if !shared.registered(arguments.first()) {
                    return;
                }
                named(
                    "registered",
                    &[Some(class::FRAMEWORK_ID), Some(class::MASTER_INFO)],
                    arguments,
                )
            }
            Callback::Reregistered => {
                shared.registered(None);
                named("reregistered", &[Some(class::MASTER_INFO)], arguments)
            }
            Callback::Disconnected => {
                shared.counters.count("disconnects");
                lock(&shared.state).is_connected = false;
                shared.absent();
                shared.send(Command::Look);
                named("disconnected", &[], arguments)
            }
            Callback::ResourceOffers => {
                let offers = arguments.into_iter().map(Bytes::from).collect();
                Emission::new("resourceOffers", vec![Arg::List(ArgType::Message(class::OFFER), offers)])
            }
            Callback::OfferRescinded => named("offerRescinded", &[Some(class::OFFER_ID)], arguments),
            Callback::StatusUpdate => self.update(arguments),
            Callback::SchedulerMessage => named(
                "frameworkMessage",
                &[Some(class::EXECUTOR_ID), Some(class::SLAVE_ID), None],
                arguments,
            ),
            Callback::SlaveLost => named("slaveLost", &[Some(class::SLAVE_ID)], arguments),
            Callback::ExecutorLost => named(
                "executorLost",
                &[Some(class::EXECUTOR_ID), Some(class::SLAVE_ID), None],
                arguments,
            ),
            Callback::Error => return self.error(&arguments),
            Callback::ExecutorRegistered => {
                shared.registered(None);
                let info = [class::EXECUTOR_INFO, class::FRAMEWORK_INFO, class::SLAVE_INFO].map(Some);
                named("registered", &info, arguments)
            }
            Callback::ExecutorReregistered => {
                shared.registered(None);
                named("reregistered", &[Some(class::SLAVE_INFO)], arguments)
            }
            Callback::LaunchTask => named("launchTask", &[Some(class::TASK_INFO)], arguments),
            Callback::KillTask => named("killTask", &[Some(class::TASK_ID)], arguments),
            Callback::ExecutorMessage => named("frameworkMessage", &[None], arguments),
            Callback::Shutdown => named("shutdown", &[], arguments),
            other => return log::error!("a callback of libmesos is lost: {other:?}: {}", text(&arguments)),
        };
        log::info!("libmesos: event {}", emission.name);
        shared.pass(emission);
    }

    fn update(&self, arguments: Vec<Vec<u8>>) -> Emission {
        let update = arguments.first().and_then(|status| Update::decode(&status[..]).ok());
        let update = update.unwrap_or_default();
        let counters = &self.shared.counters;
        match update.is_of_the_driver() {
            true => counters.count("updates_made"),
            false => {
                counters.event("UPDATE");
                counters.count("updates_received");
            }
        }
        let acknowledgement = update.acknowledgement().filter(|_| self.shared.implicit_acknowledgements);
        Emission {
            acknowledgement,
            ..named("statusUpdate", &[Some(class::TASK_STATUS)], arguments)
        }
    }

    fn error(&self, arguments: &[Vec<u8>]) {
        let message = text(arguments);
        log::info!("libmesos: event error");
        if message == REMOVED {
            self.shared.forget_id();
        }
        match self.shared.gate.lifecycle.status() {
            Status::NotStarted => lock(&self.shared.state).early = Some(message),
            _ => self.shared.fail(&message),
        }
    }
}

/// What the statistics call the event behind a callback: the type that it has in the v1 API.
fn kind(which: Callback) -> Option<&'static str> {
    Some(match which {
        Callback::ResourceOffers => "OFFERS",
        Callback::OfferRescinded => "RESCIND",
        Callback::SchedulerMessage | Callback::ExecutorMessage => "MESSAGE",
        Callback::SlaveLost | Callback::ExecutorLost => "FAILURE",
        Callback::Error => "ERROR",
        Callback::LaunchTask => "LAUNCH",
        Callback::KillTask => "KILL",
        Callback::Shutdown => "SHUTDOWN",
        // Counted where more is known.
        _ => return None,
    })
}

/// A callback whose arguments are messages of these classes, or plain bytes.
fn named(name: &'static str, classes: &[Option<ClassId>], arguments: Vec<Vec<u8>>) -> Emission {
    let typed = |(class, bytes): (&Option<ClassId>, Vec<u8>)| match class {
        Some(class) => Arg::message(*class, bytes),
        None => Arg::string(bytes),
    };
    Emission::new(name, classes.iter().zip(arguments).map(typed).collect())
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

    fn acknowledgement(status: &[u8]) -> Option<Acknowledgement> {
        Update::decode(status).expect("an update").acknowledgement()
    }

    #[test]
    fn an_acknowledgement_survives_the_way_through_a_status() {
        let update = Acknowledgement::Task {
            agent_id: b"\x0a\x01S".as_slice().into(),
            task_id: b"\x0a\x01T".as_slice().into(),
            uuid: vec![7; 16].into(),
        };
        let status = Update::status(update.clone()).expect("a task's");
        let decoded = crate::proto::TaskStatus::decode(&status[..]).expect("a whole TaskStatus");
        assert_eq!(decoded.task_id.value, "T");
        assert_eq!(acknowledgement(&status), Some(update));
    }

    #[test]
    fn updates_without_uuid_or_agent_owe_nothing() {
        let mut update = Update {
            task_id: Some(b"\x0a\x01T".as_slice().into()),
            slave_id: Some(b"\x0a\x01S".as_slice().into()),
            ..Update::default()
        };
        assert_eq!(acknowledgement(&update.encode_to_vec()), None);
        update.uuid = Some(Bytes::new());
        assert_eq!(acknowledgement(&update.encode_to_vec()), None);
        update.uuid = Some(vec![1].into());
        assert!(acknowledgement(&update.encode_to_vec()).is_some());
        update.slave_id = None;
        assert_eq!(acknowledgement(&update.encode_to_vec()), None);
    }
}
