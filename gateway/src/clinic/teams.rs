//! Named teams of the clinic, such as a wound care service: who is in them, and who put them there. Whom a team treats is in [`care_teams`](super::care_teams).
//!
//! Attacker: an admin, or somebody at an admin's screen, who fills a team that treats patients. Clinicians alone can be in one; whoever loses the role or is
//! shut out is out of all, and does not come back with the role; an addition that reaches patients waits for the privacy officer, also when it is over.

use std::collections::HashMap;

use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::ClinicError;
use super::devices::{fixed, millis, operator};
use super::people::{self, Role};
use super::team_visits;
use crate::store::catalog::{Catalog, WriteTx, count, int};

/// A team's name in the catalog, the log and addresses: random.
pub type TeamId = [u8; 16];

/// Teams at a time.
pub const MAX_TEAMS: usize = 200;

/// People in one of them.
pub const MAX_MEMBERS: u64 = 500;

/// Additions shown at most to the privacy officer: the oldest.
const MAX_LISTED: i64 = 200;

/// A team.
#[derive(Debug, Clone)]
pub struct Team {
    /// Its name in addresses.
    pub id: TeamId,
    /// Its name on screens.
    pub name: String,
    /// How many are in it.
    pub members: u64,
    /// How many patients it treats.
    pub patients: u64,
}

/// Somebody in a team.
#[derive(Debug, Clone)]
pub struct Member {
    /// Who.
    pub person: OperatorId,
    /// Their name on screens.
    pub name: String,
    /// Since when.
    pub since: UnixMillis,
    /// Who put them there.
    pub added_by: OperatorId,
}

/// An addition that the privacy officer is to look at.
#[derive(Debug, Clone)]
pub struct Addition {
    /// To which team.
    pub team: TeamId,
    /// Its name on screens.
    pub team_name: String,
    /// How many patients it treats.
    pub patients: u64,
    /// Who.
    pub member: Member,
}

/// What came of a name for a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Named {
    /// The team of this id has it.
    Done(TeamId),
    /// Another one has it.
    Exists,
    /// There are [`MAX_TEAMS`].
    TooMany,
    /// There is no such team.
    NoTeam,
}

/// What came of an addition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Joined {
    /// They are in it. With `asks` the team treats patients, and the privacy officer is asked.
    Done {
        /// Whether the privacy officer is asked.
        asks: bool,
    },
    /// They were.
    Already,
    /// There are [`MAX_MEMBERS`].
    Full,
    /// There is no active clinician of this id.
    NoClinician,
    /// There is no such team.
    NoTeam,
}

const COLUMNS: &str = "SELECT team.id, team.name, (SELECT COUNT(*) FROM team_member WHERE team_member.team = team.id),
    (SELECT COUNT(*) FROM care_team WHERE care_team.team = team.id AND (care_team.until IS NULL OR care_team.until > $1)) FROM team";

/// Every team, by name.
pub async fn list(catalog: &Catalog, now: UnixMillis) -> Result<Vec<Team>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE team.dissolved_at IS NULL ORDER BY team.name, team.id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(int(now.0)?).fetch_all(&mut *tx).await?;
    rows.iter().map(team_of).collect()
}

/// One of them.
pub async fn find(catalog: &Catalog, id: &TeamId, now: UnixMillis) -> Result<Option<Team>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE team.id = $2 AND team.dissolved_at IS NULL");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(int(now.0)?).bind(id.to_vec());
    query.fetch_optional(&mut *tx).await?.as_ref().map(team_of).transpose()
}

/// The names of all that there are or were: the log names them for good.
pub async fn names(catalog: &Catalog) -> Result<HashMap<TeamId, String>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query("SELECT id, name FROM team").fetch_all(&mut *tx).await?;
    rows.iter().map(|row| Ok((fixed(row, 0)?, row.try_get(1)?))).collect()
}

/// Who is in a team, by id.
pub async fn members(catalog: &Catalog, id: &TeamId) -> Result<Vec<Member>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT team_member.person, person.name, team_member.since, team_member.added_by FROM team_member
         JOIN person ON person.id = team_member.person WHERE team_member.team = $1 ORDER BY team_member.person",
    )
    .bind(id.to_vec())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(member_of).collect()
}

/// The names of everybody's teams, by person.
pub async fn of_everybody(catalog: &Catalog) -> Result<HashMap<String, Vec<String>>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT team_member.person, team.name FROM team_member JOIN team ON team.id = team_member.team ORDER BY team.name",
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut all: HashMap<String, Vec<String>> = HashMap::new();
    for row in &rows {
        all.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
    }
    Ok(all)
}

