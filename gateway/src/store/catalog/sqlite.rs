//! What SQLite needs and PostgreSQL does not: a file of the right mode, pragmas, checkpoints.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection, Row};

use super::{CatalogError, Check};
use crate::owner;

/// SQLite's own default.
pub(super) const PAGE_SIZE: u32 = 4096;

/// How long a writer waits for one in another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long anybody waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// Each connection has a thread of its own, so there are few.
const READERS: u32 = 4;

/// The database, its write-ahead log and its index take the mode of this file.
const FILE_MODE: u32 = 0o600;

/// Makes the file, empty and durable, unless it is there.
pub(super) fn create_file(path: &Path) -> Result<(), CatalogError> {
    let file = owner::open_or_create(path, FILE_MODE, OpenOptions::new().append(true)).map_err(CatalogError::File)?;
    restrict(&file)
        .and_then(|()| file.sync_all())
        .and_then(|()| File::open(owner::folder_of(path)).and_then(|folder| folder.sync_all()))
        .map_err(CatalogError::File)
}

/// Refuses a file that is not there or empty, or something else than a file, and closes it to others if it is open to them. Nothing is
/// followed: where root works on a database of ingest's, whoever has ingest's user could otherwise point root at any file.
pub(super) fn check_file(path: &Path) -> Result<(), CatalogError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(CatalogError::Missing),
        Err(error) => return Err(CatalogError::File(error)),
    };
    let metadata = file.metadata().map_err(CatalogError::File)?;
    if metadata.len() == 0 || !metadata.is_file() {
        return Err(CatalogError::Missing);
    }
    restrict(&file).map_err(CatalogError::File)
}

/// One connection to write with and a few that cannot write. A single writer means that writers in this
/// process queue in order instead of polling for SQLite's lock.
pub(super) async fn pools(path: &Path, page_size: u32) -> Result<(AnyPool, AnyPool), CatalogError> {
    let options = connect_options(path)?;
    // A pool would try again and again and at last say "busy", whatever the reason.
    let mut first = AnyConnection::connect_with(&options).await?;
    sqlx::raw_sql(AssertSqlSafe(settings(page_size, false))).execute(&mut first).await?;
    check_settings(&mut first).await?;
    first.close().await?;
    let writers = pool(1, settings(page_size, false)).connect_with(options.clone()).await?;
    let readers = pool(READERS, settings(page_size, true)).connect_lazy_with(options);
    Ok((writers, readers))
}

/// See [`super::Catalog::problems`].
pub(super) async fn problems(connection: &mut AnyConnection, check: Check) -> Result<u64, CatalogError> {
    let check = match check {
        Check::Quick => "PRAGMA quick_check(100)",
        Check::Full => "PRAGMA integrity_check(100)",
    };
    let mut problems = 0_u64;
    for row in sqlx::query(check).fetch_all(&mut *connection).await? {
        problems += u64::from(row.try_get::<String, _>(0)? != "ok");
    }
    let orphans = sqlx::query("SELECT COUNT(*) FROM pragma_foreign_key_check").fetch_one(connection).await?;
    Ok(problems.saturating_add(super::count(orphans.try_get(0)?)?))
}

/// See [`super::Catalog::truncate_log`].
pub(super) async fn truncate_log(connection: &mut AnyConnection) -> Result<(), CatalogError> {
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await?;
    if row.try_get::<i64, _>(0)? == 0 { Ok(()) } else { Err(CatalogError::Busy) }
}

fn pool(size: u32, settings: String) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let settings = settings.clone();
            Box::pin(async move {
                sqlx::raw_sql(AssertSqlSafe(settings)).execute(connection).await?;
                Ok(())
            })
        })
}

/// `temp_store` keeps statement journals, which hold copies of rows, out of /tmp; `trusted_schema` keeps a
/// doctored file from running functions; `page_size` comes first, before anything makes a page.
fn settings(page_size: u32, read_only: bool) -> String {
    let busy = BUSY_TIMEOUT.as_millis();
    let query_only = if read_only { "ON" } else { "OFF" };
    format!(
        "PRAGMA page_size = {page_size}; PRAGMA busy_timeout = {busy}; PRAGMA journal_mode = WAL; \
         PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; \
         PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; \
         PRAGMA query_only = {query_only};"
    )
}

/// A pragma that is misspelt or not possible is ignored by SQLite: ask for the ones that durability and
/// deletion rest on.
async fn check_settings(connection: &mut AnyConnection) -> Result<(), CatalogError> {
    let journal: String = sqlx::query("PRAGMA journal_mode").fetch_one(&mut *connection).await?.try_get(0)?;
    if journal != "wal" {
        return Err(CatalogError::Setting("journal_mode"));
    }
    for (name, sql, wanted) in [
        ("synchronous", "PRAGMA synchronous", 2_i64),
        ("secure_delete", "PRAGMA secure_delete", 1),
        ("foreign_keys", "PRAGMA foreign_keys", 1),
    ] {
        let value: i64 = sqlx::query(sql).fetch_one(&mut *connection).await?.try_get(0)?;
        if value != wanted {
            return Err(CatalogError::Setting(name));
        }
    }
    Ok(())
}

/// sqlx takes the path as an address: every byte that could mean something there is escaped.
fn connect_options(path: &Path) -> Result<AnyConnectOptions, CatalogError> {
    // Without `..`, which an address would resolve without asking the file system. The file is there.
    let path = std::fs::canonicalize(path).map_err(CatalogError::File)?;
    let mut address = String::from("sqlite://");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' => {
                address.push(char::from(*byte));
            }
            // Writing to a String cannot fail.
            other => {
                let _ = write!(address, "%{other:02X}");
            }
        }
    }
    address.push_str("?mode=rw");
    Ok(address.parse::<AnyConnectOptions>()?.disable_statement_logging())
}

fn restrict(file: &File) -> io::Result<()> {
    let metadata = file.metadata()?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    if own && metadata.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    }
    Ok(())
}
