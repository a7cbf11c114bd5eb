//! What the end-to-end tests share.
#![forbid(unsafe_code)]

pub mod fuzzed;
pub mod gateway;
pub mod memory;
pub mod pictures;
pub mod shared;
pub mod source;
pub mod tools;
pub mod traces;
