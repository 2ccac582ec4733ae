//! HTTP: routes, authentication, content types. Everything is checked in the order in which Mesos checks it.

use super::body::{self, drain};
use super::door::{self, Caller};
use super::guests::{Guest, MOST_OF_EXECUTOR};
use super::reply::{empty, json, refuse, stream, Refusal, Reply, PROTOBUF};
use super::scheduler::Answer;
use super::{executor, scheduler, state};
use crate::local::core::Core;
use crate::message::{required, text};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use prost::Message;
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

enum Route {
    Scheduler,
    Executor,
    Version,
    Health,
    State,
    Redirect,
}

/// Both spellings of each path. A trailing slash does not count, nor whether parentheses are percent-encoded.
fn route(path: &str) -> Option<Route> {
    let path = path.replace("%28", "(").replace("%29", ")");
    let path = path.strip_suffix('/').unwrap_or(&path);
    // Each agent has a number, and all are here: ids and tokens tell which one is meant.
    let of_agent = path
        .strip_prefix("/slave(")
        .and_then(|rest| rest.strip_suffix(")/api/v1/executor"));
    if of_agent.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())) {
        return Some(Route::Executor);
    }
    Some(match path {
        "/master/api/v1/scheduler" | "/api/v1/scheduler" => Route::Scheduler,
        "/api/v1/executor" => Route::Executor,
        "/version" => Route::Version,
        "/health" | "/master/health" => Route::Health,
        "/state" | "/master/state" | "/state.json" | "/master/state.json" => Route::State,
        "/redirect" | "/master/redirect" => Route::Redirect,
        _ => return None,
    })
}

/// Answers one request. The core is borrowed only between awaits.
pub async fn answer(core: Rc<RefCell<Core>>, guest: Rc<Guest>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let page = door::page(request.headers(), &core.borrow().settings);
    let page = match page {
        Ok(page) => page,
        Err(refusal) => {
            drain(request.into_body()).await;
            return Ok(closing(refuse(refusal)));
        }
    };
    let mut reply = match respond(core, &guest, request).await {
        Ok(reply) => reply,
        Err(refusal) => refuse(refusal),
    };
    page.allow(reply.headers_mut());
    Ok(reply)
}

async fn respond(core: Rc<RefCell<Core>>, guest: &Guest, request: Request<Incoming>) -> Result<Reply, Refusal> {
    let route = route(request.uri().path());
    // What a browser asks before a call from a page of another origin; the answer's headers say whether it may.
    if request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return Ok(empty(StatusCode::NO_CONTENT));
    }
    let caller = door::caller(request.headers(), &core.borrow());
    match (&caller, &route) {
        (Some(Caller::Client), _) | (Some(Caller::Executor(_)), Some(Route::Executor)) => {}
        _ => {
            drain(request.into_body()).await;
            let basic = core.borrow().settings.access.credentials.is_some();
            return Ok(unauthorized(&route, if basic { "Basic" } else { "Bearer" }));
        }
    }
    match caller {
        Some(Caller::Executor(process)) if !guest.is_of(process) => {
            drain(request.into_body()).await;
            let text = format!("An executor may have {MOST_OF_EXECUTOR} connections");
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text));
        }
        Some(Caller::Executor(_)) => {}
        _ => guest.is_known(),
    }
    match route {
        None => Err(Refusal::new(StatusCode::NOT_FOUND, "404 Not Found.")),
        Some(Route::Scheduler) => scheduler(core, request).await,
        Some(Route::Executor) => executor(core, guest, request, caller).await,
        Some(Route::Version) => Ok(json(&state::version())),
        Some(Route::State) => Ok(json(&state::state(&core.borrow()))),
        Some(Route::Redirect) => {
            let location = HeaderValue::from_str(&format!("//{}", core.borrow().settings.address));
            let mut reply = empty(StatusCode::TEMPORARY_REDIRECT);
            reply
                .headers_mut()
                .extend(location.ok().map(|location| (header::LOCATION, location)));
            Ok(reply)
        }
        Some(Route::Health) => Ok(empty(StatusCode::OK)),
    }
}

async fn scheduler(core: Rc<RefCell<Core>>, request: Request<Incoming>) -> Result<Reply, Refusal> {
    let (headers, body) = match read(request).await? {
        Ok(read) => read,
        Err(wrong_method) => return Ok(wrong_method),
    };
    let call = complete("Mesos::Scheduler::Call", body)
        .and_then(|body| scheduler::Call::decode(body).ok())
        .ok_or_else(|| Refusal::bad("Failed to parse body into Call protobuf"))?;
    let kind = scheduler::validate(&call)?;
    use crate::proto::scheduler::call::Type;
    if matches!(kind, Type::Subscribe | Type::ReconcileOperations) {
        check_accept(&headers)?;
    }
    // A header that is no text is no stream id either, but it is there.
    let stream_id = headers
        .get("mesos-stream-id")
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let answer = scheduler::handle(&mut core.borrow_mut(), kind, call, stream_id.as_deref())?;
    Ok(match answer {
        Answer::Accepted => empty(StatusCode::ACCEPTED),
        Answer::Done => empty(StatusCode::OK),
        Answer::Subscribed { stream_id, opened } => {
            let mut reply = stream(core, opened);
            reply
                .headers_mut()
                .extend(HeaderValue::from_str(&stream_id).ok().map(|id| (mesos_stream_id(), id)));
            reply
        }
    })
}

