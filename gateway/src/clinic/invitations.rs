//! Invitations, and what happens to them: each brings one device, shows its words a few times at most, and is void after that.

use safelight_core::ids::{DeviceId, InvitationId, UnixMillis};
use safelight_core::manifest::OperatorId;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::ClinicError;
use super::devices::{self, fixed, millis, operator, optional_millis};
use crate::link::OpenInvitation;
use crate::store::catalog::{Catalog, WriteTx, count, int};

/// How often one invitation may begin, each time with new words. A phone on a bad link needs two or three; whoever hopes that new words
/// are by chance those on another screen needs thousands of millions.
pub const MAX_ATTEMPTS: u64 = 5;

/// How often somebody else may come with a used token before it is not listened for any more. Each is on record.
pub const MAX_REPLAYS: u64 = 10;

/// After its approval a device has this long to come back for a certificate that it did not get.
const SETTLING_MS: u64 = 120_000;

/// An invitation.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The name that the device will have.
    pub device_name: String,
    /// Whom the device will belong to.
    pub person: OperatorId,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it ends.
    pub expires_at: UnixMillis,
    /// The device that used it.
    pub device: Option<DeviceId>,
    /// How often that device has begun, each time with new words.
    pub attempts: u64,
    /// How often somebody else came with the same token, and was refused.
    pub replays: u64,
    /// When it was made void, because one of these was too much.
    pub voided_at: Option<UnixMillis>,
}

/// How an invitation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A phone may use it.
    Open,
    /// A phone has.
    Used,
    /// Nobody did in time.
    Expired,
    /// Too many attempts, or withdrawn.
    Void,
}

impl Standing {
    /// As `--json` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Used => "used",
            Self::Expired => "expired",
            Self::Void => "void",
        }
    }
}

impl Invitation {
    /// How it stands at `now`.
    pub fn standing(&self, now: UnixMillis) -> Standing {
        match self {
            Self { voided_at: Some(_), .. } => Standing::Void,
            Self { device: Some(_), .. } => Standing::Used,
            Self { expires_at, .. } if *expires_at <= now => Standing::Expired,
            _ => Standing::Open,
        }
    }
}

const COLUMNS: &str =
    "SELECT id, device_name, person, created_at, expires_at, device, attempts, replays, voided_at FROM invitation";

/// All invitations, newest first.
pub async fn list(catalog: &Catalog) -> Result<Vec<Invitation>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{COLUMNS} ORDER BY created_at DESC, id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *tx).await?;
    rows.iter().map(invitation_of).collect()
}

/// Adds one that nobody has used yet.
pub async fn insert(tx: &mut WriteTx, invitation: &Invitation, token_hash: &[u8; 32]) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO invitation (id, token_hash, device_name, person, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(invitation.id.as_bytes().to_vec())
    .bind(token_hash.to_vec())
    .bind(invitation.device_name.clone())
    .bind(invitation.person.as_str().to_owned())
    .bind(int(invitation.created_at.0)?)
    .bind(int(invitation.expires_at.0)?)
    .execute(&mut **tx)
    .await?;
    devices::changed(tx).await
}

/// The invitation of a token, used or not, if it has neither expired nor been made void.
pub(super) async fn of_token(
    tx: &mut WriteTx,
    token_hash: &[u8; 32],
    now: UnixMillis,
) -> Result<Option<Invitation>, ClinicError> {
    let sql = format!("{COLUMNS} WHERE token_hash = $1 AND expires_at > $2 AND voided_at IS NULL");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(token_hash.to_vec())
        .bind(int(now.0)?)
        .fetch_optional(&mut **tx)
        .await?;
    row.as_ref().map(invitation_of).transpose()
}

