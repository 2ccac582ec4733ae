//! The embedded cluster with several agents: agents that crash, are cut off, come back or end, and a master that fails over. The clock is
//! moved on instead of being waited for. States, reasons and texts are those of a real 1.11.0.

#[path = "support/local.rs"]
mod local_support;

use local_support::executor::{Executor, COMMAND};
use local_support::*;
use mesos_perl::local::{Access, Cluster, Config, Control};
use mesos_perl::proto::executor::{call as executor_call, Call, Event};
use mesos_perl::proto::framework_info::{capability, Capability};
use mesos_perl::proto::scheduler::call::{reconcile, Reconcile, Type};
use mesos_perl::proto::task_status::Reason;
use mesos_perl::proto::{FrameworkInfo, Offer, SlaveId, TaskId, TaskState};
use prost::Message;
use std::collections::BTreeSet;
use std::time::Duration;

/// Enough for an agent to be given up: five pings of 15 s without an answer, and one more.
const PINGS: Duration = Duration::from_secs(90);

fn cluster_of(agents: usize) -> Cluster {
    let config = Config {
        agents,
        ..config("cpus:2;mem:1024;disk:100;ports:[1-1]")
    };
    Cluster::start(config).expect("cluster")
}

fn named(name: &str, checkpoint: bool, aware: bool) -> FrameworkInfo {
    let capability = Capability {
        r#type: Some(capability::Type::PartitionAware as i32),
    };
    FrameworkInfo {
        checkpoint: Some(checkpoint),
        failover_timeout: Some(1e6),
        capabilities: if aware { vec![capability] } else { vec![] },
        ..info(name)
    }
}

/// Asks for the state of a task, and returns the answer's state and message.
fn reconciled(framework: &mut Framework, task: &str, agent: Option<SlaveId>) -> (TaskState, String) {
    let tasks = vec![reconcile::Task {
        task_id: TaskId { value: task.into() },
        slave_id: agent,
    }];
    framework.accepted(mesos_perl::proto::scheduler::Call {
        reconcile: Some(Reconcile { tasks }),
        ..call(Type::Reconcile)
    });
    let answer = framework.find("an answer", |event| {
        let status = &event.update.as_ref()?.status;
        let reconciliation = status.reason() == Reason::Reconciliation;
        (reconciliation && status.task_id.value == task).then(|| status.clone())
    });
    (answer.state(), answer.message().to_string())
}

fn failed_agent(framework: &mut Framework) -> String {
    framework.find("the end of an agent", |event| {
        let failure = event.failure.as_ref().filter(|failure| failure.executor_id.is_none())?;
        Some(failure.slave_id.as_ref()?.value.clone())
    })
}

fn state_of(cluster: &Cluster) -> serde_json::Value {
    let authorization = format!("Bearer {}", cluster.secret());
    let headers = [("Authorization", authorization.as_str()), ("Connection", "close")];
    let reply = request(cluster.address(), "GET", "/state", &headers, b"");
    serde_json::from_slice(&reply.body).expect("JSON")
}

#[test]
fn every_agent_makes_offers_and_runs_tasks() {
    let cluster = cluster_of(3);
    let mut framework = Framework::new(&cluster);
    let offers = framework.find("offers", |event| Some(event.offers.as_ref()?.offers.clone()));
    let agents: BTreeSet<String> = offers.iter().map(|offer| offer.slave_id.value.clone()).collect();
    assert_eq!((offers.len(), agents.len()), (3, 3));
    for (index, offer) in offers.iter().enumerate() {
        framework.agent_id = offer.slave_id.clone();
        let id = format!("t{index}");
        let task = framework.command(&id, "echo $MESOS_SLAVE_ID > id; exit 0");
        framework.launch_on(offer, vec![task]);
        assert_eq!(
            framework.story(&id).last().map(|(state, _)| *state),
            Some(TaskState::TaskFinished)
        );
        let sandbox = framework.sandbox(&cluster, &id);
        let seen = std::fs::read_to_string(sandbox.join("id")).expect("id");
        assert_eq!(seen.trim(), offer.slave_id.value);
    }
    let state = state_of(&cluster);
    assert_eq!(state["slaves"].as_array().map(Vec::len), Some(3));
    assert_eq!(state["activated_slaves"], 3.0);
    // One more, and one that ends in order.
    cluster.control(Control::AddAgent);
    let new = framework.find("an offer of the new agent", |event| {
        let offers = event.offers.iter().flat_map(|offers| &offers.offers);
        offers
            .map(|offer| offer.slave_id.value.clone())
            .find(|id| !agents.contains(id))
    });
    cluster.control(Control::StopAgent(3));
    assert_eq!(failed_agent(&mut framework), new);
}

