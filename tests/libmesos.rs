//! The libmesos backend against the stand-in under tests/libmesos-standin: the bridge's errors and threads, which Perl's tests
//! cannot reach. script/test builds the stand-in and runs this under valgrind, too.
#![cfg(feature = "libmesos")]

#[path = "support/skip.rs"]
mod skip;

use mesos_perl::channel::Channel;
use mesos_perl::driver::{Backend, DriverError, SchedulerCall, SchedulerDriver, SchedulerOptions, Status};
use mesos_perl::event::{Arg, Event};
use mesos_perl::libmesos;
use mesos_perl::proto;
use prost::Message;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// These tests speak of the stand-in's scripts: with another libmesos they say so and pass.
fn standin() -> bool {
    let is = libmesos::VERSION.ends_with("-standin");
    if !is {
        skip::skip(
            "libmesos",
            &format!("built with libmesos {}, not with the stand-in", libmesos::VERSION),
        );
    }
    is
}

fn framework(name: &str, id: Option<&str>) -> Vec<u8> {
    let framework = proto::FrameworkInfo {
        user: "nobody".to_string(),
        name: name.to_string(),
        id: id.map(|value| proto::FrameworkId {
            value: value.to_string(),
        }),
        ..Default::default()
    };
    framework.encode_to_vec()
}

fn options(name: &str) -> SchedulerOptions {
    SchedulerOptions {
        driver: "libmesos".to_string(),
        master: "127.0.0.1:5050".to_string(),
        framework: framework(name, None),
        implicit_acknowledgements: true,
        ..Default::default()
    }
}

fn driver(options: SchedulerOptions, channel: &Channel) -> Arc<dyn SchedulerDriver> {
    let driver = mesos_perl::backends::scheduler::new(options, channel.clone()).expect("driver");
    assert_eq!(driver.backend(), Backend::Libmesos);
    driver
}

/// The next event; settles what is owed for it as Perl's dispatcher does.
fn next(channel: &Channel) -> Event {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(event) = channel.take() {
            if let Some(origin) = &event.origin {
                if let Some(owner) = origin.owner.upgrade() {
                    if origin.ends_driver {
                        owner.end_delivered();
                    }
                    if let Some(update) = origin.acknowledgement.clone() {
                        owner.acknowledge(update);
                    }
                }
            }
            return event;
        }
        assert!(Instant::now() < end, "no event");
        std::thread::yield_now();
    }
}

fn next_called(channel: &Channel, name: &str) -> Event {
    loop {
        let event = next(channel);
        if event.name == name {
            return event;
        }
    }
}

