//! The scheduler driver against a server on a real socket that follows each test's script: what a good master does.

mod support;

use mesos_perl::backends::scheduler;
use mesos_perl::driver::{SchedulerCall, SchedulerOptions, Status};
use mesos_perl::proto::{self, scheduler as api, FrameworkId, FrameworkInfo, OfferId, SlaveId};
use prost::Message;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::scheduler::{acknowledge, event, kill, launch, offers, options, registered, start, subscribe, update};
use support::{expect, list, message, next_event, text, wait_for, Server};

#[test]
#[allow(clippy::too_many_lines)] // A table, or one story.
fn a_session_with_every_event_and_call() {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let (mut stream, request) = subscribe(&server);
    assert!(request.head.starts_with("POST /master/api/v1/scheduler HTTP/1.1\r\n"));
    assert_eq!(request.header("Host"), Some(&*server.address()));
    assert_eq!(request.header("Content-Type"), Some("application/x-protobuf"));
    assert_eq!(request.header("Accept"), Some("application/x-protobuf"));
    assert_eq!(request.header("Mesos-Stream-Id"), None);
    assert_eq!(request.header("Authorization"), None);
    let call: api::Call = request.decode();
    assert_eq!((call.r#type(), call.framework_id), (api::call::Type::Subscribe, None));
    assert!(!call.subscribe.expect("subscribe").framework_info.user.is_empty());

    let registered = expect(&channel, "registered");
    assert_eq!(message::<FrameworkId>(&registered, 0).value, "F");
    assert_eq!(message::<proto::MasterInfo>(&registered, 1).id, "M");
    assert_eq!(registered.origin.as_ref().map(|o| o.driver), Some(driver.id()));

    stream.record(&event(api::event::Type::Heartbeat));
    stream.record(&offers(&[]));
    stream.record(&offers(&["o1", "o2"]));
    assert_eq!(
        list(&expect(&channel, "resourceOffers"), 0).len(),
        2,
        "heartbeats and empty lists are no events"
    );
    stream.record(&api::Event {
        rescind: Some(api::event::Rescind {
            offer_id: OfferId { value: "o1".into() },
        }),
        ..event(api::event::Type::Rescind)
    });
    assert_eq!(message::<OfferId>(&expect(&channel, "offerRescinded"), 0).value, "o1");
    stream.record(&api::Event {
        message: Some(api::event::Message {
            slave_id: SlaveId { value: "S".into() },
            executor_id: proto::ExecutorId { value: "E".into() },
            data: vec![0, 0xff].into(),
        }),
        ..event(api::event::Type::Message)
    });
    let from_executor = expect(&channel, "frameworkMessage");
    assert_eq!(message::<proto::ExecutorId>(&from_executor, 0).value, "E");
    assert_eq!(message::<SlaveId>(&from_executor, 1).value, "S");
    assert_eq!(support::bytes(&from_executor, 2), [0, 0xff]);
    let failure = |executor: Option<&str>, status| api::Event {
        failure: Some(api::event::Failure {
            slave_id: Some(SlaveId { value: "S".into() }),
            executor_id: executor.map(|e| proto::ExecutorId { value: e.into() }),
            status,
        }),
        ..event(api::event::Type::Failure)
    };
    stream.record(&failure(None, None));
    assert_eq!(message::<SlaveId>(&expect(&channel, "slaveLost"), 0).value, "S");
    stream.record(&failure(Some("E"), Some(1792)));
    assert_eq!(text(&expect(&channel, "executorLost"), 2), "1792");
    stream.record(&failure(Some("E"), None));
    assert_eq!(text(&expect(&channel, "executorLost"), 2), "-1");

    let calls = [
        launch("o2", &["t1"]),
        kill("t1"),
        SchedulerCall::ReviveOffers { roles: None },
        SchedulerCall::SuppressOffers {
            roles: Some(vec!["*".into()]),
        },
        SchedulerCall::RequestResources { requests: vec![vec![]] },
        SchedulerCall::ReconcileTasks { statuses: vec![] },
        SchedulerCall::SendFrameworkMessage {
            executor_id: proto::ExecutorId { value: "E".into() }.encode_to_vec(),
            slave_id: SlaveId { value: "S".into() }.encode_to_vec(),
            data: b"\0x".to_vec(),
        },
        SchedulerCall::DeclineOffer {
            offer_id: OfferId { value: "o3".into() }.encode_to_vec(),
            filters: Some(
                proto::Filters {
                    refuse_seconds: Some(7.0),
                }
                .encode_to_vec(),
            ),
        },
    ];
    for call in calls {
        assert_eq!(driver.call(call), Ok(Status::Running));
    }
    let mut calls = server.accept();
    let mut next = || {
        let request = calls.request();
        assert_eq!(request.header("Mesos-Stream-Id"), Some("stream-1"));
        calls.accepted();
        let call: api::Call = request.decode();
        assert_eq!(call.framework_id.as_ref().map(|id| id.value.as_str()), Some("F"));
        call
    };
    let accept = next().accept.expect("ACCEPT");
    assert_eq!((accept.offer_ids[0].value.as_str(), accept.operations.len()), ("o2", 1));
    let operation = &accept.operations[0];
    assert_eq!(operation.r#type(), proto::offer::operation::Type::Launch);
    assert_eq!(operation.launch.as_ref().expect("launch").task_infos[0].task_id.value, "t1");
    assert_eq!(next().kill.expect("KILL").task_id.value, "t1");
    let revive = next();
    assert_eq!((revive.r#type(), revive.revive), (api::call::Type::Revive, None));
    assert_eq!(next().suppress.expect("SUPPRESS").roles, ["*"]);
    assert_eq!(next().request.expect("REQUEST").requests.len(), 1);
    assert_eq!(next().reconcile.expect("RECONCILE").tasks.len(), 0);
    assert_eq!(next().message.expect("MESSAGE").data, &b"\0x"[..]);
    let decline = next().decline.expect("DECLINE");
    assert_eq!(decline.filters.expect("filters").refuse_seconds, Some(7.0));

    stream.record(&offers(&["late"]));
    wait_for("an event that stop drops", || (!channel.is_empty()).then_some(()));
    assert_eq!(driver.stop(false), Status::Stopped);
    assert!(channel.is_empty());
    assert_eq!(driver.call(kill("t2")), Ok(Status::Stopped));
    assert_eq!(next().r#type(), api::call::Type::Teardown);
    driver.close();
    assert_eq!(calls.try_request().map(|r| r.head), None, "nothing follows TEARDOWN");
    assert_eq!(driver.start(), Ok(Status::Stopped));
}

#[test]
fn updates_are_acknowledged_when_the_callback_returned_and_only_then() {
    let (server, driver, channel, mut stream) = registered();
    for (task, uuid) in [
        ("a", Some(&[1; 16][..])),
        ("b", None),
        ("c", Some(b"")),
        ("d", Some(&[4; 16])),
    ] {
        stream.record(&update(task, uuid));
    }
    let events: Vec<_> = (0..4).map(|_| expect(&channel, "statusUpdate")).collect();
    assert!(
        !acknowledge(&events[1]) && !acknowledge(&events[2]),
        "made by a master: nothing to acknowledge"
    );
    assert!(acknowledge(&events[3]));
    let mut calls = server.accept();
    let acknowledged = calls.request().decode::<api::Call>().acknowledge.expect("ACKNOWLEDGE");
    assert_eq!(
        (acknowledged.task_id.value.as_str(), &acknowledged.uuid[..]),
        ("d", &[4; 16][..])
    );
    assert_eq!(acknowledged.slave_id.value, "S");
    calls.accepted();
    driver.stop(true);
    assert!(acknowledge(&events[0]), "the dispatcher may ask after stop");
    driver.close();
    assert_eq!(
        calls.try_request().map(|r| r.head),
        None,
        "neither the update of the dead driver nor TEARDOWN"
    );
}

#[test]
fn explicit_acknowledgements() {
    let server = Server::new();
    let explicit = SchedulerOptions {
        implicit_acknowledgements: false,
        ..options(&server)
    };
    let (driver, channel) = start(explicit);
    let (mut stream, _) = subscribe(&server);
    expect(&channel, "registered");
    stream.record(&update("a", Some(&[1; 16])));
    let event = expect(&channel, "statusUpdate");
    assert!(!acknowledge(&event));
    let status = support::bytes(&event, 0);
    assert_eq!(driver.call(SchedulerCall::Acknowledge { status }), Ok(Status::Running));
    let call: api::Call = server.accept().request().decode();
    assert_eq!(call.acknowledge.expect("ACKNOWLEDGE").uuid, &[1; 16][..]);
}

#[test]
fn a_preset_id_is_registered_first_and_reregistered_then() {
    let server = Server::new();
    let info = FrameworkInfo {
        name: "test".into(),
        id: Some(FrameworkId { value: "F".into() }),
        ..Default::default()
    };
    let preset = SchedulerOptions {
        framework: info.encode_to_vec(),
        ..options(&server)
    };
    let (_driver, channel) = start(preset);
    let (stream, request) = subscribe(&server);
    assert_eq!(request.decode::<api::Call>().framework_id.map(|i| i.value), Some("F".into()));
    expect(&channel, "registered");
    drop(stream);
    expect(&channel, "disconnected");
    let _stream = subscribe(&server);
    expect(&channel, "reregistered");
}

#[test]
fn calls_are_pipelined_in_order_with_a_bound() {
    const CALLS: usize = 2000;
    let (server, driver, _channel, _stream) = registered();
    let since = Instant::now();
    for i in 0..CALLS {
        assert_eq!(driver.call(kill(&i.to_string())), Ok(Status::Running));
    }
    assert!(since.elapsed() < Duration::from_secs(2), "calls do not wait for answers");
    let mut calls = server.accept();
    for i in 0..256 {
        let call: api::Call = calls.request().decode();
        assert_eq!(call.kill.expect("KILL").task_id.value, i.to_string());
    }
    assert!(
        calls.is_quiet(Duration::from_millis(100)),
        "no more than 256 unanswered calls"
    );
    for i in 256..CALLS {
        calls.accepted();
        let call: api::Call = calls.request().decode();
        assert_eq!(call.kill.expect("KILL").task_id.value, i.to_string());
    }
    drop(driver);
}

/// The number of a driver's statistics, 0 if it is not there.
fn stat(driver: &Arc<dyn mesos_perl::driver::SchedulerDriver>, group: &str, name: &str) -> f64 {
    let stats = driver.stats();
    let found = stats.iter().find(|s| s.group == group && s.name == name);
    found.and_then(|s| s.value).unwrap_or(0.0)
}

#[test]
fn calls_that_wait_are_bounded_and_counted() {
    let server = Server::new();
    let (driver, channel) = start(SchedulerOptions {
        max_unanswered_calls: Some(2),
        max_queued_calls: Some(3),
        ..options(&server)
    });
    let (mut stream, _) = subscribe(&server);
    expect(&channel, "registered");
    for i in 0..2 {
        assert_eq!(driver.call(kill(&i.to_string())), Ok(Status::Running));
    }
    let mut calls = server.accept();
    for _ in 0..2 {
        calls.request();
    }
    wait_for("a full window", || {
        (stat(&driver, "", "calls_unanswered") == 2.0).then_some(())
    });
    for i in 2..5 {
        assert_eq!(driver.call(kill(&i.to_string())), Ok(Status::Running), "{i} waits");
    }
    let refused = driver.call(kill("5")).expect_err("there is no room");
    assert!(
        refused.to_string().starts_with("3 calls wait for the master already"),
        "{refused}"
    );
    assert_eq!(stat(&driver, "", "calls_waiting"), 3.0);
    // Acknowledgements are not the program's calls.
    stream.record(&update("t", Some(&[7; 16])));
    assert!(acknowledge(&expect(&channel, "statusUpdate")));
    for i in 2..5 {
        calls.accepted();
        assert_eq!(
            calls.request().decode::<api::Call>().kill.expect("KILL").task_id.value,
            i.to_string()
        );
    }
    calls.accepted();
    assert!(calls.request().decode::<api::Call>().acknowledge.is_some());
    calls.accepted();
    calls.accepted();
    wait_for("all answers", || (stat(&driver, "answers", "202") == 6.0).then_some(()));
    assert_eq!(driver.call(kill("6")), Ok(Status::Running), "there is room again");
    assert_eq!(stat(&driver, "", "updates_acknowledged"), 1.0);
    assert_eq!(stat(&driver, "", "updates_received"), 1.0);
    assert_eq!(stat(&driver, "events", "SUBSCRIBED"), 1.0);
    assert_eq!(stat(&driver, "", "subscriptions"), 1.0);
}

#[test]
fn an_aborted_driver_refuses_offers_and_can_still_be_stopped() {
    let (server, driver, channel, mut stream) = registered();
    stream.record(&offers(&["o1"]));
    wait_for("the offer", || (!channel.is_empty()).then_some(()));
    driver.call(kill("before")).expect("kill");
    assert_eq!(driver.abort(), Status::Aborted);
    assert!(channel.is_empty());
    let mut calls = server.accept();
    let mut next = || {
        let call = calls.request().decode::<api::Call>();
        calls.accepted();
        call
    };
    assert_eq!(next().kill.expect("KILL").task_id.value, "before");
    assert_eq!(next().r#type(), api::call::Type::Suppress);
    assert_eq!(next().decline.expect("DECLINE").offer_ids[0].value, "o1");
    stream.record(&offers(&["o2"]));
    assert_eq!(next().decline.expect("DECLINE").offer_ids[0].value, "o2");
    assert_eq!((driver.stop(false), driver.stop(false)), (Status::Aborted, Status::Stopped));
    assert_eq!(next().r#type(), api::call::Type::Teardown);
    driver.close();
    assert!(channel.is_empty());
}

#[test]
fn closing_is_bounded_and_never_waits_for_nothing() {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let since = Instant::now();
    driver.close();
    driver.close();
    let (driver, _) = start(options(&server));
    drop(driver);
    let unstarted = scheduler::new(options(&server), channel.clone()).expect("driver");
    assert_eq!(
        (unstarted.stop(false), unstarted.abort()),
        (Status::NotStarted, Status::NotStarted)
    );
    drop(unstarted);
    assert!(since.elapsed() < Duration::from_secs(1));

    // A master that does not answer holds a driver up for two seconds, no longer.
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let _stream = subscribe(&server);
    next_event(&channel);
    driver.call(kill("t")).expect("kill");
    let mut calls = server.accept();
    calls.request();
    let since = Instant::now();
    driver.close();
    assert!((1..4).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
}

#[test]
fn nothing_passes_a_stop_or_an_abort() {
    for round in 0..20 {
        let server = Server::new();
        let (driver, channel) = start(options(&server));
        let (mut stream, _) = subscribe(&server);
        expect(&channel, "registered");
        let flood = std::thread::spawn(move || {
            let record = update("t", None).encode_to_vec();
            let record = [format!("{}\n", record.len()).as_bytes(), &record].concat();
            let chunk = [format!("{:x}\r\n", record.len() * 50).as_bytes(), &record.repeat(50), b"\r\n"].concat();
            // Until the driver closes the connection.
            while std::io::Write::write_all(&mut stream.stream, &chunk).is_ok() {}
        });
        wait_for("the flood", || (channel.len() > 100).then_some(()));
        match round {
            // Once: its SUPPRESS is not answered, so that the close below takes its two seconds.
            0 => assert_eq!(driver.abort(), Status::Aborted),
            1..=10 => assert_eq!(driver.stop(true), Status::Stopped),
            _ => driver.close(),
        }
        assert!(channel.is_empty(), "round {round}");
        driver.close();
        flood.join().expect("flood");
        assert!(channel.is_empty(), "round {round}");
    }
}

/// A file for one test's framework id, and a directory around it that ends with the test.
struct IdFile(std::path::PathBuf);

impl IdFile {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mesos-perl-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("directory");
        IdFile(folder)
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.join("id")
    }

    fn write(&self, id: &str) {
        std::fs::write(self.path(), format!("{id}\n")).expect("file");
    }

    fn read(&self) -> String {
        std::fs::read_to_string(self.path()).expect("file")
    }

    fn options(&self, server: &Server) -> SchedulerOptions {
        SchedulerOptions {
            framework_id_file: Some(self.path()),
            ..options(server)
        }
    }
}

impl Drop for IdFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_standby_starts_as_the_framework_that_was_registered_meanwhile() {
    let (server, file) = (Server::new(), IdFile::new("standby"));
    for (made_with, started_with) in [(None, Some("my id 1")), (Some("old"), Some("new")), (Some("ended"), None)] {
        let _ = std::fs::remove_file(file.path());
        made_with.into_iter().for_each(|id| file.write(id));
        let driver = scheduler::new(file.options(&server), mesos_perl::channel::Channel::new()).expect("driver");
        match started_with {
            Some(id) => file.write(id),
            None => std::fs::remove_file(file.path()).expect("file"),
        }
        assert_eq!(driver.start(), Ok(Status::Running));
        let (_stream, request) = server.subscription();
        let call: api::Call = request.decode();
        assert_eq!(call.framework_id.map(|id| id.value).as_deref(), started_with);
    }
}

#[test]
fn what_the_file_holds_at_the_start_may_be_an_error() {
    let (server, file) = (Server::new(), IdFile::new("start"));
    let mut given = file.options(&server);
    mesos_perl::message::fields::append(&mut given.framework, 3, &mesos_perl::message::fields::id("given"));
    let driver = scheduler::new(given, mesos_perl::channel::Channel::new()).expect("driver");
    for (id, problem) in [
        ("other", "it holds other, but framework.id is given"),
        ("a\tb", "does not hold a framework id"),
    ] {
        file.write(id);
        let error = driver.start().expect_err("refused").to_string();
        assert!(error.starts_with("framework_id_file: ") && error.contains(problem), "{error}");
        assert_eq!(driver.status(), Status::NotStarted);
    }
    file.write("given");
    assert_eq!(driver.start(), Ok(Status::Running));
}

#[test]
fn an_id_that_another_program_has_stored_is_not_replaced() {
    let (server, file) = (Server::new(), IdFile::new("replaced"));
    let (driver, channel) = start(file.options(&server));
    let (mut stream, _) = server.subscription();
    file.write("leader");
    stream.record(&support::scheduler::subscribed(15.0));
    let error = text(&expect(&channel, "error"), 0);
    assert!(error.contains("it holds leader, which another program has stored"), "{error}");
    driver.stop(false);
    drop(driver);
    assert_eq!(file.read(), "leader\n");
}

#[test]
fn what_is_too_large_is_refused_at_the_call() {
    let (_server, driver, _channel, _stream) = registered();
    let large = || vec![0; (255 << 20) + 1];
    let call = SchedulerCall::LaunchTasks {
        offer_ids: vec![],
        tasks: vec![large()],
        filters: None,
    };
    let error = driver.call(call).expect_err("too large").to_string();
    assert!(
        error.starts_with("tasks: it is 2673868") && error.ends_with("expected 267386880 at most: nothing was sent"),
        "{error}"
    );
    let call = SchedulerCall::SendFrameworkMessage {
        executor_id: vec![],
        slave_id: vec![],
        data: large(),
    };
    let error = driver.call(call).expect_err("too large").to_string();
    assert!(error.starts_with("data: it is 267386881 bytes long"), "{error}");
    driver.close();
}
