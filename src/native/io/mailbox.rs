//! Commands from Perl to a driver's thread, in order. Those that come in quick succession wake the thread once in a millisecond.
//!
//! The first command wakes the thread at once. From then on it looks by itself every [`HOLD`], until it finds nothing: a program
//! that acknowledges a hundred thousand updates in a second must not pay for a wake-up each, nor the thread write them one by one.
//! When the thread has just passed on updates it looks by itself too, and is woken only by the last of their acknowledgements: to wake
//! an idle processor takes Perl's thread longer than to handle the update.

use crate::sync::{Mutex, MutexGuard};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{timeout_at, Instant};

/// How long later commands may lie.
const HOLD: Duration = Duration::from_millis(1);

/// What sends; clones share the box.
pub struct Sender<C>(Arc<Shared<C>>);

/// What takes.
pub struct Receiver<C> {
    shared: Arc<Shared<C>>,
    /// When to look again.
    again: Option<Instant>,
}

struct Shared<C> {
    state: Mutex<State<C>>,
    wake: Notify,
}

/// Whether the receiver has to be woken for the next command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attention {
    /// It waits for a sender.
    Asleep,
    /// It was woken, or looks by itself within [`HOLD`].
    Coming,
}

/// What a sender knows of the commands behind its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Others will follow presently: this one can wait for them.
    MoreFollow,
    /// Nothing is known to follow: this one should leave now.
    Now,
}

struct State<C> {
    commands: Vec<C>,
    receiver: Attention,
    /// When a sender with nothing more to come woke it.
    hurried: Option<Instant>,
    /// When the receiver last found commands.
    found: Option<Instant>,
}

impl<C> Shared<C> {
    fn lock(&self) -> MutexGuard<'_, State<C>> {
        crate::thread::lock(&self.state)
    }
}

/// The two ends of a new box.
pub fn mailbox<C>() -> (Sender<C>, Receiver<C>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            commands: Vec::new(),
            receiver: Attention::Asleep,
            hurried: None,
            found: None,
        }),
        wake: Notify::new(),
    });
    let receiver = Receiver {
        shared: Arc::clone(&shared),
        again: None,
    };
    (Sender(shared), receiver)
}

impl<C> Sender<C> {
    /// Adds a command behind earlier ones.
    pub fn send(&self, command: C, urgency: Urgency) {
        let mut state = self.0.lock();
        state.commands.push(command);
        let mut wakes = std::mem::replace(&mut state.receiver, Attention::Coming) == Attention::Asleep;
        if urgency == Urgency::Now {
            let now = Instant::now();
            if state.hurried.map_or(true, |then| now.duration_since(then) >= HOLD) {
                state.hurried = Some(now);
                wakes = true;
            }
        }
        drop(state);
        if wakes {
            self.0.wake.notify_one();
        }
    }
}

impl<C> Receiver<C> {
    /// Waits until it is time to [`take`](Self::take). Dropping the future loses nothing.
    pub async fn ready(&mut self) {
        match self.again {
            // Either will do.
            Some(again) => drop(timeout_at(again, self.shared.wake.notified()).await),
            None => self.shared.wake.notified().await,
        }
    }

    /// Commands will come presently: their senders need not wake the thread.
    pub fn expect(&mut self) {
        let mut state = self.shared.lock();
        if std::mem::replace(&mut state.receiver, Attention::Coming) == Attention::Asleep {
            self.again = Some(Instant::now() + HOLD);
        }
    }

    /// All commands of now, perhaps none.
    pub fn take(&mut self) -> Vec<C> {
        let mut state = self.shared.lock();
        let now = Instant::now();
        let recent = |then: Option<Instant>| then.is_some_and(|then| now.duration_since(then) < HOLD);
        // One alone that was in a hurry, and did not follow others closely, is the last for now.
        let looks_again = match state.commands.len() {
            0 => false,
            1 => !recent(state.hurried) || recent(state.found),
            _ => true,
        };
        state.receiver = match looks_again {
            true => Attention::Coming,
            false => Attention::Asleep,
        };
        if !state.commands.is_empty() {
            state.found = Some(now);
        }
        self.again = looks_again.then(|| now + HOLD);
        std::mem::take(&mut state.commands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_found_without_a_wake_up() {
        let (sender, mut receiver) = mailbox();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime");
        runtime.block_on(async {
            receiver.expect();
            sender.send(1, Urgency::MoreFollow);
            assert!(
                tokio::time::timeout(Duration::ZERO, sender.0.wake.notified()).await.is_err(),
                "the sender has notified"
            );
            let ready = tokio::time::timeout(Duration::from_secs(20), receiver.ready());
            ready.await.expect("it looks by itself");
            assert_eq!(receiver.take(), [1]);
            // Nothing comes: from now on it has to be woken.
            receiver.expect();
            receiver.ready().await;
            assert!(receiver.take().is_empty());
            assert!(receiver.take().is_empty());
            sender.send(2, Urgency::MoreFollow);
            let ready = tokio::time::timeout(Duration::from_secs(20), receiver.ready());
            ready.await.expect("a wake-up was lost");
            assert_eq!(receiver.take(), [2]);
        });
    }

    #[test]
    fn the_last_one_wakes_at_once_and_not_again_within_the_hold() {
        let (sender, mut receiver) = mailbox();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("runtime");
        let woken = |sender: &Sender<i32>| {
            let shared = Arc::clone(&sender.0);
            async move { timeout_at(Instant::now(), shared.wake.notified()).await.is_ok() }
        };
        runtime.block_on(async {
            receiver.expect();
            sender.send(1, Urgency::MoreFollow);
            assert!(!woken(&sender).await);
            sender.send(2, Urgency::Now);
            assert!(woken(&sender).await);
            assert_eq!(receiver.take(), [1, 2]);
            sender.send(3, Urgency::Now);
            assert!(!woken(&sender).await, "it looks by itself in a moment");
            assert_eq!(receiver.take(), [3]);
            assert!(receiver.again.is_some(), "it followed closely, others may");
            tokio::time::advance(2 * HOLD).await;
            assert!(receiver.take().is_empty());
            sender.send(4, Urgency::Now);
            assert!(woken(&sender).await);
            assert_eq!(receiver.take(), [4]);
            assert_eq!(receiver.again, None, "nothing follows");
            tokio::time::advance(HOLD).await;
            receiver.expect();
            sender.send(5, Urgency::Now);
            assert!(woken(&sender).await);
        });
    }

    #[test]
    fn nothing_is_lost_and_the_order_kept() {
        let (sender, mut receiver) = mailbox();
        let senders = std::thread::spawn(move || {
            for number in 0..50_000u32 {
                let urgency = if number % 3 > 0 { Urgency::MoreFollow } else { Urgency::Now };
                sender.send(number, urgency);
                if number % 1000 == 0 {
                    // Lets the receiver find the box empty and sleep.
                    std::thread::sleep(Duration::from_millis(3));
                }
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime");
        let (mut next, mut turns) = (0, 0);
        runtime.block_on(async {
            while next < 50_000 {
                tokio::time::timeout(Duration::from_secs(20), receiver.ready())
                    .await
                    .expect("a wake-up was lost");
                for number in receiver.take() {
                    assert_eq!(number, next);
                    next += 1;
                }
                turns += 1;
            }
        });
        senders.join().expect("sender");
        assert!(turns < 25_000, "{turns} turns");
    }
}