fn text(event: &Event) -> String {
    match event.args.first() {
        Some(Arg::Scalar(_, bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn exceptions_become_errors() {
    if !standin() {
        return;
    }
    let channel = Channel::new();
    for (framework, expected) in [
        (b"\xff".to_vec(), "framework: not an encoded mesos.FrameworkInfo"),
        (Vec::new(), "framework: mesos.FrameworkInfo lacks user, name"),
    ] {
        let options = SchedulerOptions {
            framework,
            ..options("bad")
        };
        match mesos_perl::backends::scheduler::new(options, channel.clone()) {
            Err(DriverError::System(text)) => assert_eq!(text, format!("libmesos: {expected}")),
            other => panic!("{:?}", other.map(|d| d.status())),
        }
    }
    // Undecodable arguments of a call stop in the driver's thread, which lives on.
    let driver = driver(options("standin: messages 1"), &channel);
    assert_eq!(driver.start(), Ok(Status::Running));
    let task_id = b"\xff".to_vec();
    assert_eq!(
        driver.call(SchedulerCall::KillTask {
            task_id,
            kill_policy: None
        }),
        Ok(Status::Running)
    );
    next_called(&channel, "frameworkMessage");
    assert_eq!(driver.stop(false), Status::Stopped);
}

#[test]
fn every_callback_arrives_with_its_arguments() {
    if !standin() {
        return;
    }
    let channel = Channel::new();
    let script = "standin: rescind; lose-agent; disconnect; reregister; messages 1; updates 1; error the end";
    let driver = driver(options(script), &channel);
    driver.start().expect("start");
    let mut heard = Vec::new();
    loop {
        let event = next(&channel);
        // The stand-in's master offers what it has when it likes.
        if event.name == "resourceOffers" {
            continue;
        }
        heard.push((event.name.to_string(), event.args.len()));
        if event.name == "error" {
            assert_eq!(text(&event), "the end");
            assert_eq!(driver.status(), Status::Aborted);
            break;
        }
    }
    let expected = [
        ("registered", 2),
        ("offerRescinded", 1),
        ("slaveLost", 1),
        ("disconnected", 0),
        ("reregistered", 1),
        ("frameworkMessage", 3),
        ("statusUpdate", 1),
        ("error", 1),
    ];
    let expected: Vec<_> = expected.iter().map(|(name, count)| (name.to_string(), *count)).collect();
    assert_eq!(heard, expected);
    assert_eq!(driver.stop(false), Status::Aborted);
    assert_eq!(driver.stop(false), Status::Stopped);
}

#[test]
fn drivers_end_in_every_state_and_amid_callbacks() {
    if !standin() {
        return;
    }
    let channel = Channel::new();
    drop(driver(options("not started"), &channel));
    for _ in 0..3 {
        let driver = driver(options("standin: messages 20000"), &channel);
        driver.start().expect("start");
        next_called(&channel, "frameworkMessage");
        // libmesos' thread is queueing while this waits for it.
        drop(driver);
        assert!(channel.is_empty(), "nothing comes from a driver that is closed");
    }
    for aborts in [true, false] {
        let driver = driver(options("standin: messages 20000"), &channel);
        driver.start().expect("start");
        next_called(&channel, "frameworkMessage");
        match aborts {
            true => assert_eq!(driver.abort(), Status::Aborted),
            false => assert_eq!(driver.stop(true), Status::Stopped),
        }
        assert!(channel.is_empty(), "nothing comes after stop or abort");
        driver.close();
        driver.close();
    }
}

#[test]
fn a_driver_may_be_dropped_by_the_thread_that_takes_its_events() {
    if !standin() {
        return;
    }
    let channel = Channel::new();
    let driver = driver(options("standin: updates 100"), &channel);
    driver.start().expect("start");
    let taker = {
        let channel = channel.clone();
        std::thread::spawn(move || {
            next_called(&channel, "statusUpdate");
            drop(driver);
        })
    };
    taker.join().expect("no deadlock");
    assert!(channel.is_empty());
}

#[test]
fn errors_of_the_start_are_events() {
    if !standin() {
        return;
    }
    let channel = Channel::new();
    let nowhere = SchedulerOptions {
        master: "nowhere.invalid:5050".to_string(),
        ..options("n")
    };
    let driver = driver(nowhere, &channel);
    assert_eq!(driver.start(), Ok(Status::Running));
    let error = text(&next(&channel));
    assert_eq!(
        error,
        "Failed to create a master detector for 'nowhere.invalid:5050': no such host"
    );
    assert_eq!(driver.status(), Status::Aborted);
}

#[test]
fn without_a_master_the_timeout_ends_the_driver() {
    if !standin() {
        return;
    }
    let channel = Channel::new();
    let nobody = SchedulerOptions {
        master: "127.0.0.1:1".to_string(),
        master_timeout: Some(Duration::from_millis(50)),
        ..options("n")
    };
    let first = driver(nobody, &channel);
    first.start().expect("start");
    assert_eq!(text(&next(&channel)), "no master at 127.0.0.1:1 for 0.05 s: not registered");
    drop(first);
    // A master that goes away after the registration.
    let leaving = SchedulerOptions {
        master_timeout: Some(Duration::from_millis(200)),
        ..options("standin: disconnect")
    };
    let second = driver(leaving, &channel);
    second.start().expect("start");
    assert!(text(&next_called(&channel, "error")).starts_with("no master at 127.0.0.1:5050"));
}

#[test]
fn calls_of_later_versions_are_for_those_libmesos_that_have_them() {
    if !standin() {
        return;
    }
    let channel = Channel::new();
    let driver = driver(options("n"), &channel);
    driver.start().expect("start");
    let registered = next_called(&channel, "registered");
    let id = match registered.args.first() {
        Some(Arg::Scalar(_, bytes)) => proto::FrameworkId::decode(&bytes[..]).expect("FrameworkID").value,
        other => panic!("{other:?}"),
    };
    let roles = Some(vec!["*".to_string()]);
    let revive = driver.call(SchedulerCall::ReviveOffers { roles: roles.clone() });
    let suppress = driver.call(SchedulerCall::SuppressOffers { roles });
    let update = driver.call(SchedulerCall::UpdateFramework {
        framework: framework("n", Some(&id)),
        suppressed_roles: None,
    });
    if libmesos::VERSION.starts_with("0.") {
        for (text, outcome) in [
            ("reviveOffers: libmesos 0.28.1-standin knows no roles", revive),
            ("suppressOffers: libmesos 0.28.1-standin knows no roles", suppress),
            ("updateFramework: libmesos 0.28.1-standin has no such call", update),
        ] {
            let error = outcome.expect_err("an older shape").to_string();
            assert!(error.starts_with(text), "{error}");
        }
    } else {
        assert_eq!(
            (revive, suppress, update),
            (Ok(Status::Running), Ok(Status::Running), Ok(Status::Running))
        );
        let unregistered = driver.call(SchedulerCall::UpdateFramework {
            framework: framework("n", None),
            suppressed_roles: None,
        });
        assert!(unregistered.is_err_and(|e| e.to_string().contains("FrameworkInfo.id is missing")));
    }
    assert_eq!(driver.call(SchedulerCall::ReviveOffers { roles: None }), Ok(Status::Running));
    let status = Vec::new();
    let refused = driver.call(SchedulerCall::Acknowledge { status });
    assert!(refused.is_err_and(|e| e.to_string().contains("acknowledges updates itself")));
}
