//! Ingest's copy of what the clinic process says of devices. It is on disk too, so that a restart while the clinic process
//! is away loses no clinic, and it is asked on every connection and every stream.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use safelight_core::ids::DeviceId;
use safelight_core::wire::CloseReason;

use super::authenticate::{DeviceStatus, Serial};
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

    /// Whether the device with this certificate may send now.
    pub(super) fn is_active(&self, device: DeviceId, serial: Serial) -> bool {
        matches!(self.status(device), DeviceStatus::Active { serials } if serials.contains(&serial))
    }

    /// Why a live connection of `device` must be closed, if it must.
    pub(super) fn must_close(&self, device: DeviceId) -> Option<CloseReason> {
        match self.status(device) {
            DeviceStatus::Active { .. } => None,
            DeviceStatus::Revoked => Some(CloseReason::Revoked),
            DeviceStatus::Unknown => Some(CloseReason::UnknownDevice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_revoked_and_another_certificate_are_all_not_active() {
        let devices = Devices::default();
        let id = DeviceId::from_bytes([1; 16]);
        let record = |state| vec![DeviceRecord { id, state, serials: vec![[2; 16]] }];
        assert!(!devices.is_active(id, [2; 16]));
        assert_eq!(devices.must_close(id), Some(CloseReason::UnknownDevice));
        devices.replace(1, record(DeviceState::Active));
        assert!(devices.is_active(id, [2; 16]) && !devices.is_active(id, [3; 16]));
        assert_eq!(devices.must_close(id), None);
        devices.replace(2, record(DeviceState::Revoked));
        assert!(!devices.is_active(id, [2; 16]));
        assert_eq!((devices.must_close(id), devices.generation()), (Some(CloseReason::Revoked), 2));
    }
}
