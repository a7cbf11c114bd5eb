//! The payload's chunks: STREAM over ChaCha20-Poly1305, and the way back.

use std::io::{Read, Write};

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::error::OpenError;
use super::keys::FileKey;
use super::{CHUNK_LEN, NONCE_LEN, TAG_LEN};

/// A full chunk with its tag.
pub(super) const SEALED_CHUNK_LEN: usize = CHUNK_LEN + TAG_LEN;

/// The same lengths as file offsets.
const CHUNK: u64 = CHUNK_LEN as u64;
const TAG: u64 = TAG_LEN as u64;
const NONCE: u64 = NONCE_LEN as u64;

/// How long the payload of `plain_len` bytes is: nonce, chunks and tags. Saturates.
#[must_use]
pub const fn sealed_payload_len(plain_len: u64) -> u64 {
    let chunks = plain_len.div_ceil(CHUNK);
    let chunks = if chunks == 0 { 1 } else { chunks };
    plain_len.saturating_add(chunks * TAG).saturating_add(NONCE)
}

/// How long the plaintext in a payload of `payload_len` bytes is; `None` if no payload has this length.
/// Zero is a length that age allows and that is never sealed here.
#[must_use]
pub const fn plain_len(payload_len: u64) -> Option<u64> {
    let Some(chunks_len) = payload_len.checked_sub(NONCE) else {
        return None;
    };
    let chunks = chunks_len.div_ceil(CHUNK + TAG);
    let Some(plain_len) = chunks_len.checked_sub(chunks * TAG) else {
        return None;
    };
    // The last chunk may be empty only if it is the only one.
    if sealed_payload_len(plain_len) == payload_len { Some(plain_len) } else { None }
}

/// Seals and opens the chunks of one payload.
pub(super) struct ChunkCipher(ChaCha20Poly1305);

impl ChunkCipher {
    /// `None` cannot happen: the length is one that HKDF gives.
    pub(super) fn new(file_key: &FileKey, nonce: &[u8; NONCE_LEN]) -> Option<Self> {
        let mut key = Zeroizing::new(Key::default());
        Hkdf::<Sha256>::new(Some(nonce), file_key.as_bytes()).expand(b"payload", key.as_mut_slice()).ok()?;
        Some(Self(ChaCha20Poly1305::new(&key)))
    }

    /// Encrypts a chunk in place and gives its tag.
    pub(super) fn seal(&self, counter: u64, last: bool, chunk: &mut [u8]) -> Option<[u8; TAG_LEN]> {
        self.0.encrypt_inout_detached(&chunk_nonce(counter, last), b"", chunk.into()).ok().map(Into::into)
    }

    /// Authenticates a chunk with its tag at the end, and only then decrypts it in place; gives the length
    /// of the plaintext.
    pub(super) fn open(&self, counter: u64, last: bool, chunk: &mut [u8]) -> Result<usize, OpenError> {
        let plain_len = chunk.len().checked_sub(TAG_LEN).ok_or(OpenError::Length)?;
        if plain_len == 0 && counter > 0 {
            return Err(OpenError::Length);
        }
        let (sealed, tag) = chunk.split_at_mut(plain_len);
        let tag = Tag::try_from(&*tag).map_err(|_| OpenError::Length)?;
        self.0
            .decrypt_inout_detached(&chunk_nonce(counter, last), b"", sealed.into(), &tag)
            .map_err(|_| OpenError::Chunk(counter))?;
        Ok(plain_len)
    }
}

/// An 11-byte big-endian counter, then whether this is the last chunk.
fn chunk_nonce(counter: u64, last: bool) -> Nonce {
    let [a, b, c, d, e, f, g, h] = counter.to_be_bytes();
    Nonce::from([0, 0, 0, a, b, c, d, e, f, g, h, u8::from(last)])
}

/// Opens a payload that arrives bit by bit, in constant memory, and gives out nothing that is not
/// authenticated.
///
/// Whether a chunk is the last one shows only when nothing follows it. So the end must be announced with
/// [`finish`](Opener::finish), which gives the last plaintext; whoever forgets it does not have the picture.
#[must_use = "the payload is whole only when `finish` says so"]
pub struct Opener {
    cipher: Option<ChunkCipher>,
    /// Ciphertext of the chunk that is arriving, or the plaintext that was given out last.
    chunk: Zeroizing<Vec<u8>>,
    /// Whether `chunk` has been opened and given out.
    opened: bool,
    counter: u64,
}

impl Opener {
    /// For the chunks behind `nonce`.
    pub fn new(file_key: &FileKey, nonce: &[u8; NONCE_LEN]) -> Self {
        Self {
            cipher: ChunkCipher::new(file_key, nonce),
            chunk: Zeroizing::new(Vec::with_capacity(SEALED_CHUNK_LEN)),
            opened: false,
            counter: 0,
        }
    }

