//! Building an event that Perl sends, and reading one that Perl has taken.

use super::bytes::MesosBytes;
use super::error::{FfiError, MesosCode};
use super::guard::{guard, guard_value};
use super::handle::{self, Creator, Handle};
use crate::event::{Arg, ArgType, Event};
use crate::message;

/// An event: the name of a callback and its arguments. Functions: `mesos_event_*`.
///
/// Made by `mesos_event_new` or `mesos_channel_take`. Give it to `mesos_channel_send` or to `mesos_event_free`. One thread at a time may
/// use it.
pub struct MesosEvent {
    pub(super) event: Event,
    pub(super) creator: Creator,
}

impl Handle for MesosEvent {
    const NAME: &'static str = "event";
    fn creator(&self) -> Creator {
        self.creator
    }
}

/// The type of an event's argument.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MesosArgKind {
    /// Plain bytes.
    MesosArgString = 0,
    /// A Mesos message: `class_id` says which.
    MesosArgMessage = 1,
    /// An object of another Perl class: `type_name` is that class.
    MesosArgForeign = 2,
}

/// Describes one argument of an event.
#[repr(C)]
pub struct MesosArg {
    pub kind: MesosArgKind,
    /// A list of `count` items; else one item.
    pub is_list: bool,
    pub class_id: u32,
    pub count: usize,
    /// Borrowed from the event.
    pub type_name: MesosBytes,
}

fn arg_type(name: &str) -> ArgType {
    if name == "String" {
        return ArgType::String;
    }
    match message::class_by_perl_name(name) {
        Some(class) => ArgType::Message(class),
        None => ArgType::Foreign(name.to_string()),
    }
}

fn arg(event: &MesosEvent, index: usize) -> Result<&Arg, FfiError> {
    let args = &event.event.args;
    args.get(index)
        .ok_or_else(|| FfiError::new(MesosCode::MesosBadArgument, format!("argument {index} of {}", args.len())))
}

/// Makes an event called `name`, without arguments. The caller owns it.
#[no_mangle]
pub extern "C" fn mesos_event_new(name: MesosBytes, result: *mut *mut MesosEvent) -> MesosCode {
    guard(|| {
        // SAFETY: the caller lends a place for the result and the bytes of the name.
        let (result, name) = unsafe { (handle::out(result)?, name.to_text()) };
        *result = handle::give(MesosEvent {
            event: Event::new(name, Vec::new()),
            creator: Creator::this_process(),
        });
        Ok(())
    })
}

/// Appends an argument: an empty list if `is_list`, else `data`. `type_name` is "String" or a Perl class.
#[no_mangle]
pub extern "C" fn mesos_event_push(event: *mut MesosEvent, type_name: MesosBytes, is_list: bool, data: MesosBytes) -> MesosCode {
    guard(|| {
        // SAFETY: the handle is the caller's, used by one thread; the bytes are lent for the call.
        let (event, kind, data) = unsafe { (handle::get_mut(event)?, arg_type(&type_name.to_text()), data.to_vec()) };
        event.event.args.push(match is_list {
            true => Arg::List(kind, Vec::new()),
            false => Arg::Scalar(kind, data.into()),
        });
        Ok(())
    })
}

/// Appends an item to the last list that was pushed.
#[no_mangle]
pub extern "C" fn mesos_event_push_item(event: *mut MesosEvent, data: MesosBytes) -> MesosCode {
    guard(|| {
        // SAFETY: the handle is the caller's, used by one thread; the bytes are lent for the call.
        let (event, data) = unsafe { (handle::get_mut(event)?, data.to_vec()) };
        match event.event.args.last_mut() {
            Some(Arg::List(_, items)) => items.push(data.into()),
            _ => return Err(FfiError::new(MesosCode::MesosBadArgument, "the last argument is not a list")),
        }
        Ok(())
    })
}

/// Frees an event. If you have not called `mesos_event_acknowledge`, its update is not acknowledged, and Mesos sends it again.
#[no_mangle]
pub extern "C" fn mesos_event_free(event: *mut MesosEvent) {
    guard(|| {
        // SAFETY: the caller gives the handle up.
        unsafe { handle::free(event) };
        Ok(())
    });
}

