#![no_main]

use safelight_fuzz::fuzzed::signed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| signed::receipt_cose(bytes));
