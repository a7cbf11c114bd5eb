//! To whom new files belong.
//!
//! The two processes may be two users, and the commands beside them may be run by root. What root made there would be root's, and the process
//! whose folder it is could not read its own key or take its own lock. So what root makes in a folder belongs to whom the folder belongs to.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use rustix::fs::OFlags;

/// Gives what was just made at `path`, and is open as `new`, to the owner of the folder that it lies in. Only root can, and only root needs to.
///
/// Only for what this process has made itself: of what was there before, an attacker may have a hand in what it is.
pub fn give_to_folders(new: &File, path: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let (folder, made) = (folder_of(path).metadata()?, new.metadata()?);
    if made.uid() == folder.uid() {
        return Ok(());
    }
    fchown(new, Some(folder.uid()), Some(folder.gid()))
}

/// Opens a file with `options` and without following a link, and makes it, with `mode` and for the folder's owner, if it is not there.
pub fn open_or_create(path: &Path, mode: u32, options: &OpenOptions) -> io::Result<File> {
    for _ in 0..ATTEMPTS {
        match options.clone().create_new(true).mode(mode).open(path) {
            Ok(new) => {
                give_to_folders(&new, path)?;
                return Ok(new);
            }
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {}
        }
        match options.clone().custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(path) {
            // Taken away between the two.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// The file named `lock` of a process's folder, made if it is not there, and whether it could be locked: whoever holds it is that process.
pub fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = open_or_create(&folder.join(LOCK_FILE), 0o600, OpenOptions::new().write(true))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Who owns what lies at `path`.
pub fn of(path: &Path) -> Option<u32> {
    path.metadata().ok().as_ref().map(Metadata::uid)
}

/// The folder that `path` lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Name of a process's lock file.
pub const LOCK_FILE: &str = "lock";

/// How often to try again when a file was taken away between looking and opening.
const ATTEMPTS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{chown, symlink};

    #[test]
    fn a_link_in_the_place_of_a_file_is_not_followed_and_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (place, target) = (folder.path().join(LOCK_FILE), folder.path().join("target"));
        symlink(&target, &place).unwrap();
        assert!(lock(folder.path()).is_err());
        assert!(!target.exists());
        std::fs::remove_file(&place).unwrap();
        let held = lock(folder.path()).unwrap();
        assert!(held.is_some() && lock(folder.path()).unwrap().is_none());
    }

    #[test]
    fn what_root_makes_is_the_folders_owners_and_what_was_there_stays_as_it_was() {
        if !rustix::process::geteuid().is_root() {
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci.is_empty()),
                "not root, and in CI no test may be skipped"
            );
            println!("SKIPPED what_root_makes_is_the_folders_owners_and_what_was_there_stays_as_it_was: only root can");
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("folder");
        crate::keyfile::create_folder(&folder).unwrap();
        let before = folder.join("before");
        crate::keyfile::create(&before, 0o600, b"x").unwrap();
        chown(&folder, Some(61_001), Some(61_000)).unwrap();
        let owner = |name: &str| {
            let metadata = folder.join(name).metadata().unwrap();
            (metadata.uid(), metadata.gid())
        };
        drop(lock(&folder).unwrap());
        crate::keyfile::create(&folder.join("created"), 0o600, b"x").unwrap();
        crate::keyfile::replace(&folder.join("replaced"), 0o600, b"x").unwrap();
        crate::keyfile::create_folder(&folder.join("one/two")).unwrap();
        for name in [LOCK_FILE, "created", "replaced", "one", "one/two"] {
            assert_eq!(owner(name), (61_001, 61_000), "{name}");
        }
        drop(open_or_create(&before, 0o600, OpenOptions::new().write(true)).unwrap());
        assert_eq!(owner("before"), (0, 0));
    }
}
