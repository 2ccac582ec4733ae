//! The HTTP APIs of the embedded cluster: requests in, answers and event streams out.

mod body;
mod content;
mod control;
mod door;
pub mod executor;
pub mod guests;
pub mod http;
mod reply;
pub mod scheduler;
pub mod state;
