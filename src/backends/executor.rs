//! Makes executor drivers.

use super::choice::{self, Half};
use crate::channel::Channel;
use crate::driver::{Backend, DriverError, ExecutorDriver};
use crate::native;
use std::sync::Arc;

/// Makes an executor's driver, which finds its agent by the environment variables that `environment` gives.
/// `driver`: `native`, `libmesos`, or empty for the default.
pub fn new(
    driver: &str,
    environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    channel: Channel,
) -> Result<Arc<dyn ExecutorDriver>, DriverError> {
    let backend = choice::choose(driver, Half::Executor)?;
    #[cfg(feature = "libmesos")]
    if backend == Backend::Libmesos {
        return Ok(Arc::new(crate::libmesos::ExecutorDriver::new(environment, channel)?));
    }
    debug_assert_eq!(backend, Backend::Native);
    Ok(Arc::new(native::ExecutorDriver::new(environment, channel)))
}
