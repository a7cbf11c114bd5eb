//! An enrolled device survives restarts, and a renewal that is cut off anywhere leaves a certificate with its key.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use getrandom::SysRng;
use safelight_core::client::device::Device;
use safelight_core::device_key::{DeviceKey, PublicKey, SoftwareKey};
use safelight_core::ids::{ClinicId, DeviceId, UnixMillis};
use safelight_core::keyset::{KeyCertificate, KeySet};
use safelight_core::seal;
use safelight_gateway::enrol::ca::Ca;
use safelight_gateway::phone::identity::{Identity, IdentityError};

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

/// A clinic that can enrol a device in memory.
struct Clinic {
    id: ClinicId,
    ca: Ca,
}

impl Clinic {
    fn new() -> Self {
        let id = ClinicId::from_bytes([1; 16]);
        Self { id, ca: Ca::create(id, NOW, &mut SysRng).unwrap() }
    }

    fn certificate(&self, key: &PublicKey) -> Vec<u8> {
        self.ca.issue_device(key, DeviceId::from_bytes([2; 16]), NOW, &mut SysRng).unwrap().der.to_vec()
    }

    fn device(&self, key: &PublicKey) -> Device {
        let clinic_key = SoftwareKey::generate(&mut SysRng).unwrap();
        let until = UnixMillis(NOW.0 + 1_000_000_000);
        let certificate = KeyCertificate::issue(self.ca.key(), self.id, &clinic_key.verifying(), NOW, until).unwrap();
        let recipient = || *seal::Identity::generate(&mut SysRng).unwrap().to_recipient().as_bytes();
        let key_set = KeySet {
            clinic_id: self.id,
            clinic_name: "Dermatology".to_owned(),
            number: 1,
            vault_epoch: 1,
            vault: recipient(),
            recovery: recipient(),
            receipt_key: clinic_key.verifying(),
            log_key: ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key().to_bytes(),
            log_origin: "safelight.internal/test/intake".to_owned(),
            roots: vec![self.ca.certificate().to_vec()],
            previous: Vec::new(),
            issued_at: NOW,
            addresses: vec!["192.0.2.1:4433".to_owned()],
        };
        let signed = key_set.sign(&clinic_key, &certificate).unwrap();
        Device {
            clinic_id: self.id,
            device_id: DeviceId::from_bytes([2; 16]),
            operator: "clinician1".parse().unwrap(),
            certificate: self.certificate(key),
            roots: vec![self.ca.certificate().to_vec()],
            key_set: signed.verify(&[self.ca.key().verifying()], self.id, NOW, 0).unwrap(),
            checkpoint: None,
            next_sequence: 7,
        }
    }
}

/// An identity that has just been enrolled in `folder`.
fn enrolled(folder: &Path) -> (Clinic, SoftwareKey) {
    let clinic = Clinic::new();
    let key = SoftwareKey::generate(&mut SysRng).unwrap();
    let identity = Identity::prepare(folder).unwrap();
    identity.keep(&clinic.device(&key.verifying()), &key).unwrap();
    (clinic, key)
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn what_was_kept_is_there_again_for_its_owner_alone() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("identity");
    let (_, key) = enrolled(&folder);
    let (identity, mut device, file_key) = Identity::open(&folder, NOW).unwrap();
    assert_eq!((device.next_sequence, device.device_id), (7, DeviceId::from_bytes([2; 16])));
    assert_eq!(file_key.public_key().unwrap(), key.verifying());

    assert_eq!(device.take_sequence(), 7);
    identity.save(&device.to_bytes()).unwrap();
    drop(identity);
    assert_eq!(Identity::open(&folder, NOW).unwrap().1.next_sequence, 8);

    assert_eq!(names(&folder), BTreeSet::from(["device.cbor".to_owned(), "device.key".to_owned()]));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(&folder), mode(&folder.join("device.key")), mode(&folder.join("device.cbor"))),
        (0o700, 0o600, 0o600)
    );
}

#[test]
fn an_identity_has_one_user_at_a_time_and_is_never_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("identity");
    assert!(matches!(Identity::open(&folder, NOW), Err(IdentityError::Missing(_))));
    enrolled(&folder);
    assert!(matches!(Identity::prepare(&folder), Err(IdentityError::Exists(_))));
    let first = Identity::open(&folder, NOW).unwrap();
    assert!(matches!(Identity::open(&folder, NOW), Err(IdentityError::InUse(_))));
    drop(first);
    Identity::open(&folder, NOW).unwrap();
}

