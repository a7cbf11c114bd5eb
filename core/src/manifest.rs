//! The manifest: what a device says, and signs, about one picture.
//!
//! age does not authenticate a sender; the manifest does. It ties the digests of the two sealed payloads to the
//! device, the person who took the picture, the time and the clinic. It is deterministic CBOR inside a COSE_Sign1
//! by the device key ([`crate::cose`]). Its name is its hash: SHA-256 of the COSE payload, not of the signature,
//! which is random.

mod software;

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::cbor::{CborError, Fields, Item, MapWriter};
use crate::cose::{self, CoseError, Purpose, Unverified};
use crate::device_key::{DeviceKey, DeviceKeyError, Es256, PublicKey};
use crate::ids::{CaptureId, ClinicId, DeviceId, UnixMillis};

pub use software::{MAX_SOFTWARE_LEN, ParseSoftwareError, Software};

/// The longest signed manifest in bytes.
pub const MAX_MANIFEST_LEN: usize = 1024;
/// The longest operator id in characters.
pub const MAX_OPERATOR_LEN: usize = 64;
/// The shortest payload in bytes: nonce, one byte, tag. An empty picture is no picture.
pub const MIN_PAYLOAD_LEN: u64 = 16 + 1 + 16;

const VERSION: u64 = 1;

/// Why a manifest was not made, not read or not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A version that this program does not know.
    #[error("the manifest has version {0}, which this program does not know: update it")]
    Version(u64),
    /// A field is missing, unknown, or beyond what it may hold.
    #[error("the manifest is malformed: {0}")]
    Field(#[from] CborError),
    /// The envelope or its signature is wrong.
    #[error(transparent)]
    Envelope(#[from] CoseError),
    /// The device key did not sign.
    #[error(transparent)]
    DeviceKey(#[from] DeviceKeyError),
    /// The keystore gave something that is not a signature.
    #[error("the device key gave something that is not an ES256 signature: enrol this device again")]
    NotASignature,
}

/// SHA-256 of a manifest's COSE payload.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ManifestHash(pub [u8; 32]);

impl fmt::Display for ManifestHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for ManifestHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManifestHash({self})")
    }
}

/// A member of the clinic's staff by the clinic's own short name: 1 to [`MAX_OPERATOR_LEN`] characters of
/// `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperatorId(String);

/// Text that is not an operator id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a person's id: 1 to 64 letters, digits, dots, hyphens or underscores are expected")]
pub struct ParseOperatorError;

impl OperatorId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_item(item: Item) -> Result<Self, CborError> {
        let wrong = item.wrong();
        item.text(1..=MAX_OPERATOR_LEN)?.parse().map_err(|_| wrong)
    }
}

impl FromStr for OperatorId {
    type Err = ParseOperatorError;

    fn from_str(text: &str) -> Result<Self, ParseOperatorError> {
        let is_clean = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=MAX_OPERATOR_LEN).contains(&text.len()) && text.bytes().all(is_clean) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseOperatorError)
        }
    }
}

