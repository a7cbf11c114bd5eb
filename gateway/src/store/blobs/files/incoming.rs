//! A file that grows until it becomes a blob.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::Advice;
use sha2::{Digest, Sha256};

use super::{
    BlobError, BlobKey, BoxFuture, FILE_MODE, Folders, Incoming, MAX_PIECE, SHARED_FILE_MODE, Step, lock, off_thread,
    place, sync_folder,
};
use crate::owner;

/// How much is written before the kernel is asked to begin bringing it to the disk, so that the fsync at
/// the end finds little left to do.
const WRITEBACK: u64 = 1024 * 1024;

/// How often to try again when the file was taken away between opening and locking it.
const ATTEMPTS: usize = 8;

pub(super) struct FileIncoming {
    folders: Arc<Folders>,
    /// Shared with work that goes on when a future was dropped: the lock is held until that ends, too.
    file: Arc<File>,
    path: PathBuf,
    len: u64,
    handed_over: u64,
    broken: bool,
}

impl FileIncoming {
    pub(super) fn open(folders: Arc<Folders>, name: &BlobKey) -> Result<Self, BlobError> {
        folders.check_trust()?;
        let path = folders.incoming.join(name.as_str());
        for _ in 0..ATTEMPTS {
            let file = folders.step(Step::OpenIncoming, || {
                owner::open_or_create(&path, FILE_MODE, OpenOptions::new().read(true).write(true))
            })?;
            if !lock(&file)? {
                return Err(BlobError::InUse);
            }
            // Between opening and locking, the one who held it may have committed or removed it.
            let metadata = file.metadata()?;
            let same = fs::symlink_metadata(&path)
                .is_ok_and(|named| (named.dev(), named.ino()) == (metadata.dev(), metadata.ino()));
            if same {
                let len = metadata.len();
                return Ok(Self { folders, file: Arc::new(file), path, len, handed_over: len, broken: false });
            }
        }
        Err(BlobError::InUse)
    }

    fn commit_now(self, key: &BlobKey) -> Result<u64, BlobError> {
        let folders = &self.folders;
        folders.check_trust()?;
        if self.broken {
            return Err(BlobError::Broken);
        }
        // Before the fsync, which makes this durable too.
        place::share(&self.file, folders.readers, SHARED_FILE_MODE)?;
        if let Err(error) = folders.sync(Step::FsyncFile, || self.file.sync_all()) {
            // Its pages may be marked clean without being on the disk: nobody may resume on them.
            let _ = fs::remove_file(&self.path);
            return Err(error);
        }
        let shard = match folders.shard(key).and_then(|shard| folders.name(&self.path, key).map(|()| shard)) {
            Ok(shard) => shard,
            Err(error) => {
                // A disk that is full has no room for what cannot be stored.
                if matches!(error, BlobError::Full) {
                    let _ = fs::remove_file(&self.path);
                }
                return Err(error);
            }
        };
        let named = folders
            .sync(Step::FsyncShard, || sync_folder(&shard))
            .and_then(|()| folders.sync(Step::FsyncIncoming, || sync_folder(&folders.incoming)));
        if let Err(error) = named {
            let _ = fs::remove_file(folders.path(key));
            return Err(error);
        }
        Ok(self.len)
    }
}

impl Incoming for FileIncoming {
    fn len(&self) -> u64 {
        self.len
    }

    fn rehash(&mut self) -> BoxFuture<'_, Result<Sha256, BlobError>> {
        let (file, len) = (Arc::clone(&self.file), self.len);
        off_thread(move || {
            let mut hash = Sha256::new();
            let mut piece = vec![0; MAX_PIECE];
            let mut at = 0;
            while at < len {
                let left = usize::try_from(len - at).unwrap_or(usize::MAX).min(MAX_PIECE);
                let piece = piece.get_mut(..left).ok_or(BlobError::TooLong)?;
                file.read_exact_at(piece, at)?;
                hash.update(&*piece);
                at = at.saturating_add(u64::try_from(left).unwrap_or(u64::MAX));
            }
            Ok(hash)
        })
    }

    fn append(&mut self, piece: Bytes) -> BoxFuture<'_, Result<(), BlobError>> {
        Box::pin(async move {
            self.folders.check_trust()?;
            if self.broken {
                return Err(BlobError::Broken);
            }
            if piece.len() > MAX_PIECE {
                return Err(BlobError::TooLong);
            }
            let added = u64::try_from(piece.len()).map_err(|_| BlobError::TooLong)?;
            // Stays so if this future is dropped while the write goes on elsewhere.
            self.broken = true;
            let (folders, file, at) = (Arc::clone(&self.folders), Arc::clone(&self.file), self.len);
            let pending = (self.handed_over, at.saturating_add(added));
            let handed_over = off_thread(move || {
                write(&folders, &file, &piece, at)?;
                Ok(if pending.1 - pending.0 >= WRITEBACK { begin_writeback(&file, pending) } else { pending.0 })
            })
            .await?;
            self.len = self.len.saturating_add(added);
            self.handed_over = handed_over;
            self.broken = false;
            Ok(())
        })
    }

    fn commit<'a>(self: Box<Self>, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>> {
        let key = key.clone();
        off_thread(move || self.commit_now(&key))
    }

    fn abort(self: Box<Self>) -> BoxFuture<'static, Result<(), BlobError>> {
        off_thread(move || {
            // Still locked, so nobody else can have opened it.
            self.folders.step(Step::Abort, || fs::remove_file(&self.path))
        })
    }
}

fn write(folders: &Folders, file: &File, piece: &[u8], at: u64) -> Result<(), BlobError> {
    let written = folders.faults.before(Step::Write).and_then(|()| file.write_all_at(piece, at));
    written.map_err(|error| {
        // Half a piece is of no use to anybody who resumes. If this fails, resuming finds it by its digest.
        let _ = file.set_len(at);
        match BlobError::from(error) {
            BlobError::Io(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                folders.trust.lose();
                BlobError::StoreDistrusted
            }
            other => other,
        }
    })
}

/// Asks the kernel to write `range` now. Linux begins to write dirty pages that are said not to be needed
/// (mm/fadvise.c); its answer is of no consequence, since the fsync at the end reports what went wrong.
fn begin_writeback(file: &File, range: (u64, u64)) -> u64 {
    let len = NonZeroU64::new(range.1.saturating_sub(range.0));
    let _: io::Result<()> = rustix::fs::fadvise(file, range.0, len, Advice::DontNeed).map_err(io::Error::from);
    range.1
}