/// A body for prost, if it is a message of this class that has all that is required.
fn complete(class: &str, body: Bytes) -> Option<Bytes> {
    let class = text::of(class);
    required::is_complete(class, &body).then(|| text::readable(class, body))
}

fn mesos_stream_id() -> header::HeaderName {
    header::HeaderName::from_static("mesos-stream-id")
}

async fn executor(
    core: Rc<RefCell<Core>>,
    guest: &Guest,
    request: Request<Incoming>,
    caller: Option<Caller>,
) -> Result<Reply, Refusal> {
    let _room = match caller {
        Some(Caller::Executor(_)) => guest.room_for(request.body().size_hint().exact()).await,
        _ => None,
    };
    let (headers, body) = match read(request).await? {
        Ok(read) => read,
        Err(wrong_method) => return Ok(wrong_method),
    };
    let call = complete("Mesos::Executor::Call", body)
        .and_then(|body| crate::proto::executor::Call::decode(body).ok())
        .ok_or_else(|| Refusal::bad("Failed to parse body into Call protobuf"))?;
    let kind = executor::validate(&call)?;
    if kind == crate::proto::executor::call::Type::Subscribe {
        check_accept(&headers)?;
    }
    let only = match caller {
        Some(Caller::Executor(process)) => Some(process),
        _ => None,
    };
    let relief = core.borrow().relief.clone();
    loop {
        let relieved = relief.notified();
        if !executor::has_no_room_for(&core.borrow(), kind, &call, only) {
            break;
        }
        relieved.await;
    }
    let answer = executor::handle(&mut core.borrow_mut(), kind, call, only)?;
    Ok(match answer {
        executor::Answer::Accepted => empty(StatusCode::ACCEPTED),
        executor::Answer::Subscribed(opened) => stream(core, opened),
    })
}

/// Headers and body of a POST; the inner error is the answer to another method.
async fn read(request: Request<Incoming>) -> Result<Result<(HeaderMap, Bytes), Reply>, Refusal> {
    if request.method() != Method::POST {
        let method = request.method();
        let message = format!("405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{method}'.");
        let mut reply = refuse(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message));
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return Ok(Err(reply));
    }
    let (parts, body) = request.into_parts();
    // Compared as a whole: a charset makes it another type.
    match parts.headers.get(header::CONTENT_TYPE) {
        None => return Err(Refusal::bad("Expecting 'Content-Type' to be present")),
        Some(given) if given != PROTOBUF => {
            let message = "Expecting 'Content-Type' of application/json or application/x-protobuf";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        Some(_) => {}
    }
    let body = body::collect(body, body::PATIENCE).await?;
    Ok(Ok((parts.headers, body)))
}

/// Whether the subscriber takes protobuf; `q=0` excludes.
fn check_accept(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut given = headers.get_all(header::ACCEPT).iter().peekable();
    if given.peek().is_none() {
        return Ok(());
    }
    let takes = |value: &HeaderValue| {
        let Ok(value) = value.to_str() else { return false };
        value.split(',').any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let excluded = parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0f32)));
            matches!(name, "*/*" | "application/*" | PROTOBUF) && !excluded
        })
    };
    if given.any(takes) {
        return Ok(());
    }
    let message = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'";
    Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, message))
}

/// The connection stays no longer than the answer.
fn closing(mut reply: Reply) -> Reply {
    reply
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

fn unauthorized(route: &Option<Route>, scheme: &str) -> Reply {
    let realm = match route {
        Some(Route::Scheduler) => "mesos-master-scheduler",
        Some(Route::Executor) => "mesos-agent-executor",
        _ => "mesos-master-readonly",
    };
    let mut reply = refuse(Refusal::new(StatusCode::UNAUTHORIZED, "401 Unauthorized."));
    let challenge = HeaderValue::from_str(&format!("{scheme} realm=\"{realm}\""));
    reply
        .headers_mut()
        .extend(challenge.ok().map(|challenge| (header::WWW_AUTHENTICATE, challenge)));
    closing(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn accept() {
        assert!(check_accept(&HeaderMap::new()).is_ok());
        for (value, ok) in [
            ("application/x-protobuf", true),
            ("text/html, application/x-protobuf;q=0.5", true),
            ("*/*", true),
            ("application/json", false),
            ("application/x-protobuf;q=0", false),
        ] {
            assert_eq!(check_accept(&headers(header::ACCEPT, value)).is_ok(), ok, "{value}");
        }
    }

    #[test]
    fn spellings() {
        for path in [
            "/slave(1)/api/v1/executor",
            "/slave%281%29/api/v1/executor/",
            "/slave(12)/api/v1/executor",
            "/api/v1/executor",
        ] {
            assert!(matches!(route(path), Some(Route::Executor)), "{path}");
        }
        assert!(matches!(route("/api/v1/scheduler"), Some(Route::Scheduler)));
        for path in [
            "/",
            "/redirect/x",
            "/slave(x)/api/v1/executor",
            "/slave()/api/v1/executor",
            "/master/../state",
        ] {
            assert!(route(path).is_none(), "{path}");
        }
    }
}
