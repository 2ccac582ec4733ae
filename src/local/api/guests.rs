//! Connections, and how long those may stay that anybody on this machine can make.
//!
//! A *guest* has not shown yet that it may call: of these there are few, and not for long. The others have a bound that is made of the
//! descriptors which the process may have: see [`Crowd`]. What the connections of an executor hold, which is a program of somebody else's,
//! has a small bound, too.

use super::crowd::{Crowd, Place, Stage, MOST_LISTENING};
use rustix::process::{getrlimit, Resource};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch, OwnedSemaphorePermit, Semaphore};

/// One that is younger, or has given a sign of life since, is not sent away for another: time enough for an honest client's request.
const COURTESY: Duration = Duration::from_millis(250);

/// So often it is looked whether there is room again before one of them is old enough.
const LOOK: Duration = Duration::from_millis(10);

/// Then a guest has to have sent a request with a secret.
const PATIENCE: Duration = Duration::from_secs(30);

/// So many connections may show the token of one executor. Two are usual.
pub const MOST_OF_EXECUTOR: usize = 16;

/// So many MiB may the bodies have that executors send at a time, as long as they are not handled.
const BODIES: u32 = 256;

/// So many bytes may have come of bodies whose end has not come yet.
const MOST_HELD: usize = 512 << 20;

/// All connections.
pub struct Guests {
    crowd: RefCell<Crowd<oneshot::Sender<()>, Instant>>,
    /// How many connections each executor has.
    executors: RefCell<BTreeMap<u64, usize>>,
    bodies: Arc<Semaphore>,
    /// What has come of bodies that come.
    held: Cell<usize>,
}

impl Default for Guests {
    fn default() -> Self {
        Guests {
            crowd: RefCell::default(),
            executors: RefCell::default(),
            bodies: Arc::new(Semaphore::new(BODIES as usize)),
            held: Cell::default(),
        }
    }
}

/// One connection.
pub struct Guest {
    all: Rc<Guests>,
    place: Cell<Place>,
    controls: Cell<bool>,
    executor: Cell<Option<u64>>,
}

/// A quarter is for others: pipes, files of sandboxes, and what the program has besides the cluster.
fn most_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit - limit / 4).unwrap_or(usize::MAX)
}

impl Guests {
    /// How many are guests, and how many executors have connections.
    #[cfg(any(test, feature = "stage"))]
    pub fn count(&self) -> usize {
        self.crowd.borrow().count(Stage::Guest) + self.executors.borrow().len()
    }

    /// Returns when there is room for one more, by sending one away if need be.
    pub async fn room(&self) {
        // Those that came just now may have sent a whole head already: then they are guests no longer when their tasks have run.
        tokio::task::yield_now().await;
        loop {
            let too_many = self.crowd.borrow().too_many(most_descriptors());
            let Some(stage) = too_many else { return };
            match self.send_away(stage) {
                // It gives its descriptor back as soon as its task runs.
                Ok(()) => tokio::task::yield_now().await,
                Err(wait) => tokio::time::sleep(wait.min(LOOK)).await,
            }
        }
    }

    /// Sends one away, since there are no descriptors; false if none can go yet.
    pub fn relieve(&self) -> bool {
        let largest = self.crowd.borrow().largest();
        largest.is_some_and(|stage| self.send_away(stage).is_ok())
    }

    /// Or else how long that has to wait.
    fn send_away(&self, stage: Stage) -> Result<(), Duration> {
        let mut crowd = self.crowd.borrow_mut();
        let age = crowd.since(stage).map_or(COURTESY, |since| since.elapsed());
        match COURTESY.checked_sub(age).filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(wait),
            None => {
                log::debug!(
                    "the embedded cluster closes a connection ({stage:?}): there are {}",
                    crowd.count(stage)
                );
                // Dropping what it gives sends it away.
                drop(crowd.send_away(stage));
                Ok(())
            }
        }
    }

    /// A connection has come. The receiver says when it has to go.
    pub fn arrive(self: &Rc<Self>) -> (Rc<Guest>, oneshot::Receiver<()>) {
        let (stay, sent_away) = oneshot::channel();
        let place = self.crowd.borrow_mut().enter(Stage::Guest, stay, Instant::now());
        let guest = Guest {
            all: self.clone(),
            place: Cell::new(place),
            controls: Cell::new(false),
            executor: Cell::new(None),
        };
        (Rc::new(guest), sent_away)
    }
}

