//! When a device is revoked, the books are closed: what had come from it until then, and nothing else.
//!
//! The device's clock dates its pictures, and ingest dates their arrival. A revoked device that conspires with an intruder in ingest can
//! date a picture back in both. So neither is believed in the device's favour. Once ingest has confirmed a revocation, the clinic process asks
//! it for the signed checkpoint of the intake log and keeps its size and root: they bind every picture that had come, and no other can be put under that
//! root later. A picture that is pulled afterwards must show that it lies under it.

use ed25519_dalek::VerifyingKey;
use safelight_core::ids::{DeviceId, UnixMillis};
use safelight_core::log::checkpoint::SignedCheckpoint;
use safelight_core::log::{Hash, empty_root, entry, leaf_hash, verify_inclusion};
use safelight_core::manifest::ManifestHash;
use sqlx::Row;

use super::access::{Actor, Event};
use super::devices::{fixed, id_of};
use super::pictures::{Claimed, Picture};
use super::{Clinic, ClinicError};
use crate::link::{Answer, Ask, Failure, InboxEntry, IngestStatus, Link, LinkError};
use crate::store::catalog::{count, int};

/// The quarantine's reason.
pub(super) const REVOKED: &str = "device-revoked";

/// The intake log as it was when ingest confirmed a revocation.
#[derive(Debug, PartialEq, Eq)]
struct Closed {
    size: u64,
    root: Hash,
}

/// To be called when ingest has confirmed the list of devices: closes the books of each that is newly revoked.
pub(super) async fn close_books(clinic: &Clinic, link: &mut Link, now: UnixMillis) -> Result<(), ClinicError> {
    let devices = {
        let mut tx = clinic.catalog.read().await?;
        let rows = sqlx::query(
            "SELECT id FROM device WHERE status = 'revoked' AND approved_at IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM revoked_device r WHERE r.device = device.id) ORDER BY id",
        )
        .fetch_all(&mut *tx)
        .await?;
        rows.iter().map(|row| id_of(row, 0)).collect::<Result<Vec<_>, _>>()?
    };
    if devices.is_empty() {
        return Ok(());
    }
    let closed = intake_log(clinic, link).await?;
    let mut tx = clinic.catalog.write().await?;
    for device in &devices {
        sqlx::query(
            "INSERT INTO revoked_device (device, confirmed_at, log_size, log_root) VALUES ($1, $2, $3, $4)
             ON CONFLICT (device) DO NOTHING",
        )
        .bind(device.as_bytes().to_vec())
        .bind(int(now.0)?)
        .bind(int(closed.size)?)
        .bind(closed.root.to_vec())
        .execute(&mut *tx)
        .await?;
    }
    let events: Vec<Event<'_>> =
        devices.iter().map(|device| Event::RevocationInForce(*device, closed.size, closed.root)).collect();
    clinic.access.record(&mut tx, &Actor::Gateway, now, &events).await?;
    Ok(tx.commit().await?)
}

/// The intake log as ingest signs it now.
async fn intake_log(clinic: &Clinic, link: &mut Link) -> Result<Closed, ClinicError> {
    let Answer::Status(IngestStatus { log_size, .. }) = link.ask(&Ask::Status).await? else {
        return Err(LinkError::Unexpected.into());
    };
    // A log without entries has no checkpoint. If that is a lie, it is one against the device alone.
    if log_size == 0 {
        return Ok(Closed { size: 0, root: empty_root() });
    }
    let Answer::Checkpoint { checkpoint, .. } = link.ask(&Ask::Checkpoint { from: 0 }).await? else {
        return Err(LinkError::Unexpected.into());
    };
    let key_set = clinic.key_set();
    let key_set = key_set.key_set();
    let text = std::str::from_utf8(&checkpoint).map_err(|_| LinkError::Unexpected)?;
    let key = VerifyingKey::from_bytes(&key_set.log_key).map_err(|_| LinkError::Unexpected)?;
    let signed =
        SignedCheckpoint::parse_and_verify(text, &key_set.log_origin, &key).map_err(|_| LinkError::Unexpected)?;
    Ok(Closed { size: signed.checkpoint().size, root: signed.checkpoint().root })
}

/// Whether a picture of a revoked device had not come when its books were closed, or cannot show that it had.
pub(super) async fn came_too_late(
    clinic: &Clinic,
    link: &mut Link,
    entry: &InboxEntry,
    claimed: &Claimed,
) -> Result<bool, ClinicError> {
    let Some(closed) = closed(clinic, claimed.device).await? else { return Ok(false) };
    if entry.log_index >= closed.size {
        return Ok(true);
    }
    let proof = match link.ask(&Ask::Inclusion { index: entry.log_index, size: closed.size }).await {
        Ok(Answer::Inclusion(proof)) => proof,
        Ok(_) => return Err(LinkError::Unexpected.into()),
        Err(LinkError::Failed(Failure::Unusable)) => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    let leaf = leaf_hash(&entry::capture(
        entry.capture_id,
        &ManifestHash(claimed.manifest_hash),
        claimed.device,
        entry.stored_at,
    ));
    Ok(!verify_inclusion(&leaf, entry.log_index, closed.size, &proof, &closed.root))
}

async fn closed(clinic: &Clinic, device: DeviceId) -> Result<Option<Closed>, ClinicError> {
    let mut tx = clinic.catalog.read().await?;
    let row = sqlx::query("SELECT log_size, log_root FROM revoked_device WHERE device = $1")
        .bind(device.as_bytes().to_vec())
        .fetch_optional(&mut *tx)
        .await?;
    row.map(|row| Ok(Closed { size: count(row.try_get(0)?)?, root: fixed(&row, 1)? })).transpose()
}

/// Whether a picture counts against its device, which was revoked at this moment: it was not here then, and its own date or the date of its
/// arrival is later. A lost phone goes on sending to an ingest that has not heard of it yet.
pub(super) fn is_after(picture: &Picture, captured_at: UnixMillis, revoked_at: UnixMillis) -> bool {
    picture.pulled_at > revoked_at && (captured_at > revoked_at || picture.stored_at > revoked_at)
}
