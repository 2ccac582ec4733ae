//! How the embedded cluster is set up: from arguments, `MESOS_*` variables and what the machine has.

pub mod access;
pub mod collection;
pub mod config;
pub mod detect;
pub mod intervals;
pub mod isolation;
pub mod minimum;
pub mod tls;
