//! Key sets that hold, and every way in which one does not.

use super::*;
use crate::cbor;
use crate::enrol::der_for_tests::{EC_PUBLIC_KEY, P256, P384, ca_certificate, certificate, spki};
use getrandom::SysRng;

fn key() -> SoftwareKey {
    SoftwareKey::generate(&mut SysRng).unwrap()
}

const CLINIC_ID: ClinicId = ClinicId::from_bytes([1; 16]);
const FROM: UnixMillis = UnixMillis(1_000);
const NOW: UnixMillis = UnixMillis(1_500);
const UNTIL: UnixMillis = UnixMillis(2_000);

struct Clinic {
    ca: SoftwareKey,
    key: SoftwareKey,
    certificate: KeyCertificate,
    set: KeySet,
}

impl Clinic {
    fn new() -> Self {
        let (ca, key) = (self::key(), self::key());
        let certificate = KeyCertificate::issue(&ca, CLINIC_ID, &key.verifying(), FROM, UNTIL).unwrap();
        let set = KeySet {
            clinic_id: CLINIC_ID,
            clinic_name: "Haut- und Laserzentrum Zürich".into(),
            number: 7,
            vault_epoch: 2,
            vault: [2; 32],
            recovery: [3; 32],
            receipt_key: self::key().verifying(),
            log_key: ed25519_dalek::SigningKey::from_bytes(&[4; 32]).verifying_key().to_bytes(),
            log_origin: "example.internal/intake".into(),
            roots: vec![ca_certificate(&ca)],
            previous: vec![Overlap { number: 6, until: UNTIL, receipt_key: None }],
            issued_at: NOW,
            addresses: vec!["gw.example:4433".into()],
        };
        Self { ca, key, certificate, set }
    }

    fn sign(&self, set: &KeySet) -> Result<SignedKeySet, KeySetError> {
        set.sign(&self.key, &self.certificate)
    }

    fn envelope(&self) -> Vec<u8> {
        self.sign(&self.set).unwrap().bytes().to_vec()
    }

    fn verify(&self, bytes: &[u8]) -> Result<VerifiedKeySet, KeySetError> {
        SignedKeySet::parse(bytes)?.verify(&[self.ca.verifying()], CLINIC_ID, NOW, 0)
    }
}

#[test]
fn a_key_set_reads_back_and_lists_its_roots() {
    let clinic = Clinic::new();
    let bytes = clinic.envelope();
    let verified = clinic.verify(&bytes).unwrap();
    assert_eq!(verified.key_set(), &clinic.set);
    assert_eq!(verified.bytes(), bytes);
    assert_eq!(verified.key_set().root_keys(), Ok(vec![clinic.ca.verifying()]));

    let alone = KeySet { previous: Vec::new(), ..clinic.set.clone() };
    let bytes = clinic.sign(&alone).unwrap().bytes().to_vec();
    assert_eq!(clinic.verify(&bytes).unwrap().key_set(), &alone);
    assert_eq!(KeyCertificate::from_bytes(clinic.certificate.bytes()), Ok(clinic.certificate));
}

fn overlap(number: u64) -> Overlap {
    Overlap { number, until: UNTIL, receipt_key: None }
}

#[test]
fn several_key_sets_overlap_each_with_the_receipt_key_of_then() {
    let clinic = Clinic::new();
    let [old, older] = [key().verifying(), key().verifying()];
    let previous = vec![
        overlap(6),
        Overlap { receipt_key: Some(old.clone()), ..overlap(5) },
        Overlap { receipt_key: Some(older.clone()), until: NOW, ..overlap(2) },
    ];
    let set = KeySet { previous, ..clinic.set.clone() };
    let read = clinic.verify(clinic.sign(&set).unwrap().bytes()).unwrap();
    assert_eq!(read.key_set(), &set);
    let today = &set.receipt_key;
    assert_eq!(set.accepted(UnixMillis(NOW.0 - 1)), [(7, today), (6, today), (5, &old), (2, &older)]);
    assert_eq!(set.accepted(NOW), [(7, today), (6, today), (5, &old)]);
    assert_eq!(set.accepted(UNTIL), [(7, today)]);
    // A key of then counts for what was taken then, and for nothing else.
    let alone = std::slice::from_ref(today);
    for (number, expected) in [(7, alone), (6, alone), (5, &[today.clone(), old.clone()][..]), (4, alone)] {
        assert_eq!(set.receipt_keys(number, NOW), expected, "{number}");
    }
    assert_eq!(set.receipt_keys(5, UNTIL.plus(CLOCK_SLACK)), alone);
    assert_eq!(set.receipt_key_overlaps_until(NOW), Some(UNTIL));
    assert_eq!(set.receipt_key_overlaps_until(UNTIL), None);
    assert_eq!(clinic.set.receipt_key_overlaps_until(NOW), None);
}

