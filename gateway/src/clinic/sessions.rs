//! Who is logged in: server-side, so that a session ends when the clinic says so and not when a browser does.
//!
//! A browser holds 256 random bits in a cookie; the catalog holds their SHA-256, so that whoever reads the catalog has nobody's session. One whose browser
//! never comes back is over all the same: it is in no list, and is removed within the hour.

use std::sync::Arc;
use std::time::Duration;

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::Row;
use sqlx::any::AnyRow;
use tokio::time::sleep;

use super::devices::{fixed, millis};
use super::{ClinicError, Running};
use crate::store::catalog::{Catalog, WriteTx, int};

/// A session that was not used for so long is over.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// However much it is used, it is over after this.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Between two looks for those that are over.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);

/// SHA-256 of what the cookie holds.
pub type SessionId = [u8; 32];

/// A session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Whose it is.
    pub person: OperatorId,
    /// When it began.
    pub created_at: UnixMillis,
    /// When it was last used, to about a minute.
    pub seen_at: UnixMillis,
}

impl Session {
    /// Whether it holds no more at `now`. A clock that was set back ends nothing early.
    #[must_use]
    pub fn is_over(&self, now: UnixMillis) -> bool {
        now.since(self.created_at) >= LIFETIME || now.since(self.seen_at) >= IDLE
    }
}

const COLUMNS: &str = "SELECT id, person, created_at, seen_at FROM session";

/// Begins one.
pub async fn begin(tx: &mut WriteTx, id: &SessionId, person: &OperatorId, now: UnixMillis) -> Result<(), ClinicError> {
    sqlx::query("INSERT INTO session (id, person, created_at, seen_at) VALUES ($1, $2, $3, $4)")
        .bind(id.to_vec())
        .bind(person.as_str().to_owned())
        .bind(int(now.0)?)
        .bind(int(now.0)?)
        .execute(&mut **tx)
        .await?;
    sqlx::query("UPDATE person SET logged_in_at = $1 WHERE id = $2")
        .bind(int(now.0)?)
        .bind(person.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// One session.
pub async fn find(catalog: &Catalog, id: &SessionId) -> Result<Option<Session>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_vec()).fetch_optional(&mut *tx).await?;
    row.as_ref().map(session_of).transpose()
}

/// All of a person that hold at `now`, the one that was used last first.
pub async fn of_person(catalog: &Catalog, person: &OperatorId, now: UnixMillis) -> Result<Vec<Session>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} WHERE person = $1 ORDER BY seen_at DESC, id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).fetch_all(&mut *tx).await?;
    let mut held = rows.iter().map(session_of).collect::<Result<Vec<_>, _>>()?;
    held.retain(|session| !session.is_over(now));
    Ok(held)
}

/// It was used at `now`.
pub async fn seen(tx: &mut WriteTx, id: &SessionId, now: UnixMillis) -> Result<(), ClinicError> {
    sqlx::query("UPDATE session SET seen_at = $1 WHERE id = $2")
        .bind(int(now.0)?)
        .bind(id.to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Ends one. Says whether there was one.
pub async fn end(tx: &mut WriteTx, id: &SessionId) -> Result<bool, ClinicError> {
    let done = sqlx::query("DELETE FROM session WHERE id = $1").bind(id.to_vec()).execute(&mut **tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all of a person, and says how many there were.
pub async fn end_all(tx: &mut WriteTx, person: &OperatorId) -> Result<u64, ClinicError> {
    let done = sqlx::query("DELETE FROM session WHERE person = $1")
        .bind(person.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected())
}

/// Removes those that are over, for as long as the process runs.
pub(super) async fn run(running: Arc<Running>) {
    loop {
        if let Err(error) = sweep(&running.clinic.catalog, running.clock.now()).await {
            tracing::error!(%error, "log-ins that are over could not be removed");
        }
        sleep(SWEEP_EVERY).await;
    }
}

async fn sweep(catalog: &Catalog, now: UnixMillis) -> Result<(), ClinicError> {
    let before = |age: Duration| -> Result<i64, ClinicError> {
        Ok(int(now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))?)
    };
    let mut tx = catalog.write().await?;
    sqlx::query("DELETE FROM session WHERE created_at <= $1 OR seen_at <= $2")
        .bind(before(LIFETIME)?)
        .bind(before(IDLE)?)
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}

fn session_of(row: &AnyRow) -> Result<Session, ClinicError> {
    let person: String = row.try_get(1)?;
    Ok(Session {
        id: fixed(row, 0)?,
        person: person.parse().map_err(|_| ClinicError::CatalogDamaged)?,
        created_at: millis(row, 2)?,
        seen_at: millis(row, 3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinic::{people, schema};

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis(1_800_000_000_000 + seconds * 1000)
    }

    #[test]
    fn c13_a_session_is_over_by_idleness_and_by_age_and_not_because_a_clock_was_set_back() {
        let is_over = |created_at, seen_at, now| {
            Session { id: [0; 32], person: "a".parse().unwrap(), created_at, seen_at }.is_over(now)
        };
        assert!(!is_over(at(0), at(0), at(0)));
        assert!(!is_over(at(0), at(0), at(IDLE.as_secs() - 1)));
        assert!(is_over(at(0), at(0), at(IDLE.as_secs())));
        let late = LIFETIME.as_secs();
        assert!(!is_over(at(0), at(late - 2), at(late - 1)));
        assert!(is_over(at(0), at(late - 1), at(late)));
        assert!(!is_over(at(100), at(100), at(0)));
    }

    #[tokio::test]
    async fn c13_what_is_over_is_in_no_list_and_is_swept_and_what_holds_stays() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(folder.path().join(schema::FILE_NAME), &schema::migrations()).await.unwrap();
        let person: OperatorId = "doctor".parse().unwrap();
        let (idle, life) = (IDLE.as_secs(), LIFETIME.as_secs());
        let mut tx = catalog.write().await.unwrap();
        assert_eq!(people::add(&mut tx, &person, "Doctor", at(0)).await.unwrap(), people::Changed::Done);
        // Idle for too long, too old, in use, and of a clock that was set back since.
        for (id, created, seen) in
            [(1, life, life + 1), (2, 0, life + idle), (3, life, life + 2), (4, life + idle + 99, life + idle + 99)]
        {
            begin(&mut tx, &[id; 32], &person, at(created)).await.unwrap();
            super::seen(&mut tx, &[id; 32], at(seen)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let now = at(life + idle + 1);
        let listed: Vec<u8> =
            of_person(&catalog, &person, now).await.unwrap().iter().map(|session| session.id[0]).collect();
        assert_eq!(listed, [4, 3]);
        assert!(find(&catalog, &[1; 32]).await.unwrap().is_some(), "the control");
        sweep(&catalog, now).await.unwrap();
        for (id, stays) in [(1, false), (2, false), (3, true), (4, true)] {
            assert_eq!(find(&catalog, &[id; 32]).await.unwrap().is_some(), stays, "{id}");
        }
    }
}
