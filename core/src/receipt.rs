//! The receipt: the gateway's signed word that a picture would survive a power cut.
//!
//! It is a COSE_Sign1 by the receipt key that names the capture and its manifest, when it was stored, and where
//! it stands in the intake log: the index, the proof, and the signed checkpoint that the proof leads to. The phone
//! checks all of it and that the log still begins with what it has seen of it before. Only then is there a
//! [`VerifiedReceipt`], and nothing else frees the picture.

use ed25519_dalek::VerifyingKey;

use crate::cbor::{CborError, Fields, MapWriter, Value};
use crate::cose::{self, CoseError, Purpose, Unverified};
use crate::device_key::{PublicKey, SoftwareKey};
use crate::ids::{CaptureId, ClinicId, DeviceId, UnixMillis};
use crate::log::checkpoint::{Checkpoint, CheckpointError, MAX_CHECKPOINT_LEN, SignedCheckpoint};
use crate::log::{self, Hash, MAX_PROOF_LEN};
use crate::manifest::ManifestHash;

/// The longest receipt in bytes.
pub const MAX_RECEIPT_LEN: usize = 6 * 1024;

const VERSION: u64 = 1;

/// Why a receipt was not made or not believed. In every case the picture is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// A version that this program does not know.
    #[error("the receipt has version {0}, which this program does not know: update it")]
    Version(u64),
    /// A field is missing, unknown, or beyond what it may hold.
    #[error("the receipt is malformed: {0}")]
    Field(#[from] CborError),
    /// The envelope is wrong.
    #[error(transparent)]
    Envelope(#[from] CoseError),
    /// It is not signed by a key that the clinic has named to this phone.
    #[error(
        "the receipt is signed by no key that this device knows of the clinic: let it update its keys, then send again"
    )]
    UnknownKey,
    /// A receipt for another clinic, capture or manifest.
    #[error("the receipt is for another picture")]
    OtherCapture,
    /// The checkpoint in it is wrong.
    #[error("the receipt's log checkpoint is not to be believed: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The proof does not lead from this capture to the checkpoint.
    #[error("the receipt does not prove that the picture is in the intake log")]
    NotIncluded,
    /// The log does not begin with what it held before.
    #[error("the intake log was rewritten since the last receipt: tell the clinic's IT at once")]
    Rewritten,
}

/// What the gateway states. The store makes it from rows that are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The clinic.
    pub clinic_id: ClinicId,
    /// The picture.
    pub capture_id: CaptureId,
    /// Its manifest.
    pub manifest_hash: ManifestHash,
    /// When it was stored, by the gateway's clock. A repeated receipt repeats it.
    pub stored_at: UnixMillis,
    /// The index of its entry in the intake log. A repeated receipt repeats it.
    pub index: u64,
    /// The inclusion proof, at most [`MAX_PROOF_LEN`] hashes.
    pub proof: Vec<Hash>,
    /// The checkpoint that the proof leads to.
    pub checkpoint: SignedCheckpoint,
}

impl Receipt {
    /// Signs with the receipt key.
    pub fn issue(&self, key: &SoftwareKey) -> Result<Vec<u8>, ReceiptError> {
        let payload = MapWriter::new()
            .uint(1, VERSION)
            .bytes(2, self.clinic_id.as_bytes())
            .bytes(3, self.capture_id.as_bytes())
            .bytes(4, &self.manifest_hash.0)
            .millis(5, self.stored_at)
            .uint(6, self.index)
            .array(7, self.proof.iter().map(|hash| Value::Bytes(hash.to_vec())))
            .bytes(8, self.checkpoint.text().as_bytes())
            .to_bytes();
        // What no phone would read is not signed.
        Claim::from_payload(&payload)?;
        cose::sign(Purpose::Receipt, payload, |message| Ok(key.sign_es256(message)))
    }
}

/// What the phone sent, and whom it trusts to acknowledge it: the last three from the verified key set.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The clinic.
    pub clinic_id: ClinicId,
    /// The picture.
    pub capture_id: CaptureId,
    /// Its manifest.
    pub manifest_hash: ManifestHash,
    /// This device, under the id that the log entry carries.
    pub device_id: DeviceId,
    /// Who signs receipts for a picture of its time ([`crate::keyset::KeySet::receipt_keys`]).
    pub receipt_keys: &'a [PublicKey],
    /// Who signs the intake log's checkpoints.
    pub log_key: &'a VerifyingKey,
    /// The intake log's name.
    pub log_origin: &'a str,
}

