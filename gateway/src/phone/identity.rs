//! An enrolled device in a folder of its own: `device.key`, `device.cbor`, `in-flight`, and `next-device.key` while a
//! renewal is under way. Its owner alone may enter it, and one process at
//! a time has it, since two would use the same sequence numbers.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock};
use safelight_core::client::ClientError;
use safelight_core::client::device::Device;
use safelight_core::device_key::{DeviceKey, DeviceKeyError, PublicKey, SoftwareKey};
use safelight_core::ids::UnixMillis;

use super::in_flight::InFlight;
use super::key::FileKey;
use crate::keyfile::{self, KeyFileError};

const DEVICE: &str = "device.cbor";
const KEY: &str = "device.key";
/// A renewal's key, from when it is kept until it has taken the place of the old one.
const NEXT_KEY: &str = "next-device.key";
const IN_FLIGHT: &str = "in-flight";

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is none in this folder.
    #[error("no device is enrolled in {0}: run `safelight phone enrol` first, or name another folder")]
    Missing(PathBuf),
    /// There is one already.
    #[error(
        "a device is enrolled in {0} already: name another folder or, if the clinic has revoked it or it is to be another device, add --replace"
    )]
    Exists(PathBuf),
    /// Another process has it.
    #[error("another command is using {0}: wait until it has ended")]
    InUse(PathBuf),
    /// Certificate and key are not of one another.
    #[error("the key in {0} is not the one that the clinic has certified: enrol this device again")]
    KeyMismatch(PathBuf),
    /// A file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The folder.
    #[error("{path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is in it.
    #[error(transparent)]
    Device(#[from] ClientError),
    /// The key.
    #[error(transparent)]
    Key(#[from] DeviceKeyError),
}

/// The folder, held by this process until dropped.
#[derive(Debug)]
pub struct Identity {
    folder: PathBuf,
    lock: File,
}

impl Drop for Identity {
    /// Closing the folder would do, but for a child that this process is starting at this very moment: until it has become its program it has
    /// the folder open as well.
    fn drop(&mut self) {
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

impl Identity {
    /// Makes `folder` ready for a device that is about to be enrolled.
    ///
    /// # Errors
    /// [`IdentityError::Exists`] if a device is enrolled there.
    pub fn prepare(folder: &Path) -> Result<Self, IdentityError> {
        keyfile::create_folder(folder)?;
        let identity = Self::lock(folder)?;
        if identity.path(DEVICE).exists() {
            return Err(IdentityError::Exists(folder.to_owned()));
        }
        Ok(identity)
    }

    /// The same where a device may be enrolled already: it stays until [`Identity::keep`] puts another in its place.
    ///
    /// # Errors
    /// Whatever the folder says.
    pub fn prepare_to_replace(folder: &Path) -> Result<Self, IdentityError> {
        keyfile::create_folder(folder)?;
        Self::lock(folder)
    }

    /// Gives the folder up again if nothing is in it.
    pub fn abandon(self) {
        // One that is not empty stays.
        let _ = std::fs::remove_dir(&self.folder);
    }

    /// Keeps a device that has just been enrolled, in the place of one that was. The key comes first, beside the old one: without its device
    /// it is nothing.
    ///
    /// # Errors
    /// [`IdentityError::File`]; what was enrolled here before still is then.
    pub fn keep(&self, device: &Device, key: &SoftwareKey) -> Result<(), IdentityError> {
        keyfile::replace_p256(&self.path(NEXT_KEY), key)?;
        self.save(&device.to_bytes())?;
        self.promote()
    }

    /// Opens the identity in `folder`, with what it remembers and its key.
    ///
    /// # Errors
    /// [`IdentityError::Missing`], [`IdentityError::InUse`], or what is damaged.
    pub fn open(folder: &Path, now: UnixMillis) -> Result<(Self, Device, Arc<FileKey>), IdentityError> {
        if !folder.join(DEVICE).exists() {
            return Err(IdentityError::Missing(folder.to_owned()));
        }
        let identity = Self::lock(folder)?;
        let device = Device::from_bytes(&keyfile::read_secret(&identity.path(DEVICE))?, now)?;
        let key = identity.certified_key(&device)?;
        Ok((identity, device, Arc::new(FileKey::new(key))))
    }

    /// Keeps what the device remembers now.
    ///
    /// # Errors
    /// [`IdentityError::File`]; what was kept before is still there then.
    pub fn save(&self, device: &[u8]) -> Result<(), IdentityError> {
        Ok(keyfile::replace(&self.path(DEVICE), 0o600, device)?)
    }

    /// Takes a renewal over: new key, then the certificate for it, then the new key in the old one's place. Whenever this is cut off,
    /// [`Identity::open`] finds a certificate with its key.
    ///
    /// # Errors
    /// [`IdentityError::KeyMismatch`] if `key` did not make `renewed`. What failed may be done again.
    pub fn take_over(&self, device: &[u8], key: &FileKey, renewed: &PublicKey) -> Result<(), IdentityError> {
        let fresh = key.fresh(renewed).ok_or_else(|| IdentityError::KeyMismatch(self.folder.clone()))?;
        keyfile::replace_p256(&self.path(NEXT_KEY), &fresh)?;
        self.save(device)?;
        self.promote()?;
        key.forget_fresh();
        Ok(())
    }

    /// The counter of pictures in flight.
    pub fn in_flight(&self) -> InFlight {
        InFlight::new(self.path(IN_FLIGHT))
    }

    fn certified_key(&self, device: &Device) -> Result<SoftwareKey, IdentityError> {
        let certified = PublicKey::of_certificate(&device.certificate);
        let fits = |key: &SoftwareKey| certified.as_ref() == Some(&key.verifying());
        if self.path(NEXT_KEY).exists() {
            let next = keyfile::read_p256(&self.path(NEXT_KEY))?;
            if fits(&next) {
                self.promote()?;
                return Ok(next);
            }
            // A renewal that was cut off before its certificate was kept: the old key is still the right one.
            self.in_folder(std::fs::remove_file(self.path(NEXT_KEY)))?;
        }
        let key = keyfile::read_p256(&self.path(KEY))?;
        if fits(&key) { Ok(key) } else { Err(IdentityError::KeyMismatch(self.folder.clone())) }
    }

    fn promote(&self) -> Result<(), IdentityError> {
        self.in_folder(std::fs::rename(self.path(NEXT_KEY), self.path(KEY)))?;
        self.in_folder(File::open(&self.folder).and_then(|folder| folder.sync_all()))
    }

    fn lock(folder: &Path) -> Result<Self, IdentityError> {
        let io = |source: io::Error| IdentityError::Folder { path: folder.to_owned(), source };
        let lock = File::open(folder).map_err(io)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { folder: folder.to_owned(), lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(IdentityError::InUse(folder.to_owned())),
            Err(error) => Err(io(error.into())),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn in_folder<T>(&self, result: io::Result<T>) -> Result<T, IdentityError> {
        result.map_err(|source| IdentityError::Folder { path: self.folder.clone(), source })
    }
}

/// Makes the key of a device that is about to be enrolled.
///
/// # Errors
/// The source of randomness failed.
pub fn fresh_key() -> Result<(SoftwareKey, Arc<dyn DeviceKey>), IdentityError> {
    let key = SoftwareKey::generate(&mut getrandom::SysRng)?;
    Ok((key.clone(), Arc::new(FileKey::new(key))))
}