#[test]
fn an_agent_that_is_cut_off_comes_back_with_its_tasks() {
    let cluster = cluster_of(1);
    let mut aware = Framework::of(&cluster, named("aware", false, true));
    aware.launch(vec![aware.command("a", "sleep 1000")]);
    aware.wait_for("a", TaskState::TaskRunning);
    aware.accepted(call(Type::Suppress));
    let mut plain = Framework::of(&cluster, named("plain", true, false));
    plain.launch(vec![plain.command("p", "sleep 1000")]);
    plain.wait_for("p", TaskState::TaskRunning);
    cluster.control(Control::CutAgent(0));
    cluster.control(Control::AdvanceClock(PINGS));
    let lost = aware.update("a");
    assert_eq!(
        (lost.state(), lost.message()),
        (TaskState::TaskUnreachable, "health check timed out")
    );
    assert_eq!(lost.reason(), Reason::SlaveRemoved);
    assert!(lost.unreachable_time.is_some() && lost.uuid.is_none());
    assert_eq!(plain.update("p").state(), TaskState::TaskLost);
    let agent = aware.agent_id.clone();
    assert_eq!(failed_agent(&mut aware), agent.value);
    assert_eq!(
        reconciled(&mut aware, "a", Some(agent.clone())),
        (TaskState::TaskUnreachable, "Reconciliation: Task is unreachable".into())
    );
    assert_eq!(
        reconciled(&mut aware, "a", None),
        (TaskState::TaskUnknown, "Reconciliation: Task is unknown".into())
    );
    // The agent notices the silence, and asks until it is heard.
    cluster.control(Control::HealAgent(0));
    cluster.control(Control::AdvanceClock(PINGS));
    for (framework, task) in [(&mut aware, "a"), (&mut plain, "p")] {
        let back = framework.update(task);
        assert_eq!(
            (back.state(), back.message()),
            (TaskState::TaskRunning, "Unreachable agent re-reregistered")
        );
        assert_eq!(back.reason(), Reason::SlaveReregistered);
    }
    // It is the same process, which can be killed.
    aware.kill("a", Some(0.0));
    aware.wait_for("a", TaskState::TaskKilled);
}

#[test]
fn tasks_that_are_checkpointed_survive_a_crash_of_their_agent() {
    let cluster = cluster_of(1);
    let mut fleeting = Framework::of(&cluster, named("fleeting", false, true));
    fleeting.launch(vec![fleeting.command("f", "echo $$ > pid; exec sleep 1000")]);
    fleeting.wait_for("f", TaskState::TaskRunning);
    let pid = number_in(&fleeting.sandbox(&cluster, "f").join("pid"));
    fleeting.accepted(call(Type::Suppress));
    let mut lasting = Framework::of(&cluster, named("lasting", true, true));
    lasting.launch(vec![
        lasting.command("ends", "while [ ! -e end ]; do sleep 0.05; done"),
        lasting.command("stays", "sleep 1000"),
    ]);
    lasting.wait_for("ends", TaskState::TaskRunning);
    lasting.wait_for("stays", TaskState::TaskRunning);
    cluster.control(Control::CrashAgent(0));
    let lost = fleeting.update("f");
    assert_eq!(
        (lost.state(), lost.message()),
        (TaskState::TaskLost, "Agent localhost disconnected")
    );
    assert_eq!(lost.reason(), Reason::SlaveDisconnected);
    until("the task has ended with its agent", || !is_alive(pid));
    // A task ends while there is no agent: its end is told when there is one.
    std::fs::write(lasting.sandbox(&cluster, "ends").join("end"), "").expect("end");
    cluster.control(Control::StartAgent(0));
    cluster.control(Control::AdvanceClock(Duration::from_secs(2)));
    lasting.wait_for("ends", TaskState::TaskFinished);
    let agent = lasting.agent_id.clone();
    assert_eq!(
        reconciled(&mut lasting, "stays", Some(agent)),
        (TaskState::TaskRunning, "Reconciliation: Latest task state".into())
    );
    lasting.kill("stays", Some(0.0));
    lasting.wait_for("stays", TaskState::TaskKilled);
    let offer = lasting.offer();
    assert_eq!(offer.slave_id, lasting.agent_id);
}

