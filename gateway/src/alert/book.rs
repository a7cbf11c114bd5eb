//! The alerts, what was counted for them, and what is to be sent of them.

use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::deliver::Way;
use super::rules::{Alarm, Counted, PAST_DAYS, What};
use crate::clinic::ClinicError;
use crate::clinic::access::{AccessError, AccessLog, Actor, Event};
use crate::config::alert::{AlertConfig, Code};
use crate::store::catalog::{Catalog, WriteTx, count, int};

/// For so long the same thing again is the same alert.
pub const SAME_FOR: u64 = 24 * 60 * 60 * 1000;

/// Alerts of one code that are not closed. What comes beyond them is counted in one more, which is about [`MORE`].
pub const MAX_OPEN: u64 = 50;

/// The subject of an alert that stands for all that found no room.
pub const MORE: &str = "more";

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody sees to it.
    Open,
    /// Somebody does.
    Taken,
    /// It is done.
    Closed,
}

impl State {
    /// Every one, in the order in which pages show them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Taken, Self::Closed];

    /// As the catalog and addresses have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Taken => "taken",
            Self::Closed => "closed",
        }
    }

    /// From [`State::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// An alert.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Its name.
    pub id: [u8; 16],
    /// Ascends.
    pub seq: u64,
    /// The rule.
    pub code: Code,
    /// See [`Alarm::subject`].
    pub subject: String,
    /// When it was raised.
    pub first_at: UnixMillis,
    /// When the same thing was seen last.
    pub last_at: UnixMillis,
    /// How often it was.
    pub count: u64,
    /// Where it stands.
    pub state: State,
    /// Who sees to it, or did.
    pub owner: Option<String>,
    /// What they have noted: a whole age file.
    pub note: Option<Vec<u8>>,
}

const COLUMNS: &str = "SELECT id, seq, code, subject, first_at, last_at, count, state, owner, note FROM alert";

/// Raises an alert, or counts it in the one that is there, in the caller's transaction. What is raised is on record, and to be sent by every configured way.
/// Of something that goes on (`stands`) nothing more is said for a day after somebody has closed it.
///
/// # Errors
/// [`ClinicError`].
pub async fn raise(
    tx: &mut WriteTx,
    access: &AccessLog,
    config: &AlertConfig,
    alarm: &Alarm,
    (at, now): (UnixMillis, UnixMillis),
    stands: bool,
) -> Result<(), ClinicError> {
    if seen_again(tx, alarm, at).await? || (stands && was_closed(tx, alarm, now).await?) {
        return Ok(());
    }
    let mut alarm = alarm.clone();
    if not_closed(tx, alarm.code).await? >= MAX_OPEN {
        MORE.clone_into(&mut alarm.subject);
        if seen_again(tx, &alarm, at).await? {
            return Ok(());
        }
    }
    let mut id = [0; 16];
    SysRng.try_fill_bytes(&mut id).map_err(|_| ClinicError::Randomness)?;
    sqlx::query(
        "INSERT INTO alert (id, seq, code, subject, first_at, last_at, count, state)
         VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM alert), $2, $3, $4, $4, 1, 'open')",
    )
    .bind(id.to_vec())
    .bind(alarm.code.name())
    .bind(alarm.subject.clone())
    .bind(int(at.0)?)
    .execute(&mut **tx)
    .await?;
    for way in Way::configured(config) {
        sqlx::query("INSERT INTO alert_delivery (alert, way, next_at) VALUES ($1, $2, $3)")
            .bind(id.to_vec())
            .bind(way.name())
            .bind(int(now.0)?)
            .execute(&mut **tx)
            .await?;
    }
    match access.record(tx, &Actor::Gateway, now, &[Event::AlertRaised(id, alarm.code.name())]).await {
        // A log that has been cut off takes no entry: of all alerts this one must not wait for it.
        Err(AccessError::Log(error)) if alarm.code == Code::LogTrouble => {
            tracing::error!(code = "alert-not-on-record", %error, "an alert about the log could not be put on record");
        }
        recorded => recorded?,
    }
    tracing::warn!(code = "alert", about = alarm.code.name(), "an alert was raised: somebody is to look at it");
    Ok(())
}

/// Counts it in the alert of the same day, if there is one.
async fn seen_again(tx: &mut WriteTx, alarm: &Alarm, at: UnixMillis) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "UPDATE alert SET count = count + 1, last_at = $1 WHERE id = (SELECT id FROM alert
             WHERE code = $2 AND state IN ('open', 'taken') AND subject = $3 AND last_at >= $4 ORDER BY seq DESC LIMIT 1)",
    )
    .bind(int(at.0)?)
    .bind(alarm.code.name())
    .bind(alarm.subject.clone())
    .bind(int(at.0.saturating_sub(SAME_FOR))?)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn was_closed(tx: &mut WriteTx, alarm: &Alarm, now: UnixMillis) -> Result<bool, ClinicError> {
    let row = sqlx::query(
        "SELECT 1 FROM alert WHERE code = $1 AND state = 'closed' AND subject = $2 AND closed_at >= $3 LIMIT 1",
    )
    .bind(alarm.code.name())
    .bind(alarm.subject.clone())
    .bind(int(now.0.saturating_sub(SAME_FOR))?)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.is_some())
}

