//! The thread in which a C++ driver lives: made, called and destroyed there and nowhere else.

use super::bridge::Listener;
use super::events::{thrown, Events, Shared};
use super::work::{Command, Work};
use crate::driver::{DriverError, Status};
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long `close` waits for libmesos before it leaves the thread alone.
const PATIENCE: Duration = Duration::from_secs(10);

/// A C++ driver. Not `Send`: it stays in the thread that made it.
pub trait Proxy {
    /// For log lines and errors: what it connects to.
    fn target(&self) -> String;
    fn start(&mut self) -> Result<i32, cxx::Exception>;
    fn stop(&mut self, failover: bool) -> Result<i32, cxx::Exception>;
    fn abort(&mut self) -> Result<i32, cxx::Exception>;
    /// Waits until an earlier stop or abort has been carried out, with everything before it.
    fn join(&mut self) -> Result<i32, cxx::Exception>;
    /// Hands over what libmesos then sends. Returns how long the process should stay alive for that: libmesos sends in the
    /// background, and nothing tells when it has.
    fn work(&mut self, work: Work) -> Result<Duration, cxx::Exception>;
}

/// How long a stop may take to leave libmesos' sockets.
const STOP_LINGERS: Duration = Duration::from_millis(100);

/// The handle on the thread.
pub struct Worker {
    shared: Arc<Shared>,
    running: Mutex<Option<(JoinHandle<()>, Receiver<()>)>>,
}

impl Worker {
    /// Starts the thread, makes the driver there, and gives what `inspect` says of it.
    pub fn launch<P: Proxy, T: Send + 'static>(
        name: &str,
        shared: &Arc<Shared>,
        commands: Receiver<Command>,
        make: impl FnOnce(Box<Listener>) -> Result<P, cxx::Exception> + Send + 'static,
        inspect: impl FnOnce(&P) -> T + Send + 'static,
    ) -> Result<(Self, T), DriverError> {
        super::claim()?;
        let (made, answer) = sync_channel(1);
        // Dropped when the thread ends, which the receiver notices.
        let (alive, ended) = sync_channel::<()>(0);
        let for_thread = Arc::clone(shared);
        let thread = crate::thread::spawn(name, move || {
            let _alive = alive;
            let events = Events::new(Arc::clone(&for_thread));
            let mut proxy = match make(Listener::new(move |which, arguments| events.take(which, arguments))) {
                Ok(proxy) => proxy,
                Err(why) => return drop(made.send(Err(thrown(&why)))),
            };
            let _ = made.send(Ok(inspect(&proxy)));
            let run = AssertUnwindSafe(|| run(&mut proxy, &commands, &for_thread));
            if std::panic::catch_unwind(run).is_err() {
                for_thread.fail("the driver's thread has panicked: a bug of this module");
            }
            drop(proxy);
        });
        let thread = thread.map_err(|e| DriverError::System(format!("cannot start a thread: {e}")))?;
        let gone = || DriverError::System("libmesos: the driver's thread has ended".to_string());
        let facts = answer.recv().map_err(|_| gone())??;
        let worker = Worker {
            shared: Arc::clone(shared),
            running: Mutex::new(Some((thread, ended))),
        };
        Ok((worker, facts))
    }

    /// Starts the C++ driver and waits for that: it reads the environment, which Perl must not change meanwhile.
    pub fn start(&self) -> Result<Status, DriverError> {
        let transition = self.shared.gate.lifecycle.start();
        if !transition.changed {
            return Ok(transition.status);
        }
        self.shared.absent();
        let (reply, answer) = sync_channel(1);
        self.shared.send(Command::Start(reply));
        let gone = || DriverError::System("libmesos: the driver's thread has ended".to_string());
        let started = answer.recv().unwrap_or_else(|_| Err(gone()));
        if started.is_err() {
            self.shared.gate.lifecycle.abort();
        }
        started.map(|_| transition.status)
    }

    pub fn stop(&self, failover: bool) -> Status {
        let transition = self.shared.gate.silence(|lifecycle| lifecycle.stop());
        if transition.changed {
            self.shared.send(Command::Stop { failover });
        }
        transition.status
    }

    pub fn abort(&self) -> Status {
        let transition = self.shared.gate.silence(|lifecycle| lifecycle.abort());
        if transition.changed {
            self.shared.send(Command::Abort);
        }
        transition.status
    }

    /// Queues work if the driver runs, unless `bound` calls wait already; returns the status.
    pub fn work(&self, work: Work, bound: usize) -> Result<Status, DriverError> {
        if self.shared.gate.lifecycle.is_running() {
            if !self.shared.counters.hand_over(bound) {
                return Err(DriverError::Full(bound));
            }
            self.shared.send(Command::Work(work));
        }
        Ok(self.shared.gate.lifecycle.status())
    }

    /// Ends the driver and waits, bounded in time, for its thread. Idempotent.
    pub fn close(&self) {
        self.shared.gate.shut();
        self.shared.send(Command::Close);
        let running = crate::thread::lock(&self.running).take();
        let Some((thread, ended)) = running else { return };
        match ended.recv_timeout(PATIENCE) {
            Err(RecvTimeoutError::Timeout) => log::error!("libmesos does not end its driver: its thread is left alone"),
            _ => drop(thread.join()),
        }
    }
}

