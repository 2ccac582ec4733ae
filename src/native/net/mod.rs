//! Sockets, as both the connections to Mesos and the [`detector`](super::detector) of its leader need them.

pub mod dial;
pub mod transport;
