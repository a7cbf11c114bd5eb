//! The manifest: what a device says, and signs, about one picture.
//!
//! age does not authenticate a sender; the manifest does. It ties the digests of the two sealed payloads to the
//! device, the person who took the picture, the time and the clinic. It is deterministic CBOR inside a COSE_Sign1
//! by the device key ([`crate::cose`]). Its name is its hash: SHA-256 of the COSE payload, not of the signature,
//! which is random.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::cbor::{CborError, Fields, Item, MapWriter};
use crate::cose::{self, CoseError, Purpose, Unverified};
use crate::device_key::{DeviceKey, DeviceKeyError, Es256, PublicKey};
use crate::ids::{CaptureId, ClinicId, DeviceId, UnixMillis};

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
mod tests {
    use super::*;
    use crate::cbor::{MAX_UINT, Value};
    use crate::device_key::{SoftwareDeviceKey, SoftwareKey};
    use getrandom::SysRng;
    use std::sync::Arc;

    fn example() -> Manifest {
        Manifest {
            clinic_id: ClinicId::from_bytes([1; 16]),
            capture_id: CaptureId::from_bytes([2; 16]),
            device_id: DeviceId::from_bytes([3; 16]),
            sequence: 4,
            operator: "clinician1".parse().unwrap(),
            content_type: ContentType::Jpeg,
            width: 4000,
            height: 3000,
            captured_at: UnixMillis(1_700_000_000_000),
            key_set: 5,
            picture: PayloadDigest { len: 3_000_000, sha256: [6; 32] },
            label: PayloadDigest { len: 300, sha256: [7; 32] },
        }
    }

    fn key() -> (SoftwareDeviceKey<SysRng>, PublicKey) {
        let key = SoftwareKey::generate(&mut SysRng).unwrap();
        let public = key.verifying();
        (SoftwareDeviceKey::new(key, SysRng), public)
    }

    #[test]
    fn a_signed_manifest_reads_back_and_keeps_its_name() {
        let (key, public) = key();
        let signed = example().sign(&key).unwrap();
        let read = SignedManifest::parse(signed.cose()).unwrap();
        assert_eq!(read.claimed(), &example());
        let read = read.verify(&public).unwrap();
        assert_eq!(read, signed);
        assert_eq!(read.hash(), example().hash());
        // Two signatures, two envelopes perhaps, one name.
        assert_eq!(example().sign(&key).unwrap().hash(), signed.hash());
        assert_eq!(signed.hash().0, <[u8; 32]>::from(Sha256::digest(example().to_bytes())));
    }

    #[test]
    fn the_payload_is_fixed_to_the_byte() {
        let expected = [
            "ad0101".to_owned(),
            format!("0250{}0350{}0450{}", "01".repeat(16), "02".repeat(16), "03".repeat(16)),
            "0504".to_owned(),
            format!("066a{}", data_encoding::HEXLOWER.encode(b"clinician1")),
            format!("076a{}", data_encoding::HEXLOWER.encode(b"image/jpeg")),
            "08190fa009190bb8".to_owned(),
            "0a1b0000018bcfe568000b05".to_owned(),
            format!("0ca2011a002dc6c0025820{}", "06".repeat(32)),
            format!("0da20119012c025820{}", "07".repeat(32)),
        ]
        .concat();
        assert_eq!(data_encoding::HEXLOWER.encode(&example().to_bytes()), expected);
    }