/// A receipt of which everything was checked. Only [`verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    capture_id: CaptureId,
    stored_at: UnixMillis,
    index: u64,
    newest: Checkpoint,
    bytes: Vec<u8>,
}

/// Checks a receipt against what was sent and against `last`, the newest checkpoint that this phone has kept.
///
/// `consistency` proves that the shorter of the two logs is the beginning of the longer. Uploads side by side may
/// be acknowledged in any order, so the receipt's log may well be the shorter one; then `last` stays the newest.
pub fn verify(
    bytes: &[u8],
    expected: &Expected<'_>,
    last: Option<&Checkpoint>,
    consistency: &[Hash],
) -> Result<VerifiedReceipt, ReceiptError> {
    let unverified = Unverified::parse(Purpose::Receipt, bytes, MAX_RECEIPT_LEN)?;
    let payload = expected.receipt_keys.iter().find_map(|key| unverified.clone().verify(key).ok());
    let payload = payload.ok_or(ReceiptError::UnknownKey)?;
    let claim = Claim::from_payload(&payload)?;
    if (claim.clinic_id, claim.capture_id, claim.manifest_hash)
        != (expected.clinic_id, expected.capture_id, expected.manifest_hash)
    {
        return Err(ReceiptError::OtherCapture);
    }
    let signed = SignedCheckpoint::parse_and_verify(&claim.checkpoint, expected.log_origin, expected.log_key)?;
    let checkpoint = signed.checkpoint();
    // The phone computes the entry itself: what is in the log is this capture by this device, not just something.
    let entry = log::entry::capture(expected.capture_id, &expected.manifest_hash, expected.device_id, claim.stored_at);
    let leaf = log::leaf_hash(&entry);
    if !log::verify_inclusion(&leaf, claim.index, checkpoint.size, &claim.proof, &checkpoint.root) {
        return Err(ReceiptError::NotIncluded);
    }
    let newest = match last {
        None => checkpoint,
        Some(last) => {
            let (older, newer) = if last.size <= checkpoint.size { (last, checkpoint) } else { (checkpoint, last) };
            let same_log = last.origin == checkpoint.origin
                && log::verify_consistency(older.size, &older.root, newer.size, &newer.root, consistency);
            if !same_log {
                return Err(ReceiptError::Rewritten);
            }
            newer
        }
    };
    Ok(VerifiedReceipt {
        capture_id: claim.capture_id,
        stored_at: claim.stored_at,
        index: claim.index,
        newest: newest.clone(),
        bytes: bytes.to_vec(),
    })
}

impl VerifiedReceipt {
    /// The picture that may be freed.
    #[must_use]
    pub fn capture_id(&self) -> CaptureId {
        self.capture_id
    }

    /// When the gateway stored it.
    #[must_use]
    pub fn stored_at(&self) -> UnixMillis {
        self.stored_at
    }

    /// Where it stands in the intake log.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The checkpoint to keep and to hold the next receipt against.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.newest
    }

    /// The receipt as it came.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A receipt's payload, its checkpoint still unread.
#[derive(Debug)]
struct Claim {
    clinic_id: ClinicId,
    capture_id: CaptureId,
    manifest_hash: ManifestHash,
    stored_at: UnixMillis,
    index: u64,
    proof: Vec<Hash>,
    checkpoint: String,
}

