//! What frameworks say that they know.

use crate::proto::framework_info::capability::Type;
use crate::proto::{FrameworkInfo, TaskState};

pub fn has(framework: &FrameworkInfo, capability: Type) -> bool {
    framework.capabilities.iter().any(|c| c.r#type == Some(capability as i32))
}

/// What a task is called that is `precise`: TASK_DROPPED and its like are only for those that know them.
pub fn lost(framework: &FrameworkInfo, precise: TaskState) -> TaskState {
    if has(framework, Type::PartitionAware) {
        precise
    } else {
        TaskState::TaskLost
    }
}

/// What agents say that they can do.
pub const AGENT: [&str; 4] = ["MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT", "AGENT_DRAINING"];
