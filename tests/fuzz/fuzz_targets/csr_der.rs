#![no_main]

use safelight_fuzz::fuzzed::joining;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| joining::csr_der(bytes));
