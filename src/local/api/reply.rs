//! Answers: refusals, JSON, event streams.

use crate::local::core::{Core, Opened};
use crate::local::stream::Format;
use crate::message::text;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

pub type Reply = Response<BoxBody<Bytes, Infallible>>;

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
}

pub fn reply(status: StatusCode, content_type: Option<&'static str>, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body).boxed());
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .extend(content_type.map(|kind| (header::CONTENT_TYPE, HeaderValue::from_static(kind))));
    reply
}

pub fn empty(status: StatusCode) -> Reply {
    reply(status, None, Bytes::new())
}

pub fn refuse(refusal: Refusal) -> Reply {
    let body = text::to_bytes(&refusal.text).into_owned();
    reply(refusal.status, Some("text/plain; charset=utf-8"), body.into())
}

pub fn json(value: &serde_json::Value) -> Reply {
    reply(
        StatusCode::OK,
        Some("application/json"),
        text::to_bytes(&value.to_string()).into_owned().into(),
    )
}

/// An event stream, which the core hears of when its reader goes.
pub fn stream(core: Rc<RefCell<Core>>, opened: Opened, format: Format) -> Reply {
    let (subscriber, number) = (opened.subscriber, opened.stream.id);
    tokio::task::spawn_local(async move {
        subscriber.gone().await;
        core.borrow_mut().stream_closed(number);
    });
    let mut reply = Response::new(opened.records.boxed());
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    reply
}
