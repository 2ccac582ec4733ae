//! The embedded cluster: tasks that a master refuses, with Mesos' texts.

#[path = "support/local.rs"]
mod local_support;

use local_support::*;
use mesos_perl::proto::*;
use TaskState::*;

#[test]
fn tasks_that_are_invalid_are_errors() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let good = framework.command("good", "sleep 1000");
    let with = |id: &str, change: &dyn Fn(&mut TaskInfo)| {
        let mut task = TaskInfo {
            task_id: TaskId { value: id.into() },
            ..good.clone()
        };
        change(&mut task);
        task
    };
    let long = "x".repeat(256);
    let agent = framework.agent_id.value.clone();
    let both = |t: &mut TaskInfo| {
        t.executor = Some(Box::new(ExecutorInfo {
            executor_id: ExecutorId { value: "e".into() },
            command: t.command.clone(),
            ..Default::default()
        }));
    };
    let cases: Vec<(TaskInfo, String)> = vec![
        (with("", &|_| ()), "ID must not be empty".into()),
        (with(&long, &|_| ()), "ID must not be greater than 255 characters".into()),
        (with("..", &|_| ()), "'..' is disallowed".into()),
        (with("../x", &|_| ()), "'../x' contains invalid characters".into()),
        (with("good", &|_| ()), "Task has duplicate ID: good".into()),
        (
            with("agent", &|t| t.slave_id.value = "S9".into()),
            format!("Task uses invalid agent S9 while agent {agent} is expected"),
        ),
        (
            with("grace", &|t| {
                t.kill_policy = Some(KillPolicy {
                    grace_period: Some(DurationInfo { nanoseconds: -1 }),
                });
            }),
            "Task's 'kill_policy.grace_period' must be non-negative".into(),
        ),
        (
            with("max", &|t| t.max_completion_time = Some(DurationInfo { nanoseconds: -1 })),
            "Task's `max_completion_time` must be non-negative".into(),
        ),
        (with("none", &|t| t.resources.clear()), "Task uses no resources".into()),
        (
            with("neither", &|t| t.command = None),
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present".into(),
        ),
        (
            with("both", &both),
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present".into(),
        ),
        (
            with("nocommand", &|t| {
                t.command = None;
                let executor_id = ExecutorId { value: "e".into() };
                t.executor = Some(Box::new(ExecutorInfo {
                    r#type: Some(executor_info::Type::Custom as i32),
                    executor_id,
                    ..Default::default()
                }));
            }),
            "'ExecutorInfo.command' must be set for 'CUSTOM' executor".into(),
        ),
        (
            with("executor", &|t| {
                both(t);
                t.command = None;
                t.executor.as_mut().unwrap().executor_id.value = "a/b".into();
            }),
            "'a/b' contains invalid characters".into(),
        ),
    ];
    let mut tasks = vec![good.clone()];
    tasks.extend(cases.iter().map(|(task, _)| task.clone()));
    tasks.push(with("big", &|t| t.resources = vec![scalar("cpus", 100.0)]));
    tasks.push(with("last", &|_| ()));
    framework.launch(tasks);
    for (task, message) in &cases {
        let status = framework.find(message, |event| {
            let status = &event.update.as_ref()?.status;
            (status.task_id == task.task_id && status.state() == TaskError).then(|| status.clone())
        });
        assert_eq!(status.message(), message);
        assert_eq!(
            (status.source(), status.reason()),
            (task_status::Source::Master, task_status::Reason::TaskInvalid)
        );
        assert!(status.uuid.is_none() && status.timestamp.is_some());
    }
    let big = framework.update("big");
    let message =
        "Total resources cpus(allocated: *):100 required by task and its executor is more than available cpus(allocated: *):3.9;";
    assert!(big.message().starts_with(message), "{}", big.message());
    framework.wait_for("good", TaskRunning);
    framework.wait_for("last", TaskRunning);
    assert!(!cluster.work_dir().join("x").exists());
}

