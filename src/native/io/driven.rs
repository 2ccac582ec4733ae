//! What a driver's thread shares with Perl's: the machine, and the stream on which its events come.
//!
//! To wake a sleeping thread takes longer than all else that happens to an event. So while events come one at a time, the driver's thread
//! lends the stream to Perl's: the stream's socket wakes Perl's thread alone, which reads and has the machine handle what it has read. What
//! the machine wants then, but for callbacks, is left to the driver's thread. When events come quickly, Perl's thread gives the stream
//! back; when it does not look after it, the driver's thread takes it back.

use super::socket::{Socket, SocketEvent};
use crate::channel::{weight_of, Channel, Reader};
use crate::logging::shown;
use crate::native::machine::{Action, Emission, Machine, Now};
use crate::native::protocol::action::Link;
use bytes::BytesMut;
use std::future::{pending, poll_fn, Future};
use std::io;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;

/// Events that are no further apart than this come quickly: the driver's thread reads ahead while Perl's handles them.
const QUIET: Duration = Duration::from_micros(300);
/// So many bytes are more than one event, or one that takes its time.
const MANY: usize = 16 << 10;
/// So often in a row events must be further apart before the stream is lent: more often, the sooner it had to be given back.
const QUIET_READS: std::ops::RangeInclusive<u32> = 2..=256;
/// So many events make a loan worth it.
const WORTH_IT: u32 = 64;
/// How often the driver's thread looks whether Perl's looks after what is lent to it.
const LOOKS_AFTER: Duration = Duration::from_secs(1);

/// Bytes of the stream that were read and are in no callback, beyond as many as there are in callbacks. Callbacks are slices of what was
/// read, and hold all of it while they wait.
#[derive(Default)]
struct Unused(usize);

impl Unused {
    fn read(&mut self, event: &SocketEvent) {
        if let SocketEvent::Received(data) = event {
            self.0 = self.0.saturating_add(data.len());
        }
    }

    /// While more than half of what comes is of no use, what is of use is copied.
    fn detach_if_sparse(&mut self, emissions: &mut [Emission]) {
        let used: usize = emissions.iter().map(|emission| weight_of(&emission.args)).sum();
        self.0 = self.0.saturating_sub(used.saturating_mul(2));
        if self.0 > 0 {
            emissions.iter_mut().for_each(Emission::detach);
        }
    }
}

/// The time since a machine was started, which is its time.
#[derive(Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Clock(Instant::now())
    }

    pub fn now(self) -> Now {
        Now {
            elapsed: self.0.elapsed(),
            wall: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0.0, |d| d.as_secs_f64()),
        }
    }

    /// Waits until then. A time beyond what the clock can tell never comes.
    pub async fn sleep_until(self, deadline: Option<Duration>) {
        match deadline.and_then(|d| self.0.checked_add(d)) {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => pending().await,
        }
    }
}

/// How quickly the stream's bytes come.
struct Pace {
    last: Option<Instant>,
    /// How many reads were quiet in a row, and how many are wanted.
    quiet: u32,
    wanted: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            last: None,
            quiet: 0,
            wanted: *QUIET_READS.start(),
        }
    }
}

impl Pace {
    /// After so many bytes were read. `waited`: Perl's thread had nothing to do.
    fn read(&mut self, length: usize, waited: bool) {
        let now = Instant::now();
        let before = self.last.replace(now);
        let apart = before.is_some_and(|before| now.duration_since(before) >= QUIET);
        if apart && waited && length < MANY {
            self.quiet = self.quiet.saturating_add(1);
            return;
        }
        if self.is_quiet() {
            self.wanted = match self.quiet - self.wanted >= WORTH_IT {
                true => *QUIET_READS.start(),
                false => (self.wanted * 4).min(*QUIET_READS.end()),
            };
        }
        self.quiet = 0;
    }

    fn is_quiet(&self) -> bool {
        self.quiet >= self.wanted
    }
}

/// While Perl's thread has the stream.
struct Loan {
    /// It has looked after it since the driver's thread last asked.
    seen: bool,
    /// When that thread asks next, in the machine's time.
    look_at: Duration,
    /// It found nothing when it last looked.
    waits: bool,
    /// It gives it back.
    returned: bool,
    /// And why it cannot be read any more.
    broken: Option<String>,
}

pub struct Driven<M> {
    pub machine: M,
    pub stream: Socket,
    clock: Clock,
    emit: Box<dyn FnMut(Vec<Emission>) + Send>,
    channel: Channel,
    buffer: BytesMut,
    unused: Unused,
    /// Whether events may be read.
    reads: bool,
    pace: Pace,
    /// Whether the stream is lent to Perl's thread.
    loan: Option<Loan>,
    /// What Perl's thread has left to the driver's.
    left: Vec<Action>,
    /// Until when the driver's thread sleeps.
    sleeps_until: Option<Duration>,
}