/// Makes a team of this name.
pub async fn make(tx: &mut WriteTx, name: &str, now: UnixMillis) -> Result<Named, ClinicError> {
    let all = standing(tx).await?;
    if all.iter().any(|(_, other)| is_same(other, name)) {
        return Ok(Named::Exists);
    }
    if all.len() >= MAX_TEAMS {
        return Ok(Named::TooMany);
    }
    let mut id = [0; 16];
    SysRng.try_fill_bytes(&mut id).map_err(|_| ClinicError::Randomness)?;
    sqlx::query("INSERT INTO team (id, name, created_at) VALUES ($1, $2, $3)")
        .bind(id.to_vec())
        .bind(name.to_owned())
        .bind(int(now.0)?)
        .execute(&mut **tx)
        .await?;
    Ok(Named::Done(id))
}

/// Gives a team another name.
pub async fn rename(tx: &mut WriteTx, id: &TeamId, name: &str) -> Result<Named, ClinicError> {
    let all = standing(tx).await?;
    if all.iter().any(|(other, taken)| other != id && is_same(taken, name)) {
        return Ok(Named::Exists);
    }
    let done = sqlx::query("UPDATE team SET name = $1 WHERE id = $2 AND dissolved_at IS NULL")
        .bind(name.to_owned())
        .bind(id.to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(if done.rows_affected() == 1 { Named::Done(*id) } else { Named::NoTeam })
}

/// Two names that nobody tells apart are one.
fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

async fn standing(tx: &mut WriteTx) -> Result<Vec<(TeamId, String)>, ClinicError> {
    let rows = sqlx::query("SELECT id, name FROM team WHERE dissolved_at IS NULL").fetch_all(&mut **tx).await?;
    rows.iter().map(|row| Ok((fixed(row, 0)?, row.try_get(1)?))).collect()
}

/// Whether there is such a team.
pub async fn stands(tx: &mut WriteTx, id: &TeamId) -> Result<bool, ClinicError> {
    let row = sqlx::query("SELECT 1 FROM team WHERE id = $1 AND dissolved_at IS NULL")
        .bind(id.to_vec())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.is_some())
}

