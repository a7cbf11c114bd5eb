//! Who treats whom: the care team of a patient. A capture puts its author on it; members may add colleagues, and whole teams ([`super::care_teams`]).
//!
//! Whoever treats somebody does so by a row of their own or through a team that they are in now: `TREATING` is the one place that knows both ways, and what
//! decides here reads it and nothing else.
//!
//! No place is for good against everybody: whoever has it leaves it, whoever gave it ends it, and if they have gone, anybody on the team does.
//!
//! A place on a team is kept under the number that it was given for. The team of a record is of all of its numbers together (`aliases`): so a merge takes a
//! patient from nobody who treats them, and undone it leaves both teams as they were.

use std::collections::{HashMap, HashSet};

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::{AnyConnection, Row};

use super::devices::{fixed, operator, optional_millis};
use super::people::{self, Role};
use super::pictures::Handle;
use super::{ClinicError, aliases, care_teams};
use crate::store::catalog::{Catalog, WriteTx, count, int};

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
    is_on_in(&mut *catalog.read().await?, patient, person, now).await
}

/// The same in a transaction.
pub async fn is_on_in(
    connection: &mut AnyConnection,
    patient: &Handle,
    person: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    Ok(stay(connection, patient, person, now).await? != Stay::Not)
}

/// Whether `person` may change what hangs on a record: it stands, and they are on its team. Asked in the transaction that changes it, since a grant is from
/// before.
pub(super) async fn may_change(
    tx: &mut WriteTx,
    record: &Handle,
    person: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    Ok(aliases::standing(tx, record).await? == *record && is_on_in(tx, record, person, now).await?)
}

/// What came of a change to a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Changed {
    /// It was made.
    Done,
    /// There was nothing to change.
    Nothing,
    /// Somebody else has changed the record or its team meanwhile: whoever did this may not any more.
    Meanwhile,
}

impl Changed {
    pub(super) const fn of(rows: u64) -> Self {
        if rows == 0 { Self::Nothing } else { Self::Done }
    }
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
    connection: &mut AnyConnection,
    patient: &Handle,
    person: &OperatorId,
    now: UnixMillis,
) -> Result<Stay, ClinicError> {
    let handles = aliases::handles(connection, patient).await?;
    let sql = format!(
        "SELECT until FROM {TREATING} WHERE person = $1 AND (until IS NULL OR until > $2) AND patient IN ({})
         ORDER BY until IS NOT NULL, until DESC LIMIT 1",
        aliases::places(3, handles.len())
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).bind(int(now.0)?);
    let query = aliases::bound(query, &handles);
    let Some(row) = query.fetch_optional(connection).await? else { return Ok(Stay::Not) };
    Ok(optional_millis(&row, 0)?.map_or(Stay::ForGood, Stay::Until))
}

/// What follows [`TREATING`] where somebody's patients are asked for. Whoever treats one in two ways, or by two numbers, treats them once.
const RECORDS_OF_ONE: &str =
    "LEFT JOIN patient_alias ON handle = patient WHERE person = $1 AND (until IS NULL OR until > $2)";

/// The patients whose team `person` is on at `now`, if they are no more than `limit`.
pub async fn few_patients_of(
    catalog: &Catalog,
    person: &OperatorId,
    now: UnixMillis,
    limit: u32,
) -> Result<Option<Vec<Handle>>, ClinicError> {
    let mut tx = catalog.read().await?;
    // Counted before they are fetched: a row costs many times what counting it does.
    let counting = format!(
        "SELECT COUNT(*) FROM (SELECT DISTINCT COALESCE(record, patient) FROM {TREATING} {RECORDS_OF_ONE} LIMIT $3) AS few"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(counting)).bind(person.as_str().to_owned()).bind(int(now.0)?);
    let row = query.bind(i64::from(limit).saturating_add(1)).fetch_one(&mut *tx).await?;
    if count(row.try_get(0)?)? > u64::from(limit) {
        return Ok(None);
    }
    let sql = format!("SELECT DISTINCT COALESCE(record, patient) FROM {TREATING} {RECORDS_OF_ONE}");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).bind(int(now.0)?);
    query.fetch_all(&mut *tx).await?.iter().map(|row| fixed(row, 0)).collect::<Result<_, _>>().map(Some)
}

