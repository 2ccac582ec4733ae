//! The executor driver against a server on a real socket that follows each test's script.

mod support;

use mesos_perl::backends::executor;
use mesos_perl::channel::Channel;
use mesos_perl::driver::{DriverError, ExecutorCall, ExecutorDriver, Status};
use mesos_perl::proto::{self, executor as api, TaskId, TaskInfo, TaskState, TaskStatus};
use prost::Message;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{expect, message, wait_for, Connection, Request, Server};

fn start(server: &Server, changes: &[(&str, &str)]) -> (Arc<dyn ExecutorDriver>, Channel) {
    support::executor::start(&server.address(), changes)
}

fn event(kind: api::event::Type) -> api::Event {
    api::Event {
        r#type: Some(kind as i32),
        ..Default::default()
    }
}

fn subscribe(server: &Server) -> (Connection, Request) {
    let (mut stream, request) = server.subscription();
    stream.record(&api::Event {
        subscribed: Some(api::event::Subscribed {
            slave_info: proto::SlaveInfo {
                hostname: "agent".into(),
                ..Default::default()
            },
            ..Default::default()
        }),
        ..event(api::event::Type::Subscribed)
    });
    (stream, request)
}

fn task(id: &str) -> TaskInfo {
    TaskInfo {
        task_id: TaskId { value: id.into() },
        ..Default::default()
    }
}

fn launch(id: &str) -> api::Event {
    api::Event {
        launch: Some(api::event::Launch { task: task(id) }),
        ..event(api::event::Type::Launch)
    }
}

fn acknowledged(status: &TaskStatus) -> api::Event {
    api::Event {
        acknowledged: Some(api::event::Acknowledged {
            task_id: status.task_id.clone(),
            uuid: status.uuid.clone().expect("uuid"),
        }),
        ..event(api::event::Type::Acknowledged)
    }
}

fn update(driver: &dyn ExecutorDriver, task: &str, state: TaskState) {
    let status = TaskStatus {
        task_id: TaskId { value: task.into() },
        state: state as i32,
        ..Default::default()
    };
    let status = status.encode_to_vec();
    assert_eq!(driver.call(ExecutorCall::SendStatusUpdate { status }), Ok(Status::Running));
}