async fn not_closed(tx: &mut WriteTx, code: Code) -> Result<u64, ClinicError> {
    let row = sqlx::query("SELECT COUNT(*) FROM alert WHERE code = $1 AND state IN ('open', 'taken')")
        .bind(code.name())
        .fetch_one(&mut **tx)
        .await?;
    Ok(count(row.try_get(0)?)?)
}

/// Adds to what is counted, and gives back how many there are in `period` and in the highest of those before. `None` if this patient was counted before.
///
/// # Errors
/// [`ClinicError`].
pub async fn tally(tx: &mut WriteTx, one: &Counted, period: u64) -> Result<Option<(u64, u64)>, ClinicError> {
    if let Some(patient) = &one.patient {
        let done = sqlx::query(
            "INSERT INTO alert_patient (day, person, patient) VALUES ($1, $2, $3) ON CONFLICT (day, person, patient) DO NOTHING",
        )
        .bind(int(period)?)
        .bind(one.person.clone())
        .bind(patient.to_vec())
        .execute(&mut **tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
    }
    sqlx::query(
        "INSERT INTO alert_tally (person, what, period, count) VALUES ($1, $2, $3, $4)
         ON CONFLICT (person, what, period) DO UPDATE SET count = alert_tally.count + excluded.count",
    )
    .bind(one.person.clone())
    .bind(one.what.name())
    .bind(int(period)?)
    .bind(int(one.times)?)
    .execute(&mut **tx)
    .await?;
    let row = sqlx::query(
        "SELECT COALESCE(MAX(CASE WHEN period = $3 THEN count END), 0), COALESCE(MAX(CASE WHEN period < $3 THEN count END), 0)
         FROM alert_tally WHERE person = $1 AND what = $2 AND period >= $4 AND period <= $3",
    )
    .bind(one.person.clone())
    .bind(one.what.name())
    .bind(int(period)?)
    .bind(int(period.saturating_sub(one.what.past()))?)
    .fetch_one(&mut **tx)
    .await?;
    Ok(Some((count(row.try_get(0)?)?, count(row.try_get(1)?)?)))
}

/// Forgets counts that nothing is compared with any more.
///
/// # Errors
/// [`ClinicError`].
pub async fn forget(tx: &mut WriteTx, config: &AlertConfig, now: UnixMillis) -> Result<(), ClinicError> {
    for what in [What::Failures, What::Denied, What::Patients, What::Downloads] {
        sqlx::query("DELETE FROM alert_tally WHERE what = $1 AND period < $2")
            .bind(what.name())
            .bind(int(what.period(now, config).saturating_sub(what.past()))?)
            .execute(&mut **tx)
            .await?;
    }
    // Entries of yesterday may still be to come, after a night without the process.
    let day = What::Patients.period(now, config).saturating_sub(PAST_DAYS);
    sqlx::query("DELETE FROM alert_patient WHERE day < $1").bind(int(day)?).execute(&mut **tx).await?;
    Ok(())
}

/// Alerts of these codes in one state, the newest first, before `before`.
///
/// # Errors
/// [`ClinicError`].
pub async fn list(
    catalog: &Catalog,
    codes: &[Code],
    state: State,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Alert>, ClinicError> {
    let sql = format!("{COLUMNS} WHERE state = $1 AND seq < $2 AND {} ORDER BY seq DESC LIMIT $3", among(codes, 4));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(state.name())
        .bind(before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX))
        .bind(i64::from(limit));
    for code in codes {
        query = query.bind(code.name());
    }
    let mut tx = catalog.read().await?;
    query.fetch_all(&mut *tx).await?.iter().map(alert_of).collect()
}

/// How many of these codes nobody sees to.
///
/// # Errors
/// [`ClinicError`].
pub async fn open_count(catalog: &Catalog, codes: &[Code]) -> Result<u64, ClinicError> {
    let sql = format!("SELECT COUNT(*) FROM alert WHERE state = 'open' AND {}", among(codes, 1));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for code in codes {
        query = query.bind(code.name());
    }
    let mut tx = catalog.read().await?;
    Ok(count(query.fetch_one(&mut *tx).await?.try_get(0)?)?)
}

fn among(codes: &[Code], first: usize) -> String {
    let places: Vec<String> = (first..).take(codes.len()).map(|place| format!("${place}")).collect();
    format!("code IN ({})", places.join(", "))
}

/// One alert.
///
/// # Errors
/// [`ClinicError`].
pub async fn find(catalog: &Catalog, id: &[u8; 16]) -> Result<Option<Alert>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_vec()).fetch_optional(&mut *tx).await?;
    row.as_ref().map(alert_of).transpose()
}

