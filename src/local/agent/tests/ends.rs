//! That the end of a task is told once.

use super::*;

/// Of what the agent has told already, the exit of its process is no news, even if the task was acknowledged and forgotten meanwhile.
#[test]
fn a_task_ends_once() {
    for is_born in [true, false] {
        let mut world = World::new();
        world.run(task());
        if is_born {
            world.agent.helper_report(Report::Started { process: 1, pid: 7 });
            world.updates();
            world.agent.signal_container(1, Signal::SIGTERM);
        } else {
            world.agent.master_message(ToAgent::Kill {
                framework: "F".into(),
                task: "t".into(),
                policy: None,
            });
        }
        let told: Vec<(i32, String)> = world
            .updates()
            .into_iter()
            .map(|update| (update.state, update.message.unwrap_or_default()))
            .collect();
        let (state, message) = match is_born {
            true => (TaskState::TaskFailed, "Executor terminated"),
            false => (TaskState::TaskKilled, "Killed before delivery to the executor"),
        };
        assert_eq!(told, [(state as i32, message.to_string())]);
        // Another task of this name has nothing to do with it.
        world.run(task());
        let status = Signal::SIGKILL as i32;
        world.agent.helper_report(Report::Exited { process: 1, status });
        assert_eq!(world.updates(), [], "{message}");
    }
}

/// Commands beside a task that have ended are forgotten, the oldest first: a task can live for long.
#[test]
fn commands_beside_a_task_are_forgotten() {
    let mut world = World::new();
    world.run(task());
    world.agent.helper_report(Report::Started { process: 1, pid: 7 });
    let container = world.agent.containers[&1].container_id.clone();
    let command = task().command.unwrap();
    let id = |number: usize| vec![container.clone(), format!("c{number}")];
    for number in 0..300 {
        let Ok(companions::Started::Now(process)) = world.agent.start_companion(&id(number), &command, true) else {
            panic!("it does not start");
        };
        let status = 3 << 8;
        world.agent.helper_report(Report::Exited { process, status });
        assert_eq!(world.agent.end_of(process), Some(Some(status)));
    }
    assert!(world.agent.companions.len() <= 100);
    assert_eq!(
        (world.agent.companion_at(&id(0)), world.agent.companion_at(&id(299)).is_some()),
        (None, true)
    );
}
