//! The keys that sign receipts: one, and while it is being changed its successor or its predecessor beside it.
//!
//! ```text
//! prepare   the clinic process asks for a successor: made, and kept until it is named. It signs nothing
//! follow    a key set is in force that names it: it takes the old one's place, which signs for what was sealed before
//! follow    the overlap is over, or the clinic trusts the old one no more: its key is removed
//! ```
//! Which key signs is never decided here: a receipt is signed by the key that the key set in force names for it, or not at all.

use std::path::{Path, PathBuf};

use rand_core::TryCryptoRng;
use safelight_core::device_key::{PublicKey, SoftwareKey};

use super::keys::{KeysError, RECEIPT_KEY_FILE};
use crate::keyfile;

/// Made, and not named yet.
const NEXT_FILE: &str = "receipt-next.key";
/// Named until the overlap is over.
const PREVIOUS_FILE: &str = "receipt-previous.key";

/// The keys.
#[derive(Debug)]
pub(super) struct ReceiptKeys {
    folder: PathBuf,
    current: SoftwareKey,
    next: Option<SoftwareKey>,
    previous: Option<SoftwareKey>,
}

impl ReceiptKeys {
    /// From ingest's folder. Nothing is written: others look at it too.
    pub(super) fn load(folder: &Path) -> Result<Self, KeysError> {
        let path = |name: &str| folder.join(name);
        let read = |name: &str| path(name).exists().then(|| keyfile::read_p256(&path(name))).transpose();
        // Between the two files of a change the next one has been named already.
        let (current, next) = match (read(RECEIPT_KEY_FILE)?, read(NEXT_FILE)?) {
            (Some(current), next) => (current, next),
            (None, Some(next)) => (next, None),
            (None, None) => (keyfile::read_p256(&path(RECEIPT_KEY_FILE))?, None),
        };
        Ok(Self { folder: folder.to_owned(), current, next, previous: read(PREVIOUS_FILE)? })
    }

    /// Finishes a change that was cut off between its two files.
    fn finish(&self) -> Result<(), KeysError> {
        let (current, next) = (self.folder.join(RECEIPT_KEY_FILE), self.folder.join(NEXT_FILE));
        if !current.exists() && next.exists() {
            keyfile::rename(&next, &current)?;
        }
        Ok(())
    }

    /// The key in use.
    pub(super) fn current(&self) -> &SoftwareKey {
        &self.current
    }

    /// The key of this public half, whichever it is.
    pub(super) fn of(&self, public: &PublicKey) -> Option<&SoftwareKey> {
        let held = std::iter::once(&self.current).chain(&self.next).chain(&self.previous);
        held.into_iter().find(|key| key.verifying() == *public)
    }

    /// A successor: the one that was made when it was last asked for, if it was not named since.
    pub(super) fn prepare<R: TryCryptoRng>(&mut self, rng: &mut R) -> Result<PublicKey, KeysError> {
        if let Some(next) = &self.next {
            return Ok(next.verifying());
        }
        self.finish()?;
        let next = SoftwareKey::generate(rng).map_err(|_| KeysError::Randomness)?;
        keyfile::replace_p256(&self.folder.join(NEXT_FILE), &next)?;
        let public = next.verifying();
        self.next = Some(next);
        Ok(public)
    }

