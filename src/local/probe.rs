//! Looks whether a task answers on its port: the I/O of HTTP and TCP checks.

use crate::fork::Private;
use crate::native::net::transport::{Lendable, Transport};
use crate::native::protocol::http::{Part, ResponseParser};
use crate::native::tls::{Settings, Tls};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

/// Where to look.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Tcp {
        v6: bool,
        port: u16,
    },
    Http {
        secure: bool,
        v6: bool,
        port: u16,
        path: Vec<u8>,
    },
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// The raw status of wait(2) of a checking command.
    Exit(i32),
    /// The status code of an answer.
    Status(u16),
    Connected(bool),
}

/// For who carries out probes.
pub enum Order {
    Begin {
        probe: u64,
        target: Target,
    },
    /// Nobody waits for it any more.
    End {
        probe: u64,
    },
}

/// Carries out orders, each probe beside the others, and hands the results to `take`.
pub async fn work(mut orders: UnboundedReceiver<Order>, take: impl Fn(u64, Result<Seen, String>) + 'static) {
    let take = Rc::new(take);
    // Dropping a sender ends its probe.
    let mut running: BTreeMap<u64, oneshot::Sender<()>> = BTreeMap::new();
    while let Some(order) = orders.recv().await {
        running.retain(|_, running| !running.is_closed());
        match order {
            Order::Begin { probe, target } => {
                let (end, ended) = oneshot::channel();
                running.insert(probe, end);
                let take = take.clone();
                tokio::task::spawn_local(async move {
                    tokio::select! {
                        seen = look(&target) => take(probe, seen.map_err(|e| e.to_string())),
                        _ = ended => {}
                    }
                });
            }
            Order::End { probe } => drop(running.remove(&probe)),
        }
    }
}

/// The end of the channel that gives orders.
pub type Orders = UnboundedSender<Order>;

async fn look(target: &Target) -> io::Result<Seen> {
    match target {
        Target::Tcp { v6, port } => Ok(Seen::Connected(connect(*v6, *port).await.is_ok())),
        Target::Http { secure, v6, port, path } => get(*secure, *v6, *port, path).await.map(Seen::Status),
    }
}

async fn connect(v6: bool, port: u16) -> io::Result<TcpStream> {
    let ip = match v6 {
        false => IpAddr::from(Ipv4Addr::LOCALHOST),
        true => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    TcpStream::connect(SocketAddr::new(ip, port)).await
}

/// The code of the answer to GET. Redirections are not followed: they are answers.
async fn get(secure: bool, v6: bool, port: u16, path: &[u8]) -> io::Result<u16> {
    let connection = connect(v6, port).await?;
    match secure {
        false => ask(connection, v6, port, path).await,
        true => ask(encrypted(connection).await?, v6, port, path).await,
    }
}

async fn ask(mut connection: impl AsyncRead + AsyncWrite + Unpin, v6: bool, port: u16, path: &[u8]) -> io::Result<u16> {
    let host = match v6 {
        false => format!("127.0.0.1:{port}"),
        true => format!("[::1]:{port}"),
    };
    let path = if path.is_empty() { b"/" } else { path };
    if path.iter().any(|byte| byte.is_ascii_control() || *byte == b' ') {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is none"));
    }
    let rest = format!(" HTTP/1.1\r\nHost: {host}\r\nUser-Agent: mesos-perl\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    connection.write_all(&[b"GET ", path, rest.as_bytes()].concat()).await?;
    connection.flush().await?;
    let mut parser = ResponseParser::default();
    let mut buffer = [0; 4096];
    loop {
        let read = connection.read(&mut buffer).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        parser.feed(&buffer[..read]);
        if let Some(code) = status(&mut parser)? {
            return Ok(code);
        }
    }
}

/// The code of the answer, when its head is there as a whole.
fn status(parser: &mut ResponseParser) -> io::Result<Option<u16>> {
    match parser.next_part() {
        Ok(Some(Part::Head(head))) => Ok(Some(head.status)),
        Ok(_) => Ok(None),
        Err(e) => Err(io::Error::new(io::ErrorKind::InvalidData, e.to_string())),
    }
}

/// Whoever has the port is the task: there is nothing to verify.
async fn encrypted(connection: TcpStream) -> io::Result<Box<dyn Transport>> {
    let settings = Settings {
        verify: false,
        ..Settings::default()
    };
    let tls = Tls::new(&settings).map_err(|e| io::Error::other(e.to_string()))?;
    tls.connect(
        "localhost",
        Private::new(connection).try_map(|stream| Ok(Lendable::Polled(stream)))?,
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_answer_in_pieces() {
        let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno";
        let head = answer.len() - 2;
        let status = |bytes: &[u8]| {
            let mut parser = ResponseParser::default();
            parser.feed(bytes);
            status(&mut parser)
        };
        for end in 0..answer.len() {
            let expected = (end >= head).then_some(503);
            assert_eq!(status(&answer[..end]).unwrap(), expected, "{end}");
        }
        assert!(status(b"220 mail\r\n\r\n").is_err());
    }
}
