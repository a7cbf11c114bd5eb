//! The device key of a computer: in a file, under the protection that the file has. `device list` shows such a device as `software`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use getrandom::SysRng;
use safelight_core::device_key::{DeviceKey, DeviceKeyError, PublicKey, SoftwareDeviceKey, SoftwareKey};

/// Keys that were made for renewals and have not been taken over. More than one means that renewals failed.
const MAX_FRESH: usize = 4;

/// A device key that came from a file. What [`DeviceKey::new_key`] makes is in memory alone until the identity takes it over.
#[derive(Debug)]
pub struct FileKey {
    key: SoftwareDeviceKey<SysRng>,
    fresh: Arc<Mutex<Vec<SoftwareKey>>>,
}

impl FileKey {
    /// Over `key`.
    pub fn new(key: SoftwareKey) -> Self {
        Self { key: SoftwareDeviceKey::new(key, SysRng), fresh: Arc::default() }
    }

    /// The private key that [`DeviceKey::new_key`] made for `public` and that is not kept yet.
    pub fn fresh(&self, public: &PublicKey) -> Option<SoftwareKey> {
        self.lock().iter().find(|key| key.verifying() == *public).cloned()
    }

    /// One is kept, and the others are of no use.
    pub fn forget_fresh(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SoftwareKey>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeviceKey for FileKey {
    fn public_key(&self) -> Result<PublicKey, DeviceKeyError> {
        self.key.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DeviceKeyError> {
        self.key.sign(message)
    }

    fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError> {
        let key = SoftwareKey::generate(&mut SysRng)?;
        let mut fresh = self.lock();
        if fresh.len() == MAX_FRESH {
            fresh.remove(0);
        }
        fresh.push(key.clone());
        drop(fresh);
        // Successors are found through every key of the line, so that a second renewal in one run is kept as well.
        Ok(Arc::new(Self { key: SoftwareDeviceKey::new(key, SysRng), fresh: Arc::clone(&self.fresh) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_key() -> FileKey {
        FileKey::new(SoftwareKey::generate(&mut SysRng).unwrap())
    }

    #[test]
    fn a_new_key_is_found_by_its_public_half_until_one_is_kept() {
        let old = file_key();
        let new = old.new_key().unwrap().public_key().unwrap();
        assert!(new != old.public_key().unwrap());
        for _ in 0..2 {
            assert!(old.fresh(&new).is_some_and(|key| key.verifying() == new));
        }
        assert!(old.fresh(&old.public_key().unwrap()).is_none());
        old.forget_fresh();
        assert!(old.fresh(&new).is_none());
    }

    #[test]
    fn the_key_of_a_second_renewal_is_found_through_the_first() {
        let first = file_key();
        let second = first.new_key().unwrap();
        let third = second.new_key().unwrap().public_key().unwrap();
        assert!(first.fresh(&third).is_some());
    }

    #[test]
    fn keys_of_failed_renewals_do_not_pile_up() {
        let key = file_key();
        for _ in 0..20 {
            key.new_key().unwrap();
        }
        assert_eq!(key.fresh.lock().unwrap().len(), MAX_FRESH);
    }
}
