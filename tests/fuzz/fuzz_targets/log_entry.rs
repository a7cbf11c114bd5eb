#![no_main]

use safelight_fuzz::fuzzed::logs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| logs::log_entry(bytes));
