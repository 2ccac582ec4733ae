//! Custom executors: the test itself speaks for a process that only shows its environment.

#[path = "support/local.rs"]
mod local_support;

use local_support::executor::{Executor, COMMAND};
use local_support::*;
use mesos_perl::proto::executor::{call, event, Call, Event};
use mesos_perl::proto::scheduler;
use mesos_perl::proto::*;
use prost::Message;
use TaskState::*;

fn failure(framework: &mut Framework) -> scheduler::event::Failure {
    framework.find("a FAILURE", |event| event.failure.clone())
}

#[test]
#[allow(clippy::too_many_lines)] // A table, or one story.
fn from_the_first_task_to_the_shutdown() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let one = framework.task_of("one", "e", COMMAND);
    let two = framework.task_of("two", "e", COMMAND);
    framework.launch(vec![one, two]);
    let mut executor = Executor::of(&cluster, &framework, "e");
    let pid = number_in(&framework.sandbox(&cluster, "e").join("pid"));

    let early = executor.post(Call {
        message: Some(call::Message { data: "x".into() }),
        ..executor.call(call::Type::Message)
    });
    assert_eq!(early, (403, "Executor is not subscribed".into()));
    executor.subscribe(call::Subscribe::default());
    let subscribed = executor.subscribed();
    assert_eq!(subscribed.executor_info.executor_id, executor.id);
    assert_eq!(subscribed.executor_info.framework_id.as_ref(), Some(&executor.framework_id));
    assert_eq!(subscribed.framework_info.id.as_ref(), Some(&executor.framework_id));
    assert_eq!(subscribed.slave_info.id.as_ref(), Some(&framework.agent_id));
    assert!(subscribed.container_id.is_some());
    assert_eq!((executor.launched(), executor.launched()), ("one".into(), "two".into()));

    executor.update("one", TaskRunning, 1);
    let update = framework.update("one");
    assert_eq!(
        (update.state(), update.data(), update.uuid.as_ref().unwrap()[0]),
        (TaskRunning, &b"\0\xff"[..], 1)
    );
    assert_eq!(update.executor_id.as_ref().unwrap().value, "e");
    assert_eq!(update.container_status.unwrap().executor_pid(), pid as u32);
    executor.update("one", TaskFinished, 2);
    assert_eq!(framework.update("one").state(), TaskFinished);
    // After the end nothing is forwarded, but everything acknowledged.
    executor.update("one", TaskRunning, 3);

    let message = Some(call::Message {
        data: b"\0up"[..].into(),
    });
    assert_eq!(
        executor
            .post(Call {
                message,
                ..executor.call(call::Type::Message)
            })
            .0,
        202
    );
    let message = framework.find("a MESSAGE", |event| event.message.clone());
    assert_eq!((&message.data[..], message.executor_id.value.as_str()), (&b"\0up"[..], "e"));
    let down = scheduler::call::Message {
        slave_id: framework.agent_id.clone(),
        executor_id: executor.id.clone(),
        data: "down".into(),
    };
    framework.accepted(scheduler::Call {
        message: Some(down),
        ..call(scheduler::call::Type::Message)
    });
    assert_eq!(executor.next(event::Type::Message).message.unwrap().data, "down");

    framework.kill("two", Some(2.0));
    let kill = executor.next(event::Type::Kill).kill.unwrap();
    assert_eq!(
        (
            kill.task_id.value.as_str(),
            kill.kill_policy.unwrap().grace_period.unwrap().nanoseconds
        ),
        ("two", 2_000_000_000)
    );
    executor.update("two", TaskKilled, 4);
    assert_eq!(framework.update("two").state(), TaskKilled);

    // A further task goes to the same process; offers name it.
    let offer = framework.find("an offer with the executor", |event| {
        event
            .offers
            .as_ref()?
            .offers
            .iter()
            .find(|offer| !offer.executor_ids.is_empty())
            .cloned()
    });
    assert_eq!(offer.executor_ids, [executor.id.clone()]);
    let three = framework.task_of("three", "e", COMMAND);
    let other = framework.task_of("other", "e", "something else");
    framework.launch_on(&offer, vec![three, other]);
    assert_eq!(executor.launched(), "three");
    let message = framework.wait_for("other", TaskError).message().to_string();
    assert!(message.starts_with("ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n"));

    let shutdown = Some(scheduler::call::Shutdown {
        executor_id: executor.id.clone(),
        slave_id: framework.agent_id.clone(),
    });
    framework.accepted(scheduler::Call {
        shutdown,
        ..call(scheduler::call::Type::Shutdown)
    });
    executor.next(event::Type::Shutdown);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM).unwrap();
    let failure = failure(&mut framework);
    assert_eq!(
        (failure.executor_id.unwrap(), failure.slave_id.unwrap()),
        (executor.id.clone(), framework.agent_id.clone())
    );
    assert_eq!(failure.status, Some(15), "the raw wait status");
    let ended = framework.update("three");
    assert_eq!((ended.state(), ended.message()), (TaskFailed, "Executor terminated"));
    assert_eq!(
        (ended.source(), ended.reason()),
        (task_status::Source::Slave, task_status::Reason::ExecutorTerminated)
    );
    assert!(executor.records.as_mut().unwrap().next::<Event>().is_none());
}

