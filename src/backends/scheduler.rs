//! Makes scheduler drivers.

use super::{choice, embedded};
use crate::channel::Channel;
use crate::driver::master::Master;
use crate::driver::{Backend, DriverError, SchedulerDriver, SchedulerOptions};
use crate::message::text;
use crate::native;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// Makes the driver that `options.master` asks for. Its events go into `channel`. Settings come from the process's environment.
pub fn new(options: SchedulerOptions, channel: Channel) -> Result<Arc<dyn SchedulerDriver>, DriverError> {
    let environment = |name: &str| std::env::var_os(name).map(|v| text::from_bytes(v.as_bytes()).into_owned());
    if matches!(Master::parse(&options.master), Ok(Master::Local)) {
        super::embedded::warn_of_settings(std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()));
    }
    with_environment(options, channel, environment)
}

/// The same, where `environment` gives the value of a variable.
pub fn with_environment(
    options: SchedulerOptions,
    channel: Channel,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Arc<dyn SchedulerDriver>, DriverError> {
    let backend = choice::for_scheduler(&options.driver, &options.master)?;
    #[cfg(feature = "libmesos")]
    if backend == Backend::Libmesos {
        // Its own errors for these come late; the forms that only libmesos resolves are its own to judge.
        if !["zk://", "file://"].iter().any(|scheme| options.master.starts_with(scheme)) {
            Master::parse(&options.master)?;
        }
        return Ok(Arc::new(crate::libmesos::SchedulerDriver::new(options, channel)?));
    }
    debug_assert_eq!(backend, Backend::Native);
    match Master::parse(&options.master)? {
        Master::Local => Ok(Arc::new(embedded::new(options, channel, environment)?)),
        master => {
            let source = native::Source::new(master, environment)?;
            Ok(Arc::new(native::SchedulerDriver::new(source, options, channel)?))
        }
    }
}
