//! Runs a [`Machine`]: reads, writes, waits and calls back for it, on one thread with two connections. `native/net` opens them. One of them,
//! the stream, is in [`driven`](super::driven) with the machine: Perl's thread may read it, too.

use super::driven::{Clock, Driven, Shared};
use super::mailbox;
use super::socket::{connect, Socket};
use crate::channel::{Channel, Reader};
use crate::descriptors::AboveStandard;
use crate::native::detector::{self, Detection};
use crate::native::machine::{Action, Emission, Machine};
use crate::native::net::dial::{Begin, Dialer};
use crate::native::protocol::action::{Link, LinkAction};
use bytes::BytesMut;
use std::future::{pending, ready, Future};
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::{unconstrained, yield_now};

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

/// What a machine's actions change, but for the stream: the connection for calls, and the search for a master.
struct Outside {
    calls: Socket,
    detections: Option<UnboundedReceiver<Detection>>,
    dialer: Dialer,
}

impl Outside {
    fn link(&mut self, stream: &mut Socket, action: LinkAction) {
        let (LinkAction::Open(link, _) | LinkAction::Send(link, _) | LinkAction::Close(link)) = &action;
        let (socket, begin) = match link {
            Link::Stream => (stream, Begin::Other),
            // Only that server knows the subscription.
            Link::Calls => (&mut self.calls, Begin::Same),
        };
        match action {
            LinkAction::Open(_, endpoint) => {
                *socket = Socket::Connecting(Box::pin(connect(endpoint, self.dialer.clone(), begin)));
            }
            LinkAction::Send(_, data) => socket.send(data),
            LinkAction::Close(_) => *socket = Socket::Closed,
        }
    }
}

/// Which links were looked at since a deadline has passed.
#[derive(Default)]
struct Looked(Option<(Option<Duration>, Link)>);

impl Looked {
    /// What came before `deadline` was noticed. A process that was stopped finds its timers and its data due at once: the data count,
    /// or its own pause would be taken for the server's silence. Each link is looked at once, so that data cannot put off a deadline.
    /// True: something came.
    async fn arrived<M: Machine>(
        &mut self,
        deadline: Option<Duration>,
        shared: &Shared<M>,
        calls: (&mut Socket, &mut BytesMut),
    ) -> bool {
        let looked = self.0.take().filter(|(of, _)| *of == deadline).map(|(_, link)| link);
        if looked.is_none() {
            self.0 = Some((deadline, Link::Stream));
            // The runtime asks the system what is there to read.
            yield_now().await;
            if at_once(shared.stream()).await.is_some() {
                return true;
            }
        }
        if looked != Some(Link::Calls) {
            self.0 = Some((deadline, Link::Calls));
            if let Some(event) = at_once(calls.0.next(calls.1)).await {
                shared.lock().dispatch(Link::Calls, event);
                return true;
            }
        }
        self.0 = None;
        false
    }
}

/// What the machine wants done. True: that was all.
fn act<M: Machine>(driven: &mut Driven<M>, outside: &mut Outside, kill: &mut impl FnMut(), expect: impl FnOnce()) -> bool {
    let mut emissions = Vec::new();
    let mut done = false;
    for action in driven.take_actions() {
        match action {
            Action::Link(action) => outside.link(&mut driven.stream, action),
            Action::Emit(emission) => emissions.push(emission),
            Action::Detect(source) => outside.detections = detector::start(source),
            Action::KillProcessGroup => kill(),
            Action::Done => done = true,
        }
    }
    // What came with one read is passed on in one go.
    if emissions.iter().any(|emission| emission.acknowledgement.is_some()) {
        expect();
    }
    driven.settle();
    driven.emit(emissions);
    done
}

async fn drive<M: Machine + Send + 'static>(
    machine: M,
    mut commands: mailbox::Receiver<M::Command>,
    emit: impl FnMut(Vec<Emission>) + Send + 'static,
    mut kill: impl FnMut(),
    channel: Channel,
) {
    let clock = Clock::start();
    let mut outside = Outside {
        calls: Socket::Closed,
        detections: None,
        dialer: Dialer::default(),
    };
    let mut calls_buffer = BytesMut::new();
    let mut congestion: Option<oneshot::Receiver<()>> = None;
    let mut looked = Looked::default();
    let shared = Arc::new(Shared::new(Driven::new(machine, clock, Box::new(emit), channel.clone())));
    let weak: Weak<Shared<M>> = Arc::downgrade(&shared);
    let reader: Weak<dyn Reader> = weak;
    channel.add_reader(reader);
    shared.lock().machine.start(clock.now());
    loop {
        let (deadline, looks_after) = {
            let mut driven = shared.lock();
            if act(&mut driven, &mut outside, &mut kill, || commands.expect()) {
                return;
            }
            if congestion.is_none() {
                congestion = channel.congestion();
            }
            if driven.resumes(congestion.is_none()) {
                continue;
            }
            (driven.sleeps(), driven.looks_after())
        };
        tokio::select! {
            () = commands.ready() => {
                // What comes in a burst leaves in one write.
                shared.lock().machine.commands(commands.take(), clock.now());
            }
            () = shared.stream() => {}
            event = outside.calls.next(&mut calls_buffer) => shared.lock().dispatch(Link::Calls, event),
            () = shared.nudged() => {}
            () = clock.sleep_until(looks_after) => shared.lock().look_after(),
            detection = next_detection(&mut outside.detections) => shared.lock().machine.detected(detection, clock.now()),
            () = relief(&mut congestion) => congestion = None,
            () = clock.sleep_until(deadline) => {
                let Some(deadline) = shared.lock().overdue() else { continue };
                let arrived = looked.arrived(deadline, &shared, (&mut outside.calls, &mut calls_buffer)).await;
                if !arrived {
                    shared.lock().machine.tick(clock.now());
                }
            }
        }
    }
}

/// What a socket has to say without waiting for it.
async fn at_once<T>(event: impl Future<Output = T>) -> Option<T> {
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