#[test]
fn an_executor_that_exits_before_it_subscribes() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let task = framework.task_of("t", "e", "exit 7");
    framework.launch(vec![task]);
    assert_eq!(failure(&mut framework).status, Some(7 << 8));
    let ended = framework.update("t");
    assert_eq!(
        (ended.state(), ended.reason()),
        (TaskFailed, task_status::Reason::ExecutorTerminated)
    );
    let mut missing = framework.task_of("m", "m", "/no/such/executor");
    missing.executor.as_mut().unwrap().command.as_mut().unwrap().shell = Some(false);
    framework.launch(vec![missing]);
    assert_eq!(failure(&mut framework).status, Some(-1));
    let failed = framework.update("m");
    assert_eq!(
        (failed.state(), failed.reason()),
        (TaskFailed, task_status::Reason::ContainerLaunchFailed)
    );
    assert!(failed.message().contains("/no/such/executor"), "{}", failed.message());
}

/// As seen on an agent of 1.11.0: the executor's end comes before the tasks'.
#[test]
fn executors_that_cannot_start() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let mut stranger = framework.task_of("t1", "stranger", "true");
    stranger.executor.as_mut().unwrap().command.as_mut().unwrap().user = Some("no-such-user".into());
    let mut contained = framework.task_of("t2", "contained", "true");
    contained.executor.as_mut().unwrap().container = Some(Box::new(ContainerInfo {
        r#type: container_info::Type::Docker as i32,
        ..Default::default()
    }));
    let mut unfetched = framework.task_of("t3", "unfetched", "true");
    unfetched.executor.as_mut().unwrap().command.as_mut().unwrap().uris = vec![command_info::Uri {
        value: "/no/such/file".into(),
        ..Default::default()
    }];
    let mut valueless = framework.task_of("t4", "valueless", "");
    valueless.executor.as_mut().unwrap().command = Some(CommandInfo::default());
    framework.launch(vec![stranger, contained, unfetched, valueless]);
    for (task, executor, status, state, reason) in [
        ("t1", "stranger", -1, TaskLost, task_status::Reason::ExecutorTerminated),
        ("t2", "contained", -1, TaskFailed, task_status::Reason::ContainerLaunchFailed),
        ("t3", "unfetched", -1, TaskFailed, task_status::Reason::ContainerLaunchFailed),
        ("t4", "valueless", 256, TaskFailed, task_status::Reason::ExecutorTerminated),
    ] {
        let first = framework.find(&format!("the end of {task}"), |event| {
            let failure = event.failure.as_ref().and_then(|failure| failure.executor_id.as_ref());
            let update = event.update.as_ref().map(|update| &update.status);
            let ours = failure.is_some_and(|id| id.value == executor) || update.is_some_and(|u| u.task_id.value == task);
            ours.then(|| event.clone())
        });
        assert_eq!(first.failure.map(|failure| failure.status()), Some(status), "{task}");
        let update = framework.update(task);
        assert_eq!((update.state(), update.reason()), (state, reason), "{update:?}");
        assert_eq!(update.executor_id.map(|id| id.value).as_deref(), Some(executor));
    }
}

