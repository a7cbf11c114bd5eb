#![no_main]

use safelight_fuzz::fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::strip_icc(bytes));
