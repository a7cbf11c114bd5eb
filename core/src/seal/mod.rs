#![doc = include_str!("FORMAT.md")]

mod desk;
mod error;
mod file;
mod header;
mod keys;
#[cfg(feature = "passphrase")]
pub mod passphrase;
mod payload;
mod pieces;
mod stack;
mod stanza;
mod stream;
mod x25519;

#[cfg(test)]
mod abuse_tests;
#[cfg(test)]
mod interop_tests;
#[cfg(test)]
mod vector_tests;

pub use error::{HeaderError, KeyTextError, OpenError, SealError};
pub use file::{open_bytes, seal_bytes, split};
pub use header::{Header, write_header};
pub use keys::{FileKey, Identity, Recipient};
pub use payload::{SealedPayload, seal_payload};
pub(crate) use stack::overwrite_stack;
pub use stanza::{MANIFEST_TAG, Stanza};
pub use stream::{Opener, open_payload, open_to, plain_len, sealed_payload_len};

/// The longest header that is read or written, in bytes.
pub const MAX_HEADER_LEN: usize = 16 * 1024;

/// The most stanzas that a header has.
pub const MAX_STANZAS: usize = 20;

/// The plaintext of one chunk of the payload, in bytes; the last chunk may be shorter.
pub const CHUNK_LEN: usize = 64 * 1024;

/// The Poly1305 tag behind every chunk, in bytes.
pub const TAG_LEN: usize = 16;

/// The nonce in front of the chunks, in bytes.
pub const NONCE_LEN: usize = 16;
