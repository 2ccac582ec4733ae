//! What a session wants done with a driver's two connections.

use super::endpoint::Endpoint;
use std::time::Duration;

/// How long a link may take to open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The two connections of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// SUBSCRIBE and the events.
    Stream,
    /// All other calls.
    Calls,
}

/// One step, to be carried out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkAction {
    /// Connect; answered by `opened` or `broken`. The link is closed before.
    Open(Link, Endpoint),
    /// Bytes for an open link, behind earlier ones.
    Send(Link, Vec<u8>),
    /// Close without further inputs from this link.
    Close(Link),
}
