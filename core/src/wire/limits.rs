//! Every limit of the wire, by name. A limit is checked before anything of that size is allocated.

use std::time::Duration;

/// Bytes of a frame's length prefix.
pub const FRAME_PREFIX_LEN: usize = 4;

/// Largest body of a request frame: manifest, header and label at their largest, and some keys.
pub const MAX_REQUEST_LEN: usize = 96 * 1024;

/// Largest body of a response frame.
pub const MAX_RESPONSE_LEN: usize = 64 * 1024;

/// Largest COSE_Sign1 of a manifest.
pub const MAX_MANIFEST_LEN: usize = 2 * 1024;

/// Largest age header of a picture or label.
pub const MAX_HEADER_LEN: usize = crate::seal::MAX_HEADER_LEN;

/// Largest sealed label: the age file, header and payload.
pub const MAX_LABEL_LEN: usize = 48 * 1024;

/// Largest payload of a picture: what a phone's main camera writes at its largest, several times over.
pub const MAX_PICTURE_LEN: u64 = 64 * 1024 * 1024;

/// Largest key-set envelope.
pub const MAX_KEY_SET_LEN: usize = 32 * 1024;

/// Largest PKCS#10 certificate request.
pub const MAX_CSR_LEN: usize = 4 * 1024;

/// Largest certificate (DER).
pub const MAX_CERTIFICATE_LEN: usize = 4 * 1024;

/// Most hashes of an inclusion or consistency proof: a tree of 2^63 leaves needs no more.
pub const MAX_PROOF_HASHES: usize = 64;

/// Requests that one connection may have open at once.
pub const MAX_STREAMS_PER_CONNECTION: u32 = 8;

/// Connections that one device may have at once: the old one may still linger while the phone changes networks.
pub const MAX_CONNECTIONS_PER_DEVICE: usize = 4;

/// A request must have arrived whole within this time.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(20);

/// An upload that brings less than [`MIN_BYTES_PER_WINDOW`] within this time is ended.
pub const RATE_WINDOW: Duration = Duration::from_secs(30);

/// See [`RATE_WINDOW`].
pub const MIN_BYTES_PER_WINDOW: u64 = 16 * 1024;

/// A connection without a sign of life is given up after this time.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A phone shows that it is alive this often, well within [`IDLE_TIMEOUT`] and the shortest common NAT timers.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Bytes in flight on one stream before the gateway has read them: at 60 ms this is 34 Mbit/s.
pub const STREAM_WINDOW: u32 = 256 * 1024;

/// Bytes in flight on one connection.
pub const CONNECTION_WINDOW: u32 = 512 * 1024;
