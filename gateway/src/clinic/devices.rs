//! Devices, their certificates, and the invitations that bring them. The catalog is the authority; ingest has a copy.

use safelight_core::device_key::PublicKey;
use safelight_core::ids::{DeviceId, InvitationId, UnixMillis};
use safelight_core::manifest::OperatorId;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::ClinicError;
use crate::link::{DeviceRecord, DeviceState, MAX_SERIALS, OpenInvitation};
use crate::store::catalog::{Catalog, WriteTx, count, int};

/// How long an invitation stays open.
pub const INVITATION_LIFETIME: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// Whether a device may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for the admin to compare the words.
    Pending,
    /// It may.
    Active,
    /// It may not any more, or was never approved.
    Revoked,
}

impl Status {
    /// As the catalog and `--json` have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Revoked => "revoked",
        }
    }

    fn parse(text: &str) -> Result<Self, ClinicError> {
        match text {
            "pending" => Ok(Self::Pending),
            "active" => Ok(Self::Active),
            "revoked" => Ok(Self::Revoked),
            _ => Err(ClinicError::CatalogDamaged),
        }
    }
}

/// How sure the clinic may be of where the device key lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attestation {
    /// The device sent an attestation. Whether it holds has not been judged.
    Claimed,
    /// It sent none: a key in software, or a platform without attestation.
    Software,
}

impl Attestation {
    /// As the catalog and `--json` have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Software => "software",
        }
    }
}

/// A device.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// The name that the admin gave it.
    pub name: String,
    /// Whom it belongs to.
    pub person: OperatorId,
    /// What it says of itself.
    pub model: String,
    /// `claimed` or `software`.
    pub attestation: String,
    /// Whether it may send.
    pub status: Status,
    /// The words that its screen shows too; empty once nobody need compare them.
    pub words: String,
    /// The key that it enrolled with.
    pub enrol_key: PublicKey,
    /// When it came.
    pub created_at: UnixMillis,
    /// When it was approved.
    pub approved_at: Option<UnixMillis>,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
}

/// An issued certificate.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// Its serial number.
    pub serial: [u8; 16],
    /// Whose it is.
    pub device: DeviceId,
    /// For which key.
    pub public_key: PublicKey,
    /// DER.
    pub der: Vec<u8>,
    /// Its last moment.
    pub not_after: UnixMillis,
    /// When it was issued.
    pub issued_at: UnixMillis,
}

/// An invitation.
#[derive(Debug, Clone)]
pub struct InvitationRow {
    /// Its id.
    pub id: InvitationId,
    /// The name that the device will have.
    pub device_name: String,
    /// Whom the device will belong to.
    pub person: OperatorId,
    /// When it ends.
    pub expires_at: UnixMillis,
    /// The device that used it.
    pub device: Option<DeviceId>,
}

const DEVICE_COLUMNS: &str = "SELECT id, name, person, model, attestation, status, words, enrol_key, created_at, approved_at, revoked_at FROM device";

/// All devices, oldest first.
pub async fn list(catalog: &Catalog) -> Result<Vec<Device>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{DEVICE_COLUMNS} ORDER BY created_at, id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *tx).await?;
    rows.iter().map(device_of).collect()
}

/// One device.
pub async fn find(catalog: &Catalog, id: DeviceId) -> Result<Option<Device>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{DEVICE_COLUMNS} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_bytes().to_vec()).fetch_optional(&mut *tx).await?;
    row.as_ref().map(device_of).transpose()
}

