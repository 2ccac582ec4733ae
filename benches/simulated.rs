//! A load test of the embedded cluster itself: 1,000 agents, 50 frameworks and 100,000 tasks that are timers. All tasks at once, then one
//! after the other; with the time, the memory, and what a run of the allocator costs meanwhile. Beside it, the same number of processes in
//! a bare loop of fork, exec and wait.
//!
//! Of one process, with the frameworks in threads: they share the processors with the cluster.

#[path = "../tests/support/local.rs"]
mod local_support;

use local_support::{call, config, info, request, Framework};
use mesos_perl::local::{Cluster, Config};
use mesos_perl::proto::framework_info::{capability, Capability};
use mesos_perl::proto::scheduler::{self, call as calls};
use mesos_perl::proto::*;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Barrier;
use std::time::{Duration, Instant};

const AGENTS: usize = 1000;
const FRAMEWORKS: usize = 50;
const TASKS: usize = 100_000;

/// Of them so many are enough to know the rate.
const PROCESSES: usize = 2000;

/// So many tasks are launched on an agent at a time.
const AT_ONCE: usize = 100;

fn cluster() -> Cluster {
    let config = Config {
        simulate: true,
        agents: AGENTS,
        ..config("cpus:16;mem:8192")
    };
    Cluster::start(config).expect("the cluster starts")
}

/// The memory of this process, in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<f64>().ok());
    kilobytes.expect("a number") / 1024.0
}

/// What a run of the allocator has cost so far.
fn allocator(address: SocketAddr, secret: &str) -> String {
    let bearer = format!("Bearer {secret}");
    let headers = [("Authorization", bearer.as_str())];
    let reply = request(address, "GET", "/metrics/snapshot", &headers, b"");
    let metrics: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
    let of = |name: &str| metrics[format!("allocator/mesos/{name}")].as_f64().unwrap_or(f64::NAN);
    format!(
        "{} runs of the allocator, {:.1} ms each in the median, at most {:.1} ms",
        of("allocation_runs"),
        of("allocation_run_ms/p50"),
        of("allocation_run_ms/max")
    )
}

/// One of the frameworks, with a role of its own.
struct Scheduler {
    framework: Framework,
    number: usize,
    launched: usize,
    running: usize,
    ended: usize,
}

impl Scheduler {
    fn new(address: SocketAddr, secret: &str, number: usize) -> Scheduler {
        let multi_role = Capability {
            r#type: Some(capability::Type::MultiRole as i32),
        };
        let info = FrameworkInfo {
            roles: vec![format!("role-{number}")],
            capabilities: vec![multi_role],
            ..info("bench")
        };
        let framework = Framework::at(address, secret, info);
        Scheduler {
            framework,
            number,
            launched: 0,
            running: 0,
            ended: 0,
        }
    }

    fn task(&mut self, agent: &SlaveId, time: Option<&str>) -> TaskInfo {
        self.launched += 1;
        let label = |time: &str| Labels {
            labels: vec![Label {
                key: "simulate".into(),
                value: Some(time.into()),
            }],
        };
        TaskInfo {
            slave_id: agent.clone(),
            labels: time.map(label),
            ..self
                .framework
                .command(&format!("t-{}-{}", self.number, self.launched), "true")
        }
    }

    /// Takes the offers that it has tasks for, so many tasks for each, and no others for a year if it has no more tasks.
    fn use_offers(&mut self, offers: Vec<Offer>, each: usize, time: Option<&str>) {
        let mut others = Vec::new();
        for offer in offers {
            // Others may have tasks on it already.
            let cpus = offer.resources.iter().filter(|item| item.name == "cpus");
            let cpus: f64 = cpus.filter_map(|item| item.scalar).map(|scalar| scalar.value).sum();
            let fit = (cpus * 10.0 + 0.5) as usize;
            let count = each.min(fit).min(TASKS / FRAMEWORKS - self.launched);
            if count == 0 {
                others.push(offer.id);
                continue;
            }
            let tasks = (0..count).map(|_| self.task(&offer.slave_id, time)).collect();
            self.framework.launch_on(&offer, tasks);
        }
        if others.is_empty() {
            return;
        }
        if self.launched == TASKS / FRAMEWORKS {
            self.framework.accepted(call(calls::Type::Suppress));
        }
        let decline = calls::Decline {
            offer_ids: others,
            ..Default::default()
        };
        self.framework.accepted(scheduler::Call {
            decline: Some(decline),
            ..call(calls::Type::Decline)
        });
    }

    /// One event.
    fn step(&mut self, each: usize, time: Option<&str>) {
        let event = self.framework.find("an event", |event| Some(event.clone()));
        if let Some(offers) = event.offers {
            self.use_offers(offers.offers, each, time);
        }
        if let Some(status) = event.update.map(|update| update.status) {
            self.framework.agent_id = status.slave_id.clone().unwrap_or_default();
            match status.state() {
                TaskState::TaskStarting => {}
                TaskState::TaskRunning => self.running += 1,
                TaskState::TaskFinished => self.ended += 1,
                // The other frameworks would wait for this one.
                other => {
                    eprintln!("{}: {other:?} {}", status.task_id.value, status.message());
                    std::process::exit(1);
                }
            }
            self.framework.acknowledge(&status.task_id.value, status.uuid().to_vec());
        }
    }
}

/// All frameworks, each until it is done. Prints the memory when they are halfway, and at the end.
fn load(what: &str, each: usize, time: Option<&str>, done: fn(&Scheduler) -> usize) {
    let before = resident();
    let cluster = cluster();
    let idle = resident();
    let start = Instant::now();
    let halfway = Barrier::new(FRAMEWORKS);
    let (all, half) = (TASKS / FRAMEWORKS, TASKS / FRAMEWORKS / 2);
    std::thread::scope(|scope| {
        for number in 0..FRAMEWORKS {
            let (address, secret, halfway) = (cluster.address(), cluster.secret(), &halfway);
            scope.spawn(move || {
                let mut scheduler = Scheduler::new(address, secret, number);
                scheduler.framework.acknowledge = false;
                while done(&scheduler) < half {
                    scheduler.step(each, time);
                }
                if halfway.wait().is_leader() {
                    println!("{what}: {:.0} MiB halfway", resident());
                }
                while done(&scheduler) < all {
                    scheduler.step(each, time);
                }
                // Its tasks live on as long as it does.
                if halfway.wait().is_leader() {
                    let seconds = start.elapsed().as_secs_f64();
                    println!(
                        "{what}: {TASKS} tasks in {seconds:.1} s, {:.0} a second; {:.0} MiB ({before:.0} before, {idle:.0} with all agents)",
                        TASKS as f64 / seconds,
                        resident()
                    );
                    println!("{what}: {}", allocator(address, secret));
                }
                halfway.wait();
            });
        }
    });
}

/// `true`, one after the other.
fn bare() -> f64 {
    let start = Instant::now();
    for _ in 0..PROCESSES {
        let status = Command::new("/bin/sh").args(["-c", "true"]).status();
        assert!(status.expect("sh").success());
    }
    let each: Duration = start.elapsed() / PROCESSES as u32;
    1.0 / each.as_secs_f64()
}

fn main() {
    println!("fork, exec and wait alone: {:.0} a second", bare());
    load("all at once", AT_ONCE, Some("1hrs"), |scheduler| scheduler.running);
    load("one after the other", 1, None, |scheduler| scheduler.ended);
}
