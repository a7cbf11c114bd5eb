//! Signed documents: manifest, receipt, key set. Each is tried in two ways: bytes as the whole document, which no fuzzer can sign;
//! and bytes as the payload under a right signature, which a device or an intruder in ingest can make.

use safelight_core::cbor::MapWriter;
use safelight_core::cose::{self, CoseError, Purpose, Unverified};
use safelight_core::device_key::SoftwareKey;
use safelight_core::keyset::{KeySet, MAX_KEY_SET_LEN, SignedKeySet};
use safelight_core::log::checkpoint::Checkpoint;
use safelight_core::log::{entry, leaf_hash};
use safelight_core::manifest::{ManifestHash, SignedManifest};
use safelight_core::receipt::{self, Expected, MAX_RECEIPT_LEN, Receipt};

use super::clinic::{CAPTURE, CLINIC, DEVICE, NOW, ORIGIN, device_key, key_certificate, key_set, keys, manifest};

/// Bytes as a signed manifest, and as what a device has signed.
pub fn manifest_cose(bytes: &[u8]) {
    let device = keys().device.verifying();
    if let Ok(unverified) = SignedManifest::parse(bytes) {
        let claimed = unverified.claimed().clone();
        let envelope = Unverified::parse(Purpose::Manifest, bytes, usize::MAX).expect("an envelope");
        assert_eq!(claimed.to_bytes(), envelope.claimed(), "a second spelling of a manifest");
        if let Ok(verified) = unverified.verify(&device) {
            assert_eq!(verified.manifest(), &manifest(), "a manifest that the device has not signed");
            assert_eq!(verified.hash(), manifest().hash());
        }
    }
    if let Ok(unverified) = SignedManifest::parse(&signed(Purpose::Manifest, bytes, &keys().device)) {
        let verified = unverified.verify(&device).expect("its own signature");
        assert_eq!(verified.manifest().to_bytes(), bytes, "a second spelling of a manifest");
        let again = verified.manifest().sign(&device_key()).expect("what was read can be written");
        assert_eq!(again.hash(), verified.hash());
    }
}

/// Bytes as a receipt, and as what the receipt key has signed.
pub fn receipt_cose(bytes: &[u8]) {
    let device = keys().receipt.verifying();
    let log_key = keys().log.verifying_key();
    let expected = Expected {
        clinic_id: CLINIC,
        capture_id: CAPTURE,
        manifest_hash: manifest().hash(),
        device_id: DEVICE,
        receipt_keys: std::slice::from_ref(&device),
        log_key: &log_key,
        log_origin: ORIGIN,
    };
    let by_the_key = signed(Purpose::Receipt, bytes, &keys().receipt);
    for document in [bytes, &by_the_key] {
        let Ok(verified) = receipt::verify(document, &expected, None, &[]) else { continue };
        // Of this log one checkpoint was ever signed, and of this capture one entry.
        assert_eq!(verified.checkpoint(), &checkpoint(), "another checkpoint than the signed one");
        assert_eq!((verified.capture_id(), verified.index(), verified.stored_at()), (CAPTURE, 1, NOW));
        let older = Checkpoint { root: [0; 32], ..checkpoint() };
        assert!(receipt::verify(document, &expected, Some(&older), &[]).is_err(), "a log that was rewritten");
        let other = Expected { manifest_hash: ManifestHash([0; 32]), ..expected };
        assert!(receipt::verify(document, &other, None, &[]).is_err(), "a receipt for another picture");
    }
    assert!(bytes.len() <= MAX_RECEIPT_LEN || receipt::verify(bytes, &expected, None, &[]).is_err());
}

/// Bytes as a key set's envelope, and as what the clinic key has signed.
pub fn key_set_cose(bytes: &[u8]) {
    let roots = [keys().ca.verifying()];
    if let Ok(parsed) = SignedKeySet::parse(bytes) {
        assert!(bytes.len() <= MAX_KEY_SET_LEN);
        assert_eq!(parsed.bytes(), bytes);
        if let Ok(verified) = parsed.verify(&roots, CLINIC, NOW, 0) {
            assert_eq!(verified.key_set(), &key_set(), "a key set that the clinic has not signed");
        }
    }
    let inner = signed(Purpose::KeySet, bytes, &keys().clinic);
    let envelope = MapWriter::new().bytes(1, key_certificate().bytes()).bytes(2, &inner).to_bytes();
    let Ok(parsed) = SignedKeySet::parse(&envelope) else { return };
    let Ok(verified) = parsed.verify(&roots, CLINIC, NOW, 0) else { return };
    assert_eq!(payload_of(verified.key_set()), bytes, "a second spelling of a key set");
    let newer = verified.key_set().number.saturating_add(1);
    let again = SignedKeySet::parse(&envelope).expect("it was read before");
    assert!(again.verify(&roots, CLINIC, NOW, newer).is_err(), "an older key set than the one that is known");
}

/// The genuine documents: the seeds.
pub fn genuine() -> [(&'static str, &'static str, Vec<u8>); 6] {
    let manifest = manifest();
    let key_set = key_set();
    let envelope = key_set.sign(&keys().clinic, &key_certificate()).expect("a key set").bytes().to_vec();
    let receipt = genuine_receipt().issue(&keys().receipt).expect("a receipt");
    let receipt_payload = Unverified::parse(Purpose::Receipt, &receipt, MAX_RECEIPT_LEN).expect("a receipt");
    [
        ("manifest_cose", "signed", manifest.sign(&device_key()).expect("a manifest").cose().to_vec()),
        ("manifest_cose", "payload", manifest.to_bytes()),
        ("receipt_cose", "signed", receipt),
        ("receipt_cose", "payload", receipt_payload.claimed().to_vec()),
        ("key_set_cose", "signed", envelope),
        ("key_set_cose", "payload", payload_of(&key_set)),
    ]
}

fn signed(purpose: Purpose, payload: &[u8], key: &SoftwareKey) -> Vec<u8> {
    cose::sign::<CoseError>(purpose, payload.to_vec(), |message| Ok(key.sign_es256(message))).expect("an envelope")
}

/// What the clinic key signs.
fn payload_of(key_set: &KeySet) -> Vec<u8> {
    let signed = key_set.sign(&keys().clinic, &key_certificate()).expect("what was read can be written");
    let mut fields = safelight_core::cbor::Fields::decode(signed.bytes(), MAX_KEY_SET_LEN).expect("an envelope");
    let inner = fields.take(2).and_then(|inner| inner.bytes(1..=MAX_KEY_SET_LEN)).expect("a signed key set");
    Unverified::parse(Purpose::KeySet, &inner, MAX_KEY_SET_LEN).expect("an envelope").claimed().to_vec()
}

/// A log of two entries, of which the second is the capture's.
fn checkpoint() -> Checkpoint {
    let leaf = leaf_hash(&entry::capture(CAPTURE, &manifest().hash(), DEVICE, NOW));
    Checkpoint { origin: ORIGIN.to_owned(), size: 2, root: safelight_core::log::node_hash(&[9; 32], &leaf) }
}

fn genuine_receipt() -> Receipt {
    Receipt {
        clinic_id: CLINIC,
        capture_id: CAPTURE,
        manifest_hash: manifest().hash(),
        stored_at: NOW,
        index: 1,
        proof: vec![[9; 32]],
        checkpoint: checkpoint().sign(&keys().log).expect("a checkpoint"),
    }
}
