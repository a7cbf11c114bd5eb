//! Who is logged in: server-side, so that a session ends when the clinic says so and not when a browser does.
//!
//! A browser holds 256 random bits in a cookie; the catalog holds their SHA-256, so that whoever reads the catalog has nobody's session.

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::ClinicError;
use super::devices::{fixed, millis};
use crate::store::catalog::{Catalog, WriteTx, int};

/// SHA-256 of what the cookie holds.
pub type SessionId = [u8; 32];

/// A session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whose it is.
    pub person: OperatorId,
    /// When it began.
    pub created_at: UnixMillis,
    /// When it was last used, to about a minute.
    pub seen_at: UnixMillis,
}

const COLUMNS: &str = "SELECT id, person, created_at, seen_at FROM session";

/// Begins one.
pub async fn begin(tx: &mut WriteTx, id: &SessionId, person: &OperatorId, now: UnixMillis) -> Result<(), ClinicError> {
    sqlx::query("INSERT INTO session (id, person, created_at, seen_at) VALUES ($1, $2, $3, $4)")
        .bind(id.to_vec())
        .bind(person.as_str().to_owned())
        .bind(int(now.0)?)
        .bind(int(now.0)?)
        .execute(&mut **tx)
        .await?;
    sqlx::query("UPDATE person SET logged_in_at = $1 WHERE id = $2")
        .bind(int(now.0)?)
        .bind(person.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// One session.
pub async fn find(catalog: &Catalog, id: &SessionId) -> Result<Option<Session>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_vec()).fetch_optional(&mut *tx).await?;
    row.as_ref().map(session_of).transpose()
}

/// All of a person, the one that was used last first.
pub async fn of_person(catalog: &Catalog, person: &OperatorId) -> Result<Vec<Session>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE person = $1 ORDER BY seen_at DESC, id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).fetch_all(&mut *tx).await?;
    rows.iter().map(session_of).collect()
}

/// It was used at `now`.
pub async fn seen(tx: &mut WriteTx, id: &SessionId, now: UnixMillis) -> Result<(), ClinicError> {
    sqlx::query("UPDATE session SET seen_at = $1 WHERE id = $2")
        .bind(int(now.0)?)
        .bind(id.to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Ends one. Says whether there was one.
pub async fn end(tx: &mut WriteTx, id: &SessionId) -> Result<bool, ClinicError> {
    let done = sqlx::query("DELETE FROM session WHERE id = $1").bind(id.to_vec()).execute(&mut **tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all of a person, and says how many there were.
pub async fn end_all(tx: &mut WriteTx, person: &OperatorId) -> Result<u64, ClinicError> {
    let done = sqlx::query("DELETE FROM session WHERE person = $1")
        .bind(person.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected())
}

/// Removes those that began before `began` or were last used before `used`: nobody could use them any more.
pub async fn sweep(tx: &mut WriteTx, began: UnixMillis, used: UnixMillis) -> Result<u64, ClinicError> {
    let done = sqlx::query("DELETE FROM session WHERE created_at < $1 OR seen_at < $2")
        .bind(int(began.0)?)
        .bind(int(used.0)?)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected())
}

fn session_of(row: &AnyRow) -> Result<Session, ClinicError> {
    let person: String = row.try_get(1)?;
    Ok(Session {
        id: fixed(row, 0)?,
        person: person.parse().map_err(|_| ClinicError::CatalogDamaged)?,
        created_at: millis(row, 2)?,
        seen_at: millis(row, 3)?,
    })
}
