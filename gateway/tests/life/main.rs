//! The life of certificates, key sets and keys, over years in which time is the test's: both processes as they are, their sockets, and phones
//! that come and stay away. The clocks are arguments, so that two years take a minute.
//!
//! At every step: a device that is active and was not away for longer than its certificate allows gets in; one that was revoked or
//! forgotten never does. The ids are those of the abuse catalogue.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what does not go as it should is a failed test"
)]

mod background;
mod clinic;
mod clock;
mod restore;
mod rollover;
mod rotation;
mod years;

/// In milliseconds.
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;
