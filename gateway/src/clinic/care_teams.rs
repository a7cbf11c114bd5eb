//! Whole teams on care teams: whoever is in one treats the patient while they are in it, whenever they came.
//!
//! Kept under the number that they were given for, as people are, and those of a record are those of all of its numbers.

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::care::{self, Changed};
use super::devices::{fixed, operator, optional_millis};
use super::pictures::Handle;
use super::teams::TeamId;
use super::{ClinicError, aliases};
use crate::store::catalog::{Catalog, WriteTx, count, int};

/// Shown at most: the oldest.
const MAX_LISTED: i64 = 200;

/// A team that treats a patient.
#[derive(Debug, Clone)]
pub struct CareTeam {
    /// Whom.
    pub patient: Handle,
    /// Which.
    pub team: TeamId,
    /// Its name on screens.
    pub name: String,
    /// Until when; for good if there is no such time.
    pub until: Option<UnixMillis>,
    /// The colleague who added it.
    pub added_by: OperatorId,
}

const COLUMNS: &str =
    "SELECT care_team.patient, care_team.team, team.name, care_team.until, care_team.added_by FROM care_team
    JOIN team ON team.id = care_team.team";

/// The teams that treat a patient at `now`, by name. One that does by several numbers does for the longest of their terms.
pub async fn of_patient(catalog: &Catalog, patient: &Handle, now: UnixMillis) -> Result<Vec<CareTeam>, ClinicError> {
    let mut tx = catalog.read().await?;
    let handles = aliases::handles(&mut tx, patient).await?;
    let sql = format!(
        "{COLUMNS} WHERE (care_team.until IS NULL OR care_team.until > $1) AND care_team.patient IN ({})
         ORDER BY team.name, care_team.team, care_team.until IS NOT NULL, care_team.until DESC",
        aliases::places(2, handles.len())
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(int(now.0)?);
    let query = aliases::bound(query, &handles);
    let rows = query.fetch_all(&mut *tx).await?;
    let mut teams = rows.iter().map(care_team_of).collect::<Result<Vec<_>, _>>()?;
    teams.dedup_by_key(|one| one.team);
    Ok(teams)
}

/// Additions that the privacy officer is asked about, oldest first.
pub async fn asked(catalog: &Catalog, now: UnixMillis) -> Result<Vec<CareTeam>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!(
        "{COLUMNS} WHERE care_team.review = 'asked' AND (care_team.until IS NULL OR care_team.until > $1)
         ORDER BY care_team.since, care_team.patient, care_team.team LIMIT $2"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(int(now.0)?).bind(MAX_LISTED);
    query.fetch_all(&mut *tx).await?.iter().map(care_team_of).collect()
}

/// How much waits for the privacy officer at `now`: colleagues and teams on care teams of whom somebody was not sure, and people who are new in teams.
pub async fn asked_count(catalog: &Catalog, now: UnixMillis) -> Result<u64, ClinicError> {
    let mut tx = catalog.read().await?;
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM care WHERE review = 'asked' AND (until IS NULL OR until > $1))
             + (SELECT COUNT(*) FROM care_team WHERE review = 'asked' AND (until IS NULL OR until > $2))
             + (SELECT COUNT(*) FROM team_member WHERE review = 'asked') + (SELECT COUNT(*) FROM team_visit)",
    )
    .bind(int(now.0)?)
    .bind(int(now.0)?)
    .fetch_one(&mut *tx)
    .await?;
    Ok(count(row.try_get(0)?)?)
}

/// An addition.
#[derive(Debug)]
pub struct Added<'a> {
    /// To whose care team.
    pub patient: &'a Handle,
    /// Which team.
    pub team: &'a TeamId,
    /// Until when; for good if there is no such time.
    pub until: Option<UnixMillis>,
    /// By whom.
    pub by: &'a OperatorId,
    /// Whether the privacy officer is to look at it.
    pub asks: bool,
}

/// Adds a team that is not dissolved, by somebody who is on the care team.
pub async fn add(tx: &mut WriteTx, added: &Added<'_>, now: UnixMillis) -> Result<Changed, ClinicError> {
    if !care::may_change(tx, added.patient, added.by, now).await? {
        return Ok(Changed::Meanwhile);
    }
    if treats(tx, added.patient, added.team, now).await? {
        return Ok(Changed::Nothing);
    }
    let done = sqlx::query(
        "INSERT INTO care_team (patient, team, since, until, added_by, review)
         SELECT $1, id, $2, $3, $4, $5 FROM team WHERE id = $6 AND dissolved_at IS NULL
         ON CONFLICT (patient, team) DO UPDATE SET since = excluded.since, until = excluded.until,
             added_by = excluded.added_by, review = excluded.review
         WHERE care_team.until IS NOT NULL AND care_team.until <= $7",
    )
    .bind(added.patient.to_vec())
    .bind(int(now.0)?)
    .bind(added.until.map(|until| int(until.0)).transpose()?)
    .bind(added.by.as_str().to_owned())
    .bind(if added.asks { "asked" } else { "" })
    .bind(added.team.to_vec())
    .bind(int(now.0)?)
    .execute(&mut **tx)
    .await?;
    Ok(Changed::of(done.rows_affected()))
}

