//! What crosses from a driver to Perl: the name of a callback and its arguments.

use crate::message::ClassId;
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Weak;

/// Identifies the driver that an event belongs to; unique in the process, never 0.
pub type DriverId = u64;

/// An id that no other driver has, of whatever backend.
pub fn next_driver_id() -> DriverId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What an argument's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgType {
    /// A plain byte string.
    String,
    /// An encoded Mesos message of this class.
    Message(ClassId),
    /// An object of a Perl class that this crate does not know, encoded by its own `encode`.
    Foreign(String),
}

/// One argument of a callback. Its bytes are mostly a slice of what was read from a socket, shared and not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    Scalar(ArgType, Bytes),
    /// All items have the one type, as in the original module.
    List(ArgType, Vec<Bytes>),
}

impl Arg {
    pub fn string(bytes: impl Into<Bytes>) -> Self {
        Arg::Scalar(ArgType::String, bytes.into())
    }

    pub fn message(class: ClassId, bytes: impl Into<Bytes>) -> Self {
        Arg::Scalar(ArgType::Message(class), bytes.into())
    }
}

impl Arg {
    /// Copies the bytes out of what they are a slice of.
    pub fn detach(&mut self) {
        match self {
            Arg::Scalar(_, data) => detach(data),
            Arg::List(_, items) => items.iter_mut().for_each(detach),
        }
    }
}

fn detach(bytes: &mut Bytes) {
    *bytes = Bytes::copy_from_slice(bytes);
}

/// What names one update to Mesos: encoded ids, and the 16 bytes of the uuid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    Task {
        agent_id: Bytes,
        task_id: Bytes,
        uuid: Bytes,
    },
    /// Of an operation that the framework gave an id; one of agent and resource provider may be missing.
    Operation {
        agent_id: Option<Bytes>,
        resource_provider_id: Option<Bytes>,
        operation_id: Bytes,
        uuid: Bytes,
    },
}

impl Acknowledgement {
    pub fn uuid(&self) -> &[u8] {
        match self {
            Acknowledgement::Task { uuid, .. } | Acknowledgement::Operation { uuid, .. } => uuid,
        }
    }

    /// As [`Arg::detach`].
    pub fn detach(&mut self) {
        match self {
            Acknowledgement::Task { agent_id, task_id, uuid } => [agent_id, task_id, uuid].into_iter().for_each(detach),
            Acknowledgement::Operation {
                agent_id,
                resource_provider_id,
                operation_id,
                uuid,
            } => {
                [operation_id, uuid].into_iter().for_each(detach);
                [agent_id, resource_provider_id].into_iter().flatten().for_each(detach);
            }
        }
    }
}

/// What a driver wants to hear about the events that it queued.
pub trait EventOwner: Send + Sync {
    /// Perl's callback for the update returned normally. The driver sends the acknowledgement if it still runs.
    fn acknowledge(&self, update: Acknowledgement);

    /// The event that reports the driver's end (`error`) was taken from the queue: from now on its status is DRIVER_ABORTED.
    fn end_delivered(&self);
}

/// Ties a queued event to its driver. Weak: an event does not keep a driver alive.
#[derive(Clone)]
pub struct Origin {
    pub driver: DriverId,
    pub owner: Weak<dyn EventOwner>,
    /// Set for updates that are acknowledged when their callback has returned.
    pub acknowledgement: Option<Acknowledgement>,
    /// Set for the `error` event after which the driver is aborted.
    pub ends_driver: bool,
}

/// One callback to make.
#[derive(Clone)]
pub struct Event {
    pub name: Cow<'static, str>,
    pub args: Vec<Arg>,
    /// `None` for events that a Perl program sent itself.
    pub origin: Option<Origin>,
}

impl Event {
    pub fn new(name: impl Into<Cow<'static, str>>, args: Vec<Arg>) -> Self {
        Event {
            name: name.into(),
            args,
            origin: None,
        }
    }

    /// Whether something is owed for it: offers that a call must use or decline, a task that must get an update. If the callback
    /// dies, the driver makes up for what was not done.
    pub fn is_owed(&self) -> bool {
        matches!(&*self.name, "resourceOffers" | "launchTask")
    }
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name)
            .field("args", &self.args)
            .field("driver", &self.origin.as_ref().map(|o| o.driver))
            .finish()
    }
}
