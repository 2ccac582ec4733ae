//! The master with a made-up clock and made-up agents.

use super::*;
use crate::local::events::Stream;
use crate::local::messages::{Reregister, RunningTask};
use crate::proto::framework_info::capability::Type as Capability;
use crate::proto::offer::{operation, Operation};
use crate::proto::scheduler::call::{self, reconcile};
use crate::proto::{framework_info, FrameworkInfo, SlaveInfo, TaskId, TaskInfo, TaskState};
use crate::resources::text as resource_text;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

pub fn master() -> Master {
    let identity = Identity {
        id: "M".into(),
        hostname: "localhost".into(),
        address: ([127, 0, 0, 1], 1).into(),
        agents: ([127, 0, 0, 1], 1).into(),
        scheme: "http",
        started: 0.0,
        intervals: Intervals::default(),
        minimum: Minimum::default(),
        stopwatch: || Duration::ZERO,
        jitter: None,
    };
    Master::new(identity, Registry::default(), Time::from_epoch(Duration::from_secs(1000)))
}

fn slave_info(resources: &str) -> SlaveInfo {
    SlaveInfo {
        hostname: "host".into(),
        resources: resource_text::parse(resources).unwrap(),
        ..Default::default()
    }
}

pub fn register(master: &mut Master, link: usize, resources: &str) {
    let info = Box::new(slave_info(resources));
    master.agent_message(link, ToMaster::Register { info });
}

pub fn wait(master: &mut Master, seconds: u64) {
    for _ in 0..seconds {
        master.set_time(master.now.plus(Duration::from_secs(1)));
        master.fire();
    }
}

/// What went to the frameworks since the last time, as short texts, and what to the agents.
pub fn told(master: &mut Master) -> (Vec<String>, Vec<ToAgent>) {
    let (mut events, mut letters) = (Vec::new(), Vec::new());
    for action in master.take_actions() {
        match action {
            Action::Send { stream, event } => events.extend(text(&event).map(|text| format!("{stream} {text}"))),
            Action::End { stream } => events.push(format!("{stream} ends")),
            Action::ToAgent {
                message: ToAgent::Ping { .. },
                ..
            } => {}
            Action::ToAgent { message, .. } => letters.push(message),
        }
    }
    (events, letters)
}