async fn treats(tx: &mut WriteTx, patient: &Handle, team: &TeamId, now: UnixMillis) -> Result<bool, ClinicError> {
    let handles = aliases::handles(tx, patient).await?;
    let sql = format!(
        "SELECT 1 FROM care_team WHERE team = $1 AND (until IS NULL OR until > $2) AND patient IN ({}) LIMIT 1",
        aliases::places(3, handles.len())
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(team.to_vec()).bind(int(now.0)?);
    let query = aliases::bound(query, &handles);
    Ok(query.fetch_optional(&mut **tx).await?.is_some())
}

/// Whether `by`, who is on the care team, may end what `added_by` has added: what they added themselves, and what nobody could end else.
pub async fn may_end(
    connection: &mut AnyConnection,
    patient: &Handle,
    added_by: &OperatorId,
    by: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    Ok(added_by == by || care::is_gone(connection, patient, added_by, now).await?)
}

/// Ends the places of a team by all of a record's numbers, as far as `by`, who is on the care team, may.
pub async fn end(
    tx: &mut WriteTx,
    patient: &Handle,
    team: &TeamId,
    by: &OperatorId,
    now: UnixMillis,
) -> Result<Changed, ClinicError> {
    if !care::may_change(tx, patient, by, now).await? {
        return Ok(Changed::Meanwhile);
    }
    let handles = aliases::handles(tx, patient).await?;
    let sql =
        format!("{COLUMNS} WHERE care_team.team = $1 AND care_team.patient IN ({})", aliases::places(2, handles.len()));
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(team.to_vec());
    let query = aliases::bound(query, &handles);
    // All of them before the first is ended: whoever added two of them may be on the care team by one.
    let mut ending = Vec::new();
    for row in &query.fetch_all(&mut **tx).await? {
        let place = care_team_of(row)?;
        if may_end(tx, patient, &place.added_by, by, now).await? {
            ending.push(place.patient);
        }
    }
    let mut ended = 0;
    for number in ending {
        let delete = sqlx::query("DELETE FROM care_team WHERE patient = $1 AND team = $2");
        ended += delete.bind(number.to_vec()).bind(team.to_vec()).execute(&mut **tx).await?.rows_affected();
    }
    Ok(Changed::of(ended))
}

/// What was given under a number that is nobody's any more is kept under another: the longer term, where a team has both.
pub(super) async fn renumbered(tx: &mut WriteTx, from: &Handle, to: &Handle) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO care_team (patient, team, since, until, added_by, review)
         SELECT $1, team, since, until, added_by, review FROM care_team WHERE patient = $2
         ON CONFLICT (patient, team) DO UPDATE SET until = excluded.until, added_by = excluded.added_by, review = excluded.review
         WHERE care_team.until IS NOT NULL AND (excluded.until IS NULL OR excluded.until > care_team.until)",
    )
    .bind(to.to_vec())
    .bind(from.to_vec())
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM care_team WHERE patient = $1").bind(from.to_vec()).execute(&mut **tx).await?;
    Ok(())
}

/// Who has added a team about which the privacy officer is asked.
pub async fn asked_by(tx: &mut WriteTx, patient: &Handle, team: &TeamId) -> Result<Option<OperatorId>, ClinicError> {
    let row = sqlx::query("SELECT added_by FROM care_team WHERE patient = $1 AND team = $2 AND review = 'asked'")
        .bind(patient.to_vec())
        .bind(team.to_vec())
        .fetch_optional(&mut **tx)
        .await?;
    row.map(|row| operator(&row, 0)).transpose()
}

/// What the privacy officer has decided about an addition: it stays, or ends. Says whether it was still asked about.
pub async fn review(tx: &mut WriteTx, patient: &Handle, team: &TeamId, stays: bool) -> Result<bool, ClinicError> {
    let sql = if stays {
        "UPDATE care_team SET review = 'confirmed' WHERE patient = $1 AND team = $2 AND review = 'asked'"
    } else {
        "DELETE FROM care_team WHERE patient = $1 AND team = $2 AND review = 'asked'"
    };
    let done = sqlx::query(sql).bind(patient.to_vec()).bind(team.to_vec()).execute(&mut **tx).await?;
    Ok(done.rows_affected() == 1)
}

fn care_team_of(row: &AnyRow) -> Result<CareTeam, ClinicError> {
    let added_by: String = row.try_get(4)?;
    Ok(CareTeam {
        patient: fixed(row, 0)?,
        team: fixed(row, 1)?,
        name: row.try_get(2)?,
        until: optional_millis(row, 3)?,
        added_by: added_by.parse().map_err(|_| ClinicError::CatalogDamaged)?,
    })
}
