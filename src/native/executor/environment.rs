//! What an agent tells an executor by its environment.

use crate::driver::address::split_authority;
use crate::driver::duration;
use crate::driver::DriverError;
use crate::message::text;
use crate::native::protocol::endpoint::Endpoint;
use crate::native::tls::{self, Settings, Tls};
use std::path::PathBuf;
use std::time::Duration;

const DEFAULT_RECOVERY: Duration = Duration::from_secs(15 * 60);
const DEFAULT_BACKOFF: Duration = Duration::from_secs(2);
const DEFAULT_GRACE: Duration = Duration::from_secs(5);

/// The parsed environment. Debug output does not show the token.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    pub endpoint: Endpoint,
    pub framework_id: String,
    pub executor_id: String,
    pub agent_id: String,
    /// With checkpointing: how long to look for an agent that is gone.
    pub recovery_timeout: Option<Duration>,
    /// The longest pause between attempts to reach it.
    pub backoff_max: Duration,
    /// From SHUTDOWN to SIGKILL; `None` with MESOS_LOCAL: never.
    pub grace: Option<Duration>,
}

impl Environment {
    /// Reads the variables through `get`. The five that libmesos requires are required here.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, DriverError> {
        let required = |name: &'static str| {
            get(name).filter(|v| !v.is_empty()).ok_or_else(|| DriverError::Argument {
                name: "environment",
                problem: format!("{name} is not set: an executor is started by a Mesos agent, which sets it"),
            })
        };
        let pid = required("MESOS_SLAVE_PID")?;
        let agent_id = required("MESOS_SLAVE_ID")?;
        let framework_id = required("MESOS_FRAMEWORK_ID")?;
        let executor_id = required("MESOS_EXECUTOR_ID")?;
        required("MESOS_DIRECTORY")?;
        let time = |name: &str, default: Duration| match get(name) {
            None => Ok(default),
            Some(text) => {
                duration::parse(&text).ok_or_else(|| wrong(name, &text, "a number with one of ns us ms secs mins hrs days weeks"))
            }
        };

        let mut endpoint =
            Endpoint::from_pid(&pid).ok_or_else(|| wrong("MESOS_SLAVE_PID", &pid, "like slave(1)@10.0.0.5:5051"))?;
        if let Some(address) = get("MESOS_AGENT_ENDPOINT").filter(|v| !v.is_empty()) {
            let parsed = split_authority(&address);
            (endpoint.host, endpoint.port) = parsed.ok_or_else(|| wrong("MESOS_AGENT_ENDPOINT", &address, "host:port"))?;
        }
        if let Some(token) = get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN").filter(|v| !v.is_empty()) {
            if !token.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(wrong(
                    "MESOS_EXECUTOR_AUTHENTICATION_TOKEN",
                    "***",
                    "a token without white space",
                ));
            }
            endpoint = endpoint.with_bearer(&token);
        }
        if let Some(path) = get("MESOS_DOMAIN_SOCKET").filter(|path| !path.is_empty()) {
            let socket = PathBuf::from(text::to_os(&path));
            // However long: the driver reaches it through its directory.
            if !socket.is_absolute() {
                return Err(wrong("MESOS_DOMAIN_SOCKET", &path, "the absolute path of a socket"));
            }
            endpoint.socket = Some(socket);
        }
        if endpoint.socket.is_none() && tls::enabled(&get)? {
            endpoint.tls = Some(Tls::new(&Settings::read(&get)?)?);
        }
        let recovery = time("MESOS_RECOVERY_TIMEOUT", DEFAULT_RECOVERY)?;
        let grace = time("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", DEFAULT_GRACE)?;
        Ok(Environment {
            endpoint,
            framework_id,
            executor_id,
            agent_id,
            recovery_timeout: (get("MESOS_CHECKPOINT").as_deref() == Some("1")).then_some(recovery),
            backoff_max: time("MESOS_SUBSCRIPTION_BACKOFF_MAX", DEFAULT_BACKOFF)?,
            grace: get("MESOS_LOCAL").is_none().then_some(grace),
        })
    }
}