/// Somebody sees to an open alert. Says whether it was open.
///
/// # Errors
/// [`ClinicError`].
pub async fn take(tx: &mut WriteTx, id: &[u8; 16], by: &OperatorId) -> Result<bool, ClinicError> {
    let done = sqlx::query("UPDATE alert SET state = 'taken', owner = $1 WHERE id = $2 AND state = 'open'")
        .bind(by.as_str().to_owned())
        .bind(id.to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Somebody is done with it. Says whether it was not closed before.
///
/// # Errors
/// [`ClinicError`].
pub async fn close(
    tx: &mut WriteTx,
    id: &[u8; 16],
    by: &OperatorId,
    note: Option<Vec<u8>>,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "UPDATE alert SET state = 'closed', owner = $1, note = $2, closed_at = $3 WHERE id = $4 AND state IN ('open', 'taken')",
    )
    .bind(by.as_str().to_owned())
    .bind(note)
    .bind(int(now.0)?)
    .bind(id.to_vec())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What is to be sent by a way now: alerts, and how often each was tried.
pub(super) async fn due(catalog: &Catalog, way: Way, now: UnixMillis) -> Result<Vec<([u8; 16], u32)>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT alert, attempts FROM alert_delivery WHERE next_at <= $1 AND way = $2 ORDER BY next_at LIMIT 16",
    )
    .bind(int(now.0)?)
    .bind(way.name())
    .fetch_all(&mut *tx)
    .await?;
    let one = |row: &AnyRow| Ok((id_of(row)?, u32::try_from(count(row.try_get(1)?)?).unwrap_or(u32::MAX)));
    rows.iter().map(one).collect()
}

/// Keeps what came of sending: when to try again, if at all, and what was wrong, if anything.
pub(super) async fn tried(
    catalog: &Catalog,
    id: &[u8; 16],
    way: Way,
    again: Option<UnixMillis>,
    problem: &'static str,
) -> Result<(), ClinicError> {
    let mut tx = catalog.write().await?;
    sqlx::query(
        "UPDATE alert_delivery SET attempts = attempts + 1, next_at = $1, problem = $2 WHERE alert = $3 AND way = $4",
    )
    .bind(again.map(|again| int(again.0)).transpose()?)
    .bind(problem)
    .bind(id.to_vec())
    .bind(way.name())
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Gives up what is to be sent by a way that is not configured any more.
pub(super) async fn abandon(catalog: &Catalog, way: Way) -> Result<(), ClinicError> {
    let mut tx = catalog.write().await?;
    sqlx::query(
        "UPDATE alert_delivery SET next_at = NULL, problem = 'not-configured' WHERE way = $1 AND next_at IS NOT NULL",
    )
    .bind(way.name())
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// What could not be sent: by way and reason, how many alerts, and whether they are still tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// `webhook` or `mail`.
    pub way: String,
    /// Why, as a stable code.
    pub problem: String,
    /// So many alerts.
    pub alerts: u64,
    /// Of them, so many are still tried.
    pub waiting: u64,
}

/// Everything that could not be sent.
///
/// # Errors
/// [`ClinicError`].
pub async fn undelivered(catalog: &Catalog) -> Result<Vec<Undelivered>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT way, problem, COUNT(*), COUNT(next_at) FROM alert_delivery WHERE problem > '' GROUP BY way, problem ORDER BY way, problem LIMIT 32",
    )
    .fetch_all(&mut *tx)
    .await?;
    let one = |row: &AnyRow| {
        Ok(Undelivered {
            way: row.try_get(0)?,
            problem: row.try_get(1)?,
            alerts: count(row.try_get(2)?)?,
            waiting: count(row.try_get(3)?)?,
        })
    };
    rows.iter().map(one).collect()
}

fn id_of(row: &AnyRow) -> Result<[u8; 16], ClinicError> {
    row.try_get::<Vec<u8>, _>(0)?.try_into().map_err(|_| ClinicError::CatalogDamaged)
}

fn alert_of(row: &AnyRow) -> Result<Alert, ClinicError> {
    let (code, state): (String, String) = (row.try_get(2)?, row.try_get(7)?);
    Ok(Alert {
        id: id_of(row)?,
        seq: count(row.try_get(1)?)?,
        code: Code::parse(&code).ok_or(ClinicError::CatalogDamaged)?,
        subject: row.try_get(3)?,
        first_at: UnixMillis(count(row.try_get(4)?)?),
        last_at: UnixMillis(count(row.try_get(5)?)?),
        count: count(row.try_get(6)?)?,
        state: State::parse(&state).ok_or(ClinicError::CatalogDamaged)?,
        owner: row.try_get(8)?,
        note: row.try_get(9)?,
    })
}
