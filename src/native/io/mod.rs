//! All of a driver that touches sockets or threads, but for finding the leader ([`detector`](super::detector)) and TLS ([`tls`](super::tls)).

pub mod connection;
mod driven;
pub mod handle;
mod mailbox;
mod socket;
mod unheard;
