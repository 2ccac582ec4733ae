//! Streams that a driver lends to the thread which takes its events: `src/native/io/driven.rs`.
#![cfg(feature = "tls")]

mod support;
#[path = "support/tls.rs"]
mod tls_support;

use mesos_perl::backends::scheduler;
use mesos_perl::channel::Channel;
use mesos_perl::driver::{SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::event::Event;
use mesos_perl::notify::{Notify, Pipe};
use mesos_perl::proto::scheduler as api;
use mesos_perl::proto::TaskStatus;
use prost::Message;
use rustix::event::{poll, PollFd, PollFlags};
use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::scheduler::{event, options, subscribed, update};
use support::{message, wait_for, Connection, Server, PATIENCE};
use tls_support::{authority, proxy, server_certificate, Folder};

/// A master, a driver, and the thread that takes its events: this one, which waits as an event loop does.
struct Loop {
    server: Server,
    stream: Connection,
    driver: Arc<dyn SchedulerDriver>,
    channel: Channel,
    pipe: Arc<Pipe>,
    sent: u32,
}

impl Loop {
    fn new() -> Self {
        let server = Server::new();
        let options = options(&server);
        Loop::with(server, options, &[], 15.0)
    }

    fn with(server: Server, options: SchedulerOptions, variables: &[(&str, &str)], heartbeat: f64) -> Self {
        let (channel, pipe) = (Channel::new(), Arc::new(Pipe::new().expect("pipe")));
        pipe.either().expect("epoll");
        let notify: Arc<dyn Notify> = pipe.clone();
        channel.attach(notify);
        let variable = |name: &str| variables.iter().find(|v| v.0 == name).map(|v| v.1.to_string());
        let driver = scheduler::with_environment(options, channel.clone(), variable).expect("driver");
        assert_eq!(driver.start(), Ok(Status::Running));
        let (mut stream, _) = server.subscription();
        stream.record(&subscribed(heartbeat));
        let mut this = Loop {
            server,
            stream,
            driver,
            channel,
            pipe,
            sent: 0,
        };
        assert_eq!(this.next().name, "registered");
        this
    }

    fn is_readable(&self, patience: Duration) -> bool {
        let either = self.pipe.either().expect("epoll");
        let time = i32::try_from(patience.as_millis()).expect("a time");
        poll(&mut [PollFd::new(&either, PollFlags::IN)], time).expect("poll") == 1
    }

    /// As `Mesos::Dispatcher::ready`.
    fn take(&self) -> Vec<Event> {
        self.channel.gather_hushed();
        let events = std::iter::from_fn(|| {
            self.channel.gather();
            self.channel.take()
        });
        let events = events.collect();
        self.channel.settle();
        events
    }

    /// What comes next, when this thread is woken for it.
    fn next(&mut self) -> Event {
        loop {
            assert!(self.is_readable(PATIENCE), "nothing wakes this thread");
            let mut events = self.take();
            assert!(events.len() < 2, "more than was sent");
            if let Some(event) = events.pop() {
                return event;
            }
        }
    }

    /// An update, some time after the last one.
    fn send(&mut self) {
        pause();
        self.stream.record(&update(&self.sent.to_string(), None));
        self.sent += 1;
    }

    /// Sends updates one at a time until the stream is lent: the next one wakes this thread, and nobody has queued it.
    fn lend(&mut self) {
        for _ in 0..1000 {
            self.send();
            assert!(self.is_readable(PATIENCE), "nothing wakes this thread");
            let is_lent = self.channel.is_empty();
            assert_eq!(self.next().name, "statusUpdate");
            if is_lent {
                return;
            }
        }
        panic!("the stream is not lent");
    }
}

/// Longer than between events that come quickly.
fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}

#[test]
fn what_comes_to_a_lent_stream_waits_for_the_thread_that_it_wakes() {
    let mut looped = Loop::new();
    looped.lend();
    assert!(!looped.is_readable(Duration::ZERO), "all was taken");
    looped.send();
    assert_eq!(looped.next().name, "statusUpdate");
    // A part of a record is no event, and does not keep the descriptor readable.
    pause();
    looped.stream.send(b"2\r\n12\r\n");
    assert!(looped.is_readable(PATIENCE));
    assert!(looped.take().is_empty());
    assert!(!looped.is_readable(Duration::ZERO));
    looped.driver.close();
}

