//! The network between drivers and cluster: connections whose bytes are late, cut in pieces, or gone.

use super::dice::{note, Dice};
use crate::native::protocol::action::Link;
use std::collections::BTreeMap;
use std::time::Duration;

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// The scheduler's driver with this number.
    Scheduler(u64),
    /// The process of an executor.
    Executor(u64),
}

/// What arrives somewhere.
#[derive(Debug)]
pub enum Arrival {
    /// At the server. The client is told at the same time.
    Connected,
    Refused,
    AtServer(Vec<u8>),
    AtClient(Vec<u8>),
    /// In order?
    EndAtServer(bool),
    EndAtClient(&'static str),
}

/// How the network is, for schedulers. Agents and their executors are on one host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub refuses: bool,
    /// Connections are never answered.
    pub hangs: bool,
    /// How late bytes are at most, in milliseconds.
    pub latest: u64,
    /// Bytes come one by one.
    pub in_pieces: bool,
}

/// Who hears that a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Both,
    Client,
    Server,
    Nobody,
}

pub struct Connection {
    pub party: Party,
    link: Link,
    /// The cluster's number for it.
    pub server: Option<u64>,
    /// The client uses it.
    pub is_used: bool,
    /// What is sent is lost.
    dead: bool,
    /// What is under way is lost, too.
    silent: bool,
    /// It ends after so many bytes more, of the client and of the server, and this is who hears of it.
    ends_after: [Option<usize>; 2],
    told: Told,
    /// When the last bytes arrive, of the client and of the server: nothing overtakes them.
    last: [Duration; 2],
    held_until: Duration,
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

#[derive(Default)]
pub struct Network {
    pub connections: BTreeMap<u64, Connection>,
    under_way: BTreeMap<(Duration, u64), (u64, Arrival)>,
    opened: u64,
    sent: u64,
    pub weather: Weather,
}

impl Network {
    fn arrives(&mut self, when: Duration, connection: u64, what: Arrival) {
        self.sent += 1;
        self.under_way.insert((when, self.sent), (connection, what));
    }

    fn weather_of(&self, party: Party) -> Weather {
        match party {
            Party::Scheduler(_) => self.weather,
            Party::Executor(_) => Weather::default(),
        }
    }

    pub fn next(&self) -> Option<Duration> {
        self.under_way.keys().next().map(|(when, _)| *when)
    }

    /// The next thing that has arrived by now.
    pub fn take(&mut self, now: Duration) -> Option<(u64, Arrival)> {
        loop {
            let first = *self.under_way.keys().next().filter(|(when, _)| *when <= now)?;
            let (id, arrival) = self.under_way.remove(&first)?;
            let silent = self.connections.get(&id).map_or(true, |connection| connection.silent);
            if !silent || matches!(arrival, Arrival::EndAtServer(_) | Arrival::EndAtClient(_)) {
                return Some((id, arrival));
            }
        }
    }

    pub fn open(&mut self, party: Party, link: Link, now: Duration, dice: &mut Dice) -> u64 {
        let weather = self.weather_of(party);
        self.opened += 1;
        let when = now + dice.within(1 + weather.latest);
        self.connections.insert(
            self.opened,
            Connection {
                party,
                link,
                server: None,
                is_used: true,
                dead: weather.hangs || weather.refuses,
                silent: weather.hangs,
                ends_after: [None, None],
                told: Told::Both,
                last: [when, when],
                held_until: now,
            },
        );
        note!("{party:?} opens {link:?} as connection {}", self.opened);
        if !weather.hangs {
            let arrival = if weather.refuses {
                Arrival::Refused
            } else {
                Arrival::Connected
            };
            self.arrives(when, self.opened, arrival);
        }
        self.opened
    }

    pub fn send_to_server(&mut self, id: u64, bytes: Vec<u8>, now: Duration, dice: &mut Dice) {
        self.send(id, CLIENT, bytes, now, dice);
    }

    pub fn send_to_client(&mut self, id: u64, bytes: Vec<u8>, now: Duration, dice: &mut Dice) {
        self.send(id, SERVER, bytes, now, dice);
    }

    fn send(&mut self, id: u64, from: usize, mut bytes: Vec<u8>, now: Duration, dice: &mut Dice) {
        let Some(connection) = self.connections.get_mut(&id).filter(|connection| !connection.dead) else {
            return;
        };
        let mut ends = false;
        if let Some(left) = &mut connection.ends_after[from] {
            ends = bytes.len() > *left;
            bytes.truncate(*left);
            *left -= bytes.len();
        }
        let (party, held) = (connection.party, connection.held_until);
        let weather = self.weather_of(party);
        let mut last = self.connections[&id].last[from].max(now).max(held);
        while !bytes.is_empty() {
            let whole = bytes.len() as u64;
            let length = match weather.in_pieces {
                true => 1 + dice.below(7),
                false if dice.percent(30) => 1 + dice.below(whole),
                false => whole,
            };
            let rest = bytes.split_off((length.min(whole)) as usize);
            last += dice.within(1 + weather.latest / 4);
            let what = if from == CLIENT {
                Arrival::AtServer(bytes)
            } else {
                Arrival::AtClient(bytes)
            };
            self.arrives(last, id, what);
            bytes = rest;
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.last[from] = last;
            if ends {
                note!(
                    "connection {id} is cut within what one end sends, told: {:?}",
                    connection.told
                );
                self.dies(id, now, dice);
            }
        }
    }

