//! A clinic and a phone in memory, for the tests of several rooms.

use std::collections::HashMap;
use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::Arc;

use getrandom::SysRng;
use rand_core::{TryCryptoRng, TryRng};

use crate::capture::{SealedCapture, Setting, capture};
use crate::device_key::{SoftwareDeviceKey, SoftwareKey};
use crate::ids::{CaptureId, ClinicId, DeviceId, UnixMillis};
use crate::keyset::KeySet;
use crate::label::Label;
use crate::log::checkpoint::Checkpoint;
use crate::log::{self, Hash};
use crate::manifest::{OperatorId, SignedManifest};
use crate::receipt::Receipt;
use crate::seal::Identity;

pub(crate) const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

/// A clinic with its log, and one phone.
pub(crate) struct World {
    pub(crate) key_set: KeySet,
    pub(crate) device_id: DeviceId,
    pub(crate) device: SoftwareKey,
    pub(crate) operator: OperatorId,
    pub(crate) receipt: SoftwareKey,
    log_key: ed25519_dalek::SigningKey,
    leaves: Vec<Hash>,
    acknowledged: HashMap<CaptureId, usize>,
    sequence: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let vault = Identity::generate(&mut SysRng).unwrap();
        let recovery = Identity::generate(&mut SysRng).unwrap();
        let receipt = SoftwareKey::generate(&mut SysRng).unwrap();
        let log_key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
        let key_set = KeySet {
            clinic_id: ClinicId::from_bytes([1; 16]),
            clinic_name: "Dermatology".to_owned(),
            number: 3,
            vault_epoch: 1,
            vault: *vault.to_recipient().as_bytes(),
            recovery: *recovery.to_recipient().as_bytes(),
            receipt_key: receipt.verifying(),
            log_key: log_key.verifying_key().to_bytes(),
            log_origin: "safelight.internal/test/intake".to_owned(),
            roots: vec![],
            previous: Vec::new(),
            issued_at: NOW,
            addresses: vec!["192.0.2.1:4433".to_owned()],
        };
        Self {
            key_set,
            device_id: DeviceId::from_bytes([2; 16]),
            device: SoftwareKey::generate(&mut SysRng).unwrap(),
            operator: "clinician1".parse().unwrap(),
            receipt,
            log_key,
            leaves: vec![log::leaf_hash(b"an older entry")],
            acknowledged: HashMap::new(),
            sequence: 0,
        }
    }

    /// A sealed capture of a small picture.
    pub(crate) fn capture(&mut self, photo: &[u8]) -> Arc<SealedCapture> {
        self.sequence += 1;
        let setting = Setting {
            key_set: &self.key_set,
            device_id: self.device_id,
            operator: &self.operator,
            sequence: self.sequence,
            captured_at: NOW,
            workers: NonZeroUsize::MIN,
            software: None,
        };
        let key = SoftwareDeviceKey::new(self.device.clone(), SysRng);
        Arc::new(capture(photo, &label(), &setting, &key, &mut SysRng).unwrap())
    }

    /// What the gateway's log is now.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let root = log::root(self.leaves.len() as u64, |level, position| self.node(level, position)).unwrap();
        Checkpoint { origin: self.key_set.log_origin.clone(), size: self.leaves.len() as u64, root }
    }

    /// The same clinic with a log of its own from here on, as a gateway has that keeps two.
    pub(crate) fn fork(&self) -> Self {
        Self {
            key_set: self.key_set.clone(),
            device_id: self.device_id,
            device: self.device.clone(),
            operator: self.operator.clone(),
            receipt: self.receipt.clone(),
            log_key: self.log_key.clone(),
            leaves: self.leaves.clone(),
            acknowledged: self.acknowledged.clone(),
            sequence: self.sequence,
        }
    }

    /// Something else goes into the log.
    pub(crate) fn grow(&mut self) {
        self.leaves.push(log::leaf_hash(b"something else"));
    }

    /// Puts a capture into the log, if it is not there, and acknowledges it, with the proof from `known`.
    pub(crate) fn acknowledge(&mut self, manifest: &SignedManifest, known: u64) -> (Vec<u8>, Vec<Hash>) {
        let said = manifest.manifest();
        let index = *self.acknowledged.entry(said.capture_id).or_insert_with(|| {
            let entry = log::entry::capture(said.capture_id, &manifest.hash(), said.device_id, NOW);
            self.leaves.push(log::leaf_hash(&entry));
            self.leaves.len() - 1
        }) as u64;
        let size = self.leaves.len() as u64;
        let proof = log::inclusion_proof(index, size, |level, position| self.node(level, position)).unwrap();
        let consistency = match known {
            0 => vec![],
            // A log that is shorter than what the phone knows has no proof for it.
            known => {
                log::consistency_proof(known, size, |level, position| self.node(level, position)).unwrap_or_default()
            }
        };
        let receipt = Receipt {
            clinic_id: said.clinic_id,
            capture_id: said.capture_id,
            manifest_hash: manifest.hash(),
            stored_at: NOW,
            index,
            proof,
            checkpoint: self.checkpoint().sign(&self.log_key).unwrap(),
        };
        (receipt.issue(&self.receipt).unwrap(), consistency)
    }

    fn node(&self, level: u8, position: u64) -> Result<Hash, std::convert::Infallible> {
        let index = usize::try_from(position).unwrap();
        Ok(match level {
            0 => self.leaves[index],
            _ => log::node_hash(&self.node(level - 1, 2 * position)?, &self.node(level - 1, 2 * position + 1)?),
        })
    }
}

/// Somebody who does not exist.
pub(crate) fn label() -> Label {
    let json = serde_json::json!({
        "version": 1,
        "issuer": "clinic",
        "record_number": "12345",
        "name": "Planted Name",
        "birth_date": "1961-02-03",
        "body_site": { "text": "forearm" },
    });
    Label::from_json_bytes(json.to_string().as_bytes()).unwrap()
}

/// A small photograph.
pub(crate) fn photo(side: u32) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(side, side, |x, y| {
        let noise = x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)) >> 7;
        image::Rgb([x, y, noise].map(|value| value.to_le_bytes()[0]))
    });
    let mut jpeg = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    jpeg.into_inner()
}

/// A source of randomness that gives out `left` bytes and then fails.
pub(crate) struct Failing {
    pub(crate) left: usize,
}

#[derive(Debug)]
pub(crate) struct Exhausted;

impl std::fmt::Display for Exhausted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("exhausted")
    }
}

impl std::error::Error for Exhausted {}

impl TryRng for Failing {
    type Error = Exhausted;

    fn try_next_u32(&mut self) -> Result<u32, Exhausted> {
        Err(Exhausted)
    }

    fn try_next_u64(&mut self) -> Result<u64, Exhausted> {
        Err(Exhausted)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(Exhausted)?;
        let Ok(()) = SysRng.try_fill_bytes(bytes).map_err(|_| -> Infallible { unreachable!() });
        Ok(())
    }
}

impl TryCryptoRng for Failing {}
