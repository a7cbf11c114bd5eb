//! A further epoch: another identity in the vault's file, beside those that it has. None is ever taken out, since old pictures need theirs.

use std::path::Path;

use rand_core::TryCryptoRng;
use safelight_core::seal::{Identity, Recipient, SealError, passphrase};

use super::file::{MAX_LOG_N, identity_text};
use super::passphrase::Passphrase;
use super::unlock::{MAX_FILE_LEN, UnlockError, Unlocked, read};
use crate::keyfile::{self, KeyFileError};

/// Why a vault has no further epoch. Its file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// The vault does not open.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The identity could not be made or encrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The vault has that epoch, or a later one.
    #[error("the vault has a later epoch already: it was left as it is")]
    NotNewer,
    /// The file would be longer than any that is opened.
    #[error("the vault holds as many keys as it can: it was left as it is")]
    Full,
    /// What was about to be written does not open with the passphrase.
    #[error("the new vault file does not open: the old one was left as it is. Check this machine's memory")]
    Unreadable,
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] KeyFileError),
}

impl Unlocked {
    /// Makes an identity of epoch `epoch` and writes the vault's file at `path` anew with it, under the same passphrase and the same work. The new
    /// file is durable and has taken the old one's place when this returns, and was opened before it did.
    ///
    /// Takes three times as long as unlocking, so call this where it may block.
    ///
    /// # Errors
    /// Any [`EpochError`]; the old file is in its place then.
    pub fn with_epoch<R: TryCryptoRng>(
        path: &Path,
        passphrase: &Passphrase,
        epoch: u64,
        rng: &mut R,
    ) -> Result<(Self, Recipient), EpochError> {
        let old = read(path)?;
        let mut vault = Self::decrypt(&old, passphrase)?;
        if vault.newest().is_some_and(|(newest, _)| newest >= epoch) {
            return Err(EpochError::NotNewer);
        }
        let identity = Identity::generate(rng)?;
        let recipient = identity.to_recipient();
        vault.insert(epoch, identity);
        // What was opened above has said how much work it is.
        let log_n = passphrase::work_factor(&old).filter(|log_n| *log_n <= MAX_LOG_N).ok_or(UnlockError::WorkFactor)?;
        let text = identity_text(&vault.by_epoch());
        let file = passphrase::encrypt(text.as_bytes(), passphrase.as_bytes(), log_n, rng)?;
        if file.len() as u64 > MAX_FILE_LEN {
            return Err(EpochError::Full);
        }
        let reopened = Self::decrypt(&file, passphrase).map_err(|_| EpochError::Unreadable)?;
        if !reopened.holds_the_same_as(&vault) {
            return Err(EpochError::Unreadable);
        }
        keyfile::replace(path, 0o600, &file)?;
        Ok((reopened, recipient))
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::make;
    use super::*;
    use getrandom::SysRng;
    use safelight_core::seal;

    const LOG_N: u8 = 2;

    fn words(text: &str) -> Passphrase {
        Passphrase::new(text).unwrap()
    }

    #[test]
    fn a_further_epoch_opens_the_new_and_leaves_the_old() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.age");
        let first = make(&words("open sesame"), &path, LOG_N, &mut SysRng).unwrap();
        let old = seal::seal_bytes(b"old", &[first], &mut SysRng).unwrap();
        let (vault, second) = Unlocked::with_epoch(&path, &words("open sesame"), 2, &mut SysRng).unwrap();
        assert_eq!(vault.newest(), Some((2, second)));
        let (_, fourth) = Unlocked::with_epoch(&path, &words("open sesame"), 4, &mut SysRng).unwrap();
        let vault = Unlocked::unlock(&path, &words("open sesame")).unwrap();
        assert_eq!([1, 2, 3, 4].map(|epoch| vault.recipient(epoch)), [Some(first), Some(second), None, Some(fourth)]);
        let new = seal::seal_bytes(b"new", &[fourth], &mut SysRng).unwrap();
        assert_eq!(*vault.open_small(&old).unwrap(), b"old");
        assert_eq!(*vault.open_small(&new).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(passphrase::work_factor(&std::fs::read(&path).unwrap()), Some(LOG_N));
    }

    #[test]
    fn what_cannot_be_done_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.age");
        make(&words("open sesame"), &path, LOG_N, &mut SysRng).unwrap();
        let before = std::fs::read(&path).unwrap();
        let wrong = Unlocked::with_epoch(&path, &words("open barley"), 2, &mut SysRng);
        assert!(matches!(wrong, Err(EpochError::Unlock(UnlockError::WrongPassphrase))));
        let again = Unlocked::with_epoch(&path, &words("open sesame"), 1, &mut SysRng);
        assert!(matches!(again, Err(EpochError::NotNewer)));
        assert!(std::fs::read(&path).unwrap() == before);
        let mut made = 0;
        let full = (2..1000).find_map(|epoch| {
            let outcome = Unlocked::with_epoch(&path, &words("open sesame"), epoch, &mut SysRng);
            made += u64::from(outcome.is_ok());
            outcome.err()
        });
        assert!(matches!(full, Some(EpochError::Full)), "{full:?} after {made}");
        assert_eq!(
            Unlocked::unlock(&path, &words("open sesame")).unwrap().newest().map(|(epoch, _)| epoch),
            Some(made + 1)
        );
    }
}
