//! The masters of the cluster: one leads, the others stand by. What they know is the leader's ([`Core::master`]): one that stands by knows
//! nothing but who leads.

use super::Core;
use crate::local::clock::Time;
use crate::local::election::Election;
use crate::local::ids;
use crate::local::master::{Identity, Master};
use std::net::SocketAddr;
use tokio::sync::watch;

/// All masters, by their numbers.
pub struct Masters {
    election: Election,
    all: Vec<Seat>,
}

/// A place for a master.
struct Seat {
    identity: Identity,
    /// How many masters have been there.
    lives: u64,
    /// Which of them runs, if one does: its connections live as long.
    runs: watch::Sender<Option<u64>>,
    /// At whose port somebody listens.
    listens: watch::Sender<Option<u64>>,
}

impl Seat {
    fn new(identity: Identity) -> Seat {
        Seat {
            identity,
            lives: 1,
            runs: watch::channel(Some(1)).0,
            listens: watch::channel(Some(1)).0,
        }
    }
}

/// What somebody outside knows of a master.
pub struct Standing {
    pub number: usize,
    pub address: SocketAddr,
    /// `leading`, `standby` or `stopped`
    pub state: &'static str,
}

impl Masters {
    /// This one leads, and these stand by.
    pub(super) fn new(leader: Identity, standbys: Vec<Identity>) -> Masters {
        Masters {
            election: Election::new(1 + standbys.len(), leader.intervals.election),
            all: std::iter::once(leader).chain(standbys).map(Seat::new).collect(),
        }
    }

    pub fn leader(&self) -> Option<usize> {
        self.election.leader()
    }

    /// Whether there is only one: its port is the agents', too.
    pub fn is_alone(&self) -> bool {
        self.all.len() < 2
    }

    pub fn address(&self, number: usize) -> Option<SocketAddr> {
        self.all.get(number).map(|seat| seat.identity.address)
    }

    /// The leader's address.
    pub fn leading(&self) -> Option<SocketAddr> {
        self.address(self.leader()?)
    }

    pub fn standings(&self) -> Vec<Standing> {
        let standing = |(number, seat): (usize, &Seat)| Standing {
            number,
            address: seat.identity.address,
            state: match (self.leader() == Some(number), self.election.has(number)) {
                (true, _) => "leading",
                (false, true) => "standby",
                (false, false) => "stopped",
            },
        };
        self.all.iter().enumerate().map(standing).collect()
    }

    /// When a master came to life that runs, in seconds since the epoch.
    pub fn started(&self, number: usize) -> Option<f64> {
        self.all.get(number).map(|seat| seat.identity.started)
    }

    /// Says when the life of a master ends.
    pub fn life(&self, number: usize) -> Option<watch::Receiver<Option<u64>>> {
        self.all.get(number).map(|seat| seat.runs.subscribe())
    }

    /// Somebody listens at a master's port, during this life of it, or nobody does.
    pub fn listens(&self, number: usize, life: Option<u64>) {
        if let Some(seat) = self.all.get(number) {
            seat.listens.send_replace(life);
        }
    }

    /// Whether the ports of all masters are open or closed as they have to be.
    pub fn ports_follow(&self) -> bool {
        self.all.iter().all(|seat| *seat.runs.borrow() == *seat.listens.borrow())
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.election.next()
    }
}

impl Core {
    /// The leading master ends, and another one takes its place: if it is alone one at the same address, else the next one in the line. The
    /// one that has ended starts again and stands by. Frameworks and agents have to come back.
    pub fn fail_over_master(&mut self) {
        if self.masters.is_alone() {
            let identity = Identity {
                id: ids::uuid(),
                started: self.clock.now().seconds(),
                ..self.master.identity.clone()
            };
            self.end_master();
            self.begin_master(identity);
        } else if let Some(leader) = self.masters.leader() {
            self.stop_master(leader);
            self.start_master(leader);
        }
    }

    /// Ends a master with all its connections, unless it is alone: then its port is the agents', too. Nobody answers at its port until it is
    /// started.
    pub fn stop_master(&mut self, number: usize) {
        let now = self.clock.now();
        let alone = self.masters.is_alone();
        let Some(seat) = self.masters.all.get_mut(number).filter(|_| !alone) else {
            return;
        };
        seat.runs.send_replace(None);
        if self.masters.election.leave(now, number) {
            log::info!("the leading master {number} ends");
            self.end_master();
            // Nobody's, until one is elected.
            self.master.identity.id = String::new();
        }
    }

    /// Starts a master again, which stands by until it is elected.
    pub fn start_master(&mut self, number: usize) {
        let now = self.clock.now();
        let running = self.masters.election.has(number);
        let Some(seat) = self.masters.all.get_mut(number).filter(|_| !running) else {
            return;
        };
        seat.lives += 1;
        seat.identity.id = ids::uuid();
        seat.identity.started = now.seconds();
        seat.runs.send_replace(Some(seat.lives));
        self.masters.election.join(now, number);
    }

    /// Starts all masters that do not run, and ends an election that goes on.
    pub fn restore_masters(&mut self) {
        let now = self.clock.now();
        (0..self.masters.all.len()).for_each(|number| self.start_master(number));
        self.masters.election.hurry(now);
        self.elect();
    }

    /// Has the master lead that is elected now, if one is.
    pub(super) fn elect(&mut self) {
        let Some(number) = self.masters.election.fire(self.clock.now()) else {
            return;
        };
        if let Some(seat) = self.masters.all.get(number) {
            log::info!("master {number} at {} leads", seat.identity.address);
            self.begin_master(seat.identity.clone());
        }
    }

    /// The master is gone with its streams. What it has kept for its successor is all that is known.
    fn end_master(&mut self) {
        for framework in self.master.frameworks.values() {
            if let Some(subscription) = &framework.subscription {
                self.streams.remove(&subscription.stream.id);
            }
        }
        self.master = Master::new(self.master.identity.clone(), self.master.registry(), self.clock.now());
        (0..self.slots.len()).for_each(|number| self.links.reset(number));
        self.agents_mut().for_each(super::Agent::master_lost);
    }

    fn begin_master(&mut self, identity: Identity) {
        self.master = Master::new(identity, self.master.registry(), self.clock.now());
        // What agents have sent to nobody.
        (0..self.slots.len()).for_each(|number| self.links.reset(number));
        self.agents_mut().for_each(super::Agent::master_detected);
    }
}
