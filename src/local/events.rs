//! What both machines make: events for schedulers and executors, and statuses. And where events go.

use super::clock::Time;
use super::ids;
use crate::proto::task_status::Source;
use crate::proto::{executor, scheduler};
use crate::proto::{TaskId, TaskState, TaskStatus};
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

/// From so many bytes on a subscriber has much to read.
pub const FULL: usize = 4 << 20;

/// An event for a scheduler, with its type; the caller puts the member in.
pub fn scheduler_event(kind: scheduler::event::Type) -> scheduler::Event {
    scheduler::Event {
        r#type: Some(kind as i32),
        ..Default::default()
    }
}

/// The same for an executor.
pub fn executor_event(kind: executor::event::Type) -> executor::Event {
    executor::Event {
        r#type: Some(kind as i32),
        ..Default::default()
    }
}

/// The eight states after which nothing comes.
pub fn is_terminal(state: TaskState) -> bool {
    use TaskState::*;
    matches!(
        state,
        TaskFinished | TaskFailed | TaskKilled | TaskError | TaskLost | TaskDropped | TaskGone | TaskGoneByOperator
    )
}

/// A status with what every status has. `state` is that of the task, `source` who says so.
pub fn status(now: Time, task: &str, state: TaskState, source: Source) -> TaskStatus {
    TaskStatus {
        task_id: TaskId { value: task.to_string() },
        state: state as i32,
        source: Some(source as i32),
        timestamp: Some(now.seconds()),
        ..Default::default()
    }
}

/// A fresh uuid, which asks for an acknowledgement.
pub fn uuid() -> Option<Bytes> {
    Some(ids::uuid_bytes().to_vec().into())
}

/// An event stream as a machine sees it: where its events go, and whether they are read.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Unique in this cluster; never used again.
    pub id: u64,
    pub backlog: Backlog,
}

impl Stream {
    pub fn new(id: u64) -> Stream {
        Stream {
            id,
            backlog: Backlog::default(),
        }
    }

    /// Whether the subscriber has much to read before it needs more.
    pub fn is_full(&self) -> bool {
        self.backlog.is_full()
    }
}

/// How much waits in a stream. Who writes and who reads it have the same one.
#[derive(Debug, Clone, Default)]
pub struct Backlog(Arc<Counter>);

#[derive(Debug, Default)]
struct Counter {
    waiting: AtomicUsize,
    closed: AtomicBool,
}

impl Backlog {
    pub fn add(&self, bytes: usize) {
        self.0.waiting.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether this was the end of being full.
    pub fn take(&self, bytes: usize) -> bool {
        let before = self.0.waiting.fetch_sub(bytes, Ordering::Relaxed);
        before >= FULL && before - bytes < FULL
    }

    /// Nobody reads any more.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }

    pub fn is_full(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) >= FULL && !self.0.closed.load(Ordering::Relaxed)
    }
}
