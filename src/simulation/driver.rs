//! What stands between a driver's machine and the world: what `native::io` is elsewhere. The gate and the channel are the real ones.

use super::dice::{note, Dice};
use super::network::{Network, Party};
use crate::channel::Channel;
use crate::driver::gate::Gate;
use crate::event::{Acknowledgement, Event, EventOwner};
use crate::native::machine::{Action, Emission, Machine, Now};
use crate::native::protocol::action::{Link, LinkAction};
use crate::thread::lock;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// What Perl's side has of a driver.
pub struct Handle<C> {
    pub gate: Gate,
    commands: Mutex<VecDeque<C>>,
    acknowledges: fn(Acknowledgement) -> Option<C>,
}

impl<C: Send + 'static> EventOwner for Handle<C> {
    fn acknowledge(&self, update: Acknowledgement) {
        if self.gate.lifecycle.is_running() {
            self.commands_of((self.acknowledges)(update));
        }
    }

    fn end_delivered(&self) {
        self.gate.lifecycle.end_delivered();
    }
}

impl<C> Handle<C> {
    fn commands_of(&self, commands: impl IntoIterator<Item = C>) {
        lock(&self.commands).extend(commands);
    }

    pub fn send(&self, command: C) {
        self.commands_of([command]);
    }
}

/// Something that a machine did, for those who keep the books.
pub enum Deed {
    Emitted(Emission),
    /// On this connection.
    Sent(Link, u64, Vec<u8>),
    /// The connection for calls was given up.
    Closed(Link, u64),
    /// It wants to know who leads.
    Asked,
    Killed,
    Done,
}

pub struct Driver<M: Machine> {
    pub machine: M,
    pub handle: Arc<Handle<M::Command>>,
    pub channel: Channel,
    party: Party,
    began: Duration,
    stream: Option<u64>,
    calls: Option<u64>,
    pub is_done: bool,
    /// Sabotage: a subscription's silence is never noticed.
    pub no_watchdog: bool,
}

impl<M: Machine> Driver<M>
where
    M::Command: Send + 'static,
{
    pub fn new(machine: M, party: Party, now: Duration, acknowledges: fn(Acknowledgement) -> Option<M::Command>) -> Self {
        let channel = Channel::new();
        let gate = Gate::new(channel.clone());
        gate.lifecycle.start();
        let mut driver = Driver {
            machine,
            handle: Arc::new(Handle {
                gate,
                commands: Mutex::default(),
                acknowledges,
            }),
            channel,
            party,
            began: now,
            stream: None,
            calls: None,
            is_done: false,
            no_watchdog: false,
        };
        let started = driver.at(now);
        driver.machine.start(started);
        driver
    }

    pub fn at(&self, now: Duration) -> Now {
        Now {
            elapsed: now - self.began,
            wall: (Duration::from_secs(crate::local::stage::EPOCH) + now).as_secs_f64(),
        }
    }

    pub fn deadline(&mut self) -> Option<Duration> {
        let deaf = self.no_watchdog && self.handle.gate.lifecycle.is_running();
        if self.is_done || deaf && self.machine.session().is_subscribed() {
            return None;
        }
        self.machine.deadline().map(|deadline| self.began + deadline)
    }

    pub fn connection(&self, link: Link) -> Option<u64> {
        match link {
            Link::Stream => self.stream,
            Link::Calls => self.calls,
        }
    }

    fn place(&mut self, link: Link) -> &mut Option<u64> {
        match link {
            Link::Stream => &mut self.stream,
            Link::Calls => &mut self.calls,
        }
    }

    /// Whether this connection is one that the machine uses; by which link.
    pub fn link_of(&self, connection: u64) -> Option<Link> {
        let links = [Link::Stream, Link::Calls].into_iter();
        links
            .filter(|_| !self.is_done)
            .find(|link| self.connection(*link) == Some(connection))
    }

    pub fn broken(&mut self, link: Link, reason: &str, now: Duration) {
        *self.place(link) = None;
        let now = self.at(now);
        self.machine.broken(link, reason.to_string(), now);
    }

    /// Carries out what the machine wants, until it wants nothing more.
    pub fn settle(&mut self, network: &mut Network, now: Duration, dice: &mut Dice) -> Vec<Deed> {
        let mut deeds = Vec::new();
        while !self.is_done {
            let commands: Vec<_> = lock(&self.handle.commands).drain(..).collect();
            if !commands.is_empty() {
                self.machine.commands(commands, self.at(now));
            }
            let actions = self.machine.take_actions();
            if actions.is_empty() {
                break;
            }
            let mut emissions = Vec::new();
            for action in actions {
                match action {
                    Action::Link(LinkAction::Open(link, _)) => {
                        self.close(link, network, now, &mut deeds);
                        *self.place(link) = Some(network.open(self.party, link, now, dice));
                    }
                    Action::Link(LinkAction::Send(link, bytes)) => {
                        if let Some(connection) = self.connection(link) {
                            network.send_to_server(connection, bytes.clone(), now, dice);
                            deeds.push(Deed::Sent(link, connection, bytes));
                        }
                    }
                    Action::Link(LinkAction::Close(link)) => self.close(link, network, now, &mut deeds),
                    Action::Emit(emission) => {
                        note!("{:?} tells {}", self.party, emission.name);
                        deeds.push(Deed::Emitted(emission.clone()));
                        emissions.push(emission);
                    }
                    Action::Detect(_) => deeds.push(Deed::Asked),
                    Action::KillProcessGroup => deeds.push(Deed::Killed),
                    Action::Done => {
                        note!("{:?} is done", self.party);
                        self.is_done = true;
                        deeds.push(Deed::Done);
                    }
                }
            }
            let handle: Weak<Handle<M::Command>> = Arc::downgrade(&self.handle);
            let owner: Weak<dyn EventOwner> = handle;
            self.handle.gate.pass(emissions, &owner);
        }
        if self.is_done {
            self.hang_up(network, now, &mut deeds);
        }
        deeds
    }

    fn close(&mut self, link: Link, network: &mut Network, now: Duration, deeds: &mut Vec<Deed>) {
        if let Some(connection) = self.place(link).take() {
            network.client_closes(connection, now);
            deeds.push(Deed::Closed(link, connection));
        }
    }

    /// As the kernel does at the end.
    pub fn hang_up(&mut self, network: &mut Network, now: Duration, deeds: &mut Vec<Deed>) {
        self.close(Link::Stream, network, now, deeds);
        self.close(Link::Calls, network, now, deeds);
    }

    /// The next callback, as the dispatcher takes it.
    pub fn take(&self) -> Option<Event> {
        let event = self.channel.take()?;
        let ends = event.origin.as_ref().filter(|origin| origin.ends_driver);
        if let Some(owner) = ends.and_then(|origin| origin.owner.upgrade()) {
            owner.end_delivered();
        }
        Some(event)
    }
}