    #[test]
    fn another_devices_key_does_not_verify() {
        let signed = example().sign(&key().0).unwrap();
        let got = SignedManifest::parse(signed.cose()).unwrap().verify(&key().1);
        assert_eq!(got, Err(ManifestError::Envelope(CoseError::Signature)));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let (key, public) = key();
        let signed = example().sign(&key).unwrap();
        let read = |bytes: &[u8]| SignedManifest::parse(bytes).and_then(|read| read.verify(&public));
        for at in 0..signed.cose().len() {
            assert!(read(&signed.cose()[..at]).is_err());
            for bit in 0..8 {
                let mut altered = signed.cose().to_vec();
                altered[at] ^= 1 << bit;
                assert!(read(&altered).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn fields_out_of_range_are_neither_signed_nor_read() {
        let (key, _) = key();
        let mut cases = Vec::new();
        let mut case = |change: fn(&mut Manifest)| {
            let mut manifest = example();
            change(&mut manifest);
            cases.push(manifest);
        };
        case(|m| m.width = 0);
        case(|m| m.height = 0);
        case(|m| m.sequence = MAX_UINT + 1);
        case(|m| m.key_set = u64::MAX);
        case(|m| m.captured_at = UnixMillis(u64::MAX));
        case(|m| m.picture.len = MIN_PAYLOAD_LEN - 1);
        case(|m| m.label.len = 1 << 63);
        for manifest in cases {
            assert!(matches!(manifest.sign(&key), Err(ManifestError::Field(_))), "{manifest:?}");
            assert!(Manifest::from_payload(&manifest.to_bytes()).is_err());
        }
    }

    #[test]
    fn missing_unknown_and_wrong_fields_are_refused() {
        let entries = match crate::cbor::decode(&example().to_bytes(), 1024).unwrap() {
            Value::Map(entries) => entries,
            other => panic!("{other:?}"),
        };
        let parse = |entries| Manifest::from_payload(&crate::cbor::encode(Value::Map(entries)));
        assert_eq!(parse(entries.clone()), Ok(example()));
        for at in 0..entries.len() {
            let key = u64::try_from(at).unwrap() + 1;
            let mut without = entries.clone();
            without.remove(at);
            assert_eq!(parse(without), Err(ManifestError::Field(CborError::Missing { key })));
            for wrong in [Value::Null, Value::Bool(true), Value::from(-1), Value::Bytes(vec![1; 15]), "tiff".into()] {
                if at != 5 || !wrong.is_text() {
                    let mut with = entries.clone();
                    with[at].1 = wrong;
                    assert_eq!(parse(with), Err(ManifestError::Field(CborError::Field { key })));
                }
            }
        }
        let mut more = entries.clone();
        more.push((14.into(), 1.into()));
        assert_eq!(parse(more), Err(ManifestError::Field(CborError::Unknown { key: 14 })));
        let mut newer = entries;
        newer[0].1 = 2.into();
        assert_eq!(parse(newer), Err(ManifestError::Version(2)));
    }

    #[test]
    fn an_operator_id_is_a_short_plain_name() {
        for text in ["a", "clinician1", "A.b_c-9", &"a".repeat(64)] {
            assert_eq!(text.parse::<OperatorId>().unwrap().as_str(), text);
        }
        for text in ["", "a b", "a\n", "ä", "a/b", "=x", &"a".repeat(65)] {
            assert!(text.parse::<OperatorId>().is_err(), "{text:?}");
        }
        for text in ["image/svg+xml", "IMAGE/JPEG", "", "image/jpeg "] {
            assert!(text.parse::<ContentType>().is_err(), "{text:?}");
        }
    }

    #[derive(Debug)]
    struct Broken(Option<DeviceKeyError>);

    impl DeviceKey for Broken {
        fn public_key(&self) -> Result<PublicKey, DeviceKeyError> {
            Err(DeviceKeyError::Failed)
        }
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, DeviceKeyError> {
            self.0.clone().map_or(Ok(vec![1, 2, 3]), Err)
        }
        fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError> {
            Err(DeviceKeyError::Failed)
        }
    }

    #[test]
    fn a_key_that_fails_fails_loudly() {
        let invalidated = Broken(Some(DeviceKeyError::Invalidated));
        assert_eq!(example().sign(&invalidated), Err(ManifestError::DeviceKey(DeviceKeyError::Invalidated)));
        assert_eq!(example().sign(&Broken(None)), Err(ManifestError::NotASignature));
    }
}