/// Adds a device that waits.
pub async fn insert(tx: &mut WriteTx, device: &Device) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO device (id, name, person, model, attestation, status, words, enrol_key, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(device.id.as_bytes().to_vec())
    .bind(device.name.clone())
    .bind(device.person.as_str().to_owned())
    .bind(device.model.clone())
    .bind(device.attestation.clone())
    .bind(device.status.name())
    .bind(device.words.clone())
    .bind(device.enrol_key.to_sec1())
    .bind(int(device.created_at.0)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What a device that waits shows on its screen and says of itself. It may come again, with new words, after its connection was lost.
pub async fn set_pending(
    tx: &mut WriteTx,
    id: DeviceId,
    words: &str,
    model: &str,
    attestation: Attestation,
) -> Result<(), ClinicError> {
    sqlx::query("UPDATE device SET words = $1, model = $2, attestation = $3 WHERE id = $4 AND status = 'pending'")
        .bind(words.to_owned())
        .bind(model.to_owned())
        .bind(attestation.name())
        .bind(id.as_bytes().to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Pending becomes active. Says whether it was pending.
pub async fn approve(tx: &mut WriteTx, id: DeviceId, at: UnixMillis) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "UPDATE device SET status = 'active', words = '', approved_at = $1 WHERE id = $2 AND status = 'pending'",
    )
    .bind(int(at.0)?)
    .bind(id.as_bytes().to_vec())
    .execute(&mut **tx)
    .await?;
    changed(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Whatever it was becomes revoked. Says whether it was not.
pub async fn revoke(tx: &mut WriteTx, id: DeviceId, at: UnixMillis) -> Result<bool, ClinicError> {
    let done = sqlx::query(
        "UPDATE device SET status = 'revoked', words = '', revoked_at = $1 WHERE id = $2 AND status <> 'revoked'",
    )
    .bind(int(at.0)?)
    .bind(id.as_bytes().to_vec())
    .execute(&mut **tx)
    .await?;
    changed(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Adds a certificate.
pub async fn insert_certificate(tx: &mut WriteTx, certificate: &Certificate) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO certificate (serial, device, public_key, der, not_after, issued_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(certificate.serial.to_vec())
    .bind(certificate.device.as_bytes().to_vec())
    .bind(certificate.public_key.to_sec1())
    .bind(certificate.der.clone())
    .bind(int(certificate.not_after.0)?)
    .bind(int(certificate.issued_at.0)?)
    .execute(&mut **tx)
    .await?;
    changed(tx).await
}

/// All certificates of a device, newest first.
pub async fn certificates(catalog: &Catalog, device: DeviceId) -> Result<Vec<Certificate>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT serial, device, public_key, der, not_after, issued_at FROM certificate WHERE device = $1 ORDER BY issued_at DESC, serial",
    )
    .bind(device.as_bytes().to_vec())
    .fetch_all(&mut *tx)
    .await?;
    rows.iter().map(certificate_of).collect()
}

/// The list for ingest with its generation: every device that was ever approved, with its newest certificates.
pub async fn for_ingest(catalog: &Catalog) -> Result<(u64, Vec<DeviceRecord>), ClinicError> {
    let mut tx = catalog.read().await?;
    let generation = generation(&mut tx).await?;
    let devices =
        sqlx::query("SELECT id, status FROM device WHERE status <> 'pending' ORDER BY id").fetch_all(&mut *tx).await?;
    let mut records = Vec::with_capacity(devices.len());
    for row in &devices {
        let id = id_of(row, 0)?;
        let status: String = row.try_get(1)?;
        let serials =
            sqlx::query("SELECT serial FROM certificate WHERE device = $1 ORDER BY issued_at DESC, serial LIMIT $2")
                .bind(id.as_bytes().to_vec())
                .bind(i64::try_from(MAX_SERIALS).unwrap_or(1))
                .fetch_all(&mut *tx)
                .await?;
        let serials = serials.iter().map(|row| fixed(row, 0)).collect::<Result<_, _>>()?;
        let state = if Status::parse(&status)? == Status::Active { DeviceState::Active } else { DeviceState::Revoked };
        records.push(DeviceRecord { id, state, serials });
    }
    Ok((generation, records))
}

/// Ascends with every change that ingest must hear of.
pub async fn current_generation(catalog: &Catalog) -> Result<u64, ClinicError> {
    generation(&mut *catalog.read().await?).await
}

async fn generation(connection: &mut sqlx::AnyConnection) -> Result<u64, ClinicError> {
    let row = sqlx::query("SELECT value FROM setting WHERE name = 'generation'").fetch_optional(connection).await?;
    match row {
        None => Ok(0),
        Some(row) => Ok(u64::from_be_bytes(fixed(&row, 0)?)),
    }
}

/// To be called in the transaction of every change that ingest must hear of.
pub(super) async fn changed(tx: &mut WriteTx) -> Result<(), ClinicError> {
    let next = generation(&mut *tx).await?.saturating_add(1);
    sqlx::query("INSERT INTO setting (name, value) VALUES ('generation', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        .bind(next.to_be_bytes().to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Adds a person if there is none of this id.
pub async fn ensure_person(tx: &mut WriteTx, id: &OperatorId, at: UnixMillis) -> Result<(), ClinicError> {
    sqlx::query("INSERT INTO person (id, created_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
        .bind(id.as_str().to_owned())
        .bind(int(at.0)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Adds an invitation.
pub async fn invite(
    tx: &mut WriteTx,
    row: &InvitationRow,
    token_hash: &[u8; 32],
    at: UnixMillis,
) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO invitation (id, token_hash, device_name, person, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(row.id.as_bytes().to_vec())
    .bind(token_hash.to_vec())
    .bind(row.device_name.clone())
    .bind(row.person.as_str().to_owned())
    .bind(int(at.0)?)
    .bind(int(row.expires_at.0)?)
    .execute(&mut **tx)
    .await?;
    changed(tx).await
}

/// The invitation of a token, used or not, if it has not expired.
pub async fn invitation(
    tx: &mut WriteTx,
    token_hash: &[u8; 32],
    now: UnixMillis,
) -> Result<Option<InvitationRow>, ClinicError> {
    let row = sqlx::query(
        "SELECT id, device_name, person, expires_at, device FROM invitation WHERE token_hash = $1 AND expires_at > $2",
    )
    .bind(token_hash.to_vec())
    .bind(int(now.0)?)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let device: Option<Vec<u8>> = row.try_get(4)?;
    Ok(Some(InvitationRow {
        id: InvitationId::from_bytes(fixed(&row, 0)?),
        device_name: row.try_get(1)?,
        person: operator(&row, 2)?,
        expires_at: millis(&row, 3)?,
        device: device.as_deref().and_then(DeviceId::from_slice),
    }))
}

/// Burns an invitation for `device`. Says whether it was still there to burn: of two phones exactly one hears yes.
pub async fn use_invitation(
    tx: &mut WriteTx,
    id: InvitationId,
    device: DeviceId,
    at: UnixMillis,
) -> Result<bool, ClinicError> {
    let done = sqlx::query("UPDATE invitation SET used_at = $1, device = $2 WHERE id = $3 AND used_at IS NULL")
        .bind(int(at.0)?)
        .bind(device.as_bytes().to_vec())
        .bind(id.as_bytes().to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// What ingest listens for: invitations that have not expired. One that was used stays, so that the phone that used it can
/// fetch what a broken connection kept from it; it stays until its device is settled.
pub async fn open_invitations(catalog: &Catalog, now: UnixMillis) -> Result<Vec<OpenInvitation>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT i.id, i.token_hash, i.expires_at FROM invitation i LEFT JOIN device d ON d.id = i.device
         WHERE i.expires_at > $1 AND (i.used_at IS NULL OR d.status IS NULL OR d.status = 'pending' OR d.approved_at > $2)
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

/// After its approval a device has this long to come back for a certificate that it did not get.
const SETTLING_MS: u64 = 120_000;

fn device_of(row: &AnyRow) -> Result<Device, ClinicError> {
    let status: String = row.try_get(5)?;
    let key: Vec<u8> = row.try_get(7)?;
    Ok(Device {
        id: id_of(row, 0)?,
        name: row.try_get(1)?,
        person: operator(row, 2)?,
        model: row.try_get(3)?,
        attestation: row.try_get(4)?,
        status: Status::parse(&status)?,
        words: row.try_get(6)?,
        enrol_key: PublicKey::from_sec1(&key).map_err(|_| ClinicError::CatalogDamaged)?,
        created_at: millis(row, 8)?,
        approved_at: optional_millis(row, 9)?,
        revoked_at: optional_millis(row, 10)?,
    })
}

fn certificate_of(row: &AnyRow) -> Result<Certificate, ClinicError> {
    let key: Vec<u8> = row.try_get(2)?;
    Ok(Certificate {
        serial: fixed(row, 0)?,
        device: id_of(row, 1)?,
        public_key: PublicKey::from_sec1(&key).map_err(|_| ClinicError::CatalogDamaged)?,
        der: row.try_get(3)?,
        not_after: millis(row, 4)?,
        issued_at: millis(row, 5)?,
    })
}

pub(super) fn id_of(row: &AnyRow, column: usize) -> Result<DeviceId, ClinicError> {
    fixed(row, column).map(DeviceId::from_bytes)
}

pub(super) fn fixed<const N: usize>(row: &AnyRow, column: usize) -> Result<[u8; N], ClinicError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|_| ClinicError::CatalogDamaged)
}

fn operator(row: &AnyRow, column: usize) -> Result<OperatorId, ClinicError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|_| ClinicError::CatalogDamaged)
}

pub(super) fn millis(row: &AnyRow, column: usize) -> Result<UnixMillis, ClinicError> {
    Ok(UnixMillis(count(row.try_get(column)?)?))
}

fn optional_millis(row: &AnyRow, column: usize) -> Result<Option<UnixMillis>, ClinicError> {
    let value: Option<i64> = row.try_get(column)?;
    value.map(|value| Ok(UnixMillis(count(value)?))).transpose()
}
