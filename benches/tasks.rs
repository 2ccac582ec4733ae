//! How many short tasks a second the embedded cluster runs, beside a bare loop of fork, exec and wait on the same machine. And how many it
//! plays, with many agents and no processes.

#[path = "../tests/support/local.rs"]
mod local_support;

use local_support::{config, Framework};
use mesos_perl::local::{Cluster, Config};
use mesos_perl::proto::*;
use std::process::Command;
use std::time::Instant;

const TASKS: u32 = 2000;

/// Of so many runs the best counts: other programs can only make it worse.
const RUNS: u32 = 3;

fn rate(count: u32, start: Instant) -> f64 {
    f64::from(count) / start.elapsed().as_secs_f64()
}

/// `true`, one after the other.
fn bare() -> f64 {
    let start = Instant::now();
    for _ in 0..TASKS {
        let status = Command::new("/bin/sh").args(["-c", "true"]).status();
        assert!(status.expect("sh").success());
    }
    rate(TASKS, start)
}

fn tasks() -> f64 {
    run(config("cpus:10000;mem:1000000"))
}

fn simulated() -> f64 {
    run(Config {
        simulate: true,
        agents: 100,
        ..config("cpus:10000;mem:1000000")
    })
}

/// From the launch to the last end.
fn run(config: Config) -> f64 {
    let cluster = Cluster::start(config).expect("the cluster starts");
    let mut framework = Framework::new(&cluster);
    let offer = framework.offer();
    framework.agent_id = offer.slave_id.clone();
    let tasks = (0..TASKS).map(|number| framework.command(&format!("t{number}"), "true"));
    let tasks: Vec<TaskInfo> = tasks.collect();
    let start = Instant::now();
    framework.launch_on(&offer, tasks);
    for _ in 0..TASKS {
        framework.find("an end", |event| {
            let status = &event.update.as_ref()?.status;
            let ended = ![TaskState::TaskStarting, TaskState::TaskRunning].contains(&status.state());
            ended.then(|| assert_eq!(status.state(), TaskState::TaskFinished))
        });
        framework.forget();
    }
    rate(TASKS, start)
}

fn main() {
    let best = |run: fn() -> f64| (0..RUNS).map(|_| run()).fold(0.0, f64::max);
    let (bare, tasks, simulated) = (best(bare), best(tasks), best(simulated));
    println!("fork, exec and wait alone: {bare:.0} a second");
    println!("tasks of the embedded cluster: {tasks:.0} a second");
    println!("ratio: {:.2} (0.5 is wanted)", tasks / bare);
    println!("simulated tasks, with 100 agents: {simulated:.0} a second");
}