/// Burns an invitation for `device`. Says whether it was still there to burn: of two phones exactly one hears yes.
pub(super) async fn burn(
    tx: &mut WriteTx,
    id: InvitationId,
    device: DeviceId,
    at: UnixMillis,
) -> Result<bool, ClinicError> {
    let done =
        sqlx::query("UPDATE invitation SET used_at = $1, device = $2, attempts = 1 WHERE id = $3 AND used_at IS NULL")
            .bind(int(at.0)?)
            .bind(device.as_bytes().to_vec())
            .bind(id.as_bytes().to_vec())
            .execute(&mut **tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Its device begins once more. Says whether that is still within [`MAX_ATTEMPTS`].
pub(super) async fn begin_again(tx: &mut WriteTx, invitation: &Invitation) -> Result<bool, ClinicError> {
    sqlx::query("UPDATE invitation SET attempts = attempts + 1 WHERE id = $1")
        .bind(invitation.id.as_bytes().to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(invitation.attempts < MAX_ATTEMPTS)
}

/// Somebody else came with its token. Says whether that is still within [`MAX_REPLAYS`].
pub(super) async fn replayed(tx: &mut WriteTx, invitation: &Invitation) -> Result<bool, ClinicError> {
    sqlx::query("UPDATE invitation SET replays = replays + 1 WHERE id = $1")
        .bind(invitation.id.as_bytes().to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(invitation.replays.saturating_add(1) < MAX_REPLAYS)
}

/// Nobody may use it any more, if nobody has and somebody still could. Says whether that was so.
pub async fn withdraw(tx: &mut WriteTx, id: InvitationId, at: UnixMillis) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "UPDATE invitation SET voided_at = $1 WHERE id = $2 AND voided_at IS NULL AND used_at IS NULL AND expires_at > $1",
    )
    .bind(int(at.0)?)
    .bind(id.as_bytes().to_vec())
    .execute(&mut **tx)
    .await?;
    devices::changed(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Nobody may use it any more.
pub(super) async fn void(tx: &mut WriteTx, id: InvitationId, at: UnixMillis) -> Result<(), ClinicError> {
    sqlx::query("UPDATE invitation SET voided_at = $1 WHERE id = $2")
        .bind(int(at.0)?)
        .bind(id.as_bytes().to_vec())
        .execute(&mut **tx)
        .await?;
    devices::changed(tx).await
}

/// What ingest listens for: invitations that have neither expired nor been made void. One that was used stays, so that the phone that used
/// it can fetch what a broken connection kept from it; it stays until its device is settled.
pub(super) async fn open_for_ingest(catalog: &Catalog, now: UnixMillis) -> Result<Vec<OpenInvitation>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT i.id, i.token_hash, i.expires_at FROM invitation i LEFT JOIN device d ON d.id = i.device
         WHERE i.expires_at > $1 AND i.voided_at IS NULL
           AND (i.used_at IS NULL OR d.status IS NULL OR d.status = 'pending' OR d.approved_at > $2)
         ORDER BY i.created_at DESC LIMIT $3",
    )
    .bind(int(now.0)?)
    .bind(int(now.0.saturating_sub(SETTLING_MS))?)
    .bind(i64::try_from(crate::link::MAX_INVITATIONS).unwrap_or(1))
    .fetch_all(&mut *tx)
    .await?;
    let open = |row: &AnyRow| {
        Ok(OpenInvitation {
            id: InvitationId::from_bytes(fixed(row, 0)?),
            token_hash: fixed(row, 1)?,
            expires_at: millis(row, 2)?,
        })
    };
    rows.iter().map(open).collect()
}

fn invitation_of(row: &AnyRow) -> Result<Invitation, ClinicError> {
    let device: Option<Vec<u8>> = row.try_get(5)?;
    Ok(Invitation {
        id: InvitationId::from_bytes(fixed(row, 0)?),
        device_name: row.try_get(1)?,
        person: operator(row, 2)?,
        created_at: millis(row, 3)?,
        expires_at: millis(row, 4)?,
        device: device.as_deref().and_then(DeviceId::from_slice),
        attempts: count(row.try_get(6)?)?,
        replays: count(row.try_get(7)?)?,
        voided_at: optional_millis(row, 8)?,
    })
}

#[cfg(test)]
mod tests;
