//! How Perl is woken: a descriptor that is readable, or a C function that is called, while the channel holds events.
//!
//! A wake-up is a level, not a count. The channel calls [`Notify::raise`] and [`Notify::lower`] with its lock held, so the
//! level and the queue never disagree, and a million events need one byte.

use crate::descriptors::{moved, AboveStandard};
use rustix::event::epoll;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{fcntl_getfl, fcntl_setfl, OFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use std::sync::OnceLock;

/// One way to wake Perl. Both methods are called with the channel's lock held and must not call the channel.
pub trait Notify: Send + Sync {
    /// The channel holds events. Called whenever some are queued.
    fn raise(&self, was_empty: bool);
    /// The channel has become empty.
    fn lower(&self);
    /// From now on wakes Perl also while `socket` is readable. False: it cannot.
    fn watch(&self, _socket: BorrowedFd<'_>) -> bool {
        false
    }
    /// It no longer does.
    fn unwatch(&self, _socket: BorrowedFd<'_>) {}
    /// Whether nothing but the channel's own events wakes who waits here: what comes to a socket that others watch would come late.
    fn needs_events(&self) -> bool {
        false
    }
}

/// A pipe whose read end is readable exactly while the channel holds events. Both ends are non-blocking and close-on-exec.
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    /// An epoll descriptor, with the pipe and the sockets that are watched. Not all loops notice that such a descriptor is readable: Linux
    /// wakes who asks poll for POLLIN, and not who asks for POLLRDNORM only. So the pipe stands for itself where nobody wants this.
    either: OnceLock<OwnedFd>,
}

impl Pipe {
    pub fn new() -> std::io::Result<Self> {
        let _above = AboveStandard::hold();
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Pipe {
            read: moved(read)?,
            write: moved(write)?,
            either: OnceLock::new(),
        })
    }

    /// The descriptor to watch for reading. It stays owned by the pipe: watch a duplicate.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }

    /// Another one, which is readable also while a [watched](Notify::watch) socket is. Whoever asks for it will watch it.
    pub fn either(&self) -> std::io::Result<BorrowedFd<'_>> {
        if let Some(either) = self.either.get() {
            return Ok(either.as_fd());
        }
        let _above = AboveStandard::hold();
        let made = moved(epoll::create(epoll::CreateFlags::CLOEXEC)?)?;
        // Whoever reads from it by mistake is told so at once, as with the pipe.
        fcntl_setfl(&made, fcntl_getfl(&made)? | OFlags::NONBLOCK)?;
        epoll::add(&made, &self.read, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        Ok(self.either.get_or_init(|| made).as_fd())
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

    fn needs_events(&self) -> bool {
        self.either.get().is_none()
    }

    fn watch(&self, socket: BorrowedFd<'_>) -> bool {
        let add = |either| epoll::add(either, socket, epoll::EventData::new_u64(0), epoll::EventFlags::IN);
        self.either.get().is_some_and(|either| add(either).is_ok())
    }

    fn unwatch(&self, socket: BorrowedFd<'_>) {
        if let Some(either) = self.either.get() {
            // It may not be there: it was added before somebody wanted this.
            let _ = epoll::delete(either, socket);
        }
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

/// Its program has a pipe as well while it waits, and is not interrupted then.
impl Notify for Interrupt {
    fn raise(&self, _was_empty: bool) {
        (self.signal)();
    }

    fn lower(&self) {}
}
