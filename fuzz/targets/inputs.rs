#![no_main]
mod inputs_check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| inputs_check::check(data));
