//! Two records of one patient that become one, and a record that gets another number: who, when, why, and undone.
//!
//! ```text
//! merge      both numbers have records: the other becomes an alias of the one that stands
//! renumber   the new number has none: it gets the patient's name, and the old one becomes its alias
//! undo       the alias stands for itself again, with whatever is filed under it
//! ```
//! Nothing is moved for good: pictures stay filed under the number of their label, places on care teams and emergency accesses under the number that they
//! were given for. [`patient_merge`](super::schema) has each step, and `patient_alias` what follows from those that hold. A merge joins two records that
//! stand, so there is no chain, and no circle.

use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use safelight_core::seal;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::access::{Actor, Event};
use super::aliases::{self, MAX_NUMBERS};
use super::because::Because;
use super::care::Stay;
use super::devices::{fixed, millis, operator, optional_millis};
use super::pictures::{self, Handle};
use super::verify::{keep, patient_header, recipients, split};
use super::{Clinic, ClinicError, care, emergency, sealed};
use crate::store::catalog::{Catalog, WriteTx, count, int};
use crate::store::headers::{Header, Kind as HeaderKind};
use crate::vault::Unlocked;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Two records became one.
    Merged,
    /// A record got a number that nobody had.
    Renumbered,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Renumbered => "renumbered",
        }
    }
}

/// Why, as one of few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// One patient was taken in twice.
    Duplicate,
    /// A number that was for a while.
    Temporary,
    /// A number that was mistyped or misread.
    Mistyped,
    /// Whatever the words say.
    Other,
}

impl Reason {
    /// Every one, in the order in which pages show them.
    pub const ALL: [Self; 4] = [Self::Duplicate, Self::Temporary, Self::Mistyped, Self::Other];

    /// As the catalog, the log and forms have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Temporary => "temporary",
            Self::Mistyped => "mistyped",
            Self::Other => "other",
        }
    }

    /// From [`Reason::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// Why, who does it, and when.
#[derive(Debug, Clone, Copy)]
pub struct Why<'a> {
    /// As one of few.
    pub reason: Reason,
    /// In words, by whom, and when.
    pub because: Because<'a>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, and on record.
    Done,
    /// Somebody else has changed one of the two, or its team, meanwhile.
    Changed,
    /// Whoever does it treats one of the two for a time: both together they would treat for longer.
    ForATime,
    /// The number has a record.
    Taken,
    /// The record would have more numbers than it may.
    TooMany,
}

/// A merge or a new number, as the privacy officer sees it.
#[derive(Debug, Clone)]
pub struct Merge {
    /// Its name.
    pub id: [u8; 16],
    /// Its place in their order.
    pub seq: u64,
    /// Which of the two.
    pub kind: Kind,
    /// What became an alias.
    pub alias: Handle,
    /// The record that stands.
    pub record: Handle,
    /// Why.
    pub reason: Reason,
    /// Why, in words: a whole age file.
    pub words: Vec<u8>,
    /// Who did it.
    pub by: OperatorId,
    /// When.
    pub at: UnixMillis,
    /// Who undid it, and when.
    pub undone: Option<(OperatorId, UnixMillis)>,
}

const COLUMNS: &str =
    "SELECT id, seq, kind, alias, record, reason, words, merged_by, merged_at, undone_by, undone_at FROM patient_merge";

/// Has `record` stand for `other` too. Whoever does it must be on both teams at this moment, and for good.
///
/// # Errors
/// [`ClinicError`] of the catalog or the log.
pub async fn merge(clinic: &Clinic, other: &Handle, record: &Handle, why: Why<'_>) -> Result<Outcome, ClinicError> {
    let Because { by, at, .. } = why.because;
    let mut tx = clinic.catalog.write().await?;
    for handle in [other, record] {
        if !care::may_change(&mut tx, handle, by, at).await? {
            return Ok(Outcome::Changed);
        }
    }
    if other == record {
        return Ok(Outcome::Changed);
    }
    for handle in [other, record] {
        if care::stay(&mut tx, handle, by, at).await? != Stay::ForGood {
            return Ok(Outcome::ForATime);
        }
    }
    let Some(id) = join(&mut tx, Kind::Merged, other, record, why).await? else {
        return Ok(Outcome::TooMany);
    };
    let event = Event::RecordsMerged(id, *record, *other, why.reason.name());
    clinic.access.record(&mut tx, &Actor::Person(by.clone()), at, &[event]).await?;
    tx.commit().await?;
    Ok(Outcome::Done)
}