#[test]
fn executors_come_back_to_an_agent_that_was_restarted_or_are_given_up() {
    let cluster = cluster_of(1);
    let mut framework = Framework::of(&cluster, named("executors", true, true));
    framework.launch(vec![
        framework.task_of("a", "comes", COMMAND),
        framework.task_of("b", "stays away", COMMAND),
    ]);
    let mut comes = Executor::of(&cluster, &framework, "comes");
    let mut away = Executor::of(&cluster, &framework, "stays away");
    for executor in [&mut comes, &mut away] {
        executor.subscribe(executor_call::Subscribe::default());
        executor.subscribed();
        executor.launched();
    }
    comes.update("a", TaskState::TaskRunning, 1);
    framework.wait_for("a", TaskState::TaskRunning);
    away.update("b", TaskState::TaskRunning, 2);
    framework.wait_for("b", TaskState::TaskRunning);
    cluster.control(Control::CrashAgent(0));
    assert!(comes.records.as_mut().unwrap().next::<Event>().is_none(), "the stream breaks");
    // An agent that is down refuses nothing for good: its executors ask again.
    let again = comes.call(executor_call::Type::Update);
    assert_eq!(comes.post(again), (503, "Agent has not finished recovery".into()));
    cluster.control(Control::StartAgent(0));
    comes.subscribe(executor_call::Subscribe::default());
    comes.subscribed();
    cluster.control(Control::AdvanceClock(Duration::from_secs(2)));
    let failed = framework.update("b");
    assert_eq!(
        (failed.state(), failed.message()),
        (TaskState::TaskFailed, "Executor did not reregister within 2secs")
    );
    assert_eq!(failed.reason(), Reason::ExecutorReregistrationTimeout);
    comes.update("a", TaskState::TaskFinished, 3);
    framework.wait_for("a", TaskState::TaskFinished);
}

/// The offers of two agents, and on each of them a task, `a` and `b`, of an executor with the same id that has subscribed.
fn namesakes(cluster: &Cluster, framework: &mut Framework) -> (Vec<Offer>, Vec<Executor>) {
    let offers = framework.find("offers", |event| Some(event.offers.as_ref()?.offers.clone()));
    let mut executors = Vec::new();
    for (offer, task) in offers.iter().zip(["a", "b"]) {
        framework.agent_id = offer.slave_id.clone();
        framework.launch_on(offer, vec![framework.task_of(task, "default", COMMAND)]);
        let mut executor = Executor::of(cluster, framework, "default");
        executor.subscribe(executor_call::Subscribe::default());
        assert_eq!(executor.subscribed().slave_info.id, Some(offer.slave_id.clone()));
        assert_eq!(executor.launched(), task);
        executors.push(executor);
    }
    (offers, executors)
}

#[test]
fn executors_of_two_agents_may_have_the_same_id() {
    let cluster = cluster_of(2);
    let mut framework = Framework::new(&cluster);
    let (offers, mut executors) = namesakes(&cluster, &mut framework);
    assert_eq!(
        executors.iter().map(|e| e.agent.as_str()).collect::<Vec<_>>(),
        ["slave(1)", "slave(2)"]
    );
    // The task of another agent is none of the first one's business, though it may say so.
    executors[0].update("b", TaskState::TaskFailed, 9);
    framework.wait_for("b", TaskState::TaskFailed);
    for (executor, (offer, task)) in executors.iter_mut().zip(offers.iter().zip(["a", "b"])) {
        framework.agent_id = offer.slave_id.clone();
        executor.update(task, TaskState::TaskRunning, 1);
        let running = framework.wait_for(task, TaskState::TaskRunning);
        assert_eq!(running.slave_id, Some(offer.slave_id.clone()));
    }
    let state = state_of(&cluster);
    let tasks = state["frameworks"][0]["tasks"].as_array().expect("tasks").clone();
    assert!(tasks.iter().all(|task| task["state"] == "TASK_RUNNING"), "{tasks:?}");
}

