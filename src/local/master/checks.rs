//! Checks of messages on their own, without the cluster's state: commands, containers, health checks. In Mesos' order, with its texts.

use crate::proto::environment::{variable, Variable};
use crate::proto::{check_info, container_info, health_check, secret, volume};
use crate::proto::{CheckInfo, CommandInfo, ContainerInfo, HealthCheck, Secret, Volume};

type Checked = Result<(), String>;

fn refuse(text: impl Into<String>) -> Checked {
    Err(text.into())
}

pub fn command(command: &CommandInfo) -> Checked {
    let variables = command.environment.iter().flat_map(|environment| &environment.variables);
    variables.into_iter().try_for_each(environment_variable)
}

fn environment_variable(given: &Variable) -> Checked {
    let name = &given.name;
    match given.r#type() {
        variable::Type::Value if given.value.is_none() => {
            return refuse(format!("Environment variable '{name}' of type 'VALUE' must have a value set"));
        }
        variable::Type::Value if given.secret.is_some() => {
            return refuse(format!(
                "Environment variable '{name}' of type 'VALUE' must not have a secret set"
            ));
        }
        variable::Type::Value => {}
        variable::Type::Secret => {
            let Some(secret) = &given.secret else {
                return refuse(format!(
                    "Environment variable '{name}' of type 'SECRET' must have a secret set"
                ));
            };
            if given.value.is_some() {
                return refuse(format!(
                    "Environment variable '{name}' of type 'SECRET' must not have a value set"
                ));
            }
            self::secret(secret).map_err(|e| format!("Environment variable '{name}' specifies an invalid secret: {e}"))?;
            if secret.value.as_ref().is_some_and(|value| value.data.contains(&0)) {
                return refuse(format!(
                    "Environment variable '{name}' specifies a secret containing null bytes, which is not allowed in the environment"
                ));
            }
        }
        variable::Type::Unknown => return refuse("Environment variable of type 'UNKNOWN' is not allowed"),
    }
    // What exec cannot take. Mesos finds out later, or not at all.
    if name.is_empty() || name.contains(['=', '\0']) || given.value().contains('\0') {
        return refuse(format!("Environment variable '{name}' cannot be passed to a process"));
    }
    Ok(())
}

fn secret(given: &Secret) -> Checked {
    match (given.r#type(), &given.reference, &given.value) {
        (secret::Type::Reference, None, _) => refuse("Secret of type REFERENCE must have the 'reference' field set"),
        (secret::Type::Reference, _, Some(_)) => refuse("Secret of type REFERENCE must not have the 'value' field set"),
        (secret::Type::Value, _, None) => refuse("Secret of type VALUE must have the 'value' field set"),
        (secret::Type::Value, Some(_), _) => refuse("Secret of type VALUE must not have the 'reference' field set"),
        _ => Ok(()),
    }
}

pub fn container(container: &ContainerInfo) -> Checked {
    let volumes = container.volumes.iter();
    let mut invalid = volumes.filter_map(|one| volume(one).err());
    if let Some(reason) = invalid.next() {
        return refuse(format!("Invalid volume: {reason}"));
    }
    if container.r#type() == container_info::Type::Docker {
        let Some(docker) = &container.docker else {
            return refuse("DockerInfo 'docker' is not set for DOCKER typed ContainerInfo");
        };
        if docker.parameters.iter().any(|parameter| parameter.key == "name") {
            return refuse("Parameter in DockerInfo must not be 'name'");
        }
    }
    Ok(())
}

fn volume(given: &Volume) -> Checked {
    let set = [given.host_path.is_some(), given.image.is_some(), given.source.is_some()];
    if set.into_iter().filter(|is_set| *is_set).count() != 1 {
        return refuse("Only one of them should be set: 'host_path', 'image' and 'source'");
    }
    let Some(source) = &given.source else { return Ok(()) };
    let (present, member, kind) = match source.r#type() {
        volume::source::Type::DockerVolume => (source.docker_volume.is_some(), "docker_volume", "DOCKER_VOLUME"),
        volume::source::Type::HostPath => (source.host_path.is_some(), "host_path", "HOST_PATH"),
        volume::source::Type::SandboxPath => (source.sandbox_path.is_some(), "sandbox_path", "SANDBOX_PATH"),
        volume::source::Type::Secret => (source.secret.is_some(), "secret", "SECRET"),
        volume::source::Type::CsiVolume => (source.csi_volume.is_some(), "csi_volume", "CSI"),
        volume::source::Type::Unknown => return refuse("'source.type' is unknown"),
    };
    if present {
        Ok(())
    } else {
        refuse(format!("'source.{member}' is not set for {kind} volume"))
    }
}

