//! An agent by itself, with a clock that the test moves.

use super::*;
use crate::local::helper_protocol::Report;
use crate::local::probe::Seen;
use crate::local::settings::intervals::Intervals;
use crate::proto::executor_info::Type as ExecutorType;
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::task_status::Reason;
use crate::proto::{check_info, check_status_info, health_check, CheckInfo, HealthCheck};
use crate::proto::{
    CommandInfo, DurationInfo, ExecutorId, ExecutorInfo, FrameworkId, FrameworkInfo, KillPolicy, Label, Labels, TaskId, TaskInfo,
    TaskState, TaskStatus,
};
use crate::resources::Resources;
use std::sync::Arc;

mod cgroups;
mod drain;
mod ends;
mod jitter;
mod strangers;

/// An agent that has registered, and what it wanted since the last look.
struct World {
    agent: Agent,
    now: Time,
}

impl World {
    fn new() -> World {
        let identity = Identity {
            number: 0,
            hostname: "host".into(),
            address: ([127, 0, 0, 1], 1).into(),
            work_dir: "/work".into(),
            attributes: Vec::new(),
            cgroups: None,
            total: Resources::default(),
            executor_environment: BTreeMap::new(),
            intervals: Intervals::default(),
            simulate: false,
            jitter: None,
        };
        let now = Time::from_epoch(Duration::from_secs(1_000_000));
        let mut agent = Agent::new(identity, now);
        agent.master_detected();
        agent.master_message(ToAgent::Registered {
            agent: SlaveId { value: "S0".into() },
        });
        agent.take_actions();
        World { agent, now }
    }

    fn run(&mut self, task: TaskInfo) {
        let framework = FrameworkInfo {
            id: Some(FrameworkId { value: "F".into() }),
            checkpoint: Some(true),
            ..Default::default()
        };
        self.agent.master_message(ToAgent::Run {
            framework: Box::new(framework),
            role: "*".into(),
            task: Arc::new(task),
        });
    }

    /// The actions that are no messages, after what is due so much later, second by second.
    fn later(&mut self, seconds: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..seconds {
            self.now = self.now.plus(Duration::from_secs(1));
            self.agent.set_time(self.now);
            self.agent.fire();
            actions.extend(self.agent.take_actions());
        }
        actions.retain(|action| !matches!(action, Action::ToMaster(_) | Action::Relief));
        actions
    }

    /// The updates that the master is sent, each of which is acknowledged at once.
    fn updates(&mut self) -> Vec<TaskStatus> {
        let mut updates = Vec::new();
        loop {
            let sent: Vec<TaskStatus> = self.agent.take_actions().into_iter().filter_map(update_of).collect();
            if sent.is_empty() {
                return updates;
            }
            for update in sent {
                self.agent.master_message(ToAgent::Acknowledge {
                    framework: "F".into(),
                    task: update.task_id.value.clone(),
                    uuid: update.uuid.clone().unwrap(),
                });
                updates.push(update);
            }
        }
    }

    /// A probe, if one was begun in so many seconds.
    fn probe(&mut self, seconds: u64) -> Option<u64> {
        self.later(seconds).into_iter().find_map(|action| match action {
            Action::Probe { probe, .. } => Some(probe),
            Action::Start { process, .. } => Some(process),
            _ => None,
        })
    }
}

