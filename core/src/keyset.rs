//! The key set: the clinic's statement of what its keys are, numbered, so that a phone never goes back to an
//! older one.
//!
//! The CA certifies the clinic key ([`KeyCertificate`]), and the clinic key signs the key set. Both travel in one
//! envelope, CBOR `{1: key certificate, 2: signed key set}`, each a COSE_Sign1. A phone that knows the CA's key
//! needs nothing else to check it.

use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::cbor::{CborError, Fields, Item, MapWriter, Value};
use crate::cose::{self, CoseError, Purpose, Unverified};
use crate::device_key::{PublicKey, SoftwareKey};
use crate::ids::{ClinicId, UnixMillis};
use crate::invitation::read_addresses;
use crate::log::checkpoint::{MAX_ORIGIN_LEN, is_origin};
use crate::text::is_one_line;

/// The longest envelope in bytes.
pub const MAX_KEY_SET_LEN: usize = 16 * 1024;
/// The longest key certificate in bytes.
pub const MAX_KEY_CERTIFICATE_LEN: usize = 512;
/// The longest clinic name in bytes of UTF-8.
pub const MAX_CLINIC_NAME_LEN: usize = 128;
/// The most CA certificates: the present one and, while it is rolled over, its successors.
pub const MAX_ROOTS: usize = 4;
/// The longest CA certificate in bytes.
pub const MAX_ROOT_LEN: usize = 2 * 1024;
/// The most key sets that are accepted beside the one in force.
pub const MAX_OVERLAPS: usize = 7;
/// How much longer than a gateway by its clock a phone believes receipts of an overlap by its own: clocks differ.
pub const CLOCK_SLACK: Duration = Duration::from_secs(24 * 60 * 60);

const VERSION: u64 = 1;
/// What the CA certifies the key for.
const CLINIC: &str = "clinic";

/// Why a key set was not made or not believed. In every case the phone keeps the one that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// A version that this program does not know.
    #[error("the key set has version {0}, which this program does not know: update it")]
    Version(u64),
    /// A field is missing, unknown, or beyond what it may hold.
    #[error("the key set is malformed: {0}")]
    Field(#[from] CborError),
    /// The envelope or a signature is wrong.
    #[error(transparent)]
    Envelope(#[from] CoseError),
    /// A CA certificate that is not one for a P-256 key.
    #[error("the key set lists a CA certificate that is not one for a P-256 key")]
    Root,
    /// The intake log's key is not a key.
    #[error("the key set holds no key for the intake log")]
    LogKey,
    /// The key certificate is by none of the CAs that are trusted here.
    #[error("the clinic's key is certified by no CA that this device trusts: enrol it again")]
    UnknownCa,
    /// A key set of another clinic.
    #[error("the key set is of another clinic")]
    OtherClinic,
    /// The key certificate is not valid now.
    #[error(
        "the clinic key's certificate is not valid at this time: check this device's clock, then tell the clinic's IT"
    )]
    NotValidNow,
    /// A number lower than one that was seen.
    #[error("key set {got} is older than key set {known}, which this device knows")]
    Rollback {
        /// Its number.
        got: u64,
        /// The lowest number that is still accepted.
        known: u64,
    },
}

/// A key set that came before, still accepted for pictures that were taken under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// Its number.
    pub number: u64,
    /// Until when the gateway accepts it.
    pub until: UnixMillis,
    /// Who signs receipts for pictures that were taken under it, if that is not the receipt key of today.
    pub receipt_key: Option<PublicKey>,
}

/// The clinic's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    /// The clinic.
    pub clinic_id: ClinicId,
    /// What people call it, for the phone's screen.
    pub clinic_name: String,
    /// Rises with every change.
    pub number: u64,
    /// Which vault key this is.
    pub vault_epoch: u64,
    /// X25519 recipient that opens pictures in daily use.
    pub vault: [u8; 32],
    /// X25519 recipient kept off the gateway; never the same as `vault`.
    pub recovery: [u8; 32],
    /// Who signs receipts.
    pub receipt_key: PublicKey,
    /// Ed25519 key that signs the intake log's checkpoints.
    pub log_key: [u8; 32],
    /// The intake log's name.
    pub log_origin: String,
    /// The CA certificates to trust, DER, 1 to [`MAX_ROOTS`].
    pub roots: Vec<Vec<u8>>,
    /// The key sets before this one that are still accepted, newest first, at most [`MAX_OVERLAPS`].
    pub previous: Vec<Overlap>,
    /// When this one was signed.
    pub issued_at: UnixMillis,
    /// Where the gateway may be, `host:port`, to be tried in this order.
    pub addresses: Vec<String>,
}

