//! Passkeys as the catalog keeps them: public keys and counters, with the name that their owner gave them. Making and checking them is the console's.

use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::Row;
use webauthn_rs::prelude::Passkey;

use super::ClinicError;
use super::devices::{fixed, millis, optional_millis};
use crate::store::catalog::{Catalog, WriteTx, count, int};

/// Of one person: somebody with more has lost sight of them.
pub const MAX_PER_PERSON: u64 = 10;

/// Longest id of a credential, in bytes (Web Authentication level 3, section 5.1.3, allows no longer one).
pub const MAX_CREDENTIAL_LEN: usize = 1023;

/// What an authenticator keeps with a passkey, to say whose it is.
pub type UserHandle = [u8; 16];

/// One that a person has, as their page lists it.
#[derive(Debug, Clone)]
pub struct Held {
    /// The credential's id.
    pub credential: Vec<u8>,
    /// What they call it.
    pub name: String,
    /// Since when.
    pub added_at: UnixMillis,
    /// When somebody last logged in with it.
    pub used_at: Option<UnixMillis>,
}

/// A person's, the oldest first.
///
/// # Errors
/// [`ClinicError`] of the catalog.
pub async fn of(catalog: &Catalog, person: &OperatorId) -> Result<Vec<Held>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT credential, name, added_at, used_at FROM passkey WHERE person = $1 ORDER BY added_at, credential",
    )
    .bind(person.as_str().to_owned())
    .fetch_all(&mut *tx)
    .await?;
    let held = |row: &sqlx::any::AnyRow| {
        Ok(Held {
            credential: row.try_get(0)?,
            name: row.try_get(1)?,
            added_at: millis(row, 2)?,
            used_at: optional_millis(row, 3)?,
        })
    };
    rows.iter().map(held).collect()
}

/// How many a person has.
///
/// # Errors
/// [`ClinicError`] of the catalog.
pub async fn how_many(connection: &mut sqlx::AnyConnection, person: &OperatorId) -> Result<u64, ClinicError> {
    let row = sqlx::query("SELECT COUNT(*) FROM passkey WHERE person = $1")
        .bind(person.as_str().to_owned())
        .fetch_one(connection)
        .await?;
    Ok(count(row.try_get(0)?)?)
}

/// Whose a passkey is, and what it is checked against.
///
/// # Errors
/// [`ClinicError`] of the catalog.
pub async fn find(
    connection: &mut sqlx::AnyConnection,
    credential: &[u8],
    handle: &UserHandle,
) -> Result<Option<(OperatorId, Passkey)>, ClinicError> {
    let row = sqlx::query(
        "SELECT passkey.person, passkey.passkey FROM passkey
         JOIN passkey_user ON passkey_user.person = passkey.person WHERE credential = $1 AND handle = $2",
    )
    .bind(credential.to_vec())
    .bind(handle.to_vec())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (person, passkey): (String, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
    let person = person.parse().map_err(|_| ClinicError::CatalogDamaged)?;
    Ok(Some((person, serde_json::from_slice(&passkey).map_err(|_| ClinicError::CatalogDamaged)?)))
}

/// What authenticators keep of this person; made when it is first asked for.
///
/// # Errors
/// [`ClinicError`] of the catalog, or without randomness.
pub async fn handle_of(tx: &mut WriteTx, person: &OperatorId) -> Result<UserHandle, ClinicError> {
    let fresh = random_handle()?;
    sqlx::query("INSERT INTO passkey_user (person, handle) VALUES ($1, $2) ON CONFLICT (person) DO NOTHING")
        .bind(person.as_str().to_owned())
        .bind(fresh.to_vec())
        .execute(&mut **tx)
        .await?;
    let row = sqlx::query("SELECT handle FROM passkey_user WHERE person = $1")
        .bind(person.as_str().to_owned())
        .fetch_one(&mut **tx)
        .await?;
    fixed(&row, 0)
}

/// A handle for whoever is not in the catalog yet, for [`claim`].
///
/// # Errors
/// [`ClinicError::Randomness`].
pub fn random_handle() -> Result<UserHandle, ClinicError> {
    let mut handle = [0; 16];
    SysRng.try_fill_bytes(&mut handle).map_err(|_| ClinicError::Randomness)?;
    Ok(handle)
}

/// Gives a person this handle, in the place of any other: theirs has no passkeys any more.
///
/// # Errors
/// [`ClinicError`] of the catalog.
pub async fn claim(tx: &mut WriteTx, person: &OperatorId, handle: &UserHandle) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO passkey_user (person, handle) VALUES ($1, $2)
         ON CONFLICT (person) DO UPDATE SET handle = excluded.handle",
    )
    .bind(person.as_str().to_owned())
    .bind(handle.to_vec())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Adds one. Says whether it is new: nobody's passkey becomes somebody else's.
///
/// # Errors
/// [`ClinicError`] of the catalog.
pub async fn add(
    tx: &mut WriteTx,
    person: &OperatorId,
    name: &str,
    passkey: &Passkey,
    now: UnixMillis,
) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "INSERT INTO passkey (credential, person, name, passkey, added_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (credential) DO NOTHING",
    )
    .bind(passkey.cred_id().to_vec())
    .bind(person.as_str().to_owned())
    .bind(name.to_owned())
    .bind(written(passkey)?)
    .bind(int(now.0)?)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Somebody has logged in with one, which may have counted on.
///
/// # Errors
/// [`ClinicError`] of the catalog.
pub async fn used(tx: &mut WriteTx, passkey: &Passkey, now: UnixMillis) -> Result<(), ClinicError> {
    sqlx::query("UPDATE passkey SET passkey = $1, used_at = $2 WHERE credential = $3")
        .bind(written(passkey)?)
        .bind(int(now.0)?)
        .bind(passkey.cred_id().to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Takes one of a person's away. Says whether there was one.
///
/// # Errors
/// [`ClinicError`] of the catalog.
pub async fn remove(tx: &mut WriteTx, person: &OperatorId, credential: &[u8]) -> Result<bool, ClinicError> {
    let done = sqlx::query("DELETE FROM passkey WHERE person = $1 AND credential = $2")
        .bind(person.as_str().to_owned())
        .bind(credential.to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes all of a person's away.
///
/// # Errors
/// [`ClinicError`] of the catalog.
pub async fn remove_all(tx: &mut WriteTx, person: &OperatorId) -> Result<(), ClinicError> {
    sqlx::query("DELETE FROM passkey WHERE person = $1").bind(person.as_str().to_owned()).execute(&mut **tx).await?;
    Ok(())
}

fn written(passkey: &Passkey) -> Result<Vec<u8>, ClinicError> {
    serde_json::to_vec(passkey).map_err(|_| ClinicError::CatalogDamaged)
}
