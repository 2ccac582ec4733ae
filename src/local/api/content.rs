//! What calls and answers are written in: JSON or protobuf, as `Content-Type` and `Accept` say.

use super::body::{self, Arriving};
use super::refusal::Refusal;
use super::reply::{self, wrong_method, Reply};
use crate::local::stream::{Format, JSON, PROTOBUF, RECORDIO};
use crate::message::json;
use crate::message::{required, text};
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use prost::Message;
use serde_json::Value;

/// What the records of a stream are.
pub const MESSAGE_CONTENT_TYPE: &str = "message-content-type";

/// Who answers: Mesos' master and its agent word some refusals differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// And the agent's executor API, too.
    Master,
    /// The agent's operator API.
    Agent,
}

/// The body of a call, which has not been understood yet.
pub struct Content {
    format: Format,
    bytes: Bytes,
    speaker: Speaker,
    /// It is the first one of a stream of calls.
    is_first: bool,
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

    /// The call of this class as JSON, with the names of v1, if it has all that is required. What the schema knows from ClusterD is not in
    /// it: the Mesos that this cluster is does not know that.
    pub fn call(self, class: &str) -> Result<Value, Refusal> {
        let speaker = self.speaker;
        let id = text::of(class);
        let bytes = match (self.format, speaker) {
            (Format::Protobuf, _) => self.bytes,
            (Format::Json, Speaker::Master) => encoded(class, &without_clusterd(self.json()?))?,
            (Format::Json, Speaker::Agent) => {
                let read = json::read(id, &without_clusterd(self.json()?));
                read.map_err(|e| Refusal::bad(e.to_string()))?.into()
            }
        };
        let read = required::is_complete(id, &bytes).then(|| json::value(id, &bytes).ok());
        let call = read.flatten().ok_or_else(|| match speaker {
            Speaker::Master => not_understood(),
            Speaker::Agent => Refusal::bad("Failed to parse body into a protobuf object"),
        })?;
        Ok(without_clusterd(call))
    }

    pub fn is_first(&self) -> bool {
        self.is_first
    }

    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }
}

/// In JSON it is passed over even where it lacks what it needs; in protobuf it is seen when the call has been read.
fn without_clusterd(mut call: Value) -> Value {
    const TYPES: [&str; 2] = ["READ_LOG", "UPDATE_CONTAINER_MEMORY_LIMIT"];
    if let Some(members) = call.as_object_mut() {
        for kind in TYPES {
            members.remove(&kind.to_ascii_lowercase());
        }
        if members
            .get("type")
            .and_then(Value::as_str)
            .is_some_and(|kind| TYPES.contains(&kind))
        {
            members.remove("type");
        }
    }
    call
}

/// A message of this class that JSON stands for.
pub fn encoded(class: &str, value: &Value) -> Result<Bytes, Refusal> {
    let bytes = json::read(text::of(class), value);
    let failed = |e| Refusal::bad(format!("Failed to convert JSON into Call protobuf: {e}"));
    bytes.map(Bytes::from).map_err(failed)
}

pub fn decoded<M: Message + Default>(class: &str, bytes: Bytes) -> Result<M, Refusal> {
    let class = text::of(class);
    let complete = required::is_complete(class, &bytes).then(|| text::readable(class, bytes));
    complete.and_then(|bytes| M::decode(bytes).ok()).ok_or_else(not_understood)
}

fn not_understood() -> Refusal {
    Refusal::bad("Failed to parse body into Call protobuf")
}

/// A message of this class, which JSON stands for, as it was asked for.
pub fn written(format: Format, class: &str, value: &Value) -> Result<Bytes, Refusal> {
    match format {
        Format::Json => Ok(text::to_bytes(&value.to_string()).into_owned().into()),
        Format::Protobuf => {
            let bytes = json::read(text::of(class), value);
            bytes.map(Bytes::from).map_err(|e| {
                log::error!("cannot write a {class}: {e}");
                Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string())
            })
        }
    }
}

/// The same as an answer.
pub fn answer(format: Format, class: &str, value: &Value) -> Result<Reply, Refusal> {
    let bytes = written(format, class, value)?;
    Ok(reply::reply(StatusCode::OK, Some(format.content_type()), bytes))
}

