//! Connecting to a host by name: for masters, agents and ZooKeeper alike.
//!
//! A name may have several addresses, and the first may swallow what is sent to it. All are tried within one attempt: each begins a
//! short while after the one before it, or as soon as that one has failed (RFC 8305). What answers the connection may still be of no
//! use, so the next attempt begins with another address.

use crate::descriptors::{moved, AboveStandard};
use crate::fork::Private;
use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
use rustix::net::{connect, socket_with, AddressFamily, SocketFlags, SocketType};
use socket2::SockRef;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long an address is alone before the next one is tried, too.
const HEAD_START: Duration = Duration::from_millis(250);
/// Of a name with many addresses the last one is tried after this time: ZooKeeper's members have 3 s each.
const ALL_TRIED: Duration = Duration::from_secs(2);
/// Names whose addresses are remembered. A driver knows a few: they come from redirects and ZooKeeper, too.
const MAX_NAMES: usize = 64;
/// Keepalive: often enough for gateways that forget idle connections after some minutes; a dead peer is noticed after two.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;
/// The longest segment on a loopback connection, which has 64 KiB else: as much as a receiver's whole window at first. When a driver that
/// did not read for a while reads again, there would be no room for a whole segment, and Linux sends no part of one until its timer for
/// that fires: as late again as the driver was.
const LOOPBACK_SEGMENT: u32 = 16 << 10;

/// With which of a name's addresses to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// One that was not tried for the longest time.
    Other,
    /// The one that answered last: another one may be another server.
    Same,
}

/// Connects, and remembers for each host and port which addresses were tried, the latest last. Clones share that.
#[derive(Clone, Default)]
pub struct Dialer(Arc<Mutex<HashMap<Name, Vec<SocketAddr>>>>);

/// A host and a port.
type Name = (String, u16);

impl Dialer {
    /// Dropping the future gives up; a thread may still resolve the name then, and ends by itself.
    pub async fn connect(&self, host: &str, port: u16, begin: Begin) -> io::Result<Private<TcpStream>> {
        let addresses = resolve(host, port).await?;
        let name = (host.to_string(), port);
        let ordered = order(addresses, &self.tried(&name), begin);
        let (stream, tried) = race(ordered).await?;
        self.remember(name, tried);
        stream.get_ref().set_nodelay(true)?;
        if let Err(why) = keep_alive(stream.get_ref()) {
            log::debug!("no keepalive on a connection to {host}: {why}");
        }
        Ok(stream)
    }

    fn tried(&self, name: &Name) -> Vec<SocketAddr> {
        let all = self.0.lock().unwrap_or_else(|e| e.into_inner());
        all.get(name).cloned().unwrap_or_default()
    }

    fn remember(&self, name: Name, now: Vec<SocketAddr>) {
        let mut all = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if all.len() >= MAX_NAMES && !all.contains_key(&name) {
            all.clear();
        }
        let tried = all.entry(name).or_default();
        tried.retain(|address| !now.contains(address));
        tried.extend(now);
        let excess = tried.len().saturating_sub(MAX_NAMES);
        tried.drain(..excess);
    }
}

/// Probes an idle connection, so that it is neither forgotten on the way nor dead without a word.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    set_tcp_keepcnt(stream, KEEPALIVE_PROBES)?;
    Ok(())
}

/// The addresses of a name, on a thread of its own: a system without room for a thread is an error here. (tokio's own way panics.)
async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = oneshot::channel();
    let name = host.to_string();
    let look_up = move || {
        let _above = AboveStandard::hold();
        let found = (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Nobody may wait any more.
        let _ = sender.send(found);
    };
    let started = crate::thread::spawn("mesos-resolve", look_up);
    started.map_err(|why| io::Error::new(why.kind(), format!("no thread to resolve {host}: {why}")))?;
    let lost = |_| io::Error::other(format!("{host} was not resolved"));
    let found: Vec<SocketAddr> = receiver.await.map_err(lost)??;
    match found.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"))),
        false => Ok(found),
    }
}

