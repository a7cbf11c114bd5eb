#![no_main]

use safelight_fuzz::fuzzed::wire;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::wire_messages(bytes));
