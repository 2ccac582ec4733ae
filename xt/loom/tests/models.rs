//! What must hold whatever the order in which threads run. Loom tries all of them, up to a number of
//! interruptions.

use bytes::Bytes;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use mesos_perl_loom::channel::{Channel, Reader};
use mesos_perl_loom::event::{Arg, Event};
use mesos_perl_loom::mailbox::{mailbox, Receiver, Urgency};
use mesos_perl_loom::notify::Notify;
use std::future::Future;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};

fn model(run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // So often a thread is interrupted in the middle of something. Without a bound two senders take longer than five minutes.
    builder.preemption_bound = Some(3);
    builder.check(run);
}

/// As a pipe: it is there for Perl to see, or not.
#[derive(Default)]
struct Level {
    up: AtomicBool,
    detached: AtomicBool,
}

impl Level {
    fn is_up(&self) -> bool {
        self.up.load(Ordering::SeqCst)
    }

    fn look(&self) {
        assert!(!self.detached.load(Ordering::SeqCst), "called after it was detached");
    }
}

impl Notify for Level {
    fn raise(&self, was_empty: bool) {
        self.look();
        // In one step: loom remembers of each value only who touched it last.
        let was_up = self.up.swap(true, Ordering::SeqCst);
        assert_eq!(was_up, !was_empty, "raised twice, or not at all");
    }

    fn lower(&self) {
        self.look();
        self.up.store(false, Ordering::SeqCst);
    }
}

fn event(name: &'static str) -> Event {
    Event::new(name, Vec::new())
}

/// Perl's thread: while the level is up, events are there.
fn take_all(channel: &Channel, level: &Level, taken: &mut Vec<String>) {
    while level.is_up() {
        assert!(!channel.is_empty(), "woken for nothing");
        taken.push(channel.take().expect("woken for nothing").name.into_owned());
    }
}

#[test]
fn the_level_is_up_exactly_while_events_wait() {
    model(|| {
        let (channel, level) = (Channel::new(), Arc::new(Level::default()));
        channel.attach(level.clone());
        let senders: Vec<_> = [["a", "b"], ["c", "d"]]
            .into_iter()
            .map(|names| {
                let channel = channel.clone();
                thread::spawn(move || names.into_iter().for_each(|name| channel.send(event(name))))
            })
            .collect();
        let mut taken = Vec::new();
        take_all(&channel, &level, &mut taken);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert_eq!(channel.len(), 4 - taken.len());
        assert_eq!(level.is_up(), taken.len() < 4, "a wake-up was lost");
        take_all(&channel, &level, &mut taken);
        let place = |name: &str| taken.iter().position(|n| n == name).expect(name);
        assert!(
            taken.len() == 4 && place("a") < place("b") && place("c") < place("d"),
            "{taken:?}"
        );
        assert!(channel.is_empty() && channel.taken() == 4);
    });
}

/// A driver that Perl's thread reads for: there is something once.
struct Lent(Channel, AtomicBool);

impl Reader for Lent {
    fn read_now(&self) {
        if !self.1.swap(true, Ordering::SeqCst) {
            self.0.send_all([event("read"), event("with it")]);
        }
    }
    fn give_back(&self) {}
}

#[test]
fn who_reads_itself_is_woken_for_what_it_leaves() {
    model(|| {
        let (channel, level) = (Channel::new(), Arc::new(Level::default()));
        channel.attach(level.clone());
        let reader: Arc<dyn Reader> = Arc::new(Lent(channel.clone(), AtomicBool::new(false)));
        channel.add_reader(Arc::downgrade(&reader));
        assert!(channel.lend(std::io::stdin().as_fd()));
        let sender = {
            let channel = channel.clone();
            thread::spawn(move || channel.send(event("sent")))
        };
        // One of three events at most, and as a turn ends: with a word for who sleeps.
        channel.gather_hushed();
        let mut taken: Vec<_> = channel.take().map(|event| event.name.into_owned()).into_iter().collect();
        channel.settle();
        sender.join().unwrap();
        assert_eq!(level.is_up(), !channel.is_empty());
        take_all(&channel, &level, &mut taken);
        channel.gather();
        take_all(&channel, &level, &mut taken);
        taken.sort_unstable();
        assert_eq!(taken, ["read", "sent", "with it"]);
    });
}

