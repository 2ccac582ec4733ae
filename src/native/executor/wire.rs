//! mesos.v1.executor, as far as the driver needs it; see [`native::wire`](crate::native::wire).

pub use crate::native::wire::{Error, Kill};
pub use crate::proto::executor::call::Type as CallType;
pub use crate::proto::executor::event::Type as EventType;

#[derive(Clone, PartialEq, prost::Message)]
pub struct Event {
    #[prost(enumeration = "EventType", optional, tag = "1")]
    pub kind: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub subscribed: Option<Subscribed>,
    #[prost(message, optional, tag = "3")]
    pub acknowledged: Option<Acknowledged>,
    #[prost(message, optional, tag = "4")]
    pub launch: Option<Launch>,
    #[prost(message, optional, tag = "5")]
    pub kill: Option<Kill>,
    #[prost(message, optional, tag = "6")]
    pub message: Option<EventMessage>,
    #[prost(message, optional, tag = "7")]
    pub error: Option<Error>,
    #[prost(message, optional, tag = "8")]
    pub launch_group: Option<LaunchGroup>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Subscribed {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub executor_info: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub framework_info: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub agent_info: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Acknowledged {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub task_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub uuid: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Launch {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub task: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct LaunchGroup {
    #[prost(message, optional, tag = "1")]
    pub task_group: Option<TaskGroup>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct TaskGroup {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub tasks: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct EventMessage {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub data: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Call {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub executor_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub framework_id: Option<Vec<u8>>,
    #[prost(enumeration = "CallType", optional, tag = "3")]
    pub kind: Option<i32>,
    #[prost(message, optional, tag = "4")]
    pub subscribe: Option<Subscribe>,
    #[prost(message, optional, tag = "5")]
    pub update: Option<Update>,
    #[prost(message, optional, tag = "6")]
    pub message: Option<CallMessage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Subscribe {
    /// TaskInfo[]
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub unacknowledged_tasks: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "2")]
    pub unacknowledged_updates: Vec<Update>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Update {
    #[prost(bytes = "vec", tag = "1")]
    pub status: Vec<u8>,
}

/// `data` has number 2 here and 1 in the Event.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CallMessage {
    #[prost(bytes = "vec", optional, tag = "2")]
    pub data: Option<Vec<u8>>,
}
