//! The two ends of an upload as state machines: bytes and time are arguments, nothing waits, nothing sleeps.
//!
//! [`send`] is the phone's end, [`receive`] the gateway's. `client` and the gateway's `ingest` are the shells
//! that carry their bytes; tests drive the two against each other without a network.

pub mod receive;
pub mod send;

#[cfg(test)]
mod tests;
