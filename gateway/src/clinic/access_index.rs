//! Where in the access log somebody or something is named: a row for each entry, written in the entry's own transaction.
//!
//! It is derived from the entries, and says nothing by itself: what is shown is read from the log, and a row only finds it. So whoever can write the
//! catalog can hide an entry from a search by its row, and not without being found: each row that found something is compared with its entry
//! ([`Found::is_true`]), a report counts the rows ([`is_whole`]), and [`wrong`] compares all of them, after which they are made anew.
//!
//! A picture that was moved is named with both patients, so that each one's filter finds it. Entries that name a picture and its patient keep the patient under
//! whom it was looked at: that is what whoever looked has seen. Who saw a picture is asked by the picture, whosever it is now.
//!
//! Entries from before there was an index are indexed while the process runs, a batch at a time, so that no start waits for it.

mod kinds;

use std::sync::Arc;
use std::time::Duration;

use safelight_core::ids::{CaptureId, DeviceId, UnixMillis};
use safelight_core::log::entry::{Entry, Field};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};
use tokio::time::sleep;

use self::kinds::{KINDS, Named};
use super::devices::millis;
use super::pictures::Handle;
use super::{ClinicError, Running, settings};
use crate::log::MerkleLog;
use crate::store::catalog::{CatalogError, WriteTx, count, int};

/// How far the building has come: the next entry, or [`COMPLETE`].
const BUILT: &str = "access-index-built";

/// Every entry has its row, since whatever is put on record brings its own.
const COMPLETE: u64 = u64::MAX;

/// Entries indexed in one transaction: others write in between.
const BATCH: u32 = 500;

/// Between two batches.
const PAUSE: Duration = Duration::from_millis(50);

/// Between two looks whether it is to be built anew.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Somebody opened a patient's page, which shows pictures small.
pub const PAGE_VIEWED: &str = "patient-viewed";

/// Kinds of entries by which somebody saw a patient's name or picture.
pub const LOOKS: &[&str] = &[
    PAGE_VIEWED,
    "picture-viewed",
    "picture-downloaded",
    "emergency-begun",
    "opened",
    "exported",
    "searched",
    "listed",
];

/// Of those, the ones that name a picture alone: the patient is the picture's.
const OF_A_PICTURE: &[&str] = &["opened", "exported"];

/// What an entry names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facets {
    /// What was done.
    pub kind: String,
    /// By whom, as the log has it: `person:ID`, `gateway`, `uid:0`, `device:ID`.
    pub actor: String,
    /// When.
    pub at: UnixMillis,
    /// To which patient.
    pub patient: Option<Handle>,
    /// To which picture.
    pub picture: Option<CaptureId>,
    /// To which device.
    pub device: Option<DeviceId>,
    /// To which person: an id.
    pub person: Option<String>,
    /// From which patient, where a picture was moved.
    pub former: Option<Handle>,
}

impl Facets {
    /// Of an entry. One that is not as this program writes them names nothing.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let mut facets = Self { kind: entry.kind().to_owned(), ..Self::nothing() };
        let [named @ .., Field::Code(actor), Field::Number(at)] = entry.fields() else { return facets };
        (facets.actor, facets.at) = (actor.clone(), UnixMillis(*at));
        let places = KINDS.iter().find(|(kind, _)| *kind == entry.kind()).map_or(&[][..], |(_, places)| places);
        for (place, field) in places.iter().zip(named) {
            match (place, field) {
                (Named::Patient, Field::Bytes(bytes)) => facets.patient = bytes.as_slice().try_into().ok(),
                (Named::Former, Field::Bytes(bytes)) => facets.former = bytes.as_slice().try_into().ok(),
                (Named::Picture, Field::Bytes(bytes)) => facets.picture = CaptureId::from_slice(bytes),
                (Named::Device, Field::Bytes(bytes)) => facets.device = DeviceId::from_slice(bytes),
                (Named::Person, Field::Code(id)) => facets.person = Some(id.clone()),
                _ => {}
            }
        }
        facets
    }

    fn nothing() -> Self {
        let (kind, actor, at) = (String::new(), String::new(), UnixMillis(0));
        Self { kind, actor, at, patient: None, picture: None, device: None, person: None, former: None }
    }
}

/// With the number under which a picture is filed that is named without a patient: every picture that anybody has seen has one.
async fn complete(connection: &mut AnyConnection, mut facets: Facets) -> Result<Facets, CatalogError> {
    let Some(picture) = facets.picture.filter(|_| OF_A_PICTURE.contains(&facets.kind.as_str())) else {
        return Ok(facets);
    };
    let row = sqlx::query("SELECT filed FROM picture WHERE capture = $1")
        .bind(picture.as_bytes().to_vec())
        .fetch_optional(connection)
        .await?;
    let patient: Option<Vec<u8>> = row.map(|row| row.try_get(0)).transpose()?.flatten();
    facets.patient = patient.and_then(|patient| patient.try_into().ok());
    Ok(facets)
}

