//! What can go wrong with a catalog, without the database's own words: they may quote a value.

use std::io;

use sqlx::error::ErrorKind;

use crate::store::migrate::SchemaError;

/// Why a catalog did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no database, or an empty one where one was expected.
    #[error("there is no database here: run `safelight init`, or restore a backup")]
    Missing,
    /// There is a database already.
    #[error("there is a database here already")]
    Exists,
    /// The file or its folder cannot be used.
    #[error("the database file cannot be opened")]
    File(#[source] io::Error),
    /// This build speaks to SQLite alone.
    #[error("this build has no driver for that kind of database")]
    NoDriver,
    /// A durability setting did not take.
    #[error("the database refused the setting {0}")]
    Setting(&'static str),
    /// The tables are not the expected ones.
    #[error(transparent)]
    Schema(SchemaError),
    /// Others hold it for too long. Nothing happened; try again.
    #[error("the database is busy: try again")]
    Busy,
    /// A concurrent transaction got in the way. Nothing happened; try again.
    #[error("another transaction got in the way: try again")]
    Serialization,
    /// The disk is full. Nothing happened.
    #[error("the disk is full")]
    Full,
    /// The disk, or the file, is read-only.
    #[error("the database is read-only")]
    ReadOnly,
    /// A row with this key exists already.
    #[error("a row with this key exists already")]
    Duplicate,
    /// A rule of the schema is violated.
    #[error("a rule of the database is violated")]
    Constraint,
    /// A row that must be there is not.
    #[error("no such row")]
    NotFound,
    /// The file is damaged.
    #[error("the database is damaged: stop, and restore a backup")]
    Corrupt,
    /// The disk failed.
    #[error("the disk failed (code {code})")]
    Disk {
        /// The database's or the operating system's error number.
        code: i64,
    },
    /// The database cannot be reached.
    #[error("the database cannot be reached")]
    Unavailable,
    /// The commit may or may not have happened.
    #[error("the commit was cut off: whether it happened shows after a restart")]
    OutcomeUnknown,
    /// An earlier write did not reach the disk.
    #[error("an earlier write did not reach the disk: nothing is accepted until a restart")]
    StoreDistrusted,
    /// A number does not fit a column, or a column holds a number that none of ours would be.
    #[error("a number is out of range")]
    OutOfRange,
    /// A column does not hold what the program put there.
    #[error("a row does not have the expected form")]
    Malformed,
    /// Anything else, by the database's code alone.
    #[error("the database refused (code {0})")]
    Other(String),
}

/// A `u64` for a BIGINT column.
///
/// # Errors
/// [`CatalogError::OutOfRange`] above `i64::MAX`.
pub fn int(value: u64) -> Result<i64, CatalogError> {
    i64::try_from(value).map_err(|_| CatalogError::OutOfRange)
}

/// A BIGINT column as the `u64` that it was.
///
/// # Errors
/// [`CatalogError::OutOfRange`] below 0.
pub fn count(value: i64) -> Result<u64, CatalogError> {
    u64::try_from(value).map_err(|_| CatalogError::OutOfRange)
}

impl CatalogError {
    /// What the operating system said at a named step.
    pub(crate) fn from_step(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Disk { code: i64::from(error.raw_os_error().unwrap_or(0)) },
        }
    }
}

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default().into_owned();
                match error.kind() {
                    ErrorKind::UniqueViolation => Self::Duplicate,
                    ErrorKind::ForeignKeyViolation | ErrorKind::NotNullViolation | ErrorKind::CheckViolation => {
                        Self::Constraint
                    }
                    _ => Self::from_code(code),
                }
            }
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable,
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. } => Self::Malformed,
            _ => Self::Other("driver".to_owned()),
        }
    }
}

impl CatalogError {
    /// SQLite's numbers have at most four digits (sqlite.org/rescode.html, the low byte is the class);
    /// a SQLSTATE has five characters (PostgreSQL, appendix A).
    fn from_code(code: String) -> Self {
        if code.len() >= 5 {
            return match code.as_str() {
                "40001" | "40P01" => Self::Serialization,
                "53100" => Self::Full,
                "25006" => Self::ReadOnly,
                "55P03" => Self::Busy,
                "XX001" | "XX002" => Self::Corrupt,
                "58030" => Self::Disk { code: 58030 },
                state if state.starts_with("08") || state.starts_with("57P") => Self::Unavailable,
                _ => Self::Other(code),
            };
        }
        let Ok(number) = code.parse::<i64>() else {
            return Self::Other(code);
        };
        match number & 0xff {
            5 | 6 => Self::Busy,
            8 => Self::ReadOnly,
            10 => Self::Disk { code: number },
            11 | 26 => Self::Corrupt,
            13 => Self::Full,
            14 => Self::Unavailable,
            _ => Self::Other(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_fall_into_their_classes() {
        let class = |code: &str| CatalogError::from_code(code.to_owned());
        assert!(matches!(class("1034"), CatalogError::Disk { code: 1034 }), "SQLITE_IOERR_FSYNC");
        assert!(matches!(class("517"), CatalogError::Busy), "SQLITE_BUSY_SNAPSHOT");
        assert!(matches!(class("13"), CatalogError::Full));
        assert!(matches!(class("779"), CatalogError::Corrupt), "SQLITE_CORRUPT_INDEX");
        assert!(matches!(class("26"), CatalogError::Corrupt), "SQLITE_NOTADB");
        assert!(matches!(class("40001"), CatalogError::Serialization));
        assert!(matches!(class("08006"), CatalogError::Unavailable));
        assert!(matches!(class("42601"), CatalogError::Other(_)));
    }

    #[test]
    fn numbers_that_a_column_cannot_hold_are_refused() {
        assert_eq!(count(int(u64::from(u32::MAX)).unwrap()).unwrap(), u64::from(u32::MAX));
        assert!(matches!(int(1 << 63), Err(CatalogError::OutOfRange)));
        assert!(matches!(count(-1), Err(CatalogError::OutOfRange)));
    }
}