/// The name of the callback, borrowed from the event.
#[no_mangle]
pub extern "C" fn mesos_event_name(event: *const MesosEvent) -> MesosBytes {
    guard_value(MesosBytes::default(), || {
        // SAFETY: a live handle of the caller's.
        Ok(MesosBytes::borrowed(unsafe { handle::get(event) }?.event.name.as_bytes()))
    })
}

/// The id of the driver that queued the event; 0 for an event that the program sent itself.
#[no_mangle]
pub extern "C" fn mesos_event_driver(event: *const MesosEvent) -> u64 {
    guard_value(0, || {
        // SAFETY: a live handle of the caller's.
        Ok(unsafe { handle::get(event) }?.event.origin.as_ref().map_or(0, |o| o.driver))
    })
}

/// How many arguments the event has.
#[no_mangle]
pub extern "C" fn mesos_event_arg_count(event: *const MesosEvent) -> usize {
    guard_value(0, || {
        // SAFETY: a live handle of the caller's.
        Ok(unsafe { handle::get(event) }?.event.args.len())
    })
}

/// Describes argument `index` (from 0).
#[no_mangle]
pub extern "C" fn mesos_event_arg(event: *const MesosEvent, index: usize, result: *mut MesosArg) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and a place for the result, both the caller's.
        let (event, result) = unsafe { (handle::get(event)?, handle::out(result)?) };
        let (kind, is_list, count) = match arg(event, index)? {
            Arg::Scalar(kind, _) => (kind, false, 1),
            Arg::List(kind, items) => (kind, true, items.len()),
        };
        let (kind, class_id, type_name) = match kind {
            ArgType::String => (MesosArgKind::MesosArgString, 0, MesosBytes::default()),
            ArgType::Message(class) => (MesosArgKind::MesosArgMessage, class.0, MesosBytes::default()),
            ArgType::Foreign(name) => (MesosArgKind::MesosArgForeign, 0, MesosBytes::borrowed(name.as_bytes())),
        };
        *result = MesosArg {
            kind,
            is_list,
            class_id,
            count,
            type_name,
        };
        Ok(())
    })
}

/// Item `item` of argument `index`: the argument's own bytes if it is not a list. Borrowed from the event.
#[no_mangle]
pub extern "C" fn mesos_event_item(event: *const MesosEvent, index: usize, item: usize) -> MesosBytes {
    guard_value(MesosBytes::default(), || {
        // SAFETY: a live handle of the caller's.
        let bytes = match arg(unsafe { handle::get(event) }?, index)? {
            Arg::Scalar(_, data) => Some(data),
            Arg::List(_, items) => items.get(item),
        };
        Ok(bytes.map_or(MesosBytes::default(), |b| MesosBytes::borrowed(b)))
    })
}

/// Whether this event ends its driver. If so, the driver's status is DRIVER_ABORTED since the event was taken.
#[no_mangle]
pub extern "C" fn mesos_event_ends_driver(event: *const MesosEvent) -> bool {
    guard_value(false, || {
        // SAFETY: a live handle of the caller's.
        Ok(unsafe { handle::get(event) }?
            .event
            .origin
            .as_ref()
            .is_some_and(|o| o.ends_driver))
    })
}

/// Whether something is owed for the event, offers or a task: what calls do about it while it is handled must be noted, for the
/// callback may die before all is done.
#[no_mangle]
pub extern "C" fn mesos_event_is_owed(event: *const MesosEvent) -> bool {
    guard_value(false, || {
        // SAFETY: a live handle of the caller's.
        Ok(unsafe { handle::get(event) }?.event.is_owed())
    })
}

/// Acknowledges the update that the event carries to Mesos, if its driver still lives and runs: to be called when the callback has
/// returned normally, or the program has taken the event. Does nothing a second time, and for events that nobody waits for.
#[no_mangle]
pub extern "C" fn mesos_event_acknowledge(event: *mut MesosEvent) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle of the caller's, used by one thread.
        let event = unsafe { handle::get_mut(event) }?;
        if let Some(origin) = &mut event.event.origin {
            if let (Some(update), Some(owner)) = (origin.acknowledgement.take(), origin.owner.upgrade()) {
                owner.acknowledge(update);
            }
        }
        Ok(())
    })
}