/// Messages of a real 1.11.0, for the same tasks.
#[test]
#[allow(clippy::too_many_lines)] // A table, or one story.
fn parts_that_are_missing_or_make_no_sense() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let plain = framework.command("", "true");
    let with = |change: &dyn Fn(&mut TaskInfo)| {
        let mut task = plain.clone();
        change(&mut task);
        task
    };
    let health = |kind: Option<health_check::Type>, change: &dyn Fn(&mut HealthCheck)| {
        let mut check = HealthCheck {
            r#type: kind.map(|kind| kind as i32),
            ..Default::default()
        };
        change(&mut check);
        with(&|t| t.health_check = Some(Box::new(check.clone())))
    };
    let http = |path: Option<&str>, scheme: Option<&str>| health_check::HttpCheckInfo {
        port: 80,
        path: path.map(str::to_string),
        scheme: scheme.map(str::to_string),
        ..Default::default()
    };
    let check = |kind: Option<check_info::Type>, interval_seconds: Option<f64>| {
        let check = CheckInfo {
            r#type: kind.map(|kind| kind as i32),
            tcp: Some(check_info::Tcp { port: 1 }),
            interval_seconds,
            ..Default::default()
        };
        with(&|t| t.check = Some(Box::new(check.clone())))
    };
    let limit = |name: &str, value: f64| with(&|t| t.limits = [(name.to_string(), value::Scalar { value })].into());
    let variable = |variable: environment::Variable| {
        with(&|t| {
            let variables = vec![variable.clone()];
            t.command.as_mut().unwrap().environment = Some(Environment { variables });
        })
    };
    let container = |kind: container_info::Type, volumes: Vec<Volume>| {
        let container = ContainerInfo {
            r#type: kind as i32,
            volumes,
            ..Default::default()
        };
        with(&|t| t.container = Some(Box::new(container.clone())))
    };
    let (command, http_type, tcp) = (health_check::Type::Command, health_check::Type::Http, health_check::Type::Tcp);
    let secret = environment::Variable {
        name: "A".into(),
        r#type: Some(environment::variable::Type::Secret as i32),
        ..Default::default()
    };
    let cases: Vec<(TaskInfo, &str)> = vec![
        (health(None, &|_| ()), "Task uses invalid health check: HealthCheck must specify 'type'"),
        (
            health(Some(command), &|_| ()),
            "Task uses invalid health check: Expecting 'command' to be set for COMMAND health check",
        ),
        (
            health(None, &|h| h.command = Some(CommandInfo::default())),
            "Task uses invalid health check: Command health check must contain 'shell command'",
        ),
        (
            health(Some(http_type), &|_| ()),
            "Task uses invalid health check: Expecting 'http' to be set for HTTP health check",
        ),
        (
            health(None, &|h| h.http = Some(http(Some("x"), None))),
            "Task uses invalid health check: The path 'x' of HTTP health check must start with '/'",
        ),
        (
            health(Some(http_type), &|h| h.http = Some(http(None, Some("ftp")))),
            "Task uses invalid health check: Unsupported HTTP health check scheme: 'ftp'",
        ),
        (
            health(Some(tcp), &|_| ()),
            "Task uses invalid health check: Expecting 'tcp' to be set for TCP health check",
        ),
        (
            health(None, &|h| {
                h.command = plain.command.clone();
                h.delay_seconds = Some(-1.0);
            }),
            "Task uses invalid health check: Expecting 'delay_seconds' to be non-negative",
        ),
        (check(None, None), "Task uses invalid check: CheckInfo must specify 'type'"),
        (
            check(Some(check_info::Type::Command), None),
            "Task uses invalid check: Expecting 'command' to be set for COMMAND check",
        ),
        (
            check(Some(check_info::Type::Tcp), Some(-1.0)),
            "Task uses invalid check: Expecting 'interval_seconds' to be non-negative",
        ),
        (
            limit("cpus", 0.01),
            "The cpu limit must be greater than or equal to the cpu request",
        ),
        (
            limit("mem", 1.0),
            "The memory limit must be greater than or equal to the memory request",
        ),
        (
            limit("disk", 10.0),
            "Only cpus and mem may be included in a task's resource limits",
        ),
        (
            with(&|t| t.resources.push(scalar("gpus", 0.5))),
            "Task uses invalid resources: Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer",
        ),
        (
            variable(environment::Variable {
                name: "A".into(),
                ..Default::default()
            }),
            "Task's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must have a value set",
        ),
        (
            variable(secret.clone()),
            "Task's `CommandInfo` is invalid: Environment variable 'A' of type 'SECRET' must have a secret set",
        ),
        (
            container(container_info::Type::Mesos, vec![Volume::default()]),
            "Task's `ContainerInfo` is invalid: Invalid volume: Only one of them should be set: 'host_path', 'image' and 'source'",
        ),
        (
            container(container_info::Type::Docker, Vec::new()),
            "Task's `ContainerInfo` is invalid: DockerInfo 'docker' is not set for DOCKER typed ContainerInfo",
        ),
    ];
    let tasks = cases.iter().enumerate().map(|(n, (task, _))| TaskInfo {
        task_id: TaskId { value: format!("t{n}") },
        ..task.clone()
    });
    framework.launch(tasks.collect());
    for (n, (_, message)) in cases.iter().enumerate() {
        let status = framework.update(&format!("t{n}"));
        assert_eq!((status.state(), status.message()), (TaskError, *message));
        assert_eq!(
            (status.reason(), status.executor_id),
            (task_status::Reason::TaskInvalid, None)
        );
    }
    // What is right runs: zero is an amount, and a secret's value is the variable's.
    let said = secret::Value {
        data: b"whisper".to_vec().into(),
    };
    let mut talks = variable(environment::Variable {
        secret: Some(Secret {
            r#type: Some(secret::Type::Value as i32),
            value: Some(said),
            ..Default::default()
        }),
        ..secret
    });
    talks.task_id.value = "talks".into();
    talks.command.as_mut().unwrap().value = Some("echo $A".into());
    talks.resources.push(scalar("disk", 0.0));
    let no_ports = Resource {
        name: "ports".into(),
        r#type: value::Type::Ranges as i32,
        ranges: Some(value::Ranges::default()),
        ..Default::default()
    };
    talks.resources.push(no_ports);
    framework.launch(vec![talks]);
    assert_eq!(framework.story("talks").pop().unwrap().0, TaskFinished);
    let stdout = framework.sandbox(&cluster, "talks").join("stdout");
    assert_eq!(std::fs::read_to_string(stdout).unwrap(), "whisper\n");
}

#[test]
fn an_item_that_is_no_resource_fails_all_tasks_beside_it() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let overlapping = Resource {
        name: "ports".into(),
        r#type: value::Type::Ranges as i32,
        ranges: Some(value::Ranges {
            range: [(31000, 31005), (31003, 31007)]
                .map(|(begin, end)| value::Range { begin, end })
                .into(),
        }),
        ..Default::default()
    };
    for (item, message) in [
        (
            scalar("cpus", -1.0),
            "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0",
        ),
        (
            overlapping,
            "Resource 'ports:[31000-31005, 31003-31007]' is invalid: Invalid ranges resource: overlapping ranges",
        ),
    ] {
        let good = framework.command("good", "true");
        let mut bad = framework.command("bad", "true");
        bad.resources.push(item);
        framework.launch(vec![good, bad]);
        for task in ["good", "bad"] {
            let status = framework.update(task);
            assert_eq!((status.state(), status.message()), (TaskError, message));
        }
    }
    let good = framework.command("good", "true");
    framework.launch(vec![good]);
    assert_eq!(framework.story("good").pop().unwrap().0, TaskFinished);
}
