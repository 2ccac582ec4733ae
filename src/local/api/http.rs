//! HTTP: routes, authentication, content types. Everything is checked in the order in which Mesos checks it.

use super::body::{drain, Arriving};
use super::content::{self, Speaker};
use super::door::{self, Caller};
use super::entrance::{self, Entrance};
use super::guests::{Guest, MOST_OF_EXECUTOR};
use super::operator::Whom;
use super::refusal::Refusal;
use super::reply::{empty, json, refuse, stream, Reply};
use super::scheduler::Answer;
use super::{
    containers, control, executor, files, jsonp, legacy, operator, plans, reply, sandboxes, scheduler, state, subscribe, views,
};
use crate::local::agent::Agent;
use crate::local::core::Core;
use crate::local::faults::{Api, OnCall};
use crate::local::readers::Readers;
use crate::local::stream::Format;
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use std::cell::RefCell;
use std::convert::Infallible;
use std::path::PathBuf;
use std::rc::Rc;

/// An answer that is no longer does not wait for who asked.
const SHORT: u64 = 64 * 1024;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// For people.
    Page,
    Scheduler,
    Executor,
    Operator(Whom),
    Version,
    Health,
    State,
    /// Of the agent with this number.
    AgentState(usize),
    Containers(usize),
    Statistics(usize),
    Redirect,
    /// JSON of v0, of the master.
    Old(Old),
    Plans(plans::Endpoint),
    /// `browse`, `read`
    Files(&'static str),
    Download,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    Slaves,
    Frameworks,
    Tasks,
    Roles,
    Summary,
    Flags,
    Metrics,
}

/// The path behind `/slave(N)`, and N - 1. A path of the master begins with `/master`, or with nothing.
fn actor(path: &str) -> Option<(Option<Whom>, &str)> {
    if let Some(rest) = path.strip_prefix("/slave(") {
        let (number, rest) = rest.split_once(')')?;
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse::<usize>().ok().filter(|_| digits)?;
        return Some((Some(Whom::Agent(number.checked_sub(1)?)), rest));
    }
    match path.strip_prefix("/master") {
        Some(rest) => Some((Some(Whom::Master), rest)),
        None => Some((None, path)),
    }
}

fn is_of_agent(path: &str) -> bool {
    matches!(actor(&plain(path)), Some((Some(Whom::Agent(_)), _)))
}

/// Without percent-encoded parentheses.
fn plain(path: &str) -> String {
    path.replace("%28", "(").replace("%29", ")")
}

/// All spellings of each path. A trailing slash does not count, nor whether parentheses are percent-encoded, nor what stands behind the
/// operator API's: pymesos calls `/api/v1/operator`, which a Mesos answers. Mesos 1.11 has no `.json` any more.
fn route(path: &str) -> Option<Route> {
    let path = plain(path);
    let path = path.strip_suffix('/').unwrap_or(&path);
    let (whom, rest) = actor(path)?;
    let of_agent = match whom {
        Some(Whom::Agent(number)) => Some(number),
        _ => None,
    };
    // Each agent has a number, and all are here: ids and tokens tell which one is meant.
    let of_both = match rest {
        "/health" => Some(Route::Health),
        "/api/v1" => Some(Route::Operator(whom.unwrap_or(Whom::Master))),
        "/flags" => Some(Route::Old(Old::Flags)),
        "/version" if whom.is_none() => Some(Route::Version),
        "/api/v1/executor" if whom != Some(Whom::Master) => Some(Route::Executor),
        "/metrics/snapshot" if whom.is_none() => Some(Route::Old(Old::Metrics)),
        "/files/browse" if whom.is_none() => Some(Route::Files("browse")),
        "/files/read" if whom.is_none() => Some(Route::Files("read")),
        "/files/download" if whom.is_none() => Some(Route::Download),
        _ if behind_operators(rest) => Some(Route::Operator(whom.unwrap_or(Whom::Master))),
        _ => None,
    };
    if of_both.is_some() {
        return of_both;
    }
    Some(match (rest, of_agent) {
        ("", None) if whom.is_none() => Route::Page,
        ("/state", Some(number)) => Route::AgentState(number),
        ("/containers", Some(number)) => Route::Containers(number),
        ("/monitor/statistics", Some(number)) => Route::Statistics(number),
        (_, Some(_)) => return None,
        ("/api/v1/scheduler", None) => Route::Scheduler,
        ("/state", None) => Route::State,
        ("/redirect", None) => Route::Redirect,
        ("/slaves", None) => Route::Old(Old::Slaves),
        ("/frameworks", None) => Route::Old(Old::Frameworks),
        ("/tasks", None) => Route::Old(Old::Tasks),
        ("/roles", None) => Route::Old(Old::Roles),
        ("/state-summary", None) => Route::Old(Old::Summary),
        (rest, None) => Route::Plans(plans::Endpoint::of(rest)?),
    })
}

