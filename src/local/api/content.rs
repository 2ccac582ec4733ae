//! What calls and answers are written in: JSON or protobuf, as `Content-Type` and `Accept` say.

use super::body;
use super::refusal::Refusal;
use super::reply::{wrong_method, Reply};
use crate::local::stream::{Format, JSON, PROTOBUF};
use crate::message::json::{self, Names};
use crate::message::{required, text};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use prost::Message;
use serde_json::Value;

/// The body of a call, which has not been understood yet.
pub struct Content {
    format: Format,
    bytes: Bytes,
}

impl Content {
    /// The message of this class, if it has all that is required.
    pub fn message<M: Message + Default>(self, class: &str) -> Result<M, Refusal> {
        let bytes = match self.format {
            Format::Protobuf => self.bytes,
            Format::Json => encoded(class, &self.json()?)?,
        };
        decoded(class, bytes)
    }

    /// The body as JSON. One in protobuf is none.
    pub fn json(&self) -> Result<Value, Refusal> {
        json::parse(&text::from_bytes(&self.bytes)).map_err(|e| Refusal::bad(format!("Failed to parse body into JSON: {e}")))
    }

    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }
}

/// A message of this class that JSON stands for.
pub fn encoded(class: &str, value: &Value) -> Result<Bytes, Refusal> {
    let bytes = json::read(text::of(class), value, Names::V1);
    let failed = |e| Refusal::bad(format!("Failed to convert JSON into Call protobuf: {e}"));
    bytes.map(Bytes::from).map_err(failed)
}

pub fn decoded<M: Message + Default>(class: &str, bytes: Bytes) -> Result<M, Refusal> {
    let class = text::of(class);
    let complete = required::is_complete(class, &bytes).then(|| text::readable(class, bytes));
    complete
        .and_then(|bytes| M::decode(bytes).ok())
        .ok_or_else(|| Refusal::bad("Failed to parse body into Call protobuf"))
}

/// Headers and body of a POST; the inner error is the answer to another method.
pub async fn read(request: Request<Incoming>) -> Result<Result<(HeaderMap, Content), Reply>, Refusal> {
    if request.method() != Method::POST {
        return Ok(Err(wrong_method(request.method(), &["POST"])));
    }
    let (parts, body) = request.into_parts();
    // Compared as a whole: a charset makes it another type.
    let format = match parts.headers.get(header::CONTENT_TYPE) {
        None => return Err(Refusal::bad("Expecting 'Content-Type' to be present")),
        Some(given) if given == PROTOBUF => Format::Protobuf,
        Some(given) if given == JSON => Format::Json,
        Some(_) => {
            let message = "Expecting 'Content-Type' of application/json or application/x-protobuf";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
    };
    let bytes = body::collect(body, body::PATIENCE).await?;
    Ok(Ok((parts.headers, Content { format, bytes })))
}

/// What an answer is to be written in: JSON if that will do, else protobuf. Of a quality only `q=0` counts.
pub fn accepted(headers: &HeaderMap) -> Result<Format, Refusal> {
    let mut given = headers.get_all(header::ACCEPT).iter().peekable();
    if given.peek().is_none() {
        return Ok(Format::Json);
    }
    let takes = |value: &HeaderValue, wanted: &str| {
        let Ok(value) = value.to_str() else { return false };
        value.split(',').any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let excluded = parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0f32)));
            (matches!(name, "*/*" | "application/*") || name == wanted) && !excluded
        })
    };
    let values: Vec<&HeaderValue> = given.collect();
    for (format, name) in [(Format::Json, JSON), (Format::Protobuf, PROTOBUF)] {
        if values.iter().any(|value| takes(value, name)) {
            return Ok(format);
        }
    }
    let message = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
    Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept() {
        let of = |value: &str| {
            let pair = (header::ACCEPT, HeaderValue::from_str(value).unwrap());
            accepted(&HeaderMap::from_iter([pair])).ok()
        };
        assert_eq!(accepted(&HeaderMap::new()).ok(), Some(Format::Json));
        for (value, format) in [
            ("application/x-protobuf", Some(Format::Protobuf)),
            ("text/html, application/x-protobuf;q=0.5", Some(Format::Protobuf)),
            ("*/*", Some(Format::Json)),
            ("application/*;q=0.1", Some(Format::Json)),
            ("application/x-protobuf, application/json;q=0.1", Some(Format::Json)),
            ("application/json", Some(Format::Json)),
            ("application/json;q=0, application/x-protobuf", Some(Format::Protobuf)),
            ("application/x-protobuf;q=0", None),
            ("text/html", None),
        ] {
            assert_eq!(of(value), format, "{value}");
        }
    }
}
