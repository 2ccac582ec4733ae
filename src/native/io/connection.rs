//! Runs a [`Machine`]: reads, writes, waits and calls back for it, on one thread with two connections. `native/net` opens them.

use super::mailbox;
use super::socket::{connect, Socket, SocketEvent};
use crate::channel::{weight_of, Channel};
use crate::descriptors::AboveStandard;
use crate::native::detector::{self, Detection};
use crate::native::machine::{Action, Emission, Machine, Now};
use crate::native::net::dial::{Begin, Dialer};
use crate::native::protocol::action::{Link, LinkAction};
use bytes::BytesMut;
use std::future::{pending, ready, Future};
use std::io;
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::{unconstrained, yield_now};

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

/// What [`run`] runs on. Made on Perl's thread, which gives none of the lowest numbers free meanwhile.
pub fn runtime() -> io::Result<Runtime> {
    let _above = AboveStandard::hold();
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Runs `machine` on this thread until it is done. `emit` takes its callbacks, `kill` carries out
/// [`Action::KillProcessGroup`]. While `channel`, where the callbacks go, is congested, or the machine takes none, no events are read.
pub fn run<M>(
    runtime: &Runtime,
    machine: M,
    commands: mailbox::Receiver<M::Command>,
    emit: impl FnMut(Vec<Emission>) + Send + 'static,
    kill: impl FnMut() + Send + 'static,
    channel: Channel,
) -> io::Result<()>
where
    M: Machine + Send + 'static,
    M::Command: Send + 'static,
{
    // A task: to wake the runtime's root future takes two system calls each time, also on this thread.
    let driven = runtime.block_on(runtime.spawn(drive(machine, commands, emit, kill, channel)));
    driven.map_err(|why| match why.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(why) => io::Error::other(why),
    })
}

/// The time since a machine was started, which is its time.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn now(self) -> Now {
        Now {
            elapsed: self.0.elapsed(),
            wall: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0.0, |d| d.as_secs_f64()),
        }
    }

    /// Waits until then. A time beyond what the clock can tell never comes.
    async fn sleep_until(self, deadline: Option<Duration>) {
        match deadline.and_then(|d| self.0.checked_add(d)) {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
            None => pending().await,
        }
    }
}

/// What a machine's actions change: its two connections, and the search for a master.
struct Outside {
    stream: Socket,
    calls: Socket,
    detections: Option<UnboundedReceiver<Detection>>,
    dialer: Dialer,
    /// The deadline that has passed, and the link that was looked at since.
    looked: Option<(Option<Duration>, Link)>,
}

impl Outside {
    fn new() -> Self {
        Outside {
            stream: Socket::Closed,
            calls: Socket::Closed,
            detections: None,
            dialer: Dialer::default(),
            looked: None,
        }
    }

    /// What came before `deadline` was noticed. A process that was stopped finds its timers and its data due at once: the data count,
    /// or its own pause would be taken for the server's silence. Each link is looked at once, so that data cannot put off a deadline.
    async fn arrived(
        &mut self,
        deadline: Option<Duration>,
        [stream, calls]: [&mut BytesMut; 2],
        reads: bool,
    ) -> Option<(Link, SocketEvent)> {
        let looked = self.looked.take().filter(|(of, _)| *of == deadline).map(|(_, link)| link);
        if looked.is_none() {
            self.looked = Some((deadline, Link::Stream));
            // The runtime asks the system what is there to read.
            yield_now().await;
            if let Some(event) = at_once(self.stream.next(stream, reads)).await {
                return Some((Link::Stream, event));
            }
        }
        if looked != Some(Link::Calls) {
            self.looked = Some((deadline, Link::Calls));
            if let Some(event) = at_once(self.calls.next(calls, true)).await {
                return Some((Link::Calls, event));
            }
        }
        self.looked = None;
        None
    }

    fn link(&mut self, action: LinkAction) {
        match action {
            LinkAction::Open(link, endpoint) => {
                let begin = match link {
                    Link::Stream => Begin::Other,
                    // Only that server knows the subscription.
                    Link::Calls => Begin::Same,
                };
                let connecting = connect(endpoint, self.dialer.clone(), begin);
                *self.socket(link) = Socket::Connecting(Box::pin(connecting));
            }
            LinkAction::Send(link, data) => self.socket(link).send(data),
            LinkAction::Close(link) => *self.socket(link) = Socket::Closed,
        }
    }

