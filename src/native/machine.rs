//! What a state machine of this module takes and gives: bytes, commands and the time in, [`Action`]s out. No I/O.

use super::detector::{Detection, Source};
use super::protocol::endpoint::Endpoint;
use super::protocol::session::Session;
use crate::driver::counters::Counters;
use std::time::Duration;

/// The time of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Now {
    /// Since the driver's start; never goes back.
    pub elapsed: Duration,
    /// Seconds since 1970, for timestamps of updates.
    pub wall: f64,
}

/// The two connections of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// SUBSCRIBE and the events.
    Stream,
    /// All other calls.
    Calls,
}

pub use crate::driver::gate::Emission;

/// What a machine wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect; answered by `opened` or `broken`. The link is closed before.
    Open(Link, Endpoint),
    /// Bytes for an open link, behind earlier ones.
    Send(Link, Vec<u8>),
    /// Close without further inputs from this link.
    Close(Link),
    Emit(Emission),
    /// Find the leading master, again and again; answered by `detected`.
    Detect(Source),
    /// SIGKILL to the own process group: an executor's grace period is over.
    KillProcessGroup,
    /// Nothing more will come: end the thread.
    Done,
}

/// A driver's logic, around a [`Session`].
pub trait Machine {
    type Command;

    fn session(&mut self) -> &mut Session;
    fn counters(&self) -> &Counters;
    /// Acts on what the session tells. The last step of every input.
    fn settle(&mut self, now: Now);
    /// The first input.
    fn start(&mut self, now: Now);
    /// One thing that the program wants.
    fn obey(&mut self, command: Self::Command, now: Now);
    /// [`Machine::deadline`] has passed.
    fn tick(&mut self, now: Now);
    /// When to call [`Machine::tick`], in time since the start.
    fn deadline(&self) -> Option<Duration>;
    fn take_actions(&mut self) -> Vec<Action>;

    /// A link that [`Action::Open`] asked for is connected.
    fn opened(&mut self, link: Link, now: Now) {
        self.session().opened(link, now.elapsed);
        self.settle(now);
    }
    /// Connecting failed, or an open link ended.
    fn broken(&mut self, link: Link, reason: String, now: Now) {
        self.session().broken(link, reason, now.elapsed);
        self.settle(now);
    }
    fn received(&mut self, link: Link, data: &[u8], now: Now) {
        self.counters().received(data.len());
        self.session().received(link, data, now.elapsed);
        self.settle(now);
    }
    /// Whether events may come now. If not, what the machine already has is more than the other side takes off it.
    fn takes_events(&self) -> bool {
        true
    }
    /// What [`Action::Detect`] found. For machines that ask for it.
    fn detected(&mut self, _detection: Detection, _now: Now) {}
    /// What the program wants, in order.
    fn commands(&mut self, commands: Vec<Self::Command>, now: Now) {
        for command in commands {
            self.obey(command, now);
        }
        self.settle(now);
    }
    #[cfg(test)]
    fn command(&mut self, command: Self::Command, now: Now) {
        self.commands(vec![command], now);
    }
}

/// The end of [`Machine::settle`]: what the session wants done joins `actions`, and is counted.
pub fn collect(session: &mut Session, actions: &mut Vec<Action>, counters: &Counters, ended: bool, now: Now) {
    session.pump(now.elapsed);
    for action in session.take_actions() {
        if let Action::Send(_, bytes) = &action {
            counters.sent(bytes.len());
        }
        actions.push(action);
    }
    let (waiting, unanswered) = session.calls();
    counters.set_calls(waiting, unanswered);
    if ended && actions.last() != Some(&Action::Done) {
        actions.push(Action::Done);
    }
}
