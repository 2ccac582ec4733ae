//! Command tasks on a real cluster.

#[path = "support/local.rs"]
mod local_support;

use local_support::*;
use mesos_perl::proto::framework_info::{capability, Capability};
use mesos_perl::proto::*;
use TaskState::*;

#[test]
fn a_command_that_succeeds_and_one_that_fails() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let ok = framework.command("ok", "echo out; echo err >&2; test -f stdout");
    let bad = framework.command("bad", "exit 3");
    framework.launch(vec![ok, bad]);
    let starting = framework.update("ok");
    assert_eq!(starting.state(), TaskStarting);
    assert_eq!(starting.executor_id.as_ref().unwrap().value, "ok");
    assert_eq!(starting.source(), task_status::Source::Executor);
    assert_eq!(starting.slave_id.as_ref(), Some(&framework.agent_id));
    assert_eq!(starting.uuid.as_ref().unwrap().len(), 16);
    let container = starting.container_status.unwrap();
    assert!(container.executor_pid() > 0);
    assert_eq!(container.network_infos[0].ip_addresses[0].ip_address(), "127.0.0.1");
    let expected = vec![
        (TaskRunning, String::new()),
        (TaskFinished, "Command exited with status 0".into()),
    ];
    assert_eq!(framework.story("ok"), expected);
    assert_eq!(
        framework.story("bad").last().unwrap(),
        &(TaskFailed, "Command exited with status 3".into())
    );
    let sandbox = framework.sandbox(&cluster, "ok");
    assert_eq!(std::fs::read_to_string(sandbox.join("stdout")).unwrap(), "out\n");
    assert_eq!(std::fs::read_to_string(sandbox.join("stderr")).unwrap(), "err\n");
    assert_eq!(
        sandbox.canonicalize().unwrap().file_name().unwrap().to_str(),
        Some(container.container_id.unwrap().value.as_str())
    );
}

#[test]
fn signals_and_programs_that_do_not_exist() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let segv = framework.command("segv", "kill -KILL $$");
    let mut missing = framework.command("missing", "/no/such/program");
    missing.command.as_mut().unwrap().shell = Some(false);
    let mut uri = framework.command("uri", "true");
    uri.command.as_mut().unwrap().uris = vec![command_info::Uri {
        value: "hdfs://example.org/x".into(),
        ..Default::default()
    }];
    let mut argv = framework.command("argv", "sh");
    argv.command.as_mut().unwrap().shell = Some(false);
    argv.command.as_mut().unwrap().arguments = ["zeroth", "-c", "echo $0 \"$@\"", "a b", "c"].map(String::from).to_vec();
    framework.launch(vec![segv, missing, uri, argv]);
    assert_eq!(
        framework.story("segv").last().unwrap(),
        &(TaskFailed, "Command terminated with signal Killed".into())
    );
    let (state, message) = framework.story("missing").pop().unwrap();
    assert_eq!(state, TaskFailed);
    assert!(
        message.contains("/no/such/program") && message.contains("No such file"),
        "{message}"
    );
    let (state, message) = framework.story("uri").pop().unwrap();
    assert_eq!(state, TaskFailed);
    assert!(
        message.starts_with("Failed to launch container: ") && message.contains("hdfs://example.org/x"),
        "{message}"
    );
    assert_eq!(framework.story("argv").pop().unwrap().0, TaskFinished);
    assert_eq!(
        std::fs::read_to_string(framework.sandbox(&cluster, "argv").join("stdout")).unwrap(),
        "a b c\n"
    );
}

