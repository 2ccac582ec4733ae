//! Commands from Perl to a driver's thread, in order. Those that come in quick succession wake the thread once in a millisecond.
//!
//! The first command wakes the thread at once. From then on it looks by itself every [`HOLD`], until it finds nothing: a program
//! that acknowledges a hundred thousand updates in a second must not pay for a wake-up each, nor the thread write them one by one.
//! When the thread has just passed on updates it looks by itself too: to wake an idle processor takes Perl's thread longer than to handle
//! the update.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

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

struct State<C> {
    commands: Vec<C>,
    /// The receiver was woken and has not found the box empty since.
    awake: bool,
}

impl<C> Shared<C> {
    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// The two ends of a new box.
pub fn mailbox<C>() -> (Sender<C>, Receiver<C>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            commands: Vec::new(),
            awake: false,
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
    pub fn send(&self, command: C) {
        let mut state = self.0.lock();
        state.commands.push(command);
        let wakes = !std::mem::replace(&mut state.awake, true);
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
            Some(again) => tokio::time::sleep_until(again).await,
            None => self.shared.wake.notified().await,
        }
    }

    /// Commands will come presently: their senders need not wake the thread.
    pub fn expect(&mut self) {
        let mut state = self.shared.lock();
        if !std::mem::replace(&mut state.awake, true) {
            self.again = Some(Instant::now() + HOLD);
        }
    }

    /// All commands of now, perhaps none.
    pub fn take(&mut self) -> Vec<C> {
        let mut state = self.shared.lock();
        state.awake = !state.commands.is_empty();
        self.again = state.awake.then(|| Instant::now() + HOLD);
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
            sender.send(1);
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
            sender.send(2);
            let ready = tokio::time::timeout(Duration::from_secs(20), receiver.ready());
            ready.await.expect("a wake-up was lost");
            assert_eq!(receiver.take(), [2]);
        });
    }

    #[test]
    fn nothing_is_lost_and_the_order_kept() {
        let (sender, mut receiver) = mailbox();
        let senders = std::thread::spawn(move || {
            for number in 0..50_000u32 {
                sender.send(number);
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
