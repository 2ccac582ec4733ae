//! Tasks that only the master knows of: what the agent says of them, and for how long.

use super::*;
use crate::local::messages::MissingTask;
use crate::proto::task_status::Source;

/// The link was lost, and the agent comes back to a master that has this task of a framework on it.
fn come_back(world: &mut World, framework: &str, task: &str) {
    world.agent.master_lost();
    world.agent.master_detected();
    world.agent.master_message(ToAgent::Reregistered {
        agent: SlaveId { value: "S0".into() },
        missing: vec![MissingTask {
            framework: framework.into(),
            task: task.into(),
            lost: TaskState::TaskLost,
        }],
    });
}

/// What the master was told since the last look, and of which framework.
fn told(world: &mut World) -> Vec<(String, TaskStatus)> {
    let told = world.agent.take_actions().into_iter().filter_map(|action| match action {
        Action::ToMaster(ToMaster::Update { framework, status, .. }) => Some((framework, *status)),
        _ => None,
    });
    told.collect()
}

/// The update that the agent has just sent, if it is the only one.
fn the_only(world: &mut World) -> TaskStatus {
    let mut told = told(world);
    assert_eq!(told.len(), 1, "{told:?}");
    told.remove(0).1
}

/// The seconds after which something is told, in so many. The master is there all the time.
fn times(world: &mut World, seconds: u64) -> Vec<u64> {
    let sent = (1..=seconds).filter(|_| {
        world.now = world.now.plus(Duration::from_secs(1));
        world.agent.set_time(world.now);
        world.agent.master_message(ToAgent::Ping { connected: true });
        world.agent.fire();
        !told(world).is_empty()
    });
    sent.collect()
}

fn acknowledge(world: &mut World, framework: &str, uuid: &[u8]) {
    world.agent.master_message(ToAgent::Acknowledge {
        framework: framework.into(),
        task: "t".into(),
        uuid: bytes::Bytes::copy_from_slice(uuid),
    });
}

/// A framework that the agent does not know is nothing to it, either: it says so until somebody has heard it.
#[test]
fn it_is_told_until_it_is_acknowledged() {
    let mut world = World::new();
    come_back(&mut world, "G", "t");
    let mut told = told(&mut world);
    let (framework, lost) = told.pop().expect("an update");
    assert!(told.is_empty());
    assert_eq!(
        (framework.as_str(), lost.task_id.value.as_str(), lost.state()),
        ("G", "t", TaskState::TaskLost)
    );
    assert_eq!((lost.source(), lost.reason()), (Source::Slave, Reason::Reconciliation));
    assert_eq!(lost.message(), "Reconciliation: task unknown to the agent");
    assert_eq!(lost.slave_id, world.agent.id);
    let uuid = lost.uuid.expect("something to acknowledge");
    assert_eq!(uuid.len(), 16);
    assert_eq!(times(&mut world, 100), [10, 30, 70]);
    acknowledge(&mut world, "G", b"another one");
    acknowledge(&mut world, "F", &uuid);
    assert_eq!(times(&mut world, 100), [50]);
    acknowledge(&mut world, "G", &uuid);
    assert_eq!(times(&mut world, 2000), [0; 0]);
    assert!(world.agent.strangers.is_empty());
}

/// The next master, or the same one, may ask before anybody has acknowledged: it is told at once, and it is still the same update.
#[test]
fn it_is_one_update_however_often_the_agent_is_asked() {
    let mut world = World::new();
    come_back(&mut world, "G", "t");
    let first = the_only(&mut world);
    come_back(&mut world, "G", "t");
    assert_eq!(the_only(&mut world).uuid, first.uuid);
    let waiting: Vec<usize> = world.agent.strangers.values().map(|updates| updates.queue.len()).collect();
    assert_eq!(waiting, [1], "nothing grows");
    acknowledge(&mut world, "G", &first.uuid.unwrap());
    assert_eq!(times(&mut world, 2000), [0; 0]);
}