#[test]
fn further_overlaps_are_not_read_without_the_newest() {
    let clinic = Clinic::new();
    let set = KeySet { previous: vec![overlap(6), overlap(5)], ..clinic.set.clone() };
    let mut fields = match cbor::decode(&set.to_bytes(), MAX_KEY_SET_LEN).unwrap() {
        Value::Map(fields) => fields,
        other => panic!("{other:?}"),
    };
    fields.retain(|(key, _)| *key != Value::from(12u64));
    let payload = cbor::encode(Value::Map(fields));
    assert_eq!(KeySet::from_payload(&payload), Err(KeySetError::Field(CborError::Field { key: 15 })));
}

#[test]
fn s23_a_lower_number_is_a_rollback_and_the_same_is_not() {
    let clinic = Clinic::new();
    let verify = |at_least| {
        clinic.sign(&clinic.set).unwrap().verify(&[clinic.ca.verifying()], CLINIC_ID, NOW, at_least).map(drop)
    };
    assert_eq!(verify(7), Ok(()));
    assert_eq!(verify(8), Err(KeySetError::Rollback { got: 7, known: 8 }));
}

#[test]
fn another_ca_clinic_key_or_time_is_refused() {
    let clinic = Clinic::new();
    let verify = |roots: &[PublicKey], id, now| clinic.sign(&clinic.set).unwrap().verify(roots, id, now, 0).map(drop);
    let root = clinic.ca.verifying();
    assert_eq!(verify(&[key().verifying(), root.clone()], CLINIC_ID, NOW), Ok(()));
    assert_eq!(verify(&[key().verifying()], CLINIC_ID, NOW), Err(KeySetError::UnknownCa));
    assert_eq!(verify(&[], CLINIC_ID, NOW), Err(KeySetError::UnknownCa));
    // The clinic key is no CA, even for its own key set.
    assert_eq!(verify(&[clinic.key.verifying()], CLINIC_ID, NOW), Err(KeySetError::UnknownCa));
    let roots = std::slice::from_ref(&root);
    assert_eq!(verify(roots, ClinicId::from_bytes([9; 16]), NOW), Err(KeySetError::OtherClinic));
    for (now, expected) in [
        (UnixMillis(999), Err(KeySetError::NotValidNow)),
        (FROM, Ok(())),
        (UNTIL, Ok(())),
        (UnixMillis(2_001), Err(KeySetError::NotValidNow)),
    ] {
        assert_eq!(verify(roots, CLINIC_ID, now), expected, "{now:?}");
    }

    let stolen = clinic.set.sign(&key(), &clinic.certificate).unwrap();
    assert_eq!(clinic.verify(stolen.bytes()), Err(KeySetError::Envelope(CoseError::Signature)));
    let elsewhere = KeySet { clinic_id: ClinicId::from_bytes([9; 16]), ..clinic.set.clone() };
    let bytes = clinic.sign(&elsewhere).unwrap().bytes().to_vec();
    assert_eq!(clinic.verify(&bytes), Err(KeySetError::OtherClinic));
}