/// Writes the row of entry `index`, in the place of any other.
pub(super) async fn insert(tx: &mut WriteTx, index: u64, entry: &Entry) -> Result<(), CatalogError> {
    let facets = complete(tx, Facets::of(entry)).await?;
    write(tx, index, facets).await
}

async fn write(tx: &mut WriteTx, index: u64, facets: Facets) -> Result<(), CatalogError> {
    sqlx::query(
        "INSERT INTO access_index (idx, kind, actor, at, patient, picture, device, person, former)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (idx) DO UPDATE SET kind = excluded.kind, actor = excluded.actor, at = excluded.at,
             patient = excluded.patient, picture = excluded.picture, device = excluded.device, person = excluded.person,
             former = excluded.former",
    )
    .bind(int(index)?)
    .bind(facets.kind)
    .bind(facets.actor)
    .bind(int(facets.at.0)?)
    .bind(facets.patient.map(|handle| handle.to_vec()))
    .bind(facets.picture.map(|id| id.as_bytes().to_vec()))
    .bind(facets.device.map(|id| id.as_bytes().to_vec()))
    .bind(facets.person)
    .bind(facets.former.map(|handle| handle.to_vec()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A picture is filed under another number: rows whose entries name the picture alone follow it.
pub(super) async fn moved(tx: &mut WriteTx, picture: CaptureId, patient: &Handle) -> Result<(), CatalogError> {
    let sql = "UPDATE access_index SET patient = $1 WHERE picture = $2 AND kind = $3";
    for kind in OF_A_PICTURE {
        let update = sqlx::query(sql).bind(patient.to_vec()).bind(picture.as_bytes().to_vec()).bind(*kind);
        update.execute(&mut **tx).await?;
    }
    Ok(())
}

/// That a picture could be seen under a number, until it was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stood {
    /// Under which number.
    pub number: Handle,
    /// Since the entry of this index: it was verified, moved there, or found to be right.
    pub after: u64,
    /// Until that of this one.
    pub before: u64,
}

/// Where a picture stood before each report of it, in the order of the log: a clock that was set moves nothing.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn stood(connection: &mut AnyConnection, picture: CaptureId) -> Result<Vec<Stood>, ClinicError> {
    let rows = sqlx::query(
        "SELECT idx, kind, patient FROM access_index
         WHERE picture = $1 AND kind IN ('verified', 'picture-reported', 'picture-restored', 'picture-moved') ORDER BY idx",
    )
    .bind(picture.as_bytes().to_vec())
    .fetch_all(connection)
    .await?;
    let (mut stood, mut number, mut since) = (Vec::new(), None, None);
    for row in &rows {
        let (index, kind): (u64, String) = (count(row.try_get(0)?)?, row.try_get(1)?);
        if kind == "picture-reported" {
            stood.extend(number.zip(since.take()).map(|(number, after)| Stood { number, after, before: index }));
            continue;
        }
        let named: Option<Vec<u8>> = row.try_get(2)?;
        number = named.and_then(|named| named.try_into().ok()).or(number);
        since = Some(index);
    }
    Ok(stood)
}

/// What is looked for: all of it together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// By whom, as the log has it.
    pub actor: Option<String>,
    /// To which person: an id.
    pub person: Option<String>,
    /// To which patient.
    pub patient: Option<Handle>,
    /// From which patient, where a picture was moved.
    pub former: Option<Handle>,
    /// To which picture.
    pub picture: Option<CaptureId>,
    /// To which device.
    pub device: Option<DeviceId>,
    /// One of these kinds; any if there are none.
    pub kinds: Vec<&'static str>,
    /// Not before.
    pub from: Option<UnixMillis>,
    /// Before.
    pub until: Option<UnixMillis>,
    /// After the entry of the first index, and before that of the second.
    pub between: Option<(u64, u64)>,
}

impl Filter {
    /// Whether it leaves nothing out.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// An entry that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its index in the log.
    pub index: u64,
    /// What the row says that it names.
    pub row: Facets,
    /// Its bytes in the log, unless the log has none of this index.
    pub entry: Option<Vec<u8>>,
    /// What it does name.
    expected: Option<Facets>,
}

impl Found {
    /// Whether the row says what the entry says.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.expected.as_ref() == Some(&self.row)
    }
}

