//! Arithmetic on resources.

use super::answer;
use super::bytes::MesosBytes;
use super::error::{FfiError, MesosCode};
use super::guard::guard;
use super::handle;
use crate::resources::reckon::reckon;

/// Carries `action` (`add`, `contains`, ...) out on one or two lists of resources, which are encoded mesos.Request messages; some
/// actions take a text instead. Writes such a list, a text, or `1` and nothing for true and false.
///
/// The result is borrowed: valid until the next call in this thread of a function that lends such a result.
#[no_mangle]
pub extern "C" fn mesos_resources_reckon(
    action: MesosBytes,
    left: MesosBytes,
    right: MesosBytes,
    result: *mut MesosBytes,
) -> MesosCode {
    guard(|| {
        // SAFETY: bytes that the caller lends for the call, and the caller's place for the result.
        let (action, left, right, result) =
            unsafe { (action.to_text(), left.as_slice(), right.as_slice(), handle::out(result)?) };
        let answer = reckon(&action, left, right).map_err(|reason| FfiError::new(MesosCode::MesosBadArgument, reason))?;
        *result = answer::lend(answer)?;
        Ok(())
    })
}
