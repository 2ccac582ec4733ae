//! The states of a task that `/state` tells. They are kept as they would be on the wire: that is a fifth of what they take otherwise, and
//! a task is remembered for long after its end.

use crate::proto::TaskStatus;
use prost::Message;

/// How many states of a task are told.
const MOST: usize = 100;

/// One status for each state that was reported, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    statuses: Vec<Box<[u8]>>,
    /// The state of the newest.
    newest: Option<i32>,
    /// The time of the oldest.
    began: Option<f64>,
}

impl History {
    /// Adds a status, unless its state is the one before.
    pub fn record(&mut self, status: &TaskStatus) {
        if self.newest == Some(status.state) {
            return;
        }
        self.newest = Some(status.state);
        // These can be large, and `/state` does not show them.
        let kept = TaskStatus {
            data: None,
            message: None,
            ..status.clone()
        };
        self.statuses.push(kept.encode_to_vec().into());
        if self.statuses.len() > MOST {
            self.statuses.remove(0);
        }
        // The first of all, or the one that has become the first.
        if self.statuses.len() == 1 || self.statuses.len() == MOST {
            self.began = self.first().and_then(|first| first.timestamp);
        }
    }

    pub fn len(&self) -> usize {
        self.statuses.len()
    }

    pub fn is_empty(&self) -> bool {
        self.statuses.is_empty()
    }

    /// The time of the first status that is told.
    pub fn began(&self) -> Option<f64> {
        self.began
    }

    pub fn first(&self) -> Option<TaskStatus> {
        self.iter().next()
    }

    pub fn iter(&self) -> impl Iterator<Item = TaskStatus> + '_ {
        self.after(0)
    }

    /// Without the first ones, of which there are so many.
    pub fn after(&self, number: usize) -> impl Iterator<Item = TaskStatus> + '_ {
        let rest = self.statuses.get(number..).unwrap_or_default();
        // What was encoded here can be decoded.
        rest.iter().filter_map(|encoded| TaskStatus::decode(&**encoded).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{TaskId, TaskState};

    fn status(state: TaskState, number: usize) -> TaskStatus {
        TaskStatus {
            task_id: TaskId { value: "t".into() },
            state: state as i32,
            timestamp: Some(number as f64),
            data: Some(vec![0; 1000].into()),
            message: Some("a word".into()),
            uuid: Some(vec![number as u8].into()),
            ..Default::default()
        }
    }

    #[test]
    fn one_status_for_each_change_of_state_and_the_newest_hundred() {
        let mut history = History::default();
        assert!(history.is_empty() && history.first().is_none() && history.began().is_none());
        history.record(&status(TaskState::TaskRunning, 1));
        history.record(&status(TaskState::TaskRunning, 2));
        history.record(&status(TaskState::TaskFinished, 3));
        let kept = |status: TaskStatus| TaskStatus {
            data: None,
            message: None,
            ..status
        };
        let all: Vec<TaskStatus> = history.iter().collect();
        assert_eq!(
            all,
            [
                kept(status(TaskState::TaskRunning, 1)),
                kept(status(TaskState::TaskFinished, 3))
            ]
        );
        assert_eq!(history.after(1).count(), 1);
        assert_eq!(history.after(3).count(), 0);
        assert_eq!(history.began(), Some(1.0));
        for number in 4..=102 {
            let state = match number % 2 {
                0 => TaskState::TaskRunning,
                _ => TaskState::TaskKilling,
            };
            history.record(&status(state, number));
        }
        assert_eq!(history.len(), 100);
        assert_eq!(history.began(), Some(3.0));
        assert_eq!(history.first().map(|first| first.timestamp()), Some(3.0));
        assert_eq!(history.iter().last().map(|last| last.timestamp()), Some(102.0));
    }
}
