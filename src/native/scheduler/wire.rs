//! mesos.v1.scheduler, as far as the driver needs it; see [`native::wire`](crate::native::wire).

use crate::message::text;
pub use crate::native::wire::Error;
use crate::native::wire::Operation;
pub use crate::proto::scheduler::call::Type as CallType;
pub use crate::proto::scheduler::event::Type as EventType;
use bytes::Bytes;

#[derive(Clone, PartialEq, prost::Message)]
pub struct Event {
    #[prost(enumeration = "EventType", optional, tag = "1")]
    pub kind: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub subscribed: Option<Subscribed>,
    #[prost(message, optional, tag = "3")]
    pub offers: Option<Offers>,
    #[prost(message, optional, tag = "4")]
    pub rescind: Option<Rescind>,
    #[prost(message, optional, tag = "5")]
    pub update: Option<Update>,
    #[prost(message, optional, tag = "6")]
    pub message: Option<Message>,
    #[prost(message, optional, tag = "7")]
    pub failure: Option<Failure>,
    #[prost(message, optional, tag = "8")]
    pub error: Option<Error>,
    #[prost(message, optional, tag = "9")]
    pub inverse_offers: Option<InverseOffers>,
    #[prost(message, optional, tag = "10")]
    pub rescind_inverse_offer: Option<Rescind>,
    /// As UPDATE: one member, `status`, number 1.
    #[prost(message, optional, tag = "11")]
    pub update_operation_status: Option<Update>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct InverseOffers {
    /// InverseOffer[]
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub inverse_offers: Vec<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Subscribed {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub framework_id: Option<Bytes>,
    #[prost(double, optional, tag = "2")]
    pub heartbeat_interval_seconds: Option<f64>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub master_info: Option<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Offers {
    /// Offer[]
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub offers: Vec<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Rescind {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub offer_id: Option<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Update {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub status: Option<Bytes>,
}

/// Both ways: an executor's message in an Event, one for an executor in a Call.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Message {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub agent_id: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub executor_id: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub data: Option<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Failure {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub agent_id: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub executor_id: Option<Bytes>,
    #[prost(int32, optional, tag = "3")]
    pub status: Option<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Kill {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub task_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub kill_policy: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Call {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub framework_id: Option<Vec<u8>>,
    #[prost(enumeration = "CallType", optional, tag = "2")]
    pub kind: Option<i32>,
    #[prost(message, optional, tag = "3")]
    pub subscribe: Option<Subscribe>,
    #[prost(message, optional, tag = "4")]
    pub accept: Option<Accept>,
    #[prost(message, optional, tag = "5")]
    pub decline: Option<Decline>,
    #[prost(message, optional, tag = "6")]
    pub kill: Option<Kill>,
    #[prost(message, optional, tag = "7")]
    pub shutdown: Option<Shutdown>,
    #[prost(message, optional, tag = "8")]
    pub acknowledge: Option<Acknowledge>,
    #[prost(message, optional, tag = "9")]
    pub reconcile: Option<Reconcile>,
    #[prost(message, optional, tag = "10")]
    pub message: Option<Message>,
    #[prost(message, optional, tag = "11")]
    pub request: Option<Request>,
    #[prost(message, optional, tag = "13")]
    pub accept_inverse_offers: Option<Decline>,
    #[prost(message, optional, tag = "14")]
    pub decline_inverse_offers: Option<Decline>,
    #[prost(message, optional, tag = "15")]
    pub revive: Option<Roles>,
    #[prost(message, optional, tag = "16")]
    pub suppress: Option<Roles>,
    #[prost(message, optional, tag = "17")]
    pub acknowledge_operation_status: Option<AcknowledgeOperationStatus>,
    #[prost(message, optional, tag = "18")]
    pub reconcile_operations: Option<ReconcileOperations>,
    #[prost(message, optional, tag = "19")]
    pub update_framework: Option<Subscribe>,
}

/// Of SUBSCRIBE and UPDATE_FRAMEWORK.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Subscribe {
    #[prost(bytes = "vec", tag = "1")]
    pub framework_info: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub suppressed_roles: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Accept {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub offer_ids: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub operations: Vec<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub filters: Option<Vec<u8>>,
}

/// The Call of a launch, whose operation is not encoded yet.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LaunchCall {
    #[prost(enumeration = "CallType", optional, tag = "2")]
    pub kind: Option<i32>,
    #[prost(message, optional, tag = "4")]
    pub accept: Option<Launching>,
}

/// As [`Accept`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct Launching {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub offer_ids: Vec<Vec<u8>>,
    #[prost(message, repeated, tag = "2")]
    pub operations: Vec<Operation>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub filters: Option<Vec<u8>>,
}

/// Also of both calls about inverse offers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Decline {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub offer_ids: Vec<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub filters: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Acknowledge {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub agent_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub task_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub uuid: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Shutdown {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub executor_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub agent_id: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct AcknowledgeOperationStatus {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub agent_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub resource_provider_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub uuid: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub operation_id: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ReconcileOperations {
    /// ReconcileOperations.Operation[]
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub operations: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Reconcile {
    #[prost(message, repeated, tag = "1")]
    pub tasks: Vec<ReconcileTask>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ReconcileTask {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub task_id: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub agent_id: Option<Bytes>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    /// mesos.Request[]
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub requests: Vec<Vec<u8>>,
}

/// Of REVIVE and SUPPRESS; none: all roles.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Roles {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub roles: Vec<Vec<u8>>,
}

/// As they stand in calls.
pub fn roles(roles: &[String]) -> Vec<Vec<u8>> {
    roles.iter().map(|role| text::to_bytes(role).into_owned()).collect()
}
