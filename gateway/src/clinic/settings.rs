//! Single values of the clinic's catalog, by name.

use sqlx::Row;

use super::ClinicError;
use crate::store::catalog::WriteTx;

/// A value.
pub(super) async fn get(connection: &mut sqlx::AnyConnection, name: &str) -> Result<Option<Vec<u8>>, ClinicError> {
    let row = sqlx::query("SELECT value FROM setting WHERE name = $1")
        .bind(name.to_owned())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// A value that is a number.
pub(crate) async fn number(connection: &mut sqlx::AnyConnection, name: &str) -> Result<Option<u64>, ClinicError> {
    let Some(value) = get(connection, name).await? else { return Ok(None) };
    value.try_into().map(|bytes| Some(u64::from_be_bytes(bytes))).map_err(|_| ClinicError::CatalogDamaged)
}

/// Sets one.
pub(super) async fn set(tx: &mut WriteTx, name: &str, value: Vec<u8>) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name.to_owned())
    .bind(value)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes one.
pub(super) async fn remove(tx: &mut WriteTx, name: &str) -> Result<(), ClinicError> {
    sqlx::query("DELETE FROM setting WHERE name = $1").bind(name.to_owned()).execute(&mut **tx).await?;
    Ok(())
}

/// Sets one that is a number.
pub(crate) async fn set_number(tx: &mut WriteTx, name: &str, value: u64) -> Result<(), ClinicError> {
    set(tx, name, value.to_be_bytes().to_vec()).await
}
