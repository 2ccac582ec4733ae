//! The queue between the threads of drivers and Perl: first in, first out, any thread to any thread.
//!
//! Whatever is sent is queued. Who can wait (a driver that reads from a socket) asks [`Channel::congestion`] before it reads on.

use crate::event::{Arg, DriverId, Event};
use crate::notify::Notify;
use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering};
use bytes::Bytes;
use std::collections::VecDeque;
use std::mem::size_of;
use std::ops::{Deref, DerefMut};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Weak};
use tokio::sync::oneshot;

/// Bytes of queued events from which on the channel is congested, until it has half of that left. Some thousand updates, or offers of as
/// many agents; more would be in nobody's cache when Perl comes to it.
const CONGESTED: usize = 4 << 20;
/// What a queued event takes beside the bytes of its arguments, roughly.
const EVENT_OVERHEAD: usize = 300;

/// A handle on a queue; clones share it.
#[derive(Clone, Default)]
pub struct Channel {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// How many events the queue holds: whoever only asks for that takes no lock.
    len: AtomicUsize,
    /// What the user hears if nobody asks for events.
    advice: Mutex<Option<String>>,
    /// How many streams are lent to Perl's thread.
    lent: AtomicUsize,
    readers: Mutex<Vec<Weak<dyn Reader>>>,
}

/// A driver that Perl's thread may have read what has come.
pub trait Reader: Send + Sync {
    /// Reads what has come and queues its events, on this thread.
    fn read_now(&self);
    /// Takes a lent stream back.
    fn give_back(&self);
}

/// The queue while it is locked. What changed in it is told when it is given back.
struct Locked<'a> {
    queue: MutexGuard<'a, Queue>,
    len: &'a AtomicUsize,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.len.store(self.queue.events.len(), Ordering::Release);
    }
}

impl Deref for Locked<'_> {
    type Target = Queue;
    fn deref(&self) -> &Queue {
        &self.queue
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Queue {
        &mut self.queue
    }
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    notifiers: Vec<Arc<dyn Notify>>,
    taken: u64,
    high_water: usize,
    /// Of all events, by [`weight`].
    bytes: usize,
    /// Whether those who wake Perl have heard that there are events.
    raised: bool,
    /// Whether Perl's thread is about to take what is queued now, and need not be woken.
    hushed: bool,
    /// Who waits for the end of a congestion.
    waiting: Vec<oneshot::Sender<()>>,
}

fn weight(event: &Event) -> usize {
    weight_of(&event.args)
}

/// Roughly the bytes that an event with these arguments takes.
pub fn weight_of(args: &[Arg]) -> usize {
    let items = |arg: &Arg| match arg {
        Arg::Scalar(_, data) => data.len(),
        Arg::List(_, items) => items.iter().map(|item| size_of::<Bytes>() + item.len()).sum(),
    };
    EVENT_OVERHEAD + args.iter().map(items).sum::<usize>()
}

impl Channel {
    pub fn new() -> Self {
        Channel::default()
    }