impl fmt::Display for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of picture was sealed. A closed list: nothing else is stored, let alone served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContentType {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`
    Png,
    /// `image/webp`
    Webp,
}

/// A content type outside the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of picture that is stored: image/jpeg, image/png and image/webp are")]
pub struct UnknownContentType;

impl ContentType {
    /// The media type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }
}

impl FromStr for ContentType {
    type Err = UnknownContentType;

    fn from_str(text: &str) -> Result<Self, UnknownContentType> {
        [Self::Jpeg, Self::Png, Self::Webp].into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownContentType)
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Length and digest of an age payload: nonce and chunks, never the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadDigest {
    /// Length in bytes, at least [`MIN_PAYLOAD_LEN`].
    pub len: u64,
    /// SHA-256 of the payload.
    pub sha256: [u8; 32],
}

impl PayloadDigest {
    fn write(&self) -> MapWriter {
        MapWriter::new().uint(1, self.len).bytes(2, &self.sha256)
    }

    fn read(item: Item) -> Result<Self, CborError> {
        let wrong = item.wrong();
        let mut fields = item.fields()?;
        let digest = Self { len: fields.take(1)?.uint()?, sha256: fields.take(2)?.bytes32()? };
        fields.finish()?;
        if digest.len >= MIN_PAYLOAD_LEN { Ok(digest) } else { Err(wrong) }
    }
}

/// What is signed about one picture. Integers are at most [`crate::cbor::MAX_UINT`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The clinic that the picture is for.
    pub clinic_id: ClinicId,
    /// The picture.
    pub capture_id: CaptureId,
    /// The device that took it.
    pub device_id: DeviceId,
    /// The device's count of its pictures, without gaps.
    pub sequence: u64,
    /// Who took it.
    pub operator: OperatorId,
    /// What the sealed picture is once opened.
    pub content_type: ContentType,
    /// Width in pixels as stored, before orientation is applied; not zero.
    pub width: u32,
    /// Height in pixels likewise.
    pub height: u32,
    /// When the shutter fell, by the device's clock.
    pub captured_at: UnixMillis,
    /// The number of the key set that it was sealed for.
    pub key_set: u64,
    /// The sealed picture.
    pub picture: PayloadDigest,
    /// The sealed label.
    pub label: PayloadDigest,
    /// What took it, if that says so.
    pub software: Option<Software>,
}

impl Manifest {
    /// The COSE payload.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        MapWriter::new()
            .uint(1, VERSION)
            .bytes(2, self.clinic_id.as_bytes())
            .bytes(3, self.capture_id.as_bytes())
            .bytes(4, self.device_id.as_bytes())
            .uint(5, self.sequence)
            .text(6, self.operator.as_str())
            .text(7, self.content_type.as_str())
            .uint(8, self.width.into())
            .uint(9, self.height.into())
            .millis(10, self.captured_at)
            .uint(11, self.key_set)
            .map(12, self.picture.write())
            .map(13, self.label.write())
            .optional(self.software.as_ref(), |map, software| map.text(14, software.as_str()))
            .to_bytes()
    }

    /// The name of this manifest, known before it is signed so that the picture's header can carry it.
    #[must_use]
    pub fn hash(&self) -> ManifestHash {
        hash(&self.to_bytes())
    }

    /// Signs with the device key. A manifest that no one could read back is refused here.
    pub fn sign(&self, key: &dyn DeviceKey) -> Result<SignedManifest, ManifestError> {
        let payload = self.to_bytes();
        Self::from_payload(&payload)?;
        let hash = hash(&payload);
        let cose = cose::sign(Purpose::Manifest, payload, |message| {
            let der = key.sign(message)?;
            Es256::from_der(&der).map_err(|_| ManifestError::NotASignature)
        })?;
        Ok(SignedManifest { manifest: self.clone(), hash, cose })
    }

    fn from_payload(payload: &[u8]) -> Result<Self, ManifestError> {
        let mut fields = Fields::decode(payload, MAX_MANIFEST_LEN)?;
        let version = fields.take(1)?.uint()?;
        if version != VERSION {
            return Err(ManifestError::Version(version));
        }
        let content_type = fields.take(7)?;
        let not_a_picture = content_type.wrong();
        let manifest = Self {
            clinic_id: ClinicId::from_bytes(fields.take(2)?.bytes16()?),
            capture_id: CaptureId::from_bytes(fields.take(3)?.bytes16()?),
            device_id: DeviceId::from_bytes(fields.take(4)?.bytes16()?),
            sequence: fields.take(5)?.uint()?,
            operator: OperatorId::from_item(fields.take(6)?)?,
            content_type: content_type.text(1..=32)?.parse().map_err(|_| not_a_picture)?,
            width: pixels(fields.take(8)?)?,
            height: pixels(fields.take(9)?)?,
            captured_at: fields.take(10)?.millis()?,
            key_set: fields.take(11)?.uint()?,
            picture: PayloadDigest::read(fields.take(12)?)?,
            label: PayloadDigest::read(fields.take(13)?)?,
            software: fields.take_optional(14).map(Software::from_item).transpose()?,
        };
        fields.finish()?;
        Ok(manifest)
    }
}

/// A manifest under a signature that was made or checked here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedManifest {
    manifest: Manifest,
    hash: ManifestHash,
    cose: Vec<u8>,
}

impl SignedManifest {
    /// Reads an envelope; nothing in it is believed until [`UnverifiedManifest::verify`].
    pub fn parse(bytes: &[u8]) -> Result<UnverifiedManifest, ManifestError> {
        let envelope = Unverified::parse(Purpose::Manifest, bytes, MAX_MANIFEST_LEN)?;
        let manifest = Manifest::from_payload(envelope.claimed())?;
        Ok(UnverifiedManifest { manifest, envelope, cose: bytes.to_vec() })
    }

    /// What was signed.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its name.
    #[must_use]
    pub fn hash(&self) -> ManifestHash {
        self.hash
    }

    /// The envelope as it is sent and kept.
    #[must_use]
    pub fn cose(&self) -> &[u8] {
        &self.cose
    }

    /// The same manifest under the signature that `key` can give today. Its hash, and so the sealed picture that it belongs to, stays: the
    /// signature is no part of it.
    ///
    /// A device that has renewed its certificate has a new key, and the gateway believes a connection only what that connection's key has
    /// signed. What was sealed before the renewal is signed again.
    ///
    /// # Errors
    /// As [`Manifest::sign`].
    pub fn signed_by(&self, key: &dyn DeviceKey) -> Result<Self, ManifestError> {
        let holds = Self::parse(&self.cose)?.verify(&key.public_key()?).is_ok();
        if holds { Ok(self.clone()) } else { self.manifest.sign(key) }
    }
}

/// A manifest whose signature nobody has checked.
#[derive(Clone)]
pub struct UnverifiedManifest {
    manifest: Manifest,
    envelope: Unverified,
    cose: Vec<u8>,
}

impl UnverifiedManifest {
    /// What the sender claims: enough to look up whose key to check, and for nothing else.
    #[must_use]
    pub fn claimed(&self) -> &Manifest {
        &self.manifest
    }

    /// Checks the signature by the device's key.
    pub fn verify(self, key: &PublicKey) -> Result<SignedManifest, ManifestError> {
        let hash = hash(&self.envelope.verify(key)?);
        Ok(SignedManifest { manifest: self.manifest, hash, cose: self.cose })
    }
}

impl fmt::Debug for UnverifiedManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedManifest").field("claimed", &self.manifest).finish_non_exhaustive()
    }
}

fn hash(payload: &[u8]) -> ManifestHash {
    ManifestHash(Sha256::digest(payload).into())
}

fn pixels(item: Item) -> Result<u32, CborError> {
    match item.uint32()? {
        0 => Err(item.wrong()),
        pixels => Ok(pixels),
    }
}

#[cfg(test)]
mod tests;
