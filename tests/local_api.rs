//! The two APIs of the embedded cluster as their clients see them: codes, texts, streams.

#[path = "support/local.rs"]
mod local_support;

use local_support::*;
use mesos_perl::local::Cluster;
use mesos_perl::proto::scheduler::call::{self, Type};
use mesos_perl::proto::scheduler::{event, Event};
use mesos_perl::proto::*;
use prost::Message;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;
use TaskState::*;

const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");

#[test]
fn nothing_without_the_secret() {
    let cluster = cluster();
    let body = subscribe_call(info("x")).encode_to_vec();
    for path in [
        "/master/api/v1/scheduler",
        "/api/v1/executor",
        "/state",
        "/version",
        "/redirect",
        "/health",
        "/nosuch",
    ] {
        for authorization in [None, Some("Bearer 00"), Some("Basic dGVzdDp0ZXN0")] {
            let mut headers = vec![PROTOBUF];
            headers.extend(authorization.map(|value| ("Authorization", value)));
            let reply = request(cluster.address(), "POST", path, &headers, &body);
            assert_eq!((reply.status, reply.text()), (401, "401 Unauthorized."), "{path}");
            assert!(reply.header("WWW-Authenticate").unwrap().starts_with("Bearer realm="));
        }
    }
    let secret = format!("Bearer {}", cluster.secret());
    let reply = request(cluster.address(), "GET", "/health", &[("Authorization", &secret)], b"");
    assert_eq!((reply.status, reply.text()), (200, ""));
    assert!(!format!("{cluster:?}").contains(cluster.secret()));
    assert!(cluster.secret().len() >= 32);
}

/// How many of the connections the server has not closed.
fn open(all: &[TcpStream]) -> usize {
    let is_open = |one: &&TcpStream| matches!({ *one }.read(&mut [0; 512]), Err(e) if e.kind() == ErrorKind::WouldBlock);
    all.iter().filter(is_open).count()
}

#[test]
fn who_shows_no_secret_holds_little() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    // One call, and its connection is known.
    framework.accepted(call(Type::Revive));
    let starts = [
        "",
        "POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\n",
        "GET /health HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc",
    ];
    let guests: Vec<TcpStream> = (0..300)
        .map(|i| {
            let mut stream = TcpStream::connect(cluster.address()).expect("connect");
            stream.write_all(starts[i % 3].as_bytes()).expect("send");
            stream.set_nonblocking(true).expect("no waiting");
            stream
        })
        .collect();
    until("at most 64 stay", || open(&guests) <= 64);
    // That connection stays, and a new client finds room.
    framework.accepted(call(Type::Revive));
    let mut other = Framework::new(&cluster);
    other.accepted(call(Type::Revive));

    let mut large = TcpStream::connect(cluster.address()).expect("connect");
    let head = format!("GET /health HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    // The server may close it in the middle.
    let _ = large.write_all(head.as_bytes());
    let mut answer = Vec::new();
    let _ = large.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "), "refused");
}

