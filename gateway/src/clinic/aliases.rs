//! Which record stands for a record number, and which numbers a record has: the one place that knows.
//!
//! A phone signs and seals the number that stands on somebody's wrist, and goes on with it. So a number is never rewritten: its handle becomes the alias
//! of the handle of another record. An alias points to a record that stands, never to an alias; one that was undone points to itself.

use safelight_core::ids::UnixMillis;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, Row};

use super::devices::{fixed, millis, optional_millis};
use super::pictures::Handle;
use super::{Clinic, ClinicError};
use crate::store::catalog::{Catalog, WriteTx, count, int};

/// Numbers that one record may have.
pub const MAX_NUMBERS: usize = 16;

/// A number that somebody has typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// Its own handle: under this a picture is filed.
    pub number: Handle,
    /// The record that stands for it.
    pub record: Handle,
}

/// The number of this issuer, whether or not anybody has it.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn of_number(clinic: &Clinic, issuer: &str, number: &str) -> Result<Numbered, ClinicError> {
    let number = clinic.keys.handle().of_number(issuer.trim(), number.trim(), &clinic.record_numbers);
    Ok(Numbered { number, record: standing(&mut *clinic.catalog.read().await?, &number).await? })
}

/// The record that stands for a handle: itself, unless it is an alias.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn standing(connection: &mut AnyConnection, handle: &Handle) -> Result<Handle, ClinicError> {
    let row = sqlx::query("SELECT record FROM patient_alias WHERE handle = $1")
        .bind(handle.to_vec())
        .fetch_optional(connection)
        .await?;
    row.map_or(Ok(*handle), |row| fixed(&row, 0))
}

/// Whether a number still leads to this record, and somebody is known by it: what was looked up before a transaction may have changed, as by a merge that
/// was undone.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn holds(connection: &mut AnyConnection, numbered: &Numbered) -> Result<bool, ClinicError> {
    if standing(connection, &numbered.number).await? != numbered.record {
        return Ok(false);
    }
    let row = sqlx::query("SELECT 1 FROM patient WHERE handle = $1 AND LENGTH(identity) > 0")
        .bind(numbered.record.to_vec())
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

/// The handles of a record that stands: its own, then those of its aliases.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn handles(connection: &mut AnyConnection, record: &Handle) -> Result<Vec<Handle>, ClinicError> {
    let aliases = of_all(connection, &[*record]).await?.into_iter().map(|(alias, _)| alias);
    Ok(std::iter::once(*record).chain(aliases).collect())
}

/// The aliases of these records, each with its record.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn of_all(connection: &mut AnyConnection, records: &[Handle]) -> Result<Vec<(Handle, Handle)>, ClinicError> {
    let sql = format!(
        "SELECT handle, record FROM patient_alias WHERE record IN ({}) AND handle <> record ORDER BY handle",
        places(1, records.len())
    );
    let rows = bound(sqlx::query(sqlx::AssertSqlSafe(sql)), records).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((fixed(row, 0)?, fixed(row, 1)?))).collect()
}

/// `$3, $4`: so many, from this one on.
pub(super) fn places(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..).take(count).map(|place| format!("${place}")).collect();
    places.join(", ")
}

/// The statement with these in its [`places`].
pub(super) fn bound<'a>(query: Bindable, handles: impl IntoIterator<Item = &'a Handle>) -> Bindable {
    handles.into_iter().fold(query, |query, handle| query.bind(handle.to_vec()))
}

/// A statement that wants values.
type Bindable = Query<'static, Any, AnyArguments>;

/// Has `record` stand for `handle` from here on.
pub(super) async fn point(tx: &mut WriteTx, handle: &Handle, record: &Handle) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO patient_alias (handle, record, changed)
         SELECT $1, $2, COALESCE(MAX(changed), 0) + 1 FROM patient_alias WHERE TRUE
         ON CONFLICT (handle) DO UPDATE SET record = excluded.record, changed = excluded.changed",
    )
    .bind(handle.to_vec())
    .bind(record.to_vec())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// That another record stands for a handle than before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) handle: Handle,
    /// The handle itself if it stands for itself again.
    pub(super) record: Handle,
    /// Its place in the order of changes. A handle has its last one alone.
    pub(super) number: u64,
}

/// Changes in their order: up to `limit` after `number`.
pub(super) async fn changes_after(catalog: &Catalog, number: u64, limit: u32) -> Result<Vec<Change>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = "SELECT handle, record, changed FROM patient_alias WHERE changed > $1 ORDER BY changed LIMIT $2";
    let rows = sqlx::query(sql).bind(int(number)?).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
    let change = |row| Ok(Change { handle: fixed(row, 0)?, record: fixed(row, 1)?, number: count(row.try_get(2)?)? });
    rows.iter().map(change).collect()
}

/// Under which handle, and when, the access log may name a patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The handle.
    pub handle: Handle,
    /// Not before.
    pub from: Option<UnixMillis>,
    /// Before.
    pub until: Option<UnixMillis>,
}

/// Everywhere that the log may name the patient of a record that stands: under each number that is the record's, and, of numbers that were merged into
/// another record for a time, under that record in this time.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn named(connection: &mut AnyConnection, record: &Handle) -> Result<Vec<Named>, ClinicError> {
    let own = handles(connection, record).await?;
    let mut open: Vec<Named> = own.iter().map(|handle| Named { handle: *handle, from: None, until: None }).collect();
    let mut all = Vec::with_capacity(open.len());
    // At each moment aliases make no circle, so a way of which every step was taken at one moment ends.
    while let Some(at) = open.pop() {
        all.push(at);
        let sql = "SELECT record, merged_at, undone_at FROM patient_merge WHERE alias = $1 ORDER BY merged_at";
        for row in sqlx::query(sql).bind(at.handle.to_vec()).fetch_all(&mut *connection).await? {
            let handle: Handle = fixed(&row, 0)?;
            if own.contains(&handle) {
                continue;
            }
            let merged = millis(&row, 1)?;
            // The entry that says that it was undone is in it.
            let undone = optional_millis(&row, 2)?.map(|undone| UnixMillis(undone.0.saturating_add(1)));
            let from = at.from.max(Some(merged));
            let until = at.until.into_iter().chain(undone).min();
            if until.is_none_or(|until| from < Some(until)) {
                open.push(Named { handle, from, until });
            }
        }
    }
    Ok(all)
}
