//! The executor driver: an executor's connection to its agent.

use super::bytes::MesosBytes;
use super::channel::MesosChannel;
use super::error::MesosCode;
use super::guard::{guard, guard_value};
use super::handle::{self, Creator, Handle};
use super::stats::MesosStats;
use crate::backends;
use crate::descriptors::AboveStandard;
use crate::driver::{self, ExecutorCall, ExecutorDriver, Status};
use crate::message::text;
use std::ffi::c_int;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// An executor's connection to its agent. Functions: `mesos_executor_driver_*`. Any number of threads may use it.
///
/// Calls never wait for the network. Only `mesos_executor_driver_free` does, for a limited time.
pub struct MesosExecutorDriver {
    driver: Arc<dyn ExecutorDriver>,
    creator: Creator,
}

impl Handle for MesosExecutorDriver {
    const NAME: &'static str = "executor driver";
    fn creator(&self) -> Creator {
        self.creator
    }
}

impl Drop for MesosExecutorDriver {
    fn drop(&mut self) {
        self.driver.close();
    }
}

fn act(
    driver: *const MesosExecutorDriver,
    status: *mut c_int,
    action: impl FnOnce(&dyn ExecutorDriver) -> Result<Status, driver::DriverError>,
) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and a place for the result, both the caller's.
        let (driver, status) = unsafe { (handle::get(driver)?, handle::out(status)?) };
        *status = action(driver.driver.as_ref())? as c_int;
        Ok(())
    })
}

/// A driver whose events are queued in `channel`. Owned by the caller. `driver`: `native`, `libmesos`, or empty for the default.
#[no_mangle]
pub extern "C" fn mesos_executor_driver_new(
    channel: *const MesosChannel,
    driver: MesosBytes,
    result: *mut *mut MesosExecutorDriver,
) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and a place for the result, both the caller's, who lends the bytes for the call.
        let (channel, driver, result) = unsafe { (handle::get(channel)?, driver.to_text(), handle::out(result)?) };
        let environment = |name: &str| std::env::var_os(name).map(|v| text::from_bytes(v.as_bytes()).into_owned());
        let _above = AboveStandard::hold();
        *result = handle::give(MesosExecutorDriver {
            driver: backends::executor::new(&driver, environment, channel.channel.clone())?,
            creator: Creator::this_process(),
        });
        Ok(())
    })
}

/// What the driver runs on, `native` or `libmesos`. The bytes stay valid for ever.
#[no_mangle]
pub extern "C" fn mesos_executor_driver_backend(driver: *const MesosExecutorDriver) -> MesosBytes {
    guard_value(MesosBytes::default(), || {
        // SAFETY: a live handle of the caller's.
        let backend = unsafe { handle::get(driver) }?.driver.backend();
        Ok(MesosBytes::borrowed(backend.name().as_bytes()))
    })
}

/// Ends the driver: sends what is queued and waits, for a few seconds at most, until the agent has recorded the updates.
#[no_mangle]
pub extern "C" fn mesos_executor_driver_free(driver: *mut MesosExecutorDriver) {
    guard(|| {
        // SAFETY: the caller gives the handle up.
        unsafe { handle::free(driver) };
        Ok(())
    });
}

/// The id that `mesos_event_driver` returns for this driver's events.
#[no_mangle]
pub extern "C" fn mesos_executor_driver_id(driver: *const MesosExecutorDriver) -> u64 {
    guard_value(0, || {
        // SAFETY: a live handle of the caller's.
        Ok(unsafe { handle::get(driver) }?.driver.id())
    })
}

/// Writes the status (a number of mesos.Status), as do all functions below.
#[no_mangle]
pub extern "C" fn mesos_executor_driver_status(driver: *const MesosExecutorDriver, status: *mut c_int) -> MesosCode {
    act(driver, status, |d| Ok(d.status()))
}

/// Connects to the agent that the environment names. If a variable is missing, MESOS_BAD_ARGUMENT names it.
#[no_mangle]
pub extern "C" fn mesos_executor_driver_start(driver: *const MesosExecutorDriver, status: *mut c_int) -> MesosCode {
    act(driver, status, |d| d.start())
}

/// Ends the driver after it has sent what is queued. The agent notices only the end of the process.
#[no_mangle]
pub extern "C" fn mesos_executor_driver_stop(driver: *const MesosExecutorDriver, status: *mut c_int) -> MesosCode {
    act(driver, status, |d| Ok(d.stop()))
}

/// Ends the driver's callbacks.
#[no_mangle]
pub extern "C" fn mesos_executor_driver_abort(driver: *const MesosExecutorDriver, status: *mut c_int) -> MesosCode {
    act(driver, status, |d| Ok(d.abort()))
}

/// `update`: an encoded mesos.TaskStatus.
#[no_mangle]
pub extern "C" fn mesos_executor_driver_send_status_update(
    driver: *const MesosExecutorDriver,
    update: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    act(driver, status, |d| {
        // SAFETY: the caller lends the bytes for the call.
        let status = unsafe { update.to_vec() };
        d.call(ExecutorCall::SendStatusUpdate { status })
    })
}

/// `data`: any bytes for the scheduler.
#[no_mangle]
pub extern "C" fn mesos_executor_driver_send_framework_message(
    driver: *const MesosExecutorDriver,
    data: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    act(driver, status, |d| {
        // SAFETY: the caller lends the bytes for the call.
        let data = unsafe { data.to_vec() };
        d.call(ExecutorCall::SendFrameworkMessage { data })
    })
}

/// What the driver has counted. The caller frees it with `mesos_stats_free`.
#[no_mangle]
pub extern "C" fn mesos_executor_driver_stats(driver: *const MesosExecutorDriver, result: *mut *mut MesosStats) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and a place for the result, both the caller's.
        let (driver, result) = unsafe { (handle::get(driver)?, handle::out(result)?) };
        *result = MesosStats::give(driver.driver.stats());
        Ok(())
    })
}
