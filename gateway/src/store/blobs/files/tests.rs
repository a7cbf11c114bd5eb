//! The contract on files, and what only files have: modes, folders, and steps that fail.

use std::os::unix::fs::PermissionsExt;

use rustix::io::Errno;
use tempfile::TempDir;

use super::*;
use crate::store::blobs::contract::Backend;
use crate::store::faults::testing::Script;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        FileBlobs::create(place.0.path()).unwrap();
        place
    }
    fn with(&self, script: &Arc<Script>) -> FileBlobs {
        FileBlobs::open_with(self.0.path(), script.clone()).unwrap()
    }
    /// Every file in it.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }
}

impl Backend for Place {
    type Store = FileBlobs;
    fn open(&self) -> FileBlobs {
        FileBlobs::open(self.0.path()).unwrap()
    }
}

mod files_keep_the_contract {
    use super::Place;
    crate::store::blobs::contract::blob_contract! { Place::new() }
}

fn key(text: &str) -> BlobKey {
    text.parse().unwrap()
}

async fn try_store(blobs: &FileBlobs, name: &str) -> Result<u64, BlobError> {
    let mut incoming = blobs.incoming(&key(name)).await?;
    incoming.append(Bytes::from_static(b"sealed")).await?;
    incoming.commit(&key(name)).await
}

const STORING: [Step; 8] = [
    Step::OpenIncoming,
    Step::Write,
    Step::FsyncFile,
    Step::CreateShard,
    Step::FsyncRoot,
    Step::Rename,
    Step::FsyncShard,
    Step::FsyncIncoming,
];

#[tokio::test]
async fn the_steps_come_in_the_order_that_a_power_cut_demands() {
    let (place, script) = (Place::new(), Script::new());
    let blobs = place.with(&script);
    try_store(&blobs, "00000000aa").await.unwrap();
    assert_eq!(script.take_seen(), STORING);
    try_store(&blobs, "11111111aa").await.unwrap();
    let known = STORING.into_iter().filter(|step| !matches!(step, Step::CreateShard | Step::FsyncRoot));
    assert_eq!(script.take_seen(), known.collect::<Vec<_>>(), "the shard is known to be durable");
    let blobs = place.with(&script);
    try_store(&blobs, "22222222aa").await.unwrap();
    assert_eq!(script.take_seen(), STORING, "a new process does not know that");
    blobs.delete(&key("00000000aa")).await.unwrap();
    assert_eq!(script.take_seen(), [Step::Delete, Step::FsyncDelete]);
}

#[tokio::test]
async fn d05_a_full_disk_at_any_step_stores_nothing_and_passes() {
    for step in [Step::OpenIncoming, Step::Write, Step::CreateShard, Step::Rename] {
        let (place, script) = (Place::new(), Script::new());
        let blobs = place.with(&script);
        script.fail(step, Errno::NOSPC);
        let full = try_store(&blobs, "00000000aa").await;
        assert!(matches!(full, Err(BlobError::Full)), "{step:?}: {full:?}");
        assert!(matches!(blobs.open(&key("00000000aa")).await, Err(BlobError::NotFound)));
        assert!(blobs.trust().holds(), "{step:?}");
        // What a broken writer leaves is given up by whoever writes; a whole payload that found no room is gone already.
        if matches!(step, Step::CreateShard | Step::Rename) {
            assert_eq!(place.files(), [] as [PathBuf; 0], "{step:?}");
        }
        blobs.incoming(&key("00000000aa")).await.unwrap().abort().await.unwrap();
        assert_eq!(place.files(), [] as [PathBuf; 0], "{step:?}");
        assert_eq!(try_store(&blobs, "00000000aa").await.unwrap(), 6);
    }
}

