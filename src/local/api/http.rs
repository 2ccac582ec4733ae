//! HTTP: routes, authentication, content types. Everything is checked in the order in which Mesos checks it.

use super::guests::{Guest, MOST_OF_EXECUTOR};
use super::scheduler::Answer;
use super::{executor, scheduler, state};
use crate::local::core::{Core, Opened};
use crate::local::ids;
use crate::message::{required, text};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use prost::bytes::BytesMut;
use prost::Message;
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A call may be so large: drivers send less.
const MAX_BODY: usize = 256 << 20;

/// How long a body is waited for.
#[derive(Clone, Copy)]
struct Patience {
    /// A body of which nothing comes for so long does not come.
    stall: Duration,
    /// And the whole of it has so long for each MiB, besides: who sends a byte now and then keeps others' bodies out.
    for_mebibyte: Duration,
}

const PATIENCE: Patience = Patience {
    stall: Duration::from_secs(30),
    for_mebibyte: Duration::from_secs(1),
};

const PROTOBUF: &str = "application/x-protobuf";

type Reply = Response<BoxBody<Bytes, Infallible>>;

/// An answer that is not a success.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    text: String,
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
    Ok(match respond(core, &guest, request).await {
        Ok(reply) => reply,
        Err(refusal) => refuse(refusal),
    })
}

async fn respond(core: Rc<RefCell<Core>>, guest: &Guest, request: Request<Incoming>) -> Result<Reply, Refusal> {
    let route = route(request.uri().path());
    let caller = caller(request.headers(), &core.borrow());
    match (&caller, &route) {
        (Some(Caller::Client), _) | (Some(Caller::Executor(_)), Some(Route::Executor)) => {}
        _ => {
            drain(request.into_body()).await;
            return Ok(unauthorized(&route));
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
    let body = collect(body, PATIENCE).await?;
    Ok(Ok((parts.headers, body)))
}

async fn collect<B>(body: B, patience: Patience) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let announced = body.size_hint().exact();
    if announced.is_some_and(|bytes| bytes > MAX_BODY as u64) {
        return Err(too_large());
    }
    let mebibytes = announced.map_or(MAX_BODY >> 20, |bytes| bytes as usize >> 20);
    let end = Instant::now() + patience.stall + patience.for_mebibyte * mebibytes as u32;
    let mut body = Limited::new(body, MAX_BODY);
    let mut whole = BytesMut::new();
    loop {
        let endless = || Refusal::new(StatusCode::REQUEST_TIMEOUT, "The request does not end");
        let left = end.saturating_duration_since(Instant::now());
        // What is there already has no time limit of tokio's.
        if left.is_zero() {
            return Err(endless());
        }
        let frame = tokio::time::timeout(left.min(patience.stall), body.frame())
            .await
            .map_err(|_| endless())?;
        match frame {
            None => return Ok(whole.freeze()),
            Some(Ok(frame)) => whole.extend(frame.into_data()),
            Some(Err(e)) if e.is::<LengthLimitError>() => {
                return Err(too_large());
            }
            Some(Err(e)) => return Err(Refusal::bad(format!("Failed to read the request: {e}"))),
        }
    }
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "The request is larger than 256 MiB")
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

/// Who has shown that he may call.
enum Caller {
    /// Has the cluster's secret, which opens everything.
    Client,
    /// Has the token of this process, which opens the executor API in its own name.
    Executor(u64),
}

/// Whom the header `Authorization: Bearer <secret or token>` stands for.
fn caller(headers: &HeaderMap, core: &Core) -> Option<Caller> {
    let given = bearer(headers)?;
    if ids::is_same_secret(given, &core.settings.secret) {
        return Some(Caller::Client);
    }
    core.executor_of_token(given).map(Caller::Executor)
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(header::AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")
}

/// Takes a small body off the connection. Closed with bytes unread, it would be reset, and the answer lost with it.
async fn drain(mut body: Incoming) {
    let mut left = 64 * 1024_usize;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, |data| data.len());
        if length >= left {
            return;
        }
        left -= length;
    }
}

fn unauthorized(route: &Option<Route>) -> Reply {
    let realm = match route {
        Some(Route::Scheduler) => "mesos-master-scheduler",
        Some(Route::Executor) => "mesos-agent-executor",
        _ => "mesos-master-readonly",
    };
    let mut reply = refuse(Refusal::new(StatusCode::UNAUTHORIZED, "401 Unauthorized."));
    let challenge = HeaderValue::from_str(&format!("Bearer realm=\"{realm}\""));
    reply
        .headers_mut()
        .extend(challenge.ok().map(|challenge| (header::WWW_AUTHENTICATE, challenge)));
    // The connection stays no longer than the answer.
    reply
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

fn reply(status: StatusCode, content_type: Option<&'static str>, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body).boxed());
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .extend(content_type.map(|kind| (header::CONTENT_TYPE, HeaderValue::from_static(kind))));
    reply
}

fn empty(status: StatusCode) -> Reply {
    reply(status, None, Bytes::new())
}

fn refuse(refusal: Refusal) -> Reply {
    let body = text::to_bytes(&refusal.text).into_owned();
    reply(refusal.status, Some("text/plain; charset=utf-8"), body.into())
}

fn json(value: &serde_json::Value) -> Reply {
    reply(
        StatusCode::OK,
        Some("application/json"),
        text::to_bytes(&value.to_string()).into_owned().into(),
    )
}

/// An event stream, which the core hears of when its reader goes.
fn stream(core: Rc<RefCell<Core>>, opened: Opened) -> Reply {
    let (subscriber, number) = (opened.subscriber, opened.stream.id);
    tokio::task::spawn_local(async move {
        subscriber.gone().await;
        core.borrow_mut().stream_closed(number);
    });
    let mut reply = Response::new(opened.records.boxed());
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::{Frame, SizeHint};
    use std::pin::Pin;
    use std::task::{Context, Poll};

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    /// A byte now and then, for ever.
    struct Trickle(tokio::time::Interval);

    impl Body for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let byte = || Some(Ok(Frame::data(Bytes::from_static(b"x"))));
            self.0.poll_tick(cx).map(|_| byte())
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(3 << 20)
        }
    }

    #[test]
    fn a_body_has_to_end() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let patience = Patience {
                stall: Duration::from_millis(200),
                for_mebibyte: Duration::from_millis(20),
            };
            let begin = Instant::now();
            let body = Trickle(tokio::time::interval(Duration::from_millis(1)));
            let collected = tokio::time::timeout(Duration::from_secs(20), collect(body, patience)).await;
            let refusal = collected.expect("it goes on for ever").unwrap_err();
            assert_eq!(refusal.status, StatusCode::REQUEST_TIMEOUT);
            assert!(begin.elapsed() >= Duration::from_millis(260), "the whole time for 3 MiB");
        });
    }

    #[test]
    fn only_the_whole_secret_opens() {
        let ok = |value: &str| {
            let headers = headers(header::AUTHORIZATION, value);
            bearer(&headers).is_some_and(|given| ids::is_same_secret(given, "0123abcd"))
        };
        assert!(ok("Bearer 0123abcd"));
        for bad in [
            "Bearer 0123abce",
            "Bearer 0123abc",
            "Bearer 0123abcd0",
            "Basic 0123abcd",
            "0123abcd",
            "Bearer ",
        ] {
            assert!(!ok(bad), "{bad}");
        }
        assert!(bearer(&HeaderMap::new()).is_none());
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
