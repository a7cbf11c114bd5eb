//! What the end-to-end tests share.
#![forbid(unsafe_code)]

pub mod fuzzed;
pub mod gateway;
pub mod pictures;
pub mod power_cut;
pub mod shared;
pub mod source;
pub mod strace;
pub mod tools;