impl KeySet {
    /// Signs with the clinic key that `certificate` certifies.
    pub fn sign(&self, key: &SoftwareKey, certificate: &KeyCertificate) -> Result<SignedKeySet, KeySetError> {
        let payload = self.to_bytes();
        // What no phone would read is not signed.
        Self::from_payload(&payload)?;
        let signed = cose::sign::<CoseError>(Purpose::KeySet, payload, |message| Ok(key.sign_es256(message)))?;
        let envelope = MapWriter::new().bytes(1, certificate.bytes()).bytes(2, &signed).to_bytes();
        SignedKeySet::parse(&envelope)
    }

    /// The intake log's key, ready to verify with.
    pub fn log_verifying_key(&self) -> Result<ed25519_dalek::VerifyingKey, KeySetError> {
        ed25519_dalek::VerifyingKey::from_bytes(&self.log_key).map_err(|_| KeySetError::LogKey)
    }

    /// The public keys of the CA certificates.
    pub fn root_keys(&self) -> Result<Vec<PublicKey>, KeySetError> {
        self.roots.iter().map(|der| root_key(der)).collect()
    }

    /// The numbers that are accepted at `now`, newest first, each with the key that signs receipts for it.
    pub fn accepted(&self, now: UnixMillis) -> Vec<(u64, &PublicKey)> {
        let older = self.previous.iter().filter(|overlap| overlap.until > now);
        std::iter::once((self.number, &self.receipt_key))
            .chain(older.map(|overlap| (overlap.number, overlap.receipt_key.as_ref().unwrap_or(&self.receipt_key))))
            .collect()
    }

    /// By which keys a phone believes a receipt for a picture that was taken under key set `number`: the receipt key, and within the overlap
    /// the one of then.
    pub fn receipt_keys(&self, number: u64, now: UnixMillis) -> Vec<PublicKey> {
        let of_then = self
            .previous
            .iter()
            .find(|overlap| overlap.number == number && overlap.until.plus(CLOCK_SLACK) > now)
            .and_then(|overlap| overlap.receipt_key.as_ref());
        std::iter::once(&self.receipt_key).chain(of_then).cloned().collect()
    }

    /// Until when a receipt key of before signs for what was sealed in its time; `None` if none does at `now`.
    pub fn receipt_key_overlaps_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        let of_before = self.previous.iter().filter(|overlap| overlap.receipt_key.is_some() && overlap.until > now);
        of_before.map(|overlap| overlap.until).max()
    }

    fn to_bytes(&self) -> Vec<u8> {
        MapWriter::new()
            .uint(1, VERSION)
            .bytes(2, self.clinic_id.as_bytes())
            .text(3, &self.clinic_name)
            .uint(4, self.number)
            .uint(5, self.vault_epoch)
            .bytes(6, &self.vault)
            .bytes(7, &self.recovery)
            .bytes(8, &self.receipt_key.to_sec1())
            .bytes(9, &self.log_key)
            .text(10, &self.log_origin)
            .array(11, self.roots.iter().map(|der| Value::Bytes(der.clone())))
            .optional(self.previous.first(), |map, newest| map.map(12, overlap_map(newest)))
            .millis(13, self.issued_at)
            .array(14, self.addresses.iter().map(|address| Value::Text(address.clone())))
            .optional(self.previous.get(1..).filter(|older| !older.is_empty()), |map, older| {
                map.array(15, older.iter().map(|overlap| overlap_map(overlap).into_value()))
            })
            .to_bytes()
    }

    fn from_payload(payload: &[u8]) -> Result<Self, KeySetError> {
        let mut fields = Fields::decode(payload, MAX_KEY_SET_LEN)?;
        let version = fields.take(1)?.uint()?;
        if version != VERSION {
            return Err(KeySetError::Version(version));
        }
        let mut set = Self {
            clinic_id: ClinicId::from_bytes(fields.take(2)?.bytes16()?),
            clinic_name: checked(fields.take(3)?, MAX_CLINIC_NAME_LEN, is_one_line)?,
            number: fields.take(4)?.uint()?,
            vault_epoch: fields.take(5)?.uint()?,
            vault: fields.take(6)?.bytes32()?,
            recovery: fields.take(7)?.bytes32()?,
            receipt_key: public_key(fields.take(8)?)?,
            log_key: fields.take(9)?.bytes32()?,
            log_origin: checked(fields.take(10)?, MAX_ORIGIN_LEN, is_origin)?,
            roots: fields
                .take(11)?
                .array(1..=MAX_ROOTS)?
                .into_iter()
                .map(|root| root.bytes(1..=MAX_ROOT_LEN))
                .collect::<Result<_, _>>()?,
            previous: fields.take_optional(12).map(read_overlap).transpose()?.into_iter().collect(),
            issued_at: fields.take(13)?.millis()?,
            addresses: read_addresses(fields.take(14)?)?,
        };
        // What was there before there could be several stays where it was.
        if let Some(older) = fields.take_optional(15) {
            if set.previous.is_empty() {
                return Err(older.wrong().into());
            }
            let older = older.array(1..=MAX_OVERLAPS.saturating_sub(1))?;
            set.previous.extend(older.into_iter().map(read_overlap).collect::<Result<Vec<_>, _>>()?);
        }
        fields.finish()?;
        set.root_keys()?;
        if VerifyingKey::from_bytes(&set.log_key).map_or(true, |key| key.is_weak()) {
            return Err(CborError::Field { key: 9 }.into());
        }
        // One key for both would lose every picture together with it.
        if set.vault == set.recovery {
            return Err(CborError::Field { key: 7 }.into());
        }
        set.check_overlaps()?;
        Ok(set)
    }

    /// Numbers fall, and a receipt key that is today's is not named twice: there is one spelling.
    fn check_overlaps(&self) -> Result<(), CborError> {
        if self.previous.len() > MAX_OVERLAPS {
            return Err(CborError::Field { key: 15 });
        }
        let mut above = self.number;
        for (at, overlap) in self.previous.iter().enumerate() {
            if overlap.number >= above || overlap.receipt_key.as_ref() == Some(&self.receipt_key) {
                return Err(CborError::Field { key: if at == 0 { 12 } else { 15 } });
            }
            above = overlap.number;
        }
        Ok(())
    }
}

