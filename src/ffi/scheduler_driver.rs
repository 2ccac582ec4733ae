//! The scheduler driver: a framework's connection to Mesos.

use super::bytes::{MesosBytes, MesosBytesList};
use super::channel::MesosChannel;
use super::error::MesosCode;
use super::guard::{guard, guard_value};
use super::handle::{self, Creator, Handle};
use super::stats::MesosStats;
use crate::backends;
use crate::descriptors::AboveStandard;
use crate::driver::{self, SchedulerCall, SchedulerDriver, SchedulerOptions, Status};
use std::ffi::{c_int, OsString};
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

/// A framework's connection to Mesos. Functions: `mesos_scheduler_driver_*`. Any number of threads may use it.
///
/// Calls never wait for the network. Only `mesos_scheduler_driver_free` does, for a limited time: do not call it from a thread
/// that Mesos' answers need.
pub struct MesosSchedulerDriver {
    driver: Arc<dyn SchedulerDriver>,
    creator: Creator,
}

impl Handle for MesosSchedulerDriver {
    const NAME: &'static str = "scheduler driver";
    fn creator(&self) -> Creator {
        self.creator
    }
}

impl Drop for MesosSchedulerDriver {
    fn drop(&mut self) {
        self.driver.close();
    }
}

/// What a scheduler driver is made from. All bytes are read only during the call.
#[repr(C)]
pub struct MesosSchedulerOptions {
    /// `native`, `libmesos`, or empty for the default.
    pub driver: MesosBytes,
    /// A master string, such as `local`, `host:port` or `zk://host:port/path`.
    pub master: MesosBytes,
    /// Encoded mesos.FrameworkInfo.
    pub framework: MesosBytes,
    /// Encoded mesos.Credential; empty for none.
    pub credential: MesosBytes,
    /// Acknowledge a status update on `mesos_event_acknowledge`; else only on `mesos_scheduler_driver_acknowledge`.
    pub implicit_acknowledgements: bool,
    /// The driver fails after this many seconds without a master; 0: never. A negative number is an error.
    pub master_timeout: f64,
    /// Path of the file that keeps the framework's id between runs; empty for none.
    pub framework_id_file: MesosBytes,
    /// Ask for the states of all tasks after every subscription.
    pub reconcile_on_registration: bool,
    /// How many calls may be unanswered: 1 to 1000.
    pub max_unanswered_calls: i64,
    /// How many more calls may wait; the next one fails with MESOS_FULL.
    pub max_queued_calls: i64,
    /// For `local`: path of the helper executable.
    pub helper: MesosBytes,
    /// For `local`: `NAME=VALUE` strings for the environment of executors.
    pub executor_environment: MesosBytesList,
}

/// Carries `call` out on a driver and writes the driver's status.
fn call(driver: *const MesosSchedulerDriver, status: *mut c_int, call: impl FnOnce() -> SchedulerCall) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and a place for the result, both the caller's.
        let (driver, status) = unsafe { (handle::get(driver)?, handle::out(status)?) };
        *status = driver.driver.call(call())? as c_int;
        Ok(())
    })
}

