//! The numbers of fields by name, for whoever changes an encoded message without decoding it.
//!
//! Made by tests/generated.rs from proto/*.proto; do not edit.

/// The fields of all ids.
pub mod id {
    pub const VALUE: u32 = 1;
}

/// The fields of Filters.
pub mod filters {
    pub const REFUSE_SECONDS: u32 = 1;
}

/// The fields of FrameworkInfo.
pub mod framework_info {
    pub const USER: u32 = 1;
    pub const NAME: u32 = 2;
    pub const ID: u32 = 3;
    pub const FAILOVER_TIMEOUT: u32 = 4;
    pub const CHECKPOINT: u32 = 5;
    pub const ROLE: u32 = 6;
    pub const ROLES: u32 = 12;
    pub const HOSTNAME: u32 = 7;
    pub const PRINCIPAL: u32 = 8;
    pub const WEBUI_URL: u32 = 9;
    pub const CAPABILITIES: u32 = 10;
    pub const LABELS: u32 = 11;
    pub const OFFER_FILTERS: u32 = 13;
}

/// The fields of TaskInfo.
pub mod task_info {
    pub const NAME: u32 = 1;
    pub const TASK_ID: u32 = 2;
    pub const SLAVE_ID: u32 = 3;
    pub const RESOURCES: u32 = 4;
    pub const EXECUTOR: u32 = 5;
    pub const COMMAND: u32 = 7;
    pub const CONTAINER: u32 = 9;
    pub const HEALTH_CHECK: u32 = 8;
    pub const CHECK: u32 = 13;
    pub const KILL_POLICY: u32 = 12;
    pub const DATA: u32 = 6;
    pub const LABELS: u32 = 10;
    pub const DISCOVERY: u32 = 11;
    pub const MAX_COMPLETION_TIME: u32 = 14;
    pub const LIMITS: u32 = 15;
}

/// The fields of TaskStatus.
pub mod task_status {
    pub const TASK_ID: u32 = 1;
    pub const STATE: u32 = 2;
    pub const MESSAGE: u32 = 4;
    pub const SOURCE: u32 = 9;
    pub const REASON: u32 = 10;
    pub const DATA: u32 = 3;
    pub const SLAVE_ID: u32 = 5;
    pub const EXECUTOR_ID: u32 = 7;
    pub const TIMESTAMP: u32 = 6;
    pub const UUID: u32 = 11;
    pub const HEALTHY: u32 = 8;
    pub const CHECK_STATUS: u32 = 15;
    pub const LABELS: u32 = 12;
    pub const CONTAINER_STATUS: u32 = 13;
    pub const UNREACHABLE_TIME: u32 = 14;
    pub const LIMITATION: u32 = 16;
}

/// The fields of scheduler.Call.
pub mod scheduler_call {
    pub const FRAMEWORK_ID: u32 = 1;
    pub const TYPE: u32 = 2;
    pub const SUBSCRIBE: u32 = 3;
    pub const ACCEPT: u32 = 4;
    pub const DECLINE: u32 = 5;
    pub const ACCEPT_INVERSE_OFFERS: u32 = 13;
    pub const DECLINE_INVERSE_OFFERS: u32 = 14;
    pub const REVIVE: u32 = 15;
    pub const KILL: u32 = 6;
    pub const SHUTDOWN: u32 = 7;
    pub const ACKNOWLEDGE: u32 = 8;
    pub const ACKNOWLEDGE_OPERATION_STATUS: u32 = 17;
    pub const RECONCILE: u32 = 9;
    pub const RECONCILE_OPERATIONS: u32 = 18;
    pub const MESSAGE: u32 = 10;
    pub const REQUEST: u32 = 11;
    pub const SUPPRESS: u32 = 16;
    pub const UPDATE_FRAMEWORK: u32 = 19;
}

/// The fields of scheduler.Call.Acknowledge.
pub mod acknowledge {
    pub const SLAVE_ID: u32 = 1;
    pub const TASK_ID: u32 = 2;
    pub const UUID: u32 = 3;
}

/// The fields of executor.Call.
pub mod executor_call {
    pub const EXECUTOR_ID: u32 = 1;
    pub const FRAMEWORK_ID: u32 = 2;
    pub const TYPE: u32 = 3;
    pub const SUBSCRIBE: u32 = 4;
    pub const UPDATE: u32 = 5;
    pub const MESSAGE: u32 = 6;
}
