//! Headers in a SQLite file of their own.
//!
//! `secure_delete` is not enough. When SQLite splits or merges a leaf page it copies rows to new places and
//! does not wipe the gap that it leaves (`rebuildPage` in btree.c), so that parts of a row outlive its
//! deletion there: of 1,500 destroyed headers, a handful. Overflow pages are never moved, and are wiped when
//! freed. Each header is therefore preceded by as many zero bytes as a page has: what lies in a leaf is
//! then always padding, and the header lies in overflow pages from its first byte on. The write-ahead log
//! holds copies of pages; it is copied back and emptied before a deletion counts as done.

use std::path::Path;

use sqlx::Row;

use super::{BoxFuture, Header, HeaderError, HeaderId, Headers, Kept, Kind, MAX_HEADER_LEN, MAX_IDS};
use crate::store::catalog::{Catalog, CatalogError, Location, Options, WriteTx, count};
use crate::store::migrate::Migration;

/// Small, since every header takes at least one page and the padding another.
const PAGE_SIZE: u32 = 1024;

/// At least what a leaf page can hold of one row (sqlite.org/fileformat.html section 1.6: page size - 35).
const PADDING: usize = 1024;

/// Headers that one statement names.
const ASKED_FOR_AT_ONCE: usize = 256;

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "headers",
    // `padded` is the last column: what comes before it lies in the leaf.
    sql: "CREATE TABLE header (
        id BYTEA NOT NULL,
        kind TEXT NOT NULL,
        padded BYTEA NOT NULL,
        PRIMARY KEY (id, kind)
    )",
}];

/// The file `headers.db`.
#[derive(Debug, Clone)]
pub struct SqliteHeaders(Catalog);

impl SqliteHeaders {
    /// Makes a new, empty store.
    ///
    /// # Errors
    /// [`CatalogError::Exists`] inside [`HeaderError::Catalog`] if there is one.
    pub async fn create(path: &Path) -> Result<Self, HeaderError> {
        Self::checked(Catalog::create_with(path, MIGRATIONS, options()).await?).await
    }

    /// Opens what [`SqliteHeaders::create`] made, and finishes a deletion that was cut off.
    ///
    /// # Errors
    /// As [`Catalog::open`], and [`HeaderError::PageSize`].
    pub async fn open(path: &Path) -> Result<Self, HeaderError> {
        Self::open_with(path, options()).await
    }

    /// [`SqliteHeaders::open`] with `faults` in the options.
    ///
    /// # Errors
    /// As [`SqliteHeaders::open`].
    pub async fn open_with(path: impl Into<Location>, options: Options) -> Result<Self, HeaderError> {
        Self::checked(Catalog::open_with(path, MIGRATIONS, options).await?).await
    }

    /// The database, for its checks.
    pub fn catalog(&self) -> &Catalog {
        &self.0
    }

    async fn checked(catalog: Catalog) -> Result<Self, HeaderError> {
        let row = sqlx::query("PRAGMA page_size").fetch_one(&mut *catalog.read().await?).await?;
        let page_size = count(row.try_get(0)?)?;
        if page_size > u64::from(PAGE_SIZE) {
            return Err(HeaderError::PageSize(page_size));
        }
        let headers = Self(catalog);
        // Finishes what a process that was cut off left behind. Somebody who is reading now is no reason not to open.
        super::wiped_later(headers.wipe().await)?;
        Ok(headers)
    }

    async fn wipe(&self) -> Result<(), HeaderError> {
        match self.0.truncate_log().await {
            Ok(()) => Ok(()),
            Err(CatalogError::Busy) => Err(HeaderError::Lingering),
            Err(error) => Err(error.into()),
        }
    }
}

fn options() -> Options {
    Options { page_size: PAGE_SIZE, ..Options::default() }
}