fn behind_operators(path: &str) -> bool {
    let behind = path.strip_prefix("/api/v1/").and_then(|rest| rest.split('/').next());
    behind.is_some_and(|name| !matches!(name, "scheduler" | "executor"))
}

/// Answers one request. The core is borrowed only between awaits.
pub async fn answer(
    core: Rc<RefCell<Core>>,
    entrance: Entrance,
    guest: Rc<Guest>,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    guest.asks();
    let request = request.map(|body| Arriving::new(body, guest.clone()));
    let page = door::page(request.headers(), &core.borrow().settings);
    let page = match page {
        Ok(page) => page,
        Err(refusal) => {
            drain(request.into_body()).await;
            return Ok(closing(refuse(refusal)));
        }
    };
    let mut reply = match respond_as_wanted(core, entrance, &guest, request).await {
        Ok(reply) => reply,
        Err(refusal) => refuse(refusal),
    };
    page.allow(reply.headers_mut());
    if reply.body().size_hint().exact().is_some_and(|bytes| bytes <= SHORT) {
        guest.has_answer();
    }
    Ok(reply)
}

async fn respond_as_wanted(
    core: Rc<RefCell<Core>>,
    entrance: Entrance,
    guest: &Guest,
    request: Request<Arriving>,
) -> Result<Reply, Refusal> {
    let function = jsonp::wanted(&request, &core.borrow().settings)?;
    let reply = respond(core, entrance, guest, request).await?;
    Ok(match function {
        Some(name) => jsonp::script(reply, &name).await,
        None => reply,
    })
}

