//! Checks and health checks of real processes.

#[path = "support/local.rs"]
mod local_support;

use local_support::web::web;
use local_support::*;
use mesos_perl::local::Control;
use mesos_perl::proto::task_status::Reason;
use mesos_perl::proto::*;
use TaskState::*;

fn shell(command: &str) -> CommandInfo {
    CommandInfo {
        value: Some(command.into()),
        ..Default::default()
    }
}

/// One that begins at once, and is repeated often.
fn health(kind: health_check::Type) -> HealthCheck {
    HealthCheck {
        r#type: Some(kind as i32),
        delay_seconds: Some(0.0),
        interval_seconds: Some(0.01),
        grace_period_seconds: Some(0.0),
        consecutive_failures: Some(2),
        ..Default::default()
    }
}

fn check(kind: check_info::Type) -> CheckInfo {
    CheckInfo {
        r#type: Some(kind as i32),
        delay_seconds: Some(0.0),
        interval_seconds: Some(0.01),
        ..Default::default()
    }
}

#[test]
fn a_command_that_becomes_unhealthy_is_killed() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let mut task = framework.command("t", "touch good; echo $$ > pid; exec sleep 1000");
    let mut check = health(health_check::Type::Command);
    // In the sandbox, with the task's environment and its own.
    let mut command = shell("test -f good && test $MINE$OURS = 12 && echo checked");
    let variable = |name: &str, value: &str| Environment {
        variables: vec![environment::Variable {
            name: name.into(),
            value: Some(value.into()),
            ..Default::default()
        }],
    };
    command.environment = Some(variable("MINE", "1"));
    task.command.as_mut().unwrap().environment = Some(variable("OURS", "2"));
    check.command = Some(command);
    // The task makes the file only after its start.
    check.grace_period_seconds = Some(60.0);
    task.health_check = Some(Box::new(check));
    framework.launch(vec![task]);
    assert_eq!(framework.update("t").state(), TaskStarting);
    let running = framework.update("t");
    assert_eq!((running.state(), running.healthy), (TaskRunning, None));
    let good = framework.update("t");
    assert_eq!((good.state(), good.healthy), (TaskRunning, Some(true)));
    assert_eq!(good.reason(), Reason::TaskHealthCheckStatusUpdated);
    assert_eq!(good.source(), task_status::Source::Executor);
    assert_eq!(good.container_status, running.container_status);
    let sandbox = framework.sandbox(&cluster, "t");
    let pid = number_in(&sandbox.join("pid"));
    assert!(std::fs::read_to_string(sandbox.join("stderr")).unwrap().contains("checked\n"));
    std::fs::remove_file(sandbox.join("good")).unwrap();
    for _ in 0..2 {
        let bad = framework.update("t");
        assert_eq!((bad.state(), bad.healthy), (TaskRunning, Some(false)));
    }
    let end = framework.update("t");
    assert_eq!((end.state(), end.healthy, end.reason), (TaskKilled, Some(false), None));
    assert_eq!(end.message(), "Command terminated with signal Terminated");
    assert!(!is_alive(pid));
}

#[test]
fn ports_are_looked_at() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let good = web(
        move |head| match head.starts_with("GET /health?a=b HTTP/1.1\r\nHost: 127.0.0.1:") {
            true => b"HTTP/1.1 204 Fine\r\n\r\n".to_vec(),
            false => b"HTTP/1.1 500 Wrong\r\nContent-Length: 0\r\n\r\n".to_vec(),
        },
    );
    // Bound, and nobody listens.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let http = |framework: &Framework, id: &str, port: u32, path: &str| TaskInfo {
        health_check: Some(Box::new(HealthCheck {
            http: Some(health_check::HttpCheckInfo {
                port,
                path: Some(path.into()),
                ..Default::default()
            }),
            ..health(health_check::Type::Http)
        })),
        check: Some(Box::new(CheckInfo {
            http: Some(check_info::Http {
                port,
                path: Some(path.into()),
            }),
            ..check(check_info::Type::Http)
        })),
        ..framework.command(id, "sleep 1000")
    };
    let tcp = |framework: &Framework, id: &str, port: u32| TaskInfo {
        health_check: Some(Box::new(HealthCheck {
            tcp: Some(health_check::TcpCheckInfo {
                port,
                ..Default::default()
            }),
            ..health(health_check::Type::Tcp)
        })),
        check: Some(Box::new(CheckInfo {
            tcp: Some(check_info::Tcp { port }),
            ..check(check_info::Type::Tcp)
        })),
        ..framework.command(id, "sleep 1000")
    };
    let tasks = vec![
        http(&framework, "web", good, "/health?a=b"),
        http(&framework, "web-wrong", good, "/else"),
        tcp(&framework, "tcp", good),
        tcp(&framework, "tcp-closed", closed.into()),
    ];
    framework.launch(tasks);
    let mut seen = |task: &str, reason: Reason| loop {
        let update = framework.update(task);
        if update.reason() == reason {
            return update;
        }
    };
    for (task, healthy) in [("web", true), ("web-wrong", false), ("tcp", true), ("tcp-closed", false)] {
        assert_eq!(
            seen(task, Reason::TaskHealthCheckStatusUpdated).healthy,
            Some(healthy),
            "{task}"
        );
    }
    for task in ["web-wrong", "tcp-closed"] {
        let end = framework.wait_for(task, TaskKilled);
        assert_eq!(end.healthy, Some(false));
        assert!(end.check_status.is_some());
    }
    // What checks say is in the answer to a reconciliation.
    framework.accepted(scheduler::Call {
        reconcile: Some(Default::default()),
        ..call(scheduler::call::Type::Reconcile)
    });
    for task in ["web", "tcp"] {
        let status = loop {
            let status = framework.update(task);
            if status.reason() == Reason::Reconciliation {
                break status;
            }
        };
        assert_eq!(status.healthy, Some(true));
        let check = status.check_status.unwrap();
        match task {
            "web" => assert_eq!(check.http.unwrap().status_code, Some(204)),
            _ => assert_eq!(check.tcp.unwrap().succeeded, Some(true)),
        }
    }
}

#[test]
fn a_check_that_hangs_is_ended_with_all_that_it_started() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let mut task = framework.command("t", "sleep 1000");
    task.check = Some(Box::new(CheckInfo {
        command: Some(check_info::Command {
            command: shell("echo $$ > new; mv new hangs; sleep 1000"),
        }),
        timeout_seconds: Some(30.0),
        ..check(check_info::Type::Command)
    }));
    framework.launch(vec![task]);
    framework.wait_for("t", TaskRunning);
    let sandbox = framework.sandbox(&cluster, "t");
    let first = number_in(&sandbox.join("hangs"));
    std::fs::remove_file(sandbox.join("hangs")).unwrap();
    cluster.control(Control::AdvanceClock(std::time::Duration::from_secs(31)));
    let second = number_in(&sandbox.join("hangs"));
    until("the first is gone", || !is_alive(first));
    // And one that is under way ends with its task.
    assert!(is_alive(second));
    framework.kill("t", None);
    framework.wait_for("t", TaskKilled);
    until("the second is gone", || !is_alive(second));
}