    /// The clinic's key set in force names these, the one of today first.
    pub(super) fn follow(&mut self, named: &[PublicKey]) -> Result<(), KeysError> {
        let path = |name: &str| self.folder.join(name);
        self.finish()?;
        let Some(today) = named.first() else { return Ok(()) };
        if self.next.as_ref().is_some_and(|next| next.verifying() == *today) {
            // Whichever of the two is the last, the next start finds its way.
            keyfile::rename(&path(RECEIPT_KEY_FILE), &path(PREVIOUS_FILE))?;
            keyfile::rename(&path(NEXT_FILE), &path(RECEIPT_KEY_FILE))?;
            if let Some(next) = self.next.take() {
                self.previous = Some(std::mem::replace(&mut self.current, next));
            }
            tracing::info!("receipts are signed by a new key");
        }
        if self.current.verifying() != *today {
            tracing::error!(
                "the clinic names a receipt key that is not here: no picture is taken. Change the key: `safelight receipt-key rotate`"
            );
        }
        if self.previous.as_ref().is_some_and(|previous| !named.contains(&previous.verifying())) {
            keyfile::remove(&path(PREVIOUS_FILE))?;
            self.previous = None;
            tracing::info!("the receipt key of before is removed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use getrandom::SysRng;

    fn folder() -> (tempfile::TempDir, PublicKey) {
        let folder = tempfile::tempdir().unwrap();
        let key = SoftwareKey::generate(&mut SysRng).unwrap();
        keyfile::create_p256(&folder.path().join(RECEIPT_KEY_FILE), &key).unwrap();
        (folder, key.verifying())
    }

    fn files(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_successor_signs_once_it_is_named_and_the_old_one_goes_when_it_is_not() {
        let (folder, old) = folder();
        let mut keys = ReceiptKeys::load(folder.path()).unwrap();
        let new = keys.prepare(&mut SysRng).unwrap();
        assert_ne!(new, old);
        // Asked again, over a restart too, it is the same: what is named can be found.
        let mut keys = ReceiptKeys::load(folder.path()).unwrap();
        assert_eq!(keys.prepare(&mut SysRng).unwrap(), new);
        keys.follow(std::slice::from_ref(&old)).unwrap();
        assert_eq!(keys.current().verifying(), old);
        assert_eq!(files(folder.path()), ["receipt-next.key", "receipt.key"]);

        keys.follow(&[new.clone(), old.clone()]).unwrap();
        for keys in [&keys, &ReceiptKeys::load(folder.path()).unwrap()] {
            assert_eq!(keys.current().verifying(), new);
            assert!(keys.of(&old).is_some() && keys.of(&new).is_some());
        }
        keys.follow(&[new.clone(), old.clone()]).unwrap();
        keys.follow(&[new.clone(), new.clone()]).unwrap();
        assert!(keys.of(&old).is_none());
        assert_eq!(files(folder.path()), ["receipt.key"]);
    }

    #[test]
    fn a_change_that_was_cut_off_is_finished_at_the_next_start() {
        let (folder, old) = folder();
        let path = |name: &str| folder.path().join(name);
        let new = ReceiptKeys::load(folder.path()).unwrap().prepare(&mut SysRng).unwrap();
        // Between the two names.
        std::fs::rename(path(RECEIPT_KEY_FILE), path(PREVIOUS_FILE)).unwrap();
        let mut keys = ReceiptKeys::load(folder.path()).unwrap();
        assert_eq!(keys.current().verifying(), new);
        keys.follow(&[new.clone(), old.clone()]).unwrap();
        assert!(keys.of(&old).is_some());
        assert_eq!(files(folder.path()), ["receipt-previous.key", "receipt.key"]);
        // A further one asked for at once is not put over the one that is named.
        std::fs::rename(path(RECEIPT_KEY_FILE), path(NEXT_FILE)).unwrap();
        let third = ReceiptKeys::load(folder.path()).unwrap().prepare(&mut SysRng).unwrap();
        let keys = ReceiptKeys::load(folder.path()).unwrap();
        assert!([&old, &new, &third].into_iter().all(|key| keys.of(key).is_some()));
    }

    #[test]
    fn a_key_that_is_named_and_not_here_takes_nothing_away() {
        let (folder, old) = folder();
        let mut keys = ReceiptKeys::load(folder.path()).unwrap();
        let stranger = SoftwareKey::generate(&mut SysRng).unwrap().verifying();
        let new = keys.prepare(&mut SysRng).unwrap();
        keys.follow(std::slice::from_ref(&stranger)).unwrap();
        assert!(keys.of(&stranger).is_none() && keys.of(&old).is_some() && keys.of(&new).is_some());
        keys.follow(&[]).unwrap();
        assert_eq!(files(folder.path()), ["receipt-next.key", "receipt.key"]);
    }
}
