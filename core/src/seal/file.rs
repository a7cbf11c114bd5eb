//! Whole age files of small things: labels and thumbnails.

use std::num::NonZeroUsize;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::error::{HeaderError, OpenError, SealError};
use super::header::Header;
use super::keys::{Identity, Recipient};
use super::payload::seal_payload;
use super::stream::open_payload;

/// Seals `plain` into a whole age file: header, then payload.
pub fn seal_bytes<R: TryCryptoRng>(plain: &[u8], recipients: &[Recipient], rng: &mut R) -> Result<Vec<u8>, SealError> {
    let payload = seal_payload(std::iter::once(plain), plain.len(), NonZeroUsize::MIN, rng)?;
    let mut file = payload.header(&[], recipients, rng)?;
    file.extend_from_slice(payload.bytes());
    Ok(file)
}

/// Opens a whole age file with the first of `identities` that fits.
pub fn open_bytes(file: &[u8], identities: &[&Identity]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (header, consumed) = Header::parse(file)?;
    let file_key = header.unwrap_key(identities)?;
    open_payload(&file_key, file.get(consumed..).unwrap_or_default())
}

/// Header and payload of a whole age file, of which the header is read and the payload is not.
pub fn split(file: &[u8]) -> Result<(&[u8], &[u8]), HeaderError> {
    let (_, consumed) = Header::parse(file)?;
    file.split_at_checked(consumed).ok_or(HeaderError::Truncated)
}