#[test]
fn the_environment_is_clean_and_complete() {
    let mut config = config("cpus:4;mem:4096");
    config.executor_environment = [("FROM_CLUSTER", "1"), ("OVERRIDDEN", "cluster"), ("MESOS_CHECKPOINT", "x")]
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .into();
    let cluster = mesos_perl::local::Cluster::start(config).unwrap();
    let mut framework = Framework::new(&cluster);
    let mut task = framework.command("env", "tr '\\0' '\\n' < /proc/self/environ; ls /proc/self/fd | wc -l; cat; pwd; umask; grep -E '^Sig(Blk|Ign)' /proc/self/status");
    let variable = |name: &str, value: &str| environment::Variable {
        name: name.into(),
        value: Some(value.into()),
        ..Default::default()
    };
    let variables = vec![variable("OVERRIDDEN", "task"), variable("MINE", "ä b")];
    task.command.as_mut().unwrap().environment = Some(Environment { variables });
    framework.launch(vec![task]);
    assert_eq!(framework.story("env").pop().unwrap().0, TaskFinished);
    let text = std::fs::read_to_string(framework.sandbox(&cluster, "env").join("stdout")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for line in [
        "FROM_CLUSTER=1",
        "OVERRIDDEN=task",
        "MINE=ä b",
        "MESOS_CHECKPOINT=0",
        "MESOS_EXECUTOR_ID=env",
        "MESOS_ALLOCATION_ROLE=*",
    ] {
        assert!(lines.contains(&line), "{line} in {text}");
    }
    assert!(lines.contains(&format!("MESOS_FRAMEWORK_ID={}", framework.id.value).as_str()));
    assert!(lines.contains(&format!("MESOS_AGENT_ENDPOINT={}", cluster.address()).as_str()));
    assert!(lines.iter().any(|line| line.starts_with("PATH=/")));
    assert!(!text.contains("CARGO") && !text.contains(cluster.secret()), "nothing of ours");
    // stdin, stdout, stderr, and the directory that ls reads.
    assert!(lines.contains(&"4"), "no other descriptors: {text}");
    assert!(lines.contains(&"0022"));
    // The kernel's first 31: two more belong to the C library, which changes them for nobody.
    let signals = lines.iter().filter_map(|line| line.strip_prefix("Sig")?.split_once('\t'));
    let signals: Vec<u64> = signals
        .map(|(_, mask)| u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff)
        .collect();
    assert_eq!(signals, [0, 0], "nothing blocked, nothing ignored: {text}");
}

#[test]
fn kill_is_gentle_then_not() {
    let cluster = cluster();
    let killing = Capability {
        r#type: Some(capability::Type::TaskKillingState as i32),
    };
    let mut framework = Framework::of(
        &cluster,
        FrameworkInfo {
            capabilities: vec![killing],
            ..info("kill")
        },
    );
    let gentle = framework.command("gentle", "sleep 1000 & wait");
    let stubborn = framework.command("stubborn", "trap '' TERM; echo ready; while :; do sleep 0.1; done");
    let polite = framework.command("polite", "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done");
    framework.launch(vec![gentle, stubborn, polite]);
    for task in ["gentle", "stubborn", "polite"] {
        framework.wait_for(task, TaskRunning);
    }
    for task in ["stubborn", "polite"] {
        let stdout = framework.sandbox(&cluster, task).join("stdout");
        until("the trap is set", || {
            std::fs::read_to_string(&stdout).is_ok_and(|text| text.contains("ready"))
        });
    }
    framework.kill("gentle", None);
    framework.kill("stubborn", Some(0.2));
    framework.kill("polite", None);
    let killed = |message: &str| vec![(TaskKilling, String::new()), (TaskKilled, message.to_string())];
    assert_eq!(framework.story("gentle"), killed("Command terminated with signal Terminated"));
    assert_eq!(framework.story("stubborn"), killed("Command terminated with signal Killed"));
    assert_eq!(framework.story("polite"), killed("Command exited with status 0"));
    // A later kill can shorten what an earlier one gave.
    let longer = framework.command("longer", "trap '' TERM; echo ready; while :; do sleep 0.1; done");
    framework.launch(vec![longer]);
    // A kill before it is another story, though the command may already have written something.
    framework.wait_for("longer", TaskRunning);
    let stdout = framework.sandbox(&cluster, "longer").join("stdout");
    until("the trap is set", || {
        std::fs::read_to_string(&stdout).is_ok_and(|text| text.contains("ready"))
    });
    framework.kill("longer", Some(3600.0));
    framework.kill("longer", Some(0.0));
    assert_eq!(
        framework.story("longer").pop().unwrap(),
        (TaskKilled, "Command terminated with signal Killed".into())
    );
}

/// What runs does not matter: both calls are there before the process is.
#[test]
fn a_kill_before_the_start() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let offer = framework.offer();
    let slow = framework.command("t", "echo ran; sleep 1000");
    // In one ACCEPT with many others, so that the kill comes before the helper has said that it runs.
    let mut tasks: Vec<_> = (0..20).map(|n| framework.command(&format!("o{n}"), "true")).collect();
    tasks.push(slow);
    framework.launch_on(&offer, tasks);
    framework.kill("t", Some(3600.0));
    let killed = framework.update("t");
    assert_eq!(
        (killed.state(), killed.source(), killed.reason()),
        (
            TaskKilled,
            task_status::Source::Slave,
            task_status::Reason::TaskKilledDuringLaunch
        )
    );
    assert_eq!(killed.message(), "Killed before delivery to the executor");
    assert_eq!(killed.executor_id.unwrap().value, "t");
}

#[test]
fn a_task_may_take_only_so_long() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let mut task = framework.command("slow", "sleep 1000");
    task.max_completion_time = Some(DurationInfo {
        nanoseconds: 200_000_000,
    });
    framework.launch(vec![task]);
    framework.wait_for("slow", TaskRunning);
    let status = framework.update("slow");
    assert_eq!(
        (status.state(), status.reason()),
        (TaskFailed, task_status::Reason::MaxCompletionTimeReached)
    );
}