    fn lock(&self) -> Locked<'_> {
        Locked {
            // A panic elsewhere must not lose events: the queue is consistent after every statement below.
            queue: crate::thread::lock(&self.shared.queue),
            len: &self.shared.len,
        }
    }

    /// Queues an event and wakes Perl.
    pub fn send(&self, event: Event) {
        self.send_all(std::iter::once(event));
    }

    /// Queues events, in this order, and wakes Perl once.
    pub fn send_all(&self, events: impl IntoIterator<Item = Event>) {
        let mut queue = self.lock();
        let before = queue.events.len();
        for event in events {
            queue.bytes += weight(&event);
            queue.events.push_back(event);
        }
        queue.high_water = queue.high_water.max(queue.events.len());
        // Who is woken may ask at once.
        self.shared.len.store(queue.events.len(), Ordering::Release);
        if queue.events.len() > before && !queue.hushed {
            queue.raise();
        }
    }

    /// Takes the oldest event. The caller acknowledges it through [`Event::origin`].
    pub fn take(&self) -> Option<Event> {
        let mut queue = self.lock();
        let event = queue.events.pop_front()?;
        queue.taken += 1;
        queue.bytes -= weight(&event);
        queue.after_removal();
        if !queue.events.is_empty() {
            // Who handles this one may wait for the next.
            queue.raise_once();
        }
        Some(event)
    }

    /// Drops what `driver` has queued: after stop or abort none of its callbacks is made any more.
    pub fn purge(&self, driver: DriverId) {
        let mut queue = self.lock();
        if queue.events.is_empty() {
            return;
        }
        queue
            .events
            .retain(|event| event.origin.as_ref().map(|o| o.driver) != Some(driver));
        queue.bytes = queue.events.iter().map(weight).sum();
        queue.after_removal();
    }

    /// Adds a driver that will [lend](Self::lend) its stream.
    pub fn add_reader(&self, reader: Weak<dyn Reader>) {
        let mut readers = crate::thread::lock(&self.shared.readers);
        readers.retain(|reader| reader.strong_count() > 0);
        readers.push(reader);
    }

    /// From now on the stream's socket wakes Perl, which has its driver read. False: somebody waits who would not be woken.
    pub fn lend(&self, socket: BorrowedFd<'_>) -> bool {
        // Locked to the end: whoever adds or removes a notifier sees the loan.
        let queue = self.lock();
        if queue.notifiers.iter().any(|notifier| notifier.needs_events()) {
            return false;
        }
        let lent = queue.notifiers.iter().filter(|notifier| notifier.watch(socket)).count() > 0;
        if lent {
            self.shared.lent.fetch_add(1, Ordering::AcqRel);
        }
        lent
    }

    /// The stream is taken back, or was closed.
    pub fn end_loan(&self, socket: Option<BorrowedFd<'_>>) {
        if let Some(socket) = socket {
            self.lock().notifiers.iter().for_each(|notifier| notifier.unwatch(socket));
        }
        self.shared.lent.fetch_sub(1, Ordering::AcqRel);
    }

    /// On Perl's thread: has drivers read what has come to streams that are lent to it, if there is nothing else to do.
    pub fn gather(&self) {
        if self.shared.lent.load(Ordering::Acquire) > 0 && self.is_empty() {
            self.readers().iter().for_each(|reader| reader.read_now());
        }
    }

    fn readers(&self) -> Vec<Arc<dyn Reader>> {
        let readers = crate::thread::lock(&self.shared.readers);
        readers.iter().filter_map(Weak::upgrade).collect()
    }

    /// The same for who takes the events at once: Perl is not woken for them, until [`settle`](Self::settle).
    pub fn gather_hushed(&self) {
        if self.shared.lent.load(Ordering::Acquire) > 0 && self.is_empty() {
            let _hush = Hush::new(self);
            self.gather();
        }
    }

    /// Whoever has not taken all events is woken for the others.
    pub fn settle(&self) {
        if !self.is_empty() {
            let mut queue = self.lock();
            if !queue.events.is_empty() {
                queue.raise_once();
            }
        }
    }

    pub fn len(&self) -> usize {
        self.shared.len.load(Ordering::Acquire)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many events were ever taken: tells a dispatch loop whether a callback took one.
    pub fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// What the user is to hear, once, if events wait here while the program runs a loop that does not ask for them.
    pub fn advise(&self, text: String) {
        *crate::thread::lock(&self.shared.advice) = Some(text);
    }

    /// That text. Whoever asks will tell it: nobody else gets it.
    pub fn advice(&self) -> Option<String> {
        crate::thread::lock(&self.shared.advice).take()
    }

    /// [`taken`](Self::taken) if events are queued.
    pub fn waiting(&self) -> Option<u64> {
        let queue = self.lock();
        (!queue.events.is_empty()).then_some(queue.taken)
    }

    /// The longest that the queue ever was.
    pub fn high_water(&self) -> usize {
        self.lock().high_water
    }

    /// Nothing, or, if so much is queued that nobody should add to it who can wait, what tells when that is over.
    pub fn congestion(&self) -> Option<oneshot::Receiver<()>> {
        let mut queue = self.lock();
        (queue.bytes >= CONGESTED).then(|| {
            let (sender, receiver) = oneshot::channel();
            queue.waiting.push(sender);
            receiver
        })
    }

    /// Adds a way to be woken. It is raised at once if events are waiting.
    pub fn attach(&self, notifier: Arc<dyn Notify>) {
        let mut queue = self.lock();
        if !queue.events.is_empty() {
            queue.raise_once();
            notifier.raise(true);
        }
        queue.notifiers.push(notifier);
        drop(queue);
        self.give_back();
    }

    /// Removes a way to be woken. When this returns it is not called any more.
    pub fn detach(&self, notifier: &Arc<dyn Notify>) {
        self.lock().notifiers.retain(|n| !Arc::ptr_eq(n, notifier));
        self.give_back();
    }

    /// Perhaps not all who wait watch what is lent.
    fn give_back(&self) {
        if self.shared.lent.load(Ordering::Acquire) > 0 {
            self.readers().iter().for_each(|reader| reader.give_back());
        }
    }

    /// Wakes Perl again if events are waiting: for notifiers that coalesce.
    pub fn renotify(&self) {
        let mut queue = self.lock();
        if !queue.events.is_empty() {
            queue.raise();
        }
    }
}

/// As long as it lives, what is queued wakes nobody. Also a panic ends it.
struct Hush<'a>(&'a Channel);

