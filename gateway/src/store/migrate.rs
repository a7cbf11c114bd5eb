//! Numbered migrations: how a database's tables come to be what this program expects.

use sha2::{Digest, Sha256};
use sqlx::Row;

use super::catalog::{Catalog, CatalogError, count, int};

/// One step of a database's schema. Each room that owns a database lists its own, in order from 1, and
/// never changes one that has been released.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// From 1, without gaps.
    pub number: u32,
    /// Short and stable: it is what an error names.
    pub name: &'static str,
    /// Statements for SQLite and PostgreSQL alike: TEXT, BIGINT and BYTEA columns only.
    pub sql: &'static str,
}

/// Why a database's schema is not the one that this program expects.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A newer program has been here: an older one could misread what it wrote.
    #[error("the database was written by a newer version (migration {number}, \"{name}\"): use that version")]
    Newer {
        /// The first migration that this program does not know.
        number: u64,
        /// Its name.
        name: String,
    },
    /// The database is another one, or was changed by hand.
    #[error("migration {number} of the database is not \"{expected}\": is this the right database?")]
    Differs {
        /// The first migration that differs.
        number: u64,
        /// What this program calls it.
        expected: &'static str,
    },
    /// The program's own list is out of order: a mistake in the program.
    #[error("the program's list of migrations is not numbered from 1 without gaps")]
    Numbering,
}

/// How many of `migrations` the database has, after comparing all that it says it has.
pub(super) async fn applied(catalog: &Catalog, migrations: &[Migration]) -> Result<usize, CatalogError> {
    let numbered = (1..).zip(migrations).all(|(number, migration)| migration.number == number);
    if !numbered {
        return Err(SchemaError::Numbering.into());
    }
    let mut tx = catalog.write().await?;
    sqlx::raw_sql(TABLE).execute(&mut *tx).await?;
    let rows =
        sqlx::query("SELECT number, name, digest FROM schema_migration ORDER BY number").fetch_all(&mut *tx).await?;
    tx.commit().await?;
    for (at, row) in rows.iter().enumerate() {
        let number = count(row.try_get(0)?)?;
        let (name, digest): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        let Some(expected) = migrations.get(at) else {
            return Err(SchemaError::Newer { number, name }.into());
        };
        if number != u64::from(expected.number) || name != expected.name || digest != text_digest(expected) {
            return Err(SchemaError::Differs { number, expected: expected.name }.into());
        }
    }
    Ok(rows.len())
}

/// Applies what is missing, each migration in a transaction of its own together with its row, so that a
/// crash leaves the schema before it or after it. Another process may be doing the same: the row decides.
pub(super) async fn apply(catalog: &Catalog, migrations: &[Migration], from: usize) -> Result<(), CatalogError> {
    for migration in migrations.iter().skip(from) {
        let mut tx = catalog.write().await?;
        let done = sqlx::query("SELECT 1 FROM schema_migration WHERE number = $1")
            .bind(i64::from(migration.number))
            .fetch_optional(&mut *tx)
            .await?;
        if done.is_some() {
            tx.rollback().await?;
            continue;
        }
        sqlx::raw_sql(migration.sql).execute(&mut *tx).await?;
        sqlx::query("INSERT INTO schema_migration (number, name, digest) VALUES ($1, $2, $3)")
            .bind(int(u64::from(migration.number))?)
            .bind(migration.name)
            .bind(text_digest(migration))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
    }
    Ok(())
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    number BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    digest TEXT NOT NULL
)";

fn text_digest(migration: &Migration) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(migration.sql.as_bytes()))
}
