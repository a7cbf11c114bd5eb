//! Age headers: the few hundred bytes without which a payload can never be opened again.
//!
//! They are kept apart from the payloads so that a key rotation rewrites them alone and so that destroying
//! one destroys what it opens (crypto-shredding). That promise has to hold for every copy of the bytes:
//! in the database file, in its free pages, in its write-ahead log. Copies below the file system (a flash
//! disk's spare blocks, snapshots, backups) are beyond this program; docs/OPERATIONS.md speaks of them.

mod sqlite;

#[cfg(test)]
mod contract;

use std::fmt;
use std::str::FromStr;

use safelight_core::ids::CaptureId;

pub use self::sqlite::SqliteHeaders;
use super::BoxFuture;
use super::catalog::CatalogError;

/// The longest header that is kept, in bytes; as the phone's format has it.
pub const MAX_HEADER_LEN: usize = 16 * 1024;

/// The most ids that [`Headers::ids`] gives at once.
pub const MAX_IDS: u32 = 1000;

/// A header that was got, with what it belongs to.
pub type Kept = (HeaderId, Vec<u8>);

/// A store of headers.
pub trait Headers: Send + Sync + 'static {
    /// Keeps new headers, all of them or none, durably.
    ///
    /// # Errors
    /// [`HeaderError::Exists`] if one is there already; [`HeaderError::TooLong`].
    fn put<'a>(&'a self, headers: &'a [Header]) -> BoxFuture<'a, Result<(), HeaderError>>;

    /// One header, if it is there.
    ///
    /// # Errors
    /// [`HeaderError::Catalog`].
    fn get(&self, id: HeaderId, kind: Kind) -> BoxFuture<'_, Result<Option<Vec<u8>>, HeaderError>>;

    /// Those of these headers that are there, in any order.
    ///
    /// # Errors
    /// [`HeaderError::Catalog`].
    fn get_many<'a>(&'a self, ids: &'a [HeaderId], kind: Kind) -> BoxFuture<'a, Result<Vec<Kept>, HeaderError>>;

    /// Puts others in the place of existing headers, all or none, and leaves nothing of the old ones.
    /// Expensive once a call, so give many.
    ///
    /// # Errors
    /// [`HeaderError::NotFound`]; [`HeaderError::Lingering`] if all are replaced but old bytes may be left.
    fn replace<'a>(&'a self, headers: &'a [Header]) -> BoxFuture<'a, Result<(), HeaderError>>;

    /// Destroys every header of these ids, of whatever kind, and leaves nothing of them. Ids that are not
    /// there are as good as destroyed. Expensive once a call, so give many.
    ///
    /// # Errors
    /// [`HeaderError::Lingering`] if none can be got any more but bytes may be left: call again until it is
    /// `Ok`, and only then say "destroyed".
    fn destroy<'a>(&'a self, ids: &'a [HeaderId]) -> BoxFuture<'a, Result<(), HeaderError>>;

    /// The ids above `after` for which there is a header, ascending, at most `limit` or [`MAX_IDS`].
    ///
    /// # Errors
    /// [`HeaderError::Catalog`].
    fn ids(&self, after: Option<HeaderId>, limit: u32) -> BoxFuture<'_, Result<Vec<HeaderId>, HeaderError>>;
}

/// A header with its place.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// What it belongs to.
    pub id: HeaderId,
    /// Which of that one's payloads it opens.
    pub kind: Kind,
    /// The age header, from its first line to its MAC.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({} {}, {} bytes)", self.id, self.kind.code(), self.bytes.len())
    }
}

/// For whoever replaces or destroys as part of something larger: that the old bytes could not be wiped at once, since somebody was reading, does
/// not undo it. The next replacement or destruction wipes them too, and so does the next opening of the store.
///
/// # Errors
/// Any but [`HeaderError::Lingering`].
pub fn wiped_later(outcome: Result<(), HeaderError>) -> Result<(), HeaderError> {
    match outcome {
        Err(HeaderError::Lingering) => {
            tracing::debug!("old headers are wiped with the next ones");
            Ok(())
        }
        other => other,
    }
}

/// What a header belongs to: a capture, or a patient's sealed identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HeaderId([u8; 16]);

impl HeaderId {
    /// From its 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<CaptureId> for HeaderId {
    fn from(id: CaptureId) -> Self {
        Self(*id.as_bytes())
    }
}

impl fmt::Display for HeaderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        CaptureId::from_bytes(self.0).fmt(f)
    }
}

/// Which payload a header opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The picture.
    Picture,
    /// The label that the phone sealed.
    Label,
    /// The thumbnail that the clinic's inspector made.
    Thumbnail,
    /// A patient's identity.
    Identity,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Picture, Self::Label, Self::Thumbnail, Self::Identity];

    /// As it stands in the database.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Picture => "picture",
            Self::Label => "label",
            Self::Thumbnail => "thumbnail",
            Self::Identity => "identity",
        }
    }
}

/// Text that is not the code of a [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of header")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.code() == text).ok_or(UnknownKind)
    }
}

/// Why the header store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// Longer than [`MAX_HEADER_LEN`], or empty.
    #[error("the header is empty or too long")]
    TooLong,
    /// There is a header in that place.
    #[error("there is a header for this already")]
    Exists,
    /// There is none.
    #[error("there is no header for this: it was destroyed, or never kept")]
    NotFound,
    /// Removed, but not yet wiped.
    #[error("the header is removed, but its bytes may still be on the disk: try again")]
    Lingering,
    /// The file was made with other settings and would leave bytes behind.
    #[error("the header store has page size {0} and cannot promise deletion: restore it from a backup")]
    PageSize(u64),
    /// The database.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl From<sqlx::Error> for HeaderError {
    fn from(error: sqlx::Error) -> Self {
        Self::Catalog(error.into())
    }
}
