//! The machine without sockets: a captured session byte by byte, and everything that depends on the clock.

mod agents;
mod queues;

use super::*;
use crate::message::field_number::task_info;
use crate::native::captures;
use crate::native::executor::environment::tests::variables;
use crate::native::protocol::action::{Link, LinkAction};
use std::collections::BTreeMap;

fn at(seconds: f64) -> Now {
    Now {
        elapsed: Duration::from_secs_f64(seconds),
        wall: 1.7e9 + seconds,
    }
}

fn environment(changes: &[(&str, &str)]) -> Environment {
    let mut all: BTreeMap<String, String> = variables();
    all.extend(changes.iter().map(|(n, v)| (n.to_string(), v.to_string())));
    Environment::read(|name| all.get(name).cloned()).expect("environment")
}

fn names(actions: &[Action]) -> Vec<&'static str> {
    let emitted = actions.iter().filter_map(|action| match action {
        Action::Emit(emission) => Some(emission.name),
        _ => None,
    });
    emitted.collect()
}

/// The Calls that are sent.
fn sent(actions: &[Action]) -> Vec<wire::Call> {
    let sent = actions.iter().flat_map(|action| match action {
        Action::Link(LinkAction::Send(_, bytes)) => captures::bodies(bytes),
        _ => Vec::new(),
    });
    sent.map(|body| wire::Call::decode(body).expect("call")).collect()
}

fn chunk(event: &Event) -> Vec<u8> {
    let event = event.encode_to_vec();
    let record = [format!("{}\n", event.len()).as_bytes(), &event].concat();
    [format!("{:x}\r\n", record.len()).as_bytes(), &record, b"\r\n"].concat()
}

fn event(kind: EventType) -> Event {
    Event {
        kind: Some(kind as i32),
        ..Default::default()
    }
}

/// Connects and subscribes at that second.
fn subscribe(machine: &mut ExecutorMachine, second: f64) -> Vec<Action> {
    machine.opened(Link::Stream, at(second));
    subscribed(machine, second)
}

/// SUBSCRIBE is answered.
fn subscribed(machine: &mut ExecutorMachine, second: f64) -> Vec<Action> {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-protobuf\r\n\r\n";
    let subscribed = Event {
        subscribed: Some(wire::Subscribed::default()),
        ..event(EventType::Subscribed)
    };
    machine.received(Link::Stream, &[&head[..], &chunk(&subscribed)].concat(), at(second));
    machine.take_actions()
}

fn registered(changes: &[(&str, &str)]) -> ExecutorMachine {
    let mut machine = ExecutorMachine::new(environment(changes), Arc::new(Counters::executor()), 3);
    machine.start(at(0.0));
    assert_eq!(names(&subscribe(&mut machine, 0.0)), ["registered"]);
    machine
}

fn launch(machine: &mut ExecutorMachine, task: &str) {
    let mut info = Vec::new();
    fields::append(&mut info, task_info::TASK_ID, &fields::id(task));
    let launch = Some(wire::Launch { task: Some(info) });
    let event = Event {
        launch,
        ..event(EventType::Launch)
    };
    machine.received(Link::Stream, &chunk(&event), at(1.0));
}

fn update(uuid: &[u8]) -> Command {
    Command::Update {
        uuid: uuid.to_vec(),
        status: uuid.to_vec(),
    }
}

fn acknowledge(machine: &mut ExecutorMachine, task: &str, uuid: &[u8]) {
    let acknowledged = wire::Acknowledged {
        task_id: Some(fields::id(task)),
        uuid: Some(uuid.to_vec()),
    };
    let event = Event {
        acknowledged: Some(acknowledged),
        ..event(EventType::Acknowledged)
    };
    machine.received(Link::Stream, &chunk(&event), at(2.0));
}

#[test]
fn an_agent_that_launches_without_end_is_not_remembered_without_end() {
    let mut machine = registered(&[]);
    for number in 0..1_000_000 {
        let mut task = Vec::new();
        fields::append(&mut task, task_info::TASK_ID, &fields::id(&number.to_string()));
        machine.launch(task);
        machine.take_actions();
    }
    assert_eq!(machine.tasks.count(), crate::native::remembered::MAX_COUNT);
}

