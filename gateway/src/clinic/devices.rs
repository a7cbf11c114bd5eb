//! Devices and their certificates. The catalog is the authority; ingest has a copy.

use safelight_core::device_key::PublicKey;
use safelight_core::ids::{DeviceId, UnixMillis};
use safelight_core::manifest::{OperatorId, SignedManifest};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{ClinicError, restored, settings};
use crate::enrol::attestation::{Level, Unproved};
use crate::link::{DeviceRecord, DeviceState, MAX_DEVICES, MAX_SERIALS};
use crate::store::catalog::{Catalog, WriteTx, count, int};

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
    /// Its maker vouches that the key lies in secure hardware.
    Attested(Level),
    /// The device sent an attestation that does not prove it; why, unless that is from a time when none was judged.
    Claimed(Option<Unproved>),
    /// It sent none: a key in software, or a platform without attestation.
    Software,
}

impl Attestation {
    /// As the catalog and `--json` have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attested(_) => "attested",
            Self::Claimed(_) => "claimed",
            Self::Software => "software",
        }
    }

    /// Which hardware, or why it does not prove any: a stable code; empty where there is nothing to add.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Attested(level) => level.name(),
            Self::Claimed(Some(reason)) => reason.code(),
            Self::Claimed(None) | Self::Software => "",
        }
    }

    fn parse(name: &str, detail: &str) -> Result<Self, ClinicError> {
        let level = || Level::ALL.into_iter().find(|level| level.name() == detail);
        match name {
            "attested" => level().map(Self::Attested).ok_or(ClinicError::CatalogDamaged),
            // A reason that a later version gave is none for this one.
            "claimed" => Ok(Self::Claimed(Unproved::parse(detail))),
            "software" => Ok(Self::Software),
            _ => Err(ClinicError::CatalogDamaged),
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
    /// Where the key that it enrolled with lies.
    pub attestation: Attestation,
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
    /// When it last came or went, or sent a picture, as far as ingest has told.
    pub seen_at: Option<UnixMillis>,
}

impl Device {
    /// What is known of where the key lies that it enrolled with. `None` before it has said anything: its invitation alone has been seen then.
    #[must_use]
    pub fn known_attestation(&self) -> Option<Attestation> {
        (self.approved_at.is_some() || !self.words.is_empty() || !self.model.is_empty()).then_some(self.attestation)
    }
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

const DEVICE_COLUMNS: &str = "SELECT id, name, person, model, attestation, status, words, enrol_key, created_at, approved_at, revoked_at, seen_at, attestation_detail FROM device";

/// All devices, oldest first.
pub async fn list(catalog: &Catalog) -> Result<Vec<Device>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{DEVICE_COLUMNS} ORDER BY created_at, id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *tx).await?;
    rows.iter().map(device_of).collect()
}

/// Those of a person, newest first.
pub async fn of_person(catalog: &Catalog, person: &OperatorId) -> Result<Vec<Device>, ClinicError> {
    let mut tx = catalog.read().await?;
    let sql = format!("{DEVICE_COLUMNS} WHERE person = $1 ORDER BY created_at DESC, id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(person.as_str().to_owned()).fetch_all(&mut *tx).await?;
    rows.iter().map(device_of).collect()
}

/// What is known of a device beside what it enrolled with.
#[derive(Debug, Clone)]
pub struct Seen {
    /// When ingest stored its newest picture.
    pub last_picture_at: Option<UnixMillis>,
    /// The last moment of its newest certificate.
    pub certified_until: Option<UnixMillis>,
    /// What took its newest picture, as that says.
    pub software: Option<String>,
}

/// It was there, unless it has been there later. A time to come is now; one that a clock which was ahead has left behind gives way.
pub async fn seen_at(tx: &mut WriteTx, id: DeviceId, at: UnixMillis, now: UnixMillis) -> Result<(), ClinicError> {
    let at = int(at.min(now).0)?;
    sqlx::query("UPDATE device SET seen_at = $1 WHERE id = $2 AND (seen_at IS NULL OR seen_at < $3 OR seen_at > $4)")
        .bind(at)
        .bind(id.as_bytes().to_vec())
        .bind(at)
        .bind(int(now.0)?)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What is known of each device.
pub async fn seen(catalog: &Catalog) -> Result<Vec<(DeviceId, Seen)>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT device.id,
             (SELECT stored_at FROM picture WHERE picture.device = device.id ORDER BY sequence DESC LIMIT 1),
             (SELECT not_after FROM certificate WHERE certificate.device = device.id ORDER BY number DESC LIMIT 1),
             (SELECT manifest FROM picture WHERE picture.device = device.id ORDER BY sequence DESC LIMIT 1)
         FROM device",
    )
    .fetch_all(&mut *tx)
    .await?;
    let seen = |row: &AnyRow| {
        let manifest: Option<Vec<u8>> = row.try_get(3)?;
        let seen = Seen {
            last_picture_at: optional_millis(row, 1)?,
            certified_until: optional_millis(row, 2)?,
            software: manifest.and_then(|manifest| software_of(&manifest)),
        };
        Ok((id_of(row, 0)?, seen))
    };
    rows.iter().map(seen).collect()
}

