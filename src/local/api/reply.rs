//! Answers: refusals, JSON, event streams.

use super::files::Opened;
use super::refusal::Refusal;
use crate::local::core::{self, Core};
use crate::local::readers::Readers;
use crate::local::stream::Format;
use crate::message::text;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Response, StatusCode};
use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc::{channel, Receiver, Sender};

pub type Reply = Response<BoxBody<Bytes, Infallible>>;

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

/// The answer to a method that is none of these.
pub fn wrong_method(method: &Method, allowed: &[&str]) -> Reply {
    let names: Vec<String> = allowed.iter().map(|name| format!("'{name}'")).collect();
    let expected = names.join(", ");
    let text = format!("405 Method Not Allowed. Expecting one of {{ {expected} }}, but received '{method}'.");
    let mut reply = refuse(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text));
    let allowed = HeaderValue::from_str(&allowed.join(", "));
    reply
        .headers_mut()
        .extend(allowed.ok().map(|allowed| (header::ALLOW, allowed)));
    reply
}

pub fn json(value: &serde_json::Value) -> Reply {
    reply(
        StatusCode::OK,
        Some("application/json"),
        text::to_bytes(&value.to_string()).into_owned().into(),
    )
}

/// A file, piece by piece: the next is read while one is sent.
struct Pieces {
    size: u64,
    pieces: Receiver<Bytes>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // One that has become shorter, or cannot be read, ends early, which its reader sees.
        self.pieces
            .poll_recv(context)
            .map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size)
    }
}

/// Records that come one after the other.
struct Records(Receiver<Bytes>);

impl Body for Records {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(context)
            .map(|record| record.map(|record| Ok(Frame::data(record))))
    }
}

/// A body of records, of which so many wait for its reader at most, and the end into which they are put.
pub fn records(waiting: usize) -> (Sender<Bytes>, BoxBody<Bytes, Infallible>) {
    let (sender, receiver) = channel(waiting);
    (sender, Records(receiver).boxed())
}

/// A file to be saved under a name.
pub fn download(file: Opened, readers: Readers, name: &str) -> Reply {
    let (sender, pieces) = channel(1);
    let size = file.size;
    tokio::task::spawn_local(async move {
        let (file, mut at) = (Arc::new(file), 0);
        loop {
            let file = file.clone();
            let piece = readers.read(move || file.piece(at)).await;
            let piece = piece.ok().and_then(|piece| piece.ok()).unwrap_or_default();
            at += piece.len() as u64;
            // An error: its reader has gone.
            if piece.is_empty() || sender.send(piece.into()).await.is_err() {
                return;
            }
        }
    });
    let mut reply = Response::new(Pieces { size, pieces }.boxed());
    let kind = HeaderValue::from_static("application/octet-stream");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    let disposition = HeaderValue::from_str(&format!("attachment; filename={name}"));
    reply
        .headers_mut()
        .extend(disposition.ok().map(|value| (header::CONTENT_DISPOSITION, value)));
    reply
}

/// The page at `/`, which needs nothing from elsewhere, and may not get it.
pub fn page() -> Reply {
    let mut reply = reply(
        StatusCode::OK,
        Some("text/html; charset=utf-8"),
        Bytes::from_static(include_bytes!("../page/index.html")),
    );
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'";
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

/// An event stream, which the core hears of when its reader goes.
pub fn stream(core: Rc<RefCell<Core>>, opened: core::Opened, format: Format) -> Reply {
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
