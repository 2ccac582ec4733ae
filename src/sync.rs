//! The locks and counters on which threads wake each other, by a name of ours: `xt/loom` puts others in their place, which try the threads
//! in every order.

pub use std::sync::atomic::{AtomicUsize, Ordering};
pub use std::sync::{Mutex, MutexGuard};
