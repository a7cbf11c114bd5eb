#![no_main]

use safelight_fuzz::fuzzed::android;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| android::android_attestation(bytes));
