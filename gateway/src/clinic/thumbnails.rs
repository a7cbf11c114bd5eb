//! Sealed thumbnails, in a table of their own: whoever lists pictures asks whether there is one, and does not read it.

use safelight_core::ids::CaptureId;
use sqlx::Row;

use super::ClinicError;
use crate::store::catalog::{Catalog, WriteTx};

/// Keeps the payload of a picture's thumbnail; a picture that is judged again has another.
pub(super) async fn keep(tx: &mut WriteTx, capture: CaptureId, payload: &[u8]) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO thumbnail (capture, payload) VALUES ($1, $2) ON CONFLICT (capture) DO UPDATE SET payload = excluded.payload",
    )
    .bind(capture.as_bytes().to_vec())
    .bind(payload.to_vec())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// That payload, if the picture has a thumbnail.
pub(super) async fn find(catalog: &Catalog, capture: CaptureId) -> Result<Option<Vec<u8>>, ClinicError> {
    let mut tx = catalog.read().await?;
    let row = sqlx::query("SELECT payload FROM thumbnail WHERE capture = $1")
        .bind(capture.as_bytes().to_vec())
        .fetch_optional(&mut *tx)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
