//! What the console may ask of the running clinic process. It decides nothing about who may ask: that is the console's `permit`.

use std::sync::Arc;

use safelight_core::ids::UnixMillis;

use super::access::{Actor, Event};
use super::directory::Directory;
use super::{Clinic, ClinicError, Running, rotation};
use crate::vault::{Passphrase, Unlocked};

/// The running clinic process. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Desk(Arc<Running>);

impl Desk {
    pub(super) fn new(running: Arc<Running>) -> Self {
        Self(running)
    }

    /// What it works on.
    pub fn clinic(&self) -> &Clinic {
        &self.0.clinic
    }

    /// The time, by the watched clock.
    pub fn now(&self) -> UnixMillis {
        self.0.clock.now()
    }

    /// The vault, while it is unlocked.
    pub fn vault(&self) -> Option<Arc<Unlocked>> {
        self.0.vault.vault()
    }

    /// Patients' names, while it is.
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// Puts on record what is about to be done: if it cannot be, it must not be done.
    ///
    /// # Errors
    /// [`ClinicError`] of the catalog or the log.
    pub async fn record(&self, by: &Actor, events: &[Event<'_>]) -> Result<(), ClinicError> {
        let mut tx = self.clinic().catalog.write().await?;
        self.clinic().access.record(&mut tx, by, self.now(), events).await?;
        Ok(tx.commit().await?)
    }

    /// Unlocks the vault for this process, until it ends or somebody locks it. Takes as long as the vault file asks for, after whoever asked before. It stays
    /// locked where somebody locks it meanwhile.
    ///
    /// # Errors
    /// [`ClinicError::Unlock`]: it stays as it was then, which is on record.
    pub async fn unlock(&self, passphrase: Passphrase, by: &Actor) -> Result<(), ClinicError> {
        let running = self.0.clone();
        let opened = match self.0.vault.open(move || running.clinic.unlock(&passphrase)).await {
            Ok(opened) => opened,
            Err(error) => {
                if matches!(error, ClinicError::Unlock(_)) {
                    self.record(by, &[Event::VaultStayedLocked]).await?;
                }
                return Err(error);
            }
        };
        // Whoever locks it from here on writes to the log after this: its order is that of what was done.
        let mut tx = self.clinic().catalog.write().await?;
        let may = self.0.vault.may_be_unlocked(&opened);
        let event = if may { Event::VaultUnlocked } else { Event::VaultStayedLocked };
        self.clinic().access.record(&mut tx, by, self.now(), &[event]).await?;
        tx.commit().await?;
        if may {
            rotation::reconcile(self.clinic(), &opened.vault).await?;
            self.0.vault.unlock(opened);
        }
        Ok(())
    }

    /// Locks it: its keys and the patients' names go from memory as soon as whoever uses them at this moment is done.
    ///
    /// # Errors
    /// [`ClinicError`] if that cannot be put on record; it is locked all the same.
    pub async fn lock(&self, by: &Actor) -> Result<(), ClinicError> {
        self.0.vault.lock();
        self.0.directory.clear();
        self.record(by, &[Event::VaultLocked]).await
    }
}
