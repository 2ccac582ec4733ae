//! Whether a call has the fields that its messages require: prost fills absent ones with defaults instead of refusing them.
//!
//! Only the messages that a call can lead to and that matter before validation are listed; deeper ones keep prost's defaults.

use hyper::body::Bytes;
use prost::bytes::Buf;
use prost::encoding::{decode_key, decode_varint, skip_field, DecodeContext, WireType};

/// One message type: required fields, and fields that are messages with such fields.
struct Shape {
    required: &'static [u32],
    children: &'static [(u32, &'static Shape)],
}

/// FrameworkID, TaskID and all their like; Scalar; Filters have none.
static VALUE: Shape = Shape {
    required: &[1],
    children: &[],
};
static RANGE: Shape = Shape {
    required: &[1, 2],
    children: &[],
};
static RANGES: Shape = Shape {
    required: &[],
    children: &[(1, &RANGE)],
};
static RESOURCE: Shape = Shape {
    required: &[1, 2],
    children: &[(3, &VALUE), (4, &RANGES)],
};
static ENVIRONMENT: Shape = Shape {
    required: &[],
    children: &[(1, &VALUE)],
};
static COMMAND: Shape = Shape {
    required: &[],
    children: &[(1, &VALUE), (2, &ENVIRONMENT)],
};
static FRAMEWORK_INFO: Shape = Shape {
    required: &[1, 2],
    children: &[(3, &VALUE)],
};
static EXECUTOR_INFO: Shape = Shape {
    required: &[1],
    children: &[(1, &VALUE), (5, &RESOURCE), (7, &COMMAND), (8, &VALUE), (13, &VALUE)],
};
static KILL_POLICY: Shape = Shape {
    required: &[],
    children: &[(1, &VALUE)],
};
static TASK_INFO: Shape = Shape {
    required: &[1, 2, 3],
    children: &[
        (2, &VALUE),
        (3, &VALUE),
        (4, &RESOURCE),
        (5, &EXECUTOR_INFO),
        (7, &COMMAND),
        (12, &KILL_POLICY),
    ],
};
static TASK_STATUS: Shape = Shape {
    required: &[1, 2],
    children: &[(1, &VALUE), (5, &VALUE), (7, &VALUE)],
};
static SUBSCRIBE: Shape = Shape {
    required: &[1],
    children: &[(1, &FRAMEWORK_INFO)],
};
static LAUNCH: Shape = Shape {
    required: &[],
    children: &[(1, &TASK_INFO)],
};
static TASK_GROUP: Shape = Shape {
    required: &[],
    children: &[(1, &TASK_INFO)],
};
static LAUNCH_GROUP: Shape = Shape {
    required: &[1, 2],
    children: &[(1, &EXECUTOR_INFO), (2, &TASK_GROUP)],
};
static OPERATION: Shape = Shape {
    required: &[],
    children: &[(2, &LAUNCH), (7, &LAUNCH_GROUP)],
};
static ACCEPT: Shape = Shape {
    required: &[],
    children: &[(1, &VALUE), (2, &OPERATION)],
};
static DECLINE: Shape = Shape {
    required: &[],
    children: &[(1, &VALUE)],
};
static KILL: Shape = Shape {
    required: &[1],
    children: &[(1, &VALUE), (2, &VALUE), (3, &KILL_POLICY)],
};
static SHUTDOWN: Shape = Shape {
    required: &[1, 2],
    children: &[(1, &VALUE), (2, &VALUE)],
};
static ACKNOWLEDGE: Shape = Shape {
    required: &[1, 2, 3],
    children: &[(1, &VALUE), (2, &VALUE)],
};
static RECONCILE_TASK: Shape = Shape {
    required: &[1],
    children: &[(1, &VALUE), (2, &VALUE)],
};
static RECONCILE: Shape = Shape {
    required: &[],
    children: &[(1, &RECONCILE_TASK)],
};
static MESSAGE: Shape = Shape {
    required: &[1, 2, 3],
    children: &[(1, &VALUE), (2, &VALUE)],
};
static SCHEDULER_CALL: Shape = Shape {
    required: &[],
    children: &[
        (1, &VALUE),
        (3, &SUBSCRIBE),
        (4, &ACCEPT),
        (5, &DECLINE),
        (6, &KILL),
        (7, &SHUTDOWN),
        (8, &ACKNOWLEDGE),
        (9, &RECONCILE),
        (10, &MESSAGE),
        (19, &SUBSCRIBE),
    ],
};
static EXECUTOR_UPDATE: Shape = Shape {
    required: &[1],
    children: &[(1, &TASK_STATUS)],
};
static EXECUTOR_SUBSCRIBE: Shape = Shape {
    required: &[],
    children: &[(1, &TASK_INFO), (2, &EXECUTOR_UPDATE)],
};
static EXECUTOR_MESSAGE: Shape = Shape {
    required: &[2],
    children: &[],
};
static EXECUTOR_CALL: Shape = Shape {
    required: &[1, 2],
    children: &[
        (1, &VALUE),
        (2, &VALUE),
        (4, &EXECUTOR_SUBSCRIBE),
        (5, &EXECUTOR_UPDATE),
        (6, &EXECUTOR_MESSAGE),
    ],
};

