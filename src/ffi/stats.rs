//! What a driver has counted: a list of numbers with names.

use super::bytes::MesosBytes;
use super::error::{FfiError, MesosCode};
use super::guard::{guard, guard_value};
use super::handle::{self, Creator, Handle};
use crate::driver::Stat;

/// What a driver had counted at one moment. Functions: `mesos_stats_*`. One thread at a time may use it.
pub struct MesosStats {
    stats: Vec<Stat>,
    creator: Creator,
}

impl Handle for MesosStats {
    const NAME: &'static str = "statistics";
    fn creator(&self) -> Creator {
        self.creator
    }
}

impl MesosStats {
    pub(super) fn give(stats: Vec<Stat>) -> *mut Self {
        handle::give(MesosStats {
            stats,
            creator: Creator::this_process(),
        })
    }
}

/// One number. Its bytes stay valid until `mesos_stats_free`.
#[repr(C)]
pub struct MesosStat {
    /// Empty for a number that belongs to no group.
    pub group: MesosBytes,
    pub name: MesosBytes,
    /// A count, or seconds.
    pub value: f64,
    /// Whether there is a value.
    pub is_known: bool,
}

/// How many numbers there are.
#[no_mangle]
pub extern "C" fn mesos_stats_count(stats: *const MesosStats) -> usize {
    guard_value(0, || {
        // SAFETY: a live handle of the caller's.
        Ok(unsafe { handle::get(stats) }?.stats.len())
    })
}

/// Writes the number at `index`, counted from 0.
#[no_mangle]
pub extern "C" fn mesos_stats_get(stats: *const MesosStats, index: usize, result: *mut MesosStat) -> MesosCode {
    guard(|| {
        // SAFETY: a live handle and a place for the result, both the caller's.
        let (stats, result) = unsafe { (handle::get(stats)?, handle::out(result)?) };
        let stat = stats
            .stats
            .get(index)
            .ok_or_else(|| FfiError::new(MesosCode::MesosBadArgument, format!("index: there is no number {index}")))?;
        *result = MesosStat {
            group: MesosBytes::borrowed(stat.group.as_bytes()),
            name: MesosBytes::borrowed(stat.name.as_bytes()),
            value: stat.value.unwrap_or_default(),
            is_known: stat.value.is_some(),
        };
        Ok(())
    })
}

/// Frees the numbers.
#[no_mangle]
pub extern "C" fn mesos_stats_free(stats: *mut MesosStats) {
    guard(|| {
        // SAFETY: the caller gives the handle up.
        unsafe { handle::free(stats) };
        Ok(())
    });
}