/// A cluster that is open to everybody, as mesos-local is.
#[test]
fn an_executor_of_an_agent_that_is_down_is_not_taken_for_its_namesake() {
    let open = Access {
        open: true,
        ..Access::default()
    };
    let config = Config {
        agents: 2,
        access: open,
        ..config("cpus:2;mem:1024;disk:100;ports:[1-1]")
    };
    let cluster = Cluster::start(config).expect("cluster");
    let mut framework = Framework::of(&cluster, named("namesakes", true, true));
    let (offers, mut executors) = namesakes(&cluster, &mut framework);
    for (executor, (offer, task)) in executors.iter_mut().zip(offers.iter().zip(["a", "b"])) {
        framework.agent_id = offer.slave_id.clone();
        executor.update(task, TaskState::TaskRunning, 1);
        framework.wait_for(task, TaskState::TaskRunning);
    }
    let number = usize::from(executors[0].agent != "slave(1)");
    cluster.control(Control::CrashAgent(number));
    let update = executor_call::Update {
        status: Executor::status("a", TaskState::TaskFinished, 3),
    };
    let ended = Call {
        update: Some(update),
        ..executors[0].call(executor_call::Type::Update)
    };
    let subscribe = Call {
        subscribe: Some(executor_call::Subscribe::default()),
        ..executors[0].call(executor_call::Type::Subscribe)
    };
    for call in [ended, subscribe] {
        // Clients of other languages may leave out the token.
        let headers = [("Content-Type", "application/x-protobuf")];
        let reply = request(
            executors[0].address,
            "POST",
            "/api/v1/executor",
            &headers,
            &call.encode_to_vec(),
        );
        assert_eq!((reply.status, reply.text()), (503, "Agent has not finished recovery"));
        assert_eq!(executors[0].post(call), (503, "Agent has not finished recovery".into()));
    }
    // The other one has heard nothing of that.
    executors[1].update("b", TaskState::TaskFinished, 2);
    framework.wait_for("b", TaskState::TaskFinished);
    framework.agent_id = offers[0].slave_id.clone();
    cluster.control(Control::StartAgent(number));
    executors[0].subscribe(executor_call::Subscribe::default());
    executors[0].subscribed();
    executors[0].update("a", TaskState::TaskFinished, 2);
    let finished = framework.wait_for("a", TaskState::TaskFinished);
    assert_eq!(finished.slave_id, Some(offers[0].slave_id.clone()));
}

#[test]
fn an_agent_that_ends_waits_for_what_it_has_to_kill() {
    let cluster = cluster_of(1);
    let mut framework = Framework::of(&cluster, named("f", true, true));
    framework.launch(vec![
        framework.command("t", "trap '' TERM; echo $$ > pid; while :; do sleep 0.1; done")
    ]);
    framework.wait_for("t", TaskState::TaskRunning);
    let pid = number_in(&framework.sandbox(&cluster, "t").join("pid"));
    cluster.control(Control::StopAgent(0));
    cluster.control(Control::StartAgent(0));
    // Its grace is three seconds.
    cluster.control(Control::AdvanceClock(Duration::from_secs(3)));
    until("the task has ended", || !is_alive(pid));
    let offer = framework.find("an offer of the new agent", |event| {
        let offers = event.offers.iter().flat_map(|offers| &offers.offers);
        let mut new = offers.filter(|offer| offer.slave_id.value.ends_with("-S1"));
        new.next().cloned()
    });
    framework.agent_id = offer.slave_id.clone();
    framework.launch_on(&offer, vec![framework.command("new", "exit 0")]);
    assert_eq!(
        framework.story("new").last().map(|(state, _)| *state),
        Some(TaskState::TaskFinished)
    );
}

