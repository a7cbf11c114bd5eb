#![no_main]

use safelight_fuzz::fuzzed::joining;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| joining::label_json(bytes));
