//! Sealing: plaintext in slices becomes nonce and chunks in one buffer, hashed in the same pass.

use std::num::NonZeroUsize;

use bytes::{Bytes, BytesMut};
use rand_core::TryCryptoRng;
use sha2::{Digest, Sha256};

use super::desk::Desk;
use super::error::SealError;
use super::header::write_header;
use super::keys::{FileKey, Recipient};
use super::pieces::Pieces;
use super::stanza::Stanza;
use super::stream::{ChunkCipher, sealed_payload_len};
use super::{CHUNK_LEN, NONCE_LEN};

/// A sealed payload, its hash, and the key with which its header is still to be written.
#[derive(Debug)]
pub struct SealedPayload {
    bytes: Bytes,
    sha256: [u8; 32],
    file_key: FileKey,
}

impl SealedPayload {
    /// Nonce and chunks.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes that is, never zero.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a payload is never empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// SHA-256 of nonce and chunks.
    #[must_use]
    pub const fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The header for this payload: `stanzas` first, then a stanza for each of `recipients`.
    pub fn header<R: TryCryptoRng>(
        &self,
        stanzas: &[Stanza],
        recipients: &[Recipient],
        rng: &mut R,
    ) -> Result<Vec<u8>, SealError> {
        write_header(&self.file_key, stanzas, recipients, rng)
    }

    /// Nonce and chunks alone, once the headers are written: whoever holds a picture until it is sent holds no key to it.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    #[cfg(any(test, feature = "passphrase"))]
    pub(super) const fn file_key(&self) -> &FileKey {
        &self.file_key
    }
}

/// Seals the plaintext that `parts` make up, `len` bytes in all, under a fresh file key and nonce.
///
/// The plaintext is read once, chunk by chunk into its place in the result, where it is sealed at once. The
/// result is allocated at its final size. `workers` are the threads to use, this one included.
pub fn seal_payload<'a, R: TryCryptoRng>(
    parts: impl Iterator<Item = &'a [u8]> + Clone,
    len: usize,
    workers: NonZeroUsize,
    rng: &mut R,
) -> Result<SealedPayload, SealError> {
    let pieces = Pieces::new(parts).ok_or(SealError::Length)?;
    if pieces.len() != len {
        return Err(SealError::Length);
    }
    if len == 0 {
        return Err(SealError::Empty);
    }
    let file_key = FileKey::generate(rng)?;
    let mut nonce = [0; NONCE_LEN];
    rng.try_fill_bytes(&mut nonce).map_err(|_| SealError::Randomness)?;
    let cipher = ChunkCipher::new(&file_key, &nonce).ok_or(SealError::Cipher)?;

    let sealed_len = usize::try_from(sealed_payload_len(len as u64));
    let mut bytes = BytesMut::with_capacity(sealed_len.map_err(|_| SealError::Length)?);
    bytes.extend_from_slice(&nonce);
    let hasher = Sha256::new_with_prefix(nonce);
    let chunks = Chunks { cipher, pieces, count: len.div_ceil(CHUNK_LEN) };
    let workers = workers.get().min(chunks.count);
    let (bytes, hasher) =
        if workers == 1 { chunks.seal_alone(bytes, hasher) } else { Desk::new(&chunks, bytes, hasher).seal(workers) }
            .ok_or(SealError::Cipher)?;
    debug_assert_eq!(bytes.capacity(), bytes.len(), "allocated once, at its final size");
    Ok(SealedPayload { sha256: hasher.finalize().into(), bytes: bytes.freeze(), file_key })
}

/// The plaintext, chunk by chunk, and what seals it.
pub(super) struct Chunks<'a> {
    cipher: ChunkCipher,
    pieces: Pieces<'a>,
    pub(super) count: usize,
}

impl Chunks<'_> {
    /// Appends chunk `number` to `out`: copied there, and sealed in place while it is in the cache.
    pub(super) fn seal_onto(&self, number: usize, out: &mut BytesMut) -> Option<()> {
        let at = out.len();
        for piece in self.pieces.range(number * CHUNK_LEN, CHUNK_LEN) {
            out.extend_from_slice(piece);
        }
        let last = number + 1 == self.count;
        let chunk = out.get_mut(at..)?;
        let tag = self.cipher.seal(number as u64, last, chunk)?;
        out.extend_from_slice(&tag);
        Some(())
    }

    /// On this thread alone: each chunk is sealed in its place and hashed.
    fn seal_alone(&self, mut bytes: BytesMut, mut hasher: Sha256) -> Option<(BytesMut, Sha256)> {
        for number in 0..self.count {
            let at = bytes.len();
            self.seal_onto(number, &mut bytes)?;
            hasher.update(bytes.get(at..)?);
        }
        Some((bytes, hasher))
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::open_payload;
    use super::*;
    use getrandom::SysRng;
    use proptest::prelude::*;

    fn workers(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    fn check(parts: &[&[u8]], threads: usize) {
        let plain = parts.concat();
        let sealed = seal_payload(parts.iter().copied(), plain.len(), workers(threads), &mut SysRng).unwrap();
        assert_eq!(sealed.len() as u64, sealed_payload_len(plain.len() as u64));
        assert_eq!(sealed.sha256(), <[u8; 32]>::from(Sha256::digest(sealed.bytes())));
        let opened = open_payload(&sealed.file_key, sealed.bytes()).unwrap();
        assert!(*opened == plain);
    }

    #[test]
    fn lengths_around_the_chunk() {
        let plain: Vec<u8> = (0u8..251).cycle().take(CHUNK_LEN * 5).collect();
        for len in
            [1, 15, 16, 17, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 2 * CHUNK_LEN, 5 * CHUNK_LEN - 1, 5 * CHUNK_LEN]
        {
            for threads in [1, 2, 3, 16] {
                check(&[&plain[..len]], threads);
                check(&[b"", &plain[..len / 3], b"", &plain[len / 3..len]], threads);
            }
        }
    }

    #[test]
    fn many_threads_and_many_chunks_give_the_same_hash() {
        let plain: Vec<u8> = (0u8..253).cycle().take(CHUNK_LEN * 130 + 7).collect();
        for threads in [2, 4, 200] {
            check(&[&plain], threads);
        }
    }

    #[test]
    fn s06_s16_nothing_and_wrong_lengths_are_refused() {
        let seal = |parts: &[&[u8]], len| seal_payload(parts.iter().copied(), len, workers(2), &mut SysRng).err();
        assert_eq!(seal(&[], 0), Some(SealError::Empty));
        assert_eq!(seal(&[b"", b""], 0), Some(SealError::Empty));
        assert_eq!(seal(&[b"ab"], 1), Some(SealError::Length));
        assert_eq!(seal(&[b"ab"], 3), Some(SealError::Length));
        assert_eq!(seal(&[b"ab"], usize::MAX), Some(SealError::Length));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn round_trip_of_any_slices(
            cuts in prop::collection::vec(0usize..200_000, 0..6),
            len in 1usize..200_000,
            threads in 1usize..4,
        ) {
            let plain: Vec<u8> = (0u8..255).cycle().take(len).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % len).collect();
            cuts.sort_unstable();
            let mut parts = Vec::new();
            let mut done = 0;
            for cut in cuts {
                parts.push(&plain[done..cut]);
                done = cut;
            }
            parts.push(&plain[done..]);
            check(&parts, threads);
        }
    }
}
