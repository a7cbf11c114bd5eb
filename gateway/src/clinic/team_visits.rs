//! Who was in a team that treats patients, and out of it before the privacy officer had looked: they stay on the officer's list until they have been seen.
//!
//! Attacker: an admin who lets somebody in for an hour, and out again before anybody looks.

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::ClinicError;
use super::devices::{fixed, millis};
use super::teams::TeamId;
use crate::store::catalog::{Catalog, WriteTx, int};

/// Shown at most: the oldest.
const MAX_LISTED: i64 = 200;

/// Somebody's time in a team.
#[derive(Debug, Clone)]
pub struct Visit {
    /// In which.
    pub team: TeamId,
    /// Its name on screens, while it stands and after.
    pub team_name: String,
    /// Who.
    pub person: OperatorId,
    /// Their name on screens.
    pub name: String,
    /// Who put them there.
    pub added_by: OperatorId,
    /// From then.
    pub since: UnixMillis,
    /// Until then.
    pub left_at: UnixMillis,
}

/// To be called before a person is taken out of a team.
pub(super) async fn leaves(
    tx: &mut WriteTx,
    team: &TeamId,
    person: &OperatorId,
    now: UnixMillis,
) -> Result<(), ClinicError> {
    let sql = "INSERT INTO team_visit (team, person, since, added_by, left_at)
         SELECT team, person, since, added_by, $1 FROM team_member WHERE team = $2 AND person = $3 AND review = 'asked'
         ON CONFLICT (team, person, since) DO NOTHING";
    let query = sqlx::query(sql).bind(int(now.0)?).bind(team.to_vec()).bind(person.as_str().to_owned());
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Those that the privacy officer has not seen, oldest first.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn unseen(catalog: &Catalog) -> Result<Vec<Visit>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT team_visit.team, team.name, team_visit.person, person.name, team_visit.added_by, team_visit.since, team_visit.left_at
         FROM team_visit JOIN team ON team.id = team_visit.team JOIN person ON person.id = team_visit.person
         ORDER BY team_visit.left_at, team_visit.team, team_visit.person LIMIT $1",
    )
    .bind(MAX_LISTED)
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(visit_of).collect()
}

/// The privacy officer has seen those of a person in a team. Says whether there were any: what is on record of them is for the caller.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn seen(tx: &mut WriteTx, team: &TeamId, person: &OperatorId) -> Result<bool, ClinicError> {
    let sql = "DELETE FROM team_visit WHERE team = $1 AND person = $2";
    let done = sqlx::query(sql).bind(team.to_vec()).bind(person.as_str().to_owned()).execute(&mut **tx).await?;
    Ok(done.rows_affected() > 0)
}

fn visit_of(row: &AnyRow) -> Result<Visit, ClinicError> {
    let id = |text: String| text.parse::<OperatorId>().map_err(|_| ClinicError::CatalogDamaged);
    Ok(Visit {
        team: fixed(row, 0)?,
        team_name: row.try_get(1)?,
        person: id(row.try_get(2)?)?,
        name: row.try_get(3)?,
        added_by: id(row.try_get(4)?)?,
        since: millis(row, 5)?,
        left_at: millis(row, 6)?,
    })
}
