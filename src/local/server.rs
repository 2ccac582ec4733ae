//! The cluster's thread: accepts connections, fires timers, talks to the helper, until it is told to stop.

use super::agent;
use super::agent::cgroups::Cgroups;
use super::agent::helper::{self, Helper, Pipes};
use super::agent::orphans;
use super::api::entrance::Entrance;
use super::api::guests::{Guest, Guests};
use super::api::http;
use super::clock::Clock;
use super::core::{Core, Settings};
use super::ids;
use super::master;
use super::ports::Port;
use super::probe;
use super::settings::config::{self, BadSetting, Config};
use super::settings::detect;
#[cfg(feature = "tls")]
use super::settings::tls::Tls;
use crate::descriptors::moved;
use crate::fork::{Mark, Private};
use crate::resources::text as resource_text;
use crate::resources::Resources;
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// Killing everything takes the helper some milliseconds; beyond this it is stuck, and the end of its pipe has to do.
pub const SHUTDOWN_LIMIT: Duration = Duration::from_secs(10);

/// Before another try to listen or to accept.
const PAUSE: Duration = Duration::from_millis(100);

/// What a connection buffers at most; so the head of a request may be no larger.
const MAX_BUFFER: usize = 64 * 1024;

/// What another thread wants of the cluster.
pub type Request = Box<dyn FnOnce(&mut Core) + Send>;

/// Everything that a cluster is made of, before it runs.
pub struct Parts {
    pub settings: Settings,
    /// The one that leads at first, and those that stand by.
    pub master: master::Identity,
    pub standbys: Vec<master::Identity>,
    pub agents: Vec<agent::state::Identity>,
}

/// Puts settings, detection and fresh ids together. By the addresses others reach masters and agents.
pub fn parts(
    config: Config,
    masters: &[SocketAddr],
    agents: SocketAddr,
    secret: String,
    control: Option<String>,
    work_dir: PathBuf,
    cgroup: Option<PathBuf>,
) -> Result<Parts, BadSetting> {
    let bad = |name| {
        move |e: resource_text::BadText| BadSetting {
            name,
            reason: e.to_string(),
        }
    };
    let given = resource_text::parse(config.resources.as_deref().unwrap_or_default()).map_err(bad(config::RESOURCES))?;
    for text in crate::resources::misnamed::warnings(&given) {
        crate::logging::warn_aloud(&format!("resources of the agents: {text}"));
    }
    let attributes =
        resource_text::parse_attributes(config.attributes.as_deref().unwrap_or_default()).map_err(bad(config::ATTRIBUTES))?;
    let hostname = config.hostname.unwrap_or_else(|| "localhost".into());
    let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let master = master::Identity {
        id: ids::uuid(),
        hostname: hostname.clone(),
        address: masters.first().copied().unwrap_or(agents),
        agents,
        scheme: if config.tls.is_some() { "https" } else { "http" },
        started: started.as_secs_f64(),
        intervals: config.intervals.clone(),
        minimum: config.minimum,
        stopwatch,
        jitter: config.jitter.map(u64::from),
    };
    let mut executor_environment = config.executor_environment;
    if config.tls.is_some() {
        // Whom to trust is what their framework or the user says.
        executor_environment
            .entry("LIBPROCESS_SSL_ENABLED".into())
            .or_insert_with(|| "true".into());
    }
    let agent = agent::state::Identity {
        number: 0,
        hostname,
        address: agents,
        attributes,
        cgroups: cgroup.as_ref().map(|place| Cgroups::new(place.clone(), &config.isolation)),
        total: Resources::new(&detect::complete(given, &work_dir)),
        work_dir: work_dir.clone(),
        simulate: config.simulate,
        jitter: config.jitter.map(u64::from),
        executor_environment,
        intervals: config.intervals,
    };
    let standby = |address: &SocketAddr| master::Identity {
        id: ids::uuid(),
        address: *address,
        ..master.clone()
    };
    Ok(Parts {
        settings: Settings {
            owner: nix::unistd::geteuid(),
            address: agents,
            local_only: config.listen.ip().is_loopback(),
            work_dir,
            cgroup,
            isolation: config.isolation,
            secret,
            control,
            access: config.access,
            tls: config.tls,
        },
        standbys: masters.iter().skip(1).map(standby).collect(),
        master,
        agents: vec![agent; config.agents],
    })
}

