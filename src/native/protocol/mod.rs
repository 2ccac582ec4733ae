//! What the drivers and a Mesos API say to each other, without sockets, clocks and threads: bytes and the time go in, actions come out.

pub mod action;
pub mod backoff;
pub mod endpoint;
pub mod http;
pub mod pipeline;
pub mod recordio;
pub mod servers;
pub mod session;
