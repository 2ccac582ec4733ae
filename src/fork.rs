//! What happens around a fork. Only the forking thread lives on in the child, where locks of the others stay locked, and descriptors
//! stay open. `ffi` has the C library call these functions.

use crate::{descriptors, logging};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// In the parent, before.
pub fn prepare() {
    logging::hold();
}

/// In the parent, afterwards.
pub fn in_parent() {
    logging::release();
}

/// In the child: nothing that allocates or waits.
pub fn in_child() {
    logging::release_in_child();
    descriptors::release_in_child();
    close_marked();
}

/// Descriptors beyond this are not marked.
const DESCRIPTORS: usize = 1 << 16;
const BITS: usize = u64::BITS as usize;

/// A bit for each descriptor that a child closes. Without a lock, which a child could find locked.
static MARKED: [AtomicU64; DESCRIPTORS / BITS] = {
    // An initial value, not a shared one.
    #[allow(clippy::declare_interior_mutable_const)]
    const NONE: AtomicU64 = AtomicU64::new(0);
    [NONE; DESCRIPTORS / BITS]
};

/// As long as this lives, a forked child closes the descriptor: the peer shall notice when this process ends, whatever becomes of its
/// children. Must go before the descriptor is closed.
#[derive(Debug)]
pub struct Mark(RawFd);

impl Mark {
    pub fn new(descriptor: &impl AsRawFd) -> Self {
        let mark = Mark(descriptor.as_raw_fd());
        if let Some((word, bit)) = place(mark.0) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
        mark
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        if let Some((word, bit)) = place(self.0) {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
    }
}

fn place(descriptor: RawFd) -> Option<(&'static AtomicU64, u64)> {
    let number = usize::try_from(descriptor).ok()?;
    Some((MARKED.get(number / BITS)?, 1 << (number % BITS)))
}

fn close_marked() {
    for (index, word) in MARKED.iter().enumerate() {
        let mut marked = word.swap(0, Ordering::Relaxed);
        while marked != 0 {
            let bit = marked.trailing_zeros() as usize;
            marked &= marked - 1;
            if let Ok(descriptor) = RawFd::try_from(index * BITS + bit) {
                // What the parent made of it is never used or dropped in the child.
                let _ = nix::unistd::close(descriptor);
            }
        }
    }
}

/// A socket that forked children close: see [`Mark`], which goes before the socket.
#[derive(Debug)]
pub struct Private<S> {
    /// None: a change has failed, and has closed the descriptor.
    mark: Option<Mark>,
    stream: S,
}

impl<S: AsRawFd> Private<S> {
    pub fn new(stream: S) -> Self {
        Private {
            mark: Some(Mark::new(&stream)),
            stream,
        }
    }
}

impl<S> Private<S> {
    /// Another form of the same descriptor.
    pub fn try_map<T>(self, change: impl FnOnce(S) -> io::Result<T>) -> io::Result<Private<T>> {
        let Private { mark, stream } = self;
        let stream = change(stream)?;
        Ok(Private { mark, stream })
    }

    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The same in place. An error says that the descriptor was closed, and its number may soon be another's.
    pub fn change(&mut self, change: impl FnOnce(&mut S) -> io::Result<()>) -> io::Result<()> {
        let changed = change(&mut self.stream);
        if changed.is_err() {
            self.mark = None;
        }
        changed
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Private<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Private<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