/// A driver whose events are queued in `channel`. Owned by the caller. For `local` the cluster starts here.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_new(
    channel: *const MesosChannel,
    options: *const MesosSchedulerOptions,
    result: *mut *mut MesosSchedulerDriver,
) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle, options and a place for the result, all the caller's, with bytes lent for the call.
        let (channel, result, options) = unsafe {
            let given = &*handle::out(options.cast_mut())?;
            let credential = given.credential.to_vec();
            let framework_id_file = given.framework_id_file.to_vec();
            let options = SchedulerOptions {
                driver: given.driver.to_text(),
                master: given.master.to_text(),
                framework: given.framework.to_vec(),
                credential: (!credential.is_empty()).then_some(credential),
                implicit_acknowledgements: given.implicit_acknowledgements,
                master_timeout: driver::limits::master_timeout(given.master_timeout)?,
                framework_id_file: (!framework_id_file.is_empty()).then(|| OsString::from_vec(framework_id_file).into()),
                reconcile_on_registration: given.reconcile_on_registration,
                max_unanswered_calls: Some(given.max_unanswered_calls),
                max_queued_calls: Some(given.max_queued_calls),
                helper: OsString::from_vec(given.helper.to_vec()).into(),
                executor_environment: given
                    .executor_environment
                    .to_texts()
                    .iter()
                    .filter_map(|pair| {
                        let (name, value) = pair.split_once('=')?;
                        Some((name.to_string(), value.to_string()))
                    })
                    .collect(),
            };
            (handle::get(channel)?, handle::out(result)?, options)
        };
        // Files, the cluster's socket, the pipes to its helper.
        let _above = AboveStandard::hold();
        *result = handle::give(MesosSchedulerDriver {
            driver: backends::scheduler::new(options, channel.channel.clone())?,
            creator: Creator::this_process(),
        });
        Ok(())
    })
}

/// What the driver runs on, `native` or `libmesos`. The bytes stay valid for ever.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_backend(driver: *const MesosSchedulerDriver) -> MesosBytes {
    guard_value(MesosBytes::default(), || {
        // SAFETY: a live handle of the caller's.
        let backend = unsafe { handle::get(driver) }?.driver.backend();
        Ok(MesosBytes::borrowed(backend.name().as_bytes()))
    })
}

/// Ends the driver: sends what is queued and closes its connections, within a few seconds; a `local` cluster ends with it.
/// Without an earlier stop the framework stays registered for its failover_timeout.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_free(driver: *mut MesosSchedulerDriver) {
    guard(|| {
        // SAFETY: the caller gives the handle up.
        unsafe { handle::free(driver) };
        Ok(())
    });
}

/// The id that `mesos_event_driver` returns for this driver's events.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_id(driver: *const MesosSchedulerDriver) -> u64 {
    guard_value(0, || {
        // SAFETY: a live handle of the caller's.
        Ok(unsafe { handle::get(driver) }?.driver.id())
    })
}

/// Writes the status (a number of mesos.Status), as do all functions below.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_status(driver: *const MesosSchedulerDriver, status: *mut c_int) -> MesosCode {
    act(driver, status, |d| Ok(d.status()))
}

/// Connects to the master.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_start(driver: *const MesosSchedulerDriver, status: *mut c_int) -> MesosCode {
    act(driver, status, |d| d.start())
}

/// Ends the framework (TEARDOWN), or with `failover` only this driver's connection.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_stop(
    driver: *const MesosSchedulerDriver,
    failover: bool,
    status: *mut c_int,
) -> MesosCode {
    act(driver, status, |d| Ok(d.stop(failover)))
}

/// Ends the driver's callbacks and takes no more offers. The framework and its tasks stay.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_abort(driver: *const MesosSchedulerDriver, status: *mut c_int) -> MesosCode {
    act(driver, status, |d| Ok(d.abort()))
}

fn act(
    driver: *const MesosSchedulerDriver,
    status: *mut c_int,
    action: impl FnOnce(&dyn SchedulerDriver) -> Result<Status, driver::DriverError>,
) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and a place for the result, both the caller's.
        let (driver, status) = unsafe { (handle::get(driver)?, handle::out(status)?) };
        *status = action(driver.driver.as_ref())? as c_int;
        Ok(())
    })
}

/// `requests`: encoded mesos.Request messages.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_request_resources(
    driver: *const MesosSchedulerDriver,
    requests: MesosBytesList,
    status: *mut c_int,
) -> MesosCode {
    call(driver, status, || SchedulerCall::RequestResources {
        // SAFETY: the caller lends the bytes for the call.
        requests: unsafe { requests.to_vecs() },
    })
}

