//! What a run of the allocator costs, with many agents and frameworks: simulated, with no processes. Each framework has a role of its
//! own, and has refused everything, so that each run asks each of them about each agent. The cost must not grow faster than agents
//! times frameworks do.
//!
//! With MESOS_TEST_REAL_MESOS (see xt/lib/RealMesos.pm) a real Mesos 1.11.0 does the same beside it, with as many agents in one process.
//! Both say their cost in the metric `allocator/mesos/allocation_run_ms`.

#[path = "../tests/support/local.rs"]
mod local_support;

use local_support::{call, config, info, request, Framework};
use mesos_perl::local::{Cluster, Config, Control};
use mesos_perl::proto::framework_info::{capability, Capability};
use mesos_perl::proto::scheduler::{self, call as calls};
use mesos_perl::proto::*;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const AGENTS: [usize; 3] = [100, 300, 1000];
const FRAMEWORKS: [usize; 3] = [5, 15, 50];
const RUNS: usize = 5;

/// What the real one is given: more agents take it minutes to start.
const OF_REAL: (usize, usize) = (300, 50);

/// The real one's agents come one after the other.
const PATIENCE: Duration = Duration::from_secs(300);

/// Who is measured.
struct Master {
    address: SocketAddr,
    secret: String,
}

impl Master {
    fn metric(&self, name: &str) -> f64 {
        let bearer = format!("Bearer {}", self.secret);
        let headers = [("Authorization", bearer.as_str())];
        let reply = request(self.address, "GET", "/metrics/snapshot", &headers, b"");
        let metrics: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
        metrics[name].as_f64().unwrap_or_else(|| panic!("no {name}"))
    }

    /// One that refuses everything for a year. Those before it want nothing any more: it gets everything.
    fn refuser(&self, number: usize, agents: usize, mut wait: impl FnMut()) -> Framework {
        let multi_role = Capability {
            r#type: Some(capability::Type::MultiRole as i32),
        };
        let info = FrameworkInfo {
            user: "root".into(),
            roles: vec![format!("role-{number}")],
            capabilities: vec![multi_role],
            ..info("bench")
        };
        let mut framework = Framework::at(self.address, &self.secret, info);
        wait();
        let mut seen = 0;
        while seen < agents {
            let some = framework.find("offers", |event| event.offers.clone());
            let offer_ids: Vec<OfferId> = some.offers.into_iter().map(|offer| offer.id).collect();
            seen += offer_ids.len();
            let decline = calls::Decline {
                offer_ids,
                filters: Some(Filters {
                    refuse_seconds: Some(365.0 * 24.0 * 3600.0),
                }),
            };
            framework.accepted(scheduler::Call {
                decline: Some(decline),
                ..call(calls::Type::Decline)
            });
        }
        framework
    }

    /// The cost of a run in the median, in milliseconds, after each time that `wait` returns.
    fn cost(&self, mut wait: impl FnMut()) -> f64 {
        let mut costs: Vec<f64> = (0..RUNS)
            .map(|_| {
                wait();
                self.metric("allocator/mesos/allocation_run_ms")
            })
            .collect();
        costs.sort_by(f64::total_cmp);
        costs[costs.len() / 2]
    }
}

/// The cost of a run with as many agents, for each number of frameworks: these come in turn.
fn ours(agents: usize, frameworks: &[usize]) -> Vec<f64> {
    let period = Duration::from_secs(3600);
    let mut config = Config {
        simulate: true,
        agents,
        ..config("cpus:64;mem:65536")
    };
    config.intervals.allocation = period;
    // No pings beside it.
    config.intervals.ping = Duration::from_secs(1_000_000);
    let cluster = Cluster::start(config).expect("the cluster starts");
    cluster.control(Control::PauseClock);
    let master = Master {
        address: cluster.address(),
        secret: cluster.secret().to_string(),
    };
    let run = || cluster.control(Control::AdvanceClock(period));
    let mut all = Vec::new();
    let mut cost = |count: usize| {
        (all.len()..count).for_each(|number| all.push(master.refuser(number, agents, run)));
        master.cost(run)
    };
    frameworks.iter().map(|count| cost(*count)).collect()
}

/// A real Mesos, which ends with this value.
struct Real {
    folder: PathBuf,
    master: Master,
}

impl Real {
    fn start(mesos: &Path, agents: usize) -> Real {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.expect("a free port");
        let name = format!("bench-{}", std::process::id());
        // It says when the first of its agents is there, or gives up waiting for that: all of them are waited for below.
        let _ = Command::new(mesos.join("start.sh"))
            .args([&name, &address.port().to_string(), "local"])
            .arg(format!("MESOS_NUM_SLAVES={agents}"))
            .status();
        let master = Master {
            address,
            secret: String::new(),
        };
        let real = Real {
            folder: mesos.join("run").join(name),
            master,
        };
        let end = Instant::now() + PATIENCE;
        while real.master.metric("master/slaves_active") < agents as f64 {
            assert!(Instant::now() < end, "its agents are not all there");
            std::thread::sleep(Duration::from_millis(500));
        }
        real
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.folder.join("pid")).unwrap_or_default();
        let _ = Command::new("kill").args(["-KILL", pid.trim()]).status();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn real(mesos: &Path) -> f64 {
    let (agents, frameworks) = OF_REAL;
    let real = Real::start(mesos, agents);
    let all: Vec<Framework> = (0..frameworks)
        .map(|number| real.master.refuser(number, agents, || {}))
        .collect();
    // Its rounds are a second apart.
    let cost = real.master.cost(|| std::thread::sleep(Duration::from_secs(1)));
    drop(all);
    cost
}

fn main() {
    let mut costs = Vec::new();
    for agents in AGENTS {
        for (frameworks, cost) in FRAMEWORKS.iter().zip(ours(agents, &FRAMEWORKS)) {
            let pairs = agents * frameworks;
            let each = cost * 1e6 / pairs as f64;
            println!("{agents} agents, {frameworks} frameworks: {cost:.2} ms a run, {each:.0} ns for each pair");
            costs.push(((agents, *frameworks), cost));
        }
    }
    if let ([(_, first), ..], [.., (_, last)]) = (costs.as_slice(), costs.as_slice()) {
        let times = (AGENTS[2] * FRAMEWORKS[2]) / (AGENTS[0] * FRAMEWORKS[0]);
        println!(
            "growth: {:.0} times the cost for {times} times as many pairs (not more is wanted)",
            last / first
        );
    }
    let Some(mesos) = std::env::var_os("MESOS_TEST_REAL_MESOS") else {
        return println!("SKIPPED: MESOS_TEST_REAL_MESOS is not set, no Mesos 1.11.0 to compare with");
    };
    let real = real(Path::new(&mesos));
    let mine = costs
        .iter()
        .find(|(size, _)| *size == OF_REAL)
        .map_or(f64::NAN, |(_, cost)| *cost);
    let (agents, frameworks) = OF_REAL;
    println!("Mesos 1.11.0 with {agents} agents, {frameworks} frameworks: {real:.2} ms a run");
    println!("ratio: {:.2} of what Mesos takes (1 is wanted)", mine / real);
}