    /// Nothing more is sent; who is to hear of it does.
    fn dies(&mut self, id: u64, now: Duration, dice: &mut Dice) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if std::mem::replace(&mut connection.dead, true) {
            return;
        }
        let last = connection.last;
        let told = connection.told;
        let delay = dice.within(50);
        if matches!(told, Told::Both | Told::Client) {
            self.arrives(
                last[SERVER].max(now) + delay,
                id,
                Arrival::EndAtClient("connection broken: reset"),
            );
        }
        if matches!(told, Told::Both | Told::Server) {
            self.arrives(last[CLIENT].max(now) + delay, id, Arrival::EndAtServer(false));
        }
    }

    /// It ends at once: what is under way is lost.
    pub fn cut(&mut self, id: u64, told: Told, now: Duration, dice: &mut Dice) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        note!("connection {id} is cut, told: {told:?}");
        connection.told = told;
        connection.silent = true;
        self.dies(id, now, dice);
    }

    /// It ends when one end has sent so many bytes more.
    pub fn cut_after(&mut self, id: u64, of_server: bool, bytes: usize, told: Told) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        note!(
            "connection {id} will be cut after {bytes} bytes of the {}",
            if of_server { "server" } else { "client" }
        );
        connection.told = told;
        connection.ends_after[usize::from(of_server)] = Some(bytes);
    }

    /// No connection is going to be cut any more.
    pub fn disarm(&mut self) {
        self.connections
            .values_mut()
            .for_each(|connection| connection.ends_after = [None, None]);
    }

    /// What is sent from now on arrives then, or later.
    pub fn hold(&mut self, id: u64, until: Duration) {
        if let Some(connection) = self.connections.get_mut(&id) {
            note!("connection {id} stands still until {:.3}", until.as_secs_f64());
            connection.held_until = until;
        }
    }

    pub fn stands_still(&self, now: Duration) -> bool {
        let mut open = self.connections.values().filter(|c| c.is_used && !c.dead);
        open.any(|c| c.held_until > now)
    }

    /// The client closes it in order.
    pub fn client_closes(&mut self, id: u64, now: Duration) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if !std::mem::replace(&mut connection.is_used, false) {
            return;
        }
        let when = connection.last[CLIENT].max(now).max(connection.held_until);
        // A server that has not heard of the end does not hear of this either.
        if !connection.dead {
            self.arrives(when, id, Arrival::EndAtServer(true));
        }
    }

    /// The server has closed it in order.
    pub fn server_closes(&mut self, id: u64, now: Duration) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        if !std::mem::replace(&mut connection.dead, true) {
            let when = connection.last[SERVER].max(now).max(connection.held_until);
            self.arrives(when, id, Arrival::EndAtClient("connection closed by the peer"));
        }
    }

    /// The cluster's number of each connection of which the server has not heard that it has ended, though it has: TCP's keepalive tells at last.
    pub fn forgotten(&self) -> Vec<u64> {
        let gone = self
            .connections
            .values()
            .filter(|connection| connection.dead || !connection.is_used);
        gone.filter_map(|connection| connection.server).collect()
    }

    /// The connections of those parties that are in use and whole.
    pub fn alive(&self, of: impl Fn(Party) -> bool) -> Vec<u64> {
        let alive = self.connections.iter();
        let alive = alive.filter(|(_, c)| !c.dead && c.is_used && c.server.is_some() && of(c.party));
        alive.map(|(id, _)| *id).collect()
    }

    pub fn is_alive(&self, id: u64) -> bool {
        self.connections.get(&id).is_some_and(|c| !c.dead && c.is_used)
    }

    /// A scheduler's stream that its driver uses no more, though what it sent may still be under way.
    pub fn is_left_stream_of_scheduler(&self, id: u64) -> bool {
        let found = self.connections.get(&id);
        found.is_some_and(|c| !c.is_used && c.link == Link::Stream && matches!(c.party, Party::Scheduler(_)))
    }

    /// The connection with this number of the cluster's.
    pub fn of_server(&self, server: u64) -> Option<u64> {
        let found = self.connections.iter().find(|(_, c)| c.server == Some(server));
        found.map(|(id, _)| *id)
    }
}