impl<M: Machine> Driven<M> {
    pub fn new(machine: M, clock: Clock, emit: Box<dyn FnMut(Vec<Emission>) + Send>, channel: Channel) -> Self {
        Driven {
            machine,
            stream: Socket::Closed,
            clock,
            emit,
            channel,
            buffer: BytesMut::new(),
            unused: Unused::default(),
            reads: true,
            pace: Pace::default(),
            loan: None,
            left: Vec::new(),
            sleeps_until: None,
        }
    }

    pub fn dispatch(&mut self, link: Link, event: SocketEvent) {
        let now = self.clock.now();
        if link == Link::Stream {
            self.unused.read(&event);
        }
        match event {
            SocketEvent::Opened => self.machine.opened(link, now),
            SocketEvent::Received(data) => self.machine.received_shared(link, data, now),
            SocketEvent::Broken(reason) => self.machine.broken(link, reason, now),
        }
    }

    /// What the machine wants done by the driver's thread.
    pub fn take_actions(&mut self) -> Vec<Action> {
        if self.loan.as_ref().is_some_and(|loan| loan.returned) {
            self.take_back();
        }
        let mut actions = std::mem::take(&mut self.left);
        actions.append(&mut self.machine.take_actions());
        actions
    }

    pub fn emit(&mut self, mut emissions: Vec<Emission>) {
        if !emissions.is_empty() {
            self.unused.detach_if_sparse(&mut emissions);
            (self.emit)(emissions);
        }
    }

    /// Whether events may be read now, and could not until now. The silence was ours then, not the server's.
    pub fn resumes(&mut self, has_room: bool) -> bool {
        let read = std::mem::replace(&mut self.reads, has_room && self.machine.takes_events());
        let resumes = self.reads && !read;
        if !self.reads {
            self.take_back();
        }
        if resumes {
            self.machine.resume(self.clock.now());
        }
        resumes
    }

    /// When to look after the machine again.
    pub fn sleeps(&mut self) -> Option<Duration> {
        self.sleeps_until = self.machine.deadline();
        self.sleeps_until
    }

    /// The machine's deadline, if it has passed: it may have moved since the driver's thread fell asleep.
    pub fn overdue(&mut self) -> Option<Option<Duration>> {
        if !self.reads {
            // No bytes, but no timeout either.
            self.machine.resume(self.clock.now());
        }
        let deadline = self.machine.deadline();
        let overdue = deadline.is_some_and(|deadline| deadline <= self.clock.now().elapsed);
        if overdue {
            // What lies there counts, though nobody has read it yet.
            self.take_back();
        }
        overdue.then_some(deadline)
    }

    fn poll_stream(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.loan.is_some() {
            return Poll::Pending;
        }
        let event = match self.stream.poll(&mut self.buffer, self.reads, context) {
            Poll::Ready(event) => event,
            Poll::Pending => return Poll::Pending,
        };
        if let SocketEvent::Received(data) = &event {
            self.pace.read(data.len(), self.channel.is_empty());
        }
        let lends = self.pace.is_quiet() && matches!(event, SocketEvent::Received(_));
        self.dispatch(Link::Stream, event);
        if lends {
            self.lend();
        }
        Poll::Ready(())
    }

    fn lend(&mut self) {
        let Socket::Open { transport, outgoing } = &mut self.stream else {
            return;
        };
        if !outgoing.bytes().is_empty() || transport.has_to_write() {
            return;
        }
        if !transport.socket().is_some_and(|socket| self.channel.lend(socket)) {
            return;
        }
        let broken = transport.lend().err().map(|why| why.to_string());
        self.loan = Some(Loan {
            seen: true,
            waits: true,
            look_at: self.clock.now().elapsed + LOOKS_AFTER,
            returned: broken.is_some(),
            broken,
        });
        // What TLS has read and not passed on wakes nobody.
        self.read_now();
    }

    /// On the driver's thread.
    fn take_back(&mut self) {
        let Some(loan) = self.loan.take() else { return };
        let Socket::Open { transport, .. } = &mut self.stream else {
            return self.channel.end_loan(None);
        };
        self.channel.end_loan(transport.socket());
        let taken = transport.take_back().map_err(|why| why.to_string());
        if let Some(reason) = loan.broken.or(taken.err()) {
            self.stream = Socket::Closed;
            self.dispatch(
                Link::Stream,
                SocketEvent::Broken(format!("connection broken: {}", shown(&reason))),
            );
        }
    }

