//! The scheduler driver against a server on a real socket that follows each test's script: lost, refusing and wrong masters.

mod support;

use mesos_perl::channel::Channel;
use mesos_perl::driver::{SchedulerCall, SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::proto::{self, scheduler as api, FrameworkInfo, TaskState, TaskStatus};
use prost::Message;
use std::time::{Duration, Instant};
use support::scheduler::{acknowledge, event, kill, launch, options, registered, start, subscribe, subscribed};
use support::{expect, message, text, Connection, Server};

#[test]
fn a_lost_stream_is_told_once_and_subscribed_again() {
    let (server, driver, channel, stream) = registered();
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
        driver.call(SchedulerCall::SuppressOffers { roles: None }).expect("suppress");
        assert_eq!(driver.call(kill("t1")), Ok(Status::Running));
        // Last: its updates tell that the calls before were dealt with.
        assert_eq!(driver.call(launch("o", &["t1", "t2"])), Ok(Status::Running));
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
        let mut refused = server.accept();
        refused.request();
        refused.answer("503 Service Unavailable", "", "No leader elected");
        let (_stream, request) = subscribe(&server);
        let subscribe = mesos_perl::native::scheduler::wire::Call::decode(&request.body[..]).expect("call");
        assert_eq!(subscribe.subscribe.expect("subscribe").suppressed_roles, [b"*"]);
        expect(&channel, "registered");
        let call: api::Call = server.accept().request().decode();
        assert_eq!(call.r#type(), api::call::Type::UpdateFramework, "the KILL was dropped");
        assert_eq!(call.update_framework.expect("its content").suppressed_roles, ["*"]);
    }
}

#[test]
fn a_connection_for_calls_may_be_closed_between_calls() {
    let (server, driver, channel, _stream) = registered();
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

/// The error names the limit: nothing else tells a program why its master is of no use.
#[test]
fn a_record_beyond_the_limit_ends_the_subscription_and_is_named() {
    for length in ["268435457", "999999999", "18446744073709551616"] {
        let server = Server::new();
        let limited = SchedulerOptions {
            master_timeout: Some(Duration::from_secs(2)),
            ..options(&server)
        };
        let (_driver, channel) = start(limited);
        let (mut stream, _) = subscribe(&server);
        expect(&channel, "registered");
        stream.chunk(format!("{length}\n").as_bytes());
        expect(&channel, "disconnected");
        // Subscribes again, and waits for the answer.
        let _second = server.subscription();
        let error = text(&expect(&channel, "error"), 0);
        let named = "for 2 s: a record of more than 268435456 bytes (256 MiB, the longest event that is accepted)";
        assert!(error.ends_with(named), "{error}");
    }
}

/// The driver's next call is answered as one of a subscription that the master does not know any more. Gives the open connection.
fn refuse_a_call(server: &Server, driver: &dyn SchedulerDriver) -> Connection {
    driver.call(kill("a")).expect("kill");
    let mut calls = server.accept();
    calls.request();
    calls.answer(
        "400 Bad Request",
        "",
        "The stream ID 'x' included in this request didn't match the stream ID",
    );
    calls
}

/// A master that gives the framework to another driver says so on the event stream. The answer to a call may be there before.
#[test]
fn a_driver_that_was_replaced_does_not_come_back() {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let (mut stream, _) = subscribe(&server);
    expect(&channel, "registered");
    let _calls = refuse_a_call(&server, &*driver);
    // Its answer is counted before the event is sent.
    let refused = || driver.stats().into_iter().find(|stat| stat.name == "calls_refused");
    support::wait_for("the refusal", || refused().filter(|stat| stat.value == Some(1.0)));
    stream.record(&api::Event {
        error: Some(api::event::Error {
            message: "Framework failed over".into(),
        }),
        ..event(api::event::Type::Error)
    });
    assert_eq!(text(&expect(&channel, "error"), 0), "Framework failed over");
    assert!(channel.is_empty(), "no disconnected");
}

#[test]
fn a_stale_subscription_is_renewed() {
    let server = Server::new();
    let (driver, channel) = start(options(&server));
    let _first = subscribe(&server);
    expect(&channel, "registered");
    let _calls = refuse_a_call(&server, &*driver);
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
