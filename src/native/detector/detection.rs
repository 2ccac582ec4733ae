//! What is found out about the leading master.

use crate::native::protocol::endpoint::Endpoint;

/// What a detector tells. Each one ends what was said before, also when it says the same again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detection {
    Leader(Endpoint),
    /// No master leads, or it cannot be known; why.
    NoLeader(String),
    /// Detection has ended for good; why.
    Failed(String),
}
