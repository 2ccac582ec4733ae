//! The embedded cluster: a Mesos master and agent in this process, behind the v1 HTTP APIs on a loopback port.
//!
//! It knows nothing of the drivers: they meet on the socket, and any client of the v1 API that has the secret will do.
//!
//! | step | module |
//! |---|---|
//! | settings: arguments, `MESOS_*` variables, what the machine has | [`settings`] |
//! | connections, timers, the thread's loop | `server`, `ports` |
//! | requests in, answers out | `api`: `guests`, `http`, `scheduler`, `executor`, `state` |
//! | the parts put together | `core`, with `stream` (event streams), `link` (between master and agents), `clock`, `control` and `faults` (faults on demand) |
//! | the master, a machine without I/O | `master` |
//! | which of several masters leads, a machine without I/O | `election` |
//! | an agent, a machine without I/O | `agent` |
//! | what both speak and use | `messages`, `events`, `capabilities`, `timers`, `jitter`, `ids`, `resources` |
//! | HTTP and TCP checks of tasks | `probe` |
//! | limits of tasks, where they have cgroups | `agent::cgroups`, [`cgroups`] |
//! | processes | `agent::helper`, [`helper_protocol`], and the executable `mesos-perl-helper` |
//!
//! One thread (tokio, current thread) owns everything. Tasks and executors are children of the helper, never of this process.

mod agent;
mod api;
mod capabilities;
pub mod cgroups;
mod clock;
mod control;
mod core;
mod election;
mod events;
mod faults;
pub mod helper_protocol;
mod ids;
mod jitter;
mod link;
mod master;
mod messages;
mod ports;
mod probe;
mod readers;
pub mod removal;
mod remover;
mod reset;
mod server;
pub mod settings;
#[cfg(any(test, feature = "stage"))]
pub mod stage;
mod stream;
mod timers;

use crate::descriptors::AboveStandard;
pub use agent::sandbox::spread;
use api::entrance::Entrance;
pub use control::{Control, Quota, Window};
use ports::Port;
use server::Door;
pub use settings::access::{Access, Credentials};
pub use settings::config::{BadSetting, Config};
pub use settings::intervals::Intervals;
pub use settings::tls::Tls;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{unbounded_channel, UnboundedSender};
use tokio::sync::oneshot;

/// Why there is no cluster.
#[derive(Debug)]
pub enum StartError {
    /// A setting that cannot be understood.
    Setting(BadSetting),
    /// The helper executable cannot be run.
    Helper { path: PathBuf, error: io::Error },
    /// The work directory cannot be made or used.
    WorkDir { path: PathBuf, error: io::Error },
    /// The address cannot be listened on.
    Listen { address: SocketAddr, error: io::Error },
    /// No socket, thread or randomness.
    System(io::Error),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Setting(bad) => write!(f, "{bad}"),
            StartError::Helper { path, error } => write!(f, "cannot run the helper {}: {error}", path.display()),
            StartError::WorkDir { path, error } => write!(
                f,
                "cannot use the work directory {} (MESOS_WORK_DIR): {error}",
                crate::logging::shown(&path.to_string_lossy())
            ),
            StartError::Listen { address, error } => write!(f, "cannot listen on {address}: {error}"),
            StartError::System(error) => write!(f, "cannot start the embedded cluster: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        StartError::System(error)
    }
}

/// An agent as others know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentName {
    /// Its place, as [`Control`] has it.
    pub number: usize,
    pub id: String,
    pub hostname: String,
}

/// What the thread may need beyond the helper's limit.
const JOIN_MARGIN: Duration = Duration::from_secs(2);

/// A running cluster. Dropping it kills all tasks and executors at once and returns when they are gone.
///
/// After a fork, the child's copy is without effect: dropping it there does nothing.
pub struct Cluster {
    masters: Vec<SocketAddr>,
    agents: SocketAddr,
    scheme: &'static str,
    jitter: Option<u32>,
    secret: String,
    control_token: Option<String>,
    creator: u32,
    stop: Option<oneshot::Sender<()>>,
    /// Dropping it changes nothing.
    requests: UnboundedSender<server::Request>,
    thread: Option<JoinHandle<()>>,
    /// Disconnected when the thread has done its work.
    ended: Receiver<()>,
    /// Removed at the end, by the helper also when this process had no time to.
    private: Option<PathBuf>,
    work_dir: PathBuf,
}

