//! What tests count after each step.

use super::Core;

/// Each resource of each agent is in one place, and there are so many cpus, so much memory and so much disk.
pub fn conserved(core: &Core, amounts_of_each: [f64; 3]) {
    let master = &core.master;
    for (id, agent) in &master.agents {
        let mut sum = agent.free.clone();
        let offers = master.offers.values().filter(|offer| offer.agent == *id);
        offers.for_each(|offer| sum.add(&offer.resources));
        let tasks = master.frameworks.values().flat_map(|f| f.tasks.values());
        tasks
            .filter(|task| task.agent == *id)
            .for_each(|task| sum.add(&task.resources));
        agent.executors.values().for_each(|executor| sum.add(&executor.resources));
        let operations = master.operations.values().filter(|operation| operation.agent == *id);
        operations.for_each(|operation| sum.add(&operation.held));
        let (sum, total) = (sum.unshared(), agent.total.unshared());
        assert!(
            sum.contains(&total) && total.contains(&sum),
            "all resources of {id} are somewhere, once"
        );
        assert_eq!(
            agent.free.shared(),
            agent.total.shared(),
            "what is shared on {id} is free for all"
        );
        let has = ["cpus", "mem", "disk"].map(|name| agent.total.scalar(name));
        assert_eq!(has, amounts_of_each, "whatever they are reserved for");
    }
}
