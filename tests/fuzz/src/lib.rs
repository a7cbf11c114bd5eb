//! The properties, without the gateway that the package of the tests brings along.

#[path = "../../src/fuzzed.rs"]
pub mod fuzzed;
