//! Which calls of an executor wait: those for whose content nobody has room, because the framework does not read or acknowledge.
//!
//! A call that waits is not answered, and its connection not read further: so the executor has to wait, too, as for a slow network.

use crate::local::api::stream::FULL;
use crate::local::core::{Core, Kind};
use crate::proto::executor::call::Type;
use crate::proto::executor::Call;
use crate::proto::TaskStatus;
use prost::Message;

/// What an update costs beside its bytes, while it waits.
const OVERHEAD: usize = 500;

/// What an update that waits takes in memory, about.
pub fn cost(update: &TaskStatus) -> usize {
    update.encoded_len() + OVERHEAD
}

impl Core {
    /// Whether a call has to wait. When that may have changed, `relief` is notified.
    pub fn has_no_room_for(&self, kind: Type, call: &Call) -> bool {
        let updates: Vec<&TaskStatus> = match kind {
            Type::Message => Vec::new(),
            Type::Update => call.update.iter().map(|update| &update.status).collect(),
            // To come back must not take long, but it must not be a way around either.
            Type::Subscribe => {
                let subscribe = call.subscribe.iter();
                let updates = subscribe.flat_map(|subscribe| &subscribe.unacknowledged_updates);
                updates.map(|update| &update.status).collect()
            }
            Type::Heartbeat | Type::Unknown => return false,
        };
        let (framework, executor) = (&call.framework_id.value, &call.executor_id.value);
        let Ok(process) = self.find_executor(framework, executor) else {
            return false;
        };
        let Some(framework) = self.frameworks.get(framework) else {
            return false;
        };
        if kind == Type::Message {
            return framework.is_full();
        }
        // An executor that does not read its acknowledgements.
        let deaf = match self.containers.get(&process).map(|container| &container.kind) {
            Some(Kind::Custom(executor)) => executor.stream.as_ref().is_some_and(|stream| stream.is_full()),
            _ => false,
        };
        let many = |status: &&TaskStatus| {
            let task = framework.tasks.get(&status.task_id.value);
            task.is_some_and(|task| task.waiting >= FULL)
        };
        match kind {
            Type::Update => deaf || framework.is_full() || updates.iter().any(many),
            _ => !updates.is_empty() && (framework.is_full() || updates.iter().any(many)),
        }
    }
}
