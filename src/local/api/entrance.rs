//! By which port a request came, and what a port answers at which the leading master is not.

use super::refusal::Refusal;
use super::reply::{empty, Reply};
use super::views;
use crate::local::core::Core;
use hyper::header::{self, HeaderValue};
use hyper::{StatusCode, Uri};
use serde_json::{json, Map, Value};

/// Each master has a port, and the agents have one unless there is only one master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    Master(usize),
    Agents,
}

impl Entrance {
    /// Whether the leading master answers here.
    pub fn leads(self, core: &Core) -> bool {
        core.masters.leader().is_some_and(|leader| self == Entrance::Master(leader))
    }
}

/// Sends the caller to the leading master: to the same path there, or to its root.
pub fn to_leader(core: &Core, path: Option<&Uri>) -> Result<Reply, Refusal> {
    let leader = core.masters.leading();
    let leader = leader.ok_or_else(|| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "No leader elected"))?;
    let path = path.and_then(Uri::path_and_query).map_or("", |path| path.as_str());
    // Without a scheme: the caller's stays.
    let location = HeaderValue::from_str(&format!("//{leader}{path}"));
    let mut reply = empty(StatusCode::TEMPORARY_REDIRECT);
    reply
        .headers_mut()
        .extend(location.ok().map(|location| (header::LOCATION, location)));
    Ok(reply)
}

/// The flags of a master that stands by: those of the leader, with its own port.
pub fn flags(core: &Core, number: usize) -> Value {
    let mut flags = views::flags(core);
    if let Some(address) = core.masters.address(number) {
        flags.insert("port".into(), address.port().to_string().into());
    }
    json!({ "flags": flags })
}

/// The figures of a master that stands by: it has nobody.
pub fn metrics(core: &Core, number: usize) -> Value {
    let names = views::metrics(core).into_iter().map(|(name, _)| (name, 0.0.into()));
    let mut all: Map<String, Value> = names.collect();
    if let Some(started) = core.masters.started(number) {
        all.insert("master/uptime_secs".into(), (core.clock.now().seconds() - started).into());
    }
    all.into()
}
