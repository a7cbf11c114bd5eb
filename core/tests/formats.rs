//! Real messages against their CDDL, and every kind of message against every other kind's reader.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a panic is the finding of a test")]

use ed25519_dalek::SigningKey;
use getrandom::SysRng;
use safelight_core::cbor::{self, MapWriter, Value};
use safelight_core::device_key::{SoftwareDeviceKey, SoftwareKey};
use safelight_core::enrol::messages::{Begin, Issued, Offer, Outcome, Refusal, Reveal};
use safelight_core::ids::{CaptureId, ClinicId, DeviceId, InvitationId, UnixMillis};
use safelight_core::invitation::{Invitation, PREFIX, Token};
use safelight_core::keyset::{KeyCertificate, KeySet, Overlap, SignedKeySet};
use safelight_core::log::checkpoint::Checkpoint;
use safelight_core::log::entry::{self, Entry, Field};
use safelight_core::log::{leaf_hash, node_hash};
use safelight_core::manifest::{ContentType, Manifest, ManifestHash, PayloadDigest, SignedManifest};
use safelight_core::receipt::{self, Expected, Receipt};

const CDDL: &str = include_str!("../src/wire/formats.cddl");

/// A CA certificate for a P-256 key, made by OpenSSL.
const CA: &str = "MIIBezCCASGgAwIBAgIUOCct6v3CCmb7WH6/KhO/yiZXhVgwCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHVGVzdCBDQTAg\
    Fw0yNjExMjIwMDA2MzNaGA8yMDUxMDcxNDAwMDYzM1owEjEQMA4GA1UEAwwHVGVzdCBDQTBZMBMGByqGSM49AgEGCCqG\
    SM49AwEHA0IABCJuzHPb9B5w6rMnbraHiTCVCcnxJya2SquFCXULX9nRtOBQIlQESpty1dhi4GlyqRcC3kUo/VAM8H3A\
    kN3y8vOjUzBRMB0GA1UdDgQWBBQLg8/UQZ7S/LshiTo4o6NhBw5gaDAfBgNVHSMEGDAWgBQLg8/UQZ7S/LshiTo4o6Nh\
    Bw5gaDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQDqJEQzgBCRhNalKwK9UEtV85atsUnJ/WvMBiQ2\
    gHnzNQIgbBTnPyjODulaupSx2N2566O4OwspRRh8LY2wDtr0Cg0=";

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const CLINIC: ClinicId = ClinicId::from_bytes([1; 16]);
const CAPTURE: CaptureId = CaptureId::from_bytes([2; 16]);
const DEVICE: DeviceId = DeviceId::from_bytes([3; 16]);
const MANIFEST_HASH: ManifestHash = ManifestHash([4; 32]);
const ORIGIN: &str = "example.internal/intake";

fn conforms(rule: &str, bytes: &[u8]) -> Result<(), String> {
    let document = format!("start = {rule}\n{CDDL}");
    cddl::validate_cbor_from_slice(&document, bytes, None).map_err(|error| error.to_string())
}

fn key() -> SoftwareKey {
    SoftwareKey::generate(&mut SysRng).unwrap()
}

fn manifest() -> Manifest {
    Manifest {
        clinic_id: CLINIC,
        capture_id: CAPTURE,
        device_id: DEVICE,
        sequence: 1,
        operator: "clinician1".parse().unwrap(),
        content_type: ContentType::Jpeg,
        width: 4000,
        height: 3000,
        captured_at: NOW,
        key_set: 1,
        picture: PayloadDigest { len: 3_000_000, sha256: [6; 32] },
        label: PayloadDigest { len: 300, sha256: [7; 32] },
        software: None,
    }
}

fn log_key() -> SigningKey {
    SigningKey::from_bytes(&[8; 32])
}

fn receipt() -> Receipt {
    let leaf = leaf_hash(&entry::capture(CAPTURE, &MANIFEST_HASH, DEVICE, NOW));
    let root = node_hash(&leaf, &[9; 32]);
    let checkpoint = Checkpoint { origin: ORIGIN.into(), size: 2, root };
    Receipt {
        clinic_id: CLINIC,
        capture_id: CAPTURE,
        manifest_hash: MANIFEST_HASH,
        stored_at: NOW,
        index: 0,
        proof: vec![[9; 32]],
        checkpoint: checkpoint.sign(&log_key()).unwrap(),
    }
}

