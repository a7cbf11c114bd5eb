//! From camera bytes to a verified receipt.
//!
//! Two things live here. The pure core, which knows no clock, disk, socket or runtime: bytes, time and
//! randomness are arguments. And, behind the feature `client`, the one part that speaks QUIC.
//!
//! The rooms, in the order in which a picture walks through them:
//!
//! | room | from | to |
//! |---|---|---|
//! | [`photo`] | camera bytes | `Photo`: container known, limits checked |
//! | [`strip`] | `Photo` | `StrippedPhoto`: pixels, colour and orientation, nothing else |
//! | [`seal`] | `StrippedPhoto` | an age v1 file: payload first, then the header |
//! | [`label`] | who and where | a second, small age file |
//! | [`manifest`] | lengths and digests | a COSE_Sign1 by the device key |
//! | [`capture`] | all of these | `SealedCapture`, the unit that is sent |
//! | [`session`] | `SealedCapture` | frames of [`wire`], as state machines without a network |
//! | [`receipt`] | the gateway's answer | `VerifiedReceipt`, which alone frees the picture |
//!
//! Beside them: [`keyset`] (what the clinic's keys are), [`invitation`] and [`enrol`] (how a phone joins),
//! [`log`] (Merkle tree and checkpoints), [`device_key`] (the key that never leaves the phone).
#![forbid(unsafe_code)]

pub mod capture;
pub mod cbor;
#[cfg(feature = "client")]
pub mod client;
pub mod cose;
pub mod device_key;
pub mod enrol;
pub mod ids;
pub mod invitation;
pub mod keyset;
pub mod label;
pub mod log;
pub mod manifest;
pub mod photo;
pub mod receipt;
pub mod seal;
pub mod session;
pub mod strip;
pub mod text;
pub mod wire;

#[cfg(test)]
pub(crate) mod testing;
