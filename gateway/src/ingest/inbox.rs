//! What is stored: inbox rows and the intake log, in one transaction; and the receipts that say so.
//!
//! One task writes, for all connections: it takes what is waiting and commits it together, so that eight phones share one
//! fsync. Nobody is answered before the commit.

pub mod records;
mod schema;
mod writer;

use std::path::Path;
use std::sync::Arc;

use safelight_core::device_key::SoftwareKey;
use safelight_core::ids::{CaptureId, ClinicId, DeviceId, UnixMillis};
use safelight_core::log::checkpoint::CheckpointError;
use safelight_core::log::entry::{Entry, EntryError, Field};
use safelight_core::log::{Hash, entry};
use safelight_core::manifest::ManifestHash;
use safelight_core::receipt::{Receipt, ReceiptError};
use safelight_core::session::receive::Received;
use safelight_core::wire::{RefusalCode, Response};
use sqlx::Row;
use sqlx::any::AnyRow;
use tokio::sync::mpsc;

use self::records::Record;
pub use self::schema::{FILE_NAME, HEADERS_FILE, migrations};
use self::writer::{Job, Writer};
use super::authenticate::PresentedDevice;
use super::devices::Devices;
use super::key_set::InForce;
use super::keys::IngestKeys;
use super::timekeeping;
use crate::clock::Clock;
use crate::clock::guard::Guard;
use crate::link::{DeviceRecord, InboxEntry, MAX_INBOX_ENTRIES};
use crate::log::{LogError, MerkleLog};
use crate::store::blobs::{BlobKey, payload_key};
use crate::store::catalog::{Catalog, CatalogError, count};
use crate::store::headers::{HeaderError, HeaderId, Headers, Kind, SqliteHeaders, wiped_later};

/// Why the inbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The header store.
    #[error(transparent)]
    Headers(#[from] HeaderError),
    /// The intake log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An entry for it.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A stored checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A receipt.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// Something in the catalog is not what this program writes.
    #[error("ingest.db holds something that this program did not write: restore it from the backup")]
    Damaged,
    /// The task that writes has ended, because the store can no longer be trusted.
    #[error("nothing is written any more: the store can no longer be trusted")]
    Stopped,
}

impl From<sqlx::Error> for InboxError {
    fn from(error: sqlx::Error) -> Self {
        Self::Catalog(error.into())
    }
}

impl From<InboxError> for RefusalCode {
    fn from(error: InboxError) -> Self {
        tracing::error!(%error, "the inbox failed");
        Self::StoreUnavailable
    }
}

/// A stored capture, as its receipt names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) capture_id: CaptureId,
    pub(super) manifest_hash: ManifestHash,
    pub(super) stored_at: UnixMillis,
    pub(super) log_index: u64,
}

/// Whether a capture is known.
#[derive(Debug)]
pub(super) enum Found {
    /// It is not.
    Nothing,
    /// It is, with this manifest.
    Same(Stored),
    /// It is, with another one.
    Other,
}

/// Counts for `status`.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) unsettled: u64,
    pub(super) log_size: u64,
}

/// The inbox. Clones share the task that writes.
#[derive(Debug)]
pub(super) struct Inbox {
    catalog: Catalog,
    headers: SqliteHeaders,
    log: MerkleLog,
    jobs: mpsc::Sender<Job>,
    clinic_id: ClinicId,
}

/// Headers that are looked at together.
const SWEEP_BATCH: u32 = 500;

/// Where the intake log of a clinic is kept, as its checkpoints name it.
pub fn log_origin(clinic: ClinicId) -> String {
    format!("safelight.internal/{clinic}/intake")
}

/// The intake log over ingest's catalog, for whoever verifies or exports it.
pub async fn open_log(
    folder: &Path,
    clinic: ClinicId,
    key: ed25519_dalek::VerifyingKey,
) -> Result<MerkleLog, InboxError> {
    let catalog = Catalog::open(folder.join(FILE_NAME), &migrations()).await?;
    Ok(MerkleLog::new(catalog, &log_origin(clinic), key)?)
}

