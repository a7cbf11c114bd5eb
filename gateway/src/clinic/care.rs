//! Who treats whom: the care team of a patient. A capture puts its author on it; members may add colleagues, and whole teams ([`super::care_teams`]).
//!
//! Whoever treats somebody does so by a row of their own or through a team that they are in now: [`TREATING`] is the one place that knows both ways, and what
//! decides here reads it and nothing else.

use std::collections::HashSet;

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::Row;

use super::ClinicError;
use super::devices::{fixed, optional_millis};
use super::pictures::Handle;
use crate::store::catalog::{Catalog, WriteTx, int};

/// Everybody who treats somebody, and until when, once for each way.
const TREATING: &str =
    "(SELECT patient, person, until FROM care UNION ALL SELECT care_team.patient, team_member.person, care_team.until
    FROM team_member JOIN care_team ON care_team.team = team_member.team) AS treating";

/// Whether `person` is on the patient's team at `now`.
pub async fn is_on(
    catalog: &Catalog,
    patient: &Handle,
    person: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!(
        "SELECT 1 FROM {TREATING} WHERE patient = $1 AND person = $2 AND (until IS NULL OR until > $3) LIMIT 1"
    );
    let query =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(patient.to_vec()).bind(person.as_str().to_owned()).bind(int(now.0)?);
    Ok(query.fetch_optional(&mut *tx).await?.is_some())
}

/// Until when somebody is on a patient's team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    /// They are not.
    Not,
    /// Until then.
    Until(UnixMillis),
    /// For good.
    ForGood,
}

/// Until when `person` is on the patient's team, whichever way lasts longest.
pub async fn stay(
    tx: &mut WriteTx,
    patient: &Handle,
    person: &OperatorId,
    now: UnixMillis,
) -> Result<Stay, ClinicError> {
    let sql = format!(
        "SELECT until FROM {TREATING} WHERE patient = $1 AND person = $2 AND (until IS NULL OR until > $3)
         ORDER BY until IS NOT NULL, until DESC LIMIT 1"
    );
    let query =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(patient.to_vec()).bind(person.as_str().to_owned()).bind(int(now.0)?);
    let Some(row) = query.fetch_optional(&mut **tx).await? else { return Ok(Stay::Not) };
    Ok(optional_millis(&row, 0)?.map_or(Stay::ForGood, Stay::Until))
}

/// The patients whose team `person` is on at `now`, if they are no more than `limit`.
pub async fn few_patients_of(
    catalog: &Catalog,
    person: &OperatorId,
    now: UnixMillis,
    limit: u32,
) -> Result<Option<Vec<Handle>>, ClinicError> {
    let mut tx = catalog.read().await?;
    // Whoever treats somebody in two ways treats them once.
    let sql =
        format!("SELECT DISTINCT patient FROM {TREATING} WHERE person = $1 AND (until IS NULL OR until > $2) LIMIT $3");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
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
        "SELECT patient FROM {TREATING} WHERE person = $1 AND (until IS NULL OR until > $2) AND patient IN ({})",
        places.join(", ")
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).bind(int(now.0)?);
    for patient in patients {
        query = query.bind(patient.to_vec());
    }
    query.fetch_all(&mut *tx).await?.iter().map(|row| fixed(row, 0)).collect()
}

/// Somebody on a team.
#[derive(Debug, Clone)]
pub struct Member {
    /// Whose team.
    pub patient: Handle,
    /// Who.
    pub person: OperatorId,
    /// Until when; for good if there is no such time.
    pub until: Option<UnixMillis>,
    /// The colleague who added them; none for whoever took a picture.
    pub added_by: Option<OperatorId>,
}

const COLUMNS: &str = "SELECT patient, person, until, added_by FROM care";

/// Shown at most: the oldest.
const MAX_LISTED: i64 = 200;

