//! Which implementation serves a driver: the native one, libmesos, or a native one with a cluster of its own.

pub mod choice;
mod embedded;
pub mod executor;
pub mod scheduler;