/// Entries newest first, by the time that they bear: up to `limit`, after the one of this time and index in that order. A clock that was set back shows:
/// the index goes on.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn find(
    connection: &mut AnyConnection,
    filter: &Filter,
    before: Option<(UnixMillis, u64)>,
    limit: u32,
) -> Result<Vec<Found>, ClinicError> {
    let (sql, values) = query(filter, before, limit)?;
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in values {
        query = match value {
            Value::Text(text) => query.bind(text),
            Value::Bytes(bytes) => query.bind(bytes),
            Value::Number(number) => query.bind(number),
        };
    }
    let rows = query.fetch_all(&mut *connection).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let entry: Option<Vec<u8>> = row.try_get(9)?;
        found.push(Found {
            index: count(row.try_get(0)?)?,
            row: facets_of(row)?,
            expected: expected(connection, entry.as_deref()).await?,
            entry,
        });
    }
    Ok(found)
}

/// Under which time entry `index` is found, if it is: what its row says, whatever became of the entry.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn time_of(connection: &mut AnyConnection, index: u64) -> Result<Option<UnixMillis>, ClinicError> {
    let row =
        sqlx::query("SELECT at FROM access_index WHERE idx = $1").bind(int(index)?).fetch_optional(connection).await?;
    row.as_ref().map(|row| millis(row, 0)).transpose()
}

/// The newest entries in the order of the log, without asking the index: up to `limit` of those before the one of this index.
///
/// # Errors
/// [`ClinicError::Log`].
pub async fn newest(
    connection: &mut AnyConnection,
    log: &MerkleLog,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Found>, ClinicError> {
    let size = log.size(connection).await?;
    let end = before.unwrap_or(size).min(size);
    let start = end.saturating_sub(u64::from(limit));
    let count = u32::try_from(end.saturating_sub(start)).unwrap_or(0);
    let mut found = Vec::new();
    for (index, entry) in log.entries(connection, start, count).await? {
        let row = expected(connection, Some(&entry)).await?.unwrap_or_else(Facets::nothing);
        found.push(Found { index, expected: Some(row.clone()), row, entry: Some(entry) });
    }
    found.reverse();
    Ok(found)
}

async fn expected(connection: &mut AnyConnection, entry: Option<&[u8]>) -> Result<Option<Facets>, CatalogError> {
    match entry.map(Entry::parse) {
        Some(Ok(entry)) => complete(connection, Facets::of(&entry)).await.map(Some),
        _ => Ok(None),
    }
}

enum Value {
    Text(String),
    Bytes(Vec<u8>),
    Number(i64),
}

/// Only names of columns and numbers of placeholders go into the text.
fn query(filter: &Filter, before: Option<(UnixMillis, u64)>, limit: u32) -> Result<(String, Vec<Value>), CatalogError> {
    let (mut wanted, mut values) = (Vec::new(), Vec::new());
    let mut place = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    for (column, text) in [("actor", &filter.actor), ("person", &filter.person)] {
        wanted.extend(text.as_ref().map(|text| format!("i.{column} = {}", place(Value::Text(text.clone())))));
    }
    let picture = filter.picture.as_ref().map(|id| id.as_bytes().to_vec());
    let device = filter.device.as_ref().map(|id| id.as_bytes().to_vec());
    let patient = filter.patient.map(|handle| handle.to_vec());
    let former = filter.former.map(|handle| handle.to_vec());
    for (column, bytes) in [("patient", patient), ("former", former), ("picture", picture), ("device", device)] {
        wanted.extend(bytes.map(|bytes| format!("i.{column} = {}", place(Value::Bytes(bytes)))));
    }
    if !filter.kinds.is_empty() {
        let kinds: Vec<_> = filter.kinds.iter().map(|kind| place(Value::Text((*kind).to_owned()))).collect();
        wanted.push(format!("i.kind IN ({})", kinds.join(", ")));
    }
    if let Some(from) = filter.from {
        wanted.push(format!("i.at >= {}", place(Value::Number(int(from.0)?))));
    }
    if let Some((after, before)) = filter.between {
        let (after, before) = (place(Value::Number(int(after)?)), place(Value::Number(int(before)?)));
        wanted.push(format!("i.idx > {after} AND i.idx < {before}"));
    }
    let until = filter.until.map(|until| (until, 0));
    // One of the two, so that there is one range.
    if let Some((at, index)) = before.into_iter().chain(until).min() {
        let (at, index) = (place(Value::Number(int(at.0)?)), place(Value::Number(int(index)?)));
        wanted.push(format!("(i.at, i.idx) < ({at}, {index})"));
    }
    let wanted = if wanted.is_empty() { String::new() } else { format!("WHERE {}", wanted.join(" AND ")) };
    let limit = place(Value::Number(i64::from(limit)));
    let sql = format!(
        "SELECT i.idx, i.kind, i.actor, i.at, i.patient, i.picture, i.device, i.person, i.former, e.entry
         FROM access_index i LEFT JOIN log_entry e ON e.idx = i.idx {wanted} ORDER BY i.at DESC, i.idx DESC LIMIT {limit}"
    );
    Ok((sql, values))
}

fn facets_of(row: &AnyRow) -> Result<Facets, ClinicError> {
    let bytes = |column: usize| row.try_get::<Option<Vec<u8>>, _>(column);
    // What is not as this program writes it is no entry's.
    Ok(Facets {
        kind: row.try_get(1)?,
        actor: row.try_get(2)?,
        at: millis(row, 3)?,
        patient: bytes(4)?.and_then(|bytes| bytes.try_into().ok()),
        picture: bytes(5)?.and_then(|bytes| CaptureId::from_slice(&bytes)),
        device: bytes(6)?.and_then(|bytes| DeviceId::from_slice(&bytes)),
        person: row.try_get(7)?,
        former: bytes(8)?.and_then(|bytes| bytes.try_into().ok()),
    })
}

/// Whether every entry has been indexed.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn is_built(connection: &mut AnyConnection) -> Result<bool, ClinicError> {
    Ok(settings::number(connection, BUILT).await? == Some(COMPLETE))
}

