//! The limits of setrlimit(2) that a `ContainerInfo` wants for its processes, as Mesos' isolator posix/rlimits takes them.

use crate::local::helper_protocol::Limit;
use crate::proto::r_limit_info::{r_limit, RLimit};
use crate::proto::ContainerInfo;

/// The reasons are in Mesos' words. Its agent tells them in the container's stderr, and not as the reason of a failed launch.
pub fn of(container: Option<&ContainerInfo>) -> Result<Vec<Limit>, String> {
    let info = container.and_then(|container| container.rlimit_info.as_ref());
    let all = info.into_iter().flat_map(|info| &info.rlimits);
    all.map(|one| limit(one).map_err(|e| format!("Failed to set rlimit: {e}")))
        .collect()
}

fn limit(given: &RLimit) -> Result<Limit, &'static str> {
    let kind = match given.r#type() {
        r_limit::Type::Unknown => return Err("Could not convert rlimit: Unknown rlimit type"),
        known => known as u8,
    };
    match (given.soft, given.hard) {
        (Some(soft), Some(hard)) => Ok(Limit { kind, soft, hard }),
        (None, None) => Ok(Limit {
            kind,
            soft: Limit::NONE,
            hard: Limit::NONE,
        }),
        _ => Err("Invalid rlimit values"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::RLimitInfo;

    #[test]
    fn both_or_none() {
        let of = |kind: Option<i32>, soft, hard| {
            let rlimits = vec![RLimit {
                r#type: kind,
                soft,
                hard,
            }];
            of(Some(&ContainerInfo {
                rlimit_info: Some(RLimitInfo { rlimits }),
                ..Default::default()
            }))
        };
        let files = Some(r_limit::Type::RlmtNofile as i32);
        let limit = |soft, hard| Ok(vec![Limit { kind: 10, soft, hard }]);
        assert_eq!(of(files, Some(7), Some(9)), limit(7, 9));
        assert_eq!(of(files, None, None), limit(Limit::NONE, Limit::NONE));
        for wrong in [of(files, Some(7), None), of(files, None, Some(9))] {
            assert_eq!(wrong, Err("Failed to set rlimit: Invalid rlimit values".into()));
        }
        for unknown in [None, Some(0), Some(99)] {
            let error = "Failed to set rlimit: Could not convert rlimit: Unknown rlimit type";
            assert_eq!(of(unknown, None, None), Err(error.into()));
        }
        assert_eq!(super::of(None), Ok(Vec::new()));
    }
}