impl Inbox {
    /// `devices` says who may still send at the moment of a commit. The `clock` is watched from where it was left; what is committed is dated
    /// by the watched time.
    pub(super) async fn open(
        folder: &Path,
        keys: &IngestKeys,
        clock: &Clock,
        devices: Arc<Devices>,
    ) -> Result<(Self, Guard), InboxError> {
        let log = open_log(folder, keys.clinic_id(), keys.log().verifying_key()).await?;
        let catalog = log.catalog().clone();
        let headers = SqliteHeaders::open(&folder.join(HEADERS_FILE)).await?;
        let guard = timekeeping::guard(&catalog, clock).await?;
        let clock = guard.clock();
        let jobs = Writer::start(catalog.clone(), headers.clone(), log.clone(), keys.log().clone(), clock, devices);
        let inbox = Self { catalog, headers, log, jobs, clinic_id: keys.clinic_id() };
        inbox.sweep_headers().await?;
        Ok((inbox, guard))
    }

    /// Whether the store is still to be believed.
    pub(super) fn is_trusted(&self) -> bool {
        self.catalog.trust().holds() && self.headers.catalog().trust().holds()
    }

    /// Returns once the store is not to be believed any more.
    pub(super) async fn distrusted(&self) {
        tokio::select! {
            () = self.catalog.trust().lost() => {}
            () = self.headers.catalog().trust().lost() => {}
        }
    }

    /// Whether `capture` is stored.
    pub(super) async fn find(&self, capture: CaptureId, hash: &ManifestHash) -> Result<Found, InboxError> {
        let mut tx = self.catalog.read().await?;
        Ok(match find(&mut tx, capture).await? {
            None => Found::Nothing,
            Some(stored) if stored.manifest_hash == *hash => Found::Same(stored),
            Some(_) => Found::Other,
        })
    }

    /// Whether a stored capture's payload has this key.
    pub(super) async fn holds(&self, key: &BlobKey) -> Result<bool, InboxError> {
        let Some(capture) = key.capture() else { return Ok(true) };
        let mut tx = self.catalog.read().await?;
        let stored = find(&mut tx, capture).await?;
        Ok(stored.is_some_and(|stored| payload_key(capture, &stored.manifest_hash) == *key))
    }

    /// Up to `limit` rows after place `after_seq`.
    pub(super) async fn page(&self, after_seq: u64, limit: u32) -> Result<Vec<Record>, InboxError> {
        records::page(&mut *self.catalog.read().await?, after_seq, limit).await
    }

    /// Commits a capture of `device` whose payload is durable already. When this returns, all of it would survive a power cut. A device that
    /// may not send any more at the moment of the commit is refused.
    pub(super) async fn store(&self, received: Received, device: &PresentedDevice) -> Result<Stored, RefusalCode> {
        let (reply, stored) = tokio::sync::oneshot::channel();
        let job = Job::Store { received: Box::new(received), device: Box::new(device.clone()), reply };
        self.jobs.send(job).await.map_err(|_| RefusalCode::StoreUnavailable)?;
        stored.await.map_err(|_| RefusalCode::StoreUnavailable)?
    }

    /// Puts a refusal on record.
    pub(super) async fn log_refusal(&self, device: DeviceId, code: &str, at: UnixMillis) -> Result<(), InboxError> {
        let fields = vec![Field::Bytes(device.as_bytes().to_vec()), Field::Code(code.to_owned()), Field::Number(at.0)];
        self.log_entry(Entry::new("refused", fields)?.to_bytes()).await
    }

    /// Puts on record that `count` strangers were refused since the last such entry.
    pub(super) async fn log_turned_away(&self, code: &str, count: u64, at: UnixMillis) -> Result<(), InboxError> {
        let fields = vec![Field::Code(code.to_owned()), Field::Number(count), Field::Number(at.0)];
        self.log_entry(Entry::new("turned-away", fields)?.to_bytes()).await
    }

    async fn log_entry(&self, entry: Vec<u8>) -> Result<(), InboxError> {
        let (reply, done) = tokio::sync::oneshot::channel();
        self.jobs.send(Job::Entry { entry, reply }).await.map_err(|_| InboxError::Stopped)?;
        done.await.map_err(|_| InboxError::Stopped)
    }

    /// The receipt for a stored capture, signed by `key`: up to the newest checkpoint, with the proof from what the phone knows.
    pub(super) async fn receipt(
        &self,
        stored: &Stored,
        known: u64,
        key: &SoftwareKey,
    ) -> Result<Response, RefusalCode> {
        let (receipt, consistency) = self.prove(stored, known, key).await?;
        Ok(Response::Stored { receipt, consistency })
    }

