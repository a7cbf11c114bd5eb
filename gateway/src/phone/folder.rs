//! An identity's folder as the place where a phone keeps what it must.

use std::sync::{Arc, Mutex, PoisonError};

use safelight_core::client::phone::{Keep, KeepError, certified_key};

use super::identity::{Identity, IdentityError};
use super::key::FileKey;
use crate::clock::Clock;

/// The folder, held by this process until dropped.
#[derive(Debug)]
pub(super) struct Folder {
    identity: Identity,
    key: Arc<FileKey>,
    clock: Clock,
    /// A phone is told that it was not kept; whoever sits at the computer is told why.
    why: Mutex<Option<IdentityError>>,
}

impl Folder {
    pub(super) fn new(identity: Identity, key: Arc<FileKey>, clock: Clock) -> Self {
        Self { identity, key, clock, why: Mutex::default() }
    }

    /// Why the last thing was not kept.
    pub(super) fn why(&self) -> Option<IdentityError> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, kept: Result<(), IdentityError>) -> Result<(), KeepError> {
        kept.map_err(|error| {
            *self.why.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            KeepError
        })
    }

    fn save(&self, device: &[u8]) -> Result<(), IdentityError> {
        let certified = certified_key(device, self.clock.now())?;
        match self.key.fresh(&certified) {
            // The certificate is a renewed one, for a key that is in memory alone so far.
            Some(_) => self.identity.take_over(device, &self.key, &certified),
            None => self.identity.save(device),
        }
    }
}

impl Keep for Folder {
    fn keep_device(&self, device: &[u8]) -> Result<(), KeepError> {
        self.keep(self.save(device))
    }

    fn keep_in_flight(&self, pictures: usize) -> Result<(), KeepError> {
        self.keep(self.identity.in_flight().set(pictures).map_err(IdentityError::from))
    }
}