impl std::fmt::Debug for Cluster {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("masters", &self.masters)
            .field("work_dir", &self.work_dir)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Returns when requests are answered. Leaves no child process and no signal handler to this process.
    pub fn start(config: Config) -> Result<Cluster, StartError> {
        config.check().map_err(StartError::Setting)?;
        let given = config.work_dir.is_some();
        let work_dir = work_dir(config.work_dir.as_deref())?;
        let private = (!given).then(|| work_dir.clone());
        let started = Self::start_in(config, work_dir, private.as_deref());
        match (started, private) {
            (Ok(mut cluster), private) => {
                cluster.private = private;
                Ok(cluster)
            }
            (Err(error), Some(private)) => {
                let _ = removal::remove_tree(&private);
                Err(error)
            }
            (Err(error), None) => Err(error),
        }
    }

    fn start_in(config: Config, work_dir: PathBuf, private: Option<&Path>) -> Result<Cluster, StartError> {
        let doors = doors(config.listen, config.masters)?;
        let addresses = doors.iter().map(|door| advertised(door.port.address(), config.advertise));
        let addresses: Vec<SocketAddr> = addresses.collect();
        let masters: Vec<SocketAddr> = addresses.iter().copied().take(config.masters).collect();
        // The last port is theirs.
        let agents = addresses.last().copied().unwrap_or(config.listen);
        let secret = ids::secret()?;
        let jitter = config.jitter;
        let control = config.access.control.then(ids::secret).transpose()?;
        // Before the helper, which stays where this process is.
        let cgroup = place_for_cgroups(&config)?;
        let launched = agent::helper::launch(&config.helper, &work_dir, private, cgroup.as_deref());
        let pipes = launched.map_err(|error| {
            cgroup.iter().for_each(|cgroup| cgroups::end(cgroup));
            let path = config.helper.clone();
            StartError::Helper { path, error }
        })?;
        let parts = server::parts(
            config,
            &masters,
            agents,
            secret.clone(),
            control.clone(),
            work_dir.clone(),
            cgroup,
        );
        let parts = parts.map_err(StartError::Setting)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let scheme = parts.master.scheme;
        let (stop, stopped) = oneshot::channel();
        let (requests, received) = unbounded_channel();
        let (ending, ended) = std::sync::mpsc::channel();
        let serve = move || {
            let _ending: Sender<()> = ending;
            let tasks = tokio::task::LocalSet::new();
            let serving = tasks.run_until(server::serve(parts, doors, pipes, received, stopped));
            if let Err(e) = runtime.block_on(AboveStandard::polled(serving)) {
                log::error!("the embedded cluster has ended: {e}");
            }
        };
        let thread = crate::thread::spawn("mesos-local", serve)?;
        log::info!("embedded cluster at {masters:?}, work directory {}", work_dir.display());
        let (stop, thread) = (Some(stop), Some(thread));
        Ok(Cluster {
            masters,
            agents,
            scheme,
            jitter,
            secret,
            control_token: control,
            creator: std::process::id(),
            stop,
            requests,
            thread,
            ended,
            private: None,
            work_dir,
        })
    }

    /// By which address the master is reached that leads at first: a port of 127.0.0.1, unless the settings say otherwise. A master that is
    /// alone has it together with the agents.
    pub fn address(&self) -> SocketAddr {
        self.masters.first().copied().unwrap_or(self.agents)
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        self.url_of(self.address())
    }

    pub fn url_of(&self, address: SocketAddr) -> String {
        format!("{}://{address}", self.scheme)
    }

    /// By which addresses all masters are reached.
    pub fn masters(&self) -> &[SocketAddr] {
        &self.masters
    }

    /// And the agents, which are there as long as the cluster is.
    pub fn agents_address(&self) -> SocketAddr {
        self.agents
    }

    /// The master that leads, unless none does.
    pub fn leader(&self) -> Option<SocketAddr> {
        self.ask(|core| core.masters.leading()).flatten()
    }

    /// The seed of its jitter, if it has any: another cluster with the same seed has the same delays.
    pub fn jitter(&self) -> Option<u32> {
        self.jitter
    }

    /// What clients send as `Authorization: Bearer <secret>`. For nobody's eyes: not for logs, nor for command lines.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What `/mesos-local/` asks for as `Authorization: Bearer <token>`, if it is there. For its user's eyes only.
    pub fn control_token(&self) -> Option<&str> {
        self.control_token.as_deref()
    }

    /// Does something to the cluster, and returns when it is done. Without effect when the cluster has ended.
    pub fn control(&self, control: Control) {
        self.ask(|core| control::carry_out(core, control));
    }

