//! What the mailbox and the channel take from tokio, made of loom's parts.

pub mod sync {
    use loom::sync::Mutex;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// One permit, or none.
    pub struct Notify(Mutex<bool>);

    impl Notify {
        #[allow(clippy::new_without_default)]
        pub fn new() -> Self {
            Notify(Mutex::new(false))
        }

        pub fn notify_one(&self) {
            *self.0.lock().unwrap() = true;
        }

        pub fn notified(&self) -> Notified<'_> {
            Notified(self)
        }
    }

    pub struct Notified<'a>(&'a Notify);

    impl Future for Notified<'_> {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            match std::mem::take(&mut *self.0 .0.lock().unwrap()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }
    }

    pub mod oneshot {
        use loom::sync::Mutex;
        use std::sync::Arc;

        pub struct Sender<T>(Arc<Mutex<Option<T>>>);
        pub struct Receiver<T>(Arc<Mutex<Option<T>>>);

        pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
            let shared = Arc::new(Mutex::new(None));
            (Sender(Arc::clone(&shared)), Receiver(shared))
        }

        impl<T> Sender<T> {
            #[allow(clippy::missing_errors_doc)]
            pub fn send(self, value: T) -> Result<(), T> {
                *self.0.lock().unwrap() = Some(value);
                Ok(())
            }
        }

        impl<T> Receiver<T> {
            pub fn received(&self) -> bool {
                self.0.lock().unwrap().is_some()
            }
        }
    }
}

pub mod time {
    use loom::sync::atomic::{AtomicU64, Ordering};
    use std::future::Future;
    use std::ops::Add;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    loom::lazy_static! {
        /// Loom tries the same orders again and again: no time but this passes in them.
        static ref HOURS: AtomicU64 = AtomicU64::new(0);
    }

    /// An hour passes.
    pub fn pass() {
        HOURS.fetch_add(1, Ordering::SeqCst);
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Instant(Duration);

    impl Instant {
        pub fn now() -> Self {
            Instant(Duration::from_secs(3600 * HOURS.load(Ordering::SeqCst)))
        }

        pub fn duration_since(&self, earlier: Instant) -> Duration {
            self.0.saturating_sub(earlier.0)
        }
    }

    impl Add<Duration> for Instant {
        type Output = Instant;
        fn add(self, duration: Duration) -> Instant {
            Instant(self.0 + duration)
        }
    }

    /// Who looks again at some time does so at last: it need not be woken.
    pub fn timeout_at<F: Future>(_: Instant, future: F) -> Timeout<F> {
        Timeout(Box::pin(future))
    }

    pub struct Timeout<F>(Pin<Box<F>>);

    impl<F: Future> Future for Timeout<F> {
        type Output = Option<F::Output>;
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            match self.0.as_mut().poll(context) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending => Poll::Ready(None),
            }
        }
    }
}
