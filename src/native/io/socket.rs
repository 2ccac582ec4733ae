//! One connection: it is opened, written to and read, and tells what happens.

use crate::descriptors::AboveStandard;
use crate::fork::Private;
use crate::logging::shown;
use crate::native::net::dial::{Begin, Dialer};
use crate::native::net::transport::{Lendable, Transport};
use crate::native::protocol::endpoint::Endpoint;
use bytes::{Bytes, BytesMut};
use rustix::event::{poll, PollFd, PollFlags};
use std::future::{poll_fn, Future};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::pin::{pin, Pin};
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::UnixStream;

/// Bytes that one read takes at most, and for how many there is room at least.
const READ_SIZE: usize = 64 << 10;
const LEAST_READ_SIZE: usize = 16 << 10;
/// What [`Socket::read_now`] reads at a time.
const PART: usize = 8 << 10;

pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Transport>>> + Send>>;

pub enum Socket {
    Closed,
    Connecting(Connecting),
    Open {
        transport: Box<dyn Transport>,
        outgoing: Unsent,
    },
}

/// What a socket tells.
pub enum SocketEvent {
    Opened,
    Received(Bytes),
    Broken(String),
}

pub async fn connect(endpoint: Endpoint, dialer: Dialer, begin: Begin) -> io::Result<Box<dyn Transport>> {
    if let Some(path) = &endpoint.socket {
        let stream = Private::new(connect_unix(path).await?);
        return Ok(Box::new(stream.try_map(|stream| Ok(Lendable::Polled(stream)))?));
    }
    let stream = dialer.connect(&endpoint.host, endpoint.port, begin).await?;
    let stream = stream.try_map(|stream| Ok(Lendable::Polled(stream)))?;
    match &endpoint.tls {
        Some(tls) => tls.connect(&endpoint.host, stream).await,
        None => Ok(Box::new(stream)),
    }
}

/// A path that is too long for a socket's address goes relative to its opened folder, wherever the program works.
async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    match (
        AboveStandard::polled(UnixStream::connect(path)).await,
        path.parent(),
        path.file_name(),
    ) {
        (Err(why), Some(folder), Some(name)) if why.kind() == io::ErrorKind::InvalidInput => {
            let folder = {
                let _above = AboveStandard::hold();
                std::fs::File::open(folder)?
            };
            let opened = format!("/proc/self/fd/{}", folder.as_raw_fd());
            AboveStandard::polled(UnixStream::connect(Path::new(&opened).join(name))).await
        }
        (result, _, _) => result,
    }
}

impl Socket {
    pub fn send(&mut self, data: Vec<u8>) {
        if let Socket::Open { outgoing, .. } = self {
            outgoing.append(data);
        }
    }

    /// Waits for the next thing that happens; writes what is to be written meanwhile. Dropping the future loses nothing.
    pub async fn next(&mut self, buffer: &mut BytesMut) -> SocketEvent {
        poll_fn(|context| self.poll(buffer, true, context)).await
    }

    /// The same. Without `reads` an open socket is only written to, until that fails.
    pub fn poll(&mut self, buffer: &mut BytesMut, reads: bool, context: &mut Context<'_>) -> Poll<SocketEvent> {
        match self {
            Socket::Closed => Poll::Pending,
            Socket::Connecting(connecting) => connecting.as_mut().poll(context).map(|connected| match connected {
                Ok(transport) => {
                    *self = Socket::Open {
                        transport,
                        outgoing: Unsent::default(),
                    };
                    SocketEvent::Opened
                }
                Err(why) => {
                    *self = Socket::Closed;
                    SocketEvent::Broken(format!("cannot connect: {}", shown(&why.to_string())))
                }
            }),
            Socket::Open { transport, outgoing } => {
                let event = poll_open(transport, outgoing, buffer, reads, context);
                if matches!(event, Poll::Ready(SocketEvent::Broken(_))) {
                    *self = Socket::Closed;
                }
                event
            }
        }
    }

    /// Whether reading has left something to be written.
    pub fn has_to_write(&self) -> bool {
        matches!(self, Socket::Open { transport, .. } if transport.has_to_write())
    }

