#![no_main]

use safelight_fuzz::fuzzed::links;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| links::link_messages(bytes));
