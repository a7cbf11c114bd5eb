//! Blobs as files: `blobs/<last two digits>/<key>`, and `incoming/<name>` on the same file system.
//!
//! Durable means, in this order: write, fsync the file, rename, fsync the folder it is in now and the
//! folder it was in. A rename without the first fsync can survive a power cut that the contents do not.
//!
//! Ingest writes here and the clinic process reads, perhaps as another user. Then the mode of `blobs` says so, and what is put into it
//! takes its group; and the reader follows nothing that the writer may have put in a blob's place.

mod incoming;
mod place;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use rustix::fs::FlockOperation;
use safelight_core::ids::UnixMillis;

use self::incoming::FileIncoming;
use super::{Blob, BlobError, BlobKey, Blobs, BoxFuture, Incoming, Listed, Listing, MAX_PIECE, Swept};
use crate::owner;
use crate::store::faults::{self, Faults, Step};
use crate::store::trust::Trust;

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The same where a group may read.
const SHARED_FOLDER_MODE: u32 = 0o750;
const SHARED_FILE_MODE: u32 = 0o640;

/// Blobs in the folders `blobs` and `incoming` of one folder. Clones are the same store.
#[derive(Debug, Clone)]
pub struct FileBlobs(Arc<Folders>);

impl FileBlobs {
    /// Makes the two folders in `root`, for their owner alone.
    ///
    /// # Errors
    /// [`BlobError::Exists`] if one of them is there.
    pub fn create(root: &Path) -> Result<Self, BlobError> {
        for name in [BLOBS, INCOMING] {
            make_folder(&root.join(name)).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => BlobError::Exists,
                _ => error.into(),
            })?;
        }
        File::open(root)?.sync_all()?;
        Self::open(root)
    }

    /// Opens what [`FileBlobs::create`] made.
    ///
    /// # Errors
    /// [`BlobError::Missing`] if a folder is not there: an empty one in its place would look healthy.
    pub fn open(root: &Path) -> Result<Self, BlobError> {
        Self::open_with(root, faults::none())
    }

    /// [`FileBlobs::open`], with `faults` asked before each step.
    ///
    /// # Errors
    /// As [`FileBlobs::open`].
    pub fn open_with(root: &Path, faults: Arc<dyn Faults>) -> Result<Self, BlobError> {
        let (blobs, incoming) = (root.join(BLOBS), root.join(INCOMING));
        if !blobs.is_dir() || !incoming.is_dir() {
            return Err(BlobError::Missing);
        }
        let handle = place::open_folder(&blobs)?;
        Ok(Self(Arc::new(Folders {
            readers: place::readers(&handle)?,
            handle,
            blobs,
            incoming,
            faults,
            trust: Trust::default(),
            durable_shards: std::array::from_fn(|_| AtomicBool::new(false)),
            naming: Mutex::new(()),
        })))
    }
}

impl Blobs for FileBlobs {
    fn incoming<'a>(&'a self, name: &'a BlobKey) -> BoxFuture<'a, Result<Box<dyn Incoming>, BlobError>> {
        let (folders, name) = (Arc::clone(&self.0), name.clone());
        off_thread(move || Ok(Box::new(FileIncoming::open(folders, &name)?) as Box<dyn Incoming>))
    }

    fn open<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<Box<dyn Blob>, BlobError>> {
        let (folders, key) = (Arc::clone(&self.0), key.clone());
        off_thread(move || {
            let (file, len) = place::open_blob(&folders.handle, &key)?;
            Ok(Box::new(FileBlob { file: Arc::new(file), len }) as Box<dyn Blob>)
        })
    }

    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<bool, BlobError>> {
        let (folders, key) = (Arc::clone(&self.0), key.clone());
        off_thread(move || folders.delete(&key))
    }

    fn list(&self, shard: u8) -> BoxFuture<'_, Result<Listing, BlobError>> {
        let folder = self.0.blobs.join(format!("{shard:02x}"));
        off_thread(move || list(&folder))
    }

    fn sweep_incoming(&self, now: UnixMillis, age: Duration) -> BoxFuture<'_, Result<Swept, BlobError>> {
        let folders = Arc::clone(&self.0);
        off_thread(move || folders.sweep(now, age))
    }

    fn trust(&self) -> &Trust {
        &self.0.trust
    }
}

const BLOBS: &str = "blobs";
const INCOMING: &str = "incoming";

#[derive(Debug)]
struct Folders {
    blobs: PathBuf,
    /// `blobs`, held open: what is read is found from here, however the path may change.
    handle: File,
    /// The group that may read blobs, where the clinic process is another user.
    readers: Option<u32>,
    incoming: PathBuf,
    faults: Arc<dyn Faults>,
    trust: Trust,
    /// Shards whose own folder entry this process has made durable.
    durable_shards: [AtomicBool; 256],
    /// Held from looking whether a key is free until it is taken.
    naming: Mutex<()>,
}

impl Folders {
    fn path(&self, key: &BlobKey) -> PathBuf {
        self.blobs.join(key.shard()).join(key.as_str())
    }

    fn check_trust(&self) -> Result<(), BlobError> {
        if self.trust.holds() { Ok(()) } else { Err(BlobError::StoreDistrusted) }
    }

