//! A phone whose source of randomness fails, or gives too little: an attacker who can bring that about waits for a key that is
//! constant, or a nonce that comes twice.

use std::collections::HashSet;

use getrandom::SysRng;

use super::*;
use crate::device_key::{SoftwareDeviceKey, SoftwareKey};
use crate::seal::{Header, Identity, NONCE_LEN, open_payload, split};
use crate::testing::{Failing, NOW, World, label, photo};

fn take<R: TryCryptoRng>(world: &World, photo: &[u8], rng: &mut R) -> Result<SealedCapture, CaptureError> {
    let setting = Setting {
        key_set: &world.key_set,
        device_id: world.device_id,
        operator: &world.operator,
        sequence: 1,
        captured_at: NOW,
        workers: NonZeroUsize::MIN,
        software: None,
    };
    let key = SoftwareDeviceKey::new(world.device.clone(), SysRng);
    capture(photo, &label(), &setting, &key, rng)
}

#[test]
fn s20_a_capture_fails_loudly_wherever_randomness_does() {
    let (world, photo) = (World::new(), photo(8));
    // File key and nonce of picture and label, four ephemeral secrets, and the random part of the capture's id.
    let needed = 2 * (16 + 16) + 4 * 32 + 10;
    for left in 0..needed {
        let failed = take(&world, &photo, &mut Failing { left });
        let loud = matches!(failed, Err(CaptureError::Randomness | CaptureError::Seal(SealError::Randomness)));
        assert!(loud, "after {left} bytes: {failed:?}");
    }
    assert!(take(&world, &photo, &mut Failing { left: needed }).is_ok());
    assert!(SoftwareKey::generate(&mut Failing { left: 31 }).is_err());
}

#[test]
fn s20_every_capture_has_keys_nonces_and_an_id_of_its_own() {
    let vault = Identity::generate(&mut SysRng).unwrap();
    let mut world = World::new();
    world.key_set.vault = *vault.to_recipient().as_bytes();
    let photo = photo(8);
    let captures: Vec<_> = (0..24).map(|_| take(&world, &photo, &mut SysRng).unwrap()).collect();
    let mut seen = HashSet::new();
    for capture in &captures {
        let (label_header, label_payload) = split(capture.label()).unwrap();
        for header in [capture.header(), label_header] {
            for stanza in Header::parse_whole(header).unwrap().stanzas().iter().filter(|stanza| stanza.tag == "X25519")
            {
                assert!(seen.insert(stanza.args[0].clone().into_bytes()), "a share twice");
            }
        }
        assert!(seen.insert(capture.payload()[..NONCE_LEN].to_vec()), "a nonce twice");
        assert!(seen.insert(label_payload[..NONCE_LEN].to_vec()), "a nonce twice");
        assert!(seen.insert(capture.id().as_bytes().to_vec()), "an id twice");
    }
    // The key of one opens that one alone: no two are the same, a picture's and its label's neither.
    let payloads = |capture: &SealedCapture| {
        let (header, payload) = split(capture.label()).unwrap();
        [(capture.header().to_vec(), capture.payload().to_vec()), (header.to_vec(), payload.to_vec())]
    };
    let sealed: Vec<_> = captures.iter().take(6).flat_map(payloads).collect();
    for (at, (header, _)) in sealed.iter().enumerate() {
        let key = Header::parse_whole(header).unwrap().unwrap_key(&[&vault]).unwrap();
        for (other, (_, payload)) in sealed.iter().enumerate() {
            assert_eq!(open_payload(&key, payload).is_ok(), at == other, "the key of {at} and file {other}");
        }
    }
}
