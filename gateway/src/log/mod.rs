//! Merkle logs: what happened, in an order that cannot be changed afterwards without being seen.
//!
//! There are two, with the same tables in two databases: the intake log of `ingest` and the access log of
//! the clinic process. An entry is appended inside the transaction of what it records, so that neither
//! exists without the other. The hashing is RFC 6962's, in [`safelight_core::log`]; here are the tables:
//!
//! | table | a row |
//! |---|---|
//! | `log_entry` | entry `idx`, from 0 without gaps |
//! | `log_node` | the hash of the complete subtree `pos` of height `level`; level 0 is the entry's own |
//! | `log_checkpoint` | the newest signed checkpoint of each day |
//!
//! A checkpoint binds everything before it. Whoever can write the database and has the log's key can
//! rewrite the log with its nodes and checkpoints: that shows against a checkpoint kept elsewhere
//! ([`MerkleLog::verify`]).

mod append;
mod export;
mod nodes;
mod prove;
mod verify;

#[cfg(test)]
mod tests;

use ed25519_dalek::VerifyingKey;
use safelight_core::log::checkpoint::{CheckpointError, SignedCheckpoint, is_origin};
use sqlx::AnyConnection;
use sqlx::Row;

pub use self::export::ExportError;
pub use self::verify::{Fault, Finding, Verified, VerifyError};
use crate::store::catalog::{Catalog, CatalogError, count, int};
use crate::store::migrate::Migration;

/// A log in the tables that [`migration`] makes. Clones are the same log.
#[derive(Debug, Clone)]
pub struct MerkleLog {
    catalog: Catalog,
    origin: String,
    key: VerifyingKey,
}

/// The log's tables, as migration `number` of the database that they are part of.
#[must_use]
pub const fn migration(number: u32) -> Migration {
    Migration { number, name: "merkle-log", sql: TABLES }
}

const TABLES: &str = "
CREATE TABLE log_entry (
    idx BIGINT PRIMARY KEY,
    entry BYTEA NOT NULL
);
CREATE TABLE log_node (
    level BIGINT NOT NULL,
    pos BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (level, pos)
);
CREATE TABLE log_checkpoint (
    day BIGINT PRIMARY KEY,
    size BIGINT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX log_checkpoint_size ON log_checkpoint (size);
";

impl MerkleLog {
    /// The log in `catalog`, called `origin` in its checkpoints and signing with the other half of `key`.
    ///
    /// # Errors
    /// [`LogError::Checkpoint`] if no checkpoint could carry that name.
    pub fn new(catalog: Catalog, origin: &str, key: VerifyingKey) -> Result<Self, LogError> {
        if !is_origin(origin) {
            return Err(CheckpointError::Origin.into());
        }
        Ok(Self { catalog, origin: origin.to_owned(), key })
    }

    /// The log's name in its checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The key that its checkpoints are signed with.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The database that it lives in.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// How many entries it has, as `connection` sees it.
    ///
    /// # Errors
    /// [`LogError::Catalog`].
    pub async fn size(&self, connection: &mut AnyConnection) -> Result<u64, LogError> {
        let row = sqlx::query("SELECT MAX(idx) FROM log_entry").fetch_one(connection).await?;
        match row.try_get::<Option<i64>, _>(0)? {
            Some(last) => Ok(count(last)?.saturating_add(1)),
            None => Ok(0),
        }
    }

    /// Up to `limit` entries from `start` on with their indices, as `connection` sees them.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub async fn entries(
        &self,
        connection: &mut AnyConnection,
        start: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Vec<u8>)>, CatalogError> {
        let rows = sqlx::query("SELECT idx, entry FROM log_entry WHERE idx >= $1 ORDER BY idx LIMIT $2")
            .bind(int(start)?)
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await?;
        rows.iter().map(|row| Ok((count(row.try_get(0)?)?, row.try_get(1)?))).collect()
    }

    /// The largest checkpoint that was signed and kept, if there is one, as `connection` sees it.
    ///
    /// # Errors
    /// [`LogError::Checkpoint`] if it is not by this log's key.
    pub async fn latest(&self, connection: &mut AnyConnection) -> Result<Option<SignedCheckpoint>, LogError> {
        let row = sqlx::query("SELECT note FROM log_checkpoint ORDER BY size DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let note: &str = row.try_get(0)?;
        Ok(Some(SignedCheckpoint::parse_and_verify(note, &self.origin, &self.key)?))
    }
}

/// Why a log could not be written to or proved from.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It is shorter than a checkpoint that it has signed: entries are gone.
    #[error("the log has {size} entries but has signed for {signed}: stop, and run `safelight audit verify`")]
    Truncated {
        /// How many entries it has.
        size: u64,
        /// How many it had.
        signed: u64,
    },
    /// A node that it must have is missing or not a hash.
    #[error("the log's tree is damaged: stop, and run `safelight audit verify`")]
    Damaged,
    /// An entry is longer than [`safelight_core::log::entry::MAX_ENTRY_LEN`].
    #[error("the log entry is too long")]
    EntryTooLong,
    /// The proof asked for is about entries beyond the log's end.
    #[error("no such proof: the log does not reach that far")]
    OutOfRange,
    /// The signing key is another log's.
    #[error("the signing key is not this log's key")]
    OtherKey,
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The database.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl From<sqlx::Error> for LogError {
    fn from(error: sqlx::Error) -> Self {
        Self::Catalog(error.into())
    }
}
