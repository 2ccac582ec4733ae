//! Drivers over libmesos' own C++ classes, MesosSchedulerDriver and MesosExecutorDriver: the original module's path, kept for
//! sites that have libmesos installed. Cargo feature `libmesos`.
//!
//! The path of a callback: libmesos' thread -> proxy (`scheduler.cc`, `executor.cc`: encodes the messages) -> `glue.cc` ->
//! [`bridge`] -> [`events`], which queues it -> the channel. And of a call: Perl's thread -> [`worker`]'s queue -> its thread
//! -> [`scheduler`] or [`executor`] -> [`bridge`] -> `glue.cc` -> proxy (decodes) -> libmesos.
//!
//! Every use of a C++ driver, from constructor to destructor, happens in one thread of ours, with all signals blocked, and
//! without any lock. So Perl never waits for libmesos' lock, threads that libmesos starts take no signals from Perl, and the
//! destructor, which waits for libmesos' thread, runs neither in that thread nor with a lock that a callback needs.

pub mod bridge;
pub mod events;
pub mod executor;
pub mod scheduler;
pub mod work;
pub mod worker;

pub use executor::ExecutorDriver;
pub use scheduler::SchedulerDriver;

use crate::driver::DriverError;
use std::sync::OnceLock;

/// The version of the headers that this was compiled with.
pub const VERSION: &str = env!("PERL_MESOS_LIBMESOS_VERSION");
/// Which drivers could be linked: "scheduler", "executor".
pub const HALVES: &str = env!("PERL_MESOS_LIBMESOS_HALVES");
/// Whether the builder asked for libmesos: drivers use it unless told otherwise.
pub const IS_DEFAULT: bool = matches!(env!("PERL_MESOS_LIBMESOS_DEFAULT").as_bytes(), b"libmesos");

/// Refuses a process that was forked when libmesos was loaded already: a driver there would wait for threads that are not there.
fn claim() -> Result<(), DriverError> {
    static LOADED_BY: OnceLock<u32> = OnceLock::new();
    let here = std::process::id();
    match *LOADED_BY.get_or_init(|| here) == here {
        true => Ok(()),
        false => Err(DriverError::System(
            "libmesos was loaded before the fork, and its threads are not in this process: use driver => 'native', or make no \
             driver of libmesos before the fork"
                .to_string(),
        )),
    }
}

/// Where the proxies are if not beside the shared object; only for programs run out of cargo's target directory.
fn folder() -> &'static str {
    match cfg!(debug_assertions) {
        true => env!("PERL_MESOS_LIBMESOS_FOLDER"),
        false => "",
    }
}
