//! The messages of the v1 API that both drivers know; those of one are in its `wire`. Inner messages that Perl wants stay encoded: a
//! message and `bytes` have the same wire type, and v0 and v1 encode those messages alike. Fields that nobody reads are left out;
//! decoding skips them.
//!
//! Field numbers are those of mesos.v1.scheduler and mesos.v1.executor; where v0 differs (Subscribe), v1 counts. Types
//! that later versions add decode as Unknown, and are ignored.

pub use crate::driver::framework::{FrameworkInfo, Id};
use crate::driver::DriverError;
pub use crate::proto::offer::operation::Type as OperationType;
use bytes::Bytes;

/// The argument is no message of this class.
pub fn problem(name: &'static str, class: &str, error: &prost::DecodeError) -> DriverError {
    DriverError::undecodable(name, class, &format!(" ({error})"))
}

/// What the drivers read of a TaskStatus.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TaskStatus {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub task_id: Option<Bytes>,
    #[prost(int32, optional, tag = "2")]
    pub state: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub agent_id: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "11")]
    pub uuid: Option<Bytes>,
}

/// What the drivers read of a TaskInfo.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TaskInfo {
    #[prost(bytes = "vec", optional, tag = "2")]
    pub task_id: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub agent_id: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "4")]
    pub resources: Vec<Resource>,
    #[prost(message, optional, tag = "5")]
    pub executor: Option<ExecutorInfo>,
}

/// What the driver reads of an ExecutorInfo.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecutorInfo {
    #[prost(message, repeated, tag = "5")]
    pub resources: Vec<Resource>,
}

/// What the driver reads of a Resource.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Resource {
    #[prost(int32, optional, tag = "2")]
    pub kind: Option<i32>,
}

/// What the driver reads of an OperationStatus.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OperationStatus {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub operation_id: Option<Bytes>,
    #[prost(message, optional, tag = "5")]
    pub uuid: Option<Uuid>,
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub agent_id: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "7")]
    pub resource_provider_id: Option<Bytes>,
}

/// UUID
#[derive(Clone, PartialEq, prost::Message)]
pub struct Uuid {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub value: Option<Bytes>,
}

/// What the driver reads of an Offer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Offer {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub id: Option<Vec<u8>>,
}

/// Offer.Operation, as far as LAUNCH and LAUNCH_GROUP.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Operation {
    #[prost(enumeration = "OperationType", optional, tag = "1")]
    pub kind: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub launch: Option<Launch>,
    #[prost(message, optional, tag = "7")]
    pub launch_group: Option<LaunchGroup>,
}

/// Offer.Operation.LaunchGroup, without its executor.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LaunchGroup {
    /// TaskGroupInfo, which has its tasks where Launch has them.
    #[prost(message, optional, tag = "2")]
    pub task_group: Option<Launch>,
}

/// Offer.Operation.Launch
#[derive(Clone, PartialEq, prost::Message)]
pub struct Launch {
    /// TaskInfo[]
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub task_infos: Vec<Vec<u8>>,
}

/// Credential. Its strings as bytes: an error about them must name the field, and must not quote.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Credential {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub principal: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub secret: Option<Vec<u8>>,
}

/// The ERROR of both APIs.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Error {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub message: Option<Bytes>,
}

/// The KILL of both: a call of schedulers, an event for executors.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Kill {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub task_id: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use crate::native::captures;
    use crate::native::scheduler::wire as scheduler;
    use crate::proto;
    use prost::Message;

    #[test]
    fn captured_scheduler_events_decode_like_the_full_messages() {
        for record in captures::records("protobuf/00-SUBSCRIBE.recordio") {
            let full = proto::scheduler::Event::decode(&record[..]).expect("event");
            let outer = scheduler::Event::decode(&record[..]).expect("event");
            assert_eq!(outer.kind, full.r#type);
            let inner = outer.update.and_then(|u| u.status);
            assert_eq!(inner, full.update.map(|u| u.status.encode_to_vec().into()));
            let offers = outer.offers.map(|o| o.offers.len());
            assert_eq!(offers, full.offers.map(|o| o.offers.len()));
            let failure = outer
                .failure
                .map(|f| (f.agent_id.is_some(), f.executor_id.is_some(), f.status));
            let expected = full
                .failure
                .map(|f| (f.slave_id.is_some(), f.executor_id.is_some(), f.status));
            assert_eq!(failure, expected);
        }
    }

    #[test]
    fn captured_calls_survive_a_round_trip() {
        for (folder, executor) in [("protobuf", false), ("protobuf-command", false), ("protobuf/executor", true)] {
            for (name, bytes) in captures::files(folder, ".request.http") {
                let start = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("head") + 4;
                let body = &bytes[start..];
                let ours = [
                    "SUBSCRIBE",
                    "TEARDOWN",
                    "-ACCEPT.",
                    "DECLINE.",
                    "REVIVE",
                    "-KILL",
                    "ACKNOWLEDGE.",
                    "RECONCILE.",
                    "MESSAGE",
                    "REQUEST",
                    "SUPPRESS",
                    "SHUTDOWN",
                    "INVERSE_OFFERS",
                    "OPERATION",
                    "UPDATE_FRAMEWORK",
                    "UPDATE.",
                ];
                if !ours.iter().any(|call| name.contains(call)) || name.starts_with("50") || name.starts_with("51") {
                    continue;
                }
                let again = if executor {
                    crate::native::executor::wire::Call::decode(body)
                        .expect("call")
                        .encode_to_vec()
                } else {
                    scheduler::Call::decode(body).expect("call").encode_to_vec()
                };
                // A field that we never send (kill policy, agent of a KILL) may be lost, nothing else.
                if !name.contains("KILL") {
                    assert_eq!(again, body, "{folder}/{name}");
                }
            }
        }
    }

    #[test]
    fn events_of_a_later_version_decode() {
        let mut bytes = vec![0x08, 0x7f];
        crate::message::fields::append(&mut bytes, 77, b"future");
        assert_eq!(scheduler::Event::decode(&bytes[..]).expect("event").kind, Some(127));
    }
}
