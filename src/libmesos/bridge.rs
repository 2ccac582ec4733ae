//! The cxx bridge: the types and functions that Rust and glue.cc share. The only place beside `ffi` with unsafe code.
//!
//! Exceptions arrive as `Err`; panics are caught here, since cxx would abort. Messages cross as the bytes they encode to.

use cxx::{CxxString, CxxVector};
use std::panic::{catch_unwind, AssertUnwindSafe};

#[cxx::bridge(namespace = "mesos_perl")]
pub mod ffi {
    /// As in proxy.h, whose numbers cxx compares with these.
    #[repr(u8)]
    #[derive(Debug)]
    enum Callback {
        Registered = 1,
        Reregistered = 2,
        Disconnected = 3,
        ResourceOffers = 4,
        OfferRescinded = 5,
        StatusUpdate = 6,
        SchedulerMessage = 7,
        SlaveLost = 8,
        ExecutorLost = 9,
        Error = 10,
        ExecutorRegistered = 11,
        ExecutorReregistered = 12,
        LaunchTask = 13,
        KillTask = 14,
        ExecutorMessage = 15,
        Shutdown = 16,
        Failed = 17,
    }

    /// One of a list of byte strings.
    #[derive(Clone, Debug, PartialEq)]
    struct Bytes {
        data: Vec<u8>,
    }

    extern "Rust" {
        type Listener;
        /// Called in libmesos' threads. Does not panic.
        fn callback(self: &Listener, which: Callback, arguments: &CxxVector<CxxString>);
    }

    unsafe extern "C++" {
        include!("mesos-perl/src/libmesos/glue.h");

        type Callback;
        type Scheduler;
        type Executor;

        /// Loads the proxy and makes a MesosSchedulerDriver. Dropping it waits for libmesos' thread of the driver.
        fn new_scheduler(
            folder: &str,
            listener: Box<Listener>,
            framework: &[u8],
            master: &[u8],
            credential: &[u8],
        ) -> Result<UniquePtr<Scheduler>>;
        fn features(self: &Scheduler) -> Result<u32>;
        fn start(self: Pin<&mut Scheduler>) -> Result<i32>;
        fn stop(self: Pin<&mut Scheduler>, failover: bool) -> Result<i32>;
        fn abort(self: Pin<&mut Scheduler>) -> Result<i32>;
        fn join(self: Pin<&mut Scheduler>) -> Result<i32>;
        fn request_resources(self: Pin<&mut Scheduler>, requests: &[Bytes]) -> Result<i32>;
        fn launch_tasks(self: Pin<&mut Scheduler>, offer_ids: &[Bytes], tasks: &[Bytes], filters: &[u8]) -> Result<i32>;
        fn accept_offers(self: Pin<&mut Scheduler>, offer_ids: &[Bytes], operations: &[Bytes], filters: &[u8]) -> Result<i32>;
        fn decline_offer(self: Pin<&mut Scheduler>, offer_id: &[u8], filters: &[u8]) -> Result<i32>;
        fn revive_offers(self: Pin<&mut Scheduler>) -> Result<i32>;
        fn revive_roles(self: Pin<&mut Scheduler>, roles: &[Bytes]) -> Result<i32>;
        fn suppress_offers(self: Pin<&mut Scheduler>) -> Result<i32>;
        fn suppress_roles(self: Pin<&mut Scheduler>, roles: &[Bytes]) -> Result<i32>;
        fn update_framework(self: Pin<&mut Scheduler>, framework: &[u8], suppressed_roles: &[Bytes]) -> Result<i32>;
        fn kill_task(self: Pin<&mut Scheduler>, task_id: &[u8]) -> Result<i32>;
        fn acknowledge(self: Pin<&mut Scheduler>, status: &[u8]) -> Result<i32>;
        fn send_framework_message(self: Pin<&mut Scheduler>, executor_id: &[u8], slave_id: &[u8], data: &[u8]) -> Result<i32>;
        fn reconcile_tasks(self: Pin<&mut Scheduler>, statuses: &[Bytes]) -> Result<i32>;

        /// Loads the proxy and makes a MesosExecutorDriver. Dropping it waits for libmesos' thread of the driver.
        fn new_executor(folder: &str, listener: Box<Listener>) -> Result<UniquePtr<Executor>>;
        fn start(self: Pin<&mut Executor>) -> Result<i32>;
        fn stop(self: Pin<&mut Executor>) -> Result<i32>;
        fn abort(self: Pin<&mut Executor>) -> Result<i32>;
        fn join(self: Pin<&mut Executor>) -> Result<i32>;
        fn send_status_update(self: Pin<&mut Executor>, status: &[u8]) -> Result<i32>;
        fn send_framework_message(self: Pin<&mut Executor>, data: &[u8]) -> Result<i32>;
    }
}

/// Who hears the callbacks of a driver.
pub struct Listener(Box<dyn Fn(ffi::Callback, Vec<Vec<u8>>) + Send + Sync>);

impl Listener {
    /// `take` gets a callback's arguments as bytes, in a thread of libmesos.
    pub fn new(take: impl Fn(ffi::Callback, Vec<Vec<u8>>) + Send + Sync + 'static) -> Box<Self> {
        Box::new(Listener(Box::new(take)))
    }

    /// What glue.cc calls.
    fn callback(&self, which: ffi::Callback, arguments: &CxxVector<CxxString>) {
        let arguments = AssertUnwindSafe(arguments);
        let taken = catch_unwind(AssertUnwindSafe(|| {
            (self.0)(which, arguments.iter().map(|a| a.as_bytes().to_vec()).collect());
        }));
        if taken.is_err() {
            // The hook of the panic has written its text.
            log::error!("a callback of libmesos panicked: a bug of this module");
        }
    }
}

/// Lists for the bridge.
pub fn list(all: Vec<Vec<u8>>) -> Vec<ffi::Bytes> {
    all.into_iter().map(|data| ffi::Bytes { data }).collect()
}
