#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| barge::fuzz::flags(bytes));