async fn respond(
    core: Rc<RefCell<Core>>,
    entrance: Entrance,
    guest: &Guest,
    request: Request<Arriving>,
) -> Result<Reply, Refusal> {
    let route = route(request.uri().path());
    // What a browser asks before a call from a page of another origin; the answer's headers say whether it may.
    if request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return Ok(empty(StatusCode::NO_CONTENT));
    }
    let token = core.borrow().settings.control.clone();
    if let Some(token) = token.filter(|_| control::is_below(request.uri().path())) {
        if !control::may(request.headers(), &token) {
            drain(request.into_body()).await;
            return Ok(unauthorized("mesos-local-control", "Bearer"));
        }
        guest.is_known();
        return controlled(core, entrance, guest, request).await;
    }
    let caller = door::caller(request.headers(), &core.borrow());
    match (&caller, &route) {
        // It may be one that the agent knows when it is back. An open cluster must not take it for that of an executor with the same id on
        // another agent.
        (_, Some(Route::Executor))
            if core.borrow().an_agent_is_down() && door::has_unknown_token(request.headers(), &core.borrow()) =>
        {
            drain(request.into_body()).await;
            return Err(executor::not_back());
        }
        (Some(Caller::Client), _) | (Some(Caller::Executor(_)), Some(Route::Executor)) => {}
        _ => {
            drain(request.into_body()).await;
            let basic = core.borrow().settings.access.credentials.is_some();
            return Ok(unauthorized(realm(&route), if basic { "Basic" } else { "Bearer" }));
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
    let elsewhere = route.and_then(|route| not_leading(&core.borrow(), entrance, route, request.uri()));
    if let Some(answer) = elsewhere {
        drain(request.into_body()).await;
        return answer;
    }
    match route {
        None => Err(Refusal::new(StatusCode::NOT_FOUND, "404 Not Found.")),
        Some(Route::Scheduler) => scheduler(core, guest, request).await,
        Some(Route::Executor) => executor(core, guest, request, caller).await,
        Some(Route::Version) => Ok(json(&state::version())),
        Some(Route::State) => Ok(json(&state::state(&core.borrow()))),
        Some(Route::Plans(endpoint)) => plans::answer(core, endpoint, request).await,
        Some(Route::Redirect) => entrance::to_leader(&core.borrow(), None),
        Some(Route::Health) => Ok(empty(StatusCode::OK)),
        // Browsers have no secret to send.
        Some(Route::Page) if core.borrow().settings.access.is_for_browsers() => Ok(reply::page()),
        Some(Route::Page) => Err(Refusal::new(StatusCode::NOT_FOUND, "404 Not Found.")),
        Some(Route::Operator(whom)) => operator(core, guest, whom, request).await,
        Some(Route::Download) => download(core, request.uri().query()).await,
        Some(Route::Files(action)) => {
            let (work_dir, readers) = of_files(&core);
            let work = sandboxes::of_v0(work_dir, action, request.uri().query())?;
            Ok(json(&readers.read(work).await??))
        }
        Some(Route::Old(old)) => Ok(json(&of_v0(&core.borrow(), old, request.uri().query()))),
        Some(Route::AgentState(number)) => of_agent(&core.borrow(), number, legacy::agent_state),
        Some(Route::Containers(number)) => of_agent(&core.borrow(), number, |_, agent| legacy::containers(agent)),
        Some(Route::Statistics(number)) => of_agent(&core.borrow(), number, legacy::statistics),
    }
}

/// Carries out a request for faults on demand. It may end the very master at whose port it came: that answers before it goes.
async fn controlled(
    core: Rc<RefCell<Core>>,
    entrance: Entrance,
    guest: &Guest,
    request: Request<Arriving>,
) -> Result<Reply, Refusal> {
    let at_master = matches!(entrance, Entrance::Master(_)) && !core.borrow().masters.is_alone();
    if !at_master {
        return control::answer(core, request).await;
    }
    guest.controls();
    let answer = control::answer(core, request).await;
    Ok(closing(answer.unwrap_or_else(refuse)))
}

/// What is answered at a port at which the leading master is not; none if that makes no difference.
fn not_leading(core: &Core, entrance: Entrance, route: Route, uri: &Uri) -> Option<Result<Reply, Refusal>> {
    if entrance.leads(core) {
        return None;
    }
    let not_here = || Some(Err(Refusal::new(StatusCode::NOT_FOUND, "404 Not Found.")));
    let stands_by = matches!(entrance, Entrance::Master(_)) && !core.masters.is_alone();
    if stands_by && (route == Route::Executor || is_of_agent(uri.path())) {
        return not_here();
    }
    match (route, entrance) {
        (Route::Page, _) => Some(entrance::to_leader(core, Some(uri))),
        (Route::Executor | Route::Operator(Whom::Agent(_)), _) => None,
        (Route::AgentState(_) | Route::Containers(_) | Route::Statistics(_), _) => None,
        (Route::Health | Route::Version | Route::Files(_) | Route::Download, _) => None,
        (Route::Old(Old::Flags | Old::Metrics), Entrance::Agents) => None,
        (_, Entrance::Agents) => not_here(),
        (Route::Old(Old::Flags), Entrance::Master(number)) => Some(Ok(json(&entrance::flags(core, number)))),
        (Route::Old(Old::Metrics), Entrance::Master(number)) => Some(Ok(json(&entrance::metrics(core, number)))),
        (Route::Redirect, _) => Some(entrance::to_leader(core, None)),
        (Route::Scheduler | Route::Operator(Whom::Master) | Route::State | Route::Plans(_) | Route::Old(_), _) => {
            Some(entrance::to_leader(core, Some(uri)))
        }
    }
}

fn of_v0(core: &Core, old: Old, query: Option<&str>) -> serde_json::Value {
    let number = |name: &str, default: usize| {
        files::query(query, name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    };
    match old {
        Old::Slaves => legacy::slaves(core),
        Old::Frameworks => legacy::frameworks(core),
        Old::Tasks => legacy::tasks(core, number("limit", 100), number("offset", 0)),
        Old::Roles => legacy::roles(core),
        Old::Summary => legacy::state_summary(core),
        Old::Flags => legacy::flags(core),
        Old::Metrics => views::metrics(core).into(),
    }
}

fn of_agent(core: &Core, number: usize, show: impl Fn(&Core, &Agent) -> serde_json::Value) -> Result<Reply, Refusal> {
    let agent = core.running_agent(number);
    let agent = agent.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "404 Not Found."))?;
    Ok(json(&show(core, agent)))
}

