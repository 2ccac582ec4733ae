//! The ports: one of each master, and one of the agents.

use crate::descriptors::moved;
use crate::fork::Mark;
use rustix::net::{bind, getsockname, socket_with, sockopt, AddressFamily, SocketAddrAny, SocketFlags, SocketType};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

/// A port that stays the cluster's while nobody listens on it.
pub struct Port {
    address: SocketAddr,
    /// A socket that is bound to it and never listens: who connects then is refused, and nobody else gets the port.
    _kept: Option<Kept>,
}

struct Kept {
    _mark: Mark,
    _socket: OwnedFd,
}

impl Port {
    /// This port, or a free one instead of 0, and somebody who listens on it.
    pub fn new(address: SocketAddr) -> io::Result<(Port, TcpListener)> {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        Ok((Port { address, _kept: None }, listener))
    }

    /// The same for a port at which somebody listens only now and then.
    pub fn kept(address: SocketAddr) -> io::Result<(Port, TcpListener)> {
        let family = match address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let socket = moved(socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)?;
        // As the listener's socket has it: then both may have the port.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &address)?;
        let address = match getsockname(&socket)? {
            SocketAddrAny::V4(address) => SocketAddr::V4(address),
            SocketAddrAny::V6(address) => SocketAddr::V6(address),
            _ => return Err(io::ErrorKind::AddrNotAvailable.into()),
        };
        let listener = listen(address)?;
        let _kept = Some(Kept {
            _mark: Mark::new(&socket),
            _socket: socket,
        });
        Ok((Port { address, _kept }, listener))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens on it again.
    pub fn listen(&self) -> io::Result<TcpListener> {
        listen(self.address)
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::from(moved(TcpListener::bind(address)?.into())?);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpStream};

    #[test]
    fn a_kept_port_refuses_while_nobody_listens_and_stays_ours() {
        let (port, listener) = Port::kept((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        for mut listener in [Some(listener), None] {
            let listener = listener.take().map_or_else(|| port.listen(), Ok).expect("it listens");
            let client = TcpStream::connect(port.address()).expect("connected");
            let (other, _) = listener.accept().expect("accepted");
            let taken = TcpListener::bind(port.address()).expect_err("somebody listens");
            assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
            drop((listener, other, client));
            let refused = TcpStream::connect(port.address()).expect_err("nobody listens");
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        }
    }
}