#[test]
fn a_device_is_replaced_on_demand_and_stays_until_then() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("identity");
    let (_, old) = enrolled(&folder);
    let identity = Identity::prepare_to_replace(&folder).unwrap();
    identity.abandon();
    let (identity, _, key) = Identity::open(&folder, NOW).unwrap();
    assert_eq!(key.public_key().unwrap(), old.verifying(), "an enrolment that came to nothing");
    drop(identity);
    let (clinic, new) = (Clinic::new(), SoftwareKey::generate(&mut SysRng).unwrap());
    Identity::prepare_to_replace(&folder).unwrap().keep(&clinic.device(&new.verifying()), &new).unwrap();
    let (_identity, _, key) = Identity::open(&folder, NOW).unwrap();
    assert_eq!(key.public_key().unwrap(), new.verifying());
    assert_eq!(names(&folder), BTreeSet::from(["device.cbor".to_owned(), "device.key".to_owned()]));
}

#[test]
fn an_enrolment_that_failed_leaves_no_folder_behind() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("identity");
    Identity::prepare(&folder).unwrap().abandon();
    assert!(!folder.exists());
    Identity::prepare(&folder).unwrap();
    std::fs::write(folder.join("note"), b"").unwrap();
    Identity::prepare(&folder).unwrap().abandon();
    assert!(folder.join("note").exists());
}

#[test]
fn a_renewal_takes_the_place_of_the_old_key() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("identity");
    let (clinic, old) = enrolled(&folder);
    let (identity, mut device, key) = Identity::open(&folder, NOW).unwrap();
    let new = key.new_key().unwrap().public_key().unwrap();
    device.certificate = clinic.certificate(&new);
    assert!(matches!(
        identity.take_over(&device.to_bytes(), &key, &old.verifying()),
        Err(IdentityError::KeyMismatch(_))
    ));
    let new = key.new_key().unwrap().public_key().unwrap();
    device.certificate = clinic.certificate(&new);
    identity.take_over(&device.to_bytes(), &key, &new).unwrap();
    drop(identity);
    let (_identity, _, key) = Identity::open(&folder, NOW).unwrap();
    assert!(key.public_key().unwrap() == new);
    assert!(!folder.join("next-device.key").exists());
}

/// `take_over` writes the new key, then the certificate, then renames the key. Between any two of these the program may be killed.
#[test]
fn a_renewal_that_is_cut_off_leaves_a_certificate_with_its_key() {
    let home = tempfile::tempdir().unwrap();
    let before = home.path().join("before");
    let (clinic, old) = enrolled(&before);
    let new = SoftwareKey::generate(&mut SysRng).unwrap();
    safelight_gateway::keyfile::create_p256(&before.join("next-device.key"), &new).unwrap();
    let (identity, _, key) = Identity::open(&before, NOW).unwrap();
    assert!(key.public_key().unwrap() == old.verifying());
    assert!(!before.join("next-device.key").exists());
    drop(identity);

    safelight_gateway::keyfile::create_p256(&before.join("next-device.key"), &new).unwrap();
    let device = clinic.device(&new.verifying());
    std::fs::write(before.join("device.cbor"), device.to_bytes()).unwrap();
    for _ in 0..2 {
        let (_identity, _, key) = Identity::open(&before, NOW).unwrap();
        assert!(key.public_key().unwrap() == new.verifying());
    }
}

#[test]
fn a_key_of_another_device_and_files_that_others_can_read_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("identity");
    enrolled(&folder);
    let exposed =
        |name: &str, mode| std::fs::set_permissions(folder.join(name), PermissionsExt::from_mode(mode)).unwrap();
    for name in ["device.key", "device.cbor"] {
        exposed(name, 0o644);
        assert!(matches!(Identity::open(&folder, NOW), Err(IdentityError::File(_))), "{name}");
        exposed(name, 0o600);
    }
    let stranger = SoftwareKey::generate(&mut SysRng).unwrap();
    safelight_gateway::keyfile::replace_p256(&folder.join("device.key"), &stranger).unwrap();
    assert!(matches!(Identity::open(&folder, NOW), Err(IdentityError::KeyMismatch(_))));
    std::fs::write(folder.join("device.cbor"), b"nonsense").unwrap();
    assert!(matches!(Identity::open(&folder, NOW), Err(IdentityError::Device(_))));
}
