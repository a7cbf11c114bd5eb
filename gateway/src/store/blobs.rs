//! Sealed payloads: large, written once, read in ranges, never changed.
//!
//! A payload arrives in pieces and may be cut off, so it grows under an incoming name, survives there, and
//! becomes a blob under its key in one step, [`Incoming::commit`], after which it survives a power cut.
//! Keys are chosen by the caller and never used twice; the row in the catalog is the authority on which
//! blobs count, so a blob without a row is an orphan for the sweeper and not a picture.

mod files;
mod key;

#[cfg(test)]
mod contract;

use std::io;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use safelight_core::ids::UnixMillis;
use sha2::Sha256;

pub use self::files::FileBlobs;
pub use self::key::{BlobKey, payload_key};
use super::BoxFuture;
use super::trust::Trust;

/// The longest piece that one append or one read takes, so that memory is bounded by the number of
/// transfers and not by the size of pictures.
pub const MAX_PIECE: usize = 256 * 1024;

/// A store of blobs.
pub trait Blobs: Send + Sync + 'static {
    /// Opens the incoming file `name`, new or as it was left, for this caller alone.
    ///
    /// # Errors
    /// [`BlobError::InUse`] while another holds it.
    fn incoming<'a>(&'a self, name: &'a BlobKey) -> BoxFuture<'a, Result<Box<dyn Incoming>, BlobError>>;

    /// Opens a blob to read.
    ///
    /// # Errors
    /// [`BlobError::NotFound`].
    fn open<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<Box<dyn Blob>, BlobError>>;

    /// Removes a blob, durably. `false` if there was none.
    ///
    /// # Errors
    /// On any error it may be there still.
    fn delete<'a>(&'a self, key: &'a BlobKey) -> BoxFuture<'a, Result<bool, BlobError>>;

    /// The blobs whose key ends in the two hexadecimal digits of `shard`, sorted by key: a 256th of all.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    fn list(&self, shard: u8) -> BoxFuture<'_, Result<Listing, BlobError>>;

    /// Removes incoming files that nobody holds and that nobody has written to for `age`.
    ///
    /// # Errors
    /// [`BlobError::Io`]; those removed before it are counted nowhere, but are gone.
    fn sweep_incoming(&self, now: UnixMillis, age: Duration) -> BoxFuture<'_, Result<Swept, BlobError>>;

    /// The flag that goes down when a write did not reach the disk.
    fn trust(&self) -> &Trust;
}

/// A payload on its way in. Dropped, it stays as it is, to be resumed.
pub trait Incoming: Send {
    /// How many bytes it has.
    fn len(&self) -> u64;

    /// True at 0 bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// SHA-256 over all bytes so far, to be continued. A power cut may have damaged what was not yet
    /// committed: what a caller resumes, it must compare with the manifest's digest before the commit.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    fn rehash(&mut self) -> BoxFuture<'_, Result<Sha256, BlobError>>;

    /// Adds bytes at the end; not yet durable.
    ///
    /// # Errors
    /// [`BlobError::TooLong`] above [`MAX_PIECE`]. After any other error, or if this future was dropped,
    /// this writer takes nothing more; opened again, it tells how much it has.
    fn append(&mut self, piece: Bytes) -> BoxFuture<'_, Result<(), BlobError>>;

    /// Makes it the blob `key`, durably, and gives back its length.
    ///
    /// # Errors
    /// [`BlobError::Exists`] if that key is taken. On an error there is no blob, except after
    /// [`BlobError::StoreDistrusted`], when an orphan may be left.
    fn commit<'a>(self: Box<Self>, key: &'a BlobKey) -> BoxFuture<'a, Result<u64, BlobError>>;

    /// Gives it up and removes its bytes.
    ///
    /// # Errors
    /// [`BlobError::Io`]; the sweeper will remove it then.
    fn abort(self: Box<Self>) -> BoxFuture<'static, Result<(), BlobError>>;
}

/// A blob open for reading.
pub trait Blob: Send + Sync {
    /// How many bytes it has.
    fn len(&self) -> u64;

    /// True at 0 bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes at `range`, at most [`MAX_PIECE`] of them.
    ///
    /// # Errors
    /// [`BlobError::TooLong`]; [`BlobError::OutOfRange`] if the range ends beyond the blob.
    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, BlobError>>;
}

/// What [`Blobs::list`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The blobs.
    pub blobs: Vec<Listed>,
    /// Things that are not blobs and that this store did not put there.
    pub foreign: u64,
}

/// One blob in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: BlobKey,
    /// Its length in bytes.
    pub len: u64,
    /// When its last byte was written.
    pub modified: UnixMillis,
}

/// What [`Blobs::sweep_incoming`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files removed.
    pub removed: u64,
    /// Files left, in use or young.
    pub kept: u64,
}

/// Why the blob store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The folders are not there.
    #[error("there is no blob store here: run `safelight init`, or restore a backup")]
    Missing,
    /// No blob has this key.
    #[error("there is no such blob")]
    NotFound,
    /// Something else than a file lies in a blob's place.
    #[error("what lies in the place of the stored picture is not a file: somebody has put it there")]
    NotAFile,
    /// A blob has this key already.
    #[error("a blob with this key exists already")]
    Exists,
    /// Another upload holds this incoming file.
    #[error("this upload is already running")]
    InUse,
    /// More than [`MAX_PIECE`] bytes at once.
    #[error("the piece is too long")]
    TooLong,
    /// The range is not within the blob.
    #[error("the range is not within the blob")]
    OutOfRange,
    /// This writer failed before.
    #[error("an earlier write of this upload failed: open it again")]
    Broken,
    /// The disk, or the quota, is full.
    #[error("the disk is full")]
    Full,
    /// The file system is read-only.
    #[error("the disk is read-only")]
    ReadOnly,
    /// A write did not reach the disk.
    #[error("a write did not reach the disk: nothing is accepted until a restart")]
    StoreDistrusted,
    /// Anything else that the operating system said.
    #[error("the disk failed")]
    Io(#[source] io::Error),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::NotFound => Self::NotFound,
            _ => Self::Io(error),
        }
    }
}