#[test]
fn a_certificate_for_another_purpose_does_not_serve() {
    let clinic = Clinic::new();
    let payload = MapWriter::new()
        .uint(1, VERSION)
        .bytes(2, CLINIC_ID.as_bytes())
        .text(3, "witness")
        .bytes(4, &clinic.key.verifying().to_sec1())
        .millis(5, FROM)
        .millis(6, UNTIL)
        .to_bytes();
    let bytes = cose::sign::<CoseError>(Purpose::KeyCertificate, payload, |m| Ok(clinic.ca.sign_es256(m)));
    let certificate = KeyCertificate(bytes.unwrap());
    let signed = clinic.set.sign(&clinic.key, &certificate).unwrap();
    assert_eq!(
        signed.verify(&[clinic.ca.verifying()], CLINIC_ID, NOW, 0),
        Err(KeySetError::Field(CborError::Field { key: 3 }))
    );
    // Nor does the CA's signature on something that is no certificate at all.
    let payload = clinic.set.to_bytes();
    let bytes = cose::sign::<CoseError>(Purpose::KeySet, payload, |m| Ok(clinic.ca.sign_es256(m))).unwrap();
    assert!(KeyCertificate::from_bytes(&bytes).is_err());
    let envelope = MapWriter::new().bytes(1, clinic.certificate.bytes()).bytes(2, &bytes).to_bytes();
    assert_eq!(clinic.verify(&envelope), Err(KeySetError::Envelope(CoseError::Signature)));
}

#[test]
fn every_cut_and_every_flipped_bit_is_noticed() {
    let clinic = Clinic::new();
    let bytes = clinic.envelope();
    for at in 0..bytes.len() {
        assert!(clinic.verify(&bytes[..at]).is_err());
        // One bit a byte: two signatures are checked each time.
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        assert!(clinic.verify(&altered).is_err(), "byte {at}");
    }
}

#[test]
fn what_no_phone_would_accept_is_not_signed() {
    let clinic = Clinic::new();
    let refused = |key: u64, change: fn(&mut KeySet)| {
        let mut set = clinic.set.clone();
        change(&mut set);
        let got = clinic.sign(&set).map(drop);
        assert_eq!(got, Err(KeySetError::Field(CborError::Field { key })), "{set:?}");
    };
    refused(3, |set| set.clinic_name = String::new());
    refused(3, |set| set.clinic_name = "a\nb".into());
    refused(3, |set| set.clinic_name = "a".repeat(MAX_CLINIC_NAME_LEN + 1));
    refused(4, |set| set.number = u64::MAX);
    refused(7, |set| set.recovery = set.vault);
    refused(9, |set| set.log_key = [0; 32]);
    refused(10, |set| set.log_origin = "a b".into());
    refused(11, |set| set.roots.clear());
    refused(11, |set| set.roots = vec![set.roots[0].clone(); MAX_ROOTS + 1]);
    refused(12, |set| set.previous = vec![overlap(7)]);
    refused(12, |set| set.previous = vec![Overlap { receipt_key: Some(set.receipt_key.clone()), ..overlap(6) }]);
    refused(15, |set| set.previous = vec![overlap(6), overlap(6)]);
    refused(15, |set| set.previous = vec![overlap(5), overlap(6)]);
    refused(15, |set| {
        set.number = 100;
        set.previous = (0..=7).rev().map(overlap).collect();
    });
    refused(14, |set| set.addresses.clear());
    refused(14, |set| set.addresses = vec!["gw.example".into()]);
}

#[test]
fn a_root_is_a_ca_certificate_for_a_p256_key() {
    let ca = key();
    let point = ca.verifying().to_sec1();
    let der = ca_certificate(&ca);
    assert_eq!(root_key(&der), Ok(ca.verifying()));
    let refused = |der: &[u8]| assert_eq!(root_key(der), Err(KeySetError::Root));
    refused(&certificate(spki(EC_PUBLIC_KEY, P256, &point), false, &ca));
    refused(&certificate(spki(EC_PUBLIC_KEY, P384, &point), true, &ca));
    refused(&certificate(spki(EC_PUBLIC_KEY, P256, &[4; 65]), true, &ca));
    refused(&[&der[..], &[0]].concat());
    refused(&vec![0x30; MAX_ROOT_LEN + 1]);
    for at in 0..der.len() {
        refused(&der[..at]);
    }
}