#[test]
fn a_session_with_every_event_and_call() {
    let server = Server::new();
    let (driver, channel) = start(&server, &[("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "to.k.en")]);
    let (mut stream, request) = subscribe(&server);
    assert!(
        request.head.starts_with("POST /slave(1)/api/v1/executor HTTP/1.1\r\n"),
        "{}",
        request.head
    );
    assert_eq!(request.header("Authorization"), Some("Bearer to.k.en"));
    let call: api::Call = request.decode();
    assert_eq!(
        (call.executor_id.value.as_str(), call.framework_id.value.as_str()),
        ("E", "F")
    );
    let registered = expect(&channel, "registered");
    assert_eq!(registered.args.len(), 3);
    assert_eq!(message::<proto::SlaveInfo>(&registered, 2).hostname, "agent");

    stream.record(&launch("t1"));
    assert_eq!(message::<TaskInfo>(&expect(&channel, "launchTask"), 0).task_id.value, "t1");
    let group = proto::TaskGroupInfo {
        tasks: vec![task("g1"), task("g2")],
    };
    stream.record(&api::Event {
        launch_group: Some(api::event::LaunchGroup { task_group: group }),
        ..event(api::event::Type::LaunchGroup)
    });
    for id in ["g1", "g2"] {
        assert_eq!(message::<TaskInfo>(&expect(&channel, "launchTask"), 0).task_id.value, id);
    }
    stream.record(&event(api::event::Type::Heartbeat));
    stream.record(&api::Event {
        message: Some(api::event::Message {
            data: vec![0, 0xff].into(),
        }),
        ..event(api::event::Type::Message)
    });
    assert_eq!(support::bytes(&expect(&channel, "frameworkMessage"), 0), [0, 0xff]);
    stream.record(&api::Event {
        kill: Some(api::event::Kill {
            task_id: TaskId { value: "t1".into() },
            ..Default::default()
        }),
        ..event(api::event::Type::Kill)
    });
    assert_eq!(message::<TaskId>(&expect(&channel, "killTask"), 0).value, "t1");

    update(&*driver, "t1", TaskState::TaskKilled);
    let data = b"\0hello".to_vec();
    assert_eq!(driver.call(ExecutorCall::SendFrameworkMessage { data }), Ok(Status::Running));
    let mut calls = server.accept();
    let request = calls.request();
    assert_eq!(request.header("Mesos-Stream-Id"), Some("stream-1"));
    let status = request.decode::<api::Call>().update.expect("UPDATE").status;
    assert_eq!((status.task_id.value.as_str(), status.state()), ("t1", TaskState::TaskKilled));
    assert_eq!(status.source(), proto::task_status::Source::Executor);
    assert_eq!(status.slave_id.as_ref().map(|i| i.value.as_str()), Some("S"));
    assert_eq!(status.executor_id.as_ref().map(|i| i.value.as_str()), Some("E"));
    assert!(status.timestamp() > 1e9);
    assert_eq!(status.uuid.as_ref().map(|u| (u.len(), u[6] >> 4)), Some((16, 4)));
    calls.accepted();
    assert_eq!(
        calls.request().decode::<api::Call>().message.expect("MESSAGE").data,
        &b"\0hello"[..]
    );
    calls.accepted();
    stream.record(&acknowledged(&status));

    stream.record(&event(api::event::Type::Shutdown));
    expect(&channel, "shutdown");
    stream.record(&launch("late"));
    assert_eq!(driver.status(), Status::Running, "updates can still be sent");
    update(&*driver, "g1", TaskState::TaskKilled);
    let status = calls.request().decode::<api::Call>().update.expect("UPDATE").status;
    calls.accepted();
    stream.record(&acknowledged(&status));
    assert_eq!(driver.stop(), Status::Stopped);
    driver.close();
    assert!(channel.is_empty());
}

fn pass_on(mut from: impl Read + Send + 'static, mut to: impl Write + Send + 'static) {
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
}

#[test]
fn the_agents_unix_socket_goes_before_its_address() {
    let folder = std::env::temp_dir().join(format!("mesos-perl-agent-{}", std::process::id()));
    // Longer than the 108 bytes of a socket's address, as sandboxes make them.
    let deep = folder.join("x".repeat(120));
    std::fs::create_dir_all(&deep).expect("folder");
    for folder in [&folder, &deep] {
        let opened = std::fs::File::open(folder).expect("folder");
        let short = format!("/proc/self/fd/{}/agent.sock", opened.as_raw_fd());
        let listener = std::os::unix::net::UnixListener::bind(short).expect("listen");
        let server = Server::new();
        let address = server.address();
        // The server is reached by the socket only.
        std::thread::spawn(move || {
            while let Ok((driver, _)) = listener.accept() {
                let server = TcpStream::connect(&address).expect("the server");
                pass_on(driver.try_clone().expect("clone"), server.try_clone().expect("clone"));
                pass_on(server, driver);
            }
        });
        let path = folder.join("agent.sock");
        let variables = [
            ("MESOS_DOMAIN_SOCKET", path.to_str().expect("text")),
            ("MESOS_SLAVE_PID", "slave(1)@127.0.0.1:1"),
        ];
        let (driver, channel) = start(&server, &variables);
        let (mut stream, request) = subscribe(&server);
        assert!(request.head.starts_with("POST /slave(1)/api/v1/executor HTTP/1.1\r\n"));
        expect(&channel, "registered");
        stream.record(&launch("t"));
        expect(&channel, "launchTask");
        update(&*driver, "t", TaskState::TaskFinished);
        let mut calls = server.accept();
        let status = calls.request().decode::<api::Call>().update.expect("UPDATE").status;
        assert_eq!(status.task_id.value, "t");
        calls.accepted();
        stream.record(&acknowledged(&status));
        driver.stop();
        driver.close();
    }
    std::fs::remove_dir_all(&folder).expect("remove");
}

#[test]
fn the_last_update_is_waited_for_until_the_agent_has_it() {
    let server = Server::new();
    let (driver, channel) = start(&server, &[]);
    let (mut stream, _) = subscribe(&server);
    expect(&channel, "registered");
    update(&*driver, "t", TaskState::TaskFinished);
    driver.stop();
    let closing = std::thread::spawn(move || driver.close());
    let mut calls = server.accept();
    let status = calls.request().decode::<api::Call>().update.expect("UPDATE").status;
    calls.accepted();
    let since = Instant::now();
    assert!(
        !wait_while(|| !closing.is_finished(), Duration::from_millis(200)),
        "202 is not enough"
    );
    stream.record(&acknowledged(&status));
    wait_for("the end of close", || closing.is_finished().then_some(()));
    assert!(since.elapsed() < Duration::from_secs(4), "not by time");
    closing.join().expect("close");
}

/// Whether `condition` ends within `limit`.
fn wait_while(condition: impl Fn() -> bool, limit: Duration) -> bool {
    let end = Instant::now() + limit;
    while condition() {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

#[test]
fn an_agent_that_restarts_gets_what_it_may_have_lost() {
    let server = Server::new();
    let checkpoint = [("MESOS_CHECKPOINT", "1"), ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "50ms")];
    let (driver, channel) = start(&server, &checkpoint);
    let (mut stream, _) = subscribe(&server);
    expect(&channel, "registered");
    stream.record(&launch("t1"));
    expect(&channel, "launchTask");
    update(&*driver, "t1", TaskState::TaskRunning);
    let mut calls = server.accept();
    let sent = calls.request().decode::<api::Call>().update.expect("UPDATE").status;
    // The agent dies with the update; while it recovers it refuses executors.
    drop(calls);
    drop(stream);
    expect(&channel, "disconnected");
    for _ in 0..2 {
        let mut connection = server.accept();
        connection.request();
        connection.answer("503 Service Unavailable", "", "Agent has not finished recovery");
    }
    let (mut stream, request) = subscribe(&server);
    let again = request.decode::<api::Call>().subscribe.expect("SUBSCRIBE");
    assert_eq!(again.unacknowledged_updates[0].status, sent);
    assert_eq!(again.unacknowledged_tasks, [task("t1")]);
    expect(&channel, "reregistered");
    stream.record(&acknowledged(&sent));
    driver.stop();
    driver.close();
}

#[test]
fn without_checkpointing_the_agents_end_is_a_shutdown() {
    let server = Server::new();
    let (driver, channel) = start(&server, &[]);
    let (stream, _) = subscribe(&server);
    expect(&channel, "registered");
    drop(stream);
    expect(&channel, "shutdown");
    assert!(server.is_idle());
    assert_eq!((driver.stop(), driver.stop()), (Status::Stopped, Status::Stopped));
    driver.close();
}

#[test]
fn an_error_of_the_agent_ends_the_driver() {
    let server = Server::new();
    let (driver, channel) = start(&server, &[]);
    let (mut stream, _) = subscribe(&server);
    expect(&channel, "registered");
    stream.record(&api::Event {
        error: Some(api::event::Error { message: "no".into() }),
        ..event(api::event::Type::Error)
    });
    let error = expect(&channel, "error");
    assert_eq!(support::text(&error, 0), "no");
    let origin = error.origin.expect("origin");
    assert!(origin.ends_driver);
    origin.owner.upgrade().expect("owner").end_delivered();
    assert_eq!((driver.status(), driver.stop()), (Status::Aborted, Status::Aborted));
}

#[test]
fn what_is_wrong_is_said_before_anything_happens() {
    let channel = Channel::new();
    let driver = executor::new("native", |_| None, channel.clone()).expect("driver");
    match driver.start() {
        Err(DriverError::Argument { name, problem }) => {
            assert_eq!(name, "environment");
            assert!(problem.starts_with("MESOS_SLAVE_PID is not set"), "{problem}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(driver.status(), Status::NotStarted);
    let call = ExecutorCall::SendStatusUpdate { status: vec![0xff] };
    assert_eq!(driver.call(call.clone()), Ok(Status::NotStarted));
    let server = Server::new();
    let (driver, _) = start(&server, &[]);
    let error = driver.call(call).expect_err("refused").to_string();
    assert!(error.starts_with("status: not an encoded TaskStatus"), "{error}");
    let since = Instant::now();
    driver.close();
    assert!(since.elapsed() < Duration::from_secs(1));
}

#[test]
fn what_is_too_large_is_refused_at_the_call() {
    let server = Server::new();
    let (driver, channel) = start(&server, &[]);
    let _agent = subscribe(&server);
    expect(&channel, "registered");
    // Zeros that nobody looks at take no memory.
    let large = || vec![0; (255 << 20) + 1];
    for (call, name) in [
        (ExecutorCall::SendFrameworkMessage { data: large() }, "data"),
        (ExecutorCall::SendStatusUpdate { status: large() }, "status"),
    ] {
        let error = driver.call(call).expect_err("too large").to_string();
        let expected = format!("{name}: it is 267386881 bytes long, expected 267386880 at most: nothing was sent");
        assert_eq!(error, expected);
    }
    driver.close();
}

#[test]
fn messages_that_an_agent_does_not_take_are_bounded() {
    let server = Server::new();
    let (driver, channel) = start(&server, &[]);
    let _agent = subscribe(&server);
    expect(&channel, "registered");
    let (mut taken, mut refused) = (0, String::new());
    while refused.is_empty() && taken < 110_000 {
        match driver.call(ExecutorCall::SendFrameworkMessage { data: vec![1] }) {
            Ok(_) => taken += 1,
            Err(why) => refused = why.to_string(),
        }
    }
    assert!(
        refused.starts_with("100000 calls wait for the agent already: nothing was sent"),
        "{refused}"
    );
    // Some more are on their way.
    assert!((100_000..102_000).contains(&taken), "{taken}");
    driver.close();
}
