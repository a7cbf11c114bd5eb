//! Rows: a database that rooms bring their own tables and SQL to.
//!
//! SQLite today, through sqlx's `Any`, with SQL that PostgreSQL reads as well. What that asks of the rooms:
//! columns of type TEXT, BIGINT and BYTEA only (`Any` refuses BOOLEAN on SQLite); `$1` placeholders; text
//! bound as `&str` or `String` (`Arc<str>` has no mapping on SQLite); every `u64` through [`int`] and
//! [`count`]. Writers go through [`Catalog::write`], readers through [`Catalog::read`].

mod error;
mod sqlite;

#[cfg(test)]
mod contract;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::{Any, AnyConnection, AnyPool, Transaction};

pub use self::error::{CatalogError, count, int};
use super::faults::{self, Faults, Step};
use super::migrate::{self, Migration, SchemaError};
use super::trust::Trust;

/// Where a catalog is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL server, as a `postgres://` address. It may hold a password and is never printed.
    Postgres(String),
}

impl Location {
    /// A `postgres://` address, or else the path of a file.
    pub fn parse(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Self::Postgres(text.to_owned())
        } else {
            Self::File(PathBuf::from(text))
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Postgres(_) => f.write_str("postgres://"),
        }
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl From<&PathBuf> for Location {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

/// What an unusual caller may set.
#[derive(Debug, Clone)]
pub struct Options {
    /// SQLite's page size in bytes, a power of two from 512 to 65,536. It takes effect when the file is made.
    pub page_size: u32,
    /// Asked before each named step.
    pub faults: Arc<dyn Faults>,
}

impl Default for Options {
    fn default() -> Self {
        Self { page_size: sqlite::PAGE_SIZE, faults: faults::none() }
    }
}

/// A database with its schema up to date. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Catalog {
    dialect: Dialect,
    writers: AnyPool,
    readers: AnyPool,
    trust: Trust,
    faults: Arc<dyn Faults>,
}

impl Catalog {
    /// Makes a new database, for its owner alone, with all `migrations` applied.
    ///
    /// # Errors
    /// [`CatalogError::Exists`] if there is one already; nothing is changed then.
    pub async fn create(at: impl Into<Location>, migrations: &[Migration]) -> Result<Self, CatalogError> {
        Self::create_with(at, migrations, Options::default()).await
    }

    /// [`Catalog::create`] with options.
    ///
    /// # Errors
    /// As [`Catalog::create`].
    pub async fn create_with(
        at: impl Into<Location>,
        migrations: &[Migration],
        options: Options,
    ) -> Result<Self, CatalogError> {
        let at = at.into();
        if let Location::File(path) = &at {
            sqlite::create_file(path)?;
        }
        let catalog = Self::connect(&at, options).await?;
        let applied = migrate::applied(&catalog, migrations).await?;
        if applied > 0 {
            return Err(CatalogError::Exists);
        }
        migrate::apply(&catalog, migrations, applied).await?;
        Ok(catalog)
    }

    /// Opens a database that [`Catalog::create`] made and applies the migrations that it lacks.
    ///
    /// # Errors
    /// [`CatalogError::Missing`] if there is none: an empty database in the place of a lost one would look
    /// healthy. [`CatalogError::Schema`] if a newer program wrote it, or another.
    pub async fn open(at: impl Into<Location>, migrations: &[Migration]) -> Result<Self, CatalogError> {
        Self::open_with(at, migrations, Options::default()).await
    }

    /// [`Catalog::open`] with options.
    ///
    /// # Errors
    /// As [`Catalog::open`].
    pub async fn open_with(
        at: impl Into<Location>,
        migrations: &[Migration],
        options: Options,
    ) -> Result<Self, CatalogError> {
        let at = at.into();
        if let Location::File(path) = &at {
            sqlite::check_file(path)?;
        }
        let catalog = Self::connect(&at, options).await?;
        let applied = migrate::applied(&catalog, migrations).await?;
        if applied == 0 && !migrations.is_empty() {
            return Err(CatalogError::Missing);
        }
        migrate::apply(&catalog, migrations, applied).await?;
        Ok(catalog)
    }

    /// Begins a transaction that may write. It has the writers' lock from the start, so that what it reads
    /// cannot be overtaken before it writes; others wait their turn, within one process in order.
    /// Dropped without [`WriteTx::commit`] it leaves nothing.
    ///
    /// # Errors
    /// [`CatalogError::StoreDistrusted`] after a failed write to disk; [`CatalogError::Busy`] if the others
    /// take too long.
    pub async fn write(&self) -> Result<WriteTx, CatalogError> {
        if !self.trust.holds() {
            return Err(CatalogError::StoreDistrusted);
        }
        self.faults.before(Step::Begin).map_err(CatalogError::from_step)?;
        let begin = match self.dialect {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        };
        let inner = match self.writers.begin_with(begin).await {
            // SQLite has ended an earlier transaction by itself, as it does when the disk is full, and the driver counts it as open
            // for ever. Nothing of it was kept: that connection goes, and a new one begins.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.writers.acquire().await?.close().await?;
                self.writers.begin_with(begin).await?
            }
            other => other?,
        };
        Ok(WriteTx { inner, trust: self.trust.clone(), faults: Arc::clone(&self.faults) })
    }

