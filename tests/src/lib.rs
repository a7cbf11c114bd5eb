//! What the end-to-end tests share.
#![forbid(unsafe_code)]

pub mod browser;
pub mod fuzzed;
pub mod gateway;
pub mod memory;
pub mod pictures;
pub mod power_cut;
pub mod shared;
pub mod source;
pub mod staff;
pub mod strace;
pub mod tools;
pub mod traces;

// The fuzz targets have these without the rest of the gateway under these names.
pub use safelight_gateway::enrol::attestation;
pub use safelight_gateway::link;
