//! An enrolled device, for the tests of this room.

use std::time::Duration;

use getrandom::SysRng;

use super::device::Device;
use crate::device_key::SoftwareKey;
use crate::enrol::der_for_tests::{EC_PUBLIC_KEY, P256, ca_certificate, certificate, spki};
use crate::ids::UnixMillis;
use crate::keyset::KeyCertificate;
use crate::testing::{NOW, World};

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The device of `world`, for a gateway at `addresses`, divided by commas. `root` is the CA that the gateway's TLS certificate comes from, if one is
/// to connect.
pub(super) fn enrolled(world: &World, addresses: &str, root: Option<Vec<u8>>) -> Device {
    let [ca, clinic] = [(); 2].map(|()| SoftwareKey::generate(&mut SysRng).unwrap());
    let mut keys = world.key_set.clone();
    keys.roots = std::iter::once(ca_certificate(&ca)).chain(root).collect();
    keys.addresses = addresses.split(',').map(str::to_owned).collect();
    let word = KeyCertificate::issue(&ca, keys.clinic_id, &clinic.verifying(), UnixMillis(0), NOW.plus(YEAR)).unwrap();
    Device {
        clinic_id: keys.clinic_id,
        device_id: world.device_id,
        operator: world.operator.clone(),
        certificate: certificate(spki(EC_PUBLIC_KEY, P256, &world.device.verifying().to_sec1()), false, &ca),
        key_set: keys.sign(&clinic, &word).unwrap().verify(&[ca.verifying()], keys.clinic_id, NOW, 0).unwrap(),
        roots: keys.roots,
        checkpoint: None,
        next_sequence: 1,
    }
}
