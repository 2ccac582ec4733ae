//! Updates of an agent with jitter, on a clock that the test moves.

use super::*;

/// Ten tasks that start together and are killed later: the updates in the order in which the master hears of them.
fn heard(seed: Option<u64>) -> Vec<(String, TaskState)> {
    let mut world = World::new();
    world.agent.identity.jitter = seed;
    let ids: Vec<String> = (0..10).map(|number| format!("t{number}")).collect();
    for id in &ids {
        let mut task = task();
        task.task_id.value = id.clone();
        world.run(task);
    }
    for process in 1..=10 {
        world.agent.helper_report(Report::Started { process, pid: 7 });
    }
    let mut heard = Vec::new();
    for millisecond in 0..1000 {
        if millisecond == 500 {
            for task in &ids {
                let (framework, policy, task) = ("F".into(), None, task.clone());
                world.agent.master_message(ToAgent::Kill { framework, task, policy });
            }
            for process in 1..=10 {
                world.agent.helper_report(Report::Exited { process, status: 9 });
            }
        }
        world.now = world.now.plus(Duration::from_millis(1));
        world.agent.set_time(world.now);
        world.agent.fire();
        let updates = world.updates();
        heard.extend(updates.iter().map(|update| (update.task_id.value.clone(), update.state())));
    }
    heard
}

#[test]
fn updates_of_different_tasks_overtake_each_other() {
    let (plain, one, same, other) = (heard(None), heard(Some(7)), heard(Some(7)), heard(Some(8)));
    assert_eq!(one, same, "the seed says how");
    assert!(plain != one && one != other);
    let of = |state: TaskState, all: &[(String, TaskState)]| -> Vec<String> {
        let those = all.iter().filter(|(_, is)| *is == state);
        those.map(|(id, _)| id.clone()).collect()
    };
    for state in [TaskState::TaskStarting, TaskState::TaskRunning, TaskState::TaskKilled] {
        let (before, mut shuffled) = (of(state, &plain), of(state, &one));
        assert_ne!(before, shuffled, "{state:?}");
        shuffled.sort();
        assert_eq!(before, shuffled, "each once: {state:?}");
    }
    for id in 0..10 {
        let of_task = one.iter().filter(|(task, _)| *task == format!("t{id}"));
        let states: Vec<TaskState> = of_task.map(|(_, state)| *state).collect();
        let expected = [TaskState::TaskStarting, TaskState::TaskRunning, TaskState::TaskKilled];
        assert_eq!(states, expected, "never within a task");
    }
}

#[test]
fn an_update_that_is_held_back_is_not_sent_twice() {
    let mut world = World::new();
    world.agent.identity.jitter = Some(7);
    world.run(task());
    world.agent.helper_report(Report::Started { process: 1, pid: 7 });
    assert!(world.updates().is_empty(), "it is held back");
    // A new master wants to hear of it at once.
    world.agent.resend_all();
    let states: Vec<TaskState> = world.updates().iter().map(TaskStatus::state).collect();
    assert_eq!(states, [TaskState::TaskStarting]);
    let mut states = Vec::new();
    for _ in 0..5 {
        world.now = world.now.plus(Duration::from_millis(100));
        world.agent.set_time(world.now);
        world.agent.fire();
        states.extend(world.updates().iter().map(TaskStatus::state));
    }
    assert_eq!(states, [TaskState::TaskRunning]);
}
