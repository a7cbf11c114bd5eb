//! Where blobs lie when writer and reader are two users: who may read, and what is not followed.
//!
//! An attacker who owns the folder puts something else in a blob's place: a link to a file that the reader may open, a pipe that is never
//! written to, so that the reader waits for ever, a folder, a device. None of them is opened.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open, openat};
use rustix::io::Errno;

use super::{BlobError, BlobKey};

/// What a group needs on the folder to read what is in it.
const GROUP_READS: u32 = 0o050;

/// Opens a folder itself, not what a link in its place points to. Nothing can be read from the handle; names are found from it.
pub(super) fn open_folder(path: &Path) -> Result<File, BlobError> {
    match open(path, FOLDER, Mode::empty()) {
        Ok(folder) => Ok(folder.into()),
        Err(error) => Err(refused(error)),
    }
}

/// The group that may read what is in `folder`, if one may.
pub(super) fn readers(folder: &File) -> Result<Option<u32>, BlobError> {
    let metadata = folder.metadata()?;
    Ok((metadata.mode() & GROUP_READS == GROUP_READS).then(|| metadata.gid()))
}

/// Lets the group read something new, with this mode.
pub(super) fn share(new: &File, readers: Option<u32>, mode: u32) -> io::Result<()> {
    let Some(group) = readers else { return Ok(()) };
    if new.metadata()?.gid() != group {
        fchown(new, None, Some(group))?;
    }
    new.set_permissions(Permissions::from_mode(mode))
}

/// Opens a blob in the folder behind `blobs`, and gives its length.
///
/// # Errors
/// [`BlobError::NotAFile`] for anything but a regular file.
pub(super) fn open_blob(blobs: &File, key: &BlobKey) -> Result<(File, u64), BlobError> {
    let shard = openat(blobs, key.shard(), FOLDER, Mode::empty()).map_err(refused)?;
    // Not blocking: opening a pipe would wait for somebody who writes into it.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(openat(&shard, key.as_str(), flags, Mode::empty()).map_err(refused)?);
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata.len())) } else { Err(BlobError::NotAFile) }
}

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn refused(error: Errno) -> BlobError {
    match error {
        // A link, or a file where a folder should be, or a socket or a device without driver.
        Errno::LOOP | Errno::NOTDIR | Errno::NXIO | Errno::NODEV => BlobError::NotAFile,
        other => io::Error::from(other).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::blobs::{Blobs, FileBlobs};
    use rustix::fs::{CWD, FileType, mknodat};

    fn key() -> BlobKey {
        "0198c0de-aaaa-7bbb-8ccc-0123456789ab".parse().unwrap()
    }

    /// What an intruder in ingest puts in a blob's place. Opening the pipe must not wait: nobody will ever write to it.
    #[tokio::test]
    async fn x40_nothing_that_stands_in_a_blobs_place_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::create(root.path()).unwrap();
        let shard = root.path().join("blobs/ab");
        std::fs::create_dir(&shard).unwrap();
        let (place, secret) = (shard.join(key().as_str()), root.path().join("secret"));
        std::fs::write(&secret, b"the vault's file").unwrap();

        let plants: [(&str, &dyn Fn()); 5] = [
            ("a link", &|| std::os::unix::fs::symlink(&secret, &place).unwrap()),
            ("a link to nothing", &|| std::os::unix::fs::symlink("nowhere", &place).unwrap()),
            ("a pipe", &|| mknodat(CWD, &place, FileType::Fifo, Mode::RUSR, 0).unwrap()),
            ("a folder", &|| std::fs::create_dir(&place).unwrap()),
            ("a socket", &|| drop(std::os::unix::net::UnixListener::bind(&place).unwrap())),
        ];
        for (what, plant) in plants {
            plant();
            let opened = blobs.open(&key()).await.map(|blob| blob.len());
            assert!(matches!(opened, Err(BlobError::NotAFile)), "{what}: {opened:?}");
            if place.is_dir() { std::fs::remove_dir(&place) } else { std::fs::remove_file(&place) }.unwrap();
        }
        assert!(matches!(blobs.open(&key()).await.map(|blob| blob.len()), Err(BlobError::NotFound)));

        // The control: a file is opened, and not any more once its folder is a link to the same folder.
        std::fs::write(&place, b"sealed").unwrap();
        assert_eq!(blobs.open(&key()).await.unwrap().len(), 6);
        std::fs::rename(&shard, root.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(root.path().join("elsewhere"), &shard).unwrap();
        assert!(matches!(blobs.open(&key()).await.map(|blob| blob.len()), Err(BlobError::NotAFile)));
    }

    #[test]
    fn x40_a_link_in_the_place_of_the_whole_store_is_no_store() {
        let root = tempfile::tempdir().unwrap();
        FileBlobs::create(root.path()).unwrap();
        std::fs::rename(root.path().join("blobs"), root.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", root.path().join("blobs")).unwrap();
        assert!(matches!(FileBlobs::open(root.path()), Err(BlobError::NotAFile)));
    }

    #[test]
    fn what_is_new_takes_the_folders_group_or_stays_private() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("blobs");
        std::fs::create_dir(&folder).unwrap();
        let new = File::create(folder.join("new")).unwrap();
        let mode = || new.metadata().unwrap().mode() & 0o777;
        for (folder_mode, shared) in [(0o700, false), (0o710, false), (0o740, false), (0o750, true)] {
            std::fs::set_permissions(&folder, Permissions::from_mode(folder_mode)).unwrap();
            new.set_permissions(Permissions::from_mode(0o600)).unwrap();
            let readers = readers(&open_folder(&folder).unwrap()).unwrap();
            share(&new, readers, 0o640).unwrap();
            assert_eq!(mode(), if shared { 0o640 } else { 0o600 }, "{folder_mode:o}");
        }
    }
}