#[test]
fn captured_sessions_byte_by_byte() {
    for (folder, expected) in [
        (
            "protobuf/executor",
            &[
                "registered",
                "launchTask",
                "launchTask",
                "frameworkMessage",
                "killTask",
                "shutdown",
            ][..],
        ),
        // The group's tasks one by one.
        (
            "protobuf/executor-group",
            &["registered", "launchTask", "launchTask", "shutdown"],
        ),
        ("protobuf/executor-cap3", &["registered", "launchTask"]),
    ] {
        let Some(json) = captures::read(&format!("{folder}/executor-environment.json")) else {
            return;
        };
        let all: BTreeMap<String, String> = serde_json::from_slice(&json).expect("JSON");
        let environment = Environment::read(|name| all.get(name).cloned()).expect("environment");
        let request = captures::read(&format!("{folder}/00-SUBSCRIBE.request.http")).expect("request");
        let response = captures::read(&format!("{folder}/00-SUBSCRIBE.response.http")).expect("response");
        let mut machine = ExecutorMachine::new(environment, Arc::new(Counters::executor()), 3);
        machine.start(at(0.0));
        machine.opened(Link::Stream, at(0.0));
        let body = &request[request.windows(4).position(|w| w == b"\r\n\r\n").expect("head") + 4..];
        assert_eq!(
            sent(&machine.take_actions())[0],
            wire::Call::decode(body).expect("SUBSCRIBE"),
            "{folder}"
        );
        let mut all = Vec::new();
        for byte in response.chunks(1) {
            machine.received(Link::Stream, byte, at(1.0));
            all.extend(machine.take_actions());
        }
        assert_eq!(names(&all), expected, "{folder}");
        let launched: Vec<_> = all
            .iter()
            .filter_map(|action| match action {
                Action::Emit(emission) if emission.name == "launchTask" => emission.args.first().cloned(),
                _ => None,
            })
            .collect();
        let records = captures::records(&format!("{folder}/00-SUBSCRIBE.recordio"));
        let tasks = records.iter().flat_map(|record| {
            let event = proto::executor::Event::decode(&record[..]).expect("event");
            let group = event.launch_group.map(|l| l.task_group.tasks).unwrap_or_default();
            event.launch.map(|l| l.task).into_iter().chain(group)
        });
        let tasks: Vec<_> = tasks
            .map(|task| Arg::message(class::TASK_INFO, task.encode_to_vec()))
            .collect();
        assert!(launched == tasks, "{folder}");
    }
}

#[test]
fn updates_are_completed_like_the_captured_ones() {
    let status = proto::TaskStatus {
        task_id: proto::TaskId { value: "t".into() },
        state: proto::TaskState::TaskRunning as i32,
        message: Some("m".into()),
        slave_id: Some(proto::SlaveId { value: "wrong".into() }),
        source: Some(0),
        timestamp: Some(1.0),
        uuid: Some(vec![9].into()),
        ..Default::default()
    };
    let environment = environment(&[]);
    let made = complete(&status.encode_to_vec(), &environment, &[5; 16], 1.7e9).expect("complete");
    let expected = proto::TaskStatus {
        slave_id: Some(proto::SlaveId { value: "S0".into() }),
        executor_id: Some(proto::ExecutorId { value: "E".into() }),
        source: Some(proto::task_status::Source::Executor as i32),
        timestamp: Some(1.7e9),
        uuid: Some(vec![5; 16].into()),
        ..status.clone()
    };
    assert_eq!(proto::TaskStatus::decode(&made[..]), Ok(expected));

    let staging = proto::TaskStatus {
        state: proto::TaskState::TaskStaging as i32,
        ..status.clone()
    };
    let empty = proto::TaskStatus {
        task_id: proto::TaskId { value: String::new() },
        ..status.clone()
    };
    let unknown = proto::TaskStatus { state: 99, ..status };
    for (bytes, problem) in [
        (vec![0xff], "not an encoded TaskStatus"),
        (vec![], "TaskStatus.task_id is missing"),
        (
            fields::id("").into_iter().chain([0x12, 0]).collect(),
            "not an encoded TaskStatus",
        ),
        (staging.encode_to_vec(), "TASK_STAGING is not for executors"),
        (empty.encode_to_vec(), "TaskStatus.task_id is empty"),
        (unknown.encode_to_vec(), "TaskStatus.state: there is no state 99"),
    ] {
        let error = complete(&bytes, &environment, &[5; 16], 0.0).expect_err(problem).to_string();
        assert!(error.starts_with(&format!("status: {problem}")), "{error}");
    }
}

