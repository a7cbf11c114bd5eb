//! How people show who they are, as the catalog keeps it: a password's hash, the secret of an authenticator, recovery codes.
//!
//! Hashing and checking are the console's; here are rows, and the two things that must be decided in one transaction: that a code is used once, and
//! that a recovery code is.

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::Row;
use zeroize::Zeroizing;

use super::ClinicError;
use crate::store::catalog::{Catalog, WriteTx, int};

/// What a log-in is checked against.
pub struct Credentials {
    /// The password's hash, as a PHC string.
    pub password: String,
    /// The secret that the authenticator has too.
    pub totp: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

/// Those of a person who can log in.
pub async fn of(catalog: &Catalog, person: &OperatorId) -> Result<Option<Credentials>, ClinicError> {
    let mut tx = catalog.read().await?;
    let row = sqlx::query("SELECT phc, totp FROM password WHERE person = $1")
        .bind(person.as_str().to_owned())
        .fetch_optional(&mut *tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Credentials { password: row.try_get(0)?, totp: Zeroizing::new(row.try_get(1)?) }))
}

/// Sets password and authenticator, and takes older recovery codes away. `recovery` are hashes.
pub async fn set(
    tx: &mut WriteTx,
    person: &OperatorId,
    credentials: &Credentials,
    recovery: &[[u8; 32]],
    now: UnixMillis,
) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO password (person, phc, totp, last_step, changed_at) VALUES ($1, $2, $3, 0, $4)
         ON CONFLICT (person) DO UPDATE SET phc = excluded.phc, totp = excluded.totp, last_step = 0, changed_at = excluded.changed_at",
    )
    .bind(person.as_str().to_owned())
    .bind(credentials.password.clone())
    .bind(credentials.totp.to_vec())
    .bind(int(now.0)?)
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM recovery_code WHERE person = $1")
        .bind(person.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    for hash in recovery {
        sqlx::query("INSERT INTO recovery_code (person, hash) VALUES ($1, $2)")
            .bind(person.as_str().to_owned())
            .bind(hash.to_vec())
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Whether a person has a password.
pub async fn has_password(connection: &mut sqlx::AnyConnection, person: &OperatorId) -> Result<bool, ClinicError> {
    let row = sqlx::query("SELECT 1 FROM password WHERE person = $1")
        .bind(person.as_str().to_owned())
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

/// Whether this is still the hash of a person's password.
pub async fn is_current(tx: &mut WriteTx, person: &OperatorId, phc: &str) -> Result<bool, ClinicError> {
    let row = sqlx::query("SELECT 1 FROM password WHERE person = $1 AND phc = $2")
        .bind(person.as_str().to_owned())
        .bind(phc.to_owned())
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.is_some())
}

/// Takes password, authenticator and recovery codes away.
pub async fn remove(tx: &mut WriteTx, person: &OperatorId) -> Result<(), ClinicError> {
    for sql in ["DELETE FROM password WHERE person = $1", "DELETE FROM recovery_code WHERE person = $1"] {
        sqlx::query(sql).bind(person.as_str().to_owned()).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Uses the authenticator's code of `step` up, and those before it. Says whether it was still to be used.
pub async fn use_step(tx: &mut WriteTx, person: &OperatorId, step: u64) -> Result<bool, ClinicError> {
    let done = sqlx::query("UPDATE password SET last_step = $1 WHERE person = $2 AND last_step < $3")
        .bind(int(step)?)
        .bind(person.as_str().to_owned())
        .bind(int(step)?)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Uses a recovery code up. Says whether there was one of this hash.
pub async fn use_recovery_code(tx: &mut WriteTx, person: &OperatorId, hash: &[u8; 32]) -> Result<bool, ClinicError> {
    let done = sqlx::query("DELETE FROM recovery_code WHERE person = $1 AND hash = $2")
        .bind(person.as_str().to_owned())
        .bind(hash.to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}
