//! The X25519 recipient type: how a file key is wrapped for one recipient.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};
use data_encoding::BASE64_NOPAD;
use hkdf::Hkdf;
use rand_core::TryCryptoRng;
use sha2::Sha256;
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::Zeroizing;

use super::TAG_LEN;
use super::error::{HeaderError, SealError};
use super::keys::{FileKey, Identity, Recipient};
use super::stanza::{Stanza, decode_base64};

/// The tag of an X25519 stanza.
pub(super) const TAG: &str = "X25519";

/// HKDF's info for the wrap key.
const INFO: &[u8] = b"age-encryption.org/v1/X25519";

/// A file key and its Poly1305 tag.
pub(super) const WRAPPED_LEN: usize = FileKey::LEN + TAG_LEN;

/// A stanza from which `recipient` alone gets `file_key`, with an ephemeral share of its own.
pub(super) fn wrap<R: TryCryptoRng>(
    file_key: &FileKey,
    recipient: &Recipient,
    rng: &mut R,
) -> Result<Stanza, SealError> {
    let mut ephemeral = Zeroizing::new([0; 32]);
    rng.try_fill_bytes(ephemeral.as_mut()).map_err(|_| SealError::Randomness)?;
    let ephemeral = StaticSecret::from(*ephemeral);
    let share = PublicKey::from(&ephemeral).to_bytes();
    let shared = ephemeral.diffie_hellman(&PublicKey::from(*recipient.as_bytes()));
    let body = wrap_with(&*wrap_key(&shared, &share, recipient)?, file_key)?;
    Ok(Stanza { tag: TAG.to_owned(), args: vec![BASE64_NOPAD.encode(&share)], body })
}

/// The parts of an X25519 stanza, checked as far as that goes without a key.
pub(super) struct Parsed<'a> {
    share: [u8; 32],
    body: &'a [u8; WRAPPED_LEN],
}

impl<'a> Parsed<'a> {
    /// `None` for a stanza of another type.
    pub(super) fn from_stanza(stanza: &'a Stanza) -> Option<Result<Self, HeaderError>> {
        (stanza.tag == TAG).then(|| {
            let [share] = stanza.args.as_slice() else {
                return Err(HeaderError::X25519);
            };
            let share = decode_base64(share.as_bytes())?;
            Ok(Self {
                share: share.try_into().map_err(|_| HeaderError::X25519)?,
                // Checked before anything is decrypted, against partitioning oracles.
                body: stanza.body.as_slice().try_into().map_err(|_| HeaderError::X25519)?,
            })
        })
    }

    /// The file key, if the stanza is for `identity`.
    pub(super) fn unwrap(&self, identity: &Identity) -> Result<Option<FileKey>, HeaderError> {
        let shared = identity.secret().diffie_hellman(&PublicKey::from(self.share));
        if !shared.was_contributory() {
            return Err(HeaderError::LowOrderShare);
        }
        let key = wrap_key(&shared, &self.share, &identity.to_recipient()).map_err(|_| HeaderError::X25519)?;
        Ok(unwrap_with(&key, self.body))
    }
}

fn wrap_key(shared: &SharedSecret, share: &[u8; 32], recipient: &Recipient) -> Result<Zeroizing<[u8; 32]>, SealError> {
    let mut salt = [0; 64];
    let (front, back) = salt.split_at_mut(32);
    front.copy_from_slice(share);
    back.copy_from_slice(recipient.as_bytes());
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(&salt), shared.as_bytes()).expand(INFO, key.as_mut()).map_err(|_| SealError::Cipher)?;
    Ok(key)
}

/// `file_key` under a wrap key that is used this once, which is why the nonce may be zero.
pub(super) fn wrap_with(wrap_key: &[u8; 32], file_key: &FileKey) -> Result<Vec<u8>, SealError> {
    let mut body = Vec::with_capacity(WRAPPED_LEN);
    body.extend_from_slice(file_key.as_bytes());
    let tag = ChaCha20Poly1305::new(wrap_key.into())
        .encrypt_inout_detached(&Nonce::default(), b"", body.as_mut_slice().into())
        .map_err(|_| SealError::Cipher)?;
    body.extend_from_slice(&tag);
    Ok(body)
}

/// The file key in `body`, if the wrap key fits.
pub(super) fn unwrap_with(wrap_key: &[u8; 32], body: &[u8; WRAPPED_LEN]) -> Option<FileKey> {
    let (sealed, tag) = body.split_first_chunk::<{ FileKey::LEN }>()?;
    let mut file_key = Zeroizing::new(*sealed);
    ChaCha20Poly1305::new(wrap_key.into())
        .decrypt_inout_detached(&Nonce::default(), b"", file_key.as_mut_slice().into(), &Tag::try_from(tag).ok()?)
        .ok()?;
    Some(FileKey::from_bytes(&file_key))
}
