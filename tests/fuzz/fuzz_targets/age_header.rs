#![no_main]

use safelight_fuzz::fuzzed::age;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| age::age_header(bytes));
