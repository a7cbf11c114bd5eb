//! Pictures that somebody has reported, and what came of it. A reported picture is shown to nobody until its author or the privacy officer decides.
//!
//! What the phone has signed and sealed stays as it is: it is evidence. Whose a picture is says the catalog, and a row here says why that is not what
//! the label says. A picture is judged once, when it comes, so nothing that runs later puts it back.
//!
//! A report names the number under which the picture is filed, and not the record that stands for it: that may change while the report waits.

use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::manifest::OperatorId;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::aliases::{self, Numbered};
use super::because::Because;
use super::devices::{fixed, millis};
use super::pictures::{self, Handle, Picture};
use super::{ClinicError, access_index, care};
use crate::store::catalog::{Catalog, WriteTx, count, int};

/// Shown at most: the oldest that are open.
const MAX_LISTED: u32 = 200;

/// What is wrong with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is another patient's.
    WrongPatient,
    /// It should not be there.
    NotWanted,
}

impl Kind {
    /// Every one, in the order in which pages show them.
    pub const ALL: [Self; 2] = [Self::WrongPatient, Self::NotWanted];

    /// As the catalog, the log and forms have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WrongPatient => "wrong-patient",
            Self::NotWanted => "not-wanted",
        }
    }

    /// From [`Kind::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Why the picture is quarantined.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::WrongPatient => "reported-wrong-patient",
            Self::NotWanted => "reported-not-wanted",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It was right.
    Restored,
    /// It is filed under this number, and is the patient's who has it.
    Moved(Numbered),
    /// It stays unseen for good.
    Withdrawn,
}

impl Decision {
    const fn name(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Moved(_) => MOVED,
            Self::Withdrawn => "withdrawn",
        }
    }
}

const MOVED: &str = "moved";

/// What came of it, as the catalog has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was right.
    Restored,
    /// It was filed under this number instead.
    Moved(Handle),
    /// It stays unseen for good.
    Withdrawn,
}

impl Outcome {
    fn parse(name: &str, moved_to: Option<Handle>) -> Result<Self, ClinicError> {
        match (name, moved_to) {
            ("restored", _) => Ok(Self::Restored),
            (MOVED, Some(number)) => Ok(Self::Moved(number)),
            ("withdrawn", _) => Ok(Self::Withdrawn),
            _ => Err(ClinicError::CatalogDamaged),
        }
    }
}

/// A report.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its name.
    pub id: [u8; 16],
    /// Of which picture.
    pub capture: CaptureId,
    /// What is wrong.
    pub kind: Kind,
    /// Under which number the picture was filed then.
    pub filed: Handle,
    /// In words: a whole age file, or no bytes where nothing was said.
    pub words: Vec<u8>,
    /// Who said so.
    pub reported_by: OperatorId,
    /// When.
    pub reported_at: UnixMillis,
}

/// A report that was decided.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The report.
    pub report: Report,
    /// What came of it.
    pub outcome: Outcome,
    /// Who decided.
    pub by: OperatorId,
    /// When.
    pub at: UnixMillis,
    /// Why, in words: a whole age file, or no bytes where nothing was said.
    pub words: Vec<u8>,
}

/// That a picture was given to another patient.
#[derive(Debug, Clone)]
pub struct Corrected {
    /// By whom.
    pub by: OperatorId,
    /// When.
    pub at: UnixMillis,
}

const DECIDED: &str =
    "SELECT correction.id, correction.capture, kind, correction.patient, words, reported_by, reported_at, outcome,
    decided_by, decided_at, decided_words, moved_to FROM correction";

const COLUMNS: &str = "SELECT correction.id, correction.capture, kind, correction.patient, words, reported_by, reported_at FROM correction";

/// Takes a verified picture out of everybody's sight, and says the report's name; nothing if it is not in sight any more.
pub async fn report(
    tx: &mut WriteTx,
    (capture, patient): (CaptureId, &Handle),
    kind: Kind,
    words: &[u8],
    by: &OperatorId,
    now: UnixMillis,
) -> Result<Option<[u8; 16]>, ClinicError> {
    let done = sqlx::query(
        "UPDATE picture SET state = 'quarantined', reason = $1 WHERE capture = $2 AND state = 'verified' AND patient = $3",
    )
    .bind(kind.reason())
    .bind(capture.as_bytes().to_vec())
    .bind(patient.to_vec())
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() != 1 {
        return Ok(None);
    }
    let mut id = [0; 16];
    SysRng.try_fill_bytes(&mut id).map_err(|_| ClinicError::Randomness)?;
    sqlx::query(
        "INSERT INTO correction (id, kind, words, reported_by, reported_at, capture, patient, author)
         SELECT $1, $2, $3, $4, $5, capture, filed, operator FROM picture WHERE capture = $6",
    )
    .bind(id.to_vec())
    .bind(kind.name())
    .bind(words.to_vec())
    .bind(by.as_str().to_owned())
    .bind(int(now.0)?)
    .bind(capture.as_bytes().to_vec())
    .execute(&mut **tx)
    .await?;
    Ok(Some(id))
}

