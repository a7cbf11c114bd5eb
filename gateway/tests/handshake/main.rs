//! Phone and gateway meet over QUIC on the loopback: who gets in, who does not, and what they are told.
//! The ids are those of the abuse catalogue.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a panic is the finding of a test")]

mod cast;
mod devices;
mod enrolment;
mod protocol;
mod shapes;
mod stage;
