#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mesos_perl::local::stage::requests::check(data));
