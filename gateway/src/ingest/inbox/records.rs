//! The inbox row by row, as those read it who compare it with something else: the audit, beside a running ingest, and the sweep.

use safelight_core::ids::{CaptureId, DeviceId, UnixMillis};
use safelight_core::manifest::ManifestHash;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::{InboxError, fixed};
use crate::store::blobs::{BlobKey, payload_key};
use crate::store::catalog::{count, int};

const COLUMNS: &str =
    "SELECT seq, capture, manifest_hash, device, manifest, label_payload, stored_at, log_index, settled FROM inbox";

/// A row: a capture for which a receipt was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Place in the order of arrival.
    pub seq: u64,
    /// Which capture.
    pub capture: CaptureId,
    /// Its manifest's hash.
    pub manifest_hash: ManifestHash,
    /// The device that sent it.
    pub device: DeviceId,
    /// COSE_Sign1 of the manifest; empty once it is settled.
    pub manifest: Vec<u8>,
    /// The payload of the sealed label; empty once it is settled.
    pub label_payload: Vec<u8>,
    /// As the receipt says.
    pub stored_at: UnixMillis,
    /// As the receipt says.
    pub log_index: u64,
    /// The clinic process has taken it over: what is left here is that it was stored, and the picture's payload.
    pub settled: bool,
}

impl Record {
    /// Where the picture's payload lies.
    pub fn payload_key(&self) -> BlobKey {
        payload_key(self.capture, &self.manifest_hash)
    }
}

/// The row of one capture.
///
/// # Errors
/// [`InboxError`].
pub async fn find(connection: &mut AnyConnection, capture: CaptureId) -> Result<Option<Record>, InboxError> {
    let sql = format!("{COLUMNS} WHERE capture = $1");
    let found =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(capture.as_bytes().to_vec()).fetch_optional(connection).await?;
    found.as_ref().map(record).transpose()
}

/// Up to `limit` rows after place `after_seq`, in the order of their arrival.
///
/// # Errors
/// [`InboxError`].
pub async fn page(connection: &mut AnyConnection, after_seq: u64, limit: u32) -> Result<Vec<Record>, InboxError> {
    let sql = format!("{COLUMNS} WHERE seq > $1 ORDER BY seq LIMIT $2");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(int(after_seq)?)
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    rows.iter().map(record).collect()
}

fn record(row: &AnyRow) -> Result<Record, InboxError> {
    Ok(Record {
        seq: count(row.try_get(0)?)?,
        capture: CaptureId::from_bytes(fixed(row, 1)?),
        manifest_hash: ManifestHash(fixed(row, 2)?),
        device: DeviceId::from_bytes(fixed(row, 3)?),
        manifest: row.try_get(4)?,
        label_payload: row.try_get(5)?,
        stored_at: UnixMillis(count(row.try_get(6)?)?),
        log_index: count(row.try_get(7)?)?,
        settled: count(row.try_get(8)?)? != 0,
    })
}
