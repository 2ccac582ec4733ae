//! The state machine that start, stop, abort and an error of the driver move, as MesosSchedulerDriver's and
//! MesosExecutorDriver's do. Backends ask it before they do anything.

use super::Status;
use std::sync::{Mutex, MutexGuard};

/// Guards a driver's status. All methods are atomic.
pub struct Lifecycle {
    state: Mutex<State>,
}

struct State {
    status: Status,
    /// An error happened that Perl has not been told of yet: nothing may be sent any more.
    failed: bool,
}

/// What a backend has to do after [`Lifecycle::stop`] or [`Lifecycle::abort`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What the call returns.
    pub status: Status,
    /// The call changed the state: carry it out.
    pub changed: bool,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Lifecycle {
            state: Mutex::new(State {
                status: Status::NotStarted,
                failed: false,
            }),
        }
    }
}

impl Lifecycle {
    fn lock(&self) -> MutexGuard<'_, State> {
        crate::thread::lock(&self.state)
    }

    /// The status that Perl sees.
    pub fn status(&self) -> Status {
        self.lock().status
    }

    /// Whether calls are carried out and events delivered.
    pub fn is_running(&self) -> bool {
        let state = self.lock();
        state.status == Status::Running && !state.failed
    }

    /// NOT_STARTED becomes RUNNING; any other state stays.
    pub fn start(&self) -> Transition {
        self.change(|state| match state.status {
            Status::NotStarted => (Status::Running, Status::Running),
            other => (other, other),
        })
    }

    /// RUNNING and ABORTED become STOPPED; after an abort this one call still returns ABORTED.
    pub fn stop(&self) -> Transition {
        self.change(|state| match state.status {
            Status::Running => (Status::Stopped, Status::Stopped),
            Status::Aborted => (Status::Stopped, Status::Aborted),
            other => (other, other),
        })
    }

    /// RUNNING becomes ABORTED; any other state stays.
    pub fn abort(&self) -> Transition {
        self.change(|state| match state.status {
            Status::Running => (Status::Aborted, Status::Aborted),
            other => (other, other),
        })
    }

    /// The driver has failed; its `error` event is queued. Returns whether this is the first failure of a running driver.
    pub fn fail(&self) -> bool {
        let mut state = self.lock();
        let first = state.status == Status::Running && !state.failed;
        state.failed |= first;
        first
    }

    /// Perl takes the `error` event: inside that callback the status is ABORTED already.
    pub fn end_delivered(&self) {
        let mut state = self.lock();
        if state.status == Status::Running {
            state.status = Status::Aborted;
        }
    }

    fn change(&self, rule: impl FnOnce(&State) -> (Status, Status)) -> Transition {
        let mut state = self.lock();
        let (next, status) = rule(&state);
        let changed = next != state.status;
        state.status = next;
        Transition { status, changed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lifecycle(status: Status) -> Lifecycle {
        let lifecycle = Lifecycle::default();
        if status != Status::NotStarted {
            lifecycle.start();
        }
        match status {
            Status::Aborted => drop(lifecycle.abort()),
            Status::Stopped => drop(lifecycle.stop()),
            _ => (),
        }
        assert_eq!(lifecycle.status(), status);
        lifecycle
    }

    #[test]
    fn every_call_in_every_state() {
        use Status::*;
        // state, start: (returns, next), stop, abort
        let table = [
            (
                NotStarted,
                (Running, Running),
                (NotStarted, NotStarted),
                (NotStarted, NotStarted),
            ),
            (Running, (Running, Running), (Stopped, Stopped), (Aborted, Aborted)),
            (Aborted, (Aborted, Aborted), (Aborted, Stopped), (Aborted, Aborted)),
            (Stopped, (Stopped, Stopped), (Stopped, Stopped), (Stopped, Stopped)),
        ];
        for (state, start, stop, abort) in table {
            for (name, call, expected) in [
                ("start", Lifecycle::start as fn(&Lifecycle) -> Transition, start),
                ("stop", Lifecycle::stop, stop),
                ("abort", Lifecycle::abort, abort),
            ] {
                let lifecycle = lifecycle(state);
                let transition = call(&lifecycle);
                assert_eq!((transition.status, lifecycle.status()), expected, "{name} in {state:?}");
                assert_eq!(transition.changed, state != lifecycle.status());
            }
        }
    }

    #[test]
    fn failure_shows_when_it_is_delivered() {
        let lifecycle = lifecycle(Status::Running);
        assert!(lifecycle.fail());
        assert!(!lifecycle.fail(), "the second failure is not reported");
        assert!(!lifecycle.is_running());
        assert_eq!(lifecycle.status(), Status::Running);
        lifecycle.end_delivered();
        assert_eq!(lifecycle.status(), Status::Aborted);
    }
}