/// Gives the record `former` a number that nobody has, of this issuer: its handle must be `number`, and its text what a label may have.
///
/// # Errors
/// [`ClinicError`] of the stores, the vault or the log.
pub async fn renumber(
    clinic: &Clinic,
    vault: &Unlocked,
    former: &Handle,
    (number, issuer, text): (&Handle, &str, &str),
    why: Why<'_>,
) -> Result<Outcome, ClinicError> {
    let Because { by, at, .. } = why.because;
    let mut identity = sealed::identity(clinic, vault, former).await?.ok_or(ClinicError::Destroyed)?;
    issuer.clone_into(&mut identity.issuer);
    text.clone_into(&mut identity.record_number);
    let json = identity.to_json().ok_or(ClinicError::CatalogDamaged)?;
    let file = seal::seal_bytes(&json, &recipients(clinic)?, &mut SysRng).map_err(|_| ClinicError::Randomness)?;
    let (header, payload) = split(&file)?;

    let _naming = clinic.naming.lock().await;
    let mut tx = clinic.catalog.write().await?;
    if !care::may_change(&mut tx, former, by, at).await? {
        return Ok(Outcome::Changed);
    }
    if !pictures::make_known(&mut tx, number, &payload, at).await? {
        return Ok(Outcome::Taken);
    }
    let Some(id) = join(&mut tx, Kind::Renumbered, former, number, why).await? else {
        return Ok(Outcome::TooMany);
    };
    let event = Event::RecordRenumbered(id, *number, *former, why.reason.name());
    clinic.access.record(&mut tx, &Actor::Person(by.clone()), at, &[event]).await?;
    // Before the catalog says that there is an identity. If that fails, it is a header of nothing, and the next one takes its place.
    keep(clinic, Header { id: patient_header(number), kind: HeaderKind::Identity, bytes: header }).await?;
    tx.commit().await?;
    Ok(Outcome::Done)
}

/// Both stand. Says the step's name, unless the record would have too many numbers.
async fn join(
    tx: &mut WriteTx,
    kind: Kind,
    alias: &Handle,
    record: &Handle,
    Why { reason, because }: Why<'_>,
) -> Result<Option<[u8; 16]>, ClinicError> {
    let joining = aliases::handles(tx, alias).await?;
    let all = aliases::handles(tx, record).await?.len().saturating_add(joining.len());
    if all > MAX_NUMBERS {
        return Ok(None);
    }
    for handle in &joining {
        aliases::point(tx, handle, record).await?;
        pictures::give(tx, handle, record).await?;
    }
    let mut id = [0; 16];
    SysRng.try_fill_bytes(&mut id).map_err(|_| ClinicError::Randomness)?;
    sqlx::query(
        "INSERT INTO patient_merge (id, seq, kind, alias, record, reason, words, merged_by, merged_at)
         SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5, $6, $7, $8 FROM patient_merge",
    )
    .bind(id.to_vec())
    .bind(kind.name())
    .bind(alias.to_vec())
    .bind(record.to_vec())
    .bind(reason.name())
    .bind(because.words.to_vec())
    .bind(because.by.as_str().to_owned())
    .bind(int(because.at.0)?)
    .execute(&mut **tx)
    .await?;
    Ok(Some(id))
}

/// What came of undoing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undone {
    /// It is undone, and on record.
    Done,
    /// Somebody has undone it already.
    Already,
    /// The record has been merged, or has got another number, since: that is to be undone first.
    LaterFirst,
}