/// The time since it was asked first.
fn stopwatch() -> Duration {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed()
}

/// Runs until `stopped` resolves, by a value or because the cluster was dropped. Everything is dead when it returns.
pub async fn serve(
    parts: Parts,
    doors: Vec<Door>,
    pipes: Pipes,
    mut requests: UnboundedReceiver<Request>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let (helper, commands) = Helper::new();
    let (commands_pipe, reports_pipe, processes) = pipes.split();
    let (probes, orders) = unbounded_channel();
    let core = Core::new(
        parts.settings,
        parts.master,
        parts.standbys,
        parts.agents,
        helper,
        probes,
        Clock::default(),
    );
    let core = Rc::new(RefCell::new(core));
    let probed = core.clone();
    let take = move |probe, seen| probed.borrow_mut().probed(probe, seen);
    tokio::task::spawn_local(probe::work(orders, take));

    tokio::task::spawn_local(async move {
        if let Err(e) = helper::write_commands(commands_pipe, commands).await {
            log::error!("cannot write to the helper: {e}");
        }
    });
    let (ended, helper_ended) = oneshot::channel::<()>();
    tokio::task::spawn_local(reports(core.clone(), reports_pipe, ended));
    tokio::task::spawn_local(timers(core.clone()));
    let asked = core.clone();
    tokio::task::spawn_local(async move {
        while let Some(request) = requests.recv().await {
            request(&mut asked.borrow_mut());
        }
    });
    let guests = Rc::new(Guests::default());
    let keeping: Vec<_> = doors
        .into_iter()
        .map(|door| tokio::task::spawn_local(keep_open(core.clone(), guests.clone(), door)))
        .collect();
    let _ = stopped.await;
    keeping.iter().for_each(JoinHandle::abort);
    core.borrow().shutdown_helper();
    let awake = async {
        let mut again = tokio::time::interval(Duration::from_millis(20));
        loop {
            again.tick().await;
            processes.wake();
        }
    };
    let ended = async {
        tokio::select! {
            _ = helper_ended => {}
            () = awake => {}
        }
    };
    if tokio::time::timeout(SHUTDOWN_LIMIT, ended).await.is_err() {
        log::error!("the helper does not end");
    }
    Ok(())
}

/// `_ended` is dropped when the helper has.
async fn reports(core: Rc<RefCell<Core>>, pipe: std::os::fd::OwnedFd, _ended: oneshot::Sender<()>) {
    let result = helper::read_reports(pipe, |report| core.borrow_mut().helper_report(report)).await;
    if let Err(e) = result {
        log::error!("cannot read from the helper: {e}");
    }
    // Nobody told it to end: then perhaps it has ended nothing.
    if !core.borrow().dismissed_helper() {
        let agents = core.borrow().agent_ids();
        let cgroup = core.borrow().settings.cgroup.clone();
        orphans::end_all(&agents, cgroup.as_deref()).await;
    }
    core.borrow_mut().helper_gone();
}