impl Guest {
    fn is(&self, stage: Stage) -> bool {
        self.place.get().stage == stage
    }

    fn now_does(&self, stage: Stage) {
        let mut place = self.place.get();
        match self.all.crowd.borrow_mut().go_on(place, stage, Instant::now()) {
            Some(now) => place = now,
            // It is about to go.
            None => place.stage = stage,
        }
        self.place.set(place);
    }

    /// It may call: no guest any more.
    pub fn is_known(&self) {
        if self.is(Stage::Guest) {
            self.now_does(Stage::Answered);
        }
    }

    /// A request has come.
    pub fn asks(&self) {
        if !self.is(Stage::Guest) {
            self.now_does(Stage::Answered);
        }
    }

    /// So many bytes of its request's body have come, or are still waited for.
    pub fn sends(&self, bytes: usize) {
        let is_new = self.is(Stage::Answered);
        if is_new || bytes > 0 && self.is(Stage::Sending) {
            self.now_does(Stage::Sending);
        }
        let held = self.all.held.get() + bytes;
        self.all.held.set(held);
        if held > MOST_HELD && bytes > 0 {
            drop(self.all.crowd.borrow_mut().send_away(Stage::Sending));
        }
    }

    /// Its request's body, of which so much had come, is whole, or is not waited for any more.
    pub fn has_sent(&self, bytes: usize) {
        self.all.held.set(self.all.held.get().saturating_sub(bytes));
        if self.is(Stage::Sending) {
            self.now_does(Stage::Answered);
        }
    }

    /// A short answer goes out.
    pub fn has_answer(&self) {
        if self.is(Stage::Answered) {
            self.now_does(Stage::Idle);
        }
    }

    /// It hears the operators' events. Of too many the oldest has to go.
    pub fn listens(&self) {
        self.now_does(Stage::Listening);
        let mut crowd = self.all.crowd.borrow_mut();
        if crowd.count(Stage::Listening) > MOST_LISTENING {
            drop(crowd.send_away(Stage::Listening));
        }
    }

    /// It has the event stream of a framework or an executor.
    pub fn stays(&self) {
        self.now_does(Stage::Kept);
    }

    /// It has asked for a fault on demand, as its last request: its connection ends with the answer.
    pub fn controls(&self) {
        self.controls.set(true);
    }

    /// Returns when the master has ended with which it speaks, unless it is the one who ends it.
    pub async fn cut_off(&self, mut life: watch::Receiver<Option<u64>>) {
        // An error: the cluster has ended.
        let _ = life.changed().await;
        if self.controls.get() {
            std::future::pending::<()>().await;
        }
    }

    /// It has shown the token of this executor. False, and it stays a guest: that one has enough connections.
    pub fn is_of(&self, executor: u64) -> bool {
        if self.executor.get() != Some(executor) {
            let has = self.all.executors.borrow().get(&executor).copied().unwrap_or(0);
            if has >= MOST_OF_EXECUTOR {
                return false;
            }
            self.executor_leaves();
            self.executor.set(Some(executor));
            *self.all.executors.borrow_mut().entry(executor).or_default() += 1;
        }
        self.is_known();
        true
    }

    fn executor_leaves(&self) {
        let Some(executor) = self.executor.take() else { return };
        let mut all = self.all.executors.borrow_mut();
        if let Some(count) = all.get_mut(&executor) {
            *count -= 1;
            if *count == 0 {
                all.remove(&executor);
            }
        }
    }

    /// Waits until there is room for a body of an executor, of so many bytes if that is known. What is small always has room.
    pub async fn room_for(&self, bytes: Option<u64>) -> Option<OwnedSemaphorePermit> {
        let megabytes = bytes.map_or(BODIES, |bytes| u32::try_from(bytes >> 20).unwrap_or(BODIES));
        match megabytes.min(BODIES) {
            0 => None,
            some => self.all.bodies.clone().acquire_many_owned(some).await.ok(),
        }
    }