impl Headers for SqliteHeaders {
    fn put<'a>(&'a self, headers: &'a [Header]) -> BoxFuture<'a, Result<(), HeaderError>> {
        Box::pin(async move {
            let mut tx = self.0.write().await?;
            for header in headers {
                let insert = sqlx::query("INSERT INTO header (id, kind, padded) VALUES ($1, $2, $3)")
                    .bind(header.id.as_bytes().as_slice())
                    .bind(header.kind.code())
                    .bind(padded(&header.bytes)?);
                match insert.execute(&mut *tx).await.map_err(CatalogError::from) {
                    Ok(_) => {}
                    Err(CatalogError::Duplicate) => return Err(HeaderError::Exists),
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(tx.commit().await?)
        })
    }

    fn get(&self, id: HeaderId, kind: Kind) -> BoxFuture<'_, Result<Option<Vec<u8>>, HeaderError>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT padded FROM header WHERE id = $1 AND kind = $2")
                .bind(id.as_bytes().as_slice())
                .bind(kind.code())
                .fetch_optional(&mut *self.0.read().await?)
                .await?;
            row.map(|row| unpadded(row.try_get(0)?)).transpose()
        })
    }

    fn get_many<'a>(&'a self, ids: &'a [HeaderId], kind: Kind) -> BoxFuture<'a, Result<Vec<Kept>, HeaderError>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(ids.len());
            let mut tx = self.0.read().await?;
            for some in ids.chunks(ASKED_FOR_AT_ONCE) {
                let places: Vec<String> = (2..).take(some.len()).map(|place| format!("${place}")).collect();
                let sql = format!("SELECT id, padded FROM header WHERE kind = $1 AND id IN ({})", places.join(", "));
                let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(kind.code());
                for id in some {
                    query = query.bind(id.as_bytes().as_slice());
                }
                for row in query.fetch_all(&mut *tx).await? {
                    found.push((id_of(&row)?, unpadded(row.try_get(1)?)?));
                }
            }
            Ok(found)
        })
    }

    fn replace<'a>(&'a self, headers: &'a [Header]) -> BoxFuture<'a, Result<(), HeaderError>> {
        Box::pin(async move {
            let mut tx = self.0.write().await?;
            for header in headers {
                let done = sqlx::query("UPDATE header SET padded = $3 WHERE id = $1 AND kind = $2")
                    .bind(header.id.as_bytes().as_slice())
                    .bind(header.kind.code())
                    .bind(padded(&header.bytes)?)
                    .execute(&mut *tx)
                    .await?;
                if done.rows_affected() != 1 {
                    return Err(HeaderError::NotFound);
                }
            }
            self.commit_and_wipe(tx).await
        })
    }

    fn destroy<'a>(&'a self, ids: &'a [HeaderId]) -> BoxFuture<'a, Result<(), HeaderError>> {
        Box::pin(async move {
            let mut tx = self.0.write().await?;
            for id in ids {
                sqlx::query("DELETE FROM header WHERE id = $1")
                    .bind(id.as_bytes().as_slice())
                    .execute(&mut *tx)
                    .await?;
            }
            self.commit_and_wipe(tx).await
        })
    }

    fn ids(&self, after: Option<HeaderId>, limit: u32) -> BoxFuture<'_, Result<Vec<HeaderId>, HeaderError>> {
        Box::pin(async move {
            // No blob is smaller than the empty one.
            let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
            let rows = sqlx::query("SELECT DISTINCT id FROM header WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(after)
                .bind(i64::from(limit.min(MAX_IDS)))
                .fetch_all(&mut *self.0.read().await?)
                .await?;
            rows.iter().map(id_of).collect()
        })
    }
}

impl SqliteHeaders {
    async fn commit_and_wipe(&self, tx: WriteTx) -> Result<(), HeaderError> {
        tx.commit().await?;
        self.wipe().await
    }
}

fn id_of(row: &sqlx::any::AnyRow) -> Result<HeaderId, HeaderError> {
    let bytes: &[u8] = row.try_get(0)?;
    Ok(HeaderId::from_bytes(bytes.try_into().map_err(|_| CatalogError::Malformed)?))
}

fn unpadded(mut bytes: Vec<u8>) -> Result<Vec<u8>, HeaderError> {
    if bytes.len() <= PADDING {
        return Err(CatalogError::Malformed.into());
    }
    bytes.drain(..PADDING);
    Ok(bytes)
}

fn padded(header: &[u8]) -> Result<Vec<u8>, HeaderError> {
    if header.is_empty() || header.len() > MAX_HEADER_LEN {
        return Err(HeaderError::TooLong);
    }
    let mut bytes = vec![0; PADDING];
    bytes.extend_from_slice(header);
    Ok(bytes)
}

#[cfg(test)]
mod tests;