async fn timers(core: Rc<RefCell<Core>>) {
    let changed = core.borrow().changed();
    loop {
        let next = core.borrow().due();
        let due = async {
            match next {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {
                if core.borrow().has_stood_still() {
                    read_all().await;
                }
                core.borrow_mut().catch_up();
            }
            // Something else is due first.
            () = changed.notified() => {}
        }
    }
}

/// Lets everybody else read what has come. Each time round, the runtime looks at all descriptors.
async fn read_all() {
    // A connection is accepted, then its head and its body are read, each in one of them at least.
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}

fn above_standard(connection: TcpStream) -> io::Result<TcpStream> {
    match connection.as_raw_fd() {
        0..=2 => TcpStream::from_std(moved(connection.into_std()?.into())?.into()),
        _ => Ok(connection),
    }
}

/// A port at which somebody listens.
pub struct Door {
    pub entrance: Entrance,
    pub port: Port,
    pub listener: std::net::TcpListener,
}

/// Listens at a port: at a master's as long as that runs, and again when it is started again.
async fn keep_open(core: Rc<RefCell<Core>>, guests: Rc<Guests>, door: Door) {
    let Door {
        entrance,
        port,
        listener,
    } = door;
    let life = match entrance {
        Entrance::Master(number) => core.borrow().masters.life(number).map(|life| (number, life)),
        Entrance::Agents => None,
    };
    let mut first = Some(listener);
    let mut listen = || {
        first
            .take()
            .map_or_else(|| port.listen(), Ok)
            .and_then(tokio::net::TcpListener::from_std)
    };
    let Some((number, mut life)) = life else {
        match listen() {
            Ok(listener) => accept(core, guests, entrance, listener, None).await,
            Err(e) => log::error!("cannot listen on {}: {e}", port.address()),
        }
        return;
    };
    loop {
        let runs = *life.borrow_and_update();
        let listener = match runs.map(|_| listen()).transpose() {
            Ok(listener) => listener,
            Err(e) => {
                log::error!("cannot listen on {}: {e}", port.address());
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        core.borrow().masters.listens(number, runs);
        let alive = life.clone();
        let accepting = async {
            match listener {
                Some(listener) => accept(core.clone(), guests.clone(), entrance, listener, Some(alive)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = life.changed() => if changed.is_err() { return },
            () = accepting => {}
        }
    }
}

async fn accept(
    core: Rc<RefCell<Core>>,
    guests: Rc<Guests>,
    entrance: Entrance,
    listener: tokio::net::TcpListener,
    life: Option<watch::Receiver<Option<u64>>>,
) {
    let _mark = Mark::new(&listener);
    loop {
        let connection = match listener.accept().await {
            Ok((connection, _)) => match above_standard(connection) {
                Ok(connection) => Private::new(connection),
                Err(_) => continue,
            },
            Err(e) => {
                // Out of descriptors, say: others may give some back.
                log::warn!("cannot accept a connection: {e}");
                match guests.relieve() {
                    true => tokio::task::yield_now().await,
                    false => tokio::time::sleep(PAUSE).await,
                }
                continue;
            }
        };
        guests.room().await;
        // Events are small, and wait for nobody.
        let _ = connection.get_ref().set_nodelay(true);
        let conversation = converse(core.clone(), &guests, entrance, life.clone(), connection);
        tokio::task::spawn_local(conversation);
    }
}

/// What is said on a connection, which has come when this is called. It ends with a life of the master with which it is.
pub fn converse<C>(
    core: Rc<RefCell<Core>>,
    guests: &Rc<Guests>,
    entrance: Entrance,
    life: Option<watch::Receiver<Option<u64>>>,
    connection: C,
) -> impl Future<Output = ()>
where
    C: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (guest, sent_away) = guests.arrive();
    async move {
        let cut_off = async {
            match life {
                Some(life) => guest.cut_off(life).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // First of all: what comes to a master that has ended is carried out by nobody.
            biased;
            () = cut_off => {}
            () = encrypted(core, entrance, guest.clone(), connection) => {}
            () = guest.overdue(sent_away) => {}
        }
    }
}

/// Serves a connection, behind TLS if the cluster has that.
async fn encrypted(
    core: Rc<RefCell<Core>>,
    entrance: Entrance,
    guest: Rc<Guest>,
    connection: impl AsyncRead + AsyncWrite + Unpin,
) {
    #[cfg(feature = "tls")]
    let tls = core.borrow().settings.tls.as_ref().map(Tls::acceptor);
    #[cfg(feature = "tls")]
    if let Some(tls) = tls {
        return match tls.accept(connection).await {
            Ok(connection) => talk(core, entrance, guest, connection).await,
            Err(e) => log::debug!("a connection to the embedded cluster does not speak TLS: {e}"),
        };
    }
    talk(core, entrance, guest, connection).await;
}

/// Answers the requests of one connection.
async fn talk(core: Rc<RefCell<Core>>, entrance: Entrance, guest: Rc<Guest>, connection: impl AsyncRead + AsyncWrite + Unpin) {
    let service = hyper::service::service_fn(|request| http::answer(core.clone(), entrance, guest.clone(), request));
    let served = hyper::server::conn::http1::Builder::new()
        .max_buf_size(MAX_BUFFER)
        // As Mesos writes them: not all clients know that their case means nothing.
        .title_case_headers(true)
        .serve_connection(TokioIo::new(connection), service);
    if let Err(e) = served.await {
        log::debug!("a connection to the embedded cluster ended: {e}");
    }
}
