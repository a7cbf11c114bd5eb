//! One-time codes with which people begin: the first admin's, which the gateway's terminal shows, and everybody else's, which an admin hands over. A code
//! has 80 random bits, so the catalog may keep its plain hash, and nobody guesses it.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sha2::{Digest, Sha256};
use sqlx::Row;
use zeroize::Zeroizing;

use super::{Clinic, ClinicError, people};
use crate::store::catalog::{WriteTx, int};

/// How long the first admin's code holds.
pub const FIRST_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// How long a colleague's does.
pub const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Bytes of a code: sixteen letters and digits.
const CODE_LEN: usize = 10;

/// A code, as it is read out or typed.
pub struct JoinCode(Zeroizing<[u8; CODE_LEN]>);

impl std::fmt::Debug for JoinCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JoinCode")
    }
}

impl JoinCode {
    fn generate() -> Result<Self, ClinicError> {
        let mut bytes = Zeroizing::new([0; CODE_LEN]);
        SysRng.try_fill_bytes(&mut *bytes).map_err(|_| ClinicError::Randomness)?;
        Ok(Self(bytes))
    }

    /// However it is typed.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let bare: Zeroizing<String> =
            Zeroizing::new(typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase());
        let bytes = Zeroizing::new(BASE32_NOPAD.decode(bare.as_bytes()).ok()?);
        Some(Self(Zeroizing::new(<[u8; CODE_LEN]>::try_from(bytes.as_slice()).ok()?)))
    }

    /// `abcd-efgh-ijkl-mnop`.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let text = Zeroizing::new(BASE32_NOPAD.encode(&*self.0).to_lowercase());
        let groups = (0..text.len()).step_by(4).filter_map(|at| text.get(at..at.saturating_add(4)));
        Zeroizing::new(groups.collect::<Vec<_>>().join("-"))
    }

    fn hash(&self) -> Vec<u8> {
        Sha256::new().chain_update(b"safelight/join").chain_update(*self.0).finalize().to_vec()
    }
}

/// Whom a code is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum For {
    /// Whoever runs the clinic, while there is no admin.
    FirstAdmin,
    /// This person.
    Person(OperatorId),
}

/// A code for the first admin. Those before it hold on for their time: whoever reads a terminal may have any of them. `None` once there is an admin.
///
/// # Errors
/// [`ClinicError`] of the catalog, or without randomness.
pub async fn for_first_admin(clinic: &Clinic, now: UnixMillis) -> Result<Option<JoinCode>, ClinicError> {
    let code = JoinCode::generate()?;
    let mut tx = clinic.catalog.write().await?;
    if people::has_admin(&mut tx).await? {
        return Ok(None);
    }
    sqlx::query("DELETE FROM join_code WHERE until <= $1").bind(int(now.0)?).execute(&mut *tx).await?;
    insert(&mut tx, &code, None, now.plus(FIRST_LIFETIME)).await?;
    tx.commit().await?;
    Ok(Some(code))
}

/// A code for a person, in the place of the one before.
pub async fn for_person(tx: &mut WriteTx, person: &OperatorId, now: UnixMillis) -> Result<JoinCode, ClinicError> {
    let code = JoinCode::generate()?;
    sqlx::query("DELETE FROM join_code WHERE person = $1").bind(person.as_str().to_owned()).execute(&mut **tx).await?;
    insert(tx, &code, Some(person), now.plus(LIFETIME)).await?;
    Ok(code)
}

async fn insert(
    tx: &mut WriteTx,
    code: &JoinCode,
    person: Option<&OperatorId>,
    until: UnixMillis,
) -> Result<(), ClinicError> {
    sqlx::query("INSERT INTO join_code (hash, person, until) VALUES ($1, $2, $3)")
        .bind(code.hash())
        .bind(person.map(|person| person.as_str().to_owned()))
        .bind(int(until.0)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whom a code is for, if it holds at `now`.
pub async fn find(
    connection: &mut sqlx::AnyConnection,
    code: &JoinCode,
    now: UnixMillis,
) -> Result<Option<For>, ClinicError> {
    let row = sqlx::query("SELECT person FROM join_code WHERE hash = $1 AND until > $2")
        .bind(code.hash())
        .bind(int(now.0)?)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let person: Option<String> = row.try_get(0)?;
    match person {
        Some(id) => id.parse().map(|id| Some(For::Person(id))).map_err(|_| ClinicError::CatalogDamaged),
        None if people::has_admin(connection).await? => Ok(None),
        None => Ok(Some(For::FirstAdmin)),
    }
}

/// A code has done its work.
pub async fn used(tx: &mut WriteTx, code: &JoinCode) -> Result<(), ClinicError> {
    sqlx::query("DELETE FROM join_code WHERE hash = $1").bind(code.hash()).execute(&mut **tx).await?;
    Ok(())
}
