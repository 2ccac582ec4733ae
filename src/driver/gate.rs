//! The way of a driver's callbacks into the channel, which stop, abort and close shut: nothing passes afterwards.

use super::lifecycle::Lifecycle;
use crate::channel::Channel;
use crate::event::{next_driver_id, Acknowledgement, Arg, DriverId, Event, EventOwner, Origin};
use std::sync::{Mutex, MutexGuard, Weak};

/// A callback that is to be made in Perl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emission {
    pub name: &'static str,
    pub args: Vec<Arg>,
    /// What to acknowledge when the callback has returned.
    pub acknowledgement: Option<Acknowledgement>,
    /// The driver has failed; this is its last event.
    pub ends_driver: bool,
}

impl Emission {
    pub fn new(name: &'static str, args: Vec<Arg>) -> Self {
        Emission {
            name,
            args,
            acknowledgement: None,
            ends_driver: false,
        }
    }

    /// Copies what it has of the bytes that were read: it is little of them, and would hold them all.
    pub fn detach(&mut self) {
        self.args.iter_mut().for_each(Arg::detach);
        self.acknowledgement.iter_mut().for_each(Acknowledgement::detach);
    }

    /// The `error` callback after which the driver is aborted.
    pub fn fatal(message: &str) -> Self {
        Emission {
            ends_driver: true,
            ..Emission::new("error", vec![Arg::string(message.to_string())])
        }
    }
}

/// A driver's id, state and channel.
pub struct Gate {
    pub id: DriverId,
    pub lifecycle: Lifecycle,
    channel: Channel,
    /// Held while an event passes, and while stop, abort or close shut the gate. The value: shut for good.
    shut: Mutex<bool>,
}

impl Gate {
    pub fn new(channel: Channel) -> Self {
        Gate {
            id: next_driver_id(),
            lifecycle: Lifecycle::default(),
            channel,
            shut: Mutex::new(false),
        }
    }

    /// Where the driver's events go.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        // A bool is consistent whatever panicked.
        crate::thread::lock(&self.shut)
    }

    /// Passes callbacks, in this order, if the driver still delivers; of failures only the first.
    pub fn pass(&self, emissions: impl IntoIterator<Item = Emission>, owner: &Weak<dyn EventOwner>) {
        let shut = self.lock();
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
        let _shut = self.lock();
        let result = transition(&self.lifecycle);
        if !self.lifecycle.is_running() {
            self.channel.purge(self.id);
        }
        result
    }

    /// Shuts for good.
    pub fn shut(&self) {
        let mut shut = self.lock();
        *shut = true;
        self.channel.purge(self.id);
    }

    pub fn is_shut(&self) -> bool {
        *self.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Interrupt;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::Arc;

    struct Nobody;

    impl EventOwner for Nobody {
        fn acknowledge(&self, _: Acknowledgement) {}
        fn end_delivered(&self) {}
    }

    /// Threads pass callbacks, another one takes them, and one ends the driver: from then on nothing is there, and nothing comes.
    #[test]
    fn nothing_passes_a_gate_that_another_thread_has_silenced() {
        let owner: Arc<dyn EventOwner> = Arc::new(Nobody);
        for round in 0..100 {
            let channel = Channel::new();
            let calls = Arc::new(AtomicU64::new(0));
            let counted = calls.clone();
            channel.attach(Arc::new(Interrupt::new(Box::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
            }))));
            let gate = Gate::new(channel.clone());
            gate.lifecycle.start();
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        while gate.lifecycle.is_running() {
                            let two = [Emission::new("a", vec![]), Emission::new("b", vec![])];
                            gate.pass(two, &Arc::downgrade(&owner));
                        }
                        gate.pass([Emission::new("late", vec![])], &Arc::downgrade(&owner));
                    });
                }
                scope.spawn(|| while gate.lifecycle.is_running() && channel.take().map_or(true, |event| event.name != "late") {});
                while channel.taken() <= round {
                    std::thread::yield_now();
                }
                if round % 3 == 0 {
                    gate.shut();
                    assert_eq!(channel.len(), 0, "round {round}: shut");
                }
                gate.silence(|lifecycle| match round % 2 {
                    0 => lifecycle.stop(),
                    _ => lifecycle.abort(),
                });
                assert_eq!(channel.len(), 0, "round {round}: what was queued is gone");
            });
            assert_eq!(channel.len(), 0, "round {round}: nothing has passed");
            assert!(calls.load(Ordering::Relaxed) > 0);
        }
    }
}
