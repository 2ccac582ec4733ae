//! Answers that are no success.

use crate::local::faults::Refused;
use crate::local::readers::NotRead;
use hyper::StatusCode;

/// An answer that is not a success.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub text: String,
}

impl Refusal {
    pub fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Refusal {
            status,
            text: text.into(),
        }
    }

    /// 400, the code of nearly all of them.
    pub fn bad(text: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, text)
    }

    /// A call of the operator API without a required field.
    pub fn without(field: &str) -> Self {
        Refusal::bad(format!(
            "Failed to convert JSON into Call protobuf: Missing required fields: {field}"
        ))
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Refusal::new(status, refused.text)
    }
}

impl From<NotRead> for Refusal {
    fn from(NotRead(text): NotRead) -> Self {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}