#[tokio::test]
async fn d06_a_failed_fsync_at_any_step_ends_all_writing_and_leaves_nothing() {
    for step in [Step::FsyncFile, Step::FsyncRoot, Step::FsyncShard, Step::FsyncIncoming] {
        for errno in [Errno::IO, Errno::NOSPC] {
            let (place, script) = (Place::new(), Script::new());
            let blobs = place.with(&script);
            try_store(&blobs, "00000000bb").await.unwrap();
            let mut running = blobs.incoming(&key("00000000cc")).await.unwrap();
            script.fail(step, errno);
            let failed = try_store(&blobs, "00000000aa").await;
            assert!(matches!(failed, Err(BlobError::StoreDistrusted)), "{step:?}: {failed:?}");

            let refused = |result: Result<_, BlobError>| matches!(result, Err(BlobError::StoreDistrusted));
            assert!(refused(running.append(Bytes::from_static(b"x")).await));
            assert!(refused(running.commit(&key("00000000cc")).await.map(|_| ())));
            assert!(refused(blobs.incoming(&key("00000000dd")).await.map(|_| ())));
            assert!(refused(blobs.delete(&key("00000000bb")).await.map(|_| ())));
            assert!(refused(blobs.sweep_incoming(UnixMillis(0), Duration::ZERO).await.map(|_| ())));
            assert_eq!(blobs.open(&key("00000000bb")).await.unwrap().len(), 6, "reading goes on");

            let blobs = place.with(&script);
            assert!(matches!(blobs.open(&key("00000000aa")).await, Err(BlobError::NotFound)), "{step:?}");
            if step == Step::FsyncFile {
                let left = blobs.incoming(&key("00000000aa")).await.unwrap().len();
                assert_eq!(left, 0, "nobody may resume on pages that the kernel may have dropped");
                blobs.incoming(&key("00000000aa")).await.unwrap().abort().await.unwrap();
            }
            blobs.incoming(&key("00000000aa")).await.unwrap().abort().await.unwrap();
            assert_eq!(try_store(&blobs, "00000000aa").await.unwrap(), 6, "after a restart it works");
        }
    }
}

#[tokio::test]
async fn a_failed_write_breaks_its_writer_and_leaves_what_was_whole() {
    let (place, script) = (Place::new(), Script::new());
    let blobs = place.with(&script);
    let mut incoming = blobs.incoming(&key("00000000aa")).await.unwrap();
    incoming.append(Bytes::from_static(b"whole")).await.unwrap();
    script.fail(Step::Write, Errno::NOSPC);
    assert!(matches!(incoming.append(Bytes::from_static(b"half")).await, Err(BlobError::Full)));
    assert!(matches!(incoming.append(Bytes::from_static(b"half")).await, Err(BlobError::Broken)));
    assert!(matches!(incoming.commit(&key("00000000aa")).await, Err(BlobError::Broken)));
    assert_eq!(blobs.incoming(&key("00000000aa")).await.unwrap().len(), 5);
    assert!(blobs.trust().holds());

    let mut incoming = blobs.incoming(&key("00000000aa")).await.unwrap();
    script.fail(Step::Write, Errno::IO);
    assert!(matches!(incoming.append(Bytes::from_static(b"x")).await, Err(BlobError::StoreDistrusted)));
    assert!(!blobs.trust().holds());
}

#[tokio::test]
async fn a_real_full_file_system_is_a_full_disk() {
    // A file-size limit would kill the process; /dev/full answers as a full disk does.
    let place = Place::new();
    std::os::unix::fs::symlink("/dev/full", place.0.path().join("incoming/00000000aa")).unwrap();
    let error = fs::write("/dev/full", b"x").unwrap_err();
    assert!(matches!(BlobError::from(error), BlobError::Full));
    let opened = place.open().incoming(&key("00000000aa")).await;
    assert!(opened.is_err(), "a link in the place of an incoming file is not followed");
}

#[tokio::test]
async fn folders_and_files_are_for_their_owner_alone() {
    let place = Place::new();
    let blobs = place.open();
    try_store(&blobs, "00000000aa").await.unwrap();
    drop(blobs.incoming(&key("00000000bb")).await.unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in ["blobs", "incoming", "blobs/aa"] {
        assert_eq!(mode(&place.0.path().join(folder)), 0o700, "{folder}");
    }
    let files = place.files();
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| mode(file) == 0o600));
}

#[tokio::test]
async fn what_does_not_belong_is_counted_and_not_touched() {
    let place = Place::new();
    let blobs = place.open();
    try_store(&blobs, "00000000aa").await.unwrap();
    let shard = place.0.path().join("blobs/aa");
    fs::write(shard.join("00000000bb"), b"in another's shard").unwrap();
    fs::write(shard.join("README"), b"?").unwrap();
    fs::create_dir(shard.join("11111111aa")).unwrap();
    let listing = blobs.list(0xaa).await.unwrap();
    assert_eq!((listing.blobs.len(), listing.foreign), (1, 3));
    assert_eq!(place.files().len(), 3);
}

#[test]
fn a_store_is_neither_made_over_another_nor_out_of_nothing() {
    let place = Place::new();
    assert!(matches!(FileBlobs::create(place.0.path()), Err(BlobError::Exists)));
    fs::remove_dir(place.0.path().join("blobs")).unwrap();
    assert!(matches!(FileBlobs::open(place.0.path()), Err(BlobError::Missing)));
}