#[test]
fn who_comes_late_is_told_and_who_goes_is_left_alone() {
    model(|| {
        let channel = Channel::new();
        let sender = {
            let channel = channel.clone();
            thread::spawn(move || ["a", "b"].into_iter().for_each(|name| channel.send(event(name))))
        };
        let (stays, goes) = (Arc::new(Level::default()), Arc::new(Level::default()));
        channel.attach(stays.clone());
        channel.attach(goes.clone());
        channel.detach(&(goes.clone() as Arc<dyn Notify>));
        goes.detached.store(true, Ordering::SeqCst);
        sender.join().unwrap();
        assert!(stays.is_up());
        take_all(&channel, &stays, &mut Vec::new());
        assert!(channel.is_empty());
    });
}

#[test]
fn what_a_driver_takes_back_wakes_nobody() {
    model(|| {
        let (channel, level) = (Channel::new(), Arc::new(Level::default()));
        channel.attach(level.clone());
        let sender = {
            let channel = channel.clone();
            thread::spawn(move || channel.send(event("a")))
        };
        // Events of a Perl program have no driver: they stay.
        channel.purge(1);
        let mut taken = Vec::new();
        take_all(&channel, &level, &mut taken);
        sender.join().unwrap();
        take_all(&channel, &level, &mut taken);
        assert_eq!(taken, ["a"]);
        assert!(!level.is_up());
    });
}

#[test]
fn who_waits_for_the_end_of_a_congestion_is_told() {
    static MUCH: [u8; 5 << 20] = [0; 5 << 20];
    model(|| {
        let channel = Channel::new();
        let driver = {
            let channel = channel.clone();
            thread::spawn(move || {
                channel.send(Event::new("a", vec![Arg::string(Bytes::from_static(&MUCH))]));
                channel.congestion()
            })
        };
        while channel.take().is_none() {
            thread::yield_now();
        }
        let waits = driver.join().unwrap();
        assert!(waits.map_or(true, |receiver| receiver.received()), "it waits for ever");
        assert!(channel.congestion().is_none());
    });
}

/// Nobody waits: the models look.
struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Whether the receiver wakes, by itself or since it was woken.
fn is_ready(receiver: &mut Receiver<u32>) -> bool {
    let ready = pin!(receiver.ready());
    ready.poll(&mut Context::from_waker(&Arc::new(Nobody).into())) == Poll::Ready(())
}

/// A sender of these commands, beside a receiver that takes whenever it wakes, and does this before.
fn commands(urgencies: [Urgency; 3], before: impl Fn(&mut Receiver<u32>)) {
    let (sender, mut receiver) = mailbox();
    let senders = thread::spawn(move || {
        for (number, urgency) in (0..).zip(urgencies) {
            sender.send(number, urgency);
        }
    });
    let clock = thread::spawn(tokio::time::pass);
    let mut taken = Vec::new();
    before(&mut receiver);
    for _ in 0..2 {
        if is_ready(&mut receiver) {
            taken.extend(receiver.take());
        }
    }
    senders.join().unwrap();
    clock.join().unwrap();
    while is_ready(&mut receiver) {
        taken.extend(receiver.take());
    }
    assert_eq!(taken, [0, 1, 2], "a wake-up was lost");
}

#[test]
fn no_command_is_left_behind() {
    model(|| commands([Urgency::MoreFollow, Urgency::Now, Urgency::MoreFollow], |_| ()));
}

#[test]
fn no_urgent_command_is_left_behind() {
    model(|| commands([Urgency::Now; 3], |_| ()));
}

#[test]
fn no_command_is_left_behind_by_who_expects_some() {
    model(|| commands([Urgency::MoreFollow; 3], Receiver::expect));
}