/// Whether `person` is in it.
pub async fn is_in(connection: &mut AnyConnection, id: &TeamId, person: &OperatorId) -> Result<bool, ClinicError> {
    let row = sqlx::query("SELECT 1 FROM team_member WHERE team = $1 AND person = $2")
        .bind(id.to_vec())
        .bind(person.as_str().to_owned())
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

/// Dissolves a team: nobody is in it, and it treats nobody. Says whether there was one.
pub async fn dissolve(tx: &mut WriteTx, id: &TeamId, now: UnixMillis) -> Result<bool, ClinicError> {
    let done = sqlx::query("UPDATE team SET dissolved_at = $1 WHERE id = $2 AND dissolved_at IS NULL")
        .bind(int(now.0)?)
        .bind(id.to_vec())
        .execute(&mut **tx)
        .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    let rows =
        sqlx::query("SELECT person FROM team_member WHERE team = $1").bind(id.to_vec()).fetch_all(&mut **tx).await?;
    for row in &rows {
        team_visits::leaves(tx, id, &operator(row, 0)?, now).await?;
    }
    sqlx::query("DELETE FROM team_member WHERE team = $1").bind(id.to_vec()).execute(&mut **tx).await?;
    sqlx::query("DELETE FROM care_team WHERE team = $1").bind(id.to_vec()).execute(&mut **tx).await?;
    Ok(true)
}

/// Puts an active clinician into a team.
pub async fn join(
    tx: &mut WriteTx,
    id: &TeamId,
    person: &OperatorId,
    by: &OperatorId,
    now: UnixMillis,
) -> Result<Joined, ClinicError> {
    let known = people::find_in(tx, person).await?;
    if !known.is_some_and(|person| person.is_active() && person.roles.has(Role::Clinician)) {
        return Ok(Joined::NoClinician);
    }
    let sql = format!("{COLUMNS} WHERE team.id = $2 AND team.dissolved_at IS NULL");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(int(now.0)?).bind(id.to_vec());
    let team = query.fetch_optional(&mut **tx).await?.as_ref().map(team_of).transpose()?;
    let Some(team) = team else { return Ok(Joined::NoTeam) };
    let asks = team.patients > 0;
    if team.members >= MAX_MEMBERS {
        return Ok(Joined::Full);
    }
    let done = sqlx::query(
        "INSERT INTO team_member (team, person, since, added_by, review) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (team, person) DO NOTHING",
    )
    .bind(id.to_vec())
    .bind(person.as_str().to_owned())
    .bind(int(now.0)?)
    .bind(by.as_str().to_owned())
    .bind(if asks { "asked" } else { "" })
    .execute(&mut **tx)
    .await?;
    Ok(if done.rows_affected() == 1 { Joined::Done { asks } } else { Joined::Already })
}

/// Takes somebody out of a team. Says whether they were in it.
pub async fn leave(tx: &mut WriteTx, id: &TeamId, person: &OperatorId, now: UnixMillis) -> Result<bool, ClinicError> {
    team_visits::leaves(tx, id, person, now).await?;
    let done = sqlx::query("DELETE FROM team_member WHERE team = $1 AND person = $2")
        .bind(id.to_vec())
        .bind(person.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes somebody out of all teams, and says which those were.
pub async fn leave_all(tx: &mut WriteTx, person: &OperatorId, now: UnixMillis) -> Result<Vec<TeamId>, ClinicError> {
    let rows = sqlx::query("SELECT team FROM team_member WHERE person = $1 ORDER BY team")
        .bind(person.as_str().to_owned())
        .fetch_all(&mut **tx)
        .await?;
    let teams: Vec<TeamId> = rows.iter().map(|row| fixed(row, 0)).collect::<Result<_, _>>()?;
    for team in &teams {
        team_visits::leaves(tx, team, person, now).await?;
    }
    sqlx::query("DELETE FROM team_member WHERE person = $1")
        .bind(person.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(teams)
}

/// Additions that reach patients, and that the privacy officer has not looked at, oldest first.
pub async fn asked(catalog: &Catalog, now: UnixMillis) -> Result<Vec<Addition>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT team_member.person, person.name, team_member.since, team_member.added_by, team.id, team.name,
             (SELECT COUNT(*) FROM care_team WHERE care_team.team = team.id AND (care_team.until IS NULL OR care_team.until > $1))
         FROM team_member JOIN person ON person.id = team_member.person JOIN team ON team.id = team_member.team
         WHERE team_member.review = 'asked' ORDER BY team_member.since, team_member.team, team_member.person LIMIT $2",
    )
    .bind(int(now.0)?)
    .bind(MAX_LISTED)
    .fetch_all(&mut *tx)
    .await?;
    let addition = |row: &AnyRow| {
        Ok(Addition {
            team: fixed(row, 4)?,
            team_name: row.try_get(5)?,
            patients: count(row.try_get(6)?)?,
            member: member_of(row)?,
        })
    };
    rows.iter().map(addition).collect()
}

/// Who has put somebody in about whom the privacy officer is asked.
pub async fn asked_by(tx: &mut WriteTx, id: &TeamId, person: &OperatorId) -> Result<Option<OperatorId>, ClinicError> {
    let row = sqlx::query("SELECT added_by FROM team_member WHERE team = $1 AND person = $2 AND review = 'asked'")
        .bind(id.to_vec())
        .bind(person.as_str().to_owned())
        .fetch_optional(&mut **tx)
        .await?;
    row.map(|row| operator(&row, 0)).transpose()
}

/// What the privacy officer has decided about an addition: they stay, or are out. Says whether it was still asked about.
pub async fn review(tx: &mut WriteTx, id: &TeamId, person: &OperatorId, stays: bool) -> Result<bool, ClinicError> {
    let sql = if stays {
        "UPDATE team_member SET review = 'confirmed' WHERE team = $1 AND person = $2 AND review = 'asked'"
    } else {
        "DELETE FROM team_member WHERE team = $1 AND person = $2 AND review = 'asked'"
    };
    let done = sqlx::query(sql).bind(id.to_vec()).bind(person.as_str().to_owned()).execute(&mut **tx).await?;
    Ok(done.rows_affected() == 1)
}

fn team_of(row: &AnyRow) -> Result<Team, ClinicError> {
    Ok(Team {
        id: fixed(row, 0)?,
        name: row.try_get(1)?,
        members: count(row.try_get(2)?)?,
        patients: count(row.try_get(3)?)?,
    })
}

/// From the first four columns.
fn member_of(row: &AnyRow) -> Result<Member, ClinicError> {
    let id = |column: usize| -> Result<OperatorId, ClinicError> {
        let text: String = row.try_get(column)?;
        text.parse().map_err(|_| ClinicError::CatalogDamaged)
    };
    let (person, name): (OperatorId, String) = (id(0)?, row.try_get(1)?);
    let name = if name.is_empty() { person.to_string() } else { name };
    Ok(Member { person, name, since: millis(row, 2)?, added_by: id(3)? })
}