impl Claim {
    fn from_payload(payload: &[u8]) -> Result<Self, ReceiptError> {
        let mut fields = Fields::decode(payload, MAX_RECEIPT_LEN)?;
        let version = fields.take(1)?.uint()?;
        if version != VERSION {
            return Err(ReceiptError::Version(version));
        }
        let claim = Self {
            clinic_id: ClinicId::from_bytes(fields.take(2)?.bytes16()?),
            capture_id: CaptureId::from_bytes(fields.take(3)?.bytes16()?),
            manifest_hash: ManifestHash(fields.take(4)?.bytes32()?),
            stored_at: fields.take(5)?.millis()?,
            index: fields.take(6)?.uint()?,
            proof: fields
                .take(7)?
                .array(0..=MAX_PROOF_LEN)?
                .into_iter()
                .map(|item| item.bytes32())
                .collect::<Result<_, _>>()?,
            checkpoint: {
                let item = fields.take(8)?;
                let wrong = item.wrong();
                String::from_utf8(item.bytes(1..=MAX_CHECKPOINT_LEN)?).map_err(|_| wrong)?
            },
        };
        fields.finish()?;
        Ok(claim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{consistency_proof, inclusion_proof, leaf_hash, root};
    use ed25519_dalek::SigningKey;
    use getrandom::SysRng;

    const ORIGIN: &str = "example.internal/intake";

    /// A gateway with a log in memory, and a phone that expects the entry at `MINE`.
    struct Scene {
        leaves: Vec<Hash>,
        receipt_key: SoftwareKey,
        receipt_public: PublicKey,
        log_key: SigningKey,
        log_public: VerifyingKey,
    }

    const MINE: u64 = 4;
    const STORED: UnixMillis = UnixMillis(1_700_000_000_000);

    impl Scene {
        fn new() -> Self {
            let receipt_key = SoftwareKey::generate(&mut SysRng).unwrap();
            let log_key = SigningKey::from_bytes(&[5; 32]);
            let mine = log::entry::capture(
                CaptureId::from_bytes([2; 16]),
                &ManifestHash([3; 32]),
                DeviceId::from_bytes([4; 16]),
                STORED,
            );
            let leaves = (0..40).map(|i| if i == MINE { leaf_hash(&mine) } else { leaf_hash(&i.to_be_bytes()) });
            Self {
                leaves: leaves.collect(),
                receipt_public: receipt_key.verifying(),
                receipt_key,
                log_public: log_key.verifying_key(),
                log_key,
            }
        }

        fn expected(&self) -> Expected<'_> {
            Expected {
                clinic_id: ClinicId::from_bytes([1; 16]),
                capture_id: CaptureId::from_bytes([2; 16]),
                manifest_hash: ManifestHash([3; 32]),
                device_id: DeviceId::from_bytes([4; 16]),
                receipt_keys: std::slice::from_ref(&self.receipt_public),
                log_key: &self.log_public,
                log_origin: ORIGIN,
            }
        }

        fn node(&self, level: u8, position: u64) -> Result<Hash, ()> {
            let leaves = &self.leaves;
            let at = usize::try_from(position).map_err(|_| ())?;
            if level == 0 {
                return leaves.get(at).copied().ok_or(());
            }
            let (left, right) = (self.node(level - 1, position * 2)?, self.node(level - 1, position * 2 + 1)?);
            Ok(log::node_hash(&left, &right))
        }

        fn checkpoint(&self, size: u64) -> Checkpoint {
            let root = root(size, |l, p| self.node(l, p)).unwrap();
            Checkpoint { origin: ORIGIN.into(), size, root }
        }

        fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
            consistency_proof(old, new, |l, p| self.node(l, p)).unwrap()
        }

        fn receipt(&self, size: u64) -> Receipt {
            Receipt {
                clinic_id: ClinicId::from_bytes([1; 16]),
                capture_id: CaptureId::from_bytes([2; 16]),
                manifest_hash: ManifestHash([3; 32]),
                stored_at: STORED,
                index: MINE,
                proof: inclusion_proof(MINE, size, |l, p| self.node(l, p)).unwrap(),
                checkpoint: self.checkpoint(size).sign(&self.log_key).unwrap(),
            }
        }

        fn verify(&self, receipt: &Receipt) -> Result<VerifiedReceipt, ReceiptError> {
            verify(&receipt.issue(&self.receipt_key).unwrap(), &self.expected(), None, &[])
        }
    }

    #[test]
    fn a_receipt_is_verified_and_gives_the_checkpoint_to_keep() {
        let scene = Scene::new();
        let bytes = scene.receipt(17).issue(&scene.receipt_key).unwrap();
        let verified = verify(&bytes, &scene.expected(), None, &[]).unwrap();
        assert_eq!(verified.capture_id(), CaptureId::from_bytes([2; 16]));
        assert_eq!((verified.stored_at(), verified.index()), (STORED, MINE));
        assert_eq!(verified.checkpoint(), &scene.checkpoint(17));
        assert_eq!(verified.bytes(), bytes);
    }

    #[test]
    fn the_log_must_go_on_from_what_was_seen() {
        let scene = Scene::new();
        let bytes = scene.receipt(17).issue(&scene.receipt_key).unwrap();
        let check = |last: &Checkpoint, proof: &[Hash]| verify(&bytes, &scene.expected(), Some(last), proof);

        for last in 0..=40 {
            let (old, new) = if last <= 17 { (last, 17) } else { (17, last) };
            let proof = scene.consistency(old, new);
            let verified = check(&scene.checkpoint(last), &proof).unwrap();
            assert_eq!(verified.checkpoint(), &scene.checkpoint(new), "the newest of {last} and 17");
            // A log that held something else before is a rewritten one.
            if last > 0 {
                let other = Checkpoint { root: [9; 32], ..scene.checkpoint(last) };
                assert_eq!(check(&other, &proof), Err(ReceiptError::Rewritten), "{last}");
            }
        }
        assert_eq!(check(&scene.checkpoint(9), &[]), Err(ReceiptError::Rewritten));
        let renamed = Checkpoint { origin: "other".into(), ..scene.checkpoint(17) };
        assert_eq!(check(&renamed, &[]), Err(ReceiptError::Rewritten));
    }

