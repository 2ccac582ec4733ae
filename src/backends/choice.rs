//! Which implementation of the drivers is used: the native one, or libmesos' C++ classes.

use crate::driver::{Backend, DriverError};

/// The two drivers, which a libmesos may have or lack each for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    Scheduler,
    Executor,
}

/// What is known of a backend that is built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    pub backend: Backend,
    /// The crate's version, or that of the libmesos whose headers were used.
    pub version: &'static str,
    pub scheduler: bool,
    pub executor: bool,
    /// Used where nothing else is asked for.
    pub is_default: bool,
}

#[cfg(feature = "libmesos")]
use crate::libmesos::{HALVES, IS_DEFAULT, VERSION};
#[cfg(not(feature = "libmesos"))]
const HALVES: &str = "";
#[cfg(not(feature = "libmesos"))]
const IS_DEFAULT: bool = false;
#[cfg(not(feature = "libmesos"))]
const VERSION: &str = "";

impl Half {
    fn name(self) -> &'static str {
        match self {
            Half::Scheduler => "scheduler",
            Half::Executor => "executor",
        }
    }

    fn has_libmesos(self) -> bool {
        HALVES.split(' ').any(|half| half == self.name())
    }
}

/// The backend for a driver. `asked`: `native`, `libmesos`, or empty for the default. Where the default lacks this half
/// the native one takes its place; what was asked for by name must be there.
pub fn choose(asked: &str, half: Half) -> Result<Backend, DriverError> {
    let problem = match asked {
        "native" => return Ok(Backend::Native),
        "" if IS_DEFAULT && half.has_libmesos() => return Ok(Backend::Libmesos),
        "" => return Ok(Backend::Native),
        "libmesos" if half.has_libmesos() => return Ok(Backend::Libmesos),
        "libmesos" if HALVES.is_empty() => {
            "libmesos is not built in: install Mesos with its headers, set PERL_MESOS_INCLUDE and \
                                            PERL_MESOS_LIB if they are in unusual places, and build this module anew with \
                                            perl Build.PL --libmesos"
                .to_string()
        }
        "libmesos" => format!(
            "libmesos {VERSION} was built in without its {} driver, which that library lacks: use \"native\", or build \
             this module anew with another libmesos",
            half.name()
        ),
        other => format!("expected \"native\" or \"libmesos\", got {other:?}"),
    };
    Err(DriverError::Argument { name: "driver", problem })
}

/// As [`choose`], for a scheduler's `master`: the embedded cluster, URLs and lists of masters are native.
pub fn for_scheduler(asked: &str, master: &str) -> Result<Backend, DriverError> {
    let backend = choose(asked, Half::Scheduler)?;
    let master = master.trim();
    let zookeeper = master.starts_with("zk://");
    let native = master == "local"
        || master.starts_with("http://")
        || master.starts_with("https://")
        || (master.contains(',') && !zookeeper);
    Ok(if native { Backend::Native } else { backend })
}

/// All backends, the native one first.
pub fn built_in() -> Vec<BuiltIn> {
    let mut all = vec![BuiltIn {
        backend: Backend::Native,
        version: env!("CARGO_PKG_VERSION"),
        scheduler: true,
        executor: true,
        is_default: !IS_DEFAULT,
    }];
    if !HALVES.is_empty() {
        all.push(BuiltIn {
            backend: Backend::Libmesos,
            version: VERSION,
            scheduler: Half::Scheduler.has_libmesos(),
            executor: Half::Executor.has_libmesos(),
            is_default: IS_DEFAULT,
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_by_name_must_be_there() {
        assert_eq!(choose("native", Half::Executor), Ok(Backend::Native));
        let error = choose("Libmesos", Half::Scheduler).expect_err("another name");
        assert_eq!(
            error.to_string(),
            "driver: expected \"native\" or \"libmesos\", got \"Libmesos\""
        );
        for half in [Half::Scheduler, Half::Executor] {
            match (choose("libmesos", half), half.has_libmesos()) {
                (Ok(Backend::Libmesos), true) => (),
                (Err(error), false) => assert!(error.to_string().contains("build this module anew"), "{error}"),
                other => panic!("{half:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn one_backend_is_the_default() {
        let all = built_in();
        assert_eq!(all.iter().filter(|b| b.is_default).count(), 1);
        assert_eq!(all.len() > 1, cfg!(feature = "libmesos"));
        let default = all.iter().find(|b| b.is_default).map(|b| b.backend);
        assert!(choose("", Half::Scheduler).is_ok_and(|b| Some(b) == default || b == Backend::Native));
    }

    #[test]
    fn some_masters_are_always_native() {
        for master in ["local", " local ", "http://m:1", "https://m:1", "a:1,b:2"] {
            assert_eq!(
                for_scheduler(if HALVES.is_empty() { "" } else { "libmesos" }, master),
                Ok(Backend::Native)
            );
        }
        if Half::Scheduler.has_libmesos() {
            for master in ["m:5050", "zk://a:1,b:2/mesos", "master@m:5050"] {
                assert_eq!(for_scheduler("libmesos", master), Ok(Backend::Libmesos));
            }
        }
    }
}
