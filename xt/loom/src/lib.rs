//! The files of the crate in which threads wake each other, with loom's locks and counters. `tests/models.rs` lets loom try the orders in
//! which their threads can run.

#[path = "../../../src/channel.rs"]
pub mod channel;
#[path = "../../../src/event.rs"]
pub mod event;
#[path = "../../../src/native/io/mailbox.rs"]
pub mod mailbox;

pub mod message {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ClassId(pub u32);
}

pub mod notify {
    use std::os::fd::BorrowedFd;

    /// As in the crate. Its pipe is no business of loom's.
    pub trait Notify: Send + Sync {
        fn raise(&self, was_empty: bool);
        fn lower(&self);
        fn watch(&self, _socket: BorrowedFd<'_>) -> bool {
            true
        }
        fn unwatch(&self, _socket: BorrowedFd<'_>) {}
        fn needs_events(&self) -> bool {
            false
        }
    }
}

pub mod sync {
    pub use loom::sync::atomic::{AtomicUsize, Ordering};
    pub use loom::sync::{Mutex, MutexGuard};
}

pub mod thread {
    use crate::sync::{Mutex, MutexGuard};

    pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
