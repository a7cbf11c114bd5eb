//! Who may take pictures out of the console. Nobody may by role: an admin gives it to a person, and takes it back.
//!
//! Attacker: somebody who was shut out or was no clinician for a while, and comes back. The right goes with the account and with the role, as a place in a
//! team does, and does not come back with them.

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sqlx::Row;

use super::ClinicError;
use super::people::Changed;
use crate::store::catalog::{Catalog, WriteTx, int};

/// Why a picture is taken out, as one of few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A colleague elsewhere treats the patient too.
    Referral,
    /// The patient asked for it.
    Patient,
    /// Teaching, or a publication.
    Teaching,
    /// Whatever the words say.
    Other,
}

impl Purpose {
    /// Every one, in the order in which pages show them.
    pub const ALL: [Self; 4] = [Self::Referral, Self::Patient, Self::Teaching, Self::Other];

    /// As the log and forms have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Referral => "referral",
            Self::Patient => "patient",
            Self::Teaching => "teaching",
            Self::Other => "other",
        }
    }

    /// From [`Purpose::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

/// Whether `person` may.
pub async fn may(catalog: &Catalog, person: &OperatorId) -> Result<bool, ClinicError> {
    let mut tx = catalog.read().await?;
    let row = sqlx::query("SELECT 1 FROM download_right WHERE person = $1")
        .bind(person.as_str().to_owned())
        .fetch_optional(&mut *tx)
        .await?;
    Ok(row.is_some())
}

/// Everybody who may, by id.
pub async fn list(catalog: &Catalog) -> Result<Vec<String>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query("SELECT person FROM download_right ORDER BY person").fetch_all(&mut *tx).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Gives the right to a person.
pub async fn grant(tx: &mut WriteTx, person: &OperatorId, now: UnixMillis) -> Result<Changed, ClinicError> {
    let done = sqlx::query(
        "INSERT INTO download_right (person, granted_at) SELECT id, $1 FROM person WHERE id = $2
         ON CONFLICT (person) DO NOTHING",
    )
    .bind(int(now.0)?)
    .bind(person.as_str().to_owned())
    .execute(&mut **tx)
    .await?;
    Ok(if done.rows_affected() == 1 { Changed::Done } else { Changed::Nothing })
}

/// Takes it back.
pub async fn withdraw(tx: &mut WriteTx, person: &OperatorId) -> Result<Changed, ClinicError> {
    let done = sqlx::query("DELETE FROM download_right WHERE person = $1")
        .bind(person.as_str().to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(if done.rows_affected() == 1 { Changed::Done } else { Changed::Nothing })
}
