//! Faults and repairs on demand: what a test does to a running cluster.

use super::core::Core;
pub use super::master::state::{Quota, Window};
use crate::proto::MachineId;
use std::time::Duration;

/// Something to be done to the cluster. Agents are counted from 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// One more agent, like the others.
    AddAgent,
    /// Kills the agent's process. Tasks of frameworks that checkpoint live on.
    CrashAgent(usize),
    /// Ends the agent in order, with all that it runs.
    StopAgent(usize),
    /// Starts an agent again that crashed or was stopped.
    StartAgent(usize),
    /// Whatever the agent and the master say to each other arrives when the link is healed. Neither is told.
    CutAgent(usize),
    HealAgent(usize),
    /// Messages between the agent and the master take so long from now on.
    DelayAgent(usize, Duration),
    /// Removes the sandboxes of all that has ended there, however old.
    CollectSandboxes(usize),
    /// As an operator's MARK_AGENT_GONE; unknown ids are ignored.
    MarkAgentGone(String),
    /// As an operator's UPDATE_QUOTA, with its `force`. What a master would refuse is not done.
    UpdateQuotas(Vec<(String, Quota)>, bool),
    /// As an operator's UPDATE_MAINTENANCE_SCHEDULE.
    UpdateMaintenance(Vec<Window>),
    /// As an operator's START_MAINTENANCE.
    StartMaintenance(Vec<MachineId>),
    /// The leading master ends, and another one takes its place: after an election if there are several. It stands by from then on.
    FailOverMaster,
    /// Ends a master, whether it leads or stands by: it refuses connections. Without effect on one that is alone.
    StopMaster(usize),
    /// Starts a master that was stopped.
    StartMaster(usize),
    /// The cluster's time stands, for all its timers.
    PauseClock,
    ResumeClock,
    /// Moves the cluster's time on. Each timer on the way fires in its turn.
    AdvanceClock(Duration),
}

/// Does it, with all that follows at once. It tells `core` the time before, and has it run afterwards.
pub fn carry_out(core: &mut Core, control: Control) {
    core.tick();
    match control {
        Control::AddAgent => core.add_agent_like_the_others(),
        Control::CrashAgent(agent) => core.crash_agent(agent),
        Control::StopAgent(agent) => core.stop_agent(agent),
        Control::StartAgent(agent) => core.start_agent(agent),
        Control::CutAgent(agent) => core.cut_agent(agent),
        Control::HealAgent(agent) => core.heal_agent(agent),
        Control::DelayAgent(agent, delay) => core.delay_agent(agent, delay),
        Control::CollectSandboxes(agent) => {
            if let Some(agent) = core.agent(agent) {
                agent.collect_all();
            }
        }
        Control::MarkAgentGone(id) => {
            core.master.mark_gone(&id);
        }
        Control::UpdateQuotas(quotas, force) => log_refusal(core.master.update_quotas(&quotas, force)),
        Control::UpdateMaintenance(schedule) => log_refusal(core.master.update_maintenance(schedule)),
        Control::StartMaintenance(machines) => log_refusal(core.master.start_maintenance(&machines)),
        Control::FailOverMaster => core.fail_over_master(),
        Control::StopMaster(master) => core.stop_master(master),
        Control::StartMaster(master) => core.start_master(master),
        Control::PauseClock => core.clock.pause(),
        Control::ResumeClock => core.clock.resume(),
        Control::AdvanceClock(by) => core.advance(by),
    }
    core.run();
}

fn log_refusal(done: Result<(), String>) {
    if let Err(why) = done {
        log::warn!("{why}");
    }
}
