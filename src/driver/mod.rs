//! What every driver shares, whatever speaks to Mesos beneath: the states, the calls, the checks of what a program gives.
//!
//! Calls take encoded messages (the bytes that Perl's objects encode to), never block on the network, and return the driver's
//! [`Status`]. What becomes of a call is told by later events.

pub mod absence;
pub mod address;
pub mod backend;
pub mod counters;
pub mod duration;
pub mod executor;
pub mod framework;
pub mod framework_id_file;
pub mod gate;
pub mod interface;
pub mod lifecycle;
pub mod limits;
pub mod master;
pub mod scheduler;
pub mod stats;
pub mod status;

pub use backend::Backend;
pub use executor::{ExecutorCall, ExecutorDriver};
pub use interface::Driver;
pub use scheduler::{SchedulerCall, SchedulerDriver, SchedulerOptions};
pub use stats::Stat;
pub use status::Status;

use std::fmt;

/// Why a driver could not be made, or a call not be accepted. Nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverError {
    /// An argument is wrong: its name as in the Perl API, and what was expected and what came.
    Argument { name: &'static str, problem: String },
    /// The machine refused something that the driver needs (threads, sockets, files, processes).
    System(String),
    /// So many calls of a scheduler wait for the master already (the bound, `max_queued_calls`): the same call may be made again later.
    Full(usize),
    /// So many messages of an executor wait for the agent already: as above.
    AgentFull(usize),
    /// So many bytes of them.
    AgentFullOfBytes(usize),
}

impl DriverError {
    /// The argument is no message of this class.
    pub fn undecodable(name: &'static str, class: &str, why: &str) -> Self {
        DriverError::Argument {
            name,
            problem: format!("not an encoded {class}{why}"),
        }
    }
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DriverError::Argument { name, problem } => write!(f, "{name}: {problem}"),
            DriverError::System(what) => f.write_str(what),
            DriverError::Full(bound) => write!(
                f,
                "{bound} calls wait for the master already (max_queued_calls): nothing was sent, call again later"
            ),
            DriverError::AgentFull(bound) => {
                write!(
                    f,
                    "{bound} calls wait for the agent already: nothing was sent, call again later"
                )
            }
            DriverError::AgentFullOfBytes(bound) => {
                write!(
                    f,
                    "{bound} bytes of calls wait for the agent already: nothing was sent, call again later"
                )
            }
        }
    }
}

impl std::error::Error for DriverError {}