/// Whether there are as many rows as entries: one that was taken out leaves what it found unfound.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn is_whole(connection: &mut AnyConnection) -> Result<bool, ClinicError> {
    let sql = "SELECT (SELECT COUNT(*) FROM access_index), (SELECT COUNT(*) FROM log_entry)";
    let row = sqlx::query(sql).fetch_one(connection).await?;
    let (rows, entries): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(rows == entries)
}

/// How many rows do not say what their entry says, or are missing, or are no entry's.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn wrong(log: &MerkleLog) -> Result<u64, ClinicError> {
    let mut tx = log.catalog().read().await?;
    let (mut next, mut wrong, mut seen) = (0_u64, 0_u64, 0_i64);
    loop {
        let entries = log.entries(&mut tx, next, BATCH).await?;
        let Some((last, _)) = entries.last() else { break };
        let (first, last) = (next, *last);
        let rows = sqlx::query(
            "SELECT idx, kind, actor, at, patient, picture, device, person, former FROM access_index
             WHERE idx >= $1 AND idx <= $2",
        )
        .bind(int(first)?)
        .bind(int(last)?)
        .fetch_all(&mut *tx)
        .await?;
        let mut by_index = std::collections::HashMap::with_capacity(rows.len());
        for row in &rows {
            by_index.insert(count(row.try_get(0)?)?, facets_of(row)?);
        }
        for (index, entry) in &entries {
            let expected = expected(&mut tx, Some(entry)).await?;
            let row = by_index.get(index);
            seen += i64::from(row.is_some());
            wrong += u64::from(expected.is_none() || expected.as_ref() != row);
        }
        next = last.saturating_add(1);
    }
    let row = sqlx::query("SELECT COUNT(*) FROM access_index").fetch_one(&mut *tx).await?;
    let rows: i64 = row.try_get(0)?;
    Ok(wrong.saturating_add(u64::try_from(rows.saturating_sub(seen)).unwrap_or(0)))
}

/// Has all of it made anew, while the process runs.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn rebuild(log: &MerkleLog) -> Result<(), ClinicError> {
    let mut tx = log.catalog().write().await?;
    settings::set_number(&mut tx, BUILT, 0).await?;
    Ok(tx.commit().await?)
}

/// Indexes what is not yet, for as long as the process runs.
pub(super) async fn run(running: Arc<Running>) {
    loop {
        match build_some(running.clinic.access.log(), BATCH).await {
            Ok(true) => sleep(LOOK_EVERY).await,
            Ok(false) => sleep(PAUSE).await,
            Err(error) => {
                tracing::error!(%error, "the index of the access log could not be built");
                sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Indexes the next entries that are not yet; says whether all are.
async fn build_some(log: &MerkleLog, batch: u32) -> Result<bool, ClinicError> {
    if is_built(&mut *log.catalog().read().await?).await? {
        return Ok(true);
    }
    let mut tx = log.catalog().write().await?;
    let next = settings::number(&mut tx, BUILT).await?.unwrap_or(0);
    let entries = log.entries(&mut tx, next, batch).await?;
    for (index, entry) in &entries {
        // One that cannot be read is found by its index alone.
        let facets = expected(&mut tx, Some(entry)).await?.unwrap_or_else(Facets::nothing);
        write(&mut tx, *index, facets).await?;
    }
    let next = entries.last().map_or(next, |(last, _)| last.saturating_add(1));
    // Nobody appends while this transaction holds the writers' lock: after a batch that is not full there is nothing more.
    let is_built = entries.len() < usize::try_from(batch).unwrap_or(usize::MAX);
    if is_built {
        sqlx::query("DELETE FROM access_index WHERE idx >= $1").bind(int(next)?).execute(&mut *tx).await?;
    }
    settings::set_number(&mut tx, BUILT, if is_built { COMPLETE } else { next }).await?;
    tx.commit().await?;
    Ok(is_built)
}

#[cfg(test)]
mod tests;