fn key_set() -> KeySet {
    KeySet {
        clinic_id: CLINIC,
        clinic_name: "Clinic".into(),
        number: 2,
        vault_epoch: 1,
        vault: [1; 32],
        recovery: [2; 32],
        receipt_key: key().verifying(),
        log_key: log_key().verifying_key().to_bytes(),
        log_origin: ORIGIN.into(),
        roots: vec![data_encoding::BASE64.decode(CA.as_bytes()).unwrap()],
        previous: vec![
            Overlap { number: 1, until: NOW, receipt_key: Some(key().verifying()) },
            Overlap { number: 0, until: NOW, receipt_key: None },
        ],
        issued_at: NOW,
        addresses: vec!["192.0.2.1:4433".into()],
    }
}

fn invitation() -> Invitation {
    Invitation {
        clinic_id: CLINIC,
        invitation_id: InvitationId::from_bytes([5; 16]),
        addresses: vec!["192.0.2.1:4433".into(), "[2001:db8::1]:4433".into()],
        ca_sha256: [6; 32],
        token: Token::from_bytes([7; 16]),
        expires_at: NOW,
    }
}

fn invitation_bytes() -> Vec<u8> {
    let text = invitation().to_qr_text().unwrap();
    data_encoding::BASE32_NOPAD.decode(&text.as_bytes()[PREFIX.len()..]).unwrap()
}

fn issued() -> Outcome {
    Outcome::Issued(Box::new(Issued {
        device_id: DEVICE,
        operator: "clinician1".parse().unwrap(),
        certificate: vec![1; 500],
        ca: vec![2; 500],
        key_set: vec![3; 900],
    }))
}

fn begin() -> Begin {
    Begin {
        token: Token::from_bytes([7; 16]),
        csr: vec![1; 300],
        device_name: "Phone".into(),
        attestation: Some(vec![2; 900]),
        commitment: [3; 32],
    }
}

/// Every kind of message under the rule that it must follow. All under one key, so that the kind alone tells
/// them apart.
fn messages(key: &SoftwareKey) -> Vec<(&'static str, Vec<u8>)> {
    let device = SoftwareDeviceKey::new(key.clone(), SysRng);
    let certificate = KeyCertificate::issue(key, CLINIC, &key.verifying(), UnixMillis(0), NOW).unwrap();
    let envelope = key_set().sign(key, &certificate).unwrap().bytes().to_vec();
    let Value::Map(parts) = cbor::decode(&envelope, 1 << 16).unwrap() else { panic!("a map") };
    let signed_key_set = parts[1].1.as_bytes().unwrap().clone();
    let refused =
        vec![Field::Code("device-revoked".into()), Field::Absent, Field::Bytes(vec![1; 16]), Field::Number(7)];
    vec![
        ("signed-manifest", manifest().sign(&device).unwrap().cose().to_vec()),
        ("signed-receipt", receipt().issue(key).unwrap()),
        ("signed-key-certificate", certificate.bytes().to_vec()),
        ("signed-key-set", signed_key_set),
        ("key-set-envelope", envelope),
        ("invitation", invitation_bytes()),
        ("enrol-begin", begin().to_bytes().to_vec()),
        ("enrol-offer", Offer { enrolment_id: [1; 16], commitment: [2; 32] }.to_bytes()),
        ("enrol-reveal", Reveal { nonce: [1; 32] }.to_bytes()),
        ("enrol-outcome", issued().to_bytes()),
        ("enrol-outcome", Outcome::Refused(Refusal::TooMany).to_bytes()),
        ("capture-entry", entry::capture(CAPTURE, &MANIFEST_HASH, DEVICE, NOW)),
        ("log-entry", Entry::new("refused", refused).unwrap().to_bytes()),
    ]
}

#[test]
fn real_messages_follow_their_rules_and_no_other() {
    let messages = messages(&key());
    for (rule, bytes) in &messages {
        conforms(rule, bytes).unwrap_or_else(|error| panic!("{rule}: {error}"));
        for (other, _) in &messages {
            // A capture's entry is a log entry.
            if other != rule && (*rule, *other) != ("capture-entry", "log-entry") {
                assert!(conforms(other, bytes).is_err(), "a {rule} follows the rule {other}");
            }
        }
    }
}

