//! Sealing: plaintext in slices becomes nonce and chunks in one buffer, hashed in the same pass.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, TryLockError, mpsc};

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
    let sealing = Sealing {
        cipher,
        pieces,
        last: (len - 1) / CHUNK_LEN,
        sealed_len: sealed_len.map_err(|_| SealError::Length)?,
    };
    let start = Start::new(nonce, sealing.sealed_len);
    let helpers = (workers.get() - 1).min(sealing.last);
    let (bytes, hasher) = if helpers == 0 {
        sealing.alone(start)
    } else {
        sealing.shared(start, helpers)
    }
    .ok_or(SealError::Cipher)?;
    Ok(SealedPayload {
        sha256: hasher.finalize().into(),
        bytes,
        file_key,
    })
}

/// A payload from its first byte on, as far as it has been sealed and hashed in order.
struct Start {
    /// As large as the whole payload will be, but not zeroed first: to write everything twice takes a
    /// twentieth of the time that sealing takes.
    bytes: Vec<u8>,
    hasher: Sha256,
    chunks: usize,
}

impl Start {
    fn new(nonce: [u8; NONCE_LEN], sealed_len: usize) -> Self {
        let mut bytes = Vec::with_capacity(sealed_len);
        bytes.extend_from_slice(&nonce);
        Self {
            bytes,
            hasher: Sha256::new_with_prefix(nonce),
            chunks: 0,
        }
    }
}

struct Sealing<'a> {
    cipher: ChunkCipher,
    pieces: Pieces<'a>,
    /// The number of the last chunk.
    last: usize,
    sealed_len: usize,
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

    /// The next chunk: copied into its place, and sealed and hashed while it is in the cache.
    fn append(&self, start: &mut Start) -> Option<()> {
        let at = start.bytes.len();
        for piece in self.pieces.range(start.chunks * CHUNK_LEN, CHUNK_LEN) {
            start.bytes.extend_from_slice(piece);
        }
        let last = start.chunks == self.last;
        let chunk = start.bytes.get_mut(at..)?;
        let tag = self.cipher.seal(start.chunks as u64, last, chunk.into())?;
        start.bytes.extend_from_slice(&tag);
        start.hasher.update(start.bytes.get(at..)?);
        start.chunks += 1;
        Some(())
    }

    /// On this thread.
    fn alone(&self, mut start: Start) -> Option<(Vec<u8>, Sha256)> {
        while start.chunks <= self.last {
            self.append(&mut start)?;
        }
        Some((start.bytes, start.hasher))
    }

    /// On this thread and up to `helpers` more. Several threads can write into one buffer only when it is
    /// there as a whole, and zeroed. A helper sees to that, while this thread already seals.
    fn shared(&self, mut start: Start, helpers: usize) -> Option<(Vec<u8>, Sha256)> {
        let mut bytes = Vec::new();
        let desk: OnceLock<Option<Desk<'_>>> = OnceLock::new();
        let alone = {
            let (bytes, desk) = (&mut bytes, &desk);
            std::thread::scope(move |scope| {
                let (sender, zeroed) = mpsc::sync_channel(1);
                let mut sender = Some(sender);
                for _ in 0..helpers {
                    let sender = sender.take();
                    let help = move || {
                        if let Some(sender) = sender {
                            sender.send(vec![0; self.sealed_len]).ok();
                        }
                        if let Some(desk) = desk.wait() {
                            desk.work(self);
                        }
                    };
                    // Without a further thread it takes longer, that is all.
                    let thread = std::thread::Builder::new().name("seal".to_owned());
                    if thread.spawn_scoped(scope, help).is_err() {
                        break;
                    }
                }
                loop {
                    if let Ok(zeroed) = zeroed.try_recv() {
                        *bytes = zeroed;
                        break;
                    }
                    let more = start.chunks <= self.last && self.append(&mut start).is_some();
                    if !more {
                        // The helpers wait for word.
                        desk.get_or_init(|| None);
                        return Some(start);
                    }
                }
                if let Some(desk) = desk.get_or_init(|| Desk::new(start, bytes)) {
                    desk.work(self);
                }
                None
            })
        };
        match alone {
            Some(start) => self.alone(start),
            None => {
                let hasher = desk.into_inner()??.into_hasher()?;
                Some((bytes, hasher))
            }
        }
    }
}