    fn socket(&mut self, link: Link) -> &mut Socket {
        match link {
            Link::Stream => &mut self.stream,
            Link::Calls => &mut self.calls,
        }
    }
}

async fn drive<M: Machine>(
    mut machine: M,
    mut commands: mailbox::Receiver<M::Command>,
    mut emit: impl FnMut(Vec<Emission>),
    mut kill: impl FnMut(),
    channel: Channel,
) {
    let clock = Clock(Instant::now());
    let mut outside = Outside::new();
    let (mut stream_buffer, mut calls_buffer) = (BytesMut::new(), BytesMut::new());
    let mut congestion: Option<oneshot::Receiver<()>> = None;
    let mut reads = true;
    let mut unused = Unused::default();
    machine.start(clock.now());
    loop {
        let mut emissions = Vec::new();
        let mut done = false;
        for action in machine.take_actions() {
            match action {
                Action::Link(action) => outside.link(action),
                Action::Emit(emission) => emissions.push(emission),
                Action::Detect(source) => outside.detections = detector::start(source),
                Action::KillProcessGroup => kill(),
                Action::Done => done = true,
            }
        }
        // What came with one read is passed on in one go.
        if !emissions.is_empty() {
            if emissions.iter().any(|emission| emission.acknowledgement.is_some()) {
                commands.expect();
            }
            unused.detach_if_sparse(&mut emissions);
            emit(emissions);
        }
        if done {
            return;
        }
        if congestion.is_none() {
            congestion = channel.congestion();
        }
        let had_read = std::mem::replace(&mut reads, congestion.is_none() && machine.takes_events());
        if reads && !had_read {
            // The silence until now was ours, not the server's.
            machine.resume(clock.now());
            continue;
        }
        tokio::select! {
            () = commands.ready() => {
                // What comes in a burst leaves in one write.
                machine.commands(commands.take(), clock.now());
            }
            event = outside.stream.next(&mut stream_buffer, reads) => {
                dispatch(&mut machine, &mut unused, (Link::Stream, event), clock.now());
            }
            event = outside.calls.next(&mut calls_buffer, true) => {
                dispatch(&mut machine, &mut unused, (Link::Calls, event), clock.now());
            }
            detection = next_detection(&mut outside.detections) => machine.detected(detection, clock.now()),
            () = relief(&mut congestion) => congestion = None,
            () = clock.sleep_until(machine.deadline()) => {
                if !reads {
                    // As above: no bytes, but no timeout either.
                    machine.resume(clock.now());
                }
                match outside.arrived(machine.deadline(), [&mut stream_buffer, &mut calls_buffer], reads).await {
                    Some(event) => dispatch(&mut machine, &mut unused, event, clock.now()),
                    None => machine.tick(clock.now()),
                }
            }
        }
    }
}

/// What a socket has to say without waiting for it.
async fn at_once(event: impl Future<Output = SocketEvent>) -> Option<SocketEvent> {
    tokio::select! {
        biased;
        event = unconstrained(event) => Some(event),
        () = ready(()) => None,
    }
}

/// A detector that has ended has said its last word.
async fn next_detection(detections: &mut Option<UnboundedReceiver<Detection>>) -> Detection {
    match detections {
        Some(receiver) => match receiver.recv().await {
            Some(detection) => detection,
            None => pending().await,
        },
        None => pending().await,
    }
}

/// The end of the congestion, if there is one.
async fn relief(congestion: &mut Option<oneshot::Receiver<()>>) {
    match congestion {
        // An error: the channel is gone, and with it the congestion.
        Some(receiver) => drop(receiver.await),
        None => pending().await,
    }
}

fn dispatch<M: Machine>(machine: &mut M, unused: &mut Unused, (link, event): (Link, SocketEvent), now: Now) {
    if link == Link::Stream {
        unused.read(&event);
    }
    match event {
        SocketEvent::Opened => machine.opened(link, now),
        SocketEvent::Received(data) => machine.received_shared(link, data, now),
        SocketEvent::Broken(reason) => machine.broken(link, reason, now),
    }
}
