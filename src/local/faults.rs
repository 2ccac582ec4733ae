//! Faults that wait for what they are to happen to: the next updates, calls and launches.

use crate::proto::task_status::Reason;
use std::time::Duration;

/// Of each fault so many are kept at most.
pub const MOST: u64 = 1_000_000;

/// Which of the HTTP APIs a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Scheduler,
    Executor,
    /// Of master and agents.
    Operator,
}

impl Api {
    pub fn of(name: &str) -> Option<Api> {
        match name {
            "scheduler" => Some(Api::Scheduler),
            "executor" => Some(Api::Executor),
            "operator" => Some(Api::Operator),
            _ => None,
        }
    }
}

/// What happens to a status update on its way from an agent to the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUpdate {
    /// The agent sends it again later, as it does when nobody acknowledges it.
    Lose,
    Duplicate,
}

/// The answer to a call that is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub text: String,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnCall {
    Refuse(Refused),
    /// It is carried out so much later, by the cluster's clock.
    Delay(Duration),
}

/// Why a launch fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedLaunch {
    pub reason: Reason,
    pub text: String,
}

/// One kind of fault, and how often it is still to happen.
#[derive(Debug)]
struct Waiting<T> {
    left: u64,
    what: T,
}

/// All that wait. The oldest that fits happens first.
#[derive(Debug, Default)]
pub struct Faults {
    /// With the id of the only task that is meant, if there is one.
    updates: Vec<Waiting<(OnUpdate, Option<String>)>>,
    calls: Vec<Waiting<(Api, String, OnCall)>>,
    launches: Vec<Waiting<FailedLaunch>>,
}

/// Takes one of the first that fits.
fn take<T: Clone>(all: &mut Vec<Waiting<T>>, fits: impl Fn(&T) -> bool) -> Option<T> {
    let index = all.iter().position(|one| fits(&one.what))?;
    let one = &mut all[index];
    one.left -= 1;
    let what = one.what.clone();
    if one.left == 0 {
        all.remove(index);
    }
    Some(what)
}

impl Faults {
    /// The next `count` updates, or those of one task.
    pub fn on_updates(&mut self, what: OnUpdate, task: Option<String>, count: u64) {
        add(&mut self.updates, count, (what, task));
    }

    /// The next `count` calls of this type.
    pub fn on_calls(&mut self, what: OnCall, api: Api, kind: String, count: u64) {
        add(&mut self.calls, count, (api, kind, what));
    }

    /// The next `count` launches of commands and executors.
    pub fn fail_launches(&mut self, count: u64, failed: FailedLaunch) {
        add(&mut self.launches, count, failed);
    }

    /// What is to happen to an update of this task.
    pub fn of_update(&mut self, task: &str) -> Option<OnUpdate> {
        let fits = |(_, only): &(OnUpdate, Option<String>)| only.as_deref().map_or(true, |only| only == task);
        take(&mut self.updates, fits).map(|(what, _)| what)
    }

    pub fn of_call(&mut self, api: Api, kind: &str) -> Option<OnCall> {
        let fits = |(of, name, _): &(Api, String, OnCall)| *of == api && name == kind;
        take(&mut self.calls, fits).map(|(_, _, what)| what)
    }

    pub fn of_launch(&mut self) -> Option<FailedLaunch> {
        take(&mut self.launches, |_| true)
    }

    /// How many updates, calls and launches they still wait for.
    pub fn waiting(&self) -> [u64; 3] {
        [
            self.updates.iter().map(|one| one.left).sum(),
            self.calls.iter().map(|one| one.left).sum(),
            self.launches.iter().map(|one| one.left).sum(),
        ]
    }
}

fn add<T>(all: &mut Vec<Waiting<T>>, count: u64, what: T) {
    let known = all.iter().fold(0, |sum: u64, one| sum.saturating_add(one.left));
    let left = count.min(MOST.saturating_sub(known));
    if left > 0 {
        all.push(Waiting { left, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_happens_as_often_as_it_was_asked_for() {
        let mut faults = Faults::default();
        faults.on_updates(OnUpdate::Lose, Some("t".into()), 1);
        faults.on_updates(OnUpdate::Duplicate, None, 2);
        assert_eq!(faults.of_update("other"), Some(OnUpdate::Duplicate));
        assert_eq!(faults.of_update("t"), Some(OnUpdate::Lose));
        assert_eq!(faults.of_update("t"), Some(OnUpdate::Duplicate));
        assert_eq!(faults.of_update("t"), None);
        let text = String::new();
        let refused = OnCall::Refuse(Refused { status: 503, text });
        let late = OnCall::Delay(Duration::from_secs(1));
        faults.on_calls(refused.clone(), Api::Scheduler, "ACCEPT".into(), 1);
        faults.on_calls(late.clone(), Api::Executor, "UPDATE".into(), u64::MAX);
        assert_eq!(faults.of_call(Api::Scheduler, "UPDATE"), None);
        assert_eq!(faults.of_call(Api::Executor, "UPDATE"), Some(late));
        assert_eq!(faults.of_call(Api::Scheduler, "ACCEPT"), Some(refused));
        assert_eq!(faults.of_call(Api::Scheduler, "ACCEPT"), None);
        // Another one was there when it came, and one was taken.
        assert_eq!(faults.waiting(), [0, MOST - 2, 0]);
    }
}
