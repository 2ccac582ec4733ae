#![no_main]
mod encode_check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| encode_check::check(data));
