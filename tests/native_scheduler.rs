//! The scheduler driver against a server on a real socket that follows each test's script.

mod support;

use mesos_perl::channel::Channel;
use mesos_perl::driver::{scheduler, SchedulerCall, SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::event::Event;
use mesos_perl::proto::{self, scheduler as api, FrameworkId, FrameworkInfo, OfferId, SlaveId, TaskId, TaskState, TaskStatus};
use prost::Message;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{expect, list, message, next_event, text, wait_for, Connection, Request, Server};

fn options(server: &Server) -> SchedulerOptions {
    let info = FrameworkInfo {
        name: "test".to_string(),
        ..Default::default()
    };
    SchedulerOptions {
        master: server.address(),
        framework: info.encode_to_vec(),
        implicit_acknowledgements: true,
        ..Default::default()
    }
}

fn start(options: SchedulerOptions) -> (Arc<dyn SchedulerDriver>, Channel) {
    let channel = Channel::new();
    let driver = scheduler::new(options, channel.clone()).expect("driver");
    assert_eq!(driver.status(), Status::NotStarted);
    assert_eq!(driver.start(), Ok(Status::Running));
    (driver, channel)
}

fn event(kind: api::event::Type) -> api::Event {
    api::Event {
        r#type: Some(kind as i32),
        ..Default::default()
    }
}

fn subscribed(heartbeat: f64) -> api::Event {
    api::Event {
        subscribed: Some(api::event::Subscribed {
            framework_id: FrameworkId { value: "F".into() },
            heartbeat_interval_seconds: Some(heartbeat),
            master_info: Some(proto::MasterInfo {
                id: "M".into(),
                ..Default::default()
            }),
        }),
        ..event(api::event::Type::Subscribed)
    }
}

fn update(task: &str, uuid: Option<&[u8]>) -> api::Event {
    api::Event {
        update: Some(api::event::Update {
            status: TaskStatus {
                task_id: TaskId { value: task.into() },
                state: TaskState::TaskRunning as i32,
                slave_id: Some(SlaveId { value: "S".into() }),
                uuid: uuid.map(|u| u.to_vec().into()),
                ..Default::default()
            },
        }),
        ..event(api::event::Type::Update)
    }
}

fn offers(ids: &[&str]) -> api::Event {
    let offer = |id: &&str| proto::Offer {
        id: OfferId { value: id.to_string() },
        hostname: "h".into(),
        ..Default::default()
    };
    api::Event {
        offers: Some(api::event::Offers {
            offers: ids.iter().map(offer).collect(),
            ..Default::default()
        }),
        ..event(api::event::Type::Offers)
    }
}

/// Accepts a subscription and confirms it.
fn subscribe(server: &Server) -> (Connection, Request) {
    let (mut stream, request) = server.subscription();
    stream.record(&subscribed(15.0));
    (stream, request)
}

fn kill(task: &str) -> SchedulerCall {
    SchedulerCall::KillTask {
        task_id: TaskId { value: task.into() }.encode_to_vec(),
    }
}

fn launch(offer: &str, tasks: &[&str]) -> SchedulerCall {
    let task = |id: &&str| {
        let task = proto::TaskInfo {
            task_id: TaskId { value: id.to_string() },
            slave_id: SlaveId { value: "S".into() },
            ..Default::default()
        };
        task.encode_to_vec()
    };
    SchedulerCall::LaunchTasks {
        offer_ids: vec![OfferId { value: offer.into() }.encode_to_vec()],
        tasks: tasks.iter().map(task).collect(),
        filters: None,
    }
}

/// What a dispatcher does when a callback has returned.
fn acknowledge(event: &Event) -> bool {
    let origin = event.origin.as_ref().expect("origin");
    match (&origin.acknowledgement, origin.owner.upgrade()) {
        (Some(update), Some(owner)) => {
            owner.acknowledge(update.clone());
            true
        }
        _ => false,
    }
}

#[test]
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
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let (mut stream, _) = subscribe(&server);
    expect(&channel, "registered");
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
fn a_lost_stream_is_told_once_and_subscribed_again() {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let (stream, _) = subscribe(&server);
    expect(&channel, "registered");
    for round in 0..3 {
        let (mut stream, request) = match round {
            0 => {
                // Cut within a record.
                let mut stream = &stream.stream;
                std::io::Write::write_all(&mut stream, b"8\r\n500\nabcd\r\n").expect("send");
                drop(stream.shutdown(std::net::Shutdown::Both));
                expect(&channel, "disconnected");
                server.subscription()
            }
            _ => server.subscription(),
        };
        let call: api::Call = request.decode();
        assert_eq!(call.framework_id.as_ref().map(|i| i.value.as_str()), Some("F"));
        let info = call.subscribe.expect("subscribe").framework_info;
        assert_eq!(info.id, call.framework_id);
        match round {
            // Ends before SUBSCRIBED: no second disconnected.
            0 => drop(stream),
            // The end of the response.
            1 => {
                stream.record(&subscribed(15.0));
                let event = expect(&channel, "reregistered");
                assert_eq!(message::<proto::MasterInfo>(&event, 0).id, "M");
                stream.send(b"0\r\n\r\n");
                expect(&channel, "disconnected");
            }
            // Not RecordIO.
            _ => {
                stream.record(&subscribed(15.0));
                expect(&channel, "reregistered");
                stream.chunk(b"x\n");
                expect(&channel, "disconnected");
            }
        }
    }
    driver.close();
    assert!(channel.is_empty());
}

#[test]
fn silence_is_a_loss() {
    let server = Server::new();
    let (_driver, channel) = start(options(&server));
    let (mut stream, _) = server.subscription();
    stream.record(&subscribed(0.05));
    expect(&channel, "registered");
    let since = Instant::now();
    expect(&channel, "disconnected");
    assert!(
        since.elapsed() >= Duration::from_millis(240),
        "five intervals: {:?}",
        since.elapsed()
    );
    subscribe(&server);
    expect(&channel, "reregistered");
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
fn redirects_are_followed_with_credentials_and_refusals_tried_again() {
    let (follower, leader) = (Server::new(), Server::new());
    let credential = proto::Credential {
        principal: "me".into(),
        secret: Some("hush".into()),
    };
    let with_credential = SchedulerOptions {
        credential: Some(credential.encode_to_vec()),
        ..options(&follower)
    };
    let (_driver, channel) = start(with_credential);
    let basic = Some("Basic bWU6aHVzaA==");
    for status in ["503 Service Unavailable", "404 Not Found", "429 Too Many Requests"] {
        let mut connection = follower.accept();
        assert_eq!(connection.request().header("Authorization"), basic);
        connection.answer(status, "", "No leader elected");
    }
    let mut connection = follower.accept();
    connection.request();
    let location = format!("Location: //{}/master/api/v1/scheduler\r\n", leader.address());
    connection.answer("307 Temporary Redirect", &location, "");
    let (stream, request) = subscribe(&leader);
    assert_eq!(request.header("Host"), Some(&*leader.address()));
    assert_eq!(request.header("Authorization"), basic);
    expect(&channel, "registered");
    // The leader is gone: the search starts where it was told to.
    drop(stream);
    expect(&channel, "disconnected");
    subscribe(&follower);
    expect(&channel, "reregistered");
}

#[test]
fn refused_authentication_and_refused_subscriptions_end_the_driver() {
    for (status, body, expected) in [
        ("401 Unauthorized", "401 Unauthorized.", "Master refused authentication"),
        (
            "400 Bad Request",
            "Failed to parse",
            "Received unexpected '400 Bad Request' (Failed to parse) for SUBSCRIBE",
        ),
    ] {
        let server = Server::new();
        let (driver, channel) = start(options(&server));
        let mut connection = server.accept();
        connection.request();
        connection.answer(status, "WWW-Authenticate: Basic realm=\"x\"\r\n", body);
        assert_ends(&*driver, &channel, expected);
        assert!(server.is_idle());
    }
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let (mut stream, _) = server.subscription();
    stream.record(&api::Event {
        error: Some(api::event::Error {
            message: "Framework has been removed".into(),
        }),
        ..event(api::event::Type::Error)
    });
    assert_ends(&*driver, &channel, "Framework has been removed");
}

fn assert_ends(driver: &dyn SchedulerDriver, channel: &Channel, expected: &str) {
    let error = expect(channel, "error");
    assert_eq!(text(&error, 0), expected);
    let origin = error.origin.expect("origin");
    assert!(origin.ends_driver);
    assert_eq!(driver.status(), Status::Running, "until Perl takes the event");
    origin.owner.upgrade().expect("owner").end_delivered();
    assert_eq!(driver.status(), Status::Aborted);
    assert_eq!(driver.call(kill("t")), Ok(Status::Aborted));
    driver.close();
    assert!(channel.is_empty(), "error is the last event");
    assert_eq!((driver.stop(false), driver.stop(false)), (Status::Aborted, Status::Stopped));
}

#[test]
fn no_master_in_time() {
    // A port where nobody listens.
    let server = Server::new();
    let address = server.address();
    let limited = SchedulerOptions {
        master_timeout: Some(Duration::from_millis(500)),
        ..options(&server)
    };
    drop(server);
    let (_driver, channel) = start(limited);
    let error = text(&expect(&channel, "error"), 0);
    assert!(
        error.starts_with(&format!("no master at {address} for 0.5 s: cannot connect: ")),
        "{error}"
    );
}

#[test]
fn launches_without_a_master_are_lost() {
    for (capability, expected) in [(None, TaskState::TaskLost), (Some(5), TaskState::TaskDropped)] {
        let server = Server::new();
        let info = FrameworkInfo {
            name: "test".into(),
            capabilities: capability
                .map(|c| proto::framework_info::Capability { r#type: Some(c) })
                .into_iter()
                .collect(),
            ..Default::default()
        };
        let with_info = SchedulerOptions {
            framework: info.encode_to_vec(),
            ..options(&server)
        };
        let (driver, channel) = start(with_info);
        assert_eq!(driver.call(launch("o", &["t1", "t2"])), Ok(Status::Running));
        assert_eq!(driver.call(kill("t1")), Ok(Status::Running));
        driver.call(SchedulerCall::SuppressOffers { roles: None }).expect("suppress");
        for task in ["t1", "t2"] {
            let event = expect(&channel, "statusUpdate");
            let status: TaskStatus = message(&event, 0);
            assert_eq!((status.task_id.value.as_str(), status.state()), (task, expected));
            assert_eq!(status.source(), proto::task_status::Source::Master);
            assert_eq!(status.reason(), proto::task_status::Reason::MasterDisconnected);
            assert_eq!(status.message(), "Master disconnected");
            assert!(status.uuid.is_none() && status.slave_id.is_none() && status.timestamp() > 1e9);
            assert!(!acknowledge(&event));
        }
        let (_stream, request) = subscribe(&server);
        let subscribe = mesos_perl::native::wire::scheduler::Call::decode(&request.body[..]).expect("call");
        assert_eq!(subscribe.subscribe.expect("subscribe").suppressed_roles, ["*"]);
        expect(&channel, "registered");
        let call: api::Call = server.accept().request().decode();
        assert_eq!(call.r#type(), api::call::Type::Suppress, "remembered; the KILL was dropped");
    }
}

#[test]
fn calls_are_pipelined_in_order_with_a_bound() {
    const CALLS: usize = 2000;
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let (_stream, _) = subscribe(&server);
    expect(&channel, "registered");
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

#[test]
fn a_connection_for_calls_may_be_closed_between_calls() {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let (_stream, _) = subscribe(&server);
    expect(&channel, "registered");
    for task in ["a", "b", "c"] {
        driver.call(kill(task)).expect("kill");
    }
    // The server answers one call and closes, although three were sent: the others were not read.
    for task in ["a", "b", "c"] {
        let mut calls = server.accept();
        assert_eq!(calls.request().decode::<api::Call>().kill.expect("KILL").task_id.value, task);
        calls.answer("202 Accepted", "Connection: close\r\n", "");
    }
    driver.close();
    assert!(channel.is_empty(), "no disconnected");
}

#[test]
fn a_stale_subscription_is_renewed() {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let _first = subscribe(&server);
    expect(&channel, "registered");
    driver.call(kill("a")).expect("kill");
    let mut calls = server.accept();
    calls.request();
    calls.answer(
        "400 Bad Request",
        "",
        "The stream ID 'x' included in this request didn't match the stream ID",
    );
    expect(&channel, "disconnected");
    let _second = subscribe(&server);
    expect(&channel, "reregistered");
    driver.call(kill("b")).expect("kill");
    let mut calls = server.accept();
    calls.request();
    calls.answer("400 Bad Request", "", "Failed to validate scheduler::Call: something");
    driver.call(kill("c")).expect("kill");
    assert_eq!(calls.request().decode::<api::Call>().kill.expect("KILL").task_id.value, "c");
}

#[test]
fn an_aborted_driver_refuses_offers_and_can_still_be_stopped() {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let (mut stream, _) = subscribe(&server);
    expect(&channel, "registered");
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
