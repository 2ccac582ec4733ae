//! Connections that have not shown a secret yet: few, and not for long.
//!
//! Anybody on this machine may connect. What such connections hold of this program (descriptors, buffers) has a small bound. So has what
//! the connections of an executor hold, which is a program of somebody else's.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, OwnedSemaphorePermit, Semaphore};

/// So many at a time. One more, and the oldest has to go.
pub const MOST: usize = 64;

/// A guest that is younger is not sent away for another: time enough for an honest client's request.
const COURTESY: Duration = Duration::from_millis(250);

/// Then it has to have sent a request with a secret.
const PATIENCE: Duration = Duration::from_secs(30);

/// So many connections may show the token of one executor. Two are usual.
pub const MOST_OF_EXECUTOR: usize = 16;

/// So many MiB may the bodies have that executors send at a time, as long as they are not handled.
const BODIES: u32 = 256;

/// All that are there, the oldest first.
pub struct Guests {
    present: RefCell<VecDeque<Entry>>,
    numbers: Cell<u64>,
    /// How many connections each executor has.
    executors: RefCell<BTreeMap<u64, usize>>,
    bodies: Arc<Semaphore>,
}

impl Default for Guests {
    fn default() -> Self {
        Guests {
            present: RefCell::default(),
            numbers: Cell::default(),
            executors: RefCell::default(),
            bodies: Arc::new(Semaphore::new(BODIES as usize)),
        }
    }
}

struct Entry {
    number: u64,
    since: Instant,
    /// Dropping it sends the guest away.
    _stay: oneshot::Sender<()>,
}

/// One connection. It counts until it is known, or dropped.
pub struct Guest {
    all: Rc<Guests>,
    number: u64,
    known: Cell<bool>,
    executor: Cell<Option<u64>>,
}

impl Guests {
    /// How many are there, and how many executors have connections.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.present.borrow().len() + self.executors.borrow().len()
    }

    /// Returns when there is room for one more, by sending away the oldest if need be.
    pub async fn room(&self) {
        loop {
            let oldest = match self.present.borrow().front() {
                Some(entry) if self.present.borrow().len() >= MOST => entry.since,
                _ => return,
            };
            let age = oldest.elapsed();
            if age >= COURTESY {
                log::debug!("the embedded cluster closes a connection without a secret: there are {MOST} of them");
                self.present.borrow_mut().pop_front();
                return;
            }
            tokio::time::sleep(COURTESY - age).await;
        }
    }

    /// A connection has come. The receiver says when it has to go.
    pub fn arrive(self: &Rc<Self>) -> (Rc<Guest>, oneshot::Receiver<()>) {
        let (_stay, sent_away) = oneshot::channel();
        let number = self.numbers.get() + 1;
        self.numbers.set(number);
        let since = Instant::now();
        self.present.borrow_mut().push_back(Entry { number, since, _stay });
        let guest = Guest {
            all: self.clone(),
            number,
            known: Cell::new(false),
            executor: Cell::new(None),
        };
        (Rc::new(guest), sent_away)
    }
}

impl Guest {
    /// It has shown a secret: no guest any more.
    pub fn is_known(&self) {
        if !self.known.replace(true) {
            self.leave();
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

    fn leave(&self) {
        self.all.present.borrow_mut().retain(|entry| entry.number != self.number);
    }

    /// Returns when a guest has to go, and never for one that is known by then.
    pub async fn overdue(&self, sent_away: oneshot::Receiver<()>) {
        let _ = tokio::time::timeout(PATIENCE, sent_away).await;
        if self.known.get() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.leave();
        self.executor_leaves();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paused(test: impl std::future::Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(test);
    }

    #[test]
    fn the_oldest_goes_and_who_is_known_stays() {
        paused(async {
            let guests = Rc::new(Guests::default());
            let mut all: Vec<_> = (0..MOST).map(|_| guests.arrive()).collect();
            all[0].0.is_known();
            guests.room().await;
            assert_eq!(guests.present.borrow().len(), MOST - 1, "nobody had to go");
            all.push(guests.arrive());
            guests.room().await;
            let (second, sent_away) = all.remove(1);
            second.overdue(sent_away).await;
            assert_eq!(guests.present.borrow().len(), MOST - 1);
            let (first, receiver) = all.remove(0);
            let overdue = tokio::time::timeout(Duration::ZERO, first.overdue(receiver)).await;
            assert!(overdue.is_err(), "the known one stays");
            drop(all);
            assert!(guests.present.borrow().is_empty());
        });
    }

    #[test]
    fn an_executor_has_so_many_connections_and_bodies() {
        paused(async {
            let guests = Rc::new(Guests::default());
            let all: Vec<_> = (0..MOST_OF_EXECUTOR).map(|_| guests.arrive()).collect();
            assert!(all.iter().all(|(guest, _)| guest.is_of(7) && guest.is_of(7)));
            let (one_more, _) = guests.arrive();
            assert!(!one_more.is_of(7) && !one_more.known.get());
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