/// What the threads share. Chunks can be sealed in any order, but hashed in theirs alone. So every thread,
/// before it seals the next chunk, hashes what is ready if nobody else is at it: one thread hashes as long
/// as the others keep ahead of it, and seals when it has caught up with them.
struct Desk<'o> {
    /// The chunks that were not sealed before the threads met, of which the first has this number.
    slots: Vec<Mutex<Slot<'o>>>,
    first: usize,
    /// The next slot to seal.
    next: AtomicUsize,
    /// How many slots have been hashed, and the hash so far.
    hashing: Mutex<(usize, Sha256)>,
}

struct Slot<'o> {
    bytes: &'o mut [u8],
    /// Sealed, and so ready to be hashed.
    ready: bool,
}

impl<'o> Desk<'o> {
    /// Goes on from `start` in `bytes`, which has the length of the whole payload.
    fn new(start: Start, bytes: &'o mut [u8]) -> Option<Self> {
        let (front, chunks) = bytes.split_at_mut_checked(start.bytes.len())?;
        front.copy_from_slice(&start.bytes);
        let slots = chunks.chunks_mut(SEALED_CHUNK_LEN);
        Some(Self {
            slots: slots
                .map(|bytes| {
                    Mutex::new(Slot {
                        bytes,
                        ready: false,
                    })
                })
                .collect(),
            first: start.chunks,
            next: AtomicUsize::new(0),
            hashing: Mutex::new((0, start.hasher)),
        })
    }

    fn work(&self, sealing: &Sealing<'_>) {
        loop {
            self.hash_ready();
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(slot) = self.slots.get(number) else {
                return;
            };
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.ready = sealing.seal(self.first + number, slot.bytes).is_some();
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

    /// The hash, once all threads are done; `None` if a chunk was not sealed.
    fn into_hasher(self) -> Option<Sha256> {
        self.hash_ready();
        let hashing = self.hashing.into_inner();
        let (hashed, hasher) = hashing.unwrap_or_else(PoisonError::into_inner);
        (hashed == self.slots.len()).then_some(hasher)
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
    fn threads_go_on_from_wherever_one_got_to() {
        let plain: Vec<u8> = (0..CHUNK_LEN * 4 + 9).map(|at| (at % 249) as u8).collect();
        let file_key = FileKey::from_bytes(&[1; 16]);
        let nonce = [2; NONCE_LEN];
        let sealing = Sealing {
            cipher: ChunkCipher::new(&file_key, &nonce).unwrap(),
            pieces: Pieces::new(plain.chunks(50_000)).unwrap(),
            last: 4,
            sealed_len: usize::try_from(sealed_payload_len(plain.len() as u64)).unwrap(),
        };
        let (alone, hasher) = sealing
            .alone(Start::new(nonce, sealing.sealed_len))
            .unwrap();
        let hash = hasher.finalize();
        for before in 0..=5 {
            let mut start = Start::new(nonce, sealing.sealed_len);
            for _ in 0..before {
                sealing.append(&mut start).unwrap();
            }
            let mut bytes = vec![0; sealing.sealed_len];
            let desk = Desk::new(start, &mut bytes).unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| desk.work(&sealing));
                desk.work(&sealing);
            });
            assert_eq!(desk.into_hasher().unwrap().finalize(), hash);
            assert!(bytes == alone);
        }
        let mut bytes = vec![0; sealing.sealed_len];
        let unsealed = Desk::new(Start::new(nonce, sealing.sealed_len), &mut bytes).unwrap();
        assert!(unsealed.into_hasher().is_none());
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