    /// Returns when it has to go.
    pub async fn overdue(&self, mut sent_away: oneshot::Receiver<()>) {
        let in_time = tokio::time::timeout(PATIENCE, &mut sent_away).await;
        if in_time.is_err() && !self.is(Stage::Guest) {
            let _ = sent_away.await;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        drop(self.all.crowd.borrow_mut().leave(self.place.get()));
        self.executor_leaves();
    }
}

#[cfg(test)]
mod tests {
    use super::super::crowd::MOST_GUESTS;
    use super::*;

    fn paused(test: impl std::future::Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(test);
    }

    #[test]
    fn the_oldest_goes_and_who_is_known_stays() {
        paused(async {
            let guests = Rc::new(Guests::default());
            let mut all: Vec<_> = (0..MOST_GUESTS).map(|_| guests.arrive()).collect();
            all[0].0.is_known();
            guests.room().await;
            let there = || guests.crowd.borrow().count(Stage::Guest);
            assert_eq!(there(), MOST_GUESTS - 1, "nobody had to go");
            all.push(guests.arrive());
            guests.room().await;
            let (second, sent_away) = all.remove(1);
            second.overdue(sent_away).await;
            assert_eq!(there(), MOST_GUESTS - 1);
            let (first, receiver) = all.remove(0);
            let overdue = tokio::time::timeout(Duration::ZERO, first.overdue(receiver)).await;
            assert!(overdue.is_err(), "the known one stays");
            drop((all, first, second));
            assert_eq!((guests.count(), guests.crowd.borrow().total()), (0, 0));
        });
    }

    #[test]
    fn listeners_and_what_has_come_of_bodies_have_a_bound() {
        paused(async {
            let guests = Rc::new(Guests::default());
            let known = || {
                let (guest, sent_away) = guests.arrive();
                guest.is_known();
                (guest, sent_away)
            };
            let listeners: Vec<_> = (0..MOST_LISTENING).map(|_| known()).collect();
            listeners.iter().for_each(|(guest, _)| guest.listens());
            let (one_more, mut waits) = known();
            one_more.listens();
            let gone = listeners.into_iter().map(|(_guest, mut sent_away)| sent_away.try_recv());
            let closed = |one: &Result<(), _>| *one == Err(oneshot::error::TryRecvError::Closed);
            assert_eq!(gone.map(|one| closed(&one)).position(|closed| closed), Some(0), "the oldest");
            assert!(!closed(&waits.try_recv()));

            let (mut half, mut large, mut third) = (known(), known(), known());
            half.0.sends(MOST_HELD / 2);
            large.0.sends(MOST_HELD / 2);
            assert!(!closed(&half.1.try_recv()));
            third.0.sends(1);
            assert!(closed(&half.1.try_recv()) && !closed(&large.1.try_recv()));
            half.0.has_sent(MOST_HELD / 2);
            large.0.sends(1000);
            assert!(!closed(&third.1.try_recv()), "there is room again");
            large.0.has_sent(MOST_HELD / 2 + 1000);
            large.0.has_answer();
            assert!(large.0.is(Stage::Idle) && third.0.is(Stage::Sending));
            large.0.asks();
            large.0.stays();
            large.0.has_answer();
            assert!(large.0.is(Stage::Kept));
        });
    }

    #[test]
    fn an_executor_has_so_many_connections_and_bodies() {
        paused(async {
            let guests = Rc::new(Guests::default());
            let all: Vec<_> = (0..MOST_OF_EXECUTOR).map(|_| guests.arrive()).collect();
            assert!(all.iter().all(|(guest, _)| guest.is_of(7) && guest.is_of(7)));
            let (one_more, _) = guests.arrive();
            assert!(!one_more.is_of(7) && one_more.is(Stage::Guest));
            assert!(one_more.is_of(8), "another executor");
            assert_eq!(guests.executors.borrow()[&8], 1);
            let half = one_more.room_for(Some(200 << 20)).await;
            let soon = Duration::from_millis(1);
            let waits = tokio::time::timeout(soon, all[0].0.room_for(Some(100 << 20))).await;
            assert!(half.is_some() && waits.is_err());
            assert!(all[1].0.room_for(Some(1000)).await.is_none(), "what is small passes");
            drop(half);
            let whole = all[0].0.room_for(None).await;
            assert!(whole.is_some_and(|permit| permit.num_permits() == 256));
            drop(all);
            assert!(one_more.is_of(7));
            drop(one_more);
            assert!(guests.executors.borrow().is_empty());
        });
    }
}