/// Reports that wait, oldest first: of pictures that `author` has taken, or of all.
pub async fn open(catalog: &Catalog, author: Option<&OperatorId>) -> Result<Vec<Report>, ClinicError> {
    let mut tx = catalog.read().await?;
    let of_author = "JOIN picture ON picture.capture = correction.capture WHERE operator = $1 AND";
    let (whose, author) = author.map_or(("WHERE $1 = '' AND", ""), |author| (of_author, author.as_str()));
    let sql = format!("{COLUMNS} {whose} outcome = '' ORDER BY reported_at, correction.id LIMIT $2");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(author.to_owned()).bind(i64::from(MAX_LISTED));
    query.fetch_all(&mut *tx).await?.iter().map(report_of).collect()
}

/// Where a page of decided reports begins: after the one of this time and name.
pub type Place = (UnixMillis, [u8; 16]);

/// Decided reports, newest decision first: of pictures that `author` has taken, or of all; up to `limit` after `after`.
pub async fn decided(
    catalog: &Catalog,
    author: Option<&OperatorId>,
    after: Option<Place>,
    limit: u32,
) -> Result<Vec<Settled>, ClinicError> {
    let (time, id) = after.unwrap_or((UnixMillis(u64::try_from(i64::MAX).unwrap_or_default()), [0; 16]));
    let sql = match author {
        Some(_) => format!(
            "{DECIDED} WHERE author = $1 AND (decided_at, id) < ($2, $3) ORDER BY decided_at DESC, id DESC LIMIT $4"
        ),
        None => format!("{DECIDED} WHERE (decided_at, id) < ($1, $2) ORDER BY decided_at DESC, id DESC LIMIT $3"),
    };
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    if let Some(author) = author {
        query = query.bind(author.as_str().to_owned());
    }
    let query = query.bind(int(time.0)?).bind(id.to_vec()).bind(i64::from(limit));
    let mut tx = catalog.read().await?;
    query.fetch_all(&mut *tx).await?.iter().map(settled_of).collect()
}

/// How many wait for a decision: of everybody, or of this author.
pub async fn waiting_count(catalog: &Catalog, author: Option<&OperatorId>) -> Result<u64, ClinicError> {
    let mut tx = catalog.read().await?;
    let query = match author {
        None => sqlx::query("SELECT COUNT(*) FROM correction WHERE outcome = ''"),
        Some(author) => sqlx::query("SELECT COUNT(*) FROM correction WHERE author = $1 AND decided_at IS NULL")
            .bind(author.as_str().to_owned()),
    };
    Ok(count(query.fetch_one(&mut *tx).await?.try_get(0)?)?)
}

/// When a report was decided: [`Place`] of one that was. Of `author`, if there is one, and nobody else.
pub async fn place(
    catalog: &Catalog,
    author: Option<&OperatorId>,
    id: &[u8; 16],
) -> Result<Option<Place>, ClinicError> {
    let mut tx = catalog.read().await?;
    let row = sqlx::query("SELECT decided_at, author FROM correction WHERE id = $1 AND decided_at IS NOT NULL")
        .bind(id.to_vec())
        .fetch_optional(&mut *tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let whose: String = row.try_get(1)?;
    Ok(Some((millis(&row, 0)?, *id)).filter(|_| author.is_none_or(|author| author.as_str() == whose)))
}

/// One that waits.
pub async fn find(catalog: &Catalog, id: &[u8; 16]) -> Result<Option<Report>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE id = $1 AND outcome = ''");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_vec()).fetch_optional(&mut *tx).await?;
    row.as_ref().map(report_of).transpose()
}

/// What came of deciding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Decided {
    /// It is decided.
    Done {
        /// The author's membership by the number under which it was has ended.
        left: bool,
    },
    /// Somebody else has decided it.
    Already,
    /// The number to which it was to go has become another record's, or nobody's, or whoever decides does not treat its patient any more.
    Changed,
}

/// As what somebody decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decider {
    /// Whoever took the picture: it goes to a patient whom they treat, and emergency access is not enough. Their own word makes that no longer.
    Author,
    /// The privacy officer: it goes to anybody, and its author treats them from then on.
    Officer,
}