    /// Begins a transaction that reads one consistent state, whatever is written meanwhile. An attempt to
    /// write in it fails.
    ///
    /// # Errors
    /// [`CatalogError::Busy`] if no connection becomes free.
    pub async fn read(&self) -> Result<ReadTx, CatalogError> {
        let begin = match self.dialect {
            Dialect::Sqlite => "BEGIN DEFERRED",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Ok(ReadTx { inner: self.readers.begin_with(begin).await? })
    }

    /// Reads the whole database and counts what is broken in it: 0 is sound. `Quick` leaves out the
    /// comparison of indices with tables. The findings themselves stay inside, as they may quote a row.
    ///
    /// # Errors
    /// [`CatalogError::Corrupt`] if it cannot even be read.
    pub async fn problems(&self, check: Check) -> Result<u64, CatalogError> {
        match self.dialect {
            Dialect::Sqlite => sqlite::problems(&mut *self.read().await?, check).await,
            // PostgreSQL has no such check in SQL: its checksums report on reading.
            Dialect::Postgres => Ok(0),
        }
    }

    /// SQLite: copies everything from the write-ahead log into the file and empties the log, so that what
    /// was deleted is in neither. PostgreSQL: nothing.
    ///
    /// # Errors
    /// [`CatalogError::Busy`] if a reader kept the log in use; it can be repeated.
    pub async fn truncate_log(&self) -> Result<(), CatalogError> {
        if !self.trust.holds() {
            return Err(CatalogError::StoreDistrusted);
        }
        if self.dialect == Dialect::Postgres {
            return Ok(());
        }
        self.faults.before(Step::Truncate).map_err(CatalogError::from_step)?;
        let mut connection = self.writers.acquire().await?;
        let result = sqlite::truncate_log(&mut connection).await;
        if let Err(CatalogError::Disk { .. }) = result {
            self.trust.lose();
        }
        result
    }

    /// Takes the trust away: nothing is written any more until the database is opened anew.
    pub fn distrust(&self) {
        self.trust.lose();
    }

    /// The flag that goes down when a write to disk has failed.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Closes all connections; SQLite empties its write-ahead log. Clones stop working too.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }

    async fn connect(at: &Location, options: Options) -> Result<Self, CatalogError> {
        sqlx::any::install_default_drivers();
        let (dialect, writers, readers) = match at {
            Location::File(path) => {
                let (writers, readers) = sqlite::pools(path, options.page_size).await?;
                (Dialect::Sqlite, writers, readers)
            }
            Location::Postgres(_) => return Err(CatalogError::NoDriver),
        };
        Ok(Self { dialect, writers, readers, trust: Trust::default(), faults: options.faults })
    }
}

/// How much [`Catalog::problems`] looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Pages and rows.
    Quick,
    /// Indices too.
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// A write transaction; use `&mut *tx` as the executor of a query.
#[derive(Debug)]
pub struct WriteTx {
    inner: Transaction<'static, Any>,
    trust: Trust,
    faults: Arc<dyn Faults>,
}

impl WriteTx {
    /// Makes it durable: on `Ok` it survives a power cut.
    ///
    /// # Errors
    /// [`CatalogError::OutcomeUnknown`] if it may or may not have happened: look it up by its id, after a
    /// restart if the store is distrusted. After any other error nothing has happened. Dropping this
    /// future before it is ready leaves the outcome unknown, too.
    pub async fn commit(self) -> Result<(), CatalogError> {
        let committed = match self.faults.before(Step::Commit) {
            Ok(()) => self.inner.commit().await.map_err(CatalogError::from),
            Err(error) => Err(CatalogError::from_step(error)),
        };
        match committed {
            Ok(()) => Ok(()),
            Err(CatalogError::Disk { .. }) => {
                self.trust.lose();
                Err(CatalogError::OutcomeUnknown)
            }
            Err(CatalogError::Unavailable) => Err(CatalogError::OutcomeUnknown),
            Err(other) => Err(other),
        }
    }

    /// Undoes it now rather than when dropped.
    ///
    /// # Errors
    /// Only if the database is gone; nothing of the transaction remains then either.
    pub async fn rollback(self) -> Result<(), CatalogError> {
        Ok(self.inner.rollback().await?)
    }

    pub(crate) fn faults(&self) -> &Arc<dyn Faults> {
        &self.faults
    }
}

impl Deref for WriteTx {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for WriteTx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

/// A read transaction; use `&mut *tx` as the executor of a query. It ends when dropped.
#[derive(Debug)]
pub struct ReadTx {
    inner: Transaction<'static, Any>,
}

impl Deref for ReadTx {
    type Target = AnyConnection;
    fn deref(&self) -> &AnyConnection {
        &self.inner
    }
}

impl DerefMut for ReadTx {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }
}

impl From<SchemaError> for CatalogError {
    fn from(error: SchemaError) -> Self {
        Self::Schema(error)
    }
}