/// Nothing comes after the end of a task, whoever says it.
#[test]
fn an_executor_that_knows_it_comes_too_late() {
    let mut world = world_with(task());
    come_back(&mut world, "F", "gone");
    let lost = the_only(&mut world);
    let running = TaskState::TaskRunning;
    let mut late = crate::local::events::status(world.now, "gone", running, Source::Executor);
    late.uuid = Some(b"late".as_slice().into());
    world.agent.update("F", late);
    assert!(told(&mut world).is_empty());
    assert_eq!(times(&mut world, 20), [10]);
    let uuid = lost.uuid.unwrap();
    world.agent.acknowledged("F", "gone", &uuid);
    assert_eq!(times(&mut world, 2000), [0; 0]);
}

/// As in Mesos, nothing of it is written down. The master asks the next agent, which has an update of its own.
#[test]
fn it_is_forgotten_when_the_agent_crashes() {
    let mut world = world_with(task());
    come_back(&mut world, "F", "gone");
    let first = the_only(&mut world);
    let identity = world.agent.identity.clone();
    let (checkpoint, _) = std::mem::replace(&mut world.agent, Agent::new(identity.clone(), world.now)).crash();
    world.agent = Agent::recover(identity, checkpoint, world.now);
    world.agent.master_detected();
    world.agent.master_message(ToAgent::Reregistered {
        agent: SlaveId { value: "S0".into() },
        missing: Vec::new(),
    });
    assert_eq!(times(&mut world, 700), [0; 0]);
    come_back(&mut world, "F", "gone");
    let second = the_only(&mut world);
    assert!(second.uuid.is_some() && second.uuid != first.uuid);
}

#[test]
fn nothing_is_said_of_it_when_its_framework_is_gone() {
    let mut world = world_with(task());
    for framework in ["F", "G"] {
        come_back(&mut world, framework, "gone");
        the_only(&mut world);
        world.agent.master_message(ToAgent::ShutdownFramework {
            framework: framework.into(),
        });
        assert_eq!(times(&mut world, 2000), [0; 0], "{framework}");
    }
}

/// A framework that has come back is told at once, if the agent knows it. As in Mesos, another one has to wait for the next time.
#[test]
fn it_is_told_when_its_framework_is_back() {
    let mut world = world_with(task());
    for (framework, told) in [("F", 1), ("G", 0)] {
        come_back(&mut world, framework, "gone");
        let lost = the_only(&mut world);
        let info = FrameworkInfo {
            id: Some(FrameworkId { value: framework.into() }),
            checkpoint: Some(true),
            ..Default::default()
        };
        world.agent.master_message(ToAgent::UpdateFramework {
            framework: Box::new(info),
            resend: true,
        });
        let again = super::strangers::told(&mut world);
        assert_eq!(again.len(), told, "{framework}");
        assert!(again.iter().all(|(_, update)| update.uuid == lost.uuid));
        world.agent.master_message(ToAgent::Acknowledge {
            framework: framework.into(),
            task: "gone".into(),
            uuid: lost.uuid.unwrap(),
        });
    }
}

/// Its master could not launch another task of this name if it had not forgotten the old one.
#[test]
fn a_task_of_the_same_name_has_its_own_updates() {
    for in_a_group in [false, true] {
        let mut world = World::new();
        come_back(&mut world, "F", "t");
        the_only(&mut world);
        match in_a_group {
            false => world.run(task()),
            true => world.agent.master_message(ToAgent::RunGroup {
                framework: Box::new(FrameworkInfo {
                    id: Some(FrameworkId { value: "F".into() }),
                    ..Default::default()
                }),
                role: "*".into(),
                executor: Box::new(ExecutorInfo {
                    r#type: Some(ExecutorType::Default as i32),
                    executor_id: ExecutorId { value: "E".into() },
                    ..Default::default()
                }),
                tasks: vec![Arc::new(task())],
            }),
        }
        assert!(world.agent.strangers.is_empty());
        let process = *world.agent.containers.keys().last().unwrap();
        world.agent.helper_report(Report::Started { process, pid: 7 });
        let states: Vec<TaskState> = world.updates().iter().map(TaskStatus::state).collect();
        assert_eq!(states, [TaskState::TaskStarting, TaskState::TaskRunning]);
        assert_eq!(times(&mut world, 2000), [0; 0]);
    }
}