#[test]
#[allow(clippy::too_many_lines)] // A table, or one story.
fn requests_that_are_none() {
    let cluster = cluster();
    let authorization = format!("Bearer {}", cluster.secret());
    let auth = ("Authorization", authorization.as_str());
    let mut framework = Framework::new(&cluster);
    let stream_id = framework.stream_id.clone();
    let of = |call: scheduler::Call| {
        scheduler::Call {
            framework_id: Some(framework.id.clone()),
            ..call
        }
        .encode_to_vec()
    };
    let subscribe = subscribe_call(info("x")).encode_to_vec();
    let revive = of(call(Type::Revive));
    let unknown = scheduler::Call {
        framework_id: Some(FrameworkId { value: "no".into() }),
        ..call(Type::Revive)
    }
    .encode_to_vec();
    let stream = ("Mesos-Stream-Id", stream_id.as_str());
    let mismatch = format!(
        "The stream ID 'x' included in this request didn't match the stream ID currently associated with framework ID {}",
        framework.id.value
    );
    type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a [u8], u16, &'a str);
    let s = "/master/api/v1/scheduler";
    let e = "/slave(1)/api/v1/executor";
    let cases: Vec<Case> = vec![
        (
            "GET",
            s,
            vec![],
            b"",
            405,
            "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'.",
        ),
        (
            "PUT",
            e,
            vec![PROTOBUF],
            b"",
            405,
            "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'PUT'.",
        ),
        ("POST", s, vec![], b"", 400, "Expecting 'Content-Type' to be present"),
        (
            "POST",
            "/slave%281%29/api/v1/executor",
            vec![],
            b"",
            400,
            "Expecting 'Content-Type' to be present",
        ),
        (
            "POST",
            s,
            vec![("Content-Type", "text/plain")],
            b"",
            415,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        ),
        (
            "POST",
            s,
            vec![("Content-Type", "application/x-protobuf; x=y")],
            b"",
            415,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        ),
        (
            "POST",
            s,
            vec![PROTOBUF],
            b"\xff\xff",
            400,
            "Failed to parse body into Call protobuf",
        ),
        ("POST", e, vec![PROTOBUF], b"", 400, "Failed to parse body into Call protobuf"),
        // subscribe { framework_info { user, name, labels { labels { value } } } }: a label's key is required.
        (
            "POST",
            s,
            vec![PROTOBUF],
            b"\x10\x01\x1a\x0f\x0a\x0d\x0a\x01u\x12\x01n\x5a\x05\x0a\x03\x12\x01v",
            400,
            "Failed to parse body into Call protobuf",
        ),
        (
            "POST",
            s,
            vec![PROTOBUF],
            b"",
            400,
            "Failed to validate scheduler::Call: Expecting 'type' to be present",
        ),
        (
            "POST",
            s,
            vec![PROTOBUF, ("Accept", "text/html")],
            &subscribe,
            406,
            "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
        ),
        (
            "POST",
            s,
            vec![PROTOBUF, stream],
            &subscribe,
            400,
            "Subscribe calls should not include the 'Mesos-Stream-Id' header",
        ),
        ("POST", s, vec![PROTOBUF], &unknown, 400, "Framework cannot be found"),
        (
            "POST",
            s,
            vec![PROTOBUF],
            &revive,
            400,
            "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
        ),
        ("POST", s, vec![PROTOBUF, ("Mesos-Stream-Id", "x")], &revive, 400, &mismatch),
        ("POST", s, vec![PROTOBUF, stream], &revive, 202, ""),
        ("POST", "/api/v1/scheduler/", vec![PROTOBUF, stream], &revive, 202, ""),
        ("GET", "/nosuch", vec![], b"", 404, "404 Not Found."),
        ("GET", "/redirect/state", vec![], b"", 404, "404 Not Found."),
    ];
    for (method, path, mut headers, body, status, text) in cases {
        headers.push(auth);
        let reply = request(cluster.address(), method, path, &headers, body);
        assert_eq!((reply.status, reply.text()), (status, text), "{method} {path}");
    }
    let redirect = request(cluster.address(), "GET", "/master/redirect", &[auth], b"");
    assert_eq!(
        (redirect.status, redirect.header("Location")),
        (307, Some(format!("//{}", cluster.address()).as_str()))
    );
    let version = request(cluster.address(), "GET", "/version", &[auth], b"");
    assert!(version.text().contains("\"version\":\"1.11.0\""), "{}", version.text());
    let missing = framework.post(call(Type::Accept));
    assert_eq!(
        missing.text(),
        "Failed to validate scheduler::Call: Expecting 'accept' to be present"
    );
}

#[test]
fn first_subscribed_then_a_heartbeat_then_offers() {
    let mut config = config("cpus:4;mem:4096;ports:[31000-31099]");
    config.attributes = Some("rack:r1".into());
    config.hostname = Some("node.test".into());
    let cluster = Cluster::start(config).unwrap();
    let mut framework = Framework::new(&cluster);
    assert!(framework.id.value.ends_with("-0000"));
    assert_eq!(framework.stream_id.len(), 36);
    let second: Event = framework.records.next().unwrap();
    assert_eq!(event_type(&second), event::Type::Heartbeat);
    let offer = framework.offer();
    assert!(offer.id.value.ends_with("-O0"));
    assert_eq!(
        (
            offer.hostname.as_str(),
            offer.attributes[0].text.as_ref().unwrap().value.as_str()
        ),
        ("node.test", "r1")
    );
    let url = offer.url.unwrap();
    assert_eq!(
        (url.scheme.as_str(), url.path(), url.address.port),
        ("http", "/slave(1)", i32::from(cluster.address().port()))
    );
    assert!(offer.allocation_info.is_none() && offer.resources.iter().all(|r| r.allocation_info.is_none()));
    let names: Vec<&str> = offer.resources.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["cpus", "mem", "ports", "disk"]);
}