/// Who is on a patient's team at `now` by themselves. Whole teams: [`super::care_teams::of_patient`].
pub async fn team_of(catalog: &Catalog, patient: &Handle, now: UnixMillis) -> Result<Vec<Member>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE patient = $1 AND (until IS NULL OR until > $2) ORDER BY person");
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(patient.to_vec()).bind(int(now.0)?).fetch_all(&mut *tx).await?;
    rows.iter().map(member_of).collect()
}

/// Additions that the privacy officer is asked about, oldest first.
pub async fn asked(catalog: &Catalog, now: UnixMillis) -> Result<Vec<Member>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!(
        "{COLUMNS} WHERE review = 'asked' AND (until IS NULL OR until > $1) ORDER BY since, patient, person LIMIT $2"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(int(now.0)?).bind(MAX_LISTED).fetch_all(&mut *tx).await?;
    rows.iter().map(member_of).collect()
}

/// Adds a colleague until a time or for good, and says whether they are new. With `ask` the privacy officer is to look at it.
pub async fn add(tx: &mut WriteTx, member: &Member, ask: bool, now: UnixMillis) -> Result<bool, ClinicError> {
    let until = member.until.map(|until| int(until.0)).transpose()?;
    let done = sqlx::query(
        "INSERT INTO care (patient, person, since, until, added_by, review) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (patient, person) DO UPDATE SET since = excluded.since, until = excluded.until,
             added_by = excluded.added_by, review = excluded.review
         WHERE care.until IS NOT NULL AND care.until <= $7",
    )
    .bind(member.patient.to_vec())
    .bind(member.person.as_str().to_owned())
    .bind(int(now.0)?)
    .bind(until)
    .bind(member.added_by.as_ref().map_or("", OperatorId::as_str).to_owned())
    .bind(if ask { "asked" } else { "" })
    .bind(int(now.0)?)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends the membership of somebody whom `by` has added. Says whether there was one.
pub async fn end(
    tx: &mut WriteTx,
    patient: &Handle,
    person: &OperatorId,
    by: &OperatorId,
) -> Result<bool, ClinicError> {
    let done = sqlx::query("DELETE FROM care WHERE patient = $1 AND person = $2 AND added_by = $3")
        .bind(patient.to_vec())
        .bind(person.as_str().to_owned())
        .bind(by.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// What the privacy officer has decided about an addition: it stays, or ends. Says whether it was still asked about.
pub async fn review(tx: &mut WriteTx, patient: &Handle, person: &OperatorId, stays: bool) -> Result<bool, ClinicError> {
    let sql = if stays {
        "UPDATE care SET review = 'confirmed' WHERE patient = $1 AND person = $2 AND review = 'asked'"
    } else {
        "DELETE FROM care WHERE patient = $1 AND person = $2 AND review = 'asked'"
    };
    let done = sqlx::query(sql).bind(patient.to_vec()).bind(person.as_str().to_owned()).execute(&mut **tx).await?;
    Ok(done.rows_affected() == 1)
}

fn member_of(row: &sqlx::any::AnyRow) -> Result<Member, ClinicError> {
    let id = |text: String| text.parse::<OperatorId>().map_err(|_| ClinicError::CatalogDamaged);
    let added_by: String = row.try_get(3)?;
    Ok(Member {
        patient: fixed(row, 0)?,
        person: id(row.try_get(1)?)?,
        until: optional_millis(row, 2)?,
        added_by: Some(added_by).filter(|by| !by.is_empty()).map(id).transpose()?,
    })
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

/// Whoever took a picture of the patient, if they are a person of this clinic: a manifest may name anybody. Whoever was there by a colleague is
/// there by themselves from now on. Says whether anything has changed.
pub async fn joined(tx: &mut WriteTx, patient: &Handle, author: &str, now: UnixMillis) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "INSERT INTO care (patient, person, since) SELECT $1, id, $2 FROM person WHERE id = $3
         ON CONFLICT (patient, person) DO UPDATE SET until = NULL, added_by = '', review = '' WHERE care.added_by <> ''",
    )
    .bind(patient.to_vec())
    .bind(int(now.0)?)
    .bind(author.to_owned())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}
