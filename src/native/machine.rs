//! What a state machine of this module takes and gives: bytes, commands and the time in, [`Action`]s out. No I/O.

use super::detector::{Detection, Source};
use super::protocol::action::{Link, LinkAction};
use super::protocol::session::Session;
use crate::driver::counters::Counters;
use bytes::Bytes;
use std::time::Duration;

/// The time of an input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Now {
    /// Since the driver's start; never goes back.
    pub elapsed: Duration,
    /// Seconds since 1970, for timestamps of updates.
    pub wall: f64,
}

pub use crate::driver::gate::Emission;

/// What a machine wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Of the session.
    Link(LinkAction),
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
    fn handle_session_events(&mut self, now: Now);
    /// The first input.
    fn start(&mut self, now: Now);
    /// One thing that the program wants.
    fn handle_command(&mut self, command: Self::Command, now: Now);
    /// [`Machine::deadline`] has passed.
    fn tick(&mut self, now: Now);
    /// When to call [`Machine::tick`], in time since the start.
    fn deadline(&self) -> Option<Duration>;
    fn take_actions(&mut self) -> Vec<Action>;

    /// A link that [`LinkAction::Open`] asked for is connected.
    fn opened(&mut self, link: Link, now: Now) {
        self.session().opened(link, now.elapsed);
        self.handle_session_events(now);
    }
    /// Connecting failed, or an open link ended.
    fn broken(&mut self, link: Link, reason: String, now: Now) {
        self.session().broken(link, reason, now.elapsed);
        self.handle_session_events(now);
    }
    fn received(&mut self, link: Link, data: &[u8], now: Now) {
        self.received_shared(link, Bytes::copy_from_slice(data), now);
    }
    /// Callbacks will be slices of `data`.
    fn received_shared(&mut self, link: Link, data: Bytes, now: Now) {
        self.counters().received(data.len());
        self.session().received(link, data, now.elapsed);
        self.handle_session_events(now);
    }
    /// Nobody has looked until now whether the stream has data, because the machine was not to get any.
    fn resume(&mut self, now: Now) {
        self.session().resume(now.elapsed);
        self.handle_session_events(now);
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
            self.handle_command(command, now);
        }
        self.handle_session_events(now);
    }
    #[cfg(test)]
    fn command(&mut self, command: Self::Command, now: Now) {
        self.commands(vec![command], now);
    }
}

/// The end of [`Machine::handle_session_events`]: what the session wants done joins `actions`, and is counted.
pub fn collect(session: &mut Session, actions: &mut Vec<Action>, counters: &Counters, ended: bool, now: Now) {
    session.pump(now.elapsed);
    for action in session.take_actions() {
        if let LinkAction::Send(_, bytes) = &action {
            counters.sent(bytes.len());
        }
        actions.push(Action::Link(action));
    }
    let (waiting, unanswered) = session.calls();
    counters.set_calls(waiting, unanswered);
    if ended && actions.last() != Some(&Action::Done) {
        actions.push(Action::Done);
    }
}
