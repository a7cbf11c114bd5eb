//! (being written)

/// SHA-256 of a manifest's COSE payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ManifestHash(pub [u8; 32]);