fn task() -> TaskInfo {
    TaskInfo {
        task_id: TaskId { value: "t".into() },
        command: Some(CommandInfo {
            value: Some("sleep 1000".into()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// `t` runs, as process 1 with pid 7.
fn world_with(task: TaskInfo) -> World {
    let mut world = World::new();
    world.run(task);
    world.agent.helper_report(Report::Started { process: 1, pid: 7 });
    let states: Vec<i32> = world.updates().iter().map(|update| update.state).collect();
    assert_eq!(states, [TaskState::TaskStarting as i32, TaskState::TaskRunning as i32]);
    world
}

fn health() -> HealthCheck {
    HealthCheck {
        r#type: Some(health_check::Type::Tcp as i32),
        tcp: Some(health_check::TcpCheckInfo {
            port: 80,
            ..Default::default()
        }),
        delay_seconds: Some(5.0),
        interval_seconds: Some(3.0),
        timeout_seconds: Some(2.0),
        consecutive_failures: Some(2),
        grace_period_seconds: Some(10.0),
        ..Default::default()
    }
}

#[test]
fn a_health_check_has_its_delay_interval_timeout_and_grace() {
    let mut world = world_with(TaskInfo {
        health_check: Some(Box::new(health())),
        ..task()
    });
    assert_eq!(world.probe(4), None, "the delay");
    let first = world.probe(1).expect("a probe after 5 s");
    world.agent.probed(first, Ok(Seen::Connected(false)));
    assert!(world.updates().is_empty(), "the grace period");
    assert_eq!(world.probe(2), None, "the interval begins with the result");
    let second = world.probe(1).expect("after 8 s");
    world.later(2);
    world.agent.probed(second, Ok(Seen::Connected(true)));
    assert!(
        world.updates().is_empty(),
        "10 s: it has timed out, in the grace period still"
    );
    let third = world.probe(3).expect("after 13 s");
    world.agent.probed(third, Ok(Seen::Connected(true)));
    let [update] = &world.updates()[..] else {
        panic!("one update")
    };
    assert_eq!(
        (update.state(), update.reason(), update.healthy),
        (TaskState::TaskRunning, Reason::TaskHealthCheckStatusUpdated, Some(true))
    );
    let good = world.probe(3).unwrap();
    world.agent.probed(good, Ok(Seen::Connected(true)));
    assert!(world.updates().is_empty(), "no news");
    let bad = world.probe(3).unwrap();
    world.agent.probed(bad, Err("refused".into()));
    assert_eq!(world.updates()[0].healthy, Some(false));
    let worse = world.probe(3).unwrap();
    world.agent.probed(worse, Ok(Seen::Connected(false)));
    // TERM, and KILL when its grace period is over.
    let actions = world.agent.take_actions();
    let signal = |actions: &[Action]| {
        actions.iter().find_map(|action| match action {
            Action::Signal { process: 1, signal } => Some(*signal),
            _ => None,
        })
    };
    assert_eq!(signal(&actions), Some(Signal::SIGTERM));
    assert_eq!(signal(&world.later(3)), Some(Signal::SIGKILL));
    assert!(world.later(20).is_empty(), "no more probes");
    world.agent.helper_report(Report::Exited { process: 1, status: 9 });
    let mut told: Vec<TaskStatus> = actions.into_iter().filter_map(update_of).collect();
    let unhealthy = told.pop().expect("the last failure is told");
    world.agent.master_message(ToAgent::Acknowledge {
        framework: "F".into(),
        task: "t".into(),
        uuid: unhealthy.uuid.unwrap(),
    });
    let [end] = &world.updates()[..] else { panic!("one end") };
    assert_eq!(
        (end.state(), end.reason, end.healthy),
        (TaskState::TaskKilled, None, Some(false))
    );
    assert_eq!(end.message(), "Command terminated with signal Killed");
}

fn update_of(action: Action) -> Option<TaskStatus> {
    match action {
        Action::ToMaster(ToMaster::Update { status, .. }) => Some(*status),
        _ => None,
    }
}

#[test]
fn a_check_tells_changes_only() {
    let command = CommandInfo {
        value: Some("exit 5".into()),
        ..Default::default()
    };
    let mut world = world_with(TaskInfo {
        check: Some(Box::new(CheckInfo {
            r#type: Some(check_info::Type::Command as i32),
            command: Some(check_info::Command { command }),
            delay_seconds: Some(0.0),
            interval_seconds: Some(1.0),
            ..Default::default()
        })),
        ..task()
    });
    let code = |update: &TaskStatus| update.check_status.unwrap().command.unwrap().exit_code;
    let result = |world: &mut World, raw: i32| {
        let process = world.probe(1).expect("a probe each second");
        world.agent.helper_report(Report::Started { process, pid: 8 });
        world.agent.helper_report(Report::Exited { process, status: raw });
        let updates = world.updates();
        updates.iter().map(code).collect::<Vec<_>>()
    };
    assert_eq!(result(&mut world, 5 << 8), [Some(5)]);
    assert_eq!(result(&mut world, 5 << 8), []);
    assert_eq!(result(&mut world, 0), [Some(0)]);
    let process = world.probe(1).unwrap();
    world.agent.helper_report(Report::Failed {
        process,
        reason: "no".into(),
    });
    assert_eq!(
        world.updates().iter().map(code).collect::<Vec<_>>(),
        [None],
        "it says nothing"
    );
    // Killed: what runs of the check ends, and says nothing any more.
    let process = world.probe(1).unwrap();
    world.agent.master_message(ToAgent::Kill {
        framework: "F".into(),
        task: "t".into(),
        policy: None,
    });
    let killed = |action: &Action| matches!(action, Action::Signal { process: p, signal: Signal::SIGKILL } if *p == process);
    assert!(world.agent.take_actions().iter().any(killed));
    world.agent.helper_report(Report::Exited { process, status: 0 });
    assert!(world.updates().is_empty());
    world.agent.helper_report(Report::Exited { process: 1, status: 15 });
    let end = world.updates().pop().unwrap();
    let expected = Some(check_status_info::Command { exit_code: None });
    assert_eq!(
        (end.state(), end.check_status.unwrap().command),
        (TaskState::TaskKilled, expected)
    );
}

#[test]
fn an_agent_that_comes_back_goes_on_with_checks() {
    let mut world = world_with(TaskInfo {
        health_check: Some(Box::new(health())),
        ..task()
    });
    let lost = world.probe(5).unwrap();
    let identity = world.agent.identity.clone();
    let (checkpoint, actions) = std::mem::replace(&mut world.agent, Agent::new(identity.clone(), world.now)).crash();
    assert!(actions
        .iter()
        .any(|action| matches!(action, Action::EndProbe { probe } if *probe == lost)));
    world.agent = Agent::recover(identity, checkpoint, world.now);
    world.agent.probed(lost, Ok(Seen::Connected(true)));
    assert!(world.updates().is_empty());
    assert!(world.probe(2).is_none());
    assert!(world.probe(1).is_some_and(|probe| probe > lost));
}

#[test]
fn a_group_that_cannot_start_as_a_whole_ends() {
    let mut world = World::new();
    let named = |id: &str| TaskInfo {
        task_id: TaskId { value: id.into() },
        ..task()
    };
    world.agent.master_message(ToAgent::RunGroup {
        framework: Box::new(FrameworkInfo {
            id: Some(FrameworkId { value: "F".into() }),
            ..Default::default()
        }),
        role: "*".into(),
        executor: Box::new(ExecutorInfo {
            r#type: Some(ExecutorType::Default as i32),
            executor_id: ExecutorId { value: "E".into() },
            ..Default::default()
        }),
        tasks: ["a", "b", "c"].map(|id| Arc::new(named(id))).into(),
    });
    let starts: Vec<u64> = world.agent.actions.iter().filter_map(started).collect();
    let [a, b, c] = starts[..] else { panic!("three processes") };
    let states = |world: &mut World| -> Vec<(String, TaskState)> {
        let updates = world.updates();
        updates
            .into_iter()
            .map(|update| (update.task_id.value.clone(), update.state()))
            .collect()
    };
    world.agent.helper_report(Report::Started { process: b, pid: 8 });
    // The second cannot be fetched for, say: the first runs, the third is on its way.
    world.agent.helper_report(Report::Failed {
        process: a,
        reason: "no".into(),
    });
    let signals: Vec<(u64, Signal)> = world.agent.actions.iter().filter_map(signalled).collect();
    assert_eq!(signals, [(b, Signal::SIGTERM), (c, Signal::SIGKILL)]);
    world.agent.helper_report(Report::Started { process: c, pid: 9 });
    world.agent.helper_report(Report::Exited { process: c, status: 9 });
    assert!(world.agent.containers.len() == 2, "the executor, and one task");
    world.agent.helper_report(Report::Exited { process: b, status: 15 });
    assert!(world.agent.containers.is_empty());
    let exits = world.agent.actions.iter().filter(
        |action| matches!(action, Action::ToMaster(ToMaster::ExecutorExited { executor, status: 0, .. }) if executor == "E"),
    );
    assert_eq!(exits.count(), 1);
    let told = states(&mut world);
    let of = |task: &str| {
        told.iter()
            .filter(|(id, _)| id == task)
            .map(|(_, state)| *state)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("a"), [TaskState::TaskStarting, TaskState::TaskFailed]);
    assert_eq!(
        of("b"),
        [TaskState::TaskStarting, TaskState::TaskRunning, TaskState::TaskKilled]
    );
    assert_eq!(of("c"), [TaskState::TaskStarting, TaskState::TaskKilled]);
}

fn started(action: &Action) -> Option<u64> {
    match action {
        Action::Start { process, .. } => Some(*process),
        _ => None,
    }
}

fn signalled(action: &Action) -> Option<(u64, Signal)> {
    match action {
        Action::Signal { process, signal } => Some((*process, *signal)),
        _ => None,
    }
}

fn label(value: &str) -> Labels {
    Labels {
        labels: vec![Label {
            key: "simulate".into(),
            value: Some(value.into()),
        }],
    }
}

#[test]
fn simulated_tasks_are_timers() {
    let mut world = World::new();
    world.agent.identity.simulate = true;
    let named = |id: &str, labels: Option<Labels>| TaskInfo {
        task_id: TaskId { value: id.into() },
        labels,
        kill_policy: Some(KillPolicy {
            grace_period: Some(DurationInfo { nanoseconds: 1 }),
        }),
        ..task()
    };
    world.run(named("at-once", None));
    world.run(named("long", Some(label("10secs"))));
    world.run(named("killed", Some(label("1hrs"))));
    world.run(named("wrong", Some(label("soon"))));
    world.agent.fire();
    let states = |world: &mut World| -> Vec<(String, TaskState)> {
        let updates = world.updates();
        let told = updates
            .into_iter()
            .map(|update| (update.task_id.value.clone(), update.state()));
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    };
    assert!(
        !world.agent.actions.iter().any(|action| started(action).is_some()),
        "no process"
    );
    let of = |id: &str, states: &[TaskState]| states.iter().map(|state| (id.to_string(), *state)).collect::<Vec<_>>();
    use TaskState::*;
    let expected = [
        of("at-once", &[TaskStarting, TaskRunning, TaskFinished]),
        of("killed", &[TaskStarting, TaskRunning]),
        of("long", &[TaskStarting, TaskRunning]),
        of("wrong", &[TaskFailed]),
    ];
    let sorted = |mut all: Vec<(String, TaskState)>| {
        all.sort();
        all
    };
    assert_eq!(states(&mut world), sorted(expected.concat()));
    world.agent.master_message(ToAgent::Kill {
        framework: "F".into(),
        task: "killed".into(),
        policy: None,
    });
    world.agent.fire();
    assert_eq!(states(&mut world), of("killed", &[TaskKilled]));
    world.later(9);
    // An agent that was started again remembers.
    let identity = world.agent.identity.clone();
    let (checkpoint, _) = std::mem::replace(&mut world.agent, Agent::new(identity.clone(), world.now)).crash();
    world.agent = Agent::recover(identity, checkpoint, world.now);
    world.agent.master_message(ToAgent::Reregistered {
        agent: SlaveId { value: "S0".into() },
        missing: Vec::new(),
    });
    assert_eq!(world.agent.containers.len(), 1);
    world.later(1);
    assert!(world.agent.containers.is_empty());
}

/// Which sandboxes are removed, by the executors' ids; an agent's by its own.
fn removed(actions: Vec<Action>) -> Vec<String> {
    let litter = actions.into_iter().filter_map(|action| match action {
        Action::Remove(litter) => Some(litter),
        _ => None,
    });
    let name = |litter: litter::Litter| match litter {
        litter::Litter::Sandbox { executor, .. } => executor.to_string(),
        litter::Litter::Agent(id) => id.to_string(),
    };
    litter.flatten().map(name).collect()
}

/// A task that runs for so many seconds, in process `process`.
fn runs_for(world: &mut World, id: &str, process: u64, seconds: u64) {
    // It may have heard nothing for long.
    let agent = world.agent.id.clone().unwrap();
    world.agent.master_message(ToAgent::Registered { agent });
    world.agent.take_actions();
    let mut named = task();
    named.task_id.value = id.into();
    world.run(named);
    world.agent.helper_report(Report::Started { process, pid: 7 });
    world.updates();
    world.later(seconds);
    world.agent.helper_report(Report::Exited { process, status: 0 });
    world.updates();
}

#[test]
fn sandboxes_go_a_week_after_the_end() {
    let mut world = World::new();
    world.agent.identity.intervals.collection.delay = Duration::from_secs(1000);
    runs_for(&mut world, "a", 1, 10);
    runs_for(&mut world, "b", 2, 10);
    // Their age counts from the end, not from the start, nor from the launch of another one with the same id.
    runs_for(&mut world, "a", 3, 100);
    assert_eq!(removed(world.later(1000 - 100 - 11)), [""; 0]);
    assert_eq!(removed(world.later(1)), ["a"]);
    assert_eq!(removed(world.later(10)), ["b"]);
    assert_eq!(removed(world.later(99)), [""; 0]);
    assert_eq!(removed(world.later(1)), ["a"]);
    let later = world.later(2000);
    assert!(
        !later.iter().any(|action| matches!(action, Action::LookAtDisk)),
        "nothing is left"
    );
    assert_eq!(removed(later), [""; 0]);
}

#[test]
fn sandboxes_go_earlier_from_a_full_disk_and_on_request() {
    let mut world = World::new();
    world.agent.identity.intervals.collection.delay = Duration::from_secs(1000);
    runs_for(&mut world, "a", 1, 0);
    let looks = |actions: &[Action]| actions.iter().filter(|action| matches!(action, Action::LookAtDisk)).count();
    assert_eq!(looks(&world.later(59)), 0);
    assert_eq!(looks(&world.later(121)), 3, "once a minute");
    runs_for(&mut world, "b", 2, 0);
    // 1000 * (1 - 0.1 - 0.8) seconds may they be old.
    world.later(20);
    world.agent.disk_usage(0.7);
    assert_eq!(removed(world.agent.take_actions()), ["a"; 1]);
    world.later(79);
    world.agent.disk_usage(0.8);
    assert_eq!(removed(world.agent.take_actions()), [""; 0]);
    world.later(1);
    world.agent.disk_usage(0.8);
    assert_eq!(removed(world.agent.take_actions()), ["b"]);
    runs_for(&mut world, "c", 3, 0);
    world.agent.disk_usage(0.95);
    assert_eq!(removed(world.agent.take_actions()), ["c"], "no room at all");
    runs_for(&mut world, "d", 4, 0);
    world.agent.collect_all();
    assert_eq!(removed(world.agent.take_actions()), ["d"]);
}

#[test]
fn who_comes_next_collects_what_is_left() {
    let mut world = World::new();
    world.agent.identity.intervals.collection.delay = Duration::from_secs(1000);
    runs_for(&mut world, "a", 1, 0);
    world.later(500);
    let World { mut agent, now } = world;
    // It is another one, after this one has ended.
    let mut next = Agent::new(agent.identity.clone(), now);
    next.master_detected();
    next.collect_of(agent.take_collector(), Some("S0"));
    let mut world = World { agent: next, now };
    assert_eq!(removed(world.later(499)), [""; 0]);
    assert_eq!(removed(world.later(1)), ["a"]);
    assert_eq!(removed(world.later(499)), [""; 0]);
    assert_eq!(removed(world.later(1)), ["S0"]);
    // It is the same again, after a crash that took a program along.
    world.agent.id = Some(SlaveId { value: "S1".into() });
    runs_for(&mut world, "b", 1, 0);
    let mut fleeting = task();
    fleeting.task_id.value = "c".into();
    let framework = FrameworkInfo {
        id: Some(FrameworkId { value: "G".into() }),
        ..Default::default()
    };
    world.agent.master_message(ToAgent::Run {
        framework: Box::new(framework),
        role: "*".into(),
        task: Arc::new(fleeting),
    });
    let (identity, now) = (world.agent.identity.clone(), world.now);
    let (checkpoint, _) = world.agent.crash();
    let agent = Agent::recover(identity, checkpoint, now);
    let mut world = World { agent, now };
    assert_eq!(removed(world.later(1000)), ["b", "c"]);
}

/// Of a task that has ended and been acknowledged nothing is left but its sandbox.
#[test]
fn what_is_over_is_forgotten() {
    let mut world = World::new();
    runs_for(&mut world, "t0", 1, 0);
    let before = world.agent.timers.len();
    for number in 2..100 {
        runs_for(&mut world, &format!("t{number}"), number, 0);
    }
    assert_eq!(world.agent.timers.len(), before);
    assert!(world.agent.frameworks.is_empty() && world.agent.containers.is_empty());
}