/// `offer_ids`, `tasks`, `filters`: encoded mesos.OfferID, mesos.TaskInfo, mesos.Filters.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_launch_tasks(
    driver: *const MesosSchedulerDriver,
    offer_ids: MesosBytesList,
    tasks: MesosBytesList,
    filters: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    // SAFETY: the caller lends the bytes for the call.
    call(driver, status, || unsafe {
        SchedulerCall::LaunchTasks {
            offer_ids: offer_ids.to_vecs(),
            tasks: tasks.to_vecs(),
            filters: Some(filters.to_vec()),
        }
    })
}

/// `offer_ids`, `operations`, `filters`: encoded mesos.OfferID, mesos.Offer.Operation, mesos.Filters.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_accept_offers(
    driver: *const MesosSchedulerDriver,
    offer_ids: MesosBytesList,
    operations: MesosBytesList,
    filters: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    // SAFETY: the caller lends the bytes for the call.
    call(driver, status, || unsafe {
        SchedulerCall::AcceptOffers {
            offer_ids: offer_ids.to_vecs(),
            operations: operations.to_vecs(),
            filters: Some(filters.to_vec()),
        }
    })
}

/// `offer_id`, `filters`: encoded mesos.OfferID, mesos.Filters.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_decline_offer(
    driver: *const MesosSchedulerDriver,
    offer_id: MesosBytes,
    filters: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    // SAFETY: the caller lends the bytes for the call.
    call(driver, status, || unsafe {
        SchedulerCall::DeclineOffer {
            offer_id: offer_id.to_vec(),
            filters: Some(filters.to_vec()),
        }
    })
}

/// Removes filters and ends suppression, for these roles or, with `all`, for all roles. Without both it does nothing.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_revive_offers(
    driver: *const MesosSchedulerDriver,
    roles: MesosBytesList,
    all: bool,
    status: *mut c_int,
) -> MesosCode {
    call(driver, status, || SchedulerCall::ReviveOffers {
        // SAFETY: the caller lends the bytes for the call.
        roles: (!all).then(|| unsafe { roles.to_texts() }),
    })
}

/// Asks for no more offers until they are revived, for these roles or, with `all`, for all roles. Without both it does nothing.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_suppress_offers(
    driver: *const MesosSchedulerDriver,
    roles: MesosBytesList,
    all: bool,
    status: *mut c_int,
) -> MesosCode {
    call(driver, status, || SchedulerCall::SuppressOffers {
        // SAFETY: the caller lends the bytes for the call.
        roles: (!all).then(|| unsafe { roles.to_texts() }),
    })
}

/// `framework`: encoded mesos.FrameworkInfo with the framework's id. With `keep_suppressed`, suppressed roles stay suppressed.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_update_framework(
    driver: *const MesosSchedulerDriver,
    framework: MesosBytes,
    suppressed_roles: MesosBytesList,
    keep_suppressed: bool,
    status: *mut c_int,
) -> MesosCode {
    // SAFETY: the caller lends the bytes for the call.
    call(driver, status, || unsafe {
        SchedulerCall::UpdateFramework {
            framework: framework.to_vec(),
            suppressed_roles: (!keep_suppressed).then(|| suppressed_roles.to_texts()),
        }
    })
}

/// `offer_ids`: encoded mesos.OfferID messages of inverse offers. `filters`: encoded mesos.Filters.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_accept_inverse_offers(
    driver: *const MesosSchedulerDriver,
    offer_ids: MesosBytesList,
    filters: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    // SAFETY: the caller lends the bytes for the call.
    call(driver, status, || unsafe {
        SchedulerCall::AcceptInverseOffers {
            offer_ids: offer_ids.to_vecs(),
            filters: Some(filters.to_vec()),
        }
    })
}

/// As `mesos_scheduler_driver_accept_inverse_offers`.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_decline_inverse_offers(
    driver: *const MesosSchedulerDriver,
    offer_ids: MesosBytesList,
    filters: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    // SAFETY: the caller lends the bytes for the call.
    call(driver, status, || unsafe {
        SchedulerCall::DeclineInverseOffers {
            offer_ids: offer_ids.to_vecs(),
            filters: Some(filters.to_vec()),
        }
    })
}