/// `None` when `body` is no scheduler Call, or one that lacks something.
pub fn check_scheduler(body: &Bytes) -> Option<()> {
    check(&SCHEDULER_CALL, body.clone())
}

/// `None` when `body` is no executor Call, or one that lacks something.
pub fn check_executor(body: &Bytes) -> Option<()> {
    check(&EXECUTOR_CALL, body.clone())
}

/// The depth is that of the shapes above, whatever the body holds.
fn check(shape: &Shape, mut body: Bytes) -> Option<()> {
    let mut missing: Vec<u32> = shape.required.to_vec();
    while body.has_remaining() {
        let (field, wire) = decode_key(&mut body).ok()?;
        missing.retain(|required| *required != field);
        match shape
            .children
            .iter()
            .find(|(number, _)| *number == field && wire == WireType::LengthDelimited)
        {
            Some((_, child)) => {
                let length = usize::try_from(decode_varint(&mut body).ok()?).ok()?;
                if length > body.remaining() {
                    return None;
                }
                check(child, body.split_to(length))?;
            }
            None => skip_field(wire, field, &mut body, DecodeContext::default()).ok()?,
        }
    }
    missing.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::api::scheduler::{Call, Subscribe};
    use crate::proto::scheduler::call;
    use crate::proto::FrameworkInfo;
    use prost::Message;

    #[test]
    fn what_is_missing_is_noticed() {
        assert!(check_scheduler(&Bytes::new()).is_some());
        assert!(check_executor(&Bytes::new()).is_none());
        assert!(check_scheduler(&Bytes::from_static(b"\x10\x02")).is_some());
        // subscribe {} ; subscribe { framework_info { user } }
        assert!(check_scheduler(&Bytes::from_static(b"\x10\x01\x1a\x00")).is_none());
        assert!(check_scheduler(&Bytes::from_static(b"\x10\x01\x1a\x05\x0a\x03\x0a\x01u")).is_none());
        // kill with a length beyond the end
        assert!(check_scheduler(&Bytes::from_static(b"\x32\x7f")).is_none());
    }

    #[test]
    fn complete_calls_pass() {
        let info = FrameworkInfo {
            user: String::new(),
            name: String::new(),
            ..Default::default()
        };
        let subscribe = Some(Subscribe {
            framework_info: info,
            ..Default::default()
        });
        assert!(check_scheduler(
            &Call {
                subscribe,
                ..Default::default()
            }
            .encode_to_vec()
            .into()
        )
        .is_some());
        let accept = Some(call::Accept {
            offer_ids: vec![Default::default()],
            operations: vec![Default::default()],
            filters: None,
        });
        assert!(check_scheduler(
            &Call {
                accept,
                ..Default::default()
            }
            .encode_to_vec()
            .into()
        )
        .is_some());
        assert!(check_executor(&crate::proto::executor::Call::default().encode_to_vec().into()).is_some());
    }
}
