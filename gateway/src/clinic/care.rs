//! Who treats whom: the care team of a patient. A capture puts its author on it; members may add colleagues.

use std::collections::HashSet;

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::Row;

use super::ClinicError;
use super::devices::fixed;
use super::pictures::Handle;
use crate::store::catalog::{Catalog, WriteTx, int};

/// Whether `person` is on the patient's team at `now`.
pub async fn is_on(
    catalog: &Catalog,
    patient: &Handle,
    person: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let mut tx = catalog.read().await?;
    let row = sqlx::query("SELECT 1 FROM care WHERE patient = $1 AND person = $2 AND (until IS NULL OR until > $3)")
        .bind(patient.to_vec())
        .bind(person.as_str().to_owned())
        .bind(int(now.0)?)
        .fetch_optional(&mut *tx)
        .await?;
    Ok(row.is_some())
}

/// The patients whose team `person` is on at `now`, if they are no more than `limit`.
pub async fn few_patients_of(
    catalog: &Catalog,
    person: &OperatorId,
    now: UnixMillis,
    limit: u32,
) -> Result<Option<Vec<Handle>>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query("SELECT patient FROM care WHERE person = $1 AND (until IS NULL OR until > $2) LIMIT $3")
        .bind(person.as_str().to_owned())
        .bind(int(now.0)?)
        .bind(i64::from(limit).saturating_add(1))
        .fetch_all(&mut *tx)
        .await?;
    if rows.len() > usize::try_from(limit).unwrap_or(usize::MAX) {
        return Ok(None);
    }
    rows.iter().map(|row| fixed(row, 0)).collect::<Result<_, _>>().map(Some)
}

/// Those of `patients` whose team `person` is on at `now`.
pub async fn among(
    catalog: &Catalog,
    patients: &[Handle],
    person: &OperatorId,
    now: UnixMillis,
) -> Result<HashSet<Handle>, ClinicError> {
    let mut tx = catalog.read().await?;
    let places: Vec<String> = (3..).take(patients.len()).map(|place| format!("${place}")).collect();
    let sql = format!(
        "SELECT patient FROM care WHERE person = $1 AND (until IS NULL OR until > $2) AND patient IN ({})",
        places.join(", ")
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).bind(int(now.0)?);
    for patient in patients {
        query = query.bind(patient.to_vec());
    }
    query.fetch_all(&mut *tx).await?.iter().map(|row| fixed(row, 0)).collect()
}

/// Who is on a patient's team at `now`.
pub async fn team_of(catalog: &Catalog, patient: &Handle, now: UnixMillis) -> Result<Vec<OperatorId>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows =
        sqlx::query("SELECT person FROM care WHERE patient = $1 AND (until IS NULL OR until > $2) ORDER BY person")
            .bind(patient.to_vec())
            .bind(int(now.0)?)
            .fetch_all(&mut *tx)
            .await?;
    let person = |row: &sqlx::any::AnyRow| {
        let id: String = row.try_get(0)?;
        id.parse().map_err(|_| ClinicError::CatalogDamaged)
    };
    rows.iter().map(person).collect()
}

/// Ends an author's membership that pictures alone have brought, once no picture of theirs is left with the patient. Says whether it did.
pub async fn left(tx: &mut WriteTx, patient: &Handle, author: &OperatorId) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "DELETE FROM care WHERE patient = $1 AND person = $2 AND added_by = ''
         AND NOT EXISTS (SELECT 1 FROM picture WHERE operator = $3 AND patient = $4 AND reason <> 'withdrawn')",
    )
    .bind(patient.to_vec())
    .bind(author.as_str().to_owned())
    .bind(author.as_str().to_owned())
    .bind(patient.to_vec())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whoever took a picture of the patient, if they are a person of this clinic: a manifest may name anybody. Says whether they are new on the team.
pub async fn joined(tx: &mut WriteTx, patient: &Handle, author: &str, now: UnixMillis) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "INSERT INTO care (patient, person, since) SELECT $1, id, $2 FROM person WHERE id = $3
         ON CONFLICT (patient, person) DO NOTHING",
    )
    .bind(patient.to_vec())
    .bind(int(now.0)?)
    .bind(author.to_owned())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
