//! Patients' names and numbers in memory while the vault is unlocked, so that a search opens nothing. Each patient's sealed identity is opened once.
//! A record that stands for several numbers is found by all of them, and by the names that they came with; it is shown under its own.

mod names;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::time::sleep;

use self::names::Names;
use super::door::Door;
use super::identity::PatientIdentity;
use super::pictures::{self, Handle};
use super::{ClinicError, Running, aliases, sealed};
use crate::vault::Unlocked;

/// Opened at once.
const PAGE: u32 = 256;

/// Between two looks for patients who are new.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The names. Empty while the vault is locked.
#[derive(Default)]
pub struct Directory {
    names: RwLock<Names>,
    progress: RwLock<Option<Progress>>,
}

/// How far reading is, for whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Patients whose names were read.
    pub done: u64,
    /// Of so many.
    pub of: u64,
}

/// A patient who was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The handle.
    pub handle: Handle,
    /// Who it is.
    pub identity: PatientIdentity,
}

impl Directory {
    /// Those of `among` of whom every word of `query` begins a word of name, number or birth date, by name; at most `limit`.
    #[must_use]
    pub fn among(&self, query: &str, among: &[Handle], limit: usize) -> Vec<Found> {
        self.read().among(query, among, limit)
    }

    /// Anybody whom `query` fits, by name, from the one after `after` on; at most `limit`.
    #[must_use]
    pub fn matches(&self, query: &str, after: Option<&Found>, limit: usize) -> Vec<Found> {
        self.read().matches(query, after, limit)
    }

    /// How far it is read, while that takes its time.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        *self.progress.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets all. They are wiped.
    pub fn clear(&self) {
        *self.write() = Names::default();
        self.set_progress(None);
    }

    async fn load(&self, running: &Running, vault: &Arc<Unlocked>) -> Result<(), ClinicError> {
        let catalog = &running.clinic.catalog;
        let of = pictures::last_patient_number(catalog).await?;
        loop {
            let last = self.read().last;
            let page = pictures::identities_after(catalog, last, PAGE).await?;
            let Some(newest) = page.last().map(|sealed| sealed.number) else {
                self.set_progress(None);
                return self.follow(running, vault).await;
            };
            if of.saturating_sub(last) > u64::from(PAGE) {
                self.set_progress(Some(Progress { done: last, of }));
            }
            let opened = sealed::identities(&running.clinic, vault, page).await?;
            if !self.learn(&running.vault, vault, (last, newest), opened) {
                return Ok(());
            }
        }
    }

    /// Learns those after number `last`, to `newest`. Nothing, and it says so, where the vault has been locked since they were asked for, whoever has unlocked
    /// it again: then all is read anew from the beginning, and this would be taken for its end.
    fn learn(
        &self,
        door: &Door,
        vault: &Arc<Unlocked>,
        (last, newest): (u64, u64),
        opened: Vec<(Handle, PatientIdentity)>,
    ) -> bool {
        let mut names = self.write();
        if !door.is_open_with(vault) || names.last != last {
            return false;
        }
        for (handle, identity) in opened {
            names.learn(handle, identity);
        }
        names.last = newest;
        true
    }

    /// Which records stand for which numbers, as far as that has changed.
    async fn follow(&self, running: &Running, vault: &Arc<Unlocked>) -> Result<(), ClinicError> {
        let catalog = &running.clinic.catalog;
        loop {
            let changed = self.read().changed;
            let page = aliases::changes_after(catalog, changed, PAGE).await?;
            let Some(last) = page.last().map(|change| change.number) else { return Ok(()) };
            let mut gone = Vec::new();
            for change in &page {
                // A number that was taken back.
                if change.record == change.handle && pictures::identity(catalog, &change.handle).await?.is_none() {
                    gone.push(change.handle);
                }
            }
            let mut names = self.write();
            if !running.vault.is_open_with(vault) || names.changed != changed {
                return Ok(());
            }
            for change in &page {
                names.point(change.handle, change.record);
            }
            gone.iter().for_each(|handle| names.forget(handle));
            names.changed = last;
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Names> {
        self.names.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_progress(&self, progress: Option<Progress>) {
        *self.progress.write().unwrap_or_else(PoisonError::into_inner) = progress;
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Directory")
    }
}

/// Keeps the directory as the catalog is, for as long as the process runs.
pub(super) async fn run(running: Arc<Running>) {
    let mut vaults = running.vault.subscribe();
    loop {
        let vault = vaults.borrow_and_update().clone();
        let Some(vault) = vault else {
            running.directory.clear();
            if vaults.changed().await.is_err() {
                return std::future::pending().await;
            }
            continue;
        };
        if let Err(error) = running.directory.load(&running, &vault).await {
            tracing::error!(%error, "patients' names could not be read");
        }
        drop(vault);
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            _ = vaults.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(numbers: std::ops::Range<u8>) -> Vec<(Handle, PatientIdentity)> {
        let identity = |number: u8| PatientIdentity {
            issuer: "clinic".to_owned(),
            record_number: number.to_string(),
            name: format!("Patient {number}"),
            birth_date: "1961-02-03".to_owned(),
        };
        numbers.map(|number| ([number; 32], identity(number))).collect()
    }

    async fn unlocked(door: &Door) -> Arc<Unlocked> {
        let opened = door.open(|| Ok(Unlocked::without_keys())).await.unwrap();
        assert!(door.unlock(opened));
        door.vault().unwrap()
    }

    #[tokio::test]
    async fn what_was_being_read_when_somebody_locked_is_not_taken_for_the_end_of_what_is_read_anew() {
        let (directory, door) = (Directory::default(), Door::new(None));
        let first = unlocked(&door).await;
        assert!(directory.learn(&door, &first, (0, 3), page(1..4)), "the control");
        door.lock();
        directory.clear();
        assert!(!directory.learn(&door, &first, (3, 6), page(4..7)), "locked");
        // Somebody unlocks it before the page that was being opened is there.
        let second = unlocked(&door).await;
        assert!(!directory.learn(&door, &first, (3, 6), page(4..7)), "unlocked again");
        assert_eq!((directory.read().last, directory.matches("patient", None, 9).len()), (0, 0));
        // Names are forgotten a moment after the vault is locked.
        assert!(directory.learn(&door, &second, (0, 3), page(1..4)));
        directory.clear();
        assert!(!directory.learn(&door, &second, (3, 6), page(4..7)), "forgotten meanwhile");
        assert!(directory.learn(&door, &second, (0, 6), page(1..7)));
        assert_eq!(directory.matches("patient", None, 9).len(), 6, "all of them");
    }
}
