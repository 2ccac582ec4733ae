//! Logging: what PERL_MESOS_TRACE chose.

use super::bytes::MesosBytes;
use super::error::MesosCode;
use super::guard::guard;
use crate::logging;

/// Sets logging up as the environment says (MESOS_quiet, MESOS_logging_level, MESOS_log_dir; spelled in any case). The first
/// call in a process decides; later ones do nothing. `program` becomes part of the names of log files.
#[no_mangle]
pub extern "C" fn mesos_log_init(program: MesosBytes) -> MesosCode {
    guard(|| {
        // SAFETY: the caller lends the bytes for the call.
        let program = unsafe { program.to_text() };
        logging::init(&program, std::env::vars_os())
            .map_err(|e| super::error::FfiError::new(super::error::MesosCode::MesosBadArgument, e))
    })
}
