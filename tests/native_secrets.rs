//! Secrets stay out of logs, of events and of what is printed for debugging, whatever goes wrong.

mod support;

use log::{LevelFilter, Log, Metadata, Record};
use mesos_perl::backends::{executor, scheduler};
use mesos_perl::channel::Channel;
use mesos_perl::driver::{SchedulerDriver, SchedulerOptions};
use mesos_perl::event::Event;
use mesos_perl::proto;
use prost::Message;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::scheduler::{kill, options, subscribe};
use support::{expect, next_event, text, wait_for, Server};

/// In all the forms in which it may show up: plain, and `principal:s3cret-word` in Base64.
const SECRETS: [&str; 4] = [
    "s3cret-word",
    "cHJpbmNpcGFsOnMzY3JldC13b3Jk",
    "t0ken.of.executor",
    "zk-passw0rd",
];

static LINES: Mutex<String> = Mutex::new(String::new());

/// Keeps everything, of whatever level and crate.
struct Everything;

impl Log for Everything {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        let line = format!("{} {}: {}\n", record.level(), record.target(), record.args());
        LINES.lock().expect("lines").push_str(&line);
    }

    fn flush(&self) {}
}

fn keeps(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what} has {secret:?}: {text}");
    }
}

fn options_with_credential(server: &Server, master: String) -> SchedulerOptions {
    let credential = proto::Credential {
        principal: "principal".into(),
        secret: Some("s3cret-word".into()),
    };
    SchedulerOptions {
        master,
        credential: Some(credential.encode_to_vec()),
        master_timeout: Some(Duration::from_millis(700)),
        ..options(server)
    }
}

fn started(options: SchedulerOptions) -> (Arc<dyn SchedulerDriver>, Channel) {
    let channel = Channel::new();
    let driver = scheduler::new(options, channel.clone()).expect("driver");
    driver.start().expect("start");
    (driver, channel)
}

/// The events until the driver has failed.
fn failing(channel: &Channel) -> Event {
    loop {
        let event = next_event(channel);
        keeps("an event", &format!("{:?}", event.args));
        if event.name == "error" {
            keeps("an error", &text(&event, 0));
            return event;
        }
    }
}

#[test]
fn secrets_stay_where_they_are() {
    log::set_logger(&Everything).expect("the first logger");
    log::set_max_level(LevelFilter::Trace);

    // A life with everything that is logged: redirects, refusals, garbage, calls that are refused, authentication that is.
    let (follower, server) = (Server::new(), Server::new());
    let (driver, channel) = started(SchedulerOptions {
        master_timeout: None,
        ..options_with_credential(&follower, format!("{},{}", follower.address(), server.address()))
    });
    let mut connection = follower.accept();
    let authorization = connection.request().header("Authorization").map(str::to_string);
    assert_eq!(
        authorization.as_deref(),
        Some("Basic cHJpbmNpcGFsOnMzY3JldC13b3Jk"),
        "it is sent"
    );
    let location = format!("Location: //{}/\r\n", server.address());
    connection.answer("307 Temporary Redirect", &location, "");
    let mut connection = server.accept();
    connection.request();
    connection.answer("503 Service Unavailable", "", "No leader elected");
    let mut connection = server.accept();
    connection.request();
    connection.send(b"garbage\r\n\r\n");
    drop(connection);
    let mut connection = follower.accept();
    connection.request();
    connection.answer("307 Temporary Redirect", "Location: https://a.example:1/\r\n", "");
    let (_stream, _) = subscribe(&server);
    expect(&channel, "registered");
    driver.call(kill("t")).expect("kill");
    let mut calls = server.accept();
    calls.request();
    calls.answer("400 Bad Request", "", "This call is wrong");
    driver.call(kill("t")).expect("kill");
    calls.request();
    calls.answer("401 Unauthorized", "", "401 Unauthorized.");
    failing(&channel);
    driver.close();

    // No master at all; one in ZooKeeper, whose own credentials are in the URL.
    let nobody = {
        let server = Server::new();
        server.address()
    };
    for master in [nobody.clone(), format!("zk://user:zk-passw0rd@{nobody}/mesos")] {
        let (driver, channel) = started(options_with_credential(&server, master));
        failing(&channel);
        driver.close();
    }
    for wrong in [
        "zk://user:zk-passw0rd@host:1/",
        "zk://user:zk-passw0rd@:x/mesos",
        "user:zk-passw0rd@host",
    ] {
        let refused = scheduler::new(options_with_credential(&server, wrong.to_string()), Channel::new()).map(drop);
        keeps("a refusal", &refused.expect_err(wrong).to_string());
    }

    // An executor's token, accepted and refused.
    let agent = format!("slave(1)@{}", server.address());
    let variables = [
        ("MESOS_SLAVE_PID", agent.as_str()),
        ("MESOS_SLAVE_ID", "S"),
        ("MESOS_FRAMEWORK_ID", "F"),
        ("MESOS_EXECUTOR_ID", "E"),
        ("MESOS_DIRECTORY", "/tmp"),
        ("MESOS_LOCAL", "1"),
        ("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "t0ken.of.executor"),
    ];
    let variables = variables.map(|(name, value)| (name, value.to_string()));
    let channel = Channel::new();
    let get = move |name: &str| variables.iter().find(|v| v.0 == name).map(|v| v.1.clone());
    let driver = executor::new("native", get, channel.clone()).expect("driver");
    driver.start().expect("start");
    let mut connection = server.accept();
    let authorization = connection.request().header("Authorization").map(str::to_string);
    assert_eq!(authorization.as_deref(), Some("Bearer t0ken.of.executor"), "it is sent");
    connection.answer("401 Unauthorized", "WWW-Authenticate: Bearer realm=\"x\"\r\n", "");
    failing(&channel);
    driver.close();

    let lines = wait_for("the log", || {
        let lines = LINES.lock().expect("lines").clone();
        lines.contains("Agent refused authentication").then_some(lines)
    });
    for expected in [
        "redirects to",
        "No leader elected",
        "This call is wrong",
        "Master refused authentication",
        "/mesos",
    ] {
        assert!(lines.contains(expected), "{expected}: {lines}");
    }
    keeps("the log", &lines);
}