#[test]
fn what_nobody_reads_is_taken_back() {
    let mut looped = Loop::new();
    looped.lend();
    looped.send();
    // This thread has something else to do.
    wait_for("the driver's thread", || (!looped.channel.is_empty()).then_some(()));
    assert_eq!(looped.next().name, "statusUpdate");
    looped.lend();
    // The end of a connection is noticed as well, though nobody looks.
    looped.stream.stream.shutdown(Shutdown::Both).expect("shutdown");
    looped.stream = looped.server.subscription().0;
    looped.stream.record(&subscribed(15.0));
    let events = wait_for("both events", || (looped.channel.len() == 2).then(|| looped.take()));
    assert_eq!([&*events[0].name, &*events[1].name], ["disconnected", "reregistered"]);
    looped.driver.close();
}

/// Heartbeats lie there that nobody has read: that is not the master's silence.
#[test]
fn what_lies_there_is_read_before_a_master_is_taken_for_silent() {
    let server = Server::new();
    let options = options(&server);
    // Without a word for five times that long, the connection is taken for dead.
    let mut looped = Loop::with(server, options, &[], 0.1);
    looped.lend();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        pause();
        looped.stream.record(&event(api::event::Type::Heartbeat));
    }
    looped.send();
    wait_for("the update", || (!looped.channel.is_empty()).then_some(()));
    assert_eq!(looped.next().name, "statusUpdate", "the connection is the same");
    looped.driver.close();
}

#[test]
fn the_end_of_a_lent_stream_is_the_drivers_to_deal_with() {
    let mut looped = Loop::new();
    looped.lend();
    looped.stream.stream.shutdown(Shutdown::Both).expect("shutdown");
    assert_eq!(looped.next().name, "disconnected");
    looped.stream = looped.server.subscription().0;
    looped.stream.record(&subscribed(15.0));
    assert_eq!(looped.next().name, "reregistered");
    assert!(!looped.is_readable(Duration::ZERO));
    // The new one is lent, too, also to another descriptor.
    looped.lend();
    let old = std::mem::replace(&mut looped.pipe, Arc::new(Pipe::new().expect("pipe")));
    let old: Arc<dyn Notify> = old;
    looped.pipe.either().expect("epoll");
    looped.channel.attach(looped.pipe.clone());
    looped.channel.detach(&old);
    looped.lend();
    // It ends with the driver.
    looped.driver.close();
    assert!(!looped.is_readable(Duration::ZERO));
    assert!(looped.take().is_empty());
}

/// The bytes of an update, padded to this length.
fn update_of(length: usize) -> Vec<u8> {
    let chunk = |padding: usize| {
        let record = update(&"x".repeat(padding), None).encode_to_vec();
        let record = [format!("{}\n", record.len()).as_bytes(), &record].concat();
        [format!("{:x}\r\n", record.len()).as_bytes(), &record, b"\r\n"].concat()
    };
    let fits = (0..length).rev().map(chunk).find(|chunk| chunk.len() <= length);
    let chunk = fits.expect("a shorter one");
    assert_eq!(chunk.len(), length, "another length, please");
    chunk
}

/// Who waits at a plain pipe is woken by what is queued alone, and so nothing is lent while somebody does.
#[test]
fn nothing_is_lent_where_somebody_would_not_be_woken() {
    let mut looped = Loop::new();
    looped.lend();
    let plain = Arc::new(Pipe::new().expect("pipe"));
    let notify: Arc<dyn Notify> = plain.clone();
    looped.channel.attach(notify.clone());
    for _ in 0..100 {
        looped.send();
        let patience = i32::try_from(PATIENCE.as_millis()).expect("a time");
        let woken = poll(&mut [PollFd::new(&plain.fd(), PollFlags::IN)], patience);
        assert_eq!(woken.expect("poll"), 1, "nothing wakes this thread");
        assert_eq!(looped.channel.len(), 1);
        assert_eq!(looped.next().name, "statusUpdate");
    }
    looped.channel.detach(&notify);
    looped.lend();
    looped.driver.close();
}