    #[test]
    fn a_receipt_for_anything_else_frees_nothing() {
        let scene = Scene::new();
        let with = |change: fn(&mut Receipt)| {
            let mut receipt = scene.receipt(17);
            change(&mut receipt);
            scene.verify(&receipt)
        };
        assert_eq!(with(|r| r.clinic_id = ClinicId::from_bytes([9; 16])), Err(ReceiptError::OtherCapture));
        assert_eq!(with(|r| r.capture_id = CaptureId::from_bytes([9; 16])), Err(ReceiptError::OtherCapture));
        assert_eq!(with(|r| r.manifest_hash = ManifestHash([9; 32])), Err(ReceiptError::OtherCapture));
        assert_eq!(with(|r| r.stored_at = UnixMillis(1)), Err(ReceiptError::NotIncluded));
        assert_eq!(with(|r| r.index = 5), Err(ReceiptError::NotIncluded));
        assert_eq!(with(|r| r.proof.truncate(1)), Err(ReceiptError::NotIncluded));
        assert_eq!(with(|r| r.proof = vec![[0; 32]; MAX_PROOF_LEN]), Err(ReceiptError::NotIncluded));

        let bytes = scene.receipt(17).issue(&scene.receipt_key).unwrap();
        let stranger = Scene { log_public: SigningKey::from_bytes(&[6; 32]).verifying_key(), ..Scene::new() };
        let check = |expected: Expected<'_>| verify(&bytes, &expected, None, &[]);
        assert_eq!(
            check(Expected { device_id: DeviceId::from_bytes([9; 16]), ..scene.expected() }),
            Err(ReceiptError::NotIncluded)
        );
        assert_eq!(
            check(Expected { receipt_keys: std::slice::from_ref(&stranger.receipt_public), ..scene.expected() }),
            Err(ReceiptError::UnknownKey)
        );
        assert_eq!(check(Expected { receipt_keys: &[], ..scene.expected() }), Err(ReceiptError::UnknownKey));
        let both = [stranger.receipt_public.clone(), scene.receipt_public.clone()];
        assert!(check(Expected { receipt_keys: &both, ..scene.expected() }).is_ok());
        assert_eq!(
            check(Expected { log_key: &stranger.log_public, ..scene.expected() }),
            Err(ReceiptError::Checkpoint(CheckpointError::NotSigned))
        );
        assert_eq!(
            check(Expected { log_origin: "other", ..scene.expected() }),
            Err(ReceiptError::Checkpoint(CheckpointError::OtherLog))
        );
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let scene = Scene::new();
        let bytes = scene.receipt(9).issue(&scene.receipt_key).unwrap();
        assert!(bytes.len() < MAX_RECEIPT_LEN);
        let refused = |bytes: &[u8]| verify(bytes, &scene.expected(), None, &[]).is_err();
        for at in 0..bytes.len() {
            assert!(refused(&bytes[..at]));
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                assert!(refused(&altered), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn what_no_phone_would_read_is_not_signed() {
        let scene = Scene::new();
        let proof = vec![[0; 32]; MAX_PROOF_LEN + 1];
        let got = Receipt { proof, ..scene.receipt(9) }.issue(&scene.receipt_key);
        assert_eq!(got, Err(ReceiptError::Field(CborError::Field { key: 7 })));
        let got = Receipt { index: u64::MAX, ..scene.receipt(9) }.issue(&scene.receipt_key);
        assert_eq!(got, Err(ReceiptError::Field(CborError::Field { key: 6 })));
    }

    #[test]
    fn the_longest_receipt_fits_its_limit() {
        let scene = Scene::new();
        let longest = Receipt { proof: vec![[0; 32]; MAX_PROOF_LEN], ..scene.receipt(9) };
        let spare = MAX_CHECKPOINT_LEN - longest.checkpoint.text().len();
        assert!(longest.issue(&scene.receipt_key).unwrap().len() + spare <= MAX_RECEIPT_LEN);
    }
}
