//! What both drivers' handles share: the gate through which events pass to the channel, and the thread.

use super::connection;
use super::mailbox::{mailbox, Receiver, Sender, Urgency};
use super::unheard;
use crate::channel::Channel;
use crate::driver::counters::Counters;
use crate::driver::gate::Gate;
use crate::driver::lifecycle::{Lifecycle, Transition};
use crate::driver::{DriverError, Status};
use crate::event::EventOwner;
use crate::native::machine::{Emission, Machine};
use crate::thread::lock;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;

/// Shared by a driver and its thread. `C` are the machine's commands.
pub struct Handle<C> {
    pub gate: Gate,
    pub counters: Arc<Counters>,
    /// Made before the thread. If `stop` is called during `start`, its command waits here for the thread.
    commands: Mutex<Option<Sender<C>>>,
    receiver: Mutex<Option<Receiver<C>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<C: Send + 'static> Handle<C> {
    pub fn new(channel: Channel, counters: Counters) -> Self {
        let (sender, receiver) = mailbox();
        Handle {
            gate: Gate::new(channel),
            counters: Arc::new(counters),
            commands: Mutex::new(Some(sender)),
            receiver: Mutex::new(Some(receiver)),
            thread: Mutex::new(None),
        }
    }

    /// Starts the driver's thread; without one the driver is aborted.
    pub fn launch<M, K>(self: &Arc<Self>, name: &str, machine: M, kill: K) -> Result<(), DriverError>
    where
        Self: EventOwner,
        M: Machine<Command = C> + Send + 'static,
        K: FnMut() + Send + 'static,
    {
        let weak: Weak<Self> = Arc::downgrade(self);
        let owner: Weak<dyn EventOwner> = weak;
        let this = Arc::clone(self);
        let emit = move |emissions: Vec<Emission>| this.gate.pass(emissions, &owner);
        let mut thread = lock(&self.thread);
        let receiver = lock(&self.receiver).take();
        let receiver = receiver.ok_or_else(|| DriverError::System("the driver was started before".to_string()))?;
        let channel = self.gate.channel().clone();
        let runtime = connection::runtime();
        // Whoever starts a driver will run its loop.
        let program = rustix::thread::gettid().as_raw_nonzero().get();
        let body = move || {
            let watched = unheard::watch(channel.clone(), program);
            let passed = emit.clone();
            let run = AssertUnwindSafe(|| {
                let runtime = runtime?;
                runtime.spawn(watched);
                connection::run(&runtime, machine, receiver, passed, kill, channel)
            });
            // Perl must hear of a driver that cannot go on; nothing of the machine is used after a panic.
            match std::panic::catch_unwind(run) {
                Ok(Ok(())) => (),
                Ok(Err(why)) => emit(vec![Emission::fatal(&format!("the driver cannot run: {why}"))]),
                Err(_) => emit(vec![Emission::fatal(
                    "the driver's thread has panicked: a bug of this module",
                )]),
            }
        };
        let started = match self.gate.is_shut() {
            true => Err("the driver is closed".to_string()),
            false => crate::thread::spawn(name, body).map_err(|e| format!("cannot start a thread: {e}")),
        };
        *thread = Some(started.map_err(|why| {
            self.gate.lifecycle.abort();
            DriverError::System(why)
        })?);
        Ok(())
    }

    /// Queues a command for the thread, behind earlier ones. Without a thread nothing happens.
    pub fn send(&self, command: C) {
        if let Some(commands) = &*lock(&self.commands) {
            // Callbacks that still wait will send more.
            let urgency = match self.gate.channel().is_empty() {
                true => Urgency::Now,
                false => Urgency::MoreFollow,
            };
            // The thread may have ended by itself: then there is nobody to do it.
            commands.send(command, urgency);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Acknowledgement;
    use crate::native::machine::{Action, Now};
    use crate::native::protocol::endpoint::Endpoint;
    use crate::native::protocol::session::Session;
    use std::time::Duration;

    /// Ends with its first command.
    struct Ends {
        session: Session,
        counters: Counters,
        done: bool,
    }

    impl Machine for Ends {
        type Command = &'static str;

        fn session(&mut self) -> &mut Session {
            &mut self.session
        }
        fn counters(&self) -> &Counters {
            &self.counters
        }
        fn handle_session_events(&mut self, _: Now) {}
        fn start(&mut self, _: Now) {}
        fn handle_command(&mut self, command: &'static str, _: Now) {
            self.done = command == "stop";
        }
        fn tick(&mut self, _: Now) {}
        fn deadline(&self) -> Option<Duration> {
            None
        }
        fn take_actions(&mut self) -> Vec<Action> {
            self.done.then_some(Action::Done).into_iter().collect()
        }
    }

    impl EventOwner for Handle<&'static str> {
        fn acknowledge(&self, _: Acknowledgement) {}
        fn end_delivered(&self) {}
    }

    /// On another thread, while `start` has not come to its end.
    #[test]
    fn a_stop_before_the_thread_is_there_is_heard_by_it() {
        let handle = Arc::new(Handle::new(Channel::new(), Counters::executor()));
        assert!(handle.gate.lifecycle.start().changed);
        assert_eq!(handle.finish(Lifecycle::stop, "stop"), Status::Stopped);
        let machine = Ends {
            session: Session::new("scheduler", Endpoint::unknown()),
            counters: Counters::executor(),
            done: false,
        };
        assert_eq!(handle.launch("test", machine, || ()), Ok(()));
        let thread = lock(&handle.thread).take().expect("a thread");
        thread.join().expect("its end");
    }
}
