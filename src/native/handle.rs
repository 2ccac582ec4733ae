//! What both drivers' handles share: the gate through which events pass to the channel, and the thread.

use super::connection;
use super::machine::{Emission, Machine};
use super::mailbox::{mailbox, Sender};
use crate::channel::Channel;
use crate::driver::gate::Gate;
use crate::driver::lifecycle::{Lifecycle, Transition};
use crate::driver::{DriverError, Status};
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::SystemTime;

/// Shared by a driver and its thread. `C` are the machine's commands.
pub struct Handle<C> {
    pub gate: Gate,
    commands: Mutex<Option<Sender<C>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What these mutexes guard is consistent between any two statements.
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl<C: Send + 'static> Handle<C> {
    pub fn new(channel: Channel) -> Self {
        Handle {
            gate: Gate::new(channel),
            commands: Mutex::new(None),
            thread: Mutex::new(None),
        }
    }

    /// Starts the driver's thread; without one the driver is aborted.
    pub fn launch<M, E, K>(&self, name: &str, machine: M, emit: E, kill: K) -> Result<(), DriverError>
    where
        M: Machine<Command = C> + Send + 'static,
        E: Fn(Vec<Emission>) + Clone + Send + 'static,
        K: FnMut() + Send + 'static,
    {
        let (sender, receiver) = mailbox();
        let channel = self.gate.channel().clone();
        let body = move || {
            let passed = emit.clone();
            let run = AssertUnwindSafe(|| connection::run(machine, receiver, passed, kill, channel));
            // Perl must hear of a driver that cannot go on; nothing of the machine is used after a panic.
            match std::panic::catch_unwind(run) {
                Ok(Ok(())) => (),
                Ok(Err(why)) => emit(vec![Emission::fatal(&format!("the driver cannot run: {why}"))]),
                Err(_) => emit(vec![Emission::fatal(
                    "the driver's thread has panicked: a bug of this module",
                )]),
            }
        };
        let mut thread = lock(&self.thread);
        let started = match self.gate.is_shut() {
            true => Err("the driver is closed".to_string()),
            false => crate::thread::spawn(name, body).map_err(|e| format!("cannot start a thread: {e}")),
        };
        *thread = Some(started.map_err(|why| {
            self.gate.lifecycle.abort();
            DriverError::System(why)
        })?);
        *lock(&self.commands) = Some(sender);
        Ok(())
    }

    /// Queues a command for the thread, behind earlier ones. Without a thread nothing happens.
    pub fn send(&self, command: C) {
        if let Some(commands) = &*lock(&self.commands) {
            // The thread may have ended by itself: then there is nobody to do it.
            commands.send(command, !self.gate.channel().is_empty());
        }
    }

    /// `stop` or `abort`: silences the driver and, if it ran, tells the thread with `command`.
    pub fn finish(&self, transition: impl FnOnce(&Lifecycle) -> Transition, command: C) -> Status {
        let transition = self.gate.silence(transition);
        if transition.changed {
            self.send(command);
        }
        transition.status
    }

    /// Shuts the gate, tells the thread with `command` to end, and waits for it.
    pub fn close(&self, command: C) {
        self.gate.shut();
        self.send(command);
        let thread = lock(&self.thread).take();
        // A panic is caught and told in the thread. A thread does not wait for itself.
        if let Some(thread) = thread.filter(|t| t.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
        *lock(&self.commands) = None;
    }
}

/// A seed for jitter. It is no secret: without random numbers the clock will do.
pub fn seed() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::getrandom(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        Err(_) => SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(1, |d| d.as_nanos() as u64),
    }
}
