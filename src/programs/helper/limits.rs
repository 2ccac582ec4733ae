//! The limits of a program, by setrlimit(2).

use crate::local::helper_protocol::Limit;
use crate::proto::r_limit_info::r_limit::Type;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};

/// Lifts the hard limits that are to be higher than ours, while we are still who may do that.
pub fn raise(all: &[Limit]) -> Result<(), String> {
    for limit in all {
        let resource = resource(limit)?;
        let before = getrlimit(resource);
        let wanted = number(limit.hard);
        if is_above(wanted, before.maximum) {
            let maximum = wanted;
            set_one(resource, Rlimit { maximum, ..before })?;
        }
    }
    Ok(())
}

/// Sets them as they are to be.
pub fn set(all: &[Limit]) -> Result<(), String> {
    for limit in all {
        let (current, maximum) = (number(limit.soft), number(limit.hard));
        set_one(resource(limit)?, Rlimit { current, maximum })?;
    }
    Ok(())
}

fn set_one(resource: Resource, limit: Rlimit) -> Result<(), String> {
    setrlimit(resource, limit).map_err(|e| {
        let error = std::io::Error::from(e).to_string();
        let error = error.split(" (os error").next().unwrap_or_default();
        format!("Failed to set rlimit: {error}")
    })
}

/// `None` is without a limit.
fn number(limit: u64) -> Option<u64> {
    (limit != Limit::NONE).then_some(limit)
}

fn is_above(one: Option<u64>, other: Option<u64>) -> bool {
    match (one, other) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(one), Some(other)) => one > other,
    }
}

fn resource(limit: &Limit) -> Result<Resource, String> {
    Ok(match Type::try_from(i32::from(limit.kind)) {
        Ok(Type::RlmtAs) => Resource::As,
        Ok(Type::RlmtCore) => Resource::Core,
        Ok(Type::RlmtCpu) => Resource::Cpu,
        Ok(Type::RlmtData) => Resource::Data,
        Ok(Type::RlmtFsize) => Resource::Fsize,
        Ok(Type::RlmtLocks) => Resource::Locks,
        Ok(Type::RlmtMemlock) => Resource::Memlock,
        Ok(Type::RlmtMsgqueue) => Resource::Msgqueue,
        Ok(Type::RlmtNice) => Resource::Nice,
        Ok(Type::RlmtNofile) => Resource::Nofile,
        Ok(Type::RlmtNproc) => Resource::Nproc,
        Ok(Type::RlmtRss) => Resource::Rss,
        Ok(Type::RlmtRtprio) => Resource::Rtprio,
        Ok(Type::RlmtRttime) => Resource::Rttime,
        Ok(Type::RlmtSigpending) => Resource::Sigpending,
        Ok(Type::RlmtStack) => Resource::Stack,
        Ok(Type::Unknown) | Err(_) => return Err("Failed to set rlimit: Could not convert rlimit: Unknown rlimit type".into()),
    })
}
