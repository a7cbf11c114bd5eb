//! One clinic and one phone whose keys never change, so that what a fuzzer finds can be found again.
//!
//! Nothing here is secret, and nothing of it is anybody's.

use std::convert::Infallible;
use std::sync::LazyLock;

use ed25519_dalek::SigningKey;
use rand_core::{TryCryptoRng, TryRng};
use safelight_core::device_key::{SoftwareDeviceKey, SoftwareKey};
use safelight_core::ids::{CaptureId, ClinicId, DeviceId, UnixMillis};
use safelight_core::keyset::{KeyCertificate, KeySet, Overlap};
use safelight_core::manifest::{ContentType, Manifest, PayloadDigest};
use safelight_core::seal::Identity;
use sha2::{Digest, Sha256};

/// When everything here happens.
pub const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
/// The clinic.
pub const CLINIC: ClinicId = ClinicId::from_bytes([1; 16]);
/// The phone.
pub const DEVICE: DeviceId = DeviceId::from_bytes([3; 16]);
/// A picture.
pub const CAPTURE: CaptureId = CaptureId::from_bytes([2; 16]);
/// The intake log's name.
pub const ORIGIN: &str = "safelight.internal/fuzz/intake";

/// A certificate (X.509, DER) for a P-256 key, made by OpenSSL.
const CA: &[u8] = include_bytes!("../../fuzz/fixtures/ca.der");

/// The same bytes every time: SHA-256 of a name and a count.
#[derive(Debug, Clone)]
pub struct Steady {
    name: &'static str,
    count: u64,
}

impl Steady {
    /// Bytes that no other name gives.
    pub const fn new(name: &'static str) -> Self {
        Self { name, count: 0 }
    }
}

impl TryRng for Steady {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for piece in bytes.chunks_mut(32) {
            let digest = Sha256::new().chain_update(self.name).chain_update(self.count.to_be_bytes()).finalize();
            piece.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
            self.count += 1;
        }
        Ok(())
    }
}

impl TryCryptoRng for Steady {}

/// Everybody's keys.
#[derive(Debug)]
pub struct Keys {
    /// The phone's.
    pub device: SoftwareKey,
    /// The CA's, which certifies `clinic`. (The CA certificate in the key set is another's: it only has to be one.)
    pub ca: SoftwareKey,
    /// Signs the key set.
    pub clinic: SoftwareKey,
    /// Signs receipts.
    pub receipt: SoftwareKey,
    /// Signs checkpoints.
    pub log: SigningKey,
    /// Opens pictures.
    pub vault: Identity,
    /// Opens them as well.
    pub recovery: Identity,
}

/// Made once.
pub fn keys() -> &'static Keys {
    static KEYS: LazyLock<Keys> = LazyLock::new(|| {
        let p256 = |name| SoftwareKey::generate(&mut Steady::new(name)).expect("a key");
        let x25519 = |name| Identity::generate(&mut Steady::new(name)).expect("a key");
        Keys {
            device: p256("device"),
            ca: p256("ca"),
            clinic: p256("clinic"),
            receipt: p256("receipt"),
            log: SigningKey::from_bytes(&[8; 32]),
            vault: x25519("vault"),
            recovery: x25519("recovery"),
        }
    });
    &KEYS
}

/// The phone's key as the core uses it.
pub fn device_key() -> SoftwareDeviceKey<Steady> {
    SoftwareDeviceKey::new(keys().device.clone(), Steady::new("next device"))
}

/// The clinic's key set.
pub fn key_set() -> KeySet {
    let keys = keys();
    KeySet {
        clinic_id: CLINIC,
        clinic_name: "Clinic".to_owned(),
        number: 2,
        vault_epoch: 1,
        vault: *keys.vault.to_recipient().as_bytes(),
        recovery: *keys.recovery.to_recipient().as_bytes(),
        receipt_key: keys.receipt.verifying(),
        log_key: keys.log.verifying_key().to_bytes(),
        log_origin: ORIGIN.to_owned(),
        roots: vec![CA.to_vec()],
        previous: vec![Overlap { number: 1, until: NOW, receipt_key: None }],
        issued_at: NOW,
        addresses: vec!["192.0.2.1:4433".to_owned()],
    }
}

/// The CA's word for the clinic's key, for a day around [`NOW`].
pub fn key_certificate() -> KeyCertificate {
    const DAY: u64 = 86_400_000;
    let keys = keys();
    let (from, until) = (UnixMillis(NOW.0 - DAY), UnixMillis(NOW.0 + DAY));
    KeyCertificate::issue(&keys.ca, CLINIC, &keys.clinic.verifying(), from, until).expect("a certificate")
}

/// A manifest of nothing in particular.
pub fn manifest() -> Manifest {
    Manifest {
        clinic_id: CLINIC,
        capture_id: CAPTURE,
        device_id: DEVICE,
        sequence: 1,
        operator: "clinician1".parse().expect("a person's id"),
        content_type: ContentType::Jpeg,
        width: 4000,
        height: 3000,
        captured_at: NOW,
        key_set: 2,
        picture: PayloadDigest { len: 3_000_000, sha256: [6; 32] },
        label: PayloadDigest { len: 300, sha256: [7; 32] },
        software: None,
    }
}