impl<'a> Hush<'a> {
    fn new(channel: &'a Channel) -> Self {
        channel.lock().hushed = true;
        Hush(channel)
    }
}

impl Drop for Hush<'_> {
    fn drop(&mut self) {
        self.0.lock().hushed = false;
    }
}

impl Queue {
    /// After events were removed.
    fn after_removal(&mut self) {
        if self.bytes <= CONGESTED / 2 {
            for waiting in self.waiting.drain(..) {
                // Who has gone does not wait.
                let _ = waiting.send(());
            }
        }
        if self.events.is_empty() && std::mem::take(&mut self.raised) {
            for notifier in &self.notifiers {
                notifier.lower();
            }
        }
    }

    fn raise_once(&mut self) {
        if !self.raised {
            self.raise();
        }
    }

    fn raise(&mut self) {
        let was_raised = std::mem::replace(&mut self.raised, true);
        for notifier in &self.notifiers {
            notifier.raise(!was_raised);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Arg;
    use crate::notify::Pipe;
    use rustix::event::{poll, PollFd, PollFlags};

    fn readable(pipe: &Pipe) -> bool {
        let fd = pipe.fd();
        let mut fds = [PollFd::new(&fd, PollFlags::IN)];
        poll(&mut fds, 0).expect("poll") == 1
    }

    #[test]
    fn descriptor_is_readable_exactly_while_events_wait() {
        let channel = Channel::new();
        let pipe = Arc::new(Pipe::new().expect("pipe"));
        channel.send(Event::new("early", vec![]));
        channel.attach(pipe.clone());
        assert!(readable(&pipe), "raised when attached to a queue that is not empty");
        for i in 0..200_000 {
            channel.send(Event::new(i.to_string(), vec![Arg::string("x")]));
        }
        assert_eq!(channel.len(), 200_001);
        for _ in 0..200_000 {
            assert!(channel.take().is_some());
        }
        assert!(readable(&pipe), "one event is left");
        assert_eq!(channel.take().map(|e| e.name), Some("199999".into()));
        assert!(!readable(&pipe));
        assert!(channel.take().is_none());
        assert_eq!(channel.taken(), 200_001);
        assert_eq!(channel.high_water(), 200_001);
    }

    #[test]
    fn purge_takes_one_drivers_events_only() {
        struct Nobody;
        impl crate::event::EventOwner for Nobody {
            fn acknowledge(&self, _: crate::event::Acknowledgement) {}
            fn end_delivered(&self) {}
        }
        let owner: Arc<dyn crate::event::EventOwner> = Arc::new(Nobody);
        let channel = Channel::new();
        let pipe = Arc::new(Pipe::new().expect("pipe"));
        channel.attach(pipe.clone());
        for driver in [1, 2, 1] {
            channel.send(Event {
                origin: Some(crate::event::Origin {
                    driver,
                    owner: Arc::downgrade(&owner),
                    acknowledgement: None,
                    ends_driver: false,
                }),
                ..Event::new(driver.to_string(), vec![])
            });
        }
        channel.purge(1);
        assert_eq!(channel.len(), 1);
        assert!(readable(&pipe));
        channel.purge(2);
        assert!(!readable(&pipe));
    }

    #[test]
    fn congestion_ends_at_half() {
        let channel = Channel::new();
        let event = || Event::new("e", vec![Arg::string(vec![0; 1 << 18])]);
        for _ in 0..15 {
            channel.send(event());
        }
        assert!(channel.congestion().is_none());
        channel.send(event());
        let mut over = channel.congestion().expect("4 MiB");
        for _ in 0..8 {
            channel.take();
            assert!(over.try_recv().is_err());
        }
        channel.take();
        assert!(over.try_recv().is_ok());
        channel.purge(1);
        assert!(channel.congestion().is_none());
        while channel.take().is_some() {}
        assert_eq!(channel.lock().bytes, 0);
    }

    #[test]
    fn threads_lose_nothing() {
        let channel = Channel::new();
        let pipe = Arc::new(Pipe::new().expect("pipe"));
        channel.attach(pipe.clone());
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let channel = channel.clone();
                std::thread::spawn(move || (0..25_000).for_each(|_| channel.send(Event::new("e", vec![]))))
            })
            .collect();
        let mut got = 0;
        while got < 100_000 {
            let fd = pipe.fd();
            let mut fds = [PollFd::new(&fd, PollFlags::IN)];
            assert_eq!(poll(&mut fds, 10_000).expect("poll"), 1, "a wake-up was lost after {got}");
            got += usize::from(channel.take().is_some());
        }
        senders.into_iter().for_each(|t| t.join().expect("sender"));
        assert!(!readable(&pipe));
    }
}
