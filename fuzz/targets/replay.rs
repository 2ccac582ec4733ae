#![no_main]
//! Bytes to Perl objects and back in an embedded perl: perl/message*.c, instrumented as far as the C compiler can.

mod decode_check;

use mesos_perl::message::schema::classes;
use std::sync::Once;

extern "C" {
    fn replay_start();
    fn replay(class: *const u8, class_len: usize, bytes: *const u8, len: usize);
}

static START: Once = Once::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((class, bytes)) = decode_check::split(data) else { return };
    let name = classes()[class.0 as usize].perl;
    // SAFETY: one thread; the bytes are lent for the call.
    unsafe {
        START.call_once(|| replay_start());
        replay(name.as_ptr(), name.len(), bytes.as_ptr(), bytes.len());
    }
});