/// Each address once, the two families in turn, and then by when they were tried.
fn order(addresses: Vec<SocketAddr>, tried: &[SocketAddr], begin: Begin) -> Vec<SocketAddr> {
    let first_family = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (VecDeque<SocketAddr>, VecDeque<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == first_family);
    let mut families = [first, second];
    let mut ordered: Vec<SocketAddr> = Vec::new();
    while families.iter().any(|family| !family.is_empty()) {
        for next in families.iter_mut().filter_map(VecDeque::pop_front) {
            if !ordered.contains(&next) {
                ordered.push(next);
            }
        }
    }
    let turn = |address: &SocketAddr| tried.iter().position(|known| known == address);
    match begin {
        // None, never tried, is before all others.
        Begin::Other => ordered.sort_by_key(turn),
        Begin::Same => ordered.sort_by_key(|address| std::cmp::Reverse(turn(address))),
    }
    ordered
}

/// Connects to one address. A fork at any moment finds the socket marked, and the mark goes before the socket, however this ends.
async fn attempt(address: SocketAddr) -> io::Result<Private<TcpStream>> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let made = {
        let _above = AboveStandard::hold();
        moved(socket_with(family, SocketType::STREAM, flags, None)?)?
    };
    let socket = Private::new(made);
    if address.ip().is_loopback() {
        // Not worth an error: without it there is a pause in the worst case.
        let _ = SockRef::from(socket.get_ref()).set_tcp_mss(LOOPBACK_SEGMENT);
    }
    match connect(socket.get_ref(), &address) {
        Ok(()) | Err(Errno::INPROGRESS) => (),
        Err(why) => return Err(why.into()),
    }
    let stream = socket.try_map(|socket| TcpStream::from_std(socket.into()))?;
    stream.get_ref().writable().await?;
    match stream.get_ref().take_error()? {
        Some(why) => Err(why),
        None => Ok(stream),
    }
}