    /// Whether something is there to be read, if only the end.
    pub fn has_arrived(&self) -> bool {
        let Socket::Open { transport, .. } = self else { return false };
        let Some(socket) = transport.socket() else { return true };
        poll(&mut [PollFd::new(&socket, PollFlags::IN)], 0) != Ok(0)
    }

    /// Reads what is there, on any thread, if the transport is lent: the bytes, if any, and then what the runtime has to deal with.
    pub fn read_now(&mut self, buffer: &mut BytesMut) -> (Option<Bytes>, io::Result<()>) {
        let ended = self.read_into(buffer);
        ((!buffer.is_empty()).then(|| buffer.split().freeze()), ended)
    }

    fn read_into(&mut self, buffer: &mut BytesMut) -> io::Result<()> {
        let Socket::Open { transport, .. } = self else {
            return Ok(());
        };
        let mut part = [0; PART];
        while buffer.len() < READ_SIZE {
            match transport.read_now(&mut part) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => {
                    buffer.extend_from_slice(&part[..length]);
                    // What comes now wakes whoever watches the socket.
                    if length < PART && !transport.holds_more() {
                        break;
                    }
                }
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => break,
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }
}

fn broken(why: &io::Error) -> String {
    format!("connection broken: {}", shown(&why.to_string()))
}

/// Writes what can be written, then reads. When writing fails, what the peer sent before it closed is still read.
fn poll_open(
    transport: &mut Box<dyn Transport>,
    outgoing: &mut Unsent,
    buffer: &mut BytesMut,
    reads: bool,
    context: &mut Context<'_>,
) -> Poll<SocketEvent> {
    let failed = loop {
        if outgoing.bytes().is_empty() {
            break match Pin::new(&mut *transport).poll_flush(context) {
                Poll::Ready(Err(why)) => Some(why),
                _ => None,
            };
        }
        match Pin::new(&mut *transport).poll_write(context, outgoing.bytes()) {
            Poll::Ready(Ok(0)) => break Some(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Ok(written)) => outgoing.sent(written),
            Poll::Ready(Err(why)) => break Some(why),
            Poll::Pending => break None,
        }
    };
    if !reads && failed.is_none() {
        return Poll::Pending;
    }
    if buffer.capacity() - buffer.len() < LEAST_READ_SIZE {
        // The old room, if nobody uses what was read into it any more.
        buffer.reserve(READ_SIZE);
    }
    let read = pin!(transport.read_buf(buffer)).poll(context);
    match (read, failed) {
        (Poll::Ready(Ok(0)), _) => Poll::Ready(SocketEvent::Broken("connection closed by the peer".to_string())),
        (Poll::Ready(Ok(_)), _) => Poll::Ready(SocketEvent::Received(buffer.split().freeze())),
        (Poll::Ready(Err(why)), _) | (Poll::Pending, Some(why)) => Poll::Ready(SocketEvent::Broken(broken(&why))),
        (Poll::Pending, None) => Poll::Pending,
    }
}

/// What is to be written to a socket. What comes while nothing waits is written from where it lies.
#[derive(Default)]
pub struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
}

impl Unsent {
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    fn append(&mut self, mut data: Vec<u8>) {
        match self.bytes().is_empty() {
            true => *self = Unsent { bytes: data, sent: 0 },
            false => self.bytes.append(&mut data),
        }
    }

    fn sent(&mut self, length: usize) {
        self.sent += length;
        if self.bytes().is_empty() {
            *self = Unsent::default();
        } else if self.sent > self.bytes.len() / 2 {
            // So that a peer that is always a little behind does not make it grow for ever.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_written_from_where_they_lie() {
        let mut unsent = Unsent::default();
        for _ in 0..2 {
            let request = b"POST one".to_vec();
            let place = request.as_ptr();
            unsent.append(request);
            assert_eq!(unsent.bytes().as_ptr(), place);
            unsent.sent(5);
            unsent.append(b", two".to_vec());
            assert_eq!(unsent.bytes(), b"one, two");
            unsent.sent(8);
            assert_eq!(unsent.bytes(), b"");
        }
        // A peer that is always a byte behind.
        unsent.append(vec![0; 100]);
        for _ in 0..1000 {
            unsent.append(vec![0; 100]);
            unsent.sent(100);
            assert!(unsent.bytes().len() == 100 && unsent.bytes.len() < 1000);
        }
    }
}
