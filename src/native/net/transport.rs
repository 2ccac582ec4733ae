//! What a connection runs over. Both TLS, which gives one, and the connection, which uses it, are built on it.

use crate::fork::Private;
use rustix::net::{recv, RecvFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected byte stream. Its owner may lend it: then the runtime does not wake anybody when something comes, and whoever watches the
/// socket reads with [`read_now`](Self::read_now), on any thread.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send {
    /// None: it is lost.
    fn socket(&self) -> Option<BorrowedFd<'_>>;

    /// Takes the socket out of the runtime. Until [`take_back`](Self::take_back) it is not to be polled.
    fn lend(&mut self) -> io::Result<()>;

    /// Within the runtime.
    fn take_back(&mut self) -> io::Result<()>;

    /// Reads what is there, if the socket is lent. `WouldBlock` if nothing is there, and 0 if the peer has closed. Who has taken the socket
    /// back finds that again.
    fn read_now(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Whether there may be more that the socket does not tell of any more.
    fn holds_more(&self) -> bool {
        false
    }

    /// Whether reading has left something to be written.
    fn has_to_write(&self) -> bool {
        false
    }
}

/// A socket of the runtime, and what it is without.
pub trait Polled: AsyncRead + AsyncWrite + AsFd + Unpin + Send + Sized {
    type Plain: AsFd + Send + Unpin;
    fn into_plain(self) -> io::Result<Self::Plain>;
    fn from_plain(plain: Self::Plain) -> io::Result<Self>;
}

impl Polled for TcpStream {
    type Plain = std::net::TcpStream;
    fn into_plain(self) -> io::Result<Self::Plain> {
        self.into_std()
    }
    fn from_plain(plain: Self::Plain) -> io::Result<Self> {
        TcpStream::from_std(plain)
    }
}

impl Polled for UnixStream {
    type Plain = std::os::unix::net::UnixStream;
    fn into_plain(self) -> io::Result<Self::Plain> {
        self.into_std()
    }
    fn from_plain(plain: Self::Plain) -> io::Result<Self> {
        UnixStream::from_std(plain)
    }
}

/// A socket that can be lent.
pub enum Lendable<S: Polled> {
    Polled(S),
    Lent(S::Plain),
    /// The runtime would not have it.
    Lost,
}

fn lost() -> io::Error {
    io::Error::other("the runtime has lost the socket")
}

impl<S: Polled> Lendable<S> {
    fn polled(&mut self) -> io::Result<Pin<&mut S>> {
        match self {
            Lendable::Polled(stream) => Ok(Pin::new(stream)),
            _ => Err(lost()),
        }
    }

    fn lend(&mut self) -> io::Result<()> {
        *self = match std::mem::replace(self, Lendable::Lost) {
            Lendable::Polled(stream) => Lendable::Lent(stream.into_plain()?),
            other => other,
        };
        Ok(())
    }

    fn take_back(&mut self) -> io::Result<()> {
        *self = match std::mem::replace(self, Lendable::Lost) {
            Lendable::Lent(stream) => Lendable::Polled(S::from_plain(stream)?),
            other => other,
        };
        Ok(())
    }
}

impl<S: Polled> Transport for Private<Lendable<S>> {
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        match self.get_ref() {
            Lendable::Polled(stream) => Some(stream.as_fd()),
            Lendable::Lent(stream) => Some(stream.as_fd()),
            Lendable::Lost => None,
        }
    }

    fn lend(&mut self) -> io::Result<()> {
        self.change(Lendable::lend)
    }

    fn take_back(&mut self) -> io::Result<()> {
        self.change(Lendable::take_back)
    }

    fn read_now(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.get_ref() {
            Lendable::Lent(stream) => Ok(recv(stream, into, RecvFlags::DONTWAIT)?),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: Polled> AsyncRead for Lendable<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.polled()?.poll_read(context, buffer)
    }
}

impl<S: Polled> AsyncWrite for Lendable<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.polled()?.poll_write(context, data)
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.polled()?.poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.polled()?.poll_shutdown(context)
    }
}
