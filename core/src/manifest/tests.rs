//! Manifests that hold, and every way in which one does not.

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
        software: None,
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
fn what_took_a_picture_is_signed_with_it() {
    let (key, public) = key();
    let manifest = Manifest { software: Some("app/1.0".parse().unwrap()), ..example() };
    let signed = manifest.sign(&key).unwrap();
    let read = SignedManifest::parse(signed.cose()).unwrap().verify(&public).unwrap();
    assert_eq!(read.manifest(), &manifest);
    assert_ne!(read.hash(), example().hash());
}

#[test]
fn a_newer_key_signs_the_same_manifest_and_the_same_key_signs_no_second_time() {
    let (old, old_public) = key();
    let (new, new_public) = key();
    let signed = example().sign(&old).unwrap();
    assert_eq!(signed.signed_by(&old).unwrap(), signed);
    let again = signed.signed_by(&new).unwrap();
    assert_eq!((again.hash(), again.manifest()), (signed.hash(), signed.manifest()));
    let verify = |public: &PublicKey| SignedManifest::parse(again.cose()).unwrap().verify(public).map(|_| ());
    assert!(verify(&new_public).is_ok() && verify(&old_public).is_err());
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
    more.push((15.into(), 1.into()));
    assert_eq!(parse(more), Err(ManifestError::Field(CborError::Unknown { key: 15 })));
    for (said, held) in [("app/1.0", true), ("", false), (" app", false), ("a\nb", false), (&"a".repeat(65), false)] {
        let mut with = entries.clone();
        with.push((14.into(), said.into()));
        let expected = Manifest { software: said.parse().ok(), ..example() };
        let wrong = Err(ManifestError::Field(CborError::Field { key: 14 }));
        assert_eq!(parse(with), if held { Ok(expected) } else { wrong }, "{said:?}");
    }
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
