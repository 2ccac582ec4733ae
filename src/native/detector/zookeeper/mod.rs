//! The leading master out of ZooKeeper, as libmesos' detector finds it. Only reads, so a new session serves as well as the old
//! one: what counts is that some member of the ensemble answers within the session timeout. Never gives up, unless the ensemble
//! refuses the credentials.

pub mod group;
pub mod protocol;

use super::Detection;
use crate::driver::master::ZooKeeperUrl;
use crate::fork::Private;
use crate::logging::shown;
use crate::native::net::dial::{Begin, Dialer};
use crate::native::protocol::backoff::{seed, Backoff, Random};
use crate::native::protocol::endpoint::Endpoint;
use bytes::BytesMut;
use protocol::{Operation, Reader, Reply};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{timeout, timeout_at, Instant};

/// libmesos' session timeout.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// For one member to take the connection and open a session: after it there is time to try another one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest pause between attempts.
const BACKOFF_CAP: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug)]
enum Failure {
    /// The connection, or what came over it, is of no use.
    Lost(String),
    /// The ensemble refuses this client.
    Refused(&'static str),
}

impl From<std::io::Error> for Failure {
    fn from(why: std::io::Error) -> Self {
        Failure::Lost(why.to_string())
    }
}

impl From<protocol::Malformed> for Failure {
    fn from(_: protocol::Malformed) -> Self {
        Failure::Lost("malformed answer: is this a ZooKeeper?".to_string())
    }
}

/// A session with one member of the ensemble.
struct Session {
    stream: Private<TcpStream>,
    received: BytesMut,
    /// Granted by the server.
    timeout: Duration,
    next_xid: i32,
    last_zxid: i64,
    last_contact: Instant,
    /// The leader was read at least once.
    looked: bool,
    /// A watch has fired since the last one was set.
    fired: bool,
}

impl Session {
    async fn open(dialer: &Dialer, server: &(String, u16), url: &ZooKeeperUrl, last_zxid: i64) -> Result<Self, Failure> {
        let stream = dialer.connect(&server.0, server.1, Begin::Other).await?;
        let mut session = Session {
            stream,
            received: BytesMut::new(),
            timeout: SESSION_TIMEOUT,
            next_xid: 1,
            last_zxid,
            last_contact: Instant::now(),
            looked: false,
            fired: false,
        };
        let wanted = SESSION_TIMEOUT.as_millis() as i32;
        session.stream.write_all(&protocol::connect(wanted, last_zxid)).await?;
        let granted = protocol::connected(session.frame().await?)?;
        let granted = granted.ok_or_else(|| Failure::Lost("no session".to_string()))?;
        session.timeout = Duration::from_millis(u64::from(granted.unsigned_abs()));
        if let Some(credentials) = &url.credentials {
            session.stream.write_all(&protocol::digest_auth(credentials.reveal())).await?;
        }
        Ok(session)
    }

    /// The next frame. Dropping the future loses nothing.
    async fn frame(&mut self) -> Result<BytesMut, Failure> {
        loop {
            if let Some(frame) = protocol::next_frame(&mut self.received)? {
                self.last_contact = Instant::now();
                return Ok(frame);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(Failure::Lost("connection closed by the server".to_string()));
            }
        }
    }

    /// The next reply. Keeps the session alive while there is none; a server that does not even answer that is lost.
    async fn reply(&mut self) -> Result<(Reply, Reader), Failure> {
        let third = self.timeout / 3;
        let mut pinged = false;
        loop {
            match timeout(third, self.frame()).await {
                Ok(frame) => {
                    let mut reader = Reader(frame?);
                    let reply = Reply::read(&mut reader)?;
                    match reply.xid {
                        protocol::PING_XID => pinged = false,
                        protocol::AUTH_XID if reply.error == protocol::OK => (),
                        protocol::AUTH_XID => return Err(Failure::Refused("authentication failed")),
                        _ => {
                            // Notifications have none, -1.
                            self.last_zxid = self.last_zxid.max(reply.zxid);
                            return Ok((reply, reader));
                        }
                    }
                }
                Err(_) if pinged => return Err(Failure::Lost(format!("no answer for {} s", 2.0 * third.as_secs_f64()))),
                Err(_) => {
                    self.stream.write_all(&protocol::ping()).await?;
                    pinged = true;
                }
            }
        }
    }

    /// Reads a node, and watches it when asked to. `None`: there is no such node.
    async fn read(&mut self, operation: Operation, path: &str, watch: bool) -> Result<Option<Reader>, Failure> {
        let xid = self.next_xid;
        self.next_xid = self.next_xid.checked_add(1).unwrap_or(1);
        self.stream.write_all(&protocol::read(xid, operation, path, watch)).await?;
        loop {
            let (reply, reader) = self.reply().await?;
            if reply.xid == protocol::WATCH_XID {
                self.fired = true;
                continue;
            }
            if watch {
                // What fired before this answer is in this answer.
                self.fired = false;
            }
            return match reply.error {
                _ if reply.xid != xid => Err(Failure::Lost("answers out of order".to_string())),
                protocol::OK => Ok(Some(reader)),
                protocol::NO_NODE => Ok(None),
                protocol::NO_AUTH => Err(Failure::Refused("no permission to read the masters' nodes")),
                protocol::AUTH_FAILED => Err(Failure::Refused("authentication failed")),
                code => Err(Failure::Lost(format!("error {code}"))),
            };
        }
    }

