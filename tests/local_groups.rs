//! Task groups: all or nothing, from the launch to the end.

#[path = "support/local.rs"]
mod local_support;

use local_support::executor::{self, Executor};
use local_support::*;
use mesos_perl::local::Control;
use mesos_perl::proto::executor as wire;
use mesos_perl::proto::executor_info::Type as ExecutorType;
use mesos_perl::proto::framework_info::{capability, Capability};
use mesos_perl::proto::offer::{operation, Operation};
use mesos_perl::proto::scheduler::call::{self, Type};
use mesos_perl::proto::task_status::Reason;
use mesos_perl::proto::*;
use TaskState::*;

fn default_executor(framework: &Framework, id: &str) -> ExecutorInfo {
    ExecutorInfo {
        r#type: Some(ExecutorType::Default as i32),
        executor_id: ExecutorId { value: id.into() },
        framework_id: Some(framework.id.clone()),
        resources: vec![scalar("cpus", 0.1), scalar("mem", 32.0), scalar("disk", 16.0)],
        ..Default::default()
    }
}

fn launch_group(framework: &mut Framework, executor: ExecutorInfo, tasks: Vec<TaskInfo>) {
    let offer = framework.offer();
    let operation = Operation {
        r#type: Some(operation::Type::LaunchGroup as i32),
        launch_group: Some(operation::LaunchGroup {
            executor,
            task_group: TaskGroupInfo { tasks },
        }),
        ..Default::default()
    };
    let accept = call::Accept {
        offer_ids: vec![offer.id],
        operations: vec![operation],
        filters: Some(Filters {
            refuse_seconds: Some(0.0),
        }),
    };
    framework.accepted(scheduler::Call {
        accept: Some(accept),
        ..local_support::call(Type::Accept)
    });
}

fn failure(framework: &mut Framework) -> (String, i32) {
    framework.find("a failure", |event| {
        let failure = event.failure.as_ref()?;
        Some((failure.executor_id.as_ref()?.value.clone(), failure.status?))
    })
}

#[test]
fn a_group_runs_in_nested_sandboxes_and_its_executor_ends_with_it() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let executor = default_executor(&framework, "grp");
    let one = framework.command("g1", "tr '\\0' '\\n' < /proc/self/environ; pwd > where");
    let two = framework.command("g2", "echo two");
    launch_group(&mut framework, executor, vec![one, two]);
    let mut sandboxes = Vec::new();
    for task in ["g1", "g2"] {
        let starting = framework.update(task);
        assert_eq!(
            (starting.state(), starting.source()),
            (TaskStarting, task_status::Source::Executor)
        );
        assert_eq!(starting.executor_id.as_ref().unwrap().value, "grp");
        let container = starting.container_status.unwrap();
        assert!(container.executor_pid.is_none() && container.network_infos.is_empty());
        let running = framework.update(task);
        assert_eq!(running.state(), TaskRunning);
        let of_running = running.container_status.unwrap();
        assert!(of_running.executor_pid() > 0);
        assert_eq!(of_running.network_infos[0].ip_addresses[0].ip_address(), "127.0.0.1");
        assert_eq!(of_running.container_id, container.container_id);
        let finished = framework.update(task);
        assert_eq!(
            (finished.state(), finished.message()),
            (TaskFinished, "Command exited with status 0")
        );
        let of_finished = finished.container_status.unwrap();
        assert_eq!(
            (of_finished.executor_pid, &of_finished.container_id),
            (None, &container.container_id)
        );
        let id = container.container_id.unwrap();
        let parent = framework.sandbox(&cluster, "grp").canonicalize().unwrap();
        assert_eq!(parent.file_name().unwrap().to_str(), Some(id.parent.unwrap().value.as_str()));
        sandboxes.push(parent.join("containers").join(id.value));
    }
    assert_eq!(failure(&mut framework), ("grp".into(), 0));
    assert_eq!(std::fs::read_to_string(sandboxes[1].join("stdout")).unwrap(), "two\n");
    let environment = std::fs::read_to_string(sandboxes[0].join("stdout")).unwrap();
    let sandbox = sandboxes[0].to_str().unwrap();
    for line in [
        "MESOS_CONTAINER_IP=127.0.0.1",
        "MESOS_ALLOCATION_ROLE=*",
        &format!("MESOS_SANDBOX={sandbox}"),
    ] {
        assert!(environment.lines().any(|l| l == line), "{line} in {environment}");
    }
    assert!(!environment.contains("MESOS_EXECUTOR_ID"), "{environment}");
    assert_eq!(
        std::fs::read_to_string(sandboxes[0].join("where")).unwrap().trim(),
        sandboxes[0].to_str().unwrap()
    );
    // The executor's resources are back, too.
    let all = framework.find("all resources", |event| {
        let offers = &event.offers.as_ref()?.offers;
        let cpus = offers[0].resources.iter().find(|r| r.name == "cpus")?.scalar?.value;
        (cpus > 3.99).then_some(cpus)
    });
    assert!(all > 3.99);
}