#[test]
fn a_task_killed_before_it_was_delivered() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let task = framework.task_of("t", "e", COMMAND);
    framework.launch(vec![task]);
    let mut executor = Executor::of(&cluster, &framework, "e");
    framework.kill("t", None);
    let killed = framework.update("t");
    assert_eq!(
        (killed.state(), killed.message()),
        (TaskKilled, "Killed before delivery to the executor")
    );
    assert_eq!(killed.reason(), task_status::Reason::TaskKilledDuringLaunch);
    executor.subscribe(call::Subscribe::default());
    executor.next(event::Type::Shutdown);
}

#[test]
fn a_lost_stream_and_a_second_subscription() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let known = framework.task_of("known", "e", COMMAND);
    let forgotten = framework.task_of("forgotten", "e", COMMAND);
    let done = framework.task_of("done", "e", COMMAND);
    framework.launch(vec![known.clone(), forgotten, done]);
    let mut executor = Executor::of(&cluster, &framework, "e");
    executor.subscribe(call::Subscribe::default());
    executor.subscribed();
    for _ in 0..3 {
        executor.launched();
    }
    executor.records = None;
    let unacknowledged_updates = vec![call::Update {
        status: Executor::status("done", TaskFinished, 9),
    }];
    executor.subscribe(call::Subscribe {
        unacknowledged_tasks: vec![known],
        unacknowledged_updates,
    });
    executor.subscribed();
    executor.next(event::Type::Acknowledged);
    assert_eq!(framework.update("done").state(), TaskFinished);
    let lost = framework.update("forgotten");
    assert_eq!(
        (lost.state(), lost.message()),
        (TaskLost, "Task launched during agent restart")
    );
    executor.update("known", TaskRunning, 10);
    assert_eq!(framework.update("known").state(), TaskRunning);
}

/// A token opens the executor API in the name of its executor, while that runs, and nothing else.
#[test]
fn a_token_is_for_one_executor() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let tasks = ["a", "b"].map(|id| framework.task_of(id, id, COMMAND));
    framework.launch(tasks.to_vec());
    let [mut a, b] = ["a", "b"].map(|id| Executor::of(&cluster, &framework, id));
    assert_ne!(a.token, b.token);
    for id in ["a", "b"] {
        let environment = std::fs::read_to_string(framework.sandbox(&cluster, id).join("environment")).unwrap();
        assert!(!environment.contains(cluster.secret()));
    }
    let authorization = format!("Bearer {}", a.token);
    let headers = [
        ("Content-Type", "application/x-protobuf"),
        ("Authorization", authorization.as_str()),
    ];
    let subscribe = subscribe_call(info("thief")).encode_to_vec();
    for (method, path) in [
        ("POST", "/api/v1/scheduler"),
        ("POST", "/master/api/v1/scheduler"),
        ("GET", "/state"),
        ("GET", "/health"),
        ("GET", "/no/such"),
    ] {
        assert_eq!(
            request(cluster.address(), method, path, &headers, &subscribe).status,
            401,
            "{path}"
        );
    }
    let others = Call {
        subscribe: Some(call::Subscribe::default()),
        executor_id: b.id.clone(),
        ..a.call(call::Type::Subscribe)
    };
    assert_eq!(a.post(others).0, 403);
    a.subscribe(call::Subscribe::default());
    a.subscribed();
    assert_eq!(a.launched(), "a");
    framework.accepted(call(scheduler::call::Type::Teardown));
    until("the token has ended with its executor", || {
        a.post(a.call(call::Type::Heartbeat)).0 == 401
    });
}