/// A check's own command must say what to run.
fn checking_command(given: &CommandInfo, what: &str) -> Checked {
    if given.value.is_none() {
        let kind = if given.shell() {
            "'shell command'"
        } else {
            "'executable path'"
        };
        return refuse(format!("{what} must contain {kind}"));
    }
    Ok(())
}

fn seconds(all: &[(&str, Option<f64>)]) -> Checked {
    match all.iter().find(|(_, seconds)| seconds.is_some_and(|seconds| seconds < 0.0)) {
        Some((name, _)) => refuse(format!("Expecting '{name}' to be non-negative")),
        None => Ok(()),
    }
}

fn path(path: Option<&String>, what: &str) -> Checked {
    match path.filter(|path| !path.starts_with('/')) {
        Some(path) => refuse(format!("The path '{path}' of HTTP {what} must start with '/'")),
        None => Ok(()),
    }
}

pub fn health(check: &HealthCheck) -> Checked {
    use health_check::Type;
    match check.r#type.and_then(|kind| Type::try_from(kind).ok()) {
        None => return refuse("HealthCheck must specify 'type'"),
        Some(Type::Command) => {
            let Some(given) = &check.command else {
                return refuse("Expecting 'command' to be set for COMMAND health check");
            };
            checking_command(given, "Command health check")?;
            command(given).map_err(|e| format!("Health check's `CommandInfo` is invalid: {e}"))?;
        }
        Some(Type::Http) => {
            let Some(http) = &check.http else {
                return refuse("Expecting 'http' to be set for HTTP health check");
            };
            if let Some(scheme) = http.scheme.as_ref().filter(|s| !["http", "https"].contains(&s.as_str())) {
                return refuse(format!("Unsupported HTTP health check scheme: '{scheme}'"));
            }
            path(http.path.as_ref(), "health check")?;
        }
        Some(Type::Tcp) if check.tcp.is_none() => return refuse("Expecting 'tcp' to be set for TCP health check"),
        Some(Type::Tcp) => {}
        Some(Type::Unknown) => return refuse("'UNKNOWN' is not a valid health check type"),
    }
    seconds(&[
        ("delay_seconds", check.delay_seconds),
        ("grace_period_seconds", check.grace_period_seconds),
        ("interval_seconds", check.interval_seconds),
        ("timeout_seconds", check.timeout_seconds),
    ])
}

pub fn check(check: &CheckInfo) -> Checked {
    use check_info::Type;
    match check.r#type.and_then(|kind| Type::try_from(kind).ok()) {
        None => return refuse("CheckInfo must specify 'type'"),
        Some(Type::Command) => {
            let Some(given) = &check.command else {
                return refuse("Expecting 'command' to be set for COMMAND check");
            };
            checking_command(&given.command, "Command check")?;
            command(&given.command).map_err(|e| format!("Check's `CommandInfo` is invalid: {e}"))?;
        }
        Some(Type::Http) => {
            let Some(http) = &check.http else {
                return refuse("Expecting 'http' to be set for HTTP check");
            };
            path(http.path.as_ref(), "check")?;
        }
        Some(Type::Tcp) if check.tcp.is_none() => return refuse("Expecting 'tcp' to be set for TCP check"),
        Some(Type::Tcp) => {}
        Some(Type::Unknown) => return refuse("'UNKNOWN' is not a valid check type"),
    }
    seconds(&[
        ("delay_seconds", check.delay_seconds),
        ("interval_seconds", check.interval_seconds),
        ("timeout_seconds", check.timeout_seconds),
    ])
}
