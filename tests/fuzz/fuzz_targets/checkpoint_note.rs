#![no_main]

use safelight_fuzz::fuzzed::logs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| logs::checkpoint_note(bytes));