#[test]
fn operators_see_the_executor_of_a_group() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let executor = ExecutorInfo {
        name: Some("the group's".into()),
        ..default_executor(&framework, "grp")
    };
    let task = framework.command("g1", "sleep 1000");
    launch_group(&mut framework, executor, vec![task]);
    framework.wait_for("g1", TaskRunning);
    let bearer = format!("Bearer {}", cluster.secret());
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
    ];
    let get = |method: &str, path: &str, kind: &str| -> serde_json::Value {
        let body = serde_json::json!({ "type": kind }).to_string();
        let reply = request(cluster.address(), method, path, &headers, body.as_bytes());
        serde_json::from_slice(&reply.body).unwrap_or_else(|e| panic!("{path} {kind}: {e}: {}", reply.text()))
    };
    for (path, kind, place) in [
        ("/api/v1", "GET_EXECUTORS", "/get_executors/executors"),
        ("/api/v1", "GET_STATE", "/get_state/get_executors/executors"),
        ("/slave(1)/api/v1", "GET_EXECUTORS", "/get_executors/executors"),
        ("/slave(1)/api/v1", "GET_STATE", "/get_state/get_executors/executors"),
    ] {
        let answer = get("POST", path, kind);
        let executors = answer.pointer(place).and_then(|all| all.as_array()).expect(kind);
        assert_eq!(executors.len(), 1, "{path} {kind}: {answer}");
        let info = &executors[0]["executor_info"];
        assert_eq!(info["executor_id"]["value"], "grp", "{path} {kind}");
        assert_eq!(
            (info["type"].as_str(), info["name"].as_str()),
            (Some("DEFAULT"), Some("the group's"))
        );
        assert_eq!(info["framework_id"]["value"], framework.id.value, "{path} {kind}");
        assert_eq!(info["resources"][0]["allocation_info"]["role"], "*", "{path} {kind}");
        assert_eq!(executors[0].get("agent_id").is_some(), path == "/api/v1", "{path} {kind}");
    }
    let state = get("GET", "/slave(1)/state", "");
    let executors = state
        .pointer("/frameworks/0/executors")
        .and_then(|all| all.as_array())
        .unwrap();
    let found = executors.iter().find(|one| one["name"] == "the group's");
    let resources = &found.expect("the executor, by its name")["resources"];
    // As a real agent has it: its own 0.1 and 32 MB, and those of its task.
    assert_eq!(
        (resources["cpus"].as_f64(), resources["mem"].as_f64()),
        (Some(0.2), Some(48.0))
    );
}

#[test]
fn one_failure_or_kill_ends_the_rest_of_its_group_only() {
    let cluster = cluster();
    let mut framework = Framework::of(
        &cluster,
        FrameworkInfo {
            capabilities: vec![Capability {
                r#type: Some(capability::Type::TaskKillingState as i32),
            }],
            ..info("killing")
        },
    );
    let executor = default_executor(&framework, "grp");
    // The other group of the same executor lives on.
    let other = framework.command("other", "sleep 1000");
    launch_group(&mut framework, executor.clone(), vec![other]);
    framework.wait_for("other", TaskRunning);
    let fails = framework.command("fails", "while [ ! -e ../../go ]; do sleep 0.01; done; exit 3");
    let gentle = framework.command("gentle", "exec sleep 1000");
    let mut stubborn = framework.command("stubborn", "trap '' TERM; touch ready; while :; do sleep 0.1; done");
    stubborn.kill_policy = Some(KillPolicy {
        grace_period: Some(DurationInfo { nanoseconds: 1_000_000 }),
    });
    launch_group(&mut framework, executor.clone(), vec![fails, gentle, stubborn]);
    let running = framework.wait_for("stubborn", TaskRunning);
    let id = running.container_status.unwrap().container_id.unwrap();
    let parent = framework.sandbox(&cluster, "grp");
    until("the trap is set", || {
        parent.join("containers").join(&id.value).join("ready").exists()
    });
    framework.wait_for("gentle", TaskRunning);
    std::fs::write(parent.join("go"), "").unwrap();
    let failed = framework.wait_for("fails", TaskFailed);
    assert_eq!((failed.message(), failed.reason), ("Command exited with status 3", None));
    assert_eq!(framework.update("gentle").state(), TaskKilling);
    let killed = framework.update("gentle");
    assert_eq!(
        (killed.state(), killed.message()),
        (TaskKilled, "Command terminated with signal Terminated")
    );
    let killed = framework.wait_for("stubborn", TaskKilled);
    assert_eq!(killed.message(), "Command terminated with signal Killed");
    // A kill of one does the same; what ends well in spite of it has finished.
    let polite = framework.command("polite", "trap 'exit 0' TERM; touch ready; while :; do sleep 0.01; done");
    let second = framework.command("second", "exec sleep 1000");
    launch_group(&mut framework, executor, vec![polite, second]);
    let running = framework.wait_for("polite", TaskRunning);
    let id = running.container_status.unwrap().container_id.unwrap();
    until("the trap is set", || {
        parent.join("containers").join(&id.value).join("ready").exists()
    });
    framework.wait_for("second", TaskRunning);
    framework.kill("second", None);
    assert_eq!(framework.story("second").last().unwrap().0, TaskKilled);
    assert_eq!(framework.story("polite").last().unwrap().0, TaskFinished);
    framework.kill("other", None);
    assert_eq!(framework.story("other").last().unwrap().0, TaskKilled);
    assert_eq!(failure(&mut framework), ("grp".into(), 0));
}

