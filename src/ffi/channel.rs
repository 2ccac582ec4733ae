//! The channel: the queue of events between drivers and Perl.

use super::bytes::MesosBytes;
use super::error::MesosCode;
use super::event::MesosEvent;
use super::guard::{guard, guard_anywhere, guard_value};
use super::handle::{self, Creator, Handle};
use crate::channel::Channel;
use crate::event::Event;

/// A queue of events, first in, first out. Functions: `mesos_channel_*`.
///
/// Dispatchers and drivers made from it share the queue, and may outlive this handle. Any number of threads may use it.
pub struct MesosChannel {
    pub(super) channel: Channel,
    creator: Creator,
}

impl Handle for MesosChannel {
    const NAME: &'static str = "channel";
    fn creator(&self) -> Creator {
        self.creator
    }
}

/// Makes an empty channel. The caller owns it and frees it with `mesos_channel_free`.
#[no_mangle]
pub extern "C" fn mesos_channel_new(result: *mut *mut MesosChannel) -> MesosCode {
    guard(|| {
        // SAFETY: the caller lends a place for the result.
        let result = unsafe { handle::out(result) }?;
        *result = handle::give(MesosChannel {
            channel: Channel::new(),
            creator: Creator::this_process(),
        });
        Ok(())
    })
}

/// Frees the handle.
#[no_mangle]
pub extern "C" fn mesos_channel_free(channel: *mut MesosChannel) {
    guard(|| {
        // SAFETY: the caller gives the handle up.
        unsafe { handle::free(channel) };
        Ok(())
    });
}

/// Queues an event and wakes the dispatchers of this channel. It consumes the event, even if it fails.
#[no_mangle]
pub extern "C" fn mesos_channel_send(channel: *const MesosChannel, event: *mut MesosEvent) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle of the caller's, used by one thread.
        let given = unsafe { handle::out(event) }?;
        let sent = std::mem::replace(&mut given.event, Event::new("", Vec::new()));
        // SAFETY: the caller gives the event up, and the channel is a live handle of the caller's.
        let channel = unsafe {
            handle::free(event);
            handle::get(channel)?
        };
        channel.channel.send(sent);
        Ok(())
    })
}

/// For the thread that is woken for the channel's events and takes them now: reads what has come for its drivers. Nothing wakes the
/// thread for what it does not take, until `mesos_channel_settle`.
#[no_mangle]
pub extern "C" fn mesos_channel_gather(channel: *const MesosChannel) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle of the caller's.
        unsafe { handle::get(channel) }?.channel.gather_hushed();
        Ok(())
    })
}

/// After `mesos_channel_gather`: wakes for what was not taken.
#[no_mangle]
pub extern "C" fn mesos_channel_settle(channel: *const MesosChannel) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle of the caller's.
        unsafe { handle::get(channel) }?.channel.settle();
        Ok(())
    })
}

/// Takes the oldest event; NULL if there is none. The caller owns it and frees it with `mesos_event_free`.
///
/// If the event ends its driver, the driver's status is DRIVER_ABORTED from now on.
#[no_mangle]
pub extern "C" fn mesos_channel_take(channel: *const MesosChannel, result: *mut *mut MesosEvent) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and a place for the result, both the caller's.
        let (channel, result) = unsafe { (handle::get(channel)?, handle::out(result)?) };
        channel.channel.gather();
        let Some(event) = channel.channel.take() else {
            *result = std::ptr::null_mut();
            return Ok(());
        };
        if let Some(owner) = event
            .origin
            .as_ref()
            .filter(|o| o.ends_driver)
            .and_then(|o| o.owner.upgrade())
        {
            owner.end_delivered();
        }
        *result = handle::give(MesosEvent {
            event,
            creator: Creator::this_process(),
        });
        Ok(())
    })
}

/// Sets what the user reads on standard error, once, if events wait here while the program runs a loop that does not ask for them.
#[no_mangle]
pub extern "C" fn mesos_channel_advise(channel: *const MesosChannel, text: MesosBytes) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and bytes of the caller's.
        let (channel, text) = unsafe { (handle::get(channel)?, text.to_text()) };
        channel.channel.advise(text);
        Ok(())
    })
}

/// How many events are queued. Takes no lock, and works wherever it is called.
#[no_mangle]
pub extern "C" fn mesos_channel_size(channel: *const MesosChannel) -> usize {
    let mut size = 0;
    guard_anywhere(|| {
        // SAFETY: a live handle of the caller's.
        size = unsafe { handle::get(channel) }?.channel.len();
        Ok(())
    });
    size
}

/// Whether events are queued. If so, `taken` gets the number of events that were ever taken.
#[no_mangle]
pub extern "C" fn mesos_channel_waiting(channel: *const MesosChannel, taken: *mut u64) -> bool {
    guard_value(false, || {
        // SAFETY: a live handle and a place for the result, both the caller's.
        let (channel, taken) = unsafe { (handle::get(channel)?, handle::out(taken)?) };
        channel.channel.gather();
        let waiting = channel.channel.waiting();
        *taken = waiting.unwrap_or(0);
        Ok(waiting.is_some())
    })
}