#[test]
fn frameworks_and_agents_come_back_to_a_new_master() {
    let cluster = cluster_of(2);
    let mut old = Framework::of(&cluster, named("f", true, true));
    old.launch(vec![old.command("t", "sleep 1000")]);
    let agent = old.wait_for("t", TaskState::TaskRunning).slave_id.expect("agent");
    cluster.control(Control::FailOverMaster);
    assert!(old.ends(), "the stream ends without an error");
    let again = FrameworkInfo {
        id: Some(old.id.clone()),
        ..named("f", true, true)
    };
    let mut framework = Framework::of(&cluster, again);
    assert_eq!(framework.id, old.id);
    framework.agent_id = agent.clone();
    assert_eq!(
        reconciled(&mut framework, "t", Some(agent.clone())),
        (TaskState::TaskRunning, "Reconciliation: Latest task state".into())
    );
    let state = state_of(&cluster);
    assert_eq!(state["slaves"].as_array().map(Vec::len), Some(2));
    assert_eq!(state["frameworks"][0]["tasks"].as_array().map(Vec::len), Some(1));
    framework.kill("t", Some(0.0));
    framework.wait_for("t", TaskState::TaskKilled);
    // A new framework's id does not clash with one of before.
    assert_ne!(Framework::new(&cluster).id, framework.id);
}

#[test]
fn a_new_driver_finds_the_tasks_of_the_one_before() {
    let cluster = cluster_of(1);
    let mut old = Framework::of(&cluster, named("f", false, true));
    old.launch(vec![old.command("t", "sleep 1000")]);
    old.wait_for("t", TaskState::TaskRunning);
    let again = || FrameworkInfo {
        id: Some(old.id.clone()),
        ..named("f", false, true)
    };
    // The old one is still there, and hears of it.
    let mut new = Framework::of(&cluster, again());
    assert_eq!(reconciled(&mut new, "t", None).0, TaskState::TaskRunning);
    // It is gone for a day, and is waited for.
    let last = again();
    drop((old, new));
    until("it is disconnected", || {
        state_of(&cluster)["frameworks"][0]["connected"] == false
    });
    cluster.control(Control::AdvanceClock(Duration::from_secs(24 * 3600)));
    let mut new = Framework::of(&cluster, last.clone());
    assert_eq!(reconciled(&mut new, "t", None).0, TaskState::TaskRunning);
    drop(new);
    until("it is disconnected", || {
        state_of(&cluster)["frameworks"][0]["connected"] == false
    });
    // But not for ever.
    cluster.control(Control::AdvanceClock(Duration::from_secs(1_000_001)));
    let state = state_of(&cluster);
    assert_eq!(state["frameworks"].as_array().map(Vec::len), Some(0));
    assert_eq!(state["completed_frameworks"][0]["completed_tasks"][0]["state"], "TASK_KILLED");
}

#[test]
fn an_agent_that_was_marked_gone_ends_with_all_that_it_runs() {
    let cluster = cluster_of(1);
    let mut framework = Framework::of(&cluster, named("f", true, true));
    framework.launch(vec![framework.command("t", "echo $$ > pid; exec sleep 1000")]);
    framework.wait_for("t", TaskState::TaskRunning);
    let pid = number_in(&framework.sandbox(&cluster, "t").join("pid"));
    let agent = framework.agent_id.clone();
    cluster.control(Control::MarkAgentGone(agent.value.clone()));
    let gone = framework.update("t");
    assert_eq!(
        (gone.state(), gone.reason()),
        (TaskState::TaskGoneByOperator, Reason::SlaveRemovedByOperator)
    );
    assert_eq!(failed_agent(&mut framework), agent.value);
    until("the task has ended", || !is_alive(pid));
    assert_eq!(
        reconciled(&mut framework, "t", Some(agent)),
        (TaskState::TaskGoneByOperator, "Reconciliation: Task is gone".into())
    );
    // Another one may take its place.
    cluster.control(Control::StartAgent(0));
    let offer = framework.offer();
    assert!(offer.slave_id.value.ends_with("-S1"));
}