#[test]
fn with_checkpointing_everything_unacknowledged_is_sent_again() {
    let checkpoint = [("MESOS_CHECKPOINT", "1"), ("MESOS_RECOVERY_TIMEOUT", "10secs")];
    let mut machine = registered(&checkpoint);
    launch(&mut machine, "t1");
    launch(&mut machine, "t2");
    machine.command(update(b"u1"), at(1.0));
    machine.command(update(b"u2"), at(1.0));
    machine.opened(Link::Calls, at(1.0));
    assert_eq!(sent(&machine.take_actions()).len(), 2);
    acknowledge(&mut machine, "t1", b"u1");
    machine.broken(Link::Stream, "gone".into(), at(3.0));
    let actions = machine.take_actions();
    assert_eq!(names(&actions), ["disconnected"]);
    machine.command(update(b"u3"), at(3.0));
    machine.tick(at(5.5));
    machine.opened(Link::Stream, at(5.5));
    // Too late for SUBSCRIBE.
    machine.command(update(b"u4"), at(5.6));
    let calls = sent(&machine.take_actions());
    let again = calls[0].subscribe.clone().expect("SUBSCRIBE");
    let updates: Vec<_> = again.unacknowledged_updates.iter().map(|u| u.status.clone()).collect();
    assert_eq!(updates, [b"u2".to_vec(), b"u3".to_vec()]);
    assert_eq!(again.unacknowledged_tasks.len(), 1);
    assert_eq!(names(&subscribed(&mut machine, 5.7)), ["reregistered"]);
    machine.opened(Link::Calls, at(5.7));
    let actions = machine.take_actions();
    assert_eq!(
        sent(&actions)[0].update.as_ref().map(|u| u.status.clone()),
        Some(b"u4".to_vec())
    );

    // The agent stays away: after the recovery timeout the executor is shut down.
    let mut now = 20.0;
    machine.broken(Link::Stream, "gone".into(), at(now));
    let mut told = names(&machine.take_actions());
    while !told.contains(&"shutdown") {
        now = machine.deadline().expect("a next attempt").as_secs_f64();
        assert!(now <= 30.0, "{now}");
        machine.tick(at(now));
        machine.broken(Link::Stream, "refused".into(), at(now));
        told.extend(names(&machine.take_actions()));
    }
    assert_eq!(told, ["disconnected", "shutdown"]);
    assert!(now >= 29.9, "{now}");
}

#[test]
fn without_checkpointing_the_loss_of_the_agent_is_the_end() {
    for connected_once in [true, false] {
        let mut machine = ExecutorMachine::new(environment(&[]), Arc::new(Counters::executor()), 3);
        machine.start(at(0.0));
        if connected_once {
            subscribe(&mut machine, 0.0);
        }
        machine.broken(Link::Stream, "gone".into(), at(1.0));
        assert_eq!(names(&machine.take_actions()), ["shutdown"]);
        assert_eq!(machine.deadline(), Some(Duration::from_secs(6)), "the grace period");
    }
}

#[test]
fn an_agent_that_recovers_is_waited_for_and_one_that_knows_nothing_ends_it() {
    let answer = |machine: &mut ExecutorMachine, status: &str, body: &str| {
        machine.opened(Link::Stream, at(0.0));
        let response = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        machine.received(Link::Stream, response.as_bytes(), at(0.0));
        names(&machine.take_actions())
    };
    let mut machine = ExecutorMachine::new(environment(&[]), Arc::new(Counters::executor()), 3);
    machine.start(at(0.0));
    assert_eq!(
        answer(&mut machine, "503 Service Unavailable", "Agent has not finished recovery"),
        [""; 0]
    );
    let next = machine.deadline().expect("a next attempt");
    machine.tick(at(next.as_secs_f64()));
    assert_eq!(
        answer(&mut machine, "400 Bad Request", "Framework cannot be found"),
        ["shutdown"]
    );

    let mut machine = ExecutorMachine::new(environment(&[]), Arc::new(Counters::executor()), 3);
    machine.start(at(0.0));
    assert_eq!(answer(&mut machine, "401 Unauthorized", "no"), ["error"]);
}

