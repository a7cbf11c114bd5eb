#![no_main]

use safelight_fuzz::fuzzed::sessions;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sessions::session(bytes));
