//! What the benchmarks share.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

pub(crate) mod archive;
pub(crate) mod bare;
pub(crate) mod camera;
pub(crate) mod figures;
pub(crate) mod gateway;
pub(crate) mod phones;
pub(crate) mod process;
pub(crate) mod yardstick;
