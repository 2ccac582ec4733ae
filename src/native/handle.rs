//! What both drivers' handles share: the status, the gate through which events pass to the channel, and the thread.

use super::connection;
use super::machine::{Emission, Machine};
use super::mailbox::{mailbox, Sender};
use crate::channel::Channel;
use crate::driver::lifecycle::Lifecycle;
use crate::driver::DriverError;
use crate::event::{next_driver_id, DriverId, Event, EventOwner, Origin};
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, Weak};
use std::thread::JoinHandle;
use std::time::SystemTime;

/// Shared by a driver and its thread. `C` are the machine's commands.
pub struct Handle<C> {
    pub id: DriverId,
    pub lifecycle: Lifecycle,
    channel: Channel,
    /// Held while an event passes to the channel, and while stop, abort or close shut the gate: nothing passes afterwards.
    /// The value: the gate is shut for good.
    gate: Mutex<bool>,
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
            id: next_driver_id(),
            lifecycle: Lifecycle::default(),
            channel,
            gate: Mutex::new(false),
            commands: Mutex::new(None),
            thread: Mutex::new(None),
        }
    }

    /// Where the driver's events go.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Starts the driver's thread.
    pub fn launch<M, E, K>(&self, name: &str, machine: M, emit: E, kill: K) -> Result<(), DriverError>
    where
        M: Machine<Command = C> + Send + 'static,
        E: FnMut(Vec<Emission>) + Send + 'static,
        K: FnMut() + Send + 'static,
    {
        if *lock(&self.gate) {
            return Err(DriverError::System("the driver is closed".to_string()));
        }
        let (sender, receiver) = mailbox();
        let channel = self.channel.clone();
        let mut thread = lock(&self.thread);
        let started = crate::thread::spawn(name, move || {
            let mut emit = emit;
            let run = AssertUnwindSafe(|| connection::run(machine, receiver, &mut emit, kill, &channel));
            // Perl must hear of a driver that cannot go on; nothing of the machine is used after a panic.
            match std::panic::catch_unwind(run) {
                Ok(Ok(())) => (),
                Ok(Err(why)) => emit(vec![Emission::fatal(&format!("the driver cannot run: {why}"))]),
                Err(_) => emit(vec![Emission::fatal(
                    "the driver's thread has panicked: a bug of this module",
                )]),
            }
        });
        *thread = Some(started.map_err(|e| DriverError::System(format!("cannot start a thread: {e}")))?);
        *lock(&self.commands) = Some(sender);
        Ok(())
    }

    /// Queues a command for the thread, behind earlier ones. Without a thread nothing happens.
    pub fn send(&self, command: C) {
        if let Some(commands) = &*lock(&self.commands) {
            // The thread may have ended by itself: then there is nobody to do it.
            commands.send(command);
        }
    }

    /// Passes callbacks to the channel, if the driver still delivers.
    pub fn emit(&self, emissions: Vec<Emission>, owner: &Weak<dyn EventOwner>) {
        let shut = lock(&self.gate);
        let delivers = |emission: &Emission| match emission.ends_driver {
            true => self.lifecycle.fail(),
            false => self.lifecycle.is_running(),
        };
        let event = |emission: Emission| Event {
            name: emission.name.into(),
            args: emission.args,
            origin: Some(Origin {
                driver: self.id,
                owner: owner.clone(),
                acknowledgement: emission.acknowledgement,
                ends_driver: emission.ends_driver,
            }),
        };
        let delivered = emissions.into_iter().filter(|emission| delivers(emission) && !*shut);
        self.channel.send_all(delivered.map(event));
    }

    /// Makes a transition after which nothing is delivered, and drops what was not delivered yet.
    pub fn silence<T>(&self, transition: impl FnOnce(&Lifecycle) -> T) -> T {
        let gate = lock(&self.gate);
        let result = transition(&self.lifecycle);
        if !self.lifecycle.is_running() {
            self.channel.purge(self.id);
        }
        drop(gate);
        result
    }

    /// Shuts the gate, tells the thread with `command` to end, and waits for it.
    pub fn close(&self, command: C) {
        {
            let mut shut = lock(&self.gate);
            *shut = true;
            self.channel.purge(self.id);
        }
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