#[test]
fn heartbeats_go_on() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let started = Instant::now();
    let beat = |event: &Event| (event_type(event) == event::Type::Heartbeat).then_some(());
    framework.find("the first heartbeat", beat);
    assert!(started.elapsed().as_secs_f64() < 10.0);
    framework.find("the second heartbeat", beat);
    assert!((14.0..25.0).contains(&started.elapsed().as_secs_f64()));
}

#[test]
fn subscriptions_that_are_refused() {
    let cluster = cluster();
    let refused = |info: FrameworkInfo| {
        let mut records = Records::open(
            cluster.address(),
            "/api/v1/scheduler",
            cluster.secret(),
            &subscribe_call(info),
        );
        let error: Event = records.next().unwrap();
        assert!(records.next::<Event>().is_none());
        error.error.unwrap().message
    };
    assert_eq!(
        refused(FrameworkInfo {
            roles: vec!["a".into()],
            ..info("x")
        }),
        "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
    );
    #[allow(deprecated)]
    let bad_role = FrameworkInfo {
        role: Some("a b".into()),
        ..info("x")
    };
    assert!(refused(bad_role).starts_with("'FrameworkInfo.role' is not a valid role: "));
    assert_eq!(
        refused(FrameworkInfo {
            failover_timeout: Some(1e300),
            ..info("x")
        }),
        "The framework failover_timeout (1e+300) is invalid"
    );
    let bad_id = FrameworkInfo {
        id: Some(FrameworkId { value: "../../x".into() }),
        ..info("x")
    };
    assert!(refused(bad_id).contains("contains invalid characters"));
}

#[test]
fn nonsense_harms_nobody() {
    let cluster = cluster();
    let authorization = format!("Bearer {}", cluster.secret());
    let mut framework = Framework::new(&cluster);
    let offer = framework.offer();
    let stream_id = framework.stream_id.clone();
    let headers = [
        PROTOBUF,
        ("Authorization", authorization.as_str()),
        ("Mesos-Stream-Id", stream_id.as_str()),
    ];
    // Damaged copies of a call that does much; the seed is fixed, so that a failure comes again.
    let extreme = |mut task: TaskInfo| {
        task.resources = vec![scalar("cpus", f64::MAX), scalar("cpus", f64::MAX), scalar("mem", f64::NAN)];
        let range = value::Range { begin: 0, end: u64::MAX };
        let ranges = Some(value::Ranges {
            range: vec![range, range],
        });
        task.resources.push(Resource {
            name: "ports".into(),
            r#type: 1,
            ranges,
            ..Default::default()
        });
        task.kill_policy = Some(KillPolicy {
            grace_period: Some(DurationInfo { nanoseconds: i64::MAX }),
        });
        task
    };
    let task_infos = vec![extreme(framework.command("a", "true")), framework.task_of("b", "e", "true")];
    let operation = offer::Operation {
        launch: Some(offer::operation::Launch { task_infos }),
        ..Default::default()
    };
    let filters = Some(Filters {
        refuse_seconds: Some(f64::NEG_INFINITY),
    });
    let accept = Some(call::Accept {
        offer_ids: vec![offer.id],
        operations: vec![operation],
        filters,
    });
    let whole = scheduler::Call {
        framework_id: Some(framework.id.clone()),
        accept,
        ..call(Type::Accept)
    }
    .encode_to_vec();
    let mut random = 1u64;
    let mut next = |limit: usize| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as usize % limit
    };
    for round in 0..600 {
        let mut body = whole.clone();
        for _ in 0..next(4) {
            let at = next(body.len());
            body[at] = next(256) as u8;
        }
        body.truncate(body.len() - if round % 3 == 0 { next(body.len()) } else { 0 });
        let path = if round % 5 == 0 {
            "/api/v1/executor"
        } else {
            "/api/v1/scheduler"
        };
        let reply = request(cluster.address(), "POST", path, &headers, &body);
        assert!(matches!(reply.status, 200..=202 | 400 | 403 | 406 | 501), "{}", reply.status);
    }
    // The cluster is as it was.
    framework.accepted(call(Type::Revive));
    let task = framework.command("after", "true");
    framework.accepted(call(Type::Revive));
    framework.launch(vec![task]);
    assert_eq!(framework.story("after").pop().unwrap().0, TaskFinished);
}
