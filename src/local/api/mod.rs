//! The HTTP APIs of the embedded cluster: requests in, answers and event streams out.

pub mod executor;
pub mod guests;
pub mod http;
pub mod scheduler;
pub mod state;
