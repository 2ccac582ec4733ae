//! The way of a driver's callbacks into the channel, which stop, abort and close shut: nothing passes afterwards.

use super::lifecycle::Lifecycle;
use super::Stat;
use crate::channel::Channel;
use crate::event::{next_driver_id, Acknowledgement, Arg, DriverId, Event, EventOwner, Origin};
use std::sync::{Mutex, MutexGuard, Weak};

/// A driver's id, state and channel.
pub struct Gate {
    pub id: DriverId,
    pub lifecycle: Lifecycle,
    channel: Channel,
    /// Held while an event passes, and while stop, abort or close shut the gate. The value: shut for good.
    shut: Mutex<bool>,
}

impl Gate {
    /// What is known of the queue.
    pub fn stats(&self) -> Vec<Stat> {
        vec![
            Stat::count("queue_length", self.channel.len()),
            Stat::count("queue_high_water", self.channel.high_water()),
        ]
    }

    pub fn new(channel: Channel) -> Self {
        Gate {
            id: next_driver_id(),
            lifecycle: Lifecycle::default(),
            channel,
            shut: Mutex::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        // A bool is consistent whatever panicked.
        self.shut.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Passes a callback, if the driver still delivers. `update`: what to acknowledge when it has returned.
    pub fn pass(&self, name: &'static str, args: Vec<Arg>, update: Option<Acknowledgement>, owner: Weak<dyn EventOwner>) {
        let shut = self.lock();
        if self.lifecycle.is_running() && !*shut {
            self.send(name, args, update, false, owner);
        }
    }

    /// Passes the `error` callback of a driver that has failed; only the first counts.
    pub fn fail(&self, message: &str, owner: Weak<dyn EventOwner>) {
        let shut = self.lock();
        if self.lifecycle.fail() && !*shut {
            self.send("error", vec![Arg::string(message.to_string())], None, true, owner);
        }
    }

    fn send(
        &self,
        name: &'static str,
        args: Vec<Arg>,
        acknowledgement: Option<Acknowledgement>,
        ends_driver: bool,
        owner: Weak<dyn EventOwner>,
    ) {
        self.channel.send(Event {
            name: name.into(),
            args,
            origin: Some(Origin {
                driver: self.id,
                owner,
                acknowledgement,
                ends_driver,
            }),
        });
    }

    /// Makes a transition after which nothing is delivered, and drops what was not delivered yet.
    pub fn silence<T>(&self, transition: impl FnOnce(&Lifecycle) -> T) -> T {
        let _shut = self.lock();
        let result = transition(&self.lifecycle);
        if !self.lifecycle.is_running() {
            self.channel.purge(self.id);
        }
        result
    }

    /// Shuts for good.
    pub fn shut(&self) {
        *self.lock() = true;
        self.channel.purge(self.id);
    }
}
