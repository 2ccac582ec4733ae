//! The cgroups of containers: who is in which, what they say, and what becomes of who uses too much.

use super::*;
use crate::local::agent::cgroups::Cgroups;
use crate::local::helper_protocol::Memory;
use crate::local::settings::isolation::Isolation;
use crate::proto::{value, Resource};
use std::os::unix::ffi::OsStrExt;

fn world() -> World {
    let mut world = World::new();
    let isolation = Isolation {
        cpu: true,
        mem: true,
        ..Isolation::default()
    };
    world.agent.identity.cgroups = Some(Cgroups::new("/c".into(), &isolation));
    world
}

fn resources(cpus: f64, mem: f64) -> Vec<Resource> {
    let scalar = |(name, value): (&str, f64)| Resource {
        name: name.into(),
        r#type: value::Type::Scalar as i32,
        scalar: Some(value::Scalar { value }),
        ..Default::default()
    };
    [("cpus", cpus), ("mem", mem)].map(scalar).to_vec()
}

fn sized(id: &str) -> TaskInfo {
    TaskInfo {
        task_id: TaskId { value: id.into() },
        resources: resources(0.9, 96.0),
        ..task()
    }
}

fn of_executor(id: &str, info: &ExecutorInfo) -> TaskInfo {
    TaskInfo {
        command: None,
        executor: Some(Box::new(info.clone())),
        ..sized(id)
    }
}

fn executor(kind: ExecutorType) -> ExecutorInfo {
    ExecutorInfo {
        r#type: Some(kind as i32),
        executor_id: ExecutorId { value: "E".into() },
        command: (kind == ExecutorType::Custom).then(|| task().command.unwrap()),
        resources: resources(0.1, 32.0),
        ..Default::default()
    }
}

/// What is said: the cgroup's name, and its settings but those that are always the same.
fn said(actions: &[Action]) -> Vec<(String, Vec<String>)> {
    let of = |cgroup: &Cgroup| {
        let path = std::ffi::OsStr::from_bytes(&cgroup.path);
        let name = std::path::Path::new(path).strip_prefix("/c").unwrap();
        let fixed = ["memory.swap.max", "memory.oom.group"];
        let settings = cgroup.settings.iter().filter(|one| !fixed.contains(&one.file.as_str()));
        let settings = settings.map(|one| format!("{} {}", one.file, one.value)).collect();
        (name.to_str().unwrap().to_string(), settings)
    };
    let found = actions.iter().filter_map(|action| match action {
        Action::Start { launch, .. } => launch.program.as_ref().ok()?.cgroup.as_ref().map(of),
        Action::Limit(cgroup) => Some(of(cgroup)),
        _ => None,
    });
    found.collect()
}

fn limits(weight: u32, megabytes: u64) -> Vec<String> {
    vec![format!("cpu.weight {weight}"), format!("memory.max {}", megabytes << 20)]
}

fn memory() -> Memory {
    Memory {
        limit: Some(128 << 20),
        peak: Some(128 << 20),
        statistics: String::new(),
    }
}

#[test]
fn a_command_has_a_cgroup_of_its_own_and_what_runs_beside_it_joins() {
    let mut world = world();
    world.run(TaskInfo {
        health_check: Some(Box::new(HealthCheck {
            r#type: Some(health_check::Type::Command as i32),
            tcp: None,
            command: task().command,
            ..health()
        })),
        ..sized("t")
    });
    let container = world.agent.containers[&1].container_id.clone();
    assert_eq!(said(&world.agent.take_actions()), [(container.clone(), limits(100, 128))]);
    world.agent.helper_report(Report::Started { process: 1, pid: 7 });
    world.agent.take_actions();
    // A check, and what an operator starts.
    assert_eq!(said(&world.later(5)), [(container.clone(), vec![])]);
    let command = task().command.unwrap();
    world
        .agent
        .start_companion(&[container.clone(), "c".to_string()], &command, true)
        .unwrap();
    assert_eq!(said(&world.agent.take_actions()), [(container, vec![])]);
}

#[test]
fn without_isolation_there_is_none() {
    let mut world = World::new();
    world.run(sized("t"));
    assert_eq!(said(&world.agent.take_actions()), []);
}

#[test]
fn an_executor_has_what_its_tasks_have_and_keeps_its_memory() {
    let kill = |world: &mut World, task: &str| {
        world.agent.master_message(ToAgent::Kill {
            framework: "F".into(),
            task: task.into(),
            policy: None,
        });
        said(&world.agent.take_actions())
    };
    let info = executor(ExecutorType::Custom);
    for grows in [true, false] {
        let mut world = world();
        world.run(of_executor("a", &info));
        let container = world.agent.containers[&1].container_id.clone();
        let is = |weight, megabytes| [(container.clone(), limits(weight, megabytes))];
        assert_eq!(said(&world.agent.take_actions()), is(100, 128));
        if grows {
            world.run(of_executor("b", &info));
            assert_eq!(said(&world.agent.take_actions()), is(190, 224));
            assert_eq!(kill(&mut world, "b"), is(100, 224));
        }
        assert_eq!(kill(&mut world, "a"), is(10, if grows { 224 } else { 128 }));
    }
}

