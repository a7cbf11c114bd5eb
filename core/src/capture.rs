//! A capture: camera bytes and a label in, one sealed, signed unit out.
//!
//! The order is fixed: payload, its digest, manifest, signature, header. The header's manifest stanza binds
//! picture and manifest together under the file key; the manifest's signature binds both to the device.

use std::num::NonZeroUsize;

use bytes::Bytes;
use rand_core::TryCryptoRng;
use sha2::{Digest, Sha256};

use crate::device_key::DeviceKey;
use crate::ids::{CaptureId, DeviceId, UnixMillis};
use crate::keyset::KeySet;
use crate::label::{Label, LabelError};
use crate::manifest::{Manifest, ManifestError, OperatorId, PayloadDigest, SignedManifest, Software};
use crate::photo::{Photo, PhotoError};
use crate::seal::{self, Recipient, SealError, Stanza};
use crate::strip::{self, Report, StripError};
use crate::wire::limits::{MAX_LABEL_LEN, MAX_PICTURE_LEN};

/// Why a capture was not made. The camera's bytes are still the caller's.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Not a picture that can be taken in.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// The picture cannot be cleaned without changing what it shows.
    #[error(transparent)]
    Strip(#[from] StripError),
    /// The label is not complete or too large.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// Sealing failed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Signing failed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The key set holds something that is not a key.
    #[error("the clinic's keys are damaged: update them, or enrol this device again")]
    Keys,
    /// Larger than the gateway takes.
    #[error("the picture or its label is larger than the gateway takes: choose a smaller picture size")]
    TooLarge,
    /// The device's source of randomness failed; nothing was sealed.
    #[error("the device could not produce random numbers, so nothing was sealed: restart it and try again")]
    Randomness,
}

/// What a capture is made with.
#[derive(Debug, Clone)]
pub struct Setting<'a> {
    /// The clinic's verified key set.
    pub key_set: &'a KeySet,
    /// The device.
    pub device_id: DeviceId,
    /// Who takes the picture.
    pub operator: &'a OperatorId,
    /// The device's next sequence number. The caller keeps it from being used twice.
    pub sequence: u64,
    /// When the shutter was pressed.
    pub captured_at: UnixMillis,
    /// How many threads may seal.
    pub workers: NonZeroUsize,
    /// What takes it, if it is to be said.
    pub software: Option<&'a Software>,
}

/// One sealed picture with all that belongs to it. It holds no plaintext, and no key.
#[derive(Debug)]
pub struct SealedCapture {
    manifest: SignedManifest,
    header: Vec<u8>,
    label: Vec<u8>,
    payload: Bytes,
    removed: Report,
}

impl SealedCapture {
    /// Its name.
    pub fn id(&self) -> CaptureId {
        self.manifest.manifest().capture_id
    }

    /// The signed manifest.
    pub fn manifest(&self) -> &SignedManifest {
        &self.manifest
    }

    /// The picture's age header.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// The sealed label: a whole age file.
    pub fn label(&self) -> &[u8] {
        &self.label
    }

    /// The picture's age payload: nonce and chunks.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What was removed from the photograph, by kind.
    pub fn removed(&self) -> &Report {
        &self.removed
    }

    /// Bytes of memory that this holds.
    pub fn size(&self) -> usize {
        let parts = [self.manifest.cose().len(), self.header.len(), self.label.len(), self.payload.len()];
        parts.iter().sum()
    }
}

/// Strips, seals and signs. `photo` is borrowed: the caller must overwrite it afterwards.
///
/// # Errors
/// [`CaptureError`]; nothing of the picture is kept then.
pub fn capture<R: TryCryptoRng>(
    photo: &[u8],
    label: &Label,
    setting: &Setting<'_>,
    key: &dyn DeviceKey,
    rng: &mut R,
) -> Result<SealedCapture, CaptureError> {
    let sealed = strip_seal_and_sign(photo, label, setting, key, rng);
    seal::overwrite_stack();
    sealed
}

// Not inlined: what it leaves on the stack is to lie below whoever overwrites it.
#[inline(never)]
fn strip_seal_and_sign<R: TryCryptoRng>(
    photo: &[u8],
    label: &Label,
    setting: &Setting<'_>,
    key: &dyn DeviceKey,
    rng: &mut R,
) -> Result<SealedCapture, CaptureError> {
    label.check_at(setting.captured_at)?;
    let stripped = strip::strip(Photo::parse(photo)?)?;
    let payload = seal::seal_payload(stripped.parts(), stripped.len(), setting.workers, rng)?;
    // Signing may wait for a person.
    seal::overwrite_stack();
    let picture = PayloadDigest { len: payload.len() as u64, sha256: payload.sha256() };
    if picture.len > MAX_PICTURE_LEN {
        return Err(CaptureError::TooLarge);
    }

    let recipient = |bytes| Recipient::from_bytes(bytes).map_err(|_| CaptureError::Keys);
    let recipients = [recipient(setting.key_set.vault)?, recipient(setting.key_set.recovery)?];
    let label = seal::seal_bytes(&label.to_json_bytes()?, &recipients, rng)?;
    if label.len() > MAX_LABEL_LEN {
        return Err(CaptureError::TooLarge);
    }
    let (_, label_payload) = seal::split(&label).map_err(|_| CaptureError::TooLarge)?;

    let manifest = Manifest {
        clinic_id: setting.key_set.clinic_id,
        capture_id: new_capture_id(setting.captured_at, rng)?,
        device_id: setting.device_id,
        sequence: setting.sequence,
        operator: setting.operator.clone(),
        content_type: stripped.content_type(),
        width: stripped.width(),
        height: stripped.height(),
        captured_at: setting.captured_at,
        key_set: setting.key_set.number,
        picture,
        label: PayloadDigest { len: label_payload.len() as u64, sha256: Sha256::digest(label_payload).into() },
        software: setting.software.cloned(),
    };
    let manifest = manifest.sign(key)?;
    let stanza = Stanza::manifest(setting.key_set.number, &manifest.hash().0);
    let header = payload.header(&[stanza], &recipients, rng)?;
    Ok(SealedCapture { manifest, header, label, payload: payload.into_bytes(), removed: *stripped.report() })
}

fn new_capture_id<R: TryCryptoRng>(now: UnixMillis, rng: &mut R) -> Result<CaptureId, CaptureError> {
    let mut random = [0; 10];
    rng.try_fill_bytes(&mut random).map_err(|_| CaptureError::Randomness)?;
    Ok(CaptureId::new(now, &random))
}

#[cfg(test)]
mod tests;