fn wrong(name: &str, value: &str, expected: &str) -> DriverError {
    DriverError::Argument {
        name: "environment",
        problem: format!("{name} is {value:?}, expected {expected}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::native::captures;
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    pub(crate) fn variables() -> BTreeMap<String, String> {
        [
            ("MESOS_SLAVE_PID", "slave(1)@127.0.0.1:15051"),
            ("MESOS_SLAVE_ID", "S0"),
            ("MESOS_FRAMEWORK_ID", "F"),
            ("MESOS_EXECUTOR_ID", "E"),
            ("MESOS_DIRECTORY", "/sandbox"),
        ]
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .into()
    }

    fn read(changes: &[(&str, &str)]) -> Result<Environment, DriverError> {
        let mut all = variables();
        all.extend(changes.iter().map(|(n, v)| (n.to_string(), v.to_string())));
        Environment::read(|name| all.get(name).cloned())
    }

    #[test]
    fn defaults_and_everything_set() {
        let plain = read(&[]).expect("environment");
        assert_eq!((plain.recovery_timeout, plain.grace), (None, Some(DEFAULT_GRACE)));
        assert_eq!(plain.endpoint, Endpoint::from_pid("slave(1)@127.0.0.1:15051").expect("pid"));
        let full = read(&[
            ("MESOS_AGENT_ENDPOINT", "10.0.0.5:5051"),
            ("MESOS_CHECKPOINT", "1"),
            ("MESOS_RECOVERY_TIMEOUT", "1mins"),
            ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "500ms"),
            ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "7secs"),
            ("MESOS_LOCAL", ""),
            ("MESOS_DOMAIN_SOCKET", "/run/agent.sock"),
            ("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "a.b.c"),
        ])
        .expect("environment");
        assert_eq!(full.endpoint.to_string(), "10.0.0.5:5051");
        assert_eq!(full.endpoint.prefix, "/slave(1)");
        assert_eq!(full.endpoint.socket, Some(PathBuf::from("/run/agent.sock")));
        assert_eq!(full.endpoint.authorization.as_ref().map(|s| s.reveal()), Some("Bearer a.b.c"));
        assert!(!format!("{full:?}").contains("a.b.c"));
        assert_eq!(full.recovery_timeout, Some(Duration::from_secs(60)));
        assert_eq!((full.backoff_max, full.grace), (Duration::from_millis(500), None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for missing in variables().keys() {
            let error = read(&[(missing, "")]).expect_err("refused").to_string();
            assert!(
                error.starts_with(&format!("environment: {missing} is not set: an executor is")),
                "{error}"
            );
        }
        for (name, value) in [
            ("MESOS_SLAVE_PID", "10.0.0.5:5051"),
            ("MESOS_AGENT_ENDPOINT", "10.0.0.5"),
            ("MESOS_RECOVERY_TIMEOUT", "5s"),
            ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "-1secs"),
            ("MESOS_DOMAIN_SOCKET", "relative"),
        ] {
            let error = read(&[(name, value)]).expect_err("refused").to_string();
            assert!(
                error.starts_with(&format!("environment: {name} is {value:?}, expected")),
                "{error}"
            );
        }
        let error = read(&[("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "se cret")]).expect_err("refused");
        assert!(!error.to_string().contains("cret"));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn agents_over_tls_but_not_over_a_socket() {
        let tls = [("LIBPROCESS_SSL_ENABLED", "1"), ("LIBPROCESS_SSL_VERIFY_SERVER_CERT", "0")];
        assert!(read(&tls).expect("environment").endpoint.tls.is_some());
        let socket = [tls[0], tls[1], ("MESOS_DOMAIN_SOCKET", "/s")];
        assert!(read(&socket).expect("environment").endpoint.tls.is_none());
        let error = read(&[("LIBPROCESS_SSL_ENABLED", "1"), ("LIBPROCESS_SSL_CA_FILE", "/does/not/exist")]);
        let error = error.expect_err("refused").to_string();
        assert!(
            error.starts_with("environment: LIBPROCESS_SSL_CA_FILE is \"/does/not/exist\""),
            "{error}"
        );
    }

    #[test]
    fn captured_environments() {
        for folder in ["protobuf/executor", "auth-session/executor", "protobuf/executor-group"] {
            let Some(bytes) = captures::read(&format!("{folder}/executor-environment.json")) else {
                continue;
            };
            let all: BTreeMap<String, String> = serde_json::from_slice(&bytes).expect("JSON");
            let environment = Environment::read(|name| all.get(name).cloned()).expect(folder);
            assert_eq!(environment.endpoint.to_string(), all["MESOS_AGENT_ENDPOINT"]);
            assert_eq!(environment.grace, Some(Duration::from_secs(5)));
        }
    }
}