#[test]
fn tasks_run_as_whom_they_name() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let as_user = |id: &str, user: &str| {
        let mut task = framework.command(id, "id -un; touch mine");
        task.command.as_mut().unwrap().user = Some(user.into());
        task
    };
    let tasks = vec![
        as_user("stranger", "no-such-user"),
        as_user("me", &me),
        as_user("nobody", "nobody"),
    ];
    framework.launch(tasks);
    // As an agent has it: without a sandbox the task is dropped.
    let dropped = framework.update("stranger");
    let (state, message) = (dropped.state(), dropped.message().to_string());
    assert_eq!((state, dropped.reason()), (TaskLost, task_status::Reason::ExecutorTerminated));
    assert_eq!(dropped.executor_id.unwrap().value, "stranger");
    assert!(message.starts_with("Failed to create executor directory '/"), "{message}");
    assert!(
        message.contains("': Failed to chown directory to 'no-such-user': No such user 'no-such-user'"),
        "{message}"
    );
    assert!(
        message.contains("'no-such-user'") && message.contains(&format!("'{me}'")),
        "{message}"
    );
    assert_eq!(framework.story("me").pop().unwrap().0, TaskFinished);
    let (state, message) = framework.story("nobody").pop().unwrap();
    if me == "root" {
        assert_eq!((state, message.as_str()), (TaskFinished, "Command exited with status 0"));
        let sandbox = framework.sandbox(&cluster, "nobody");
        assert_eq!(std::fs::read_to_string(sandbox.join("stdout")).unwrap(), "nobody\n");
        use std::os::unix::fs::MetadataExt;
        assert_ne!(std::fs::metadata(sandbox.join("stdout")).unwrap().uid(), 0);
    } else if me != "nobody" {
        assert!(
            state == TaskLost && message.contains("'nobody'") && message.contains(&format!("'{me}'")),
            "{message}"
        );
    }
}

/// Mesos' command executor ends with it. An empty text is a command, which succeeds.
#[test]
fn a_command_without_a_value_fails() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let with = |id: &str, command: CommandInfo| {
        let mut task = framework.command(id, "");
        task.command = Some(command);
        task
    };
    let plain = CommandInfo {
        shell: Some(false),
        ..Default::default()
    };
    let empty = CommandInfo {
        value: Some(String::new()),
        ..Default::default()
    };
    let arguments = CommandInfo {
        arguments: vec!["true".into()],
        ..plain.clone()
    };
    let tasks = vec![
        with("none", CommandInfo::default()),
        with("plain", plain),
        with("arguments", arguments),
        with("empty", empty),
    ];
    framework.launch(tasks);
    for (id, why) in [
        ("none", "Shell command"),
        ("plain", "Executable"),
        ("arguments", "Executable"),
    ] {
        let failed = framework.update(id);
        assert_eq!(
            (failed.state(), failed.reason()),
            (TaskFailed, task_status::Reason::ExecutorTerminated)
        );
        assert_eq!(failed.source(), task_status::Source::Slave);
        assert!(failed.message().starts_with("Executor terminated"), "{failed:?}");
        assert!(failed.message().contains(why), "{failed:?}");
    }
    assert_eq!(framework.story("empty").pop().unwrap().0, TaskFinished);
}

#[test]
fn a_hundred_small_tasks() {
    let cluster = mesos_perl::local::Cluster::start(config("cpus:2;mem:4096")).unwrap();
    let mut framework = Framework::new(&cluster);
    let started = std::time::Instant::now();
    let (mut launched, mut finished) = (0, 0);
    while finished < 100 {
        // What an offer has room for, then whatever comes.
        enum Seen {
            Offer(Box<Offer>),
            Finished,
        }
        let seen = framework.find("an offer or an end", |event| match (&event.offers, &event.update) {
            (Some(offers), _) => Some(Seen::Offer(Box::new(offers.offers[0].clone()))),
            (_, Some(update)) if update.status.state() == TaskFinished => Some(Seen::Finished),
            _ => None,
        });
        match seen {
            Seen::Finished => finished += 1,
            Seen::Offer(offer) => {
                let cpus: f64 = offer
                    .resources
                    .iter()
                    .filter(|r| r.name == "cpus")
                    .map(|r| r.scalar.unwrap().value)
                    .sum();
                let room = ((cpus * 10.0).round() as usize).min(100 - launched);
                let tasks = (launched..launched + room)
                    .map(|n| framework.command(&format!("t{n}"), "exit 0"))
                    .collect();
                launched += room;
                framework.launch_on(&offer, tasks);
            }
        }
    }
    assert_eq!(launched, 100);
    eprintln!("100 tasks took {:?}", started.elapsed());
}

/// What no kernel starts must not be the end of what runs already.
#[test]
fn a_command_that_is_too_long_fails_alone() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let sleeps = framework.command("sleeps", "exec sleep 1000");
    framework.launch(vec![sleeps]);
    framework.wait_for("sleeps", TaskState::TaskRunning);
    for (id, length) in [("long", 1 << 20), ("longer", 70 << 20)] {
        let long = framework.command(id, &format!("true {}", "x".repeat(length)));
        framework.launch(vec![long]);
        let story = framework.story(id);
        let (state, message) = story.last().expect("an end");
        assert_eq!(*state, TaskState::TaskFailed);
        assert!(message.contains("Argument list too long"), "{message}");
    }
    framework.kill("sleeps", None);
    assert_eq!(
        framework.story("sleeps").pop().map(|(state, _)| state),
        Some(TaskState::TaskKilled)
    );
}
