//! Emergency access ("break-glass"): somebody outside a patient's care team sees the patient for a time, says why, and is asked about it.
//!
//! Whoever has it may give it up before its time. It is over then, and nothing else: its row, its reason and the review that it waits for stay.

use std::time::Duration;

use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::devices::{fixed, millis, operator};
use super::pictures::Handle;
use super::{ClinicError, aliases, care};
use crate::store::catalog::{Catalog, WriteTx, count, int};

/// How long one lasts.
pub const LIFETIME: Duration = Duration::from_secs(4 * 60 * 60);

/// Why, as one of few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Danger that does not wait.
    Acute,
    /// The patient has come to this person.
    Treating,
    /// A colleague asks.
    Consult,
    /// Whatever the words say.
    Other,
}

impl Reason {
    /// Every one, in the order in which pages show them.
    pub const ALL: [Self; 4] = [Self::Acute, Self::Treating, Self::Consult, Self::Other];

    /// As the catalog, the log and forms have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acute => "acute",
            Self::Treating => "treating",
            Self::Consult => "consult",
            Self::Other => "other",
        }
    }

    /// From [`Reason::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// What the privacy officer found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody has looked at it yet.
    Open,
    /// It was right.
    Justified,
    /// It was not.
    NotJustified,
}

impl Verdict {
    /// As the catalog, the log and forms have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::Justified => "justified",
            Self::NotJustified => "not-justified",
        }
    }

    /// From [`Verdict::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Open, Self::Justified, Self::NotJustified].into_iter().find(|verdict| verdict.name() == name)
    }
}

/// One emergency access.
#[derive(Debug, Clone)]
pub struct Emergency {
    /// Its name.
    pub id: [u8; 16],
    /// To whom.
    pub patient: Handle,
    /// Whose.
    pub person: OperatorId,
    /// Why.
    pub reason: Reason,
    /// Why, in words: a whole age file.
    pub words: Vec<u8>,
    /// Since when.
    pub begun_at: UnixMillis,
    /// Until when.
    pub until: UnixMillis,
    /// Whether whoever had it ended it then, before its time.
    pub ended_early: bool,
    /// What was found.
    pub verdict: Verdict,
    /// By whom.
    pub reviewed_by: Option<String>,
}

const COLUMNS: &str =
    "SELECT id, patient, person, reason, words, begun_at, until, verdict, reviewed_by, ended_early FROM emergency";

/// One of a person's that runs. What was ended early is over whatever the clock says later, and so is what was found not to be justified.
const RUNNING: &str = "person = $1 AND until > $2 AND ended_early = 0 AND verdict <> 'not-justified'";

/// How often somebody begins one to the same patient within [`LIFETIME`]: more than once only if they have ended the last.
const MAX_AGAIN: i64 = 3;

/// What came of asking for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// There is one, of this name.
    New([u8; 16]),
    /// They see the patient anyway.
    Sees,
    /// They have begun and ended too many to this patient.
    TooOften,
}

/// Begins one. Not for whoever sees the patient anyway, nor again and again: one who could begin many would bury the one that matters among them.
pub async fn begin(
    tx: &mut WriteTx,
    patient: &Handle,
    person: &OperatorId,
    reason: Reason,
    words: &[u8],
    now: UnixMillis,
) -> Result<Begun, ClinicError> {
    let record = aliases::standing(tx, patient).await?;
    if may_see(tx, &record, person, now).await? {
        return Ok(Begun::Sees);
    }
    let handles = aliases::handles(tx, &record).await?;
    // What a clock that was ahead has begun counts too.
    let sql = format!(
        "SELECT COUNT(*) FROM emergency WHERE person = $1 AND begun_at > $2 AND patient IN ({})",
        aliases::places(3, handles.len())
    );
    let since = now.0.saturating_sub(u64::try_from(LIFETIME.as_millis()).unwrap_or(u64::MAX));
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).bind(int(since)?);
    if aliases::bound(query, &handles).fetch_one(&mut **tx).await?.try_get::<i64, _>(0)? >= MAX_AGAIN {
        return Ok(Begun::TooOften);
    }
    let mut id = [0; 16];
    SysRng.try_fill_bytes(&mut id).map_err(|_| ClinicError::Randomness)?;
    sqlx::query(
        "INSERT INTO emergency (id, patient, person, reason, words, begun_at, until) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id.to_vec())
    .bind(patient.to_vec())
    .bind(person.as_str().to_owned())
    .bind(reason.name())
    .bind(words.to_vec())
    .bind(int(now.0)?)
    .bind(int(now.plus(LIFETIME).0)?)
    .execute(&mut **tx)
    .await?;
    Ok(Begun::New(id))
}

