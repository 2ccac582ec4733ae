//! The backends of the drivers that are built in.

use super::bytes::MesosBytes;
use super::error::{FfiError, MesosCode};
use super::guard::guard;
use super::handle;
use crate::backends::choice::built_in;

/// A backend of the drivers. Its strings stay valid for ever.
#[repr(C)]
pub struct MesosBackend {
    /// `native` or `libmesos`: what a driver's option `driver` takes.
    pub name: MesosBytes,
    /// Of this library, or of the libmesos whose headers it was built with.
    pub version: MesosBytes,
    /// Whether it has a scheduler driver, and an executor driver.
    pub scheduler: bool,
    pub executor: bool,
    /// Used if nothing else is asked for.
    pub is_default: bool,
}

/// Describes backend `index` (from 0). MESOS_BAD_ARGUMENT if there is no such backend.
#[no_mangle]
pub extern "C" fn mesos_backend(index: usize, result: *mut MesosBackend) -> MesosCode {
    guard(|| {
        // SAFETY: a place for the result, the caller's.
        let result = unsafe { handle::out(result)? };
        let all = built_in();
        let found = all.get(index);
        let found =
            found.ok_or_else(|| FfiError::new(MesosCode::MesosBadArgument, format!("backend {index} of {}", all.len())))?;
        *result = MesosBackend {
            name: MesosBytes::borrowed(found.backend.name().as_bytes()),
            version: MesosBytes::borrowed(found.version.as_bytes()),
            scheduler: found.scheduler,
            executor: found.executor,
            is_default: found.is_default,
        };
        Ok(())
    })
}
