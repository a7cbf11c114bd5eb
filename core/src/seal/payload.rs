//! Sealing: plaintext in slices becomes nonce and chunks in one buffer, hashed in the same pass.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};

use chacha20poly1305::aead::inout::InOutBuf;
use rand_core::TryCryptoRng;
use sha2::{Digest, Sha256};

use super::error::SealError;
use super::header::write_header;
use super::keys::{FileKey, Recipient};
use super::pieces::Pieces;
use super::stanza::Stanza;
use super::stream::{ChunkCipher, SEALED_CHUNK_LEN, sealed_payload_len};
use super::{CHUNK_LEN, NONCE_LEN, TAG_LEN};

/// A sealed payload, its hash, and the key with which its header is still to be written.
#[derive(Debug)]
pub struct SealedPayload {
    bytes: Vec<u8>,
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

    /// Nonce and chunks without a copy; the file key is wiped.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    #[cfg(any(test, feature = "passphrase"))]
    pub(super) const fn file_key(&self) -> &FileKey {
        &self.file_key
    }
}

/// Seals the plaintext that `parts` make up, `len` bytes in all, under a fresh file key and nonce.
///
/// The plaintext is read once and copied nowhere but, as ciphertext, into the result, which is allocated
/// at its final size. `workers` are the threads to use, this one included.
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
    rng.try_fill_bytes(&mut nonce)
        .map_err(|_| SealError::Randomness)?;
    let cipher = ChunkCipher::new(&file_key, &nonce).ok_or(SealError::Cipher)?;

    let sealed_len = usize::try_from(sealed_payload_len(len as u64));
    let mut bytes = vec![0; sealed_len.map_err(|_| SealError::Length)?];
    let (front, chunks) = bytes
        .split_first_chunk_mut::<NONCE_LEN>()
        .ok_or(SealError::Length)?;
    *front = nonce;
    let sealing = Sealing {
        cipher,
        pieces,
        last: (len - 1) / CHUNK_LEN,
    };
    let hasher = Sha256::new_with_prefix(nonce);
    let workers = workers.get().min(sealing.last + 1);
    let hasher = if workers == 1 {
        sealing.alone(chunks, hasher)?
    } else {
        sealing.shared(chunks, hasher, workers)?
    };
    Ok(SealedPayload {
        sha256: hasher.finalize().into(),
        bytes,
        file_key,
    })
}

struct Sealing<'a> {
    cipher: ChunkCipher,
    pieces: Pieces<'a>,
    /// The number of the last chunk.
    last: usize,
}

impl Sealing<'_> {
    /// Seals chunk `number` into `sealed`, which has its length with the tag.
    fn seal(&self, number: usize, sealed: &mut [u8]) -> Option<()> {
        let (chunk, tag) = sealed.split_last_chunk_mut::<TAG_LEN>()?;
        let mut plain = self.pieces.range(number * CHUNK_LEN, chunk.len());
        let first = plain.next()?;
        let chunk = match InOutBuf::new(first, chunk) {
            // The usual case: the chunk lies in one slice and goes from there into its place.
            Ok(chunk) => chunk,
            Err(_) => {
                let mut rest = chunk.as_mut();
                for piece in std::iter::once(first).chain(plain) {
                    let (front, behind) = rest.split_at_mut_checked(piece.len())?;
                    front.copy_from_slice(piece);
                    rest = behind;
                }
                chunk.into()
            }
        };
        *tag = self
            .cipher
            .seal(number as u64, number == self.last, chunk)?;
        Some(())
    }

    /// On this thread: each chunk is hashed while it is in the cache.
    fn alone(&self, chunks: &mut [u8], mut hasher: Sha256) -> Result<Sha256, SealError> {
        for (number, chunk) in chunks.chunks_mut(SEALED_CHUNK_LEN).enumerate() {
            self.seal(number, chunk).ok_or(SealError::Cipher)?;
            hasher.update(&*chunk);
        }
        Ok(hasher)
    }

    /// On several threads. Chunks can be sealed in any order, but hashed in theirs alone. So every thread,
    /// before it seals the next chunk, hashes what is ready if nobody else is at it: one thread hashes as long
    /// as the others keep ahead of it, and seals when it has caught up with them.
    fn shared(
        &self,
        chunks: &mut [u8],
        hasher: Sha256,
        workers: usize,
    ) -> Result<Sha256, SealError> {
        let desk = Desk {
            slots: chunks
                .chunks_mut(SEALED_CHUNK_LEN)
                .map(|bytes| {
                    Mutex::new(Slot {
                        bytes,
                        ready: false,
                    })
                })
                .collect(),
            next: AtomicUsize::new(0),
            hashing: Mutex::new((0, hasher)),
        };
        std::thread::scope(|scope| {
            for _ in 1..workers {
                let thread = std::thread::Builder::new().name("seal".to_owned());
                // Without a further thread it takes longer, that is all.
                if thread.spawn_scoped(scope, || desk.work(self)).is_err() {
                    break;
                }
            }
            desk.work(self);
        });
        desk.hash_ready();
        let slots = desk.slots.len();
        let (hashed, hasher) = desk
            .hashing
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        // A chunk that was not sealed was not hashed either, nor any behind it.
        if hashed == slots {
            Ok(hasher)
        } else {
            Err(SealError::Cipher)
        }
    }
}

