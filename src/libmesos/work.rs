//! What a driver's thread is told, and the call of the v1 API that this amounts to.

use crate::driver::counters::Counters;
use crate::driver::{DriverError, ExecutorCall, SchedulerCall};
use crate::event::Acknowledgement;
use std::sync::mpsc::SyncSender;

/// What a C++ driver is asked to send.
pub enum Work {
    Scheduler(SchedulerCall),
    Executor(ExecutorCall),
    Acknowledge(Acknowledgement),
}

impl Work {
    /// The type of the call in the v1 API, for the statistics.
    fn kind(&self) -> &'static str {
        match self {
            Work::Scheduler(call) => kind(call),
            Work::Executor(ExecutorCall::SendStatusUpdate { .. }) => "UPDATE",
            Work::Executor(ExecutorCall::SendFrameworkMessage { .. }) => "MESSAGE",
            Work::Acknowledge(_) => "ACKNOWLEDGE",
        }
    }

    /// Counts what libmesos is about to be told. It drops most calls without a master, and keeps some for later.
    pub fn count(&self, counters: &Counters, is_connected: bool) {
        if !matches!(self, Work::Acknowledge(_)) {
            counters.taken();
            counters.set_calls(0, 0);
        }
        let kind = self.kind();
        match (kind, is_connected) {
            ("UPDATE", _) => counters.count("updates_sent"),
            ("ACKNOWLEDGE", true) => counters.count("updates_acknowledged"),
            (_, true) => (),
            ("REVIVE" | "SUPPRESS" | "UPDATE_FRAMEWORK", false) => return log::info!("libmesos: call {kind} waits for a master"),
            (_, false) => {
                log::info!("libmesos: no master, {kind} is dropped");
                return counters.count("calls_dropped");
            }
        }
        log::info!("libmesos: call {kind}");
        counters.call(kind);
    }
}

/// What a driver's thread is told.
pub enum Command {
    /// Answered with the status that libmesos returned.
    Start(SyncSender<Result<i32, DriverError>>),
    Stop {
        failover: bool,
    },
    Abort,
    Work(Work),
    /// The time to give up may have changed.
    Look,
    Close,
}

/// The type of a call in the v1 API.
fn kind(call: &SchedulerCall) -> &'static str {
    match call {
        SchedulerCall::RequestResources { .. } => "REQUEST",
        SchedulerCall::LaunchTasks { .. } | SchedulerCall::AcceptOffers { .. } => "ACCEPT",
        SchedulerCall::DeclineOffer { .. } => "DECLINE",
        SchedulerCall::ReviveOffers { .. } => "REVIVE",
        SchedulerCall::SuppressOffers { .. } => "SUPPRESS",
        SchedulerCall::UpdateFramework { .. } => "UPDATE_FRAMEWORK",
        SchedulerCall::KillTask { .. } => "KILL",
        SchedulerCall::Acknowledge { .. } => "ACKNOWLEDGE",
        SchedulerCall::SendFrameworkMessage { .. } => "MESSAGE",
        SchedulerCall::ReconcileTasks { .. } => "RECONCILE",
        // Refused before they come here.
        _ => "UNKNOWN",
    }
}
