//! The phone's client: the one part of the core that knows sockets and a runtime.
//!
//! | file | does |
//! |---|---|
//! | [`device`] | what an enrolled device remembers: certificate, key set, checkpoint, sequence number |
//! | [`enrol()`] | invitation in, enrolled device out, words to compare in between |
//! | [`Client`] | the connection: upload, renew, update the key set, survive a change of network |
//! | [`phone`] | all of it together, as an app uses it: shutter, capture, send, events |
//! | [`queue`] | pictures in flight, in memory, bounded; says how many more fit |
//! | [`tls`] | certificates on both sides, post-quantum key exchange, no resumption |
//!
//! Congestion control is BBR unless told otherwise: on a lossy link it decides everything. Sending 4 MB over 20 Mbit/s, 60 ms and
//! 1 % loss takes Cubic about seven times as long, because it takes every lost packet for congestion. The price is more bytes on the wire.
//!
//! Nothing here writes to a disk. What must be kept is handed to the caller as [`device::Device`], which holds nothing of a patient.

mod cancel;
mod connect;
pub mod device;
mod enrol;
mod error;
mod key;
mod maintain;
pub mod phone;
pub mod queue;
mod silence;
mod spread;
#[cfg(test)]
mod testing;
pub mod tls;
mod upload;

pub use cancel::CancelToken;
pub use connect::{Client, Congestion, Observer, Options};
pub use enrol::{EnrolRequest, enrol};
pub use error::{ClientError, not_now};
pub use maintain::Renewed;
pub use silence::Silence;
pub use upload::Progress;

#[cfg(test)]
mod tests;
