//! An agent that operators drain, until its last task's end is acknowledged.

use super::*;

fn drain(world: &mut World, mark_gone: bool) {
    world.agent.master_message(ToAgent::Drain { grace: None, mark_gone });
}

/// The update of a killed task, which nobody acknowledges yet.
fn unacknowledged(world: &mut World) -> TaskStatus {
    let updates = world.agent.take_actions().into_iter().filter_map(update_of);
    updates.last().expect("an update")
}

/// What became of tasks, and why.
fn ends(world: &mut World) -> Vec<(i32, Option<i32>)> {
    let updates = world.updates().into_iter();
    updates.map(|update| (update.state, update.reason)).collect()
}

fn acknowledge(world: &mut World, update: &TaskStatus) {
    world.agent.master_message(ToAgent::Acknowledge {
        framework: "F".into(),
        task: update.task_id.value.clone(),
        uuid: update.uuid.clone().unwrap(),
    });
}

#[test]
fn a_drained_agent_kills_its_tasks_and_says_why() {
    for (capabilities, mark_gone, state) in [
        (vec![], false, TaskState::TaskKilled),
        (vec![], true, TaskState::TaskKilled),
        (vec![Capability::PartitionAware], false, TaskState::TaskKilled),
        (vec![Capability::PartitionAware], true, TaskState::TaskGoneByOperator),
    ] {
        let mut world = World::new();
        world.run(task());
        let framework = world.agent.frameworks.get_mut("F").unwrap();
        framework.info.capabilities = capabilities
            .iter()
            .map(|kind| crate::proto::framework_info::Capability {
                r#type: Some(*kind as i32),
            })
            .collect();
        world.updates();
        drain(&mut world, mark_gone);
        assert_eq!(ends(&mut world), [(state as i32, Some(Reason::SlaveDraining as i32))]);
        // A task of later ends for its own reasons, if the executor of this one is gone.
        let status = Signal::SIGKILL as i32;
        world.agent.helper_report(Report::Exited { process: 1, status });
        let mut other = task();
        other.task_id.value = "u".into();
        world.run(other);
        world.agent.master_message(ToAgent::Kill {
            framework: "F".into(),
            task: "u".into(),
            policy: None,
        });
        let ends = ends(&mut world);
        assert_eq!(ends.len(), 1, "it is killed");
        assert!(
            !ends.iter().any(|(_, reason)| *reason == Some(Reason::SlaveDraining as i32)),
            "{ends:?}"
        );
    }
}

/// An agent whose executor stays when its last task goes, so that its framework is not forgotten.
fn with_an_executor() -> World {
    let mut world = World::new();
    let mut task = task();
    task.command = None;
    task.executor = Some(Box::new(ExecutorInfo {
        executor_id: ExecutorId { value: "e".into() },
        r#type: Some(ExecutorType::Custom as i32),
        command: Some(CommandInfo::default()),
        ..Default::default()
    }));
    world.run(task);
    world.updates();
    world
}

/// As seen at Mesos 1.11.0: what is launched while an executor of the time before lives on is dropped, whatever the master thinks.
#[test]
fn draining_ends_with_the_last_executor() {
    let dropped = |world: &mut World| {
        let updates = world.updates();
        let [update] = updates.as_slice() else { panic!("{updates:?}") };
        assert_eq!(
            (update.state(), update.reason()),
            (TaskState::TaskLost, Reason::SlaveDraining)
        );
        assert_eq!(update.message(), "Task was received while agent was already draining");
        assert_eq!(update.source(), crate::proto::task_status::Source::Slave);
    };
    let mut world = with_an_executor();
    drain(&mut world, false);
    let killed = unacknowledged(&mut world);
    assert_eq!(killed.reason(), Reason::SlaveDraining);
    acknowledge(&mut world, &killed);
    assert!(world.agent.drain.is_some(), "its executor is here");
    world.run(task());
    dropped(&mut world);
    let framework = FrameworkInfo {
        id: Some(FrameworkId { value: "F".into() }),
        ..Default::default()
    };
    world.agent.master_message(ToAgent::RunGroup {
        framework: Box::new(framework),
        role: "*".into(),
        executor: Box::new(ExecutorInfo {
            r#type: Some(ExecutorType::Default as i32),
            ..Default::default()
        }),
        tasks: vec![Arc::new(task())],
    });
    dropped(&mut world);
    world.agent.helper_report(Report::Exited { process: 1, status: 0 });
    assert_eq!(world.agent.drain, None);
    world.run(task());
    world.agent.helper_report(Report::Started { process: 2, pid: 8 });
    let states: Vec<TaskState> = world.updates().iter().map(TaskStatus::state).collect();
    assert_eq!(states, [TaskState::TaskStarting, TaskState::TaskRunning]);
}

#[test]
fn an_idle_agent_is_drained_at_once() {
    for mark_gone in [false, true] {
        let mut world = World::new();
        drain(&mut world, mark_gone);
        assert_eq!(world.agent.drain, None);
    }
}

#[test]
fn draining_ends_with_the_last_operation_or_framework() {
    let mut world = World::new();
    let operation = crate::proto::offer::Operation::default();
    world.agent.apply("o".into(), "F".into(), &operation);
    drain(&mut world, false);
    assert!(world.agent.drain.is_some(), "an operation's update is not acknowledged");
    let uuid = world.agent.operations["o"].known.status.uuid.clone().unwrap().value;
    world.agent.operation_acknowledged("o", &uuid);
    assert_eq!(world.agent.drain, None);
    world.run(task());
    world.agent.helper_report(Report::Started { process: 1, pid: 7 });
    world.updates();
    drain(&mut world, false);
    world
        .agent
        .master_message(ToAgent::ShutdownFramework { framework: "F".into() });
    world.agent.helper_report(Report::Exited { process: 1, status: 9 });
    assert_eq!(world.agent.drain, None);
}

/// An agent has written down that it is drained: what was killed before its crash, and ended in it, says why.
#[test]
fn a_crash_does_not_end_the_draining() {
    let mut world = World::new();
    world.run(task());
    world.agent.helper_report(Report::Started { process: 1, pid: 7 });
    world.updates();
    drain(&mut world, false);
    assert_eq!(world.updates(), []);
    let identity = world.agent.identity.clone();
    let (mut checkpoint, _) = std::mem::replace(&mut world.agent, Agent::new(identity.clone(), world.now)).crash();
    let status = Signal::SIGTERM as i32;
    checkpoint.report(Report::Exited { process: 1, status });
    world.agent = Agent::recover(identity, checkpoint, world.now);
    // Until it looks for its master.
    world.later(60);
    world.agent.master_message(ToAgent::Reregistered {
        agent: SlaveId { value: "S0".into() },
        missing: Vec::new(),
    });
    assert_eq!(
        ends(&mut world),
        [(TaskState::TaskKilled as i32, Some(Reason::SlaveDraining as i32))]
    );
    assert_eq!(world.agent.drain, None);
}
