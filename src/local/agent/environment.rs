//! What a program is started with: argv, and the environment that Mesos promises to executors.

use super::launch::{duration, unspecified, Start};
use super::state::{Identity, Kind};
use crate::message::text;
use crate::proto::CommandInfo;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How long an executor waits at most between two attempts to subscribe again.
const SUBSCRIPTION_BACKOFF: Duration = Duration::from_secs(2);

/// The file to execute and argv with its zeroth.
pub fn command_line(command: &CommandInfo) -> (Vec<u8>, Vec<Vec<u8>>) {
    let Some(value) = command.value.as_deref() else {
        let script = format!("echo '{}' >&2; exit 1", unspecified(command));
        return (b"/bin/sh".to_vec(), vec![b"sh".to_vec(), b"-c".to_vec(), script.into_bytes()]);
    };
    let value = text::to_bytes(value).into_owned();
    if command.shell() {
        return (b"/bin/sh".to_vec(), vec![b"sh".to_vec(), b"-c".to_vec(), value]);
    }
    (
        value,
        command
            .arguments
            .iter()
            .map(|argument| text::to_bytes(argument).into_owned())
            .collect(),
    )
}

/// Whether `command` has a variable whose value only a secret store knows.
pub fn has_secret_references(command: &CommandInfo) -> bool {
    let mut variables = command.environment.iter().flat_map(|environment| &environment.variables);
    variables.any(|variable| variable.secret.as_ref().is_some_and(|secret| secret.reference.is_some()))
}

/// The whole environment, weakest first: the cluster's, then Mesos' own, then what the framework set; PATH if nobody did.
///
/// `checkpoint`: whether the framework wants its executors to survive the agent.
pub fn of(
    identity: &Identity,
    agent: &str,
    start: &Start<'_>,
    checkpoint: bool,
    directory: &Path,
    token: &str,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut all = match &start.nested {
        Some(_) => of_nested(identity, agent, start, directory),
        None => of_executor(identity, agent, start, checkpoint, directory, token),
    };
    for (name, value) in variables(start.command) {
        all.insert(name.to_string(), value);
    }
    all.entry("PATH".into()).or_insert_with(|| PATH.into());
    all.into_iter()
        .map(|(name, value)| (text::to_bytes(&name).into_owned(), text::to_bytes(&value).into_owned()))
        .collect()
}

/// A task of a group has less than an executor. The agent's id is what tells it from others' processes.
fn of_nested(identity: &Identity, agent: &str, start: &Start<'_>, directory: &Path) -> BTreeMap<String, String> {
    let directory = text::from_bytes(directory.as_os_str().as_bytes()).into_owned();
    let set = [
        ("MESOS_SANDBOX", directory),
        ("MESOS_ALLOCATION_ROLE", start.role.to_string()),
        ("MESOS_CONTAINER_IP", identity.address.ip().to_string()),
        ("MESOS_SLAVE_ID", agent.to_string()),
    ];
    set.map(|(name, value)| (name.to_string(), value)).into()
}

fn of_executor(
    identity: &Identity,
    agent: &str,
    start: &Start<'_>,
    checkpoint: bool,
    directory: &Path,
    token: &str,
) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = identity.executor_environment.clone();
    let directory = text::from_bytes(directory.as_os_str().as_bytes()).into_owned();
    let mut set = |name: &str, value: String| {
        all.insert(name.to_string(), value);
    };
    set("LIBPROCESS_IP", identity.address.ip().to_string());
    set("LIBPROCESS_PORT", "0".into());
    set("MESOS_FRAMEWORK_ID", start.framework.to_string());
    set("MESOS_EXECUTOR_ID", start.executor.to_string());
    set("MESOS_DIRECTORY", directory.clone());
    set("MESOS_SANDBOX", directory);
    set("MESOS_SLAVE_ID", agent.to_string());
    set("MESOS_SLAVE_PID", identity.pid());
    set("MESOS_AGENT_ENDPOINT", identity.address.to_string());
    set("MESOS_CHECKPOINT", u8::from(checkpoint).to_string());
    if checkpoint {
        set("MESOS_RECOVERY_TIMEOUT", duration_text(identity.intervals.recovery_timeout));
        set("MESOS_SUBSCRIPTION_BACKOFF_MAX", duration_text(SUBSCRIPTION_BACKOFF));
    }
    set("MESOS_HTTP_COMMAND_EXECUTOR", "0".into());
    match &start.kind {
        Kind::Custom(executor) => {
            let grace = duration(executor.info.shutdown_grace_period.as_ref()).unwrap_or(identity.intervals.shutdown_grace);
            set("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", duration_text(grace));
            set("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", token.to_string());
        }
        // A command has nothing to say to the agent.
        Kind::Command { .. } | Kind::Default(_) => {
            set(
                "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
                duration_text(identity.intervals.shutdown_grace),
            );
            set("MESOS_ALLOCATION_ROLE", start.role.to_string());
        }
    }
    all
}

/// What the framework sets.
fn variables(command: &CommandInfo) -> impl Iterator<Item = (&str, String)> {
    let variables = command.environment.iter().flat_map(|environment| &environment.variables);
    variables.map(|variable| {
        let secret = variable.secret.as_ref().and_then(|secret| secret.value.as_ref());
        let value = match secret {
            Some(secret) => text::from_bytes(&secret.data).into_owned(),
            None => variable.value.clone().unwrap_or_default(),
        };
        (variable.name.as_str(), value)
    })
}

/// The same as bytes.
pub fn given(command: &CommandInfo) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
    variables(command).map(|(name, value)| (text::to_bytes(name).into_owned(), text::to_bytes(&value).into_owned()))
}

/// The largest unit that keeps a whole number: `90secs`, `15mins`, `2500ms`.
pub fn duration_text(duration: Duration) -> String {
    const UNITS: [(u128, &str); 8] = [
        (7 * 24 * 3600 * 1_000_000_000, "weeks"),
        (24 * 3600 * 1_000_000_000, "days"),
        (3600 * 1_000_000_000, "hrs"),
        (60 * 1_000_000_000, "mins"),
        (1_000_000_000, "secs"),
        (1_000_000, "ms"),
        (1000, "us"),
        (1, "ns"),
    ];
    let nanoseconds = duration.as_nanos();
    if nanoseconds == 0 {
        return "0ns".into();
    }
    let fits = UNITS.iter().find(|(size, _)| nanoseconds % size == 0);
    fits.map_or_else(
        || format!("{nanoseconds}ns"),
        |(size, unit)| format!("{}{unit}", nanoseconds / size),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (milliseconds, text) in [
            (0, "0ns"),
            (5000, "5secs"),
            (90_000, "90secs"),
            (900_000, "15mins"),
            (2500, "2500ms"),
        ] {
            assert_eq!(duration_text(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn argv() {
        let shell = CommandInfo {
            value: Some("echo 'a b'".into()),
            ..Default::default()
        };
        assert_eq!(command_line(&shell).1, [&b"sh"[..], b"-c", b"echo 'a b'"]);
        let plain = CommandInfo {
            shell: Some(false),
            value: Some("ls".into()),
            arguments: vec!["zero".into(), "/".into()],
            ..shell
        };
        assert_eq!(command_line(&plain), (b"ls".to_vec(), vec![b"zero".to_vec(), b"/".to_vec()]));
    }
}
