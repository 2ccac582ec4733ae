//! Connections that have not shown a secret yet: few, and not for long.
//!
//! Anybody on this machine may connect. What such connections hold of this program (descriptors, buffers) has a small bound.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// So many at a time. One more, and the oldest has to go.
pub const MOST: usize = 64;

/// A guest that is younger is not sent away for another: time enough for an honest client's request.
const COURTESY: Duration = Duration::from_millis(250);

/// Then it has to have sent a request with a secret.
const PATIENCE: Duration = Duration::from_secs(30);

/// All that are there, the oldest first.
#[derive(Default)]
pub struct Guests {
    present: RefCell<VecDeque<Entry>>,
    numbers: Cell<u64>,
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
}

impl Guests {
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
        let known = Cell::new(false);
        let all = self.clone();
        (Rc::new(Guest { all, number, known }), sent_away)
    }
}

impl Guest {
    /// It has shown a secret: no guest any more.
    pub fn is_known(&self) {
        if !self.known.replace(true) {
            self.leave();
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
}
