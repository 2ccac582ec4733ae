//! The HTTP APIs of the embedded cluster: requests in, answers and event streams out.

mod body;
mod containers;
mod content;
mod control;
mod crowd;
mod door;
pub mod entrance;
pub mod executor;
mod faults;
mod files;
pub mod guests;
pub mod http;
mod jsonp;
mod legacy;
mod operator;
mod orders;
mod plans;
mod refusal;
mod reply;
mod sandboxes;
pub mod scheduler;
pub mod state;
mod subscribe;
mod views;