/// What took a picture, as its manifest says.
#[must_use]
pub fn software_of(manifest: &[u8]) -> Option<String> {
    SignedManifest::parse(manifest).ok()?.claimed().software.as_ref().map(ToString::to_string)
}

/// Gives a device another name. Says whether it had another one.
pub async fn rename(tx: &mut WriteTx, id: DeviceId, name: &str) -> Result<bool, ClinicError> {
    let done = sqlx::query("UPDATE device SET name = $1 WHERE id = $2 AND name <> $3")
        .bind(name.to_owned())
        .bind(id.as_bytes().to_vec())
        .bind(name.to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// One device.
pub async fn find(catalog: &Catalog, id: DeviceId) -> Result<Option<Device>, ClinicError> {
    find_in(&mut *catalog.read().await?, id).await
}

/// The same, as a transaction sees it.
pub(crate) async fn find_in(connection: &mut sqlx::AnyConnection, id: DeviceId) -> Result<Option<Device>, ClinicError> {
    let sql = format!("{DEVICE_COLUMNS} WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.as_bytes().to_vec()).fetch_optional(connection).await?;
    row.as_ref().map(device_of).transpose()
}

/// Adds a device that waits.
pub async fn insert(tx: &mut WriteTx, device: &Device) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO device (id, name, person, model, attestation, attestation_detail, status, words, enrol_key, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(device.id.as_bytes().to_vec())
    .bind(device.name.clone())
    .bind(device.person.as_str().to_owned())
    .bind(device.model.clone())
    .bind(device.attestation.name())
    .bind(device.attestation.detail())
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
    sqlx::query(
        "UPDATE device SET words = $1, model = $2, attestation = $3, attestation_detail = $4
         WHERE id = $5 AND status = 'pending'",
    )
    .bind(words.to_owned())
    .bind(model.to_owned())
    .bind(attestation.name())
    .bind(attestation.detail())
    .bind(id.as_bytes().to_vec())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Pending becomes active. Says whether it was pending.
pub async fn approve(tx: &mut WriteTx, id: DeviceId, at: UnixMillis) -> Result<bool, ClinicError> {
    decide(tx, "status = 'active', approved_at = $1", "status = 'pending'", id, at).await
}

/// Whatever it was becomes revoked. Says whether it was not.
pub async fn revoke(tx: &mut WriteTx, id: DeviceId, at: UnixMillis) -> Result<bool, ClinicError> {
    decide(tx, REVOKED, "status <> 'revoked'", id, at).await
}

/// Pending becomes revoked; what was approved stays. Says whether it was pending.
pub(super) async fn decline(tx: &mut WriteTx, id: DeviceId, at: UnixMillis) -> Result<bool, ClinicError> {
    decide(tx, REVOKED, "status = 'pending'", id, at).await
}

const REVOKED: &str = "status = 'revoked', revoked_at = $1";

/// Whatever is decided, nobody need compare the words any more, and ingest must hear of it. Says whether there was something to decide.
async fn decide(
    tx: &mut WriteTx,
    becomes: &'static str,
    if_it_is: &'static str,
    id: DeviceId,
    at: UnixMillis,
) -> Result<bool, ClinicError> {
    let sql = format!("UPDATE device SET words = '', {becomes} WHERE id = $2 AND {if_it_is}");
    let done =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(int(at.0)?).bind(id.as_bytes().to_vec()).execute(&mut **tx).await?;
    changed(tx).await?;
    Ok(done.rows_affected() == 1)
}

/// Adds a certificate.
pub async fn insert_certificate(tx: &mut WriteTx, certificate: &Certificate) -> Result<(), ClinicError> {
    sqlx::query(
        "INSERT INTO certificate (serial, device, public_key, der, not_after, issued_at, number)
         VALUES ($1, $2, $3, $4, $5, $6, (SELECT COALESCE(MAX(number), 0) + 1 FROM certificate))",
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

/// All certificates of a device, newest first: in the order in which they were issued, whatever the clock said.
pub async fn certificates(catalog: &Catalog, device: DeviceId) -> Result<Vec<Certificate>, ClinicError> {
    let mut tx = catalog.read().await?;
    let rows = sqlx::query(
        "SELECT serial, device, public_key, der, not_after, issued_at FROM certificate WHERE device = $1 ORDER BY number DESC",
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
    // Whoever is not in the list is refused as unknown: so the oldest of those that are revoked anyway are left out.
    let devices = sqlx::query(
        "SELECT id, status FROM device WHERE status <> 'pending'
         ORDER BY CASE status WHEN 'active' THEN 0 ELSE 1 END, revoked_at DESC, id LIMIT $1",
    )
    .bind(i64::try_from(MAX_DEVICES).unwrap_or(i64::MAX))
    .fetch_all(&mut *tx)
    .await?;
    let mut records = Vec::with_capacity(devices.len());
    for row in &devices {
        let id = id_of(row, 0)?;
        let status: String = row.try_get(1)?;
        let serials = serials(&mut tx, id).await?;
        let state = if Status::parse(&status)? == Status::Active { DeviceState::Active } else { DeviceState::Revoked };
        records.push(DeviceRecord { id, state, serials });
    }
    Ok((generation, records))
}

/// Serial numbers of a device's certificates, as many as ingest may hold. First those that it must not be without: the one that it has last
/// used to renew, since the answer may have been lost, however often, and those that a restored catalog has adopted. Then the newest.
async fn serials(connection: &mut sqlx::AnyConnection, device: DeviceId) -> Result<Vec<[u8; 16]>, ClinicError> {
    let mut serials = restored::adopted(&mut *connection, device).await?;
    let rows = sqlx::query(
        "SELECT serial FROM certificate WHERE device = $1
         ORDER BY CASE WHEN used > 0 AND used = (SELECT MAX(used) FROM certificate WHERE device = $1) THEN 0 ELSE 1 END, number DESC
         LIMIT $2",
    )
    .bind(device.as_bytes().to_vec())
    .bind(i64::try_from(MAX_SERIALS).unwrap_or(1))
    .fetch_all(connection)
    .await?;
    for row in &rows {
        serials.push(fixed(row, 0)?);
    }
    serials.truncate(MAX_SERIALS);
    Ok(serials)
}

/// A device has signed a renewal with the key of this certificate: it holds it.
pub(super) async fn used(tx: &mut WriteTx, serial: &[u8; 16]) -> Result<(), ClinicError> {
    sqlx::query("UPDATE certificate SET used = (SELECT COALESCE(MAX(number), 0) FROM certificate) WHERE serial = $1")
        .bind(serial.to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Ascends with every change that ingest must hear of.
pub async fn current_generation(catalog: &Catalog) -> Result<u64, ClinicError> {
    generation(&mut *catalog.read().await?).await
}

async fn generation(connection: &mut sqlx::AnyConnection) -> Result<u64, ClinicError> {
    Ok(settings::number(connection, "generation").await?.unwrap_or(0))
}

/// The next generation is later than `seen`, which ingest has.
pub(super) async fn continue_from(tx: &mut WriteTx, seen: u64) -> Result<(), ClinicError> {
    let next = generation(&mut *tx).await?.max(seen).saturating_add(1);
    settings::set_number(tx, "generation", next).await
}

/// To be called in the transaction of every change that ingest must hear of.
pub(super) async fn changed(tx: &mut WriteTx) -> Result<(), ClinicError> {
    continue_from(tx, 0).await
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

/// Whether a device was ever invited for this person.
pub(super) async fn is_known_person(catalog: &Catalog, id: &OperatorId) -> Result<bool, ClinicError> {
    let mut tx = catalog.read().await?;
    let row =
        sqlx::query("SELECT 1 FROM person WHERE id = $1").bind(id.as_str().to_owned()).fetch_optional(&mut *tx).await?;
    Ok(row.is_some())
}

fn device_of(row: &AnyRow) -> Result<Device, ClinicError> {
    let status: String = row.try_get(5)?;
    let key: Vec<u8> = row.try_get(7)?;
    let (attestation, detail): (String, String) = (row.try_get(4)?, row.try_get(12)?);
    Ok(Device {
        id: id_of(row, 0)?,
        name: row.try_get(1)?,
        person: operator(row, 2)?,
        model: row.try_get(3)?,
        attestation: Attestation::parse(&attestation, &detail)?,
        status: Status::parse(&status)?,
        words: row.try_get(6)?,
        enrol_key: PublicKey::from_sec1(&key).map_err(|_| ClinicError::CatalogDamaged)?,
        created_at: millis(row, 8)?,
        approved_at: optional_millis(row, 9)?,
        revoked_at: optional_millis(row, 10)?,
        seen_at: optional_millis(row, 11)?,
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

pub(super) fn operator(row: &AnyRow, column: usize) -> Result<OperatorId, ClinicError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|_| ClinicError::CatalogDamaged)
}

pub(super) fn millis(row: &AnyRow, column: usize) -> Result<UnixMillis, ClinicError> {
    Ok(UnixMillis(count(row.try_get(column)?)?))
}

pub(super) fn optional_millis(row: &AnyRow, column: usize) -> Result<Option<UnixMillis>, ClinicError> {
    let value: Option<i64> = row.try_get(column)?;
    value.map(|value| Ok(UnixMillis(count(value)?))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_key_reads_back() {
        let claimed = Unproved::ALL.into_iter().map(|reason| Attestation::Claimed(Some(reason)));
        let attested = Level::ALL.into_iter().map(Attestation::Attested);
        for one in claimed.chain(attested).chain([Attestation::Claimed(None), Attestation::Software]) {
            assert_eq!(Attestation::parse(one.name(), one.detail()).unwrap(), one);
        }
        for (name, detail) in [("attested", ""), ("attested", "unknown-root"), ("sure", "")] {
            assert!(matches!(Attestation::parse(name, detail), Err(ClinicError::CatalogDamaged)), "{name} {detail}");
        }
    }
}