/// Headers and body of a POST; the inner error is the answer to another method.
pub async fn read(request: Request<Arriving>, speaker: Speaker) -> Result<Result<(HeaderMap, Content), Reply>, Refusal> {
    if request.method() != Method::POST {
        return Ok(Err(wrong_method(request.method(), &["POST"])));
    }
    let (parts, body) = request.into_parts();
    let (format, is_first) = given_format(&parts.headers, speaker)?;
    let bytes = match is_first {
        true => body::first_record(body, body::PATIENCE).await?,
        false => body::collect(body, body::PATIENCE).await?,
    };
    let content = Content {
        format,
        bytes,
        speaker,
        is_first,
    };
    Ok(Ok((parts.headers, content)))
}

/// What a call is written in, and whether it is the first one of a stream, which only agents take.
fn given_format(headers: &HeaderMap, speaker: Speaker) -> Result<(Format, bool), Refusal> {
    let unsupported = |text: &str| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    let of_messages = headers.get(MESSAGE_CONTENT_TYPE).filter(|_| speaker == Speaker::Agent);
    // Compared as a whole: a charset makes it another type.
    let of = |given: &HeaderValue| match given {
        given if given == PROTOBUF => Some(Format::Protobuf),
        given if given == JSON => Some(Format::Json),
        _ => None,
    };
    let given = headers.get(header::CONTENT_TYPE);
    let given = given.ok_or_else(|| Refusal::bad("Expecting 'Content-Type' to be present"))?;
    match (of(given), speaker) {
        (Some(_), _) if of_messages.is_some() => Err(unsupported(
            "Expecting 'Message-Content-Type' to be not set for non-streaming requests",
        )),
        (Some(format), _) => Ok((format, false)),
        (None, Speaker::Agent) if given == RECORDIO => {
            let absent = || Refusal::bad("Expecting 'Message-Content-Type' to be set for streaming requests");
            let format = of(of_messages.ok_or_else(absent)?);
            let text = "Expecting 'Message-Content-Type' of application/json or application/x-protobuf";
            format.map(|format| (format, true)).ok_or_else(|| unsupported(text))
        }
        (None, Speaker::Agent) => Err(unsupported(
            "Expecting 'Content-Type' of application/json or application/x-protobuf or application/recordio",
        )),
        (None, Speaker::Master) => Err(unsupported(
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        )),
    }
}

/// Whether a header like `Accept` allows a type; one that is not there allows all. Of a quality only `q=0` counts.
fn allows(headers: &HeaderMap, header: &str, wanted: &str) -> bool {
    let takes = |value: &HeaderValue| {
        let Ok(value) = value.to_str() else { return false };
        value.split(',').any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let excluded = parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0f32)));
            (matches!(name, "*/*" | "application/*") || name == wanted) && !excluded
        })
    };
    !headers.contains_key(header) || headers.get_all(header).iter().any(takes)
}

/// The format that a header allows: JSON if that will do, else protobuf.
fn allowed(headers: &HeaderMap, header: &str) -> Option<Format> {
    let formats = [Format::Json, Format::Protobuf];
    formats
        .into_iter()
        .find(|format| allows(headers, header, format.content_type()))
}

/// What an answer is to be written in.
pub fn accepted(headers: &HeaderMap) -> Result<Format, Refusal> {
    allowed(headers, "accept").ok_or_else(|| {
        let message = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
        Refusal::new(StatusCode::NOT_ACCEPTABLE, message)
    })
}

/// What an answer of an agent is to be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub format: Format,
    /// As records of a stream, and only so.
    pub stream: bool,
}

/// The same for the agent's operator API.
pub fn accepted_of_agent(headers: &HeaderMap) -> Result<Accepted, Refusal> {
    let not_acceptable = |text: &str| Refusal::new(StatusCode::NOT_ACCEPTABLE, text);
    if let Some(format) = allowed(headers, "accept") {
        if headers.contains_key("message-accept") {
            return Err(not_acceptable(
                "Expecting 'Message-Accept' to be not set for non-streaming responses",
            ));
        }
        return Ok(Accepted { format, stream: false });
    }
    if !allows(headers, "accept", RECORDIO) {
        let text = "Expecting 'Accept' to allow application/json or application/x-protobuf or application/recordio";
        return Err(not_acceptable(text));
    }
    let format = allowed(headers, "message-accept").ok_or_else(|| {
        let text = "Expecting 'Message-Accept' to allow application/json or application/x-protobuf";
        not_acceptable(text)
    })?;
    Ok(Accepted { format, stream: true })
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