#[test]
fn tasks_of_a_group_share_the_cgroup_of_their_executor() {
    let mut world = world();
    let info = executor(ExecutorType::Default);
    let tasks = ["a", "b"].map(|id| TaskInfo {
        command: task().command,
        ..of_executor(id, &info)
    });
    world.agent.master_message(ToAgent::RunGroup {
        framework: Box::new(FrameworkInfo {
            id: Some(FrameworkId { value: "F".into() }),
            ..Default::default()
        }),
        role: "*".into(),
        executor: Box::new(info),
        tasks: tasks.map(Arc::new).into(),
    });
    let starts: Vec<u64> = world.agent.actions.iter().filter_map(started).collect();
    let parent = world.agent.default_executor("F", "E").unwrap();
    let container = world.agent.containers[&parent].container_id.clone();
    assert_eq!(
        said(&world.agent.actions),
        [(container.clone(), limits(190, 224)), (container, limits(190, 224))]
    );
    // The kernel ends both.
    for process in starts {
        world.agent.helper_report(Report::Started {
            process,
            pid: process as u32,
        });
        world.updates();
        world.agent.helper_report(Report::OutOfMemory {
            process,
            memory: memory(),
        });
        world.agent.helper_report(Report::Exited { process, status: 9 });
        let told: Vec<i32> = world
            .updates()
            .iter()
            .map(|update| update.reason.unwrap_or_default())
            .collect();
        assert_eq!(told.last(), Some(&(Reason::ContainerLimitationMemory as i32)));
    }
    assert!(world.agent.containers.is_empty());
}

/// Also if nobody was there to hear of it.
#[test]
fn a_task_that_uses_too_much_memory_fails_with_mesos_reason() {
    for crashes in [false, true] {
        let mut world = world();
        world.run(sized("t"));
        world.agent.helper_report(Report::Started { process: 1, pid: 7 });
        world.updates();
        let reports = [
            Report::OutOfMemory {
                process: 1,
                memory: memory(),
            },
            Report::Exited { process: 1, status: 9 },
        ];
        if crashes {
            let identity = world.agent.identity.clone();
            let (mut checkpoint, _) = world.agent.crash();
            reports.into_iter().for_each(|report| checkpoint.report(report));
            world.agent = Agent::recover(identity, checkpoint, world.now);
            world.later(2);
            world.agent.master_message(ToAgent::Reregistered {
                agent: SlaveId { value: "S0".into() },
                missing: Vec::new(),
            });
        } else {
            reports.into_iter().for_each(|report| world.agent.helper_report(report));
        }
        let updates = world.updates();
        let [update] = &updates[..] else { panic!("{updates:?}") };
        assert_eq!(update.state(), TaskState::TaskFailed);
        assert_eq!(update.reason(), Reason::ContainerLimitationMemory);
        assert_eq!(update.source(), crate::proto::task_status::Source::Slave);
        let text = update.message();
        assert!(
            text.starts_with("Memory limit exceeded: Requested: 128MB Maximum Used: 128MB\n"),
            "{text}"
        );
        let limited = &update.limitation.as_ref().unwrap().resources;
        assert_eq!(Resources::new(limited).scalar("mem"), 128.0);
        assert!(world.agent.containers.is_empty());
    }
}

#[test]
fn all_tasks_of_an_executor_fail_with_it() {
    let mut world = world();
    let info = executor(ExecutorType::Custom);
    world.run(of_executor("a", &info));
    world.run(of_executor("b", &info));
    world.agent.helper_report(Report::Started { process: 1, pid: 7 });
    world.agent.helper_report(Report::OutOfMemory {
        process: 1,
        memory: memory(),
    });
    world.agent.helper_report(Report::Exited { process: 1, status: 9 });
    let told: Vec<(String, Reason)> = world
        .updates()
        .iter()
        .map(|update| (update.task_id.value.clone(), update.reason()))
        .collect();
    let reason = Reason::ContainerLimitationMemory;
    assert_eq!(told, [("a".to_string(), reason), ("b".to_string(), reason)]);
}

#[test]
fn an_executor_with_nothing_is_not_started() {
    let mut world = world();
    let info = ExecutorInfo {
        resources: Vec::new(),
        ..executor(ExecutorType::Custom)
    };
    let nothing = TaskInfo {
        resources: Vec::new(),
        ..of_executor("t", &info)
    };
    world.run(nothing);
    let error = world.agent.take_actions().into_iter().find_map(|action| match action {
        Action::Start { launch, .. } => launch.program.err(),
        _ => None,
    });
    let reason = "Failed to update subsystem 'cpu': No cpus resource given".to_string();
    assert_eq!(error, Some(launch::LaunchError::Container(reason)));
}