#[test]
#[allow(clippy::too_many_lines)] // A table, or one story.
fn a_group_that_cannot_be_launched_as_a_whole_is_not_launched() {
    // Each case waits for an offer.
    let mut config = config("cpus:4;mem:4096;disk:4096");
    config.intervals.allocation = std::time::Duration::from_millis(10);
    let cluster = mesos_perl::local::Cluster::start(config).unwrap();
    let mut framework = Framework::new(&cluster);
    let agent = framework.agent_id.value.clone();
    let base = default_executor(&framework, "e");
    let task = |id: &str| framework.command(id, "true");
    let change = |change: &dyn Fn(&mut ExecutorInfo)| {
        let mut executor = base.clone();
        change(&mut executor);
        executor
    };
    let mut other_executor = task("b");
    other_executor.executor = Some(Box::new(change(&|e| e.executor_id.value = "x".into())));
    let mut docker = task("b");
    docker.container = Some(Box::new(ContainerInfo {
        r#type: container_info::Type::Docker as i32,
        docker: Some(container_info::DockerInfo {
            image: "x".into(),
            ..Default::default()
        }),
        ..Default::default()
    }));
    let docker_container = docker.container.clone();
    let mut wrong_agent = task("b");
    wrong_agent.slave_id.value = "q".into();
    let mut much = task("b");
    much.resources = vec![scalar("cpus", 100.0), scalar("mem", 32.0)];
    let mut negative = task("b");
    negative.resources = vec![scalar("cpus", -1.0)];
    let mut nothing = task("b");
    nothing.resources.clear();
    let cases: Vec<(ExecutorInfo, TaskInfo, String)> = vec![
        (
            base.clone(),
            other_executor,
            "The `ExecutorInfo` of task 'b' is different from executor 'e'".into(),
        ),
        (
            base.clone(),
            task("a/b"),
            "Task 'a/b' is invalid: 'a/b' contains invalid characters".into(),
        ),
        (
            base.clone(),
            task("a"),
            "Task 'a' is invalid: Task has duplicate ID: a".into(),
        ),
        (base.clone(), nothing, "Task 'b' is invalid: Task uses no resources".into()),
        (
            base.clone(),
            negative,
            "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0".into(),
        ),
        (
            base.clone(),
            docker,
            "Task 'b' is invalid: Docker ContainerInfo is not supported on the task".into(),
        ),
        (
            base.clone(),
            wrong_agent,
            format!("Task 'b' is invalid: Task uses invalid agent q while agent {agent} is expected"),
        ),
        (
            base.clone(),
            much,
            "required by task group and its executor are more than available".into(),
        ),
        (
            change(&|e| e.r#type = None),
            task("b"),
            "'ExecutorInfo.type' must be set".into(),
        ),
        (
            change(&|e| e.r#type = Some(ExecutorType::Custom as i32)),
            task("b"),
            "'ExecutorInfo.command' must be set for 'CUSTOM' executor".into(),
        ),
        (change(&|e| e.r#type = Some(0)), task("b"), "Unknown executor type".into()),
        (
            change(&|e| e.command = Some(CommandInfo::default())),
            task("b"),
            "'ExecutorInfo.command' must not be set for 'DEFAULT' executor".into(),
        ),
        (
            change(&|e| e.container = docker_container.clone()),
            task("b"),
            "'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor".into(),
        ),
        (
            change(&|e| e.framework_id = None),
            task("b"),
            "'ExecutorInfo.framework_id' must be set".into(),
        ),
        (
            change(&|e| e.framework_id.as_mut().unwrap().value = "zz".into()),
            task("b"),
            "ExecutorInfo has an invalid FrameworkID (Actual: zz vs Expected: ".into(),
        ),
        (
            change(&|e| e.resources.clear()),
            task("b"),
            "Executor 'e' uses less CPUs (None) than the minimum required (0.01)".into(),
        ),
        (
            change(&|e| e.resources[0] = scalar("cpus", 0.001)),
            task("b"),
            "Executor 'e' uses less CPUs (0.001) than the minimum required (0.01)".into(),
        ),
        (
            change(&|e| e.resources[1] = scalar("mem", 1.0)),
            task("b"),
            "Executor 'e' uses less memory (1MB) than the minimum required (32MB)".into(),
        ),
        (
            change(&|e| drop(e.resources.pop())),
            task("b"),
            "Executor 'e' uses no disk".into(),
        ),
        (
            change(&|e| e.executor_id.value = "a/b".into()),
            task("b"),
            "'a/b' contains invalid characters".into(),
        ),
    ];
    let first = task("a");
    for (executor, second, text) in cases {
        let ids = [first.task_id.value.clone(), second.task_id.value.clone()];
        launch_group(&mut framework, executor, vec![first.clone(), second]);
        for id in ids {
            let status = framework.update(&id);
            assert_eq!(
                (status.state(), status.reason()),
                (TaskError, Reason::TaskGroupInvalid),
                "{text}"
            );
            assert!(status.message().contains(&text), "{} is not {text}", status.message());
            assert!(status.uuid.is_none());
        }
    }
}

#[test]
fn a_group_of_a_custom_executor_reaches_it_as_a_group() {
    let cluster = cluster();
    let mut framework = Framework::new(&cluster);
    let mut executor = default_executor(&framework, "own");
    executor.r#type = Some(ExecutorType::Custom as i32);
    executor.command = Some(CommandInfo {
        value: Some(executor::COMMAND.into()),
        ..Default::default()
    });
    let tasks = vec![framework.command("a", "true"), framework.command("b", "true")];
    launch_group(&mut framework, executor.clone(), tasks);
    let mut own = Executor::of(&cluster, &framework, "own");
    own.subscribe(wire::call::Subscribe::default());
    own.next(wire::event::Type::Subscribed);
    let mut ids = || {
        let event = own.next(wire::event::Type::LaunchGroup);
        let tasks = event.launch_group.unwrap().task_group.tasks;
        tasks.into_iter().map(|task| task.task_id.value).collect::<Vec<_>>()
    };
    assert_eq!(ids(), ["a", "b"]);
    // A second one goes to it at once.
    let tasks = vec![framework.command("c", "true")];
    launch_group(&mut framework, executor, tasks);
    assert_eq!(ids(), ["c"]);
}

#[test]
fn a_group_survives_its_agent_and_ends_with_its_framework() {
    let cluster = cluster();
    let mut framework = Framework::of(
        &cluster,
        FrameworkInfo {
            checkpoint: Some(true),
            ..info("checkpointing")
        },
    );
    let executor = default_executor(&framework, "grp");
    let tasks = vec![
        framework.command("a", "echo $$ > new; mv new ../../a; exec sleep 1000"),
        framework.command("b", "echo $$ > new; mv new ../../b; exec sleep 1000"),
    ];
    launch_group(&mut framework, executor, tasks);
    for task in ["a", "b"] {
        framework.wait_for(task, TaskRunning);
    }
    let sandbox = framework.sandbox(&cluster, "grp");
    let pids = ["a", "b"].map(|name| number_in(&sandbox.join(name)));
    cluster.control(Control::CrashAgent(0));
    cluster.control(Control::StartAgent(0));
    cluster.control(Control::AdvanceClock(std::time::Duration::from_secs(3)));
    assert!(pids.into_iter().all(is_alive));
    let offer = framework.find("an offer that knows the executor", |event| {
        let offers = &event.offers.as_ref()?.offers;
        offers.iter().find(|offer| !offer.executor_ids.is_empty()).cloned()
    });
    assert_eq!(offer.executor_ids[0].value, "grp");
    // SHUTDOWN of the executor is the end of its tasks.
    framework.accepted(scheduler::Call {
        shutdown: Some(call::Shutdown {
            executor_id: ExecutorId { value: "grp".into() },
            slave_id: framework.agent_id.clone(),
        }),
        ..local_support::call(Type::Shutdown)
    });
    for task in ["a", "b"] {
        assert_eq!(framework.story(task).last().unwrap().0, TaskKilled);
    }
    assert_eq!(failure(&mut framework), ("grp".into(), 0));
    until("both are gone", || !pids.into_iter().any(is_alive));
}