fn text(event: &Event) -> Option<String> {
    let kind = event::Type::try_from(event.r#type?).ok()?;
    Some(match kind {
        event::Type::Heartbeat | event::Type::Subscribed => return None,
        event::Type::Update => {
            let status = &event.update.as_ref()?.status;
            let state = TaskState::try_from(status.state).ok()?.as_str_name();
            let message = status.message.clone().unwrap_or_default();
            format!("{} {state} {message}", status.task_id.value)
        }
        event::Type::Offers => {
            let offers = &event.offers.as_ref()?.offers;
            let agents: Vec<&str> = offers.iter().map(|offer| offer.slave_id.value.as_str()).collect();
            format!("offers of {}", agents.join(" "))
        }
        event::Type::UpdateOperationStatus => {
            let status = &event.update_operation_status.as_ref()?.status;
            let state = crate::proto::OperationState::try_from(status.state).ok()?.as_str_name();
            let message = status.message.clone().unwrap_or_default();
            format!("{} {state} {message}", status.operation_id.as_ref()?.value)
        }
        event::Type::Failure => format!("failure of {}", event.failure.as_ref()?.slave_id.as_ref()?.value),
        other => other.as_str_name().to_lowercase(),
    })
}

pub fn info(id: &str, capabilities: &[Capability], checkpoint: bool) -> FrameworkInfo {
    let capability = |kind: &Capability| framework_info::Capability {
        r#type: Some(*kind as i32),
    };
    FrameworkInfo {
        id: Some(FrameworkId { value: id.into() }),
        capabilities: capabilities.iter().map(capability).collect(),
        checkpoint: Some(checkpoint),
        failover_timeout: Some(1000.0),
        ..Default::default()
    }
}

pub fn subscribe(master: &mut Master, stream: u64, info: FrameworkInfo) {
    let wish = Wish {
        info,
        ..Default::default()
    };
    master.subscribe(wish, Stream::new(stream), format!("stream {stream}"));
}

/// Launches a task on the framework's only offer; nothing is left of that.
pub fn launch(master: &mut Master, framework: &str, task: &str, resources: &str) {
    let of = |(id, offer): (&String, &Offer)| (offer.framework == framework).then(|| (id.clone(), offer.agent.clone()));
    let (offer, agent) = master.offers.iter().find_map(of).expect("an offer");
    let task = TaskInfo {
        name: task.into(),
        task_id: TaskId { value: task.into() },
        slave_id: slave_id(&agent),
        resources: resource_text::parse(resources).unwrap(),
        command: Some(Default::default()),
        ..Default::default()
    };
    let launch = Some(operation::Launch { task_infos: vec![task] });
    let accept = call::Accept {
        offer_ids: vec![crate::proto::OfferId { value: offer }],
        operations: vec![Operation {
            launch,
            ..Default::default()
        }],
        ..Default::default()
    };
    master.accept(framework, accept);
}

/// The agent at link 0, M-S0, comes back with these tasks: framework, id and state.
fn come_back(master: &mut Master, tasks: &[(&str, &str, TaskState)]) {
    let mut info = slave_info("cpus:4;mem:512");
    info.id = Some(slave_id("M-S0"));
    let task = |(framework, task, state): &(&str, &str, TaskState)| RunningTask {
        framework: framework.to_string(),
        role: "*".into(),
        info: Arc::new(TaskInfo {
            task_id: TaskId { value: task.to_string() },
            resources: resource_text::parse("cpus:1;mem:32").unwrap(),
            ..Default::default()
        }),
        state: *state,
        forwarded: None,
    };
    let what = Reregister {
        info,
        tasks: tasks.iter().map(task).collect(),
        ..Default::default()
    };
    master.agent_message(0, ToMaster::Reregister(Box::new(what)));
}

/// An agent's update of a task.
pub fn update(
    master: &mut Master,
    link: usize,
    framework: &str,
    task: &str,
    state: TaskState,
    uuid: &'static [u8],
    latest: TaskState,
) {
    let mut status = crate::local::events::status(master.now, task, state, crate::proto::task_status::Source::Executor);
    status.uuid = Some(Bytes::from_static(uuid));
    let (framework, status) = (framework.to_string(), Box::new(status));
    master.agent_message(
        link,
        ToMaster::Update {
            framework,
            status,
            latest,
        },
    );
}

/// The agent's free resources, as a number of CPUs.
fn free(master: &Master, agent: &str) -> f64 {
    master.agents[agent].free.scalar("cpus")
}

#[test]
fn each_agent_makes_an_offer_of_its_own() {
    let mut master = master();
    (0..3).for_each(|link| register(&mut master, link, "cpus:2;mem:512"));
    subscribe(&mut master, 1, info("f", &[], false));
    let (events, letters) = told(&mut master);
    assert_eq!(events, ["1 offers of M-S0 M-S1 M-S2"]);
    assert_eq!(letters.len(), 3, "each was admitted");
    // Offers of two agents cannot be accepted together.
    let offer_ids = master.offers.keys().map(|id| crate::proto::OfferId { value: id.clone() });
    let error = master.check_offers("f", &offer_ids.collect::<Vec<_>>()).unwrap_err();
    let expected = "Aggregated offers must belong to one single agent. Offer M-O1 uses agent M-S1 and agent M-S0";
    assert_eq!(error, expected);
}

/// As on a real 1.11.0, also in its words.
#[test]
fn an_agent_that_does_not_answer_is_unreachable_and_comes_back() {
    let mut master = master();
    register(&mut master, 0, "cpus:4;mem:512");
    subscribe(&mut master, 1, info("aware", &[Capability::PartitionAware], false));
    launch(&mut master, "aware", "a", "cpus:1;mem:32");
    subscribe(&mut master, 2, info("plain", &[], true));
    wait(&mut master, 6);
    let plain = master.offers.iter().find(|(_, offer)| offer.framework == "plain");
    if plain.is_none() {
        master.take_back_offers("aware");
        master.suppress("aware", &[]);
        master.allocate();
    }
    launch(&mut master, "plain", "p", "cpus:1;mem:32");
    for (framework, task) in [("aware", "a"), ("plain", "p")] {
        let running = TaskState::TaskRunning;
        update(&mut master, 0, framework, task, running, b"u", running);
    }
    master.agent_message(0, ToMaster::Pong);
    told(&mut master);
    wait(&mut master, 15 * 6);
    let (mut events, _) = told(&mut master);
    events.retain(|event| !event.contains("offers") && !event.contains("rescind"));
    assert_eq!(
        events,
        [
            "1 a TASK_UNREACHABLE health check timed out",
            "2 p TASK_LOST health check timed out",
            "1 failure of M-S0",
            "2 failure of M-S0",
        ]
    );
    assert!(master.agents.is_empty() && master.offers.is_empty());
    for (framework, asked) in [("aware", "a"), ("plain", "p")] {
        for slave_id in [Some(slave_id("M-S0")), None] {
            let task_id = TaskId { value: asked.into() };
            master.reconcile(framework, &[reconcile::Task { task_id, slave_id }]);
        }
        master.reconcile(framework, &[]);
    }
    assert_eq!(
        told(&mut master).0,
        [
            "1 a TASK_UNREACHABLE Reconciliation: Task is unreachable",
            "1 a TASK_UNKNOWN Reconciliation: Task is unknown",
            "2 p TASK_LOST Reconciliation: Task is unreachable",
            "2 p TASK_LOST Reconciliation: Task is unknown",
        ]
    );
    // It comes back with what it has.
    let running = TaskState::TaskRunning;
    come_back(&mut master, &[("aware", "a", running), ("plain", "p", running)]);
    let (mut events, letters) = told(&mut master);
    events.retain(|event| !event.contains("offers"));
    assert_eq!(
        events,
        [
            "1 a TASK_RUNNING Unreachable agent re-reregistered",
            "2 p TASK_RUNNING Unreachable agent re-reregistered",
        ]
    );
    let (agent, missing) = (slave_id("M-S0"), Vec::new());
    assert_eq!(letters, [ToAgent::Reregistered { agent, missing }]);
    let offered: f64 = master.offers.values().map(|offer| offer.resources.scalar("cpus")).sum();
    assert_eq!(free(&master, "M-S0") + offered, 2.0);
}

#[test]
fn offers_that_nobody_uses_are_rescinded_when_there_is_a_timeout() {
    let mut master = master();
    master.identity.intervals.offer = Some(Duration::from_secs(30));
    register(&mut master, 0, "cpus:4;mem:512");
    subscribe(&mut master, 1, info("f", &[], false));
    wait(&mut master, 29);
    assert_eq!(told(&mut master).0, ["1 offers of M-S0"]);
    wait(&mut master, 1);
    assert_eq!(told(&mut master).0, ["1 rescind", "1 offers of M-S0"]);
    // One that was accepted is none any more.
    launch(&mut master, "f", "t", "cpus:4;mem:512");
    master.agent_message(0, ToMaster::Pong);
    told(&mut master);
    wait(&mut master, 30);
    assert_eq!(told(&mut master).0, Vec::<String>::new());
}

#[test]
fn a_refusal_is_kept_when_only_the_driver_is_another_one() {
    let mut master = master();
    register(&mut master, 0, "cpus:4;mem:512");
    subscribe(&mut master, 1, info("f", &[], false));
    let offer = crate::proto::OfferId {
        value: master.offers.keys().next().expect("an offer").clone(),
    };
    let filters = crate::proto::Filters {
        refuse_seconds: Some(50.0),
    };
    master.decline("f", &[offer], Some(&filters));
    told(&mut master);
    subscribe(&mut master, 2, info("f", &[], false));
    assert_eq!(told(&mut master).0, ["1 error", "1 ends"]);
    // One that had lost its stream starts anew.
    master.stream_closed(2);
    subscribe(&mut master, 3, info("f", &[], false));
    assert_eq!(told(&mut master).0, ["3 offers of M-S0"]);
}

#[test]
fn a_kill_is_told_again_but_not_to_a_task_that_has_the_id_later() {
    let mut master = master();
    register(&mut master, 0, "cpus:4;mem:512");
    subscribe(&mut master, 1, info("f", &[], true));
    launch(&mut master, "f", "t", "cpus:1;mem:32");
    let policy = Some(crate::proto::KillPolicy::default());
    master.kill("f", "t", None, policy);
    told(&mut master);
    let back = |master: &mut Master, state| {
        come_back(master, &[("f", "t", state)]);
        let mut letters = told(master).1;
        letters.retain(|letter| matches!(letter, ToAgent::Kill { .. }));
        letters
    };
    let kill = ToAgent::Kill {
        framework: "f".into(),
        task: "t".into(),
        policy,
    };
    let running = TaskState::TaskRunning;
    assert_eq!(back(&mut master, running), std::slice::from_ref(&kill));
    assert_eq!(back(&mut master, running), [kill], "until it has ended");
    let killed = TaskState::TaskKilled;
    update(&mut master, 0, "f", "t", killed, b"u", killed);
    master.acknowledge("f", "M-S0", "t", &Bytes::from_static(b"u"));
    wait(&mut master, 6);
    launch(&mut master, "f", "t", "cpus:1;mem:32");
    told(&mut master);
    assert_eq!(back(&mut master, running), []);
}

#[test]
fn a_task_that_comes_back_does_not_take_the_place_of_another_one() {
    let mut master = master();
    register(&mut master, 0, "cpus:4;mem:512");
    subscribe(&mut master, 1, info("f", &[], true));
    launch(&mut master, "f", "t", "cpus:1;mem:32");
    let finished = TaskState::TaskFinished;
    update(&mut master, 0, "f", "t", finished, b"u", finished);
    // Its end is not acknowledged, and its agent is lost. The framework uses the id again.
    wait(&mut master, 15 * 6);
    register(&mut master, 1, "cpus:4;mem:512");
    launch(&mut master, "f", "t", "cpus:1;mem:32");
    come_back(&mut master, &[("f", "t", finished)]);
    let task = &master.frameworks["f"].tasks["t"];
    assert_eq!((task.agent.as_str(), task.state), ("M-S1", TaskState::TaskStaging));
    assert_eq!(task.resources.scalar("cpus"), 1.0);
}

#[test]
fn a_framework_that_does_not_read_keeps_no_resources_from_others() {
    let mut master = master();
    register(&mut master, 0, "cpus:4;mem:512");
    let stream = Stream::new(1);
    let wish = Wish {
        info: info("f", &[], false),
        ..Default::default()
    };
    master.subscribe(wish, stream.clone(), "s".into());
    launch(&mut master, "f", "t", "cpus:3;mem:32");
    let (running, finished) = (TaskState::TaskRunning, TaskState::TaskFinished);
    update(&mut master, 0, "f", "t", running, b"1", running);
    told(&mut master);
    stream.backlog.add(crate::local::events::FULL);
    update(&mut master, 0, "f", "t", running, b"1", finished);
    update(&mut master, 0, "f", "unknown", running, b"2", running);
    assert_eq!(
        told(&mut master).0,
        Vec::<String>::new(),
        "what it was told is not told again"
    );
    assert!(master.frameworks["f"].tasks["t"].resources.is_empty());
}

#[test]
fn a_broken_link_loses_what_cannot_survive_it() {
    let mut master = master();
    register(&mut master, 0, "cpus:4;mem:512");
    subscribe(&mut master, 1, info("fleeting", &[Capability::PartitionAware], false));
    launch(&mut master, "fleeting", "f", "cpus:1;mem:32");
    told(&mut master);
    master.link_broken(0);
    assert_eq!(told(&mut master).0, ["1 f TASK_LOST Agent host disconnected"]);
    // It is offered to nobody, and given up in the end.
    wait(&mut master, 15 * 6);
    assert_eq!(told(&mut master).0, ["1 failure of M-S0"]);
}

#[test]
fn resources_come_back_when_the_end_is_heard_of() {
    let mut master = master();
    register(&mut master, 0, "cpus:4;mem:512");
    subscribe(&mut master, 1, info("f", &[], false));
    launch(&mut master, "f", "t", "cpus:3;mem:32");
    let used = |master: &Master| {
        let offered: f64 = master.offers.values().map(|offer| offer.resources.scalar("cpus")).sum();
        4.0 - offered - free(master, "M-S0")
    };
    // The agent knows of the end, but tells it only when STARTING is acknowledged.
    let (starting, finished) = (TaskState::TaskStarting, TaskState::TaskFinished);
    update(&mut master, 0, "f", "t", starting, b"1", starting);
    assert_eq!(used(&master), 3.0);
    update(&mut master, 0, "f", "t", starting, b"1", finished);
    assert_eq!(used(&master), 0.0);
    assert_eq!(master.frameworks["f"].tasks["t"].state, finished);
    update(&mut master, 0, "f", "t", finished, b"2", finished);
    master.acknowledge("f", "M-S0", "t", &Bytes::from_static(b"1"));
    assert!(master.frameworks["f"].tasks.contains_key("t"));
    master.acknowledge("f", "M-S0", "t", &Bytes::from_static(b"2"));
    assert!(!master.frameworks["f"].tasks.contains_key("t"));
}

/// As on a real 1.11.0: its master writes down an update's state when it forwards the update, and for a disconnected framework it
/// does not. So an answer to reconciliation may be ahead of the updates that the agent sends again.
#[test]
fn reconciliation_is_ahead_of_updates_that_a_disconnected_framework_did_not_get() {
    let mut master = master();
    register(&mut master, 0, "cpus:4;mem:512");
    subscribe(&mut master, 1, info("f", &[], true));
    launch(&mut master, "f", "t", "cpus:1;mem:32");
    master.stream_closed(1);
    let (starting, finished) = (TaskState::TaskStarting, TaskState::TaskFinished);
    update(&mut master, 0, "f", "t", starting, b"u", finished);
    subscribe(&mut master, 2, info("f", &[], true));
    told(&mut master);
    master.reconcile("f", &[]);
    update(&mut master, 0, "f", "t", starting, b"u", finished);
    master.reconcile("f", &[]);
    let (mut events, _) = told(&mut master);
    events.retain(|event| !event.contains("offers"));
    assert_eq!(
        events,
        [
            "2 t TASK_FINISHED Reconciliation: Latest task state",
            "2 t TASK_STARTING ",
            "2 t TASK_STARTING Reconciliation: Latest task state",
        ]
    );
}

/// What an agent says of a task that it does not know is an update like any other: it comes again until its framework has it.
#[test]
fn the_end_of_a_task_that_its_agent_does_not_know_waits_for_its_framework() {
    let mut master = master();
    register(&mut master, 0, "cpus:4;mem:512");
    subscribe(&mut master, 1, info("f", &[], true));
    launch(&mut master, "f", "t", "cpus:3;mem:32");
    master.stream_closed(1);
    master.link_broken(0);
    told(&mut master);
    come_back(&mut master, &[]);
    let (_, letters) = told(&mut master);
    let [ToAgent::Reregistered { missing, .. }] = &letters[..] else {
        panic!("{letters:?}")
    };
    assert_eq!(missing.len(), 1);
    let say = |master: &mut Master| {
        let lost = TaskState::TaskLost;
        let mut status = crate::local::events::status(master.now, "t", lost, crate::proto::task_status::Source::Slave);
        status.reason = Some(crate::proto::task_status::Reason::Reconciliation as i32);
        status.uuid = Some(Bytes::from_static(b"u"));
        let (framework, status, latest) = ("f".to_string(), Box::new(status), lost);
        master.agent_message(
            0,
            ToMaster::Update {
                framework,
                status,
                latest,
            },
        );
    };
    say(&mut master);
    assert_eq!(free(&master, "M-S0"), 4.0, "it uses nothing any more");
    subscribe(&mut master, 2, info("f", &[], true));
    told(&mut master);
    let acknowledge = |master: &mut Master| master.acknowledge("f", "M-S0", "t", &Bytes::from_static(b"u"));
    acknowledge(&mut master);
    assert!(
        master.frameworks["f"].tasks.contains_key("t"),
        "nobody can have acknowledged what nobody was told"
    );
    say(&mut master);
    assert_eq!(told(&mut master).0, ["2 t TASK_LOST "]);
    acknowledge(&mut master);
    assert!(!master.frameworks["f"].tasks.contains_key("t"));
}

#[test]
fn a_new_master_waits_for_the_agents_of_the_old_one() {
    let mut old = master();
    register(&mut old, 0, "cpus:4;mem:512");
    let mut master = Master::new(
        Identity {
            id: "N".into(),
            ..old.identity.clone()
        },
        old.registry(),
        old.now,
    );
    subscribe(&mut master, 1, info("M-0000", &[Capability::PartitionAware], false));
    let task_id = TaskId { value: "t".into() };
    let asked = reconcile::Task {
        task_id,
        slave_id: Some(slave_id("M-S0")),
    };
    master.reconcile("M-0000", std::slice::from_ref(&asked));
    assert!(told(&mut master).0.is_empty(), "it may still come back");
    wait(&mut master, 600);
    assert_eq!(told(&mut master).0, ["1 failure of M-S0"]);
    master.reconcile("M-0000", std::slice::from_ref(&asked));
    assert_eq!(
        told(&mut master).0,
        ["1 t TASK_UNREACHABLE Reconciliation: Task is unreachable"]
    );
    assert!(master.mark_gone("M-S0") && !master.mark_gone("M-S7"));
    master.reconcile("M-0000", &[asked]);
    assert_eq!(
        told(&mut master).0,
        ["1 t TASK_GONE_BY_OPERATOR Reconciliation: Task is gone"]
    );
    // It may not come back.
    come_back(&mut master, &[]);
    assert!(matches!(told(&mut master).1.as_slice(), [ToAgent::Shutdown { .. }]));
}

#[test]
fn a_negative_failover_timeout_never_ends() {
    let mut master = master();
    for (stream, (id, timeout)) in [("none", 0.0), ("short", 60.0), ("negative", -1.0), ("nan", f64::NAN)]
        .into_iter()
        .enumerate()
    {
        let info = FrameworkInfo {
            failover_timeout: Some(timeout),
            ..info(id, &[], false)
        };
        subscribe(&mut master, stream as u64, info);
        master.stream_closed(stream as u64);
    }
    let left = |master: &Master| master.frameworks.keys().cloned().collect::<Vec<_>>();
    wait(&mut master, 1);
    assert_eq!(left(&master), ["nan", "negative", "short"]);
    wait(&mut master, 24 * 3600);
    assert_eq!(left(&master), ["nan", "negative"]);
}
