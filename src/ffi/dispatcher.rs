//! The dispatcher: ties a channel to what wakes Perl.

use super::channel::MesosChannel;
use super::error::{FfiError, MesosCode};
use super::guard::{guard, guard_value};
use super::handle::{self, Creator, Handle};
use crate::channel::Channel;
use crate::notify::{Interrupt, Notify, Pipe};
use std::ffi::{c_int, c_void};
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// Wakes Perl while a channel holds events. Functions: `mesos_dispatcher_*`. One thread at a time may use it.
pub struct MesosDispatcher {
    channel: Channel,
    notify: Arc<dyn Notify>,
    pipe: Option<Arc<Pipe>>,
    creator: Creator,
}

impl Handle for MesosDispatcher {
    const NAME: &'static str = "dispatcher";
    fn creator(&self) -> Creator {
        self.creator
    }
}

impl Drop for MesosDispatcher {
    fn drop(&mut self) {
        self.channel.detach(&self.notify);
    }
}

/// Called with its own `argument` and 1 (the prototype of Async::Interrupt's signal functions).
pub type MesosSignalFunction = Option<extern "C" fn(argument: *mut c_void, value: c_int)>;

/// A C function and its argument, callable from any thread.
struct Signal {
    function: extern "C" fn(*mut c_void, c_int),
    argument: *mut c_void,
}

// SAFETY: whoever passes the pair in promises that the function may be called from any thread with it (documented there).
unsafe impl Send for Signal {}
// SAFETY: as above.
unsafe impl Sync for Signal {}

impl Signal {
    fn call(&self) {
        (self.function)(self.argument, 1);
    }
}

fn attach(channel: &MesosChannel, notify: Arc<dyn Notify>, pipe: Option<Arc<Pipe>>) -> *mut MesosDispatcher {
    let channel = channel.channel.clone();
    channel.attach(notify.clone());
    handle::give(MesosDispatcher {
        channel,
        notify,
        pipe,
        creator: Creator::this_process(),
    })
}

/// Makes a dispatcher with a descriptor that is readable exactly while the channel holds events. The caller owns it.
#[no_mangle]
pub extern "C" fn mesos_dispatcher_new_pipe(channel: *const MesosChannel, result: *mut *mut MesosDispatcher) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and a place for the result, both the caller's.
        let (channel, result) = unsafe { (handle::get(channel)?, handle::out(result)?) };
        let pipe = Pipe::new().map_err(|e| FfiError::new(MesosCode::MesosSystem, format!("cannot make a pipe: {e}")))?;
        let pipe = Arc::new(pipe);
        *result = attach(channel, pipe.clone(), Some(pipe));
        Ok(())
    })
}

/// A dispatcher that calls `function(argument, 1)` for every event that is queued, from whatever thread queues it. Owned by
/// the caller, who keeps `argument` valid until `mesos_dispatcher_free` has returned: it is not called afterwards.
///
/// The function must be safe to call from any thread, quick, and must not call this library.
#[no_mangle]
pub extern "C" fn mesos_dispatcher_new_interrupt(
    channel: *const MesosChannel,
    function: MesosSignalFunction,
    argument: *mut c_void,
    result: *mut *mut MesosDispatcher,
) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and a place for the result, both the caller's.
        let (channel, result) = unsafe { (handle::get(channel)?, handle::out(result)?) };
        let function = function.ok_or_else(|| FfiError::new(MesosCode::MesosNullPointer, "no signal function"))?;
        let signal = Signal { function, argument };
        *result = attach(channel, Arc::new(Interrupt::new(Box::new(move || signal.call()))), None);
        Ok(())
    })
}

/// Frees the handle: detaches the dispatcher from the channel, and closes the descriptor.
#[no_mangle]
pub extern "C" fn mesos_dispatcher_free(dispatcher: *mut MesosDispatcher) {
    guard(|| {
        // SAFETY: the caller gives the handle up.
        unsafe { handle::free(dispatcher) };
        Ok(())
    });
}

/// The descriptor to watch for reading; -1 if there is none. It belongs to the dispatcher: watch a duplicate.
#[no_mangle]
pub extern "C" fn mesos_dispatcher_fd(dispatcher: *const MesosDispatcher) -> c_int {
    guard_value(-1, || {
        // SAFETY: a live handle of the caller's.
        let dispatcher = unsafe { handle::get(dispatcher) }?;
        Ok(dispatcher.pipe.as_ref().map_or(-1, |p| p.fd().as_raw_fd()))
    })
}

/// The same for who also reads what has come for the channel's drivers, when it is woken: with `mesos_channel_take`, `_waiting` or
/// `_gather`. It is readable also while something has come; perhaps it is no whole event. From then on drivers rely on it.
///
/// It is an epoll descriptor: watch it with select, epoll, or poll for POLLIN. -1 if there is none.
#[no_mangle]
pub extern "C" fn mesos_dispatcher_stream_fd(dispatcher: *const MesosDispatcher) -> c_int {
    guard_value(-1, || {
        // SAFETY: a live handle of the caller's.
        let dispatcher = unsafe { handle::get(dispatcher) }?;
        let either = dispatcher.pipe.as_ref().map(|pipe| pipe.either());
        Ok(either.and_then(Result::ok).map_or(-1, |either| either.as_raw_fd()))
    })
}

/// Wakes Perl again if the channel holds events. Otherwise it does nothing.
#[no_mangle]
pub extern "C" fn mesos_dispatcher_notify(dispatcher: *const MesosDispatcher) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle of the caller's.
        unsafe { handle::get(dispatcher) }?.channel.renotify();
        Ok(())
    })
}
