//! The whole cluster on a stage: without sockets, processes and a clock that runs, for `crate::simulation`.
//!
//! Its HTTP server is the real one. It reads and writes [`Wire`]s, whose bytes a test brings and takes. Its timers are the runtime's, which
//! nobody drives: they never fire.

use super::agent::helper::Helper;
use super::agent::state::Identity;
use super::api::entrance::Entrance;
use super::api::guests::Guests;
use super::clock::{Clock, Time};
use super::control::{carry_out, Control};
use super::core::{conserved::conserved, Core, Settings};
#[cfg(test)]
use super::faults::OnUpdate;
use super::helper_protocol::{Command, Frame, Report};
use super::settings::intervals::Intervals;
use super::{ids, master, server};
use crate::message::text;
use crate::resources::text as resource_text;
use crate::resources::Resources;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};
use tokio::task::LocalSet;

pub mod requests;

/// What clients have to show.
pub const SECRET: &str = "secret";
/// Seconds since 1970 when a stage is built.
pub const EPOCH: u64 = 1_700_000_000;
/// What each agent has: cpus, mem, disk.
const AMOUNTS: [f64; 3] = [4.0, 512.0, 100.0];

/// One end of a connection, the cluster's.
#[derive(Default)]
struct Ends {
    incoming: VecDeque<u8>,
    /// What comes behind `incoming`: the end, in order or not.
    end: Option<io::ErrorKind>,
    outgoing: Vec<u8>,
    reader: Option<Waker>,
    /// The cluster has closed it.
    closed: bool,
}

/// No error: the other end has closed in order.
const IN_ORDER: io::ErrorKind = io::ErrorKind::UnexpectedEof;

struct Wire(Rc<RefCell<Ends>>);

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut ends = self.0.borrow_mut();
        let length = ends.incoming.len().min(buffer.remaining());
        if length > 0 {
            let bytes: Vec<u8> = ends.incoming.drain(..length).collect();
            buffer.put_slice(&bytes);
            return Poll::Ready(Ok(()));
        }
        match ends.end {
            Some(IN_ORDER) => Poll::Ready(Ok(())),
            Some(error) => Poll::Ready(Err(error.into())),
            None => {
                ends.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut ends = self.0.borrow_mut();
        match ends.end {
            Some(error) if error != IN_ORDER => Poll::Ready(Err(error.into())),
            _ => {
                ends.outgoing.extend_from_slice(data);
                Poll::Ready(Ok(data.len()))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().closed = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.0.borrow_mut().closed = true;
    }
}

/// Whether a task of the cluster has more to do.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What the helper is told to do.
pub enum Order {
    Start {
        process: u64,
        environment: BTreeMap<String, String>,
    },
    Signal {
        process: u64,
        signal: i32,
    },
}

/// See the module.
pub struct Stage {
    core: Rc<RefCell<Core>>,
    guests: Rc<Guests>,
    tasks: LocalSet,
    runtime: Runtime,
    woken: Arc<Woken>,
    commands: UnboundedReceiver<Vec<u8>>,
    wires: BTreeMap<u64, Rc<RefCell<Ends>>>,
    connections: u64,
    agents: usize,
    work_dir: PathBuf,
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.work_dir);
    }
}