    /// Takes some of `input`: gives how many bytes, and the plaintext that is certain by now, which may be
    /// empty. Call it again with the rest until all is taken.
    pub fn push(&mut self, input: &[u8]) -> Result<(usize, &[u8]), OpenError> {
        if self.opened {
            self.chunk.clear();
            self.opened = false;
        }
        if self.chunk.len() == SEALED_CHUNK_LEN && !input.is_empty() {
            let plain_len = self.open(false)?;
            self.opened = true;
            return Ok((0, self.chunk.get(..plain_len).unwrap_or_default()));
        }
        let space = SEALED_CHUNK_LEN - self.chunk.len();
        let taken = input.get(..space).unwrap_or(input);
        self.chunk.extend_from_slice(taken);
        Ok((taken.len(), &[]))
    }

    /// Says that nothing follows. Gives the plaintext of the last chunk, if it is the last by its own account.
    pub fn finish(mut self) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        if self.opened {
            // The chunk in memory was opened because more was to follow.
            return Err(OpenError::Length);
        }
        let plain_len = self.open(true)?;
        let mut plain = std::mem::take(&mut self.chunk);
        plain.truncate(plain_len);
        Ok(plain)
    }

    fn open(&mut self, last: bool) -> Result<usize, OpenError> {
        // Taken out, so that after an error nothing is opened any more.
        let cipher = self.cipher.take().ok_or(OpenError::Failed)?;
        let plain_len = cipher.open(self.counter, last, &mut self.chunk)?;
        self.counter = self.counter.checked_add(1).ok_or(OpenError::Length)?;
        self.cipher = Some(cipher);
        Ok(plain_len)
    }
}

/// Opens `payload` into `out` in constant memory; gives the length of the plaintext.
///
/// What has been written when an error comes is authentic but not whole: discard it.
pub fn open_to(file_key: &FileKey, mut payload: impl Read, mut out: impl Write) -> Result<u64, OpenError> {
    let mut nonce = [0; NONCE_LEN];
    payload.read_exact(&mut nonce).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof { OpenError::NoNonce } else { OpenError::Read(error) }
    })?;
    let mut opener = Opener::new(file_key, &nonce);
    let mut buffer = vec![0; CHUNK_LEN];
    let mut written = 0u64;
    let mut write = |plain: &[u8]| {
        written += plain.len() as u64;
        out.write_all(plain).map_err(OpenError::Write)
    };
    loop {
        let read = match payload.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(OpenError::Read(error)),
        };
        let mut input = buffer.get(..read).unwrap_or_default();
        while !input.is_empty() {
            let (taken, plain) = opener.push(input)?;
            write(plain)?;
            input = input.get(taken..).unwrap_or_default();
        }
    }
    write(&opener.finish()?)?;
    out.flush().map_err(OpenError::Write)?;
    Ok(written)
}

/// Opens a payload that is in memory, into one buffer of exactly the plaintext's size.
pub fn open_payload(file_key: &FileKey, payload: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (nonce, chunks) = payload.split_first_chunk().ok_or(OpenError::NoNonce)?;
    let cipher = ChunkCipher::new(file_key, nonce).ok_or(OpenError::Failed)?;
    let plain_len =
        plain_len(payload.len() as u64).and_then(|len| usize::try_from(len).ok()).ok_or(OpenError::Length)?;
    // Chunks are opened in place, so the last one needs room for its tag until it is open.
    let mut plain = Zeroizing::new(Vec::with_capacity(plain_len + TAG_LEN));
    let count = chunks.len().div_ceil(SEALED_CHUNK_LEN);
    for (counter, chunk) in (0u64..).zip(chunks.chunks(SEALED_CHUNK_LEN)) {
        let start = plain.len();
        plain.extend_from_slice(chunk);
        let last = counter + 1 == count as u64;
        let sealed = plain.get_mut(start..).ok_or(OpenError::Length)?;
        let opened = cipher.open(counter, last, sealed)?;
        plain.truncate(start + opened);
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_go_both_ways() {
        assert_eq!(sealed_payload_len(0), 32);
        assert_eq!(sealed_payload_len(1), 33);
        assert_eq!(sealed_payload_len(65_536), 65_568);
        assert_eq!(sealed_payload_len(65_537), 65_585);
        for plain in (0..300_000).chain([u64::from(u32::MAX), 1 << 62]) {
            assert_eq!(plain_len(sealed_payload_len(plain)), Some(plain));
        }
        let possible = (0..200_000).filter_map(plain_len).count();
        let distinct = (0..200_000).map(sealed_payload_len).filter(|len| *len < 200_000).count();
        assert_eq!(possible, distinct);
    }

    #[test]
    fn s16_lengths_that_no_payload_has() {
        for len in [0, 15, 16, 31, 65_569, 65_584] {
            assert_eq!(plain_len(len), None, "{len}");
        }
        assert_eq!(sealed_payload_len(u64::MAX), u64::MAX);
    }

    #[test]
    fn s21_the_counter_fills_eleven_bytes_from_the_right() {
        assert_eq!(chunk_nonce(0, true).as_slice(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(chunk_nonce(256, false).as_slice(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(chunk_nonce(1 << 56, false).as_slice(), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