    async fn prove(&self, stored: &Stored, known: u64, key: &SoftwareKey) -> Result<(Vec<u8>, Vec<Hash>), InboxError> {
        let mut tx = self.catalog.read().await?;
        let newest = self.log.latest(&mut tx).await?.ok_or(InboxError::Damaged)?;
        let size = newest.checkpoint().size;
        let proof = self.log.inclusion(&mut tx, stored.log_index, size).await?;
        // A phone that knows more than there is will find the receipt wanting, and must.
        let consistency =
            if known == 0 || known > size { Vec::new() } else { self.log.consistency(&mut tx, known, size).await? };
        let receipt = Receipt {
            clinic_id: self.clinic_id,
            capture_id: stored.capture_id,
            manifest_hash: stored.manifest_hash,
            stored_at: stored.stored_at,
            index: stored.log_index,
            proof,
            checkpoint: newest,
        };
        Ok((receipt.issue(key)?, consistency))
    }

    /// The proof that entry `index` is among the first `size`.
    pub(super) async fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, InboxError> {
        let mut tx = self.catalog.read().await?;
        Ok(self.log.inclusion(&mut tx, index, size).await?)
    }

    /// The newest signed checkpoint, and its consistency with size `from`.
    pub(super) async fn checkpoint_since(&self, from: u64) -> Result<(Vec<u8>, Vec<Hash>), InboxError> {
        let mut tx = self.catalog.read().await?;
        let newest = self.log.latest(&mut tx).await?.ok_or(InboxError::Damaged)?;
        let size = newest.checkpoint().size;
        let consistency =
            if from == 0 || from > size { Vec::new() } else { self.log.consistency(&mut tx, from, size).await? };
        Ok((newest.text().as_bytes().to_vec(), consistency))
    }

    /// Captures that the clinic process has not settled, oldest first, as many as one answer holds.
    pub(super) async fn unsettled(&self) -> Result<Vec<InboxEntry>, InboxError> {
        let rows = {
            let mut tx = self.catalog.read().await?;
            sqlx::query(
                "SELECT seq, capture, manifest, label_payload, stored_at, log_index FROM inbox
                 WHERE settled = 0 ORDER BY seq LIMIT $1",
            )
            .bind(i64::try_from(MAX_INBOX_ENTRIES).unwrap_or(1))
            .fetch_all(&mut *tx)
            .await?
        };
        let mut entries = Vec::with_capacity(rows.len());
        for row in &rows {
            let capture_id = CaptureId::from_bytes(fixed(row, 1)?);
            // Settled by another connection of the clinic process since the look above.
            let Some(header) = self.headers.get(capture_id.into(), Kind::Picture).await? else { continue };
            let Some(mut label) = self.headers.get(capture_id.into(), Kind::Label).await? else { continue };
            label.extend_from_slice(row.try_get(3)?);
            entries.push(InboxEntry {
                seq: count(row.try_get(0)?)?,
                capture_id,
                manifest: row.try_get(2)?,
                header,
                label,
                stored_at: UnixMillis(count(row.try_get(4)?)?),
                log_index: count(row.try_get(5)?)?,
            });
        }
        Ok(entries)
    }