/// Whether `person` sees `patient` at `now`: they treat them, or have emergency access.
pub async fn may_see(
    connection: &mut AnyConnection,
    patient: &Handle,
    person: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    Ok(care::is_on_in(connection, patient, person, now).await? || is_open(connection, patient, person, now).await?)
}

/// Whether `person` has emergency access to `patient`, by whichever number, at `now`.
async fn is_open(
    connection: &mut AnyConnection,
    patient: &Handle,
    person: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let handles = aliases::handles(connection, patient).await?;
    let sql = format!(
        "SELECT 1 FROM emergency WHERE {RUNNING} AND patient IN ({}) LIMIT 1",
        aliases::places(3, handles.len())
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).bind(int(now.0)?);
    let query = aliases::bound(query, &handles);
    Ok(query.fetch_optional(connection).await?.is_some())
}

/// What was begun under a number that is nobody's any more is kept under another.
pub(super) async fn renumbered(tx: &mut WriteTx, from: &Handle, to: &Handle) -> Result<(), ClinicError> {
    sqlx::query("UPDATE emergency SET patient = $1 WHERE patient = $2")
        .bind(to.to_vec())
        .bind(from.to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// To whom a person's emergency accesses that run at `now` are, and until when: the last to end comes first, up to `limit`.
pub async fn running(
    catalog: &Catalog,
    person: &OperatorId,
    now: UnixMillis,
    limit: u32,
) -> Result<Vec<(Handle, UnixMillis)>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("SELECT patient, until FROM emergency WHERE {RUNNING} ORDER BY until DESC LIMIT $3");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(person.as_str().to_owned())
        .bind(int(now.0)?)
        .bind(i64::from(limit))
        .fetch_all(&mut *tx)
        .await?;
    rows.iter().map(|row| Ok((fixed(row, 0)?, millis(row, 1)?))).collect()
}

/// Ends all of a person's that run at `now`, and says which, and to whom each was. Nobody else's.
pub async fn end(
    tx: &mut WriteTx,
    person: &OperatorId,
    now: UnixMillis,
) -> Result<Vec<([u8; 16], Handle)>, ClinicError> {
    let sql = format!("SELECT id, patient FROM emergency WHERE {RUNNING} ORDER BY begun_at, id");
    let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).bind(int(now.0)?);
    let rows = query.fetch_all(&mut **tx).await?;
    let running =
        rows.iter().map(|row| Ok((fixed(row, 0)?, fixed(row, 1)?))).collect::<Result<Vec<_>, ClinicError>>()?;
    for (id, _) in &running {
        sqlx::query("UPDATE emergency SET until = $1, ended_early = 1 WHERE id = $2")
            .bind(int(now.0)?)
            .bind(id.to_vec())
            .execute(&mut **tx)
            .await?;
    }
    Ok(running)
}

/// Where a page of them begins: after the one of this time and name.
pub type Place = (UnixMillis, [u8; 16]);

/// How many the privacy officer has not reviewed.
pub async fn waiting_count(catalog: &Catalog) -> Result<u64, ClinicError> {
    let mut tx = catalog.read().await?;
    let row = sqlx::query("SELECT COUNT(*) FROM emergency WHERE verdict = ''").fetch_one(&mut *tx).await?;
    Ok(count(row.try_get(0)?)?)
}

/// Those that nobody has reviewed, oldest first: up to `limit` after `after`. Whatever comes later stands behind what waits, and hides none of it.
pub async fn waiting(catalog: &Catalog, after: Option<Place>, limit: u32) -> Result<Vec<Emergency>, ClinicError> {
    let (time, id) = after.unwrap_or((UnixMillis(0), [0; 16]));
    let sql = format!("{COLUMNS} WHERE verdict = '' AND (begun_at, id) > ($1, $2) ORDER BY begun_at, id LIMIT $3");
    listed(catalog, &sql, (time, id), limit).await
}

/// Those that somebody has reviewed, newest first: up to `limit` before `before`.
pub async fn reviewed(catalog: &Catalog, before: Option<Place>, limit: u32) -> Result<Vec<Emergency>, ClinicError> {
    let place = before.unwrap_or((UnixMillis(u64::try_from(i64::MAX).unwrap_or_default()), [0; 16]));
    let sql = format!(
        "{COLUMNS} WHERE verdict IN ('justified', 'not-justified') AND (begun_at, id) < ($1, $2)
         ORDER BY begun_at DESC, id DESC LIMIT $3"
    );
    listed(catalog, &sql, place, limit).await
}