    /// A stream that was closed, or is to be written to, is not lent.
    pub fn settle(&mut self) {
        if !matches!(&self.stream, Socket::Open { outgoing, .. } if outgoing.bytes().is_empty()) {
            self.take_back();
        }
    }

    /// When to look after the loan, if there is one.
    pub fn looks_after(&self) -> Option<Duration> {
        self.loan.as_ref().map(|loan| loan.look_at)
    }

    /// Takes the stream back if something lies there and Perl's thread has not looked.
    pub fn look_after(&mut self) {
        let Some(loan) = &mut self.loan else { return };
        loan.look_at = self.clock.now().elapsed + LOOKS_AFTER;
        if !std::mem::replace(&mut loan.seen, false) && self.stream.has_arrived() {
            self.take_back();
        }
    }

    /// On Perl's thread. Whether the driver's has something to do now.
    fn read_now(&mut self) -> bool {
        let Some(loan) = &mut self.loan else { return false };
        loan.seen = true;
        if loan.returned || !self.left.is_empty() {
            return false;
        }
        if !self.machine.takes_events() {
            loan.returned = true;
            return true;
        }
        let (data, ended) = self.stream.read_now(&mut self.buffer);
        if let Err(why) = &ended {
            loan.returned = true;
            // The runtime finds the end itself.
            loan.broken = (why.kind() != io::ErrorKind::UnexpectedEof).then(|| why.to_string());
        }
        let Some(data) = data else {
            loan.waits = true;
            return ended.is_err();
        };
        // What is there when the last events have just been handled has come in the meantime.
        self.pace.read(data.len(), std::mem::take(&mut loan.waits));
        self.dispatch(Link::Stream, SocketEvent::Received(data));
        let mut emissions = Vec::new();
        for action in self.machine.take_actions() {
            match action {
                Action::Emit(emission) => emissions.push(emission),
                other => self.left.push(other),
            }
        }
        self.emit(emissions);
        let returns = ended.is_err() || !self.pace.is_quiet() || !self.machine.takes_events() || self.stream.has_to_write();
        if let Some(loan) = self.loan.as_mut().filter(|_| returns) {
            loan.returned = true;
        }
        returns || !self.left.is_empty() || is_earlier(self.machine.deadline(), self.sleeps_until)
    }
}

fn is_earlier(deadline: Option<Duration>, than: Option<Duration>) -> bool {
    match (deadline, than) {
        (Some(deadline), Some(than)) => deadline < than,
        (deadline, None) => deadline.is_some(),
        (None, Some(_)) => false,
    }
}

impl<M> Drop for Driven<M> {
    fn drop(&mut self) {
        if self.loan.is_some() {
            self.channel.end_loan(None);
        }
    }
}

/// The same, for both threads.
pub struct Shared<M> {
    driven: Mutex<Driven<M>>,
    /// For the driver's thread, when Perl's has left it something.
    nudge: Notify,
}

impl<M: Machine> Shared<M> {
    pub fn new(driven: Driven<M>) -> Self {
        Shared {
            driven: Mutex::new(driven),
            nudge: Notify::new(),
        }
    }

    /// For the driver's thread: after a panic of Perl's, nothing of the machine is used.
    pub fn lock(&self) -> MutexGuard<'_, Driven<M>> {
        self.driven.lock().expect("Perl's thread has panicked in the machine")
    }

    /// Waits for the next thing that happens to the stream, and has the machine know it. Dropping the future loses nothing.
    pub fn stream(&self) -> impl Future<Output = ()> + '_ {
        poll_fn(|context| self.lock().poll_stream(context))
    }

    pub async fn nudged(&self) {
        self.nudge.notified().await;
    }
}

/// The driver's thread finds the lock poisoned then, and tells of it.
struct NudgeOnPanic<'a>(&'a Notify);

impl Drop for NudgeOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.notify_one();
        }
    }
}

impl<M: Machine + Send> Reader for Shared<M> {
    fn read_now(&self) {
        let _panic = NudgeOnPanic(&self.nudge);
        let nudges = self.driven.lock().is_ok_and(|mut driven| driven.read_now());
        if nudges {
            self.nudge.notify_one();
        }
    }

    fn give_back(&self) {
        let nudges = self
            .driven
            .lock()
            .is_ok_and(|mut driven| driven.loan.as_mut().map(|loan| loan.returned = true).is_some());
        if nudges {
            self.nudge.notify_one();
        }
    }
}
