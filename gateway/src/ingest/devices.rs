//! Ingest's copy of what the clinic process says of devices. It is on disk too, so that a restart while the clinic process
//! is away loses no clinic, and it is asked on every connection, every stream, and before every commit.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use safelight_core::ids::{DeviceId, UnixMillis};
use safelight_core::wire::RefusalCode;

use super::authenticate::{DeviceStatus, PresentedDevice, Refused, VerifiedDevice, authenticate};
use crate::link::{DeviceRecord, DeviceState};

/// The devices that are in force.
#[derive(Debug, Default)]
pub(super) struct Devices {
    known: RwLock<HashMap<DeviceId, DeviceRecord>>,
    generation: AtomicU64,
}

impl Devices {
    /// Puts a list in force.
    pub(super) fn replace(&self, generation: u64, devices: Vec<DeviceRecord>) {
        let known = devices.into_iter().map(|device| (device.id, device)).collect();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        self.generation.store(generation, Ordering::Release);
    }

    /// Which list is in force.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// For `authenticate`.
    pub(super) fn status(&self, device: DeviceId) -> DeviceStatus {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match known.get(&device) {
            None => DeviceStatus::Unknown,
            Some(record) => match record.state {
                DeviceState::Revoked => DeviceStatus::Revoked,
                DeviceState::Active => DeviceStatus::Active { serials: record.serials.clone() },
            },
        }
    }

    /// Whether the device is welcome now, with the certificate that it showed.
    pub(super) fn welcome(&self, presented: &PresentedDevice, now: UnixMillis) -> Result<VerifiedDevice, Refused> {
        authenticate(presented.clone(), &self.status(presented.device_id()), now)
    }

    /// The same for a picture that is about to be stored: the device must be one that may send.
    pub(super) fn may_send(&self, presented: &PresentedDevice, now: UnixMillis) -> Result<(), RefusalCode> {
        match self.welcome(presented, now) {
            Ok(device) if device.may_only_renew() => Err(RefusalCode::RenewFirst),
            Ok(_) => Ok(()),
            Err(_) => Err(RefusalCode::NotApproved),
        }
    }
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use rustls::pki_types::CertificateDer;
    use safelight_core::client::tls::GRACE;
    use safelight_core::device_key::SoftwareKey;
    use safelight_core::ids::ClinicId;

    use super::*;
    use crate::enrol::ca::Ca;
    use crate::ingest::authenticate::identify;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    #[test]
    fn t06_t12_unknown_revoked_and_a_replaced_certificate_may_not_send() {
        let devices = Devices::default();
        let key = SoftwareKey::generate(&mut SysRng).unwrap().verifying();
        let id = DeviceId::from_bytes([1; 16]);
        let ca = Ca::create(ClinicId::from_bytes([7; 16]), NOW, &mut SysRng).unwrap();
        let issued = ca.issue_device(&key, id, NOW, &mut SysRng).unwrap();
        let shown = identify(&[CertificateDer::from(issued.der)], NOW).unwrap();
        let record = |state, serial| vec![DeviceRecord { id, state, serials: vec![serial] }];
        let ask = |now| (devices.welcome(&shown, now).map(|_| ()), devices.may_send(&shown, now));
        assert_eq!(ask(NOW), (Err(Refused::Unknown), Err(RefusalCode::NotApproved)));
        devices.replace(1, record(DeviceState::Active, issued.serial));
        assert_eq!(ask(NOW), (Ok(()), Ok(())));
        // Its time passes while it is connected.
        let in_grace = UnixMillis(issued.not_after.0 + 1000);
        assert_eq!(ask(in_grace), (Ok(()), Err(RefusalCode::RenewFirst)));
        assert_eq!(ask(in_grace.plus(GRACE)), (Err(Refused::Expired), Err(RefusalCode::NotApproved)));
        assert_eq!(ask(UnixMillis(0)), (Err(Refused::NotYetValid), Err(RefusalCode::NotApproved)));
        devices.replace(2, record(DeviceState::Active, [3; 16]));
        assert_eq!(ask(NOW), (Err(Refused::Superseded), Err(RefusalCode::NotApproved)));
        devices.replace(3, record(DeviceState::Revoked, issued.serial));
        assert_eq!(ask(NOW), (Err(Refused::Revoked), Err(RefusalCode::NotApproved)));
        assert_eq!(devices.generation(), 3);
    }
}