async fn listed(catalog: &Catalog, sql: &str, (time, id): Place, limit: u32) -> Result<Vec<Emergency>, ClinicError> {
    let mut tx = catalog.read().await?;
    let query = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).bind(int(time.0)?).bind(id.to_vec());
    query.bind(i64::from(limit)).fetch_all(&mut *tx).await?.iter().map(emergency_of).collect()
}

/// When one was begun: its [`Place`], reviewed or not.
pub async fn place(catalog: &Catalog, id: &[u8; 16]) -> Result<Option<Place>, ClinicError> {
    let mut tx = catalog.read().await?;
    let row =
        sqlx::query("SELECT begun_at FROM emergency WHERE id = $1").bind(id.to_vec()).fetch_optional(&mut *tx).await?;
    row.map(|row| Ok((millis(&row, 0)?, *id))).transpose()
}

/// Whose one that nobody has reviewed is.
pub async fn unreviewed(tx: &mut WriteTx, id: &[u8; 16]) -> Result<Option<OperatorId>, ClinicError> {
    let row = sqlx::query("SELECT person FROM emergency WHERE id = $1 AND verdict = ''")
        .bind(id.to_vec())
        .fetch_optional(&mut **tx)
        .await?;
    row.map(|row| operator(&row, 0)).transpose()
}