/// Has the alias stand for itself again, with whatever is filed under it. A new number under which nothing was filed is nobody's again.
///
/// # Errors
/// [`ClinicError`] of the catalog or the log.
pub async fn undo(clinic: &Clinic, merge: &Merge, by: &OperatorId, at: UnixMillis) -> Result<Undone, ClinicError> {
    let _naming = clinic.naming.lock().await;
    let mut tx = clinic.catalog.write().await?;
    let Merge { alias, record, .. } = merge;
    let record_now = aliases::standing(&mut tx, alias).await?;
    let together = aliases::handles(&mut tx, &record_now).await?;
    let done =
        sqlx::query("UPDATE patient_merge SET undone_by = $1, undone_at = $2 WHERE id = $3 AND undone_at IS NULL")
            .bind(by.as_str().to_owned())
            .bind(int(at.0)?)
            .bind(merge.id.to_vec())
            .execute(&mut *tx)
            .await?;
    if done.rows_affected() != 1 {
        return Ok(Undone::Already);
    }
    if merge.kind == Kind::Renumbered && is_joined_since(&mut tx, record, merge.seq).await? {
        return Ok(Undone::LaterFirst);
    }
    for handle in &together {
        let stands = root(&mut tx, handle, together.len()).await?;
        if stands != record_now {
            aliases::point(&mut tx, handle, &stands).await?;
            pictures::give(&mut tx, handle, &stands).await?;
        }
    }
    if merge.kind == Kind::Renumbered && !pictures::are_filed(&mut tx, record).await? {
        care::renumbered(&mut tx, record, alias).await?;
        emergency::renumbered(&mut tx, record, alias).await?;
        pictures::make_unknown(&mut tx, record).await?;
        // Names in memory follow changes of aliases.
        aliases::point(&mut tx, record, record).await?;
    }
    let event = Event::RecordsParted(merge.id, *record, *alias);
    clinic.access.record(&mut tx, &Actor::Person(by.clone()), at, &[event]).await?;
    tx.commit().await?;
    Ok(Undone::Done)
}

/// Whether a record was merged with another, either way, after this step, and still is.
async fn is_joined_since(tx: &mut WriteTx, record: &Handle, seq: u64) -> Result<bool, ClinicError> {
    let as_alias = "SELECT 1 FROM patient_merge WHERE alias = $1 AND undone_at IS NULL AND seq > $2 LIMIT 1";
    let as_record = "SELECT 1 FROM patient_merge WHERE record = $1 AND undone_at IS NULL AND seq > $2 LIMIT 1";
    for sql in [as_alias, as_record] {
        let row = sqlx::query(sql).bind(record.to_vec()).bind(int(seq)?).fetch_optional(&mut **tx).await?;
        if row.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The record that stands for a handle by the steps that hold, of which there are fewer than `numbers`.
async fn root(tx: &mut WriteTx, handle: &Handle, numbers: usize) -> Result<Handle, ClinicError> {
    let mut at = *handle;
    for _ in 0..=numbers {
        let sql = "SELECT record FROM patient_merge WHERE alias = $1 AND undone_at IS NULL";
        match sqlx::query(sql).bind(at.to_vec()).fetch_optional(&mut **tx).await? {
            Some(row) => at = fixed(&row, 0)?,
            None => return Ok(at),
        }
    }
    Err(ClinicError::CatalogDamaged)
}

/// All of them, newest first: up to `limit` before the one at this place, or from the newest on.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn list(catalog: &Catalog, before: Option<u64>, limit: u32) -> Result<Vec<Merge>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE seq < $1 ORDER BY seq DESC LIMIT $2");
    let before = before.map_or(Ok(i64::MAX), int)?;
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(before).bind(i64::from(limit));
    query.fetch_all(&mut *tx).await?.iter().map(merge_of).collect()
}

/// One that holds.
///
/// # Errors
/// [`ClinicError::Catalog`].
pub async fn find(catalog: &Catalog, id: &[u8; 16]) -> Result<Option<Merge>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE id = $1 AND undone_at IS NULL");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_vec()).fetch_optional(&mut *tx).await?;
    row.as_ref().map(merge_of).transpose()
}

fn merge_of(row: &AnyRow) -> Result<Merge, ClinicError> {
    let (kind, reason): (String, String) = (row.try_get(2)?, row.try_get(5)?);
    let kind = [Kind::Merged, Kind::Renumbered].into_iter().find(|known| known.name() == kind);
    let undone_at = optional_millis(row, 10)?;
    Ok(Merge {
        id: fixed(row, 0)?,
        seq: count(row.try_get(1)?)?,
        kind: kind.ok_or(ClinicError::CatalogDamaged)?,
        alias: fixed(row, 3)?,
        record: fixed(row, 4)?,
        reason: Reason::parse(&reason).ok_or(ClinicError::CatalogDamaged)?,
        words: row.try_get(6)?,
        by: operator(row, 7)?,
        at: millis(row, 8)?,
        undone: undone_at.map(|at| Ok::<_, ClinicError>((operator(row, 9)?, at))).transpose()?,
    })
}