/// The first connection that stands, and the addresses that were tried, that of the connection last.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<(Private<TcpStream>, Vec<SocketAddr>)> {
    let several = addresses.len() > 1;
    let head_start = HEAD_START.min(ALL_TRIED / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX));
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut tried = Vec::new();
    let mut failures: Vec<String> = Vec::new();
    let mut kind = io::ErrorKind::NotFound;
    loop {
        if let Some(address) = waiting.next() {
            tried.push(address);
            attempts.spawn(async move { (address, attempt(address).await) });
        }
        let finished = match waiting.len() {
            0 => attempts.join_next().await,
            _ => match timeout(head_start, attempts.join_next()).await {
                Ok(finished) => finished,
                // The next one joins in.
                Err(_) => continue,
            },
        };
        match finished {
            Some(Ok((address, Ok(stream)))) => {
                tried.retain(|other| *other != address);
                tried.push(address);
                return Ok((stream, tried));
            }
            Some(Ok((address, Err(why)))) => {
                kind = why.kind();
                failures.push(match several {
                    true => format!("{address}: {why}"),
                    false => why.to_string(),
                });
            }
            Some(Err(why)) => failures.push(why.to_string()),
            None if waiting.len() == 0 => return Err(io::Error::new(kind, failures.join("; "))),
            None => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;
    use tokio::net::{TcpListener, TcpSocket};

    fn address(text: &str) -> SocketAddr {
        text.parse().expect(text)
    }

    fn run<T>(test: impl std::future::Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("runtime").block_on(test)
    }

    async fn listener(host: &str) -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((host, 0)).await.expect("listen");
        let address = listener.local_addr().expect("address");
        (listener, address)
    }

    /// What both ends have agreed on.
    #[test]
    fn loopback_has_short_segments() {
        run(async {
            for host in ["127.0.0.1", "::1"] {
                let (listener, address) = listener(host).await;
                let stream = attempt(address).await.expect("connected");
                let (accepted, _) = listener.accept().await.expect("accepted");
                for end in [stream.get_ref(), &accepted] {
                    let length = SockRef::from(end).tcp_mss().expect("length");
                    assert!(length <= LOOPBACK_SEGMENT, "{host}: {length}");
                }
            }
        });
    }

    /// Swallows SYNs: nobody accepts, and no more connections find room. They last as long as what is returned.
    async fn black_hole() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
        let socket = TcpSocket::new_v4().expect("socket");
        socket.bind(address("127.0.0.1:0")).expect("bind");
        let listener = socket.listen(1).expect("listen");
        let address = listener.local_addr().expect("address");
        let mut kept = Vec::new();
        while let Ok(stream) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            kept.push(stream.expect("connect"));
            assert!(kept.len() < 64, "there is always room");
        }
        (listener, kept, address)
    }

    #[test]
    fn an_address_that_swallows_everything_costs_a_head_start() {
        run(async {
            let holes = [black_hole().await, black_hole().await];
            let (_listener, good) = listener("127.0.0.1").await;
            let since = Instant::now();
            let (stream, tried) = race(vec![holes[0].2, holes[1].2, good]).await.expect("connected");
            assert_eq!(stream.get_ref().peer_addr().expect("peer"), good);
            assert_eq!(tried, [holes[0].2, holes[1].2, good]);
            assert!(since.elapsed() >= 2 * HEAD_START);
            assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
        });
    }

    #[test]
    fn one_that_refuses_costs_nothing_and_all_that_fail_are_named() {
        run(async {
            let (closed, refusing) = listener("127.0.0.1").await;
            drop(closed);
            let (_listener, good) = listener("127.0.0.1").await;
            let since = Instant::now();
            let (stream, _) = race(vec![refusing, good]).await.expect("connected");
            assert_eq!(stream.get_ref().peer_addr().expect("peer"), good);
            assert!(since.elapsed() < HEAD_START, "{:?}", since.elapsed());
            let other = SocketAddr::new(address("127.0.0.2:0").ip(), refusing.port());
            let why = race(vec![refusing, other]).await.expect_err("refused");
            assert_eq!(why.kind(), io::ErrorKind::ConnectionRefused);
            let text = why.to_string();
            assert!(
                text.contains(&refusing.to_string()) && text.contains(&other.to_string()),
                "{text}"
            );
            assert!(!race(vec![refusing]).await.expect_err("refused").to_string().contains("127"));
            assert!(race(vec![]).await.is_err());
        });
    }

    #[test]
    fn the_next_attempt_begins_with_another_address_and_calls_with_the_same() {
        let all: Vec<SocketAddr> = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "[::1]:1"]
            .map(address)
            .to_vec();
        let ordered = |tried: &[&str], begin| {
            let tried: Vec<SocketAddr> = tried.iter().map(|text| address(text)).collect();
            let ordered = order(all.clone(), &tried, begin);
            ordered.iter().map(SocketAddr::to_string).collect::<Vec<_>>()
        };
        assert_eq!(ordered(&[], Begin::Other), ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]);
        assert_eq!(
            ordered(&["[::1]:1"], Begin::Other),
            ["1.1.1.1:1", "[::2]:1", "[::3]:1", "[::1]:1"]
        );
        let all_tried = ["[::2]:1", "[::3]:1", "9.9.9.9:1", "[::1]:1", "1.1.1.1:1"];
        assert_eq!(
            ordered(&all_tried, Begin::Other),
            ["[::2]:1", "[::3]:1", "[::1]:1", "1.1.1.1:1"]
        );
        assert_eq!(
            ordered(&all_tried, Begin::Same),
            ["1.1.1.1:1", "[::1]:1", "[::3]:1", "[::2]:1"]
        );
        assert_eq!(ordered(&["1.1.1.1:1"], Begin::Same)[0], "1.1.1.1:1");
        let dialer = Dialer::default();
        for number in 0..1000u16 {
            dialer.remember((number.to_string(), 1), all[..3].to_vec());
            dialer.remember(("x".into(), 1), vec![SocketAddr::new(all[0].ip(), number)]);
        }
        let known = dialer.0.lock().expect("names");
        assert!(known.len() <= MAX_NAMES && known.values().all(|tried| tried.len() <= MAX_NAMES));
    }

    #[test]
    fn names_and_addresses_and_their_keepalive() {
        use rustix::net::sockopt::{get_socket_keepalive, get_tcp_keepidle};
        run(async {
            let (_listener, good) = listener("127.0.0.1").await;
            let dialer = Dialer::default();
            for host in ["127.0.0.1", "localhost"] {
                let stream = dialer.connect(host, good.port(), Begin::Other).await.expect(host);
                assert!(stream.get_ref().nodelay().expect("nodelay"));
                assert!(get_socket_keepalive(stream.get_ref()).expect("keepalive"));
                assert_eq!(get_tcp_keepidle(stream.get_ref()).expect("idle"), KEEPALIVE_IDLE);
                assert_eq!(dialer.tried(&(host.to_string(), good.port())).last(), Some(&good));
            }
            assert!(dialer.connect("no-such-name.invalid", 1, Begin::Other).await.is_err());
        });
    }
}