impl Stage {
    /// A cluster with so many agents, which have registered.
    pub fn new(agents: usize, intervals: &Intervals) -> Stage {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Of one length, as everything that goes over a wire.
        let name = format!("mesos-perl-stage-{:010}-{number:010}", std::process::id());
        let work_dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&work_dir).expect("a directory");
        let address = ([127, 0, 0, 1], 5050).into();
        let [cpus, mem, disk] = AMOUNTS;
        let resources = format!("cpus:{cpus};mem:{mem};disk:{disk}");
        let identity = Identity {
            number: 0,
            hostname: "host".into(),
            address,
            work_dir: work_dir.canonicalize().expect("it is there"),
            attributes: Vec::new(),
            cgroups: None,
            total: Resources::new(&resource_text::parse(&resources).expect("resources")),
            executor_environment: BTreeMap::new(),
            intervals: intervals.clone(),
            simulate: false,
            jitter: None,
        };
        let settings = Settings {
            owner: nix::unistd::geteuid(),
            address,
            local_only: true,
            work_dir: identity.work_dir.clone(),
            cgroup: None,
            isolation: Default::default(),
            secret: SECRET.to_string(),
            control: None,
            access: Default::default(),
            tls: None,
        };
        let master = master::Identity {
            id: ids::uuid(),
            hostname: "host".into(),
            address,
            agents: address,
            scheme: "http",
            started: EPOCH as f64,
            intervals: intervals.clone(),
            minimum: Default::default(),
            stopwatch: || std::time::Duration::ZERO,
            jitter: None,
        };
        let (helper, commands) = Helper::new();
        let clock = Clock::standing_at(Time::from_epoch(Duration::from_secs(EPOCH)));
        let (probes, _) = unbounded_channel();
        let core = Core::new(settings, master, Vec::new(), vec![identity; agents], helper, probes, clock);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        Stage {
            core: Rc::new(RefCell::new(core)),
            guests: Rc::default(),
            tasks: LocalSet::new(),
            runtime: runtime.expect("a runtime"),
            woken: Arc::default(),
            commands,
            wires: BTreeMap::new(),
            connections: 0,
            agents,
            work_dir,
        }
    }

    /// Lets the cluster's tasks do all that they can.
    fn settle(&mut self) {
        let _guard = self.runtime.enter();
        let waker = Waker::from(self.woken.clone());
        loop {
            self.woken.0.store(false, Ordering::Relaxed);
            let _ = Pin::new(&mut self.tasks).poll(&mut Context::from_waker(&waker));
            if !self.woken.0.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    fn since(time: Time) -> Duration {
        time.after(Time::from_epoch(Duration::from_secs(EPOCH)))
    }

    /// When it has something to do by itself, counted from its beginning.
    pub fn due(&self) -> Option<Duration> {
        self.core.borrow().next().map(Self::since)
    }

    /// Moves the clock on to this time since its beginning.
    pub fn advance_to(&mut self, time: Duration) {
        let now = Self::since(self.core.borrow().clock.now());
        self.core.borrow_mut().advance(time.saturating_sub(now));
        self.settle();
    }

    /// A new connection, by its number.
    pub fn connect(&mut self) -> u64 {
        let ends = Rc::<RefCell<Ends>>::default();
        let _guard = self.runtime.enter();
        let conversation = server::converse(self.core.clone(), &self.guests, Entrance::Master(0), None, Wire(ends.clone()));
        self.tasks.spawn_local(conversation);
        self.connections += 1;
        self.wires.insert(self.connections, ends);
        self.settle();
        self.connections
    }

    pub fn receive(&mut self, connection: u64, bytes: &[u8]) {
        self.change(connection, |ends| ends.incoming.extend(bytes));
    }

    /// The other end is gone: in order, or not.
    pub fn end(&mut self, connection: u64, in_order: bool) {
        let end = if in_order { IN_ORDER } else { io::ErrorKind::ConnectionReset };
        self.change(connection, |ends| ends.end = Some(end));
    }

    fn change(&mut self, connection: u64, change: impl FnOnce(&mut Ends)) {
        let Some(ends) = self.wires.get(&connection) else { return };
        change(&mut ends.borrow_mut());
        let reader = ends.borrow_mut().reader.take();
        reader.into_iter().for_each(Waker::wake);
        self.settle();
    }

    /// What the cluster has written on a connection, and whether it has closed it.
    pub fn take(&mut self, connection: u64) -> (Vec<u8>, bool) {
        let Some(ends) = self.wires.get(&connection) else {
            return (Vec::new(), true);
        };
        let taken = std::mem::take(&mut ends.borrow_mut().outgoing);
        let closed = ends.borrow().closed;
        if closed {
            self.wires.remove(&connection);
        }
        (taken, closed)
    }

    /// The connections on which there is something to take.
    pub fn speaking(&self) -> Vec<u64> {
        let speaks = |ends: &Rc<RefCell<Ends>>| !ends.borrow().outgoing.is_empty() || ends.borrow().closed;
        self.wires
            .iter()
            .filter(|(_, ends)| speaks(ends))
            .map(|(id, _)| *id)
            .collect()
    }

    /// What the helper was told since the last time.
    pub fn orders(&mut self) -> Vec<Order> {
        let mut orders = Vec::new();
        while let Ok(frame) = self.commands.try_recv() {
            match Command::decode(&frame[4..]).expect("a frame") {
                Command::Start { process, program } => {
                    let text = |bytes: &[u8]| text::from_bytes(bytes).into_owned();
                    let environment = program.environment.iter().map(|(name, value)| (text(name), text(value)));
                    let environment = environment.collect();
                    orders.push(Order::Start { process, environment });
                }
                Command::Signal { process, signal } => orders.push(Order::Signal { process, signal }),
                Command::Limit(_) | Command::Shutdown => {}
            }
        }
        orders
    }

    pub fn report(&mut self, report: Report) {
        self.core.borrow_mut().helper_report(report);
        self.settle();
    }

    pub fn control(&mut self, control: Control) {
        carry_out(&mut self.core.borrow_mut(), control);
        self.settle();
    }

    /// The next updates of agents come twice.
    #[cfg(test)]
    pub fn repeat_updates(&mut self, count: u64) {
        self.on_updates(OnUpdate::Duplicate, count);
    }

    /// The next updates of agents do not come.
    #[cfg(test)]
    pub fn lose_updates(&mut self, count: u64) {
        self.on_updates(OnUpdate::Lose, count);
    }

    #[cfg(test)]
    fn on_updates(&mut self, what: OnUpdate, count: u64) {
        self.core.borrow_mut().faults.on_updates(what, None, count);
    }

    /// Whether the master has this framework and is connected with it.
    pub fn knows(&self, framework: &str) -> bool {
        let core = self.core.borrow();
        core.master.frameworks.get(framework).is_some_and(|f| f.is_connected())
    }

    /// Panics if resources have appeared or vanished, or an offer is nobody's.
    pub fn check(&self) {
        let core = self.core.borrow();
        conserved(&core, AMOUNTS);
        for (id, offer) in &core.master.offers {
            let agent = core.master.agents.get(&offer.agent);
            assert!(
                agent.is_some_and(|agent| agent.connected),
                "offer {id} is of an agent that is there"
            );
            let framework = core.master.frameworks.get(&offer.framework);
            assert!(framework.is_some_and(|f| f.is_connected()), "offer {id} is with a framework");
        }
    }

    /// What is still there of frameworks that have ended, in words.
    pub fn left(&self) -> Vec<String> {
        let core = self.core.borrow();
        let mut left = Vec::new();
        let mut has = |what: &str, count: usize| {
            if count > 0 {
                left.push(format!("{count} {what}"));
            }
        };
        has("frameworks of the master", core.master.frameworks.len());
        has("offers", core.master.offers.len());
        has("connections", self.wires.len());
        has("streams", core.streams());
        has("guests", self.guests.count());
        has(
            "agents away",
            // Somebody may have added some.
            self.agents
                .saturating_sub(core.master.agents.values().filter(|a| a.connected).count()),
        );
        for agent in core.agents() {
            has("frameworks of an agent", agent.frameworks.len());
            has("containers", agent.containers.len());
            has("tasks that an agent does not know", agent.strangers.len());
        }
        for agent in core.master.agents.values() {
            has("agents in use", usize::from(!agent.free.contains(&agent.total)));
        }
        left
    }

    /// As an operator does with frameworks that nobody has any more.
    pub fn tear_down_others(&mut self, framework: &str) {
        let mut core = self.core.borrow_mut();
        core.tick();
        let others: Vec<String> = core.master.frameworks.keys().filter(|id| *id != framework).cloned().collect();
        others.iter().for_each(|id| core.master.remove_framework(id));
        core.run();
        drop(core);
        self.settle();
    }

    /// The tasks of a framework whose updates agents hold because nobody has acknowledged them.
    pub fn unacknowledged(&self, framework: &str) -> Vec<String> {
        let core = self.core.borrow();
        let mut all = Vec::new();
        for agent in core.agents() {
            let strangers = agent.strangers.keys().filter(|(of, _)| of == framework);
            all.extend(strangers.map(|(_, task)| task.clone()));
            if let Some(framework) = agent.frameworks.get(framework) {
                let tasks = framework.tasks.iter().map(|(id, task)| (id, &task.updates));
                let late = framework.late.iter();
                all.extend(
                    tasks
                        .chain(late)
                        .filter(|(_, u)| !u.queue.is_empty())
                        .map(|(id, _)| id.clone()),
                );
            }
        }
        all
    }
}

/// The number of the agent whose process this is.
pub fn owner_of(process: u64) -> usize {
    super::agent::Agent::owner_of(process)
}