/// Behind a proxy that speaks TLS.
fn within_tls() -> Loop {
    let (folder, server, ca) = (Folder::new(), Server::new(), authority());
    let port = proxy(&server_certificate(&ca), None, server.port());
    let file = folder.write("ca.pem", &ca.cert.pem());
    let options = SchedulerOptions {
        master: format!("https://127.0.0.1:{port}"),
        ..options(&server)
    };
    Loop::with(server, options, &[("LIBPROCESS_SSL_CA_FILE", &file)], 15.0)
}

/// Its last event fills what is read at a time, so that the end is found with it; within TLS, also where it does not.
#[test]
fn the_last_event_before_the_end_is_not_lost_nor_kept_for_the_next_stream() {
    for (length, has_tls) in [(8192, false), (8191, false), (8192, true), (8191, true), (200, true)] {
        let mut looped = if has_tls { within_tls() } else { Loop::new() };
        looped.lend();
        pause();
        looped.stream.send(&update_of(length));
        looped.stream.stream.shutdown(Shutdown::Both).expect("shutdown");
        pause();
        assert_eq!(looped.next().name, "statusUpdate", "{length}");
        assert_eq!(looped.next().name, "disconnected", "{length}");
        looped.stream = looped.server.subscription().0;
        looped.stream.record(&subscribed(15.0));
        assert_eq!(looped.next().name, "reregistered", "{length}");
        looped.driver.close();
    }
}

/// A callback may run a loop of its own, which waits for what came with its event.
#[test]
fn a_loop_within_a_callback_is_woken_for_the_next_event() {
    let mut looped = Loop::new();
    looped.lend();
    pause();
    let both = [update_of(200), update_of(200)].concat();
    looped.stream.send(&both);
    assert!(looped.is_readable(PATIENCE));
    looped.channel.gather_hushed();
    assert_eq!(looped.channel.len(), 2);
    assert!(looped.channel.take().is_some());
    assert!(looped.is_readable(Duration::ZERO), "nothing wakes who waits now");
    assert!(looped.channel.take().is_some());
    assert!(!looped.is_readable(Duration::ZERO));
    looped.driver.close();
}

/// Updates at any distance, and a thread that sometimes has something else to do. Each comes once and in order, and waiting is enough.
fn nothing_is_lost(mut looped: Loop, seed: u64) {
    const ALL: u32 = 4000;
    let mut stream = looped.stream.stream.try_clone().expect("another handle");
    let sender = std::thread::spawn(move || {
        let mut random = seed;
        for number in 0..ALL {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let record = update(&number.to_string(), None).encode_to_vec();
            let record = [format!("{}\n", record.len()).as_bytes(), &record].concat();
            let chunk = [format!("{:x}\r\n", record.len()).as_bytes(), &record, b"\r\n"].concat();
            let (head, rest) = chunk.split_at((random >> 33) as usize % chunk.len());
            // Sometimes quickly, sometimes one at a time, and sometimes in two parts.
            let pause = Duration::from_micros(match number / 100 % 3 {
                0 => 0,
                1 => random >> 40 & 0x3ff,
                _ => 400 + (random >> 40 & 0x3ff),
            });
            stream.write_all(head).expect("send");
            if random >> 62 == 0 {
                std::thread::sleep(pause);
            }
            stream.write_all(rest).expect("send");
            std::thread::sleep(pause);
        }
    });
    let mut expected = 0;
    while expected < ALL {
        assert!(looped.is_readable(PATIENCE), "nothing wakes this thread after {expected}");
        for event in looped.take() {
            let status: TaskStatus = message(&event, 0);
            assert_eq!(status.task_id.value, expected.to_string());
            expected += 1;
            if expected % 500 == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
    sender.join().expect("the sender");
    looped.sent = ALL;
    looped.lend();
    looped.driver.close();
}

#[test]
fn nothing_is_lost_at_any_pace() {
    nothing_is_lost(Loop::new(), 1);
}

#[test]
fn nothing_is_lost_within_tls() {
    nothing_is_lost(within_tls(), 2);
}
