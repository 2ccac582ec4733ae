//! `master => 'local'`: a native driver together with the cluster that it talks to. Each driver has its own cluster.

use crate::channel::Channel;
use crate::driver::{DriverError, SchedulerOptions};
use crate::local::{BadSetting, Cluster, Config, StartError};
use crate::native;
use std::net::SocketAddr;

/// Starts the cluster, as libmesos does when a driver is made. `environment` may hold its settings (MESOS_RESOURCES, ...).
pub fn new(
    options: SchedulerOptions,
    channel: Channel,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<native::SchedulerDriver, DriverError> {
    let mut config = Config {
        helper: options.helper.clone(),
        executor_environment: options.executor_environment.clone(),
        ..Config::default()
    };
    config.set_from_environment(environment).map_err(setting)?;
    let cluster = Cluster::start(config).map_err(|error| match error {
        StartError::Setting(problem) => setting(problem),
        other => DriverError::System(format!("master: cannot start the embedded cluster: {other}")),
    })?;
    if let Some(seed) = cluster.jitter() {
        crate::logging::tell(&format!("master 'local': this run's jitter is that of MESOS_JITTER={seed}"));
    }
    let endpoint = |address: &SocketAddr| {
        let endpoint = native::Endpoint::master(address.ip().to_string(), address.port());
        endpoint.with_bearer(cluster.secret())
    };
    let masters = native::Source::Fixed(cluster.masters().iter().map(endpoint).collect());
    Ok(native::SchedulerDriver::new(masters, options, channel)?.with_companion(cluster))
}

/// Says which variables among `names` somebody may expect an effect of in vain.
pub(super) fn warn_of_settings(names: impl Iterator<Item = String>) {
    let foreign = crate::local::settings::config::without_effect(names);
    if !foreign.is_empty() {
        let text = format!(
            "master 'local': {} without effect: no settings of the embedded cluster",
            foreign.join(", ")
        );
        crate::logging::warn_aloud(&text);
    }
}

fn setting(problem: BadSetting) -> DriverError {
    DriverError::Argument {
        name: problem.name,
        problem: problem.reason,
    }
}
