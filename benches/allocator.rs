//! What a round of the allocator costs, with many agents and frameworks: simulated, with no processes. Each framework has a role of its
//! own, and has refused everything, so that each round asks each of them about each agent. The cost must not grow faster than agents
//! times frameworks do.

#[path = "../tests/support/local.rs"]
mod local_support;

use local_support::{call, config, info, Framework};
use mesos_perl::local::{Cluster, Config, Control};
use mesos_perl::proto::framework_info::{capability, Capability};
use mesos_perl::proto::scheduler::{self, call as calls};
use mesos_perl::proto::*;
use std::time::{Duration, Instant};

const AGENTS: usize = 1000;
const FRAMEWORKS: usize = 50;
const ROUNDS: u32 = 5;

fn framework(cluster: &Cluster, number: usize) -> Framework {
    let multi_role = Capability {
        r#type: Some(capability::Type::MultiRole as i32),
    };
    let info = FrameworkInfo {
        roles: vec![format!("role-{number}")],
        capabilities: vec![multi_role],
        ..info("bench")
    };
    Framework::of(cluster, info)
}

/// The time of one round, in the median.
fn round(agents: usize, frameworks: usize) -> Duration {
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
    let mut all = Vec::new();
    for number in 0..frameworks {
        // Those before it want nothing any more: it gets everything, and refuses it for a year.
        let mut framework = framework(&cluster, number);
        cluster.control(Control::AdvanceClock(period));
        let mut offer_ids = Vec::new();
        while offer_ids.len() < agents {
            let some = framework.find("offers", |event| event.offers.clone());
            offer_ids.extend(some.offers.into_iter().map(|offer| offer.id));
        }
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
        all.push(framework);
    }
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            cluster.control(Control::AdvanceClock(period));
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let sizes = [(AGENTS / 2, FRAMEWORKS), (AGENTS, FRAMEWORKS / 2), (AGENTS, FRAMEWORKS)];
    let [agents, frameworks, both] = sizes.map(|(agents, frameworks)| {
        let time = round(agents, frameworks);
        println!(
            "{agents} agents, {frameworks} frameworks: {:.1} ms a round",
            time.as_secs_f64() * 1e3
        );
        time.as_secs_f64()
    });
    println!("ratio to half the agents: {:.2} (2 is linear)", both / agents);
    println!("ratio to half the frameworks: {:.2} (2 is linear)", both / frameworks);
}