fn of_files(core: &Rc<RefCell<Core>>) -> (PathBuf, Readers) {
    let core = core.borrow();
    (core.settings.work_dir.clone(), core.readers.clone())
}

async fn download(core: Rc<RefCell<Core>>, query: Option<&str>) -> Result<Reply, Refusal> {
    let path = sandboxes::path(query)?;
    let name = files::file_name(&path);
    let (work_dir, readers) = of_files(&core);
    let open = move || files::open_file(&work_dir, &path, "download");
    let file = readers.read(open).await??;
    Ok(reply::download(file, readers, &name))
}

async fn operator(core: Rc<RefCell<Core>>, guest: &Guest, whom: Whom, request: Request<Arriving>) -> Result<Reply, Refusal> {
    let (headers, body) = match content::read(request, whom.speaker()).await? {
        Ok(read) => read,
        Err(wrong_method) => return Ok(wrong_method),
    };
    let asked = operator::understand(whom, &headers, body)?;
    on_demand(&core, Api::Operator, &asked.kind).await?;
    let accepted = asked.accepted;
    let answer = operator::handle(&mut core.borrow_mut(), whom, asked)?;
    let format = accepted.format;
    match answer {
        operator::Answer::Container(number, answer) => containers::answer(core, number, answer, accepted).await,
        operator::Answer::Later { mut made, member, work } => {
            let readers = core.borrow().readers.clone();
            made[member] = readers.read(work).await??;
            content::answer(format, &whom.class("Response"), &made)
        }
        operator::Answer::Value(value) => content::answer(format, &whom.class("Response"), &value),
        operator::Answer::Empty(status) => Ok(empty(status)),
        operator::Answer::Subscribed => {
            guest.listens();
            Ok(subscribe::open(core, format))
        }
    }
}

async fn scheduler(core: Rc<RefCell<Core>>, guest: &Guest, request: Request<Arriving>) -> Result<Reply, Refusal> {
    let (headers, body) = match content::read(request, Speaker::Master).await? {
        Ok(read) => read,
        Err(wrong_method) => return Ok(wrong_method),
    };
    let call = scheduler::Call::from_body(body)?;
    let kind = scheduler::validate(&call)?;
    on_demand(&core, Api::Scheduler, kind.as_str_name()).await?;
    use crate::proto::scheduler::call::Type;
    let format = match kind {
        Type::Subscribe | Type::ReconcileOperations => content::accepted(&headers)?,
        _ => Format::Json,
    };
    // A header that is no text is no stream id either, but it is there.
    let stream_id = headers
        .get("mesos-stream-id")
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let answer = scheduler::handle(&mut core.borrow_mut(), kind, call, stream_id.as_deref(), format)?;
    Ok(match answer {
        Answer::Accepted => empty(StatusCode::ACCEPTED),
        Answer::Done => empty(StatusCode::OK),
        Answer::Subscribed { stream_id, opened } => {
            guest.stays();
            let mut reply = stream(core, opened, format);
            reply
                .headers_mut()
                .extend(HeaderValue::from_str(&stream_id).ok().map(|id| (mesos_stream_id(), id)));
            reply
        }
    })
}

fn mesos_stream_id() -> header::HeaderName {
    header::HeaderName::from_static("mesos-stream-id")
}

