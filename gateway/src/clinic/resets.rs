//! That an admin has made a code with which somebody's account can be set up anew: they are told of it until they say that they have read it.

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::Row;

use super::ClinicError;
use super::devices::millis;
use crate::store::catalog::{Catalog, WriteTx, int};

/// Who did it, and when.
#[derive(Debug, Clone)]
pub struct Reset {
    /// The admin.
    pub by: OperatorId,
    /// When.
    pub at: UnixMillis,
}

/// It was done; of several the last is told.
///
/// # Errors
/// [`ClinicError`] of the catalog.
pub async fn note(tx: &mut WriteTx, person: &OperatorId, by: &OperatorId, now: UnixMillis) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO account_reset (person, reset_by, reset_at) VALUES ($1, $2, $3)
         ON CONFLICT (person) DO UPDATE SET reset_by = excluded.reset_by, reset_at = excluded.reset_at",
    )
    .bind(person.as_str().to_owned())
    .bind(by.as_str().to_owned())
    .bind(int(now.0)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a person has not read yet.
///
/// # Errors
/// [`ClinicError`] of the catalog.
pub async fn of(catalog: &Catalog, person: &OperatorId) -> Result<Option<Reset>, ClinicError> {
    let mut tx = catalog.read().await?;
    let row = sqlx::query("SELECT reset_by, reset_at FROM account_reset WHERE person = $1")
        .bind(person.as_str().to_owned())
        .fetch_optional(&mut *tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let by: String = row.try_get(0)?;
    Ok(Some(Reset { by: by.parse().map_err(|_| ClinicError::CatalogDamaged)?, at: millis(&row, 1)? }))
}

/// They have read it. Says whether there was something.
///
/// # Errors
/// [`ClinicError`] of the catalog.
pub async fn read(tx: &mut WriteTx, person: &OperatorId) -> Result<bool, ClinicError> {
    let done = sqlx::query("DELETE FROM account_reset WHERE person = $1")
        .bind(person.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}