struct Slot<'o> {
    bytes: &'o mut [u8],
    /// Sealed, and so ready to be hashed.
    ready: bool,
}

/// What the threads share.
struct Desk<'o> {
    slots: Vec<Mutex<Slot<'o>>>,
    /// The next chunk to seal.
    next: AtomicUsize,
    /// How many chunks have been hashed, and the hash so far.
    hashing: Mutex<(usize, Sha256)>,
}

impl Desk<'_> {
    fn work(&self, sealing: &Sealing<'_>) {
        loop {
            self.hash_ready();
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(slot) = self.slots.get(number) else {
                return;
            };
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.ready = sealing.seal(number, slot.bytes).is_some();
        }
    }

    fn hash_ready(&self) {
        let mut hashing = match self.hashing.try_lock() {
            Ok(hashing) => hashing,
            Err(TryLockError::WouldBlock) => return,
            Err(TryLockError::Poisoned(hashing)) => hashing.into_inner(),
        };
        let (hashed, hasher) = &mut *hashing;
        while let Some(slot) = self.slots.get(*hashed) {
            // Held by whoever is sealing it.
            let Ok(slot) = slot.try_lock() else { return };
            if !slot.ready {
                return;
            }
            hasher.update(&*slot.bytes);
            *hashed += 1;
        }
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
        let sealed = seal_payload(
            parts.iter().copied(),
            plain.len(),
            workers(threads),
            &mut SysRng,
        )
        .unwrap();
        assert_eq!(sealed.len() as u64, sealed_payload_len(plain.len() as u64));
        assert_eq!(sealed.bytes.capacity(), sealed.len());
        assert_eq!(
            sealed.sha256(),
            <[u8; 32]>::from(Sha256::digest(sealed.bytes()))
        );
        let opened = open_payload(&sealed.file_key, sealed.bytes()).unwrap();
        assert!(*opened == plain);
    }

    #[test]
    fn lengths_around_the_chunk() {
        let plain: Vec<u8> = (0..CHUNK_LEN * 5).map(|at| (at % 251) as u8).collect();
        for len in [
            1,
            15,
            16,
            17,
            CHUNK_LEN - 1,
            CHUNK_LEN,
            CHUNK_LEN + 1,
            2 * CHUNK_LEN,
            5 * CHUNK_LEN - 1,
            5 * CHUNK_LEN,
        ] {
            for threads in [1, 2, 3, 16] {
                check(&[&plain[..len]], threads);
                check(
                    &[b"", &plain[..len / 3], b"", &plain[len / 3..len]],
                    threads,
                );
            }
        }
    }

    #[test]
    fn many_threads_and_many_chunks_give_the_same_hash() {
        let plain: Vec<u8> = (0..CHUNK_LEN * 130 + 7)
            .map(|at| (at % 253) as u8)
            .collect();
        for threads in [2, 4, 200] {
            check(&[&plain], threads);
        }
    }

    #[test]
    fn nothing_and_wrong_lengths_are_refused() {
        let seal = |parts: &[&[u8]], len| {
            seal_payload(parts.iter().copied(), len, workers(2), &mut SysRng).err()
        };
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
            let plain: Vec<u8> = (0..len).map(|at| (at * 7 % 255) as u8).collect();
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