/// Decides a report that waits. Where a picture goes is asked again here: under a number that is nobody's any more, nobody would find it.
pub async fn decide(
    tx: &mut WriteTx,
    (report, picture): (&Report, &Picture),
    decision: Decision,
    decider: Decider,
    why: Because<'_>,
) -> Result<Decided, ClinicError> {
    if let Decision::Moved(to) = &decision {
        let may = decider == Decider::Officer || care::is_on_in(tx, &to.record, why.by, why.at).await?;
        if !may || !aliases::holds(tx, to).await? {
            return Ok(Decided::Changed);
        }
    }
    let (state, reason, moved_to) = match decision {
        Decision::Restored => ("verified", "", None),
        Decision::Moved(to) => ("verified", "", Some(to.number.to_vec())),
        Decision::Withdrawn => ("quarantined", "withdrawn", None),
    };
    let done = sqlx::query(
        "UPDATE correction SET outcome = $1, moved_to = $2, decided_by = $3, decided_at = $4, decided_words = $5
         WHERE id = $6 AND outcome = ''",
    )
    .bind(decision.name())
    .bind(moved_to)
    .bind(why.by.as_str().to_owned())
    .bind(int(why.at.0)?)
    .bind(why.words.to_vec())
    .bind(report.id.to_vec())
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() != 1 {
        return Ok(Decided::Already);
    }
    sqlx::query("UPDATE picture SET state = $1, reason = $2 WHERE capture = $3")
        .bind(state)
        .bind(reason)
        .bind(report.capture.as_bytes().to_vec())
        .execute(&mut **tx)
        .await?;
    let is_elsewhere = match decision {
        Decision::Restored => false,
        Decision::Moved(to) => to.number != report.filed,
        Decision::Withdrawn => true,
    };
    if let Decision::Moved(to) = decision {
        pictures::file(tx, report.capture, &to.number).await?;
        access_index::moved(tx, report.capture, &to.number).await?;
        if decider == Decider::Officer {
            care::joined(tx, &to.number, &picture.operator, why.at).await?;
        }
    }
    // A picture that nobody sees lets nobody see its patient.
    let author: Option<OperatorId> = picture.operator.parse().ok();
    let left = match &author {
        Some(author) if is_elsewhere => care::left(tx, &report.filed, author).await?,
        _ => false,
    };
    Ok(Decided::Done { left })
}

/// Whether a picture was given to another patient than its label says, and by whom last.
pub async fn of_picture(catalog: &Catalog, capture: CaptureId) -> Result<Option<Corrected>, ClinicError> {
    let mut tx = catalog.read().await?;
    let row = sqlx::query(
        "SELECT decided_by, decided_at FROM correction WHERE capture = $1 AND outcome = $2 ORDER BY decided_at DESC LIMIT 1",
    )
    .bind(capture.as_bytes().to_vec())
    .bind(MOVED)
    .fetch_optional(&mut *tx)
    .await?;
    row.map(|row| Ok(Corrected { by: person(&row, 0)?, at: millis(&row, 1)? })).transpose()
}

/// The pictures that are a record's now and were another patient's: as many as people have moved there by hand.
pub async fn moved_to(catalog: &Catalog, record: &Handle) -> Result<Vec<CaptureId>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT capture FROM picture WHERE patient = $1
             AND EXISTS (SELECT 1 FROM correction WHERE correction.capture = picture.capture AND outcome = 'moved')",
    )
    .bind(record.to_vec())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(|row| fixed(row, 0).map(CaptureId::from_bytes)).collect()
}

/// Whether it was.
pub async fn is_moved(catalog: &Catalog, capture: CaptureId) -> Result<bool, ClinicError> {
    Ok(of_picture(catalog, capture).await?.is_some())
}

fn report_of(row: &AnyRow) -> Result<Report, ClinicError> {
    let kind: String = row.try_get(2)?;
    Ok(Report {
        id: fixed(row, 0)?,
        capture: CaptureId::from_bytes(fixed(row, 1)?),
        kind: Kind::parse(&kind).ok_or(ClinicError::CatalogDamaged)?,
        filed: fixed(row, 3)?,
        words: row.try_get(4)?,
        reported_by: person(row, 5)?,
        reported_at: millis(row, 6)?,
    })
}

fn settled_of(row: &AnyRow) -> Result<Settled, ClinicError> {
    let outcome: String = row.try_get(7)?;
    let (words, moved_to): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.try_get(10)?, row.try_get(11)?);
    let moved_to = moved_to.map(|to| to.try_into().map_err(|_| ClinicError::CatalogDamaged)).transpose()?;
    Ok(Settled {
        report: report_of(row)?,
        outcome: Outcome::parse(&outcome, moved_to)?,
        by: person(row, 8)?,
        at: millis(row, 9)?,
        // Decided before there were words.
        words: words.unwrap_or_default(),
    })
}

fn person(row: &AnyRow, column: usize) -> Result<OperatorId, ClinicError> {
    let id: String = row.try_get(column)?;
    id.parse().map_err(|_| ClinicError::CatalogDamaged)
}

#[cfg(test)]
mod tests;