/// Acknowledges an update explicitly. `update`: encoded mesos.OperationStatus.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_acknowledge_operation(
    driver: *const MesosSchedulerDriver,
    update: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    call(driver, status, || SchedulerCall::AcknowledgeOperation {
        // SAFETY: the caller lends the bytes for the call.
        status: unsafe { update.to_vec() },
    })
}

/// `operations`: encoded mesos.scheduler.Call.ReconcileOperations.Operation messages; none for all operations.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_reconcile_operations(
    driver: *const MesosSchedulerDriver,
    operations: MesosBytesList,
    status: *mut c_int,
) -> MesosCode {
    call(driver, status, || SchedulerCall::ReconcileOperations {
        // SAFETY: the caller lends the bytes for the call.
        operations: unsafe { operations.to_vecs() },
    })
}

/// `executor_id`, `slave_id`: encoded mesos.ExecutorID, mesos.SlaveID.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_shutdown_executor(
    driver: *const MesosSchedulerDriver,
    executor_id: MesosBytes,
    slave_id: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    // SAFETY: the caller lends the bytes for the call.
    call(driver, status, || unsafe {
        SchedulerCall::ShutdownExecutor {
            executor_id: executor_id.to_vec(),
            slave_id: slave_id.to_vec(),
        }
    })
}

/// What the driver has counted. The caller frees it with `mesos_stats_free`.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_stats(driver: *const MesosSchedulerDriver, result: *mut *mut MesosStats) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and a place for the result, both the caller's.
        let (driver, result) = unsafe { (handle::get(driver)?, handle::out(result)?) };
        *result = MesosStats::give(driver.driver.stats());
        Ok(())
    })
}

/// `task_id`, `kill_policy`: encoded mesos.TaskID, mesos.KillPolicy. Without a policy, that of the task applies.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_kill_task(
    driver: *const MesosSchedulerDriver,
    task_id: MesosBytes,
    kill_policy: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    // SAFETY: the caller lends the bytes for the call.
    call(driver, status, || unsafe {
        let kill_policy = kill_policy.to_vec();
        SchedulerCall::KillTask {
            task_id: task_id.to_vec(),
            // Empty, it says nothing.
            kill_policy: (!kill_policy.is_empty()).then_some(kill_policy),
        }
    })
}

/// Acknowledges an update explicitly. `update`: encoded mesos.TaskStatus.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_acknowledge(
    driver: *const MesosSchedulerDriver,
    update: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    call(driver, status, || SchedulerCall::Acknowledge {
        // SAFETY: the caller lends the bytes for the call.
        status: unsafe { update.to_vec() },
    })
}

/// `executor_id`, `slave_id`: encoded mesos.ExecutorID, mesos.SlaveID. `data`: any bytes.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_send_framework_message(
    driver: *const MesosSchedulerDriver,
    executor_id: MesosBytes,
    slave_id: MesosBytes,
    data: MesosBytes,
    status: *mut c_int,
) -> MesosCode {
    // SAFETY: the caller lends the bytes for the call.
    call(driver, status, || unsafe {
        SchedulerCall::SendFrameworkMessage {
            executor_id: executor_id.to_vec(),
            slave_id: slave_id.to_vec(),
            data: data.to_vec(),
        }
    })
}

/// `statuses`: encoded mesos.TaskStatus messages; none for implicit reconciliation.
#[no_mangle]
pub extern "C" fn mesos_scheduler_driver_reconcile_tasks(
    driver: *const MesosSchedulerDriver,
    statuses: MesosBytesList,
    status: *mut c_int,
) -> MesosCode {
    call(driver, status, || SchedulerCall::ReconcileTasks {
        // SAFETY: the caller lends the bytes for the call.
        statuses: unsafe { statuses.to_vecs() },
    })
}