#[test]
fn the_grace_period_ends_with_sigkill_unless_local() {
    let mut machine = registered(&[("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "2secs")]);
    machine.received(Link::Stream, &chunk(&event(EventType::Shutdown)), at(1.0));
    assert_eq!(names(&machine.take_actions()), ["shutdown"]);
    // No callbacks any more, but updates still go out.
    launch(&mut machine, "late");
    machine.command(update(b"u"), at(1.5));
    machine.opened(Link::Calls, at(1.5));
    let actions = machine.take_actions();
    assert_eq!((names(&actions).len(), sent(&actions).len()), (0, 1));
    acknowledge(&mut machine, "t", b"u");
    machine.received(Link::Calls, b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", at(2.0));
    machine.command(Command::Stop, at(2.0));
    assert!(
        !machine.take_actions().contains(&Action::Done),
        "the clock runs on after stop"
    );
    assert_eq!(machine.deadline(), Some(Duration::from_secs(3)));
    machine.tick(at(3.0));
    assert!(machine.take_actions().contains(&Action::KillProcessGroup));

    let mut local = registered(&[("MESOS_LOCAL", "1")]);
    local.received(Link::Stream, &chunk(&event(EventType::Shutdown)), at(1.0));
    assert_eq!(local.deadline(), None);
}

#[test]
fn the_end_waits_for_the_agents_acknowledgement() {
    for acknowledged in [true, false] {
        let mut machine = registered(&[]);
        machine.command(update(b"u"), at(1.0));
        machine.opened(Link::Calls, at(1.0));
        machine.command(Command::Stop, at(1.0));
        machine.received(Link::Calls, b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", at(1.5));
        assert!(!machine.take_actions().contains(&Action::Done), "202 is not ACKNOWLEDGED");
        match acknowledged {
            true => acknowledge(&mut machine, "t", b"u"),
            false => {
                assert_eq!(machine.deadline(), Some(Duration::from_secs(6)));
                machine.tick(at(6.0));
            }
        }
        assert_eq!(machine.take_actions().last(), Some(&Action::Done));
    }
}

/// Its answers to updates, one after the other, are of this status.
#[test]
fn what_an_agent_refuses_of_an_update_is_left_out() {
    for (status, stopping) in [("400 Bad Request", false), ("413 Payload Too Large", true)] {
        let mut machine = registered(&[]);
        let given = proto::TaskStatus {
            task_id: proto::TaskId { value: "t".into() },
            state: proto::TaskState::TaskFinished as i32,
            data: Some(vec![7; 100].into()),
            ..Default::default()
        };
        let status_bytes = complete(&given.encode_to_vec(), &environment(&[]), &[5; 16], 1.0).expect("complete");
        let (uuid, whole) = (vec![5; 16], status_bytes.clone());
        machine.command(
            Command::Update {
                uuid,
                status: status_bytes,
            },
            at(1.0),
        );
        machine.opened(Link::Calls, at(1.0));
        if stopping {
            machine.command(Command::Stop, at(1.0));
        }
        let sent_updates = |machine: &mut ExecutorMachine| {
            let calls = sent(&machine.take_actions());
            calls
                .into_iter()
                .filter_map(|call| Some(call.update?.status))
                .collect::<Vec<_>>()
        };
        assert_eq!(sent_updates(&mut machine), [whole]);
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\nbad");
        machine.received(Link::Calls, answer.as_bytes(), at(1.5));
        // The state gets through, with the reason, and the same uuid: should the agent have it already, it knows.
        let [again] = &sent_updates(&mut machine)[..] else {
            panic!("not sent again")
        };
        let message = format!("The agent refused this update: {} (bad) for UPDATE", &status[..3]);
        let again = proto::TaskStatus::decode(&again[..]).expect("TaskStatus");
        assert!(again.message().starts_with(&message), "{}", again.message());
        let expected = proto::TaskStatus {
            message: again.message.clone(),
            slave_id: Some(proto::SlaveId { value: "S0".into() }),
            executor_id: Some(proto::ExecutorId { value: "E".into() }),
            source: Some(proto::task_status::Source::Executor as i32),
            timestamp: Some(1.0),
            uuid: Some(vec![5; 16].into()),
            data: None,
            ..given
        };
        assert_eq!(again, expected);
        // Not even that: the executor hears of it, and does not wait for what cannot come.
        machine.received(Link::Calls, answer.as_bytes(), at(2.0));
        let actions = machine.take_actions();
        assert_eq!(actions.last(), Some(&Action::Done));
        let error = format!("The agent refuses the updates of task t: {} (bad) for UPDATE", &status[..3]);
        assert_eq!(
            actions.contains(&Action::Emit(Emission::fatal(&error))),
            !stopping,
            "{actions:?}"
        );
    }
}

#[test]
fn an_attempt_that_hangs_does_not_prolong_the_recovery_timeout() {
    for answers in [false, true] {
        let mut machine = registered(&[("MESOS_CHECKPOINT", "1"), ("MESOS_RECOVERY_TIMEOUT", "3secs")]);
        machine.broken(Link::Stream, "gone".into(), at(20.0));
        assert_eq!(names(&machine.take_actions()), ["disconnected"]);
        let next = machine.deadline().expect("attempt");
        assert!(next < at(23.0).elapsed);
        machine.tick(at(next.as_secs_f64()));
        if answers {
            machine.opened(Link::Stream, at(next.as_secs_f64()));
        }
        machine.take_actions();
        assert_eq!(machine.deadline(), Some(at(23.0).elapsed));
        machine.tick(at(22.9));
        assert_eq!(names(&machine.take_actions()), [""; 0]);
        machine.tick(at(23.0));
        let actions = machine.take_actions();
        assert_eq!(names(&actions), ["shutdown"]);
        assert!(actions.contains(&Action::Link(LinkAction::Close(Link::Stream))));
        assert!(!actions
            .iter()
            .any(|action| matches!(action, Action::Link(LinkAction::Open(..)))));
    }
}

#[test]
fn without_its_agent_an_executor_that_stops_ends_at_once() {
    for variables in [&[][..], &[("MESOS_CHECKPOINT", "1"), ("MESOS_RECOVERY_TIMEOUT", "3secs")]] {
        let mut machine = registered(variables);
        launch(&mut machine, "t");
        machine.take_actions();
        machine.broken(Link::Stream, "gone".into(), at(20.0));
        machine.tick(at(23.0));
        assert!(names(&machine.take_actions()).contains(&"shutdown"));
        // What the shutdown callback does.
        machine.command(update(b"u"), at(23.0));
        machine.command(Command::Stop, at(23.0));
        machine.command(Command::Close, at(23.0));
        let actions = machine.take_actions();
        assert_eq!(actions.last(), Some(&Action::Done));
        machine.tick(at(60.0));
        assert!(!machine.take_actions().contains(&Action::KillProcessGroup));
    }
}

#[test]
fn an_agent_that_is_slow_is_not_gone_for_an_executor_that_cannot_come_back() {
    for (variables, patient) in [(&[][..], true), (&[("MESOS_CHECKPOINT", "1")], false)] {
        let mut machine = registered(variables);
        machine.take_actions();
        machine.command(update(b"u"), at(10.0));
        machine.opened(Link::Calls, at(10.0));
        assert!(machine
            .take_actions()
            .iter()
            .any(|a| matches!(a, Action::Link(LinkAction::Send(Link::Calls, _)))));
        machine.tick(at(100.0));
        let actions = machine.take_actions();
        match patient {
            true => assert!(actions.is_empty(), "{actions:?}"),
            false => assert_eq!(names(&actions), ["disconnected"]),
        }
    }
}
