//! The yardstick: aws-lc-rs ChaCha20-Poly1305 in pieces of one chunk, in place in a buffer that is already there, then SHA-256 over it.

use std::hint::black_box;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest;
use safelight_core::seal::CHUNK_LEN;

pub(crate) struct Yardstick {
    in_place: Vec<u8>,
    key: LessSafeKey,
}

impl Yardstick {
    /// For as many bytes as `like` has.
    pub(crate) fn new(like: &[u8]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).expect("a key of 32 bytes");
        Self { in_place: like.to_vec(), key: LessSafeKey::new(key) }
    }

    pub(crate) fn seal(&mut self) {
        for chunk in self.in_place.chunks_mut(CHUNK_LEN) {
            let nonce = Nonce::assume_unique_for_key([1; 12]);
            let tag = self.key.seal_in_place_separate_tag(nonce, Aad::empty(), chunk);
            let _ = black_box(tag.expect("sealing works"));
        }
    }

    pub(crate) fn hash(&mut self) {
        black_box(digest::digest(&digest::SHA256, &self.in_place));
    }
}