/// Carries commands out until `Close`, and makes the C++ driver ready to be destroyed.
fn run(proxy: &mut dyn Proxy, commands: &Receiver<Command>, shared: &Arc<Shared>) {
    let mut stay_until = Instant::now();
    let mut stay = |time: Duration| stay_until = stay_until.max(Instant::now() + time);
    // What libmesos' join waits for: nothing before the start, and nothing more after a stop.
    let (mut started, mut stopped, mut aborted) = (false, false, false);
    loop {
        let command = match shared.wakes() {
            None => commands.recv().ok(),
            Some(end) => match commands.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Disconnected) => None,
                Err(RecvTimeoutError::Timeout) => {
                    shared.tell_absent(&proxy.target());
                    if !shared.gives_up().is_some_and(|end| end <= Instant::now()) {
                        continue;
                    }
                    aborted |= succeeded("abort", proxy.abort()).is_some();
                    let message = format!("no master at {} for {} s: not registered", proxy.target(), shared.patience());
                    shared.fail(&message);
                    continue;
                }
            },
        };
        match command {
            Some(Command::Start(reply)) => {
                let status = proxy.start();
                started = status.as_ref().is_ok_and(|s| *s == Status::Running as i32);
                if let (Ok(_), false) = (&status, started) {
                    let early = shared.early_error();
                    shared.fail(early.as_deref().unwrap_or("libmesos did not start the driver"));
                }
                let _ = reply.send(status.map_err(|e| thrown(&e)));
            }
            Some(Command::Stop { failover }) => {
                if failover && started && !aborted {
                    aborted |= deactivate(proxy);
                }
                stopped |= succeeded("stop", proxy.stop(failover)).is_some();
                if stopped && !failover && shared.is_connected() {
                    log::info!("libmesos: call TEARDOWN");
                    shared.counters.call("TEARDOWN");
                    shared.forget_id();
                }
                if started && !aborted {
                    succeeded("join", proxy.join());
                }
                stay(STOP_LINGERS);
            }
            Some(Command::Abort) => aborted |= succeeded("abort", proxy.abort()).is_some(),
            Some(Command::Work(work)) => {
                work.count(&shared.counters, shared.is_connected());
                if let Some(time) = succeeded("a call", proxy.work(work)) {
                    stay(time);
                }
            }
            Some(Command::Look) => (),
            Some(Command::Close) | None => break,
        }
    }
    // The destructor overtakes calls that are queued in libmesos; an abort does not.
    if started && !stopped && !aborted {
        deactivate(proxy);
    }
    // Not a wait for an event: nothing tells when libmesos' sockets are empty, and the process may end after this.
    std::thread::sleep(stay_until.saturating_duration_since(Instant::now()));
}

/// An abort, carried out: the framework stays, and is offered nothing. Without it a master would go on offering to a driver that
/// is gone, for libmesos' connection lives as long as the process.
fn deactivate(proxy: &mut dyn Proxy) -> bool {
    let aborted = succeeded("abort", proxy.abort()).is_some();
    succeeded("join", proxy.join());
    aborted
}

/// Logs what the bridge threw: the call is past, and Perl has its status.
fn succeeded<T>(what: &str, outcome: Result<T, cxx::Exception>) -> Option<T> {
    outcome.map_err(|why| log::error!("libmesos: {what} failed: {why}")).ok()
}