/// Keeps what the privacy officer found. Says whether nobody had before.
pub async fn review(
    tx: &mut WriteTx,
    id: &[u8; 16],
    verdict: Verdict,
    by: &OperatorId,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "UPDATE emergency SET verdict = $1, reviewed_by = $2, reviewed_at = $3 WHERE id = $4 AND verdict = ''",
    )
    .bind(verdict.name())
    .bind(by.as_str().to_owned())
    .bind(int(now.0)?)
    .bind(id.to_vec())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn emergency_of(row: &AnyRow) -> Result<Emergency, ClinicError> {
    let (person, reason, verdict): (String, String, String) = (row.try_get(2)?, row.try_get(3)?, row.try_get(7)?);
    Ok(Emergency {
        id: fixed(row, 0)?,
        patient: fixed(row, 1)?,
        person: person.parse().map_err(|_| ClinicError::CatalogDamaged)?,
        reason: Reason::parse(&reason).ok_or(ClinicError::CatalogDamaged)?,
        words: row.try_get(4)?,
        begun_at: millis(row, 5)?,
        until: millis(row, 6)?,
        verdict: Verdict::parse(&verdict).ok_or(ClinicError::CatalogDamaged)?,
        reviewed_by: row.try_get(8)?,
        ended_early: row.try_get::<i64, _>(9)? != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinic::care::tests::{NOW, Place, number, person};

    const HOUR: Duration = Duration::from_secs(60 * 60);

    async fn begins(place: &Place, who: &str, patient: u8) -> [u8; 16] {
        let mut tx = place.catalog.write().await.unwrap();
        let begun = begin(&mut tx, &number(patient), &person(who), Reason::Acute, &[1], NOW).await.unwrap();
        tx.commit().await.unwrap();
        let Begun::New(id) = begun else { panic!("{begun:?}") };
        id
    }

    async fn ends(place: &Place, who: &str, now: UnixMillis) -> Vec<([u8; 16], Handle)> {
        let mut tx = place.catalog.write().await.unwrap();
        let ended = end(&mut tx, &person(who), now).await.unwrap();
        tx.commit().await.unwrap();
        ended
    }

    async fn sees(place: &Place, who: &str, patient: u8, now: UnixMillis) -> bool {
        may_see(&mut place.catalog.read().await.unwrap(), &number(patient), &person(who), now).await.unwrap()
    }

    #[tokio::test]
    async fn c11_somebody_ends_all_of_their_own_at_once_and_nobody_elses_and_once() {
        let place = Place::new().await;
        let mut own = vec![begins(&place, "three", 1).await, begins(&place, "three", 2).await];
        let others = begins(&place, "four", 1).await;
        assert!(sees(&place, "three", 1, NOW).await && sees(&place, "three", 2, NOW).await, "the control");
        assert!(ends(&place, "two", NOW).await.is_empty(), "whoever has none ends none");
        let later = NOW.plus(HOUR);
        let mut ended = ends(&place, "three", later).await;
        own.sort_unstable();
        ended.sort_unstable();
        assert_eq!(ended.iter().map(|(id, _)| *id).collect::<Vec<_>>(), own);
        assert_eq!(running(&place.catalog, &person("three"), later, 9).await.unwrap(), []);
        // Also by a clock that is put back.
        for now in [later, NOW] {
            assert!(!sees(&place, "three", 1, now).await && !sees(&place, "three", 2, now).await);
            assert!(sees(&place, "four", 1, now).await, "nobody else's");
        }
        assert!(ends(&place, "three", later.plus(HOUR)).await.is_empty(), "a second time");

        // Each waits as before, and says when it was over.
        let waiting = waiting(&place.catalog, None, 9).await.unwrap();
        assert_eq!(waiting.len(), 3);
        for one in waiting {
            let (end, early) = if one.id == others { (NOW.plus(LIFETIME), false) } else { (later, true) };
            assert_eq!((one.until, one.ended_early, one.verdict), (end, early, Verdict::Open));
        }
        let mut tx = place.catalog.write().await.unwrap();
        assert_eq!(unreviewed(&mut tx, &own[0]).await.unwrap(), Some(person("three")));
        assert!(review(&mut tx, &own[0], Verdict::Justified, &person("two"), later).await.unwrap());
        tx.commit().await.unwrap();
        // Found justified, it is over all the same. And another one is another one.
        assert!(!sees(&place, "three", 1, later).await && !sees(&place, "three", 2, later).await);
        assert!(!own.contains(&begins(&place, "three", 1).await));
    }

    #[tokio::test]
    async fn c11_nobody_begins_and_ends_again_and_again_to_bury_one_among_many() {
        let place = Place::new().await;
        let begins_at = async |who: &str, patient: u8, now: UnixMillis| {
            let mut tx = place.catalog.write().await.unwrap();
            let begun = begin(&mut tx, &number(patient), &person(who), Reason::Acute, &[1], now).await.unwrap();
            tx.commit().await.unwrap();
            begun
        };
        for minute in 0..3 {
            let now = NOW.plus(Duration::from_secs(60 * minute));
            assert!(matches!(begins_at("three", 1, now).await, Begun::New(_)));
            assert_eq!(begins_at("three", 1, now).await, Begun::Sees);
            let runs = running(&place.catalog, &person("three"), now, 9).await.unwrap();
            assert_eq!(runs, [(number(1), now.plus(LIFETIME))]);
            assert_eq!(ends(&place, "three", now).await.len(), 1);
        }
        let now = NOW.plus(HOUR);
        // Also by a clock that is put back.
        for now in [now, UnixMillis(NOW.0 - 1)] {
            assert_eq!(begins_at("three", 1, now).await, Begun::TooOften);
        }
        assert!(matches!(begins_at("three", 2, now).await, Begun::New(_)), "another patient");
        assert!(matches!(begins_at("four", 1, now).await, Begun::New(_)), "another person");
        let later = NOW.plus(LIFETIME).plus(HOUR);
        assert!(matches!(begins_at("three", 1, later).await, Begun::New(_)));
        assert_eq!(
            running(&place.catalog, &person("three"), later, 9).await.unwrap(),
            [(number(1), later.plus(LIFETIME))]
        );
    }

    #[tokio::test]
    async fn c11_whoever_is_on_the_team_meanwhile_sees_the_patient_after_the_end_too() {
        let place = Place::new().await;
        begins(&place, "three", 2).await;
        place.does("INSERT INTO care (patient, person, since) SELECT patient, person, 1 FROM emergency").await;
        assert_eq!(ends(&place, "three", NOW).await.len(), 1);
        assert!(sees(&place, "three", 2, NOW).await);
    }

    #[tokio::test]
    async fn c11_what_was_over_is_not_ended_again() {
        let place = Place::new().await;
        let wrong = begins(&place, "three", 1).await;
        let mut tx = place.catalog.write().await.unwrap();
        assert!(review(&mut tx, &wrong, Verdict::NotJustified, &person("two"), NOW).await.unwrap());
        tx.commit().await.unwrap();
        begins(&place, "three", 2).await;
        let after = NOW.plus(LIFETIME);
        assert!(ends(&place, "three", after).await.is_empty());
        assert_eq!(ends(&place, "three", NOW).await.len(), 1, "the control");
        let [reviewed] = reviewed(&place.catalog, None, 9).await.unwrap().try_into().unwrap();
        assert_eq!((reviewed.until, reviewed.ended_early), (after, false));
    }
}