    /// Forgets manifest and label of captures that the clinic process holds, and destroys their headers. What remains says that they
    /// were stored. The row goes first: should this process end in between, [`Inbox::sweep_headers`] finishes it.
    pub(super) async fn settle(&self, captures: &[CaptureId]) -> Result<(), InboxError> {
        let mut tx = self.catalog.write().await?;
        for capture in captures {
            sqlx::query("UPDATE inbox SET settled = 1, manifest = $1, label_payload = $1 WHERE capture = $2")
                .bind(Vec::<u8>::new())
                .bind(capture.as_bytes().to_vec())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        let ids: Vec<HeaderId> = captures.iter().map(|capture| HeaderId::from(*capture)).collect();
        Ok(wiped_later(self.headers.destroy(&ids).await)?)
    }

    /// Destroys headers without an unsettled row: of captures that were settled, or that never came to be stored, when this process
    /// was cut off. Only before phones are served.
    async fn sweep_headers(&self) -> Result<(), InboxError> {
        let mut after = None;
        loop {
            let ids = self.headers.ids(after, SWEEP_BATCH).await?;
            let Some(last) = ids.last() else { return Ok(()) };
            after = Some(*last);
            let mut tx = self.catalog.read().await?;
            let mut orphans = Vec::new();
            for id in &ids {
                let row = sqlx::query("SELECT 1 FROM inbox WHERE capture = $1 AND settled = 0")
                    .bind(id.as_bytes().to_vec())
                    .fetch_optional(&mut *tx)
                    .await?;
                if row.is_none() {
                    orphans.push(*id);
                }
            }
            drop(tx);
            if !orphans.is_empty() {
                wiped_later(self.headers.destroy(&orphans).await)?;
                tracing::info!(count = orphans.len(), "headers without a capture destroyed");
            }
        }
    }

    /// Counts.
    pub(super) async fn counts(&self) -> Result<Counts, InboxError> {
        let mut tx = self.catalog.read().await?;
        let row = sqlx::query("SELECT COUNT(*) FROM inbox WHERE settled = 0").fetch_one(&mut *tx).await?;
        Ok(Counts { unsettled: count(row.try_get(0)?)?, log_size: self.log.size(&mut tx).await? })
    }

    /// Keeps a list of devices, so that it is in force after a restart too.
    pub(super) async fn set_devices(&self, generation: u64, devices: &[DeviceRecord]) -> Result<(), InboxError> {
        let ask = crate::link::Ask::Devices { generation, devices: devices.to_vec() };
        self.set("devices", ask.to_bytes()).await
    }

    /// The list of devices that was kept.
    pub(super) async fn devices(&self) -> Result<(u64, Vec<DeviceRecord>), InboxError> {
        match self.get("devices").await? {
            None => Ok((0, Vec::new())),
            Some(kept) => match crate::link::Ask::from_bytes(&kept) {
                Ok(crate::link::Ask::Devices { generation, devices }) => Ok((generation, devices)),
                _ => Err(InboxError::Damaged),
            },
        }
    }

    /// Keeps the key set.
    pub(super) async fn set_key_set(&self, in_force: InForce) -> Result<(), InboxError> {
        let InForce { envelope, accepted, receipt_keys } = in_force;
        self.set("key-set", crate::link::Ask::KeySet { envelope, accepted, receipt_keys }.to_bytes()).await
    }

    /// The key set that was kept.
    pub(super) async fn key_set(&self) -> Result<Option<InForce>, InboxError> {
        match self.get("key-set").await? {
            None => Ok(None),
            Some(kept) => match crate::link::Ask::from_bytes(&kept) {
                Ok(crate::link::Ask::KeySet { envelope, accepted, receipt_keys }) => {
                    Ok(Some(InForce { envelope, accepted, receipt_keys }))
                }
                _ => Err(InboxError::Damaged),
            },
        }
    }

    /// Keeps a number.
    pub(super) async fn set_number(&self, name: &str, number: u64) -> Result<(), InboxError> {
        self.set(name, number.to_be_bytes().to_vec()).await
    }

    /// A number that was kept.
    pub(super) async fn number(&self, name: &str) -> Result<Option<u64>, InboxError> {
        number(&self.catalog, name).await
    }

    async fn set(&self, name: &str, value: Vec<u8>) -> Result<(), InboxError> {
        let mut tx = self.catalog.write().await?;
        sqlx::query(
            "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name.to_owned())
        .bind(value)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, InboxError> {
        get(&self.catalog, name).await
    }
}

/// A number that was kept under `name`.
pub(super) async fn number(catalog: &Catalog, name: &str) -> Result<Option<u64>, InboxError> {
    let Some(kept) = get(catalog, name).await? else { return Ok(None) };
    kept.try_into().map(|bytes| Some(u64::from_be_bytes(bytes))).map_err(|_| InboxError::Damaged)
}

async fn get(catalog: &Catalog, name: &str) -> Result<Option<Vec<u8>>, InboxError> {
    let mut tx = catalog.read().await?;
    let row =
        sqlx::query("SELECT value FROM setting WHERE name = $1").bind(name.to_owned()).fetch_optional(&mut *tx).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

async fn find(connection: &mut sqlx::AnyConnection, capture: CaptureId) -> Result<Option<Stored>, InboxError> {
    let row = sqlx::query("SELECT manifest_hash, stored_at, log_index FROM inbox WHERE capture = $1")
        .bind(capture.as_bytes().to_vec())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Stored {
        capture_id: capture,
        manifest_hash: ManifestHash(fixed(&row, 0)?),
        stored_at: UnixMillis(count(row.try_get(1)?)?),
        log_index: count(row.try_get(2)?)?,
    }))
}

fn fixed<const N: usize>(row: &AnyRow, column: usize) -> Result<[u8; N], InboxError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    bytes.try_into().map_err(|_| InboxError::Damaged)
}

/// The intake log's entry for a capture.
fn capture_entry(received: &Received, stored_at: UnixMillis) -> Vec<u8> {
    let manifest = received.manifest();
    let said = manifest.manifest();
    entry::capture(said.capture_id, &manifest.hash(), said.device_id, stored_at)
}
