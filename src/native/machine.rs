//! What a state machine of this module takes and gives: bytes, commands and the time in, [`Action`]s out. No I/O.

use super::detector::{Detection, Source};
use super::endpoint::Endpoint;
use crate::event::{Acknowledgement, Arg};
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

/// A callback to make.
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

    /// The `error` callback after which the driver is aborted.
    pub fn fatal(message: &str) -> Self {
        Emission {
            ends_driver: true,
            ..Emission::new("error", vec![Arg::string(message.to_string())])
        }
    }
}

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

/// A driver's logic.
pub trait Machine {
    type Command;

    /// The first input.
    fn start(&mut self, now: Now);
    /// A link that [`Action::Open`] asked for is connected.
    fn opened(&mut self, link: Link, now: Now);
    /// Connecting failed, or an open link ended.
    fn broken(&mut self, link: Link, reason: String, now: Now);
    fn received(&mut self, link: Link, data: &[u8], now: Now);
    /// Whether events may come now. If not, what the machine already has is more than the other side takes off it.
    fn takes_events(&self) -> bool {
        true
    }
    /// What [`Action::Detect`] found. For machines that ask for it.
    fn detected(&mut self, _detection: Detection, _now: Now) {}
    /// What the program wants, in order.
    fn commands(&mut self, commands: Vec<Self::Command>, now: Now);
    #[cfg(test)]
    fn command(&mut self, command: Self::Command, now: Now) {
        self.commands(vec![command], now);
    }
    /// [`Machine::deadline`] has passed.
    fn tick(&mut self, now: Now);
    /// When to call [`Machine::tick`], in time since the start.
    fn deadline(&self) -> Option<Duration>;
    fn take_actions(&mut self) -> Vec<Action>;
}