/// Those of `patients` whose team `person` is on at `now`.
pub async fn among(
    catalog: &Catalog,
    patients: &[Handle],
    person: &OperatorId,
    now: UnixMillis,
) -> Result<HashSet<Handle>, ClinicError> {
    let mut tx = catalog.read().await?;
    let of_aliases: HashMap<Handle, Handle> = aliases::of_all(&mut tx, patients).await?.into_iter().collect();
    let sql = format!(
        "SELECT patient FROM {TREATING} WHERE person = $1 AND (until IS NULL OR until > $2) AND patient IN ({})",
        aliases::places(3, patients.len().saturating_add(of_aliases.len()))
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).bind(int(now.0)?);
    let query = aliases::bound(query, patients.iter().chain(of_aliases.keys()));
    let record = |row| fixed(row, 0).map(|handle| of_aliases.get(&handle).copied().unwrap_or(handle));
    query.fetch_all(&mut *tx).await?.iter().map(record).collect()
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

/// Who is on a patient's team at `now` by themselves (whole teams: [`super::care_teams::of_patient`]). Whoever is on it by several numbers is on it for the longest of their terms.
pub async fn team_of(catalog: &Catalog, patient: &Handle, now: UnixMillis) -> Result<Vec<Member>, ClinicError> {
    let mut tx = catalog.read().await?;
    let handles = aliases::handles(&mut tx, patient).await?;
    let sql = format!(
        "{COLUMNS} WHERE (until IS NULL OR until > $1) AND patient IN ({}) ORDER BY person",
        aliases::places(2, handles.len())
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(int(now.0)?);
    let query = aliases::bound(query, &handles);
    let mut team: Vec<Member> = Vec::new();
    for row in &query.fetch_all(&mut *tx).await? {
        let member = member_of(row)?;
        match team.last_mut().filter(|last| last.person == member.person) {
            Some(last) if last.until.is_some_and(|until| member.until.is_none_or(|longer| longer > until)) => {
                *last = member;
            }
            Some(_) => {}
            None => team.push(member),
        }
    }
    Ok(team)
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

/// Adds a colleague until a time or for good, by somebody who is on the team. With `ask` the privacy officer is to look at it.
pub async fn add(tx: &mut WriteTx, member: &Member, ask: bool, now: UnixMillis) -> Result<Changed, ClinicError> {
    let Some(by) = &member.added_by else { return Ok(Changed::Nothing) };
    if !may_change(tx, &member.patient, by, now).await? {
        return Ok(Changed::Meanwhile);
    }
    if by_themselves(tx, &member.patient, &member.person, now).await? {
        return Ok(Changed::Nothing);
    }
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
    .bind(by.as_str().to_owned())
    .bind(if ask { "asked" } else { "" })
    .bind(int(now.0)?)
    .execute(&mut **tx)
    .await?;
    Ok(Changed::of(done.rows_affected()))
}

/// Whether somebody has a place of their own under one of the record's numbers: one through a team ends when they leave it.
async fn by_themselves(
    tx: &mut WriteTx,
    patient: &Handle,
    person: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let handles = aliases::handles(tx, patient).await?;
    let sql = format!(
        "SELECT 1 FROM care WHERE person = $1 AND (until IS NULL OR until > $2) AND patient IN ({}) LIMIT 1",
        aliases::places(3, handles.len())
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).bind(int(now.0)?);
    let query = aliases::bound(query, &handles);
    Ok(query.fetch_optional(&mut **tx).await?.is_some())
}

/// Whether whoever gave a place cannot end it any more: they are no active clinician, or not on the team themselves.
pub(super) async fn is_gone(
    connection: &mut AnyConnection,
    patient: &Handle,
    adder: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let known = people::find_in(connection, adder).await?;
    let is_here = known.is_some_and(|person| person.is_active() && person.roles.has(Role::Clinician));
    Ok(!is_here || !is_on_in(connection, patient, adder, now).await?)
}

/// Whether `by`, who is on the team, may end the place of `person` that `added_by` gave: their own, whoever gave it; one that they gave; and one that
/// nobody could end else. What a picture gave to somebody else ends with the picture.
pub async fn may_end(
    connection: &mut AnyConnection,
    patient: &Handle,
    (person, added_by): (&OperatorId, Option<&OperatorId>),
    by: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    match added_by {
        _ if person == by => Ok(true),
        None => Ok(false),
        Some(adder) => Ok(adder == by || is_gone(connection, patient, adder, now).await?),
    }
}

/// Ends the places of somebody by all of a record's numbers, as far as `by`, who is on the team, may.
pub async fn end(
    tx: &mut WriteTx,
    patient: &Handle,
    person: &OperatorId,
    by: &OperatorId,
    now: UnixMillis,
) -> Result<Changed, ClinicError> {
    if !may_change(tx, patient, by, now).await? {
        return Ok(Changed::Meanwhile);
    }
    let handles = aliases::handles(tx, patient).await?;
    let sql = format!("{COLUMNS} WHERE person = $1 AND patient IN ({})", aliases::places(2, handles.len()));
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned());
    let query = aliases::bound(query, &handles);
    let mut ended = 0;
    for row in &query.fetch_all(&mut **tx).await? {
        let place = member_of(row)?;
        if may_end(tx, patient, (person, place.added_by.as_ref()), by, now).await? {
            let delete = sqlx::query("DELETE FROM care WHERE patient = $1 AND person = $2");
            let delete = delete.bind(place.patient.to_vec()).bind(person.as_str().to_owned());
            ended += delete.execute(&mut **tx).await?.rows_affected();
        }
    }
    Ok(Changed::of(ended))
}

/// Who has added somebody about whom the privacy officer is asked.
pub async fn asked_by(
    tx: &mut WriteTx,
    patient: &Handle,
    person: &OperatorId,
) -> Result<Option<OperatorId>, ClinicError> {
    let row = sqlx::query("SELECT added_by FROM care WHERE patient = $1 AND person = $2 AND review = 'asked'")
        .bind(patient.to_vec())
        .bind(person.as_str().to_owned())
        .fetch_optional(&mut **tx)
        .await?;
    row.map(|row| operator(&row, 0)).transpose()
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

/// Ends an author's membership that pictures alone have brought, once no picture of theirs is left under this number. Says whether it did.
pub async fn left(tx: &mut WriteTx, number: &Handle, author: &OperatorId) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "DELETE FROM care WHERE patient = $1 AND person = $2 AND added_by = ''
         AND NOT EXISTS (SELECT 1 FROM picture WHERE operator = $3 AND filed = $4 AND reason <> 'withdrawn')",
    )
    .bind(number.to_vec())
    .bind(author.as_str().to_owned())
    .bind(author.as_str().to_owned())
    .bind(number.to_vec())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whoever took a picture under this number, if they are a person of this clinic: a manifest may name anybody. Whoever was there by a colleague is
/// there by themselves from now on. Says whether anything has changed.
pub async fn joined(tx: &mut WriteTx, number: &Handle, author: &str, now: UnixMillis) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "INSERT INTO care (patient, person, since) SELECT $1, id, $2 FROM person WHERE id = $3
         ON CONFLICT (patient, person) DO UPDATE SET until = NULL, added_by = '', review = '' WHERE care.added_by <> ''",
    )
    .bind(number.to_vec())
    .bind(int(now.0)?)
    .bind(author.to_owned())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What was given under a number that is nobody's any more is kept under another: the longer term, where somebody has both.
pub(super) async fn renumbered(tx: &mut WriteTx, from: &Handle, to: &Handle) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO care (patient, person, since, until, added_by, review)
         SELECT $1, person, since, until, added_by, review FROM care WHERE patient = $2
         ON CONFLICT (patient, person) DO UPDATE SET until = excluded.until, added_by = excluded.added_by, review = excluded.review
         WHERE care.until IS NOT NULL AND (excluded.until IS NULL OR excluded.until > care.until)",
    )
    .bind(to.to_vec())
    .bind(from.to_vec())
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM care WHERE patient = $1").bind(from.to_vec()).execute(&mut **tx).await?;
    care_teams::renumbered(tx, from, to).await
}

#[cfg(test)]
pub(super) mod tests;