async fn executor(
    core: Rc<RefCell<Core>>,
    guest: &Guest,
    request: Request<Arriving>,
    caller: Option<Caller>,
) -> Result<Reply, Refusal> {
    let _room = match caller {
        Some(Caller::Executor(_)) => guest.room_for(request.body().size_hint().exact()).await,
        _ => None,
    };
    let (headers, body) = match content::read(request, Speaker::Master).await? {
        Ok(read) => read,
        Err(wrong_method) => return Ok(wrong_method),
    };
    let call: crate::proto::executor::Call = body.message("Mesos::Executor::Call")?;
    let kind = executor::validate(&call)?;
    on_demand(&core, Api::Executor, kind.as_str_name()).await?;
    let format = match kind {
        crate::proto::executor::call::Type::Subscribe => content::accepted(&headers)?,
        _ => Format::Json,
    };
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
    let answer = executor::handle(&mut core.borrow_mut(), kind, call, only, format)?;
    Ok(match answer {
        executor::Answer::Accepted => empty(StatusCode::ACCEPTED),
        executor::Answer::Subscribed(opened) => {
            guest.stays();
            stream(core, opened, format)
        }
    })
}

/// A test may want a call of this type to be refused, or to be late.
async fn on_demand(core: &Rc<RefCell<Core>>, api: Api, kind: &str) -> Result<(), Refusal> {
    let fault = core.borrow_mut().faults.of_call(api, kind);
    match fault {
        None => {}
        Some(OnCall::Refuse(refused)) => return Err(refused.into()),
        Some(OnCall::Delay(time)) => {
            let go = core.borrow_mut().hold(time);
            go.notified().await;
        }
    }
    Ok(())
}

/// The connection stays no longer than the answer.
fn closing(mut reply: Reply) -> Reply {
    reply
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

fn realm(route: &Option<Route>) -> &'static str {
    match route {
        Some(Route::Scheduler) => "mesos-master-scheduler",
        Some(Route::Executor) => "mesos-agent-executor",
        _ => "mesos-master-readonly",
    }
}

fn unauthorized(realm: &str, scheme: &str) -> Reply {
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
        for (path, wanted) in [
            ("/api/v1/scheduler", Route::Scheduler),
            ("/master/api/v1/scheduler/", Route::Scheduler),
            ("/api/v1", Route::Operator(Whom::Master)),
            ("/master/api/v1", Route::Operator(Whom::Master)),
            ("/slave(2)/api/v1", Route::Operator(Whom::Agent(1))),
            ("/api/v1/operator", Route::Operator(Whom::Master)),
            ("/master/api/v1/any/thing", Route::Operator(Whom::Master)),
            ("/slave(1)/api/v1/operator", Route::Operator(Whom::Agent(0))),
            ("/slave(1)/state", Route::AgentState(0)),
            ("/slave(3)/monitor/statistics", Route::Statistics(2)),
            ("/state", Route::State),
            ("/master/slaves", Route::Old(Old::Slaves)),
            ("/quota", Route::Plans(plans::Endpoint::Quota)),
            ("/master/quota/role", Route::Plans(plans::Endpoint::Quota)),
            ("/maintenance/status", Route::Plans(plans::Endpoint::Status)),
            ("/master/teardown", Route::Plans(plans::Endpoint::Teardown)),
            ("/files/read", Route::Files("read")),
        ] {
            assert_eq!(route(path), Some(wanted), "{path}");
        }
        for path in [
            "/redirect/x",
            "/state.json",
            "/slave(0)/api/v1",
            "/slave(1)/api/v1/scheduler",
            "/master/api/v1/executor",
            "/api/v1/scheduler/x",
            "/api/v10",
            "/masterstate",
            "/slave(1)",
            "/slave(1)/quota",
            "/quotas",
            "/maintenance",
            "/machine",
            "/slave(x)/api/v1/executor",
            "/slave()/api/v1/executor",
            "/master/../state",
        ] {
            assert!(route(path).is_none(), "{path}");
        }
    }
}