    /// A step that can fail without casting doubt on what was written before.
    fn step<T>(&self, step: Step, action: impl FnOnce() -> io::Result<T>) -> Result<T, BlobError> {
        self.faults.before(step).and_then(|()| action()).map_err(BlobError::from)
    }

    /// A step after whose failure the kernel may have forgotten what it had not yet written.
    fn sync(&self, step: Step, action: impl FnOnce() -> io::Result<()>) -> Result<(), BlobError> {
        self.faults.before(step).and_then(|()| action()).map_err(|_| {
            self.trust.lose();
            BlobError::StoreDistrusted
        })
    }

    /// The shard's folder, there and durable. That it is there does not show that it is durable: the
    /// process that made it may have died before its fsync.
    fn shard(&self, key: &BlobKey) -> Result<PathBuf, BlobError> {
        let folder = self.blobs.join(key.shard());
        let durable = usize::from_str_radix(key.shard(), 16).ok().and_then(|at| self.durable_shards.get(at));
        if durable.is_some_and(|durable| durable.load(Ordering::Acquire)) {
            return Ok(folder);
        }
        self.step(Step::CreateShard, || match make_folder(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        })?;
        place::share(&File::open(&folder)?, self.readers, SHARED_FOLDER_MODE)?;
        self.sync(Step::FsyncRoot, || sync_folder(&self.blobs))?;
        if let Some(durable) = durable {
            durable.store(true, Ordering::Release);
        }
        Ok(folder)
    }

    /// Gives a finished, durable incoming file its key, if that is free.
    fn name(&self, from: &Path, key: &BlobKey) -> Result<(), BlobError> {
        let _naming = self.naming.lock().unwrap_or_else(PoisonError::into_inner);
        let to = self.path(key);
        match fs::symlink_metadata(&to) {
            Ok(_) => return Err(BlobError::Exists),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        self.step(Step::Rename, || fs::rename(from, &to))
    }

    fn delete(&self, key: &BlobKey) -> Result<bool, BlobError> {
        self.check_trust()?;
        let existed = match self.step(Step::Delete, || fs::remove_file(self.path(key))) {
            Ok(()) => true,
            Err(BlobError::NotFound) => false,
            Err(error) => return Err(error),
        };
        // Also if it was not there: an earlier removal may not have been made durable.
        let shard = self.blobs.join(key.shard());
        if shard.is_dir() {
            self.sync(Step::FsyncDelete, || sync_folder(&shard))?;
        }
        Ok(existed)
    }

    fn sweep(&self, now: UnixMillis, age: Duration) -> Result<Swept, BlobError> {
        self.check_trust()?;
        let mut swept = Swept::default();
        for entry in fs::read_dir(&self.incoming)? {
            let path = entry?.path();
            let Ok(file) = File::open(&path) else {
                continue;
            };
            let metadata = file.metadata()?;
            let old = now.since(modified(&metadata)) >= age && metadata.is_file();
            if old && lock(&file)? {
                self.step(Step::Abort, || fs::remove_file(&path))?;
                swept.removed += 1;
            } else {
                swept.kept += 1;
            }
        }
        Ok(swept)
    }
}

/// Takes the lock that says who is writing an incoming file; the kernel releases it when the last handle
/// closes, also after a crash.
fn lock(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(FOLDER_MODE).create(path)?;
    owner::give_to_folders(&File::open(path)?, path)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn modified(metadata: &fs::Metadata) -> UnixMillis {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    UnixMillis(0).plus(since.unwrap_or_default())
}

fn list(folder: &Path) -> Result<Listing, BlobError> {
    let mut listing = Listing::default();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listing),
        other => other?,
    };
    let shard = folder.file_name();
    for entry in entries {
        let entry = entry?;
        let metadata = match entry.metadata() {
            // Deleted while we look.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        let key = entry.file_name().to_str().and_then(|name| name.parse::<BlobKey>().ok());
        match key.filter(|key| metadata.is_file() && shard == Some(key.shard().as_ref())) {
            Some(key) => {
                listing.blobs.push(Listed { key, len: metadata.len(), modified: modified(&metadata) });
            }
            None => listing.foreign += 1,
        }
    }
    listing.blobs.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(listing)
}

struct FileBlob {
    file: Arc<File>,
    len: u64,
}

impl Blob for FileBlob {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, BlobError>> {
        let (file, end) = (Arc::clone(&self.file), self.len);
        off_thread(move || {
            let wanted = range.end.checked_sub(range.start).ok_or(BlobError::OutOfRange)?;
            if range.end > end {
                return Err(BlobError::OutOfRange);
            }
            let wanted = usize::try_from(wanted).map_err(|_| BlobError::TooLong)?;
            if wanted > MAX_PIECE {
                return Err(BlobError::TooLong);
            }
            let mut piece = vec![0; wanted];
            file.read_exact_at(&mut piece, range.start)?;
            Ok(piece.into())
        })
    }
}

/// Runs file work where it may block. It runs to its end even if nobody waits for it any more.
fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> BoxFuture<'static, Result<T, BlobError>> {
    Box::pin(async move {
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(_) => Err(BlobError::Io(io::Error::other("the runtime is shutting down"))),
        }
    })
}

#[cfg(test)]
mod tests;