/// The rules would be worth little if they let everything pass.
#[test]
fn the_rules_notice_a_missing_a_further_and_a_wrong_field() {
    let key = key();
    let messages: Vec<_> = messages(&key)
        .into_iter()
        .chain([("manifest", manifest().to_bytes())])
        .filter(|(_, bytes)| bytes[0] >> 5 == 5)
        .collect();
    assert!(messages.len() > 5);
    for (rule, bytes) in messages {
        let Value::Map(entries) = cbor::decode(&bytes, 1 << 16).unwrap() else { panic!("a map") };
        let follows = |entries: &[(Value, Value)]| conforms(rule, &cbor::encode(Value::Map(entries.to_vec()))).is_ok();
        assert!(follows(&entries), "{rule}");
        for at in 0..entries.len() {
            let optional = (rule, at) == ("enrol-begin", 3);
            let mut changed = entries.clone();
            changed.remove(at);
            assert_eq!(follows(&changed), optional, "{rule} without its field {at}");
            changed = entries.clone();
            changed[at].1 = Value::Bool(true);
            assert!(!follows(&changed), "{rule} with another type in its field {at}");
        }
        let mut more = entries.clone();
        more.push((99.into(), 1.into()));
        assert!(!follows(&more), "{rule} with a further field");
    }
}

#[test]
fn no_kind_of_message_is_read_as_another() {
    let key = key();
    let public = key.verifying();
    let log_public = log_key().verifying_key();
    let expected = Expected {
        clinic_id: CLINIC,
        capture_id: CAPTURE,
        manifest_hash: MANIFEST_HASH,
        device_id: DEVICE,
        receipt_keys: std::slice::from_ref(&public),
        log_key: &log_public,
        log_origin: ORIGIN,
    };
    let verified_key_set = |bytes: &[u8]| {
        SignedKeySet::parse(bytes).and_then(|set| set.verify(std::slice::from_ref(&public), CLINIC, NOW, 0))
    };
    for (kind, bytes) in messages(&key) {
        let qr = format!("{PREFIX}{}", data_encoding::BASE32_NOPAD.encode(&bytes));
        for (reader, reads) in [
            ("signed-manifest", SignedManifest::parse(&bytes).is_ok_and(|m| m.verify(&public).is_ok())),
            ("signed-receipt", receipt::verify(&bytes, &expected, None, &[]).is_ok()),
            ("signed-key-certificate", KeyCertificate::from_bytes(&bytes).is_ok()),
            ("key-set-envelope", verified_key_set(&bytes).is_ok()),
            ("invitation", Invitation::parse(&qr).is_ok()),
            ("enrol-begin", Begin::parse(&bytes).is_ok()),
            ("enrol-offer", Offer::parse(&bytes).is_ok()),
            ("enrol-reveal", Reveal::parse(&bytes).is_ok()),
            ("enrol-outcome", Outcome::parse(&bytes).is_ok()),
            ("log-entry", Entry::parse(&bytes).is_ok()),
        ] {
            let should = reader == kind || (reader, kind) == ("log-entry", "capture-entry");
            assert_eq!(reads, should, "a {kind} by the reader of {reader}");
        }
    }
}

#[test]
fn bombs_are_refused_by_every_reader() {
    let huge_length = |head: u8| [&[head][..], &u64::MAX.to_be_bytes(), &[0; 64]].concat();
    let many_fields = (0..2000u64).fold(MapWriter::new(), |map, key| map.uint(key, 0)).to_bytes();
    let bombs = [
        vec![0x81; 10_000],
        vec![0xa1; 10_000],
        vec![0xd8; 10_000],
        [[0xa1, 0x01].repeat(5_000), vec![0x01]].concat(),
        huge_length(0x5b),
        huge_length(0x7b),
        huge_length(0x9b),
        huge_length(0xbb),
        [&[0x84][..], &huge_length(0x5b)].concat(),
        vec![0xff; 100],
        vec![0x9f; 100],
        Vec::new(),
        many_fields,
    ];
    for bytes in bombs {
        assert!(SignedManifest::parse(&bytes).is_err());
        assert!(SignedKeySet::parse(&bytes).is_err());
        assert!(KeyCertificate::from_bytes(&bytes).is_err());
        assert!(Begin::parse(&bytes).is_err());
        assert!(Offer::parse(&bytes).is_err());
        assert!(Reveal::parse(&bytes).is_err());
        assert!(Outcome::parse(&bytes).is_err());
        assert!(Entry::parse(&bytes).is_err());
        assert!(Invitation::parse(&format!("{PREFIX}{}", data_encoding::BASE32_NOPAD.encode(&bytes))).is_err());
    }
}
