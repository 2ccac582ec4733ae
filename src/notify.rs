//! How Perl is woken: a descriptor that is readable, or a C function that is called, while the channel holds events.
//!
//! A wake-up is a level, not a count. The channel calls [`Notify::raise`] and [`Notify::lower`] with its lock held, so the
//! level and the queue never disagree, and a million events need one byte.

use crate::descriptors::{moved, AboveStandard};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

/// One way to wake Perl. Both methods are called with the channel's lock held and must not call the channel.
pub trait Notify: Send + Sync {
    /// The channel holds events. Called whenever some are queued.
    fn raise(&self, was_empty: bool);
    /// The channel has become empty.
    fn lower(&self);
}

/// A pipe whose read end is readable exactly while the channel holds events. Both ends are non-blocking and close-on-exec.
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipe {
    pub fn new() -> std::io::Result<Self> {
        let _above = AboveStandard::hold();
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Pipe {
            read: moved(read)?,
            write: moved(write)?,
        })
    }

    /// The descriptor to watch for reading. It stays owned by the pipe: watch a duplicate.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

impl Notify for Pipe {
    fn raise(&self, was_empty: bool) {
        if was_empty {
            // One byte in an empty pipe: cannot be refused for lack of room.
            while let Err(Errno::INTR) = rustix::io::write(&self.write, &[0]) {}
        }
    }

    fn lower(&self) {
        let mut byte = [0; 1];
        while let Err(Errno::INTR) = rustix::io::read(&self.read, &mut byte) {}
    }
}

/// Calls a function whenever events are queued; what it calls coalesces (Async::Interrupt does).
pub struct Interrupt {
    signal: Box<dyn Fn() + Send + Sync>,
}

impl Interrupt {
    /// `signal` is called from any thread, with the channel's lock held: it must be quick and must not call the channel.
    pub fn new(signal: Box<dyn Fn() + Send + Sync>) -> Self {
        Interrupt { signal }
    }
}

impl Notify for Interrupt {
    fn raise(&self, _was_empty: bool) {
        (self.signal)();
    }

    fn lower(&self) {}
}
