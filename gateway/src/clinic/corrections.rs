//! Pictures that somebody says are of another patient, or should not be there: set aside at once, and decided by their author or the privacy officer.
//!
//! The signed manifest and the sealed label stay as the phone made them: they are the evidence. What was decided is a row beside them, and the picture's patient
//! in the catalog follows it.

use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::manifest::OperatorId;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::devices::{fixed, millis, operator};
use super::pictures::{Handle, Picture};
use super::{ClinicError, access_index, care};
use crate::store::catalog::{Catalog, WriteTx, int};

/// Shown at most: the oldest first, since they wait longest.
const MAX_LISTED: u32 = 500;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complaint {
    /// It shows somebody else.
    WrongPatient,
    /// It should not have been taken, or kept.
    NotWanted,
}

impl Complaint {
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

    /// From [`Complaint::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|complaint| complaint.name() == name)
    }

    /// Why the picture is quarantined meanwhile.
    const fn quarantine(self) -> &'static str {
        match self {
            Self::WrongPatient => "reported-wrong-patient",
            Self::NotWanted => "reported-not-wanted",
        }
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is wrong with it: it is where it was.
    Right,
    /// It is this patient's.
    Moved(Handle),
    /// It stays out of sight.
    Withdrawn,
}

impl Outcome {
    /// As the catalog, the log and forms have it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Moved(_) => "moved",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The reason of a quarantine that stays.
const WITHDRAWN: &str = "withdrawn";

/// What a moved picture is flagged with: its label names somebody else.
pub const CORRECTED: &str = "patient-corrected";

/// A complaint that nobody has decided yet.
#[derive(Debug, Clone)]
pub struct Correction {
    /// Its name.
    pub id: [u8; 16],
    /// Of which picture.
    pub capture: CaptureId,
    /// Whose it was said to be.
    pub patient: Handle,
    /// Who took it, as its manifest says.
    pub author: String,
    /// What is wrong.
    pub complaint: Complaint,
    /// Who says so.
    pub reported_by: OperatorId,
    /// Since when.
    pub reported_at: UnixMillis,
    /// In words: a whole age file, or nothing.
    pub words: Vec<u8>,
}

const COLUMNS: &str = "SELECT id, capture, patient, author, kind, reported_by, reported_at, words FROM correction";

/// Sets a verified picture aside, and says the complaint's name; `None` if it is not verified any more.
pub async fn report(
    tx: &mut WriteTx,
    (picture, patient): (&Picture, &Handle),
    complaint: Complaint,
    by: &OperatorId,
    words: &[u8],
    now: UnixMillis,
) -> Result<Option<[u8; 16]>, ClinicError> {
    let done =
        sqlx::query("UPDATE picture SET state = 'quarantined', reason = $1 WHERE capture = $2 AND state = 'verified'")
            .bind(complaint.quarantine())
            .bind(picture.capture.as_bytes().to_vec())
            .execute(&mut **tx)
            .await?;
    if done.rows_affected() != 1 {
        return Ok(None);
    }
    let mut id = [0; 16];
    SysRng.try_fill_bytes(&mut id).map_err(|_| ClinicError::Randomness)?;
    sqlx::query(
        "INSERT INTO correction (id, capture, patient, author, kind, reported_by, reported_at, words)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id.to_vec())
    .bind(picture.capture.as_bytes().to_vec())
    .bind(patient.to_vec())
    .bind(picture.operator.clone())
    .bind(complaint.name())
    .bind(by.as_str().to_owned())
    .bind(int(now.0)?)
    .bind(words.to_vec())
    .execute(&mut **tx)
    .await?;
    Ok(Some(id))
}

/// Those that wait, of every author.
pub async fn open(catalog: &Catalog) -> Result<Vec<Correction>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE outcome = '' ORDER BY reported_at, id LIMIT $1");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(i64::from(MAX_LISTED)).fetch_all(&mut *tx).await?;
    rows.iter().map(correction_of).collect()
}

/// Those that wait, of pictures that this person has taken.
pub async fn open_of(catalog: &Catalog, author: &OperatorId) -> Result<Vec<Correction>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE author = $1 AND outcome = '' ORDER BY reported_at, id LIMIT $2");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(author.as_str().to_owned())
        .bind(i64::from(MAX_LISTED))
        .fetch_all(&mut *tx)
        .await?;
    rows.iter().map(correction_of).collect()
}

/// One that waits.
pub async fn find(catalog: &Catalog, id: &[u8; 16]) -> Result<Option<Correction>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE id = $1 AND outcome = ''");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_vec()).fetch_optional(&mut *tx).await?;
    row.as_ref().map(correction_of).transpose()
}

/// Decides. Says whether nobody had before.
pub async fn decide(
    tx: &mut WriteTx,
    correction: &Correction,
    outcome: &Outcome,
    by: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let to = match outcome {
        Outcome::Moved(to) => Some(to.to_vec()),
        Outcome::Right | Outcome::Withdrawn => None,
    };
    let done = sqlx::query(
        "UPDATE correction SET outcome = $1, moved_to = $2, decided_by = $3, decided_at = $4 WHERE id = $5 AND outcome = ''",
    )
    .bind(outcome.name())
    .bind(to)
    .bind(by.as_str().to_owned())
    .bind(int(now.0)?)
    .bind(correction.id.to_vec())
    .execute(&mut **tx)
    .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    match outcome {
        Outcome::Right => back_in_sight(tx, correction, &correction.patient).await?,
        Outcome::Moved(to) => {
            back_in_sight(tx, correction, to).await?;
            access_index::moved(tx, correction.capture, to).await?;
            flag(tx, correction).await?;
            care::left_by_correction(tx, &correction.patient, &correction.author, now).await?;
            care::joined(tx, to, &correction.author, now).await?;
        }
        Outcome::Withdrawn => {
            sqlx::query("UPDATE picture SET reason = $1 WHERE capture = $2")
                .bind(WITHDRAWN)
                .bind(correction.capture.as_bytes().to_vec())
                .execute(&mut **tx)
                .await?;
        }
    }
    Ok(true)
}

async fn back_in_sight(tx: &mut WriteTx, correction: &Correction, patient: &Handle) -> Result<(), ClinicError> {
    sqlx::query("UPDATE picture SET state = 'verified', reason = '', patient = $1 WHERE capture = $2")
        .bind(patient.to_vec())
        .bind(correction.capture.as_bytes().to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn flag(tx: &mut WriteTx, correction: &Correction) -> Result<(), ClinicError> {
    sqlx::query(
        "UPDATE picture SET flags = CASE flags WHEN '' THEN $1 ELSE flags || ' ' || $1 END
         WHERE capture = $2 AND (' ' || flags || ' ') NOT LIKE $3",
    )
    .bind(CORRECTED)
    .bind(correction.capture.as_bytes().to_vec())
    .bind(format!("% {CORRECTED} %"))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn correction_of(row: &AnyRow) -> Result<Correction, ClinicError> {
    let kind: String = row.try_get(4)?;
    Ok(Correction {
        id: fixed(row, 0)?,
        capture: CaptureId::from_bytes(fixed(row, 1)?),
        patient: fixed(row, 2)?,
        author: row.try_get(3)?,
        complaint: Complaint::parse(&kind).ok_or(ClinicError::CatalogDamaged)?,
        reported_by: operator(row, 5)?,
        reported_at: millis(row, 6)?,
        words: row.try_get(7)?,
    })
}