/// The CA's word that a key is the clinic key, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCertificate(Vec<u8>);

impl KeyCertificate {
    /// Certifies `key` as the clinic key of `clinic` from `not_before` to `not_after`, both included.
    pub fn issue(
        ca: &SoftwareKey,
        clinic: ClinicId,
        key: &PublicKey,
        not_before: UnixMillis,
        not_after: UnixMillis,
    ) -> Result<Self, KeySetError> {
        let payload = MapWriter::new()
            .uint(1, VERSION)
            .bytes(2, clinic.as_bytes())
            .text(3, CLINIC)
            .bytes(4, &key.to_sec1())
            .millis(5, not_before)
            .millis(6, not_after)
            .to_bytes();
        CertifiedKey::from_payload(&payload)?;
        let bytes = cose::sign::<CoseError>(Purpose::KeyCertificate, payload, |message| Ok(ca.sign_es256(message)))?;
        Ok(Self(bytes))
    }

    /// From the bytes of one that was issued and kept.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeySetError> {
        Unverified::parse(Purpose::KeyCertificate, bytes, MAX_KEY_CERTIFICATE_LEN)?;
        Ok(Self(bytes.to_vec()))
    }

    /// The COSE_Sign1.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A key set in its envelope. Nothing in it is believed until [`SignedKeySet::verify`].
#[derive(Clone)]
pub struct SignedKeySet {
    certificate: Unverified,
    key_set: Unverified,
    bytes: Vec<u8>,
}

impl SignedKeySet {
    /// Reads an envelope.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let mut fields = Fields::decode(bytes, MAX_KEY_SET_LEN)?;
        let certificate = fields.take(1)?.bytes(1..=MAX_KEY_CERTIFICATE_LEN)?;
        let key_set = fields.take(2)?.bytes(1..=MAX_KEY_SET_LEN)?;
        fields.finish()?;
        Ok(Self {
            certificate: Unverified::parse(Purpose::KeyCertificate, &certificate, MAX_KEY_CERTIFICATE_LEN)?,
            key_set: Unverified::parse(Purpose::KeySet, &key_set, MAX_KEY_SET_LEN)?,
            bytes: bytes.to_vec(),
        })
    }

    /// The envelope as it is sent and kept.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks both signatures, the clinic, the time, and that the number is not below `at_least`, the number that
    /// this device knows (0 if it knows none).
    pub fn verify(
        self,
        roots: &[PublicKey],
        clinic: ClinicId,
        now: UnixMillis,
        at_least: u64,
    ) -> Result<VerifiedKeySet, KeySetError> {
        let payload =
            roots.iter().find_map(|root| self.certificate.clone().verify(root).ok()).ok_or(KeySetError::UnknownCa)?;
        let certified = CertifiedKey::from_payload(&payload)?;
        let key_set = KeySet::from_payload(&self.key_set.verify(&certified.key)?)?;
        if certified.clinic_id != clinic || key_set.clinic_id != clinic {
            return Err(KeySetError::OtherClinic);
        }
        if !(certified.not_before..=certified.not_after).contains(&now) {
            return Err(KeySetError::NotValidNow);
        }
        if key_set.number < at_least {
            return Err(KeySetError::Rollback { got: key_set.number, known: at_least });
        }
        Ok(VerifiedKeySet { key_set, bytes: self.bytes })
    }
}