#[test]
fn calls_of_nobody() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let executor = Executor {
        address: cluster.address(),
        token: cluster.secret().into(),
        id: ExecutorId { value: "e".into() },
        framework_id: framework.id.clone(),
        agent: "slave(1)".into(),
        records: None,
    };
    let subscribe = || Call {
        subscribe: Some(call::Subscribe::default()),
        ..executor.call(call::Type::Subscribe)
    };
    // An agent knows a framework that it runs something of.
    assert_eq!(executor.post(subscribe()), (400, "Framework cannot be found".into()));
    framework.launch(vec![framework.command("t", "sleep 100")]);
    framework.wait_for("t", TaskState::TaskRunning);
    assert_eq!(executor.post(subscribe()), (400, "Executor cannot be found".into()));
    let stranger = Call {
        framework_id: FrameworkId { value: "x".into() },
        ..subscribe()
    };
    assert_eq!(executor.post(stranger), (400, "Framework cannot be found".into()));
    assert_eq!(executor.post(executor.call(call::Type::Heartbeat)), (202, String::new()));
    // The executor of a command task is nobody's.
    let task = framework.command("e", "sleep 1000");
    framework.launch(vec![task]);
    framework.wait_for("e", TaskRunning);
    assert_eq!(executor.post(subscribe()), (400, "Executor cannot be found".into()));
}

#[test]
fn teardown_ends_a_stubborn_executor() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let mut task = framework.task_of("t", "e", COMMAND);
    task.executor.as_mut().unwrap().shutdown_grace_period = Some(DurationInfo {
        nanoseconds: 100_000_000,
    });
    framework.launch(vec![task]);
    let sandbox = framework.sandbox(&cluster, "e");
    let pid = number_in(&sandbox.join("pid"));
    let environment = std::fs::read_to_string(sandbox.join("environment")).unwrap();
    assert!(environment.contains("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=100ms\n"));
    let mut executor = Executor {
        address: cluster.address(),
        token: cluster.secret().into(),
        id: ExecutorId { value: "e".into() },
        framework_id: framework.id.clone(),
        agent: "slave(1)".into(),
        records: None,
    };
    executor.subscribe(call::Subscribe::default());
    executor.subscribed();
    executor.launched();
    framework.accepted(call(scheduler::call::Type::Teardown));
    executor.next(event::Type::Shutdown);
    until("it is killed", || !is_alive(pid));
}

/// It is a program of somebody else's, and shares the descriptors of the cluster's program.
#[test]
fn an_executor_has_a_few_connections() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let task = framework.task_of("t", "e", COMMAND);
    framework.launch(vec![task]);
    let executor = Executor::of(&cluster, &framework, "e");
    let authorization = format!("Bearer {}", executor.token);
    let headers = [
        ("Content-Type", "application/x-protobuf"),
        ("Authorization", authorization.as_str()),
    ];
    let heartbeat = executor.call(call::Type::Heartbeat).encode_to_vec();
    let post = |connection: &mut std::io::BufReader<std::net::TcpStream>| {
        send(connection.get_mut(), "POST", "/api/v1/executor", &headers, &heartbeat);
        let reply = read_head(connection);
        let length = reply.header("Content-Length").and_then(|length| length.parse().ok());
        std::io::Read::read_exact(connection, &mut vec![0; length.unwrap_or(0)]).unwrap();
        reply.status
    };
    let mut open = Vec::new();
    for number in 0..20 {
        let mut connection = std::io::BufReader::new(connect(cluster.address()));
        assert_eq!(post(&mut connection), if number < 16 { 202 } else { 503 }, "{number}");
        open.push(connection);
    }
    assert_eq!(post(&mut open[0]), 202, "those that are there go on");
    // The cluster's own client is not an executor.
    assert_eq!(
        request(
            cluster.address(),
            "GET",
            "/health",
            &[("Authorization", &format!("Bearer {}", cluster.secret()))],
            b""
        )
        .status,
        200
    );
    open.drain(..4);
    until("room for another one", || {
        let mut connection = std::io::BufReader::new(connect(cluster.address()));
        post(&mut connection) == 202
    });
}
