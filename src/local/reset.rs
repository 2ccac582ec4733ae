//! Between two tests: what the first one has left behind, and a cluster as it was at first for the second.

use super::core::Core;
use super::events::is_terminal;
use std::time::Duration;

/// A framework that nobody has torn down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftFramework {
    pub id: String,
    pub name: String,
    pub connected: bool,
    /// Its tasks that have not ended: their ids and states.
    pub tasks: Vec<(String, &'static str)>,
}

/// What frameworks have left.
pub fn left_over(core: &Core) -> Vec<LeftFramework> {
    let frameworks = core.master.frameworks.iter();
    let left = frameworks.map(|(id, framework)| {
        let tasks = framework.tasks.iter().chain(&framework.unreachable_tasks);
        let alive = tasks.filter(|(_, task)| !is_terminal(task.state));
        LeftFramework {
            id: id.clone(),
            name: framework.info.name.clone(),
            connected: framework.is_connected(),
            tasks: alive.map(|(id, task)| (id.clone(), task.state.as_str_name())).collect(),
        }
    });
    left.collect()
}

/// Ends all frameworks with their tasks, forgets quotas, weights, maintenance, and what was drained or deactivated, repairs the agents of
/// the beginning, stops those that came later, starts masters that were stopped, and lets the clock go on.
///
/// Agents that have to come back, and processes that have to end, take a moment: see [`start_again`] and [`is_settled`].
pub fn reset(core: &mut Core) {
    core.clock.resume();
    core.tick();
    core.forget_faults();
    core.restore_masters();
    // First of all: an agent that is being drained may be gone when it is back, or when its frameworks are.
    core.master.forget_drains();
    for number in 0..core.places().len() {
        core.delay_agent(number, Duration::ZERO);
        core.heal_agent(number);
    }
    core.run();
    let frameworks: Vec<String> = core.master.frameworks.keys().cloned().collect();
    frameworks.iter().for_each(|id| core.master.remove_framework(id));
    core.master.forget_plans();
    core.run();
    for number in core.agents_at_first()..core.places().len() {
        core.stop_agent(number);
    }
    start_again(core);
}

/// Starts the agents of the beginning that do not run. What was on its way to one when the cluster was reset may have ended it since.
pub fn start_again(core: &mut Core) {
    for number in 0..core.agents_at_first() {
        core.start_agent(number);
    }
    core.run();
}

/// Whether the agents of the beginning have registered, and nothing runs.
pub fn is_settled(core: &Core) -> bool {
    let registered = |id: &Option<String>| {
        let agent = id.as_ref().and_then(|id| core.master.agents.get(id));
        agent.is_some_and(|agent| agent.connected)
    };
    let mut first = core.places().into_iter().take(core.agents_at_first());
    let masters = core.masters.leader().is_some() && core.masters.ports_follow();
    masters && first.all(|place| registered(&place.id)) && core.agents().all(|agent| agent.containers.is_empty())
}