impl std::fmt::Debug for SignedKeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignedKeySet({} bytes, unverified)", self.bytes.len())
    }
}

/// A key set of which everything was checked. Only [`SignedKeySet::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedKeySet {
    key_set: KeySet,
    bytes: Vec<u8>,
}

impl VerifiedKeySet {
    /// The keys.
    #[must_use]
    pub fn key_set(&self) -> &KeySet {
        &self.key_set
    }

    /// The envelope, to keep and to check again on the next start.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The public key of a CA certificate: X.509, one DER object, a CA by its basic constraints, P-256. Its signature
/// is not checked: a root is trusted because it was pinned or listed, not because it signed itself.
pub fn root_key(der: &[u8]) -> Result<PublicKey, KeySetError> {
    if der.len() > MAX_ROOT_LEN {
        return Err(KeySetError::Root);
    }
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| KeySetError::Root)?;
    let spki = certificate.public_key();
    if !rest.is_empty() || !certificate.is_ca() || !is_p256(spki) {
        return Err(KeySetError::Root);
    }
    PublicKey::from_sec1(&spki.subject_public_key.data).map_err(|_| KeySetError::Root)
}

/// Whether a SubjectPublicKeyInfo says id-ecPublicKey on prime256v1 (RFC 5480 section 2.1).
pub(crate) fn is_p256(spki: &x509_parser::x509::SubjectPublicKeyInfo<'_>) -> bool {
    use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
    let curve = spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    spki.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY
        && curve == Some(OID_EC_P256)
        && spki.subject_public_key.unused_bits == 0
}

/// A key certificate's payload.
struct CertifiedKey {
    clinic_id: ClinicId,
    key: PublicKey,
    not_before: UnixMillis,
    not_after: UnixMillis,
}

impl CertifiedKey {
    fn from_payload(payload: &[u8]) -> Result<Self, KeySetError> {
        let mut fields = Fields::decode(payload, MAX_KEY_CERTIFICATE_LEN)?;
        let version = fields.take(1)?.uint()?;
        if version != VERSION {
            return Err(KeySetError::Version(version));
        }
        let clinic_id = ClinicId::from_bytes(fields.take(2)?.bytes16()?);
        checked(fields.take(3)?, CLINIC.len(), |purpose| purpose == CLINIC)?;
        let certified = Self {
            clinic_id,
            key: public_key(fields.take(4)?)?,
            not_before: fields.take(5)?.millis()?,
            not_after: fields.take(6)?.millis()?,
        };
        fields.finish()?;
        Ok(certified)
    }
}

fn read_overlap(item: Item) -> Result<Overlap, CborError> {
    let mut fields = item.fields()?;
    let overlap = Overlap {
        number: fields.take(1)?.uint()?,
        until: fields.take(2)?.millis()?,
        receipt_key: fields.take_optional(3).map(public_key).transpose()?,
    };
    fields.finish()?;
    Ok(overlap)
}

fn overlap_map(overlap: &Overlap) -> MapWriter {
    MapWriter::new()
        .uint(1, overlap.number)
        .millis(2, overlap.until)
        .optional(overlap.receipt_key.as_ref(), |map, key| map.bytes(3, &key.to_sec1()))
}

/// An uncompressed point, the one spelling of a key.
fn public_key(item: Item) -> Result<PublicKey, CborError> {
    let wrong = item.wrong();
    let bytes = item.byte_array::<65>()?;
    PublicKey::from_sec1(&bytes).map_err(|_| wrong)
}

fn checked(item: Item, max: usize, is_fine: impl FnOnce(&str) -> bool) -> Result<String, CborError> {
    let wrong = item.wrong();
    let text = item.text(1..=max)?;
    if is_fine(&text) { Ok(text) } else { Err(wrong) }
}

#[cfg(test)]
mod tests;