    /// Waits until a watch fires.
    async fn changed(&mut self) -> Result<(), Failure> {
        while !self.fired {
            self.fired = self.reply().await?.0.xid == protocol::WATCH_XID;
        }
        Ok(())
    }
}

struct Detector {
    dialer: Dialer,
    url: ZooKeeperUrl,
    template: Endpoint,
    sender: UnboundedSender<Detection>,
    /// Which server is next.
    turn: usize,
    backoff: Backoff,
    /// The node of the leader that was told.
    node: Option<String>,
    /// The last one told was [`Detection::NoLeader`].
    told_none: bool,
    last_zxid: i64,
}

/// Tells the leader, and each change, until the receiver is gone or the ensemble refuses. `template` is a master without host and
/// port.
pub async fn detect(url: ZooKeeperUrl, template: Endpoint, sender: UnboundedSender<Detection>) {
    let seed = seed();
    let start = Random(seed | 1).next_fraction() * url.servers.len() as f64;
    let mut detector = Detector {
        dialer: Dialer::default(),
        url,
        template,
        sender,
        turn: start as usize,
        backoff: Backoff::new(BACKOFF_CAP, seed),
        node: None,
        told_none: false,
        last_zxid: 0,
    };
    let why = detector.run().await;
    let _ = detector
        .sender
        .send(Detection::Failed(format!("ZooKeeper at {}: {why}", detector.url)));
}

impl Detector {
    /// Gives the reason of a refusal.
    async fn run(&mut self) -> &'static str {
        let mut expires = Instant::now() + SESSION_TIMEOUT;
        loop {
            let mut session = match timeout_at(expires, self.connect()).await {
                Ok(session) => session,
                Err(_) => {
                    self.none("ZooKeeper does not answer");
                    // The ensemble may have been set up anew.
                    self.last_zxid = 0;
                    self.connect().await
                }
            };
            let failure = self.follow(&mut session).await;
            self.last_zxid = session.last_zxid;
            if session.looked {
                expires = session.last_contact + session.timeout;
            }
            match failure {
                Failure::Refused(why) => return why,
                Failure::Lost(why) => log::warn!("ZooKeeper at {}: {why}", self.url),
            }
        }
    }

    /// Tries one member after the other until one opens a session.
    async fn connect(&mut self) -> Session {
        loop {
            tokio::time::sleep(self.backoff.next_delay()).await;
            let server = self.url.servers.get(self.turn % self.url.servers.len().max(1)).cloned();
            self.turn = self.turn.wrapping_add(1);
            let Some(server) = server else { continue };
            match timeout(
                CONNECT_TIMEOUT,
                Session::open(&self.dialer, &server, &self.url, self.last_zxid),
            )
            .await
            {
                Ok(Ok(session)) => {
                    log::debug!("ZooKeeper at {}:{}: session opened", server.0, server.1);
                    return session;
                }
                Ok(Err(Failure::Lost(why))) => log::warn!("ZooKeeper at {}:{}: {why}", server.0, server.1),
                Ok(Err(Failure::Refused(why))) => log::warn!("ZooKeeper at {}:{}: {why}", server.0, server.1),
                Err(_) => log::warn!("ZooKeeper at {}:{}: no answer", server.0, server.1),
            }
        }
    }

    /// Tells the leader and its changes as long as the session lives.
    async fn follow(&mut self, session: &mut Session) -> Failure {
        loop {
            match self.look(session).await {
                Ok(true) => {
                    // Only now: a server that closes each session at once is not to be asked without a pause.
                    self.backoff.reset();
                    session.looked = true;
                    if let Err(failure) = session.changed().await {
                        return failure;
                    }
                }
                Ok(false) => (),
                Err(failure) => return failure,
            }
        }
    }

    /// One round: sets watches and tells what is new. `false`: look again at once.
    async fn look(&mut self, session: &mut Session) -> Result<bool, Failure> {
        let path = self.url.path.clone();
        let Some(mut reader) = session.read(Operation::GetChildren, &path, true).await? else {
            if session.read(Operation::Exists, &path, true).await?.is_some() {
                return Ok(false);
            }
            self.none("no master has ever registered there");
            return Ok(true);
        };
        let children = reader.strings()?;
        let Some(node) = group::leader(&children) else {
            self.none("no master is registered there");
            return Ok(true);
        };
        if self.node.as_ref() == Some(node) {
            return Ok(true);
        }
        let Some(mut reader) = session.read(Operation::GetData, &format!("{path}/{node}"), false).await? else {
            return Ok(false);
        };
        match group::address(node, &reader.bytes()?, self.template.tls.is_some()) {
            Ok((host, port)) => {
                self.node = Some(node.clone());
                self.told_none = false;
                self.report(Detection::Leader(Endpoint {
                    host,
                    port,
                    ..self.template.clone()
                }));
            }
            Err(why) => self.none(&shown(&why)),
        }
        Ok(true)
    }

    fn none(&mut self, why: &str) {
        self.node = None;
        if !std::mem::replace(&mut self.told_none, true) {
            self.report(Detection::NoLeader(format!("{why} ({})", self.url)));
        }
    }

    fn report(&self, detection: Detection) {
        // Without a receiver the driver has ended, and the runtime with it.
        let _ = self.sender.send(detection);
    }
}

#[cfg(test)]
mod tests;
