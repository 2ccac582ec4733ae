//! What is wrong with JSON that is to be a message.

use super::answer;
use super::bytes::MesosBytes;
use super::error::{FfiError, MesosCode};
use super::guard::guard;
use super::handle;
use crate::message::class_by_perl_name;
use crate::message::json::{parse, surplus};

/// What Mesos would pass over in `json`, which is to be a message of the class that `class_name` says, as `Mesos::Master::Call`: a JSON
/// array with an object for each, of `path`, `name`, `of` (the message or enum that does not know the name), `known` (what it knows)
/// and `is_value` (whether the name is a value of an enum, and no field). `MESOS_BAD_ARGUMENT` if it is no JSON, or no such class.
///
/// The result is borrowed: valid until the next call in this thread of a function that lends such a result.
#[no_mangle]
pub extern "C" fn mesos_json_surplus(class_name: MesosBytes, json: MesosBytes, result: *mut MesosBytes) -> MesosCode {
    guard(|| {
        // SAFETY: bytes that the caller lends for the call, and the caller's place for the result.
        let (class_name, json, result) = unsafe { (class_name.to_text(), json.to_text(), handle::out(result)?) };
        let wrong = |reason: String| FfiError::new(MesosCode::MesosBadArgument, reason);
        let class = class_by_perl_name(&class_name).ok_or_else(|| wrong(format!("{class_name} is no class of messages")))?;
        let found = surplus(class, &parse(&json).map_err(wrong)?);
        *result = answer::lend(found.to_string().into_bytes())?;
        Ok(())
    })
}
