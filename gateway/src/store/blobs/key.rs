//! The name of a blob.

use std::fmt;
use std::str::FromStr;

use safelight_core::ids::CaptureId;
use safelight_core::manifest::ManifestHash;

/// Between 8 and 64 lower-case hexadecimal digits and hyphens, digits at both ends: an id or a digest.
/// Nothing else becomes part of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey(String);

/// Text that is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a blob's key: 8 to 64 lower-case hexadecimal digits and hyphens are expected")]
pub struct BlobKeyError;

impl BlobKey {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The capture in a key that [`payload_key`] made; `None` for any other.
    pub fn capture(&self) -> Option<CaptureId> {
        let bytes = data_encoding::HEXLOWER.decode(self.0.as_bytes()).ok()?;
        CaptureId::from_slice(bytes.get(..16)?)
    }

    /// Its last two digits, by which blobs are spread over folders. Not its first: those of a UUIDv7 are
    /// the time's highest and stay the same for 34 years.
    pub(super) fn shard(&self) -> &str {
        // ASCII, at least eight long: both checked when it was made.
        self.0.get(self.0.len().saturating_sub(2)..).unwrap_or("00")
    }
}

/// The key of a capture's payload: capture and manifest, so that another manifest never continues or replaces it. It names nobody
/// and needs no look-up.
pub fn payload_key(capture: CaptureId, manifest: &ManifestHash) -> BlobKey {
    let hex = data_encoding::HEXLOWER;
    // Half of the digest is 128 bits: the other half would not fit a key.
    let (half, _) = manifest.0.split_at(16);
    BlobKey(format!("{}{}", hex.encode(capture.as_bytes()), hex.encode(half)))
}

impl FromStr for BlobKey {
    type Err = BlobKeyError;
    fn from_str(text: &str) -> Result<Self, BlobKeyError> {
        let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let bytes = text.as_bytes();
        let fits = (8..=64).contains(&bytes.len())
            && bytes.iter().all(|byte| digit(byte) || *byte == b'-')
            && bytes.first().is_some_and(digit)
            && bytes.iter().rev().take(2).all(digit);
        if fits { Ok(Self(text.to_owned())) } else { Err(BlobKeyError) }
    }
}

impl From<CaptureId> for BlobKey {
    fn from(id: CaptureId) -> Self {
        Self(id.to_string())
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digests_and_ids_are_keys() {
        for good in ["00000000", "0198c0de-aaaa-7bbb-8ccc-0123456789ab", &"f".repeat(64)] {
            assert_eq!(good.parse::<BlobKey>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "0000000",
            "../../../etc",
            "00000000/..",
            "ABCDEF00",
            "00000000.",
            "0000 0000",
            "-0000000",
            "000000-0",
            "0000000-",
            "0000000\0",
            "g0000000",
            "００００００００",
            &"f".repeat(65),
        ] {
            assert_eq!(bad.parse::<BlobKey>(), Err(BlobKeyError), "{bad:?}");
        }
    }

    #[test]
    fn captures_of_one_day_spread_over_the_shards() {
        let shards: std::collections::HashSet<String> = (0..=255)
            .map(|byte| {
                let id = CaptureId::new(UnixMillis(1_760_000_000_000), &[7, 7, 7, 7, 7, 7, 7, 7, 7, byte]);
                BlobKey::from(id).shard().to_owned()
            })
            .collect();
        assert_eq!(shards.len(), 256);
    }

    use safelight_core::ids::UnixMillis;
}