    /// The agents that have registered.
    pub fn agents(&self) -> Vec<AgentName> {
        let name = |agent: &agent::Agent| {
            Some(AgentName {
                number: agent.identity.number,
                id: agent.id.as_ref()?.value.clone(),
                hostname: agent.identity.hostname.clone(),
            })
        };
        self.ask(move |core| core.agents().filter_map(name).collect())
            .unwrap_or_default()
    }

    /// What the cluster's thread makes of the core, unless it has ended.
    fn ask<T: Send + 'static>(&self, question: impl FnOnce(&mut core::Core) -> T + Send + 'static) -> Option<T> {
        let (answer, wait) = std::sync::mpsc::channel();
        let request = move |core: &mut core::Core| drop(answer.send(question(core)));
        self.requests.send(Box::new(request)).ok()?;
        wait.recv().ok()
    }

    /// Where the sandboxes are.
    pub fn work_dir(&self) -> &Path {
        &self.work_dir
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::process::id() != self.creator {
            return;
        }
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends within its own limit, unless a file system or the like holds it: that is not to hold the program, too.
            match self.ended.recv_timeout(server::SHUTDOWN_LIMIT + JOIN_MARGIN) {
                Err(RecvTimeoutError::Timeout) => log::error!("the embedded cluster's thread does not end"),
                _ => drop(thread.join()),
            }
        }
        if let Some(private) = &self.private {
            // The helper does it, unless it could not.
            match removal::remove_tree(private) {
                Err(e) if e.kind() != io::ErrorKind::NotFound || private.exists() => {
                    crate::logging::tell(&format!("cannot remove all of {}: {e}", private.display()));
                }
                _ => {}
            }
        }
    }
}

/// Listens for so many masters, and, if there are several, for their agents, in this order: each at the next port.
fn doors(first: SocketAddr, masters: usize) -> Result<Vec<Door>, StartError> {
    let entrances = (0..masters).map(Entrance::Master);
    let of_agents = (masters > 1).then_some(Entrance::Agents);
    let door = |(number, entrance): (u16, Entrance)| {
        let port = match first.port() {
            0 => Some(0),
            first => first.checked_add(number),
        };
        let address = SocketAddr::new(first.ip(), port.unwrap_or(u16::MAX));
        let made = match (port, entrance) {
            (None, _) => Err(io::Error::new(io::ErrorKind::InvalidInput, "there are not so many ports")),
            (_, Entrance::Master(_)) if masters > 1 => Port::kept(address),
            _ => Port::new(address),
        };
        let (port, listener) = made.map_err(|error| StartError::Listen { address, error })?;
        Ok(Door {
            entrance,
            port,
            listener,
        })
    };
    (0..).zip(entrances.chain(of_agents)).map(door).collect()
}

/// Where the containers' cgroups will be, if there are to be any. What is only simulated needs none.
fn place_for_cgroups(config: &Config) -> Result<Option<PathBuf>, StartError> {
    if config.simulate || config.isolation.controllers().is_empty() {
        return Ok(None);
    }
    let setting = |reason| {
        let name = settings::isolation::ISOLATION;
        StartError::Setting(BadSetting { name, reason })
    };
    cgroups::prepare(&config.isolation).map(Some).map_err(setting)
}

/// By which address others reach a listener: none can connect to "any address".
fn advertised(listener: SocketAddr, given: Option<IpAddr>) -> SocketAddr {
    let ip = match (given, listener.ip()) {
        (Some(given), _) => given,
        (None, IpAddr::V4(any)) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        (None, IpAddr::V6(any)) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        (None, one) => one,
    };
    SocketAddr::new(ip, listener.port())
}

/// The given directory as an absolute path, made if need be, or a fresh private one.
fn work_dir(given: Option<&Path>) -> Result<PathBuf, StartError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |error| StartError::WorkDir { path, error }
    };
    if let Some(given) = given {
        let path = agent::sandbox::make_way(given).map_err(failed(given))?;
        if let Some(why) = agent::sandbox::others_may_change(&path) {
            crate::logging::tell(&format!(
                "root's cluster trusts whoever may change its work directory, and {why}"
            ));
        }
        return Ok(path);
    }
    let temp = std::env::temp_dir();
    let temp = temp.canonicalize().map_err(failed(&temp))?;
    let path = temp.join(format!("mesos-{}", ids::uuid()));
    // Root's tasks may run as other users, who must get through to their sandboxes.
    let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
    std::fs::DirBuilder::new().mode(mode).create(&path).map_err(failed(&path))?;
    // Not what the umask has left of it.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).map_err(failed(&path))?;
    Ok(path)
}
