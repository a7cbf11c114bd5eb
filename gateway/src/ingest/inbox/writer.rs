//! The one task that writes the inbox: group commit.

use std::collections::HashSet;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use safelight_core::seal;
use safelight_core::session::receive::Received;
use safelight_core::wire::RefusalCode;
use sqlx::Row;
use tokio::sync::{mpsc, oneshot};

use super::super::authenticate::PresentedDevice;
use super::super::devices::Devices;
use super::{InboxError, Stored, capture_entry, find};
use crate::clock::Clock;
use crate::log::MerkleLog;
use crate::store::catalog::{Catalog, CatalogError, WriteTx, count, int};
use crate::store::headers::{Header, HeaderError, HeaderId, Headers, Kind, SqliteHeaders, wiped_later};

/// Most jobs in one transaction.
const MAX_BATCH: usize = 64;

/// Something to write.
#[derive(Debug)]
pub(super) enum Job {
    /// A capture whose payload is durable.
    Store { received: Box<Received>, device: Box<PresentedDevice>, reply: oneshot::Sender<Result<Stored, RefusalCode>> },
    /// An entry of the log by itself.
    Entry { entry: Vec<u8>, reply: oneshot::Sender<()> },
}

/// What to say once the commit is durable.
enum Verdict {
    Stored(oneshot::Sender<Result<Stored, RefusalCode>>, Result<Stored, RefusalCode>),
    Entered(oneshot::Sender<()>),
}

pub(super) struct Writer {
    catalog: Catalog,
    headers: SqliteHeaders,
    log: MerkleLog,
    key: SigningKey,
    clock: Clock,
    devices: Arc<Devices>,
}

impl Writer {
    /// Starts the task; it ends when the sender is dropped.
    pub(super) fn start(
        catalog: Catalog,
        headers: SqliteHeaders,
        log: MerkleLog,
        key: SigningKey,
        clock: Clock,
        devices: Arc<Devices>,
    ) -> mpsc::Sender<Job> {
        let (jobs, mut waiting) = mpsc::channel::<Job>(MAX_BATCH);
        let writer = Self { catalog, headers, log, key, clock, devices };
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while waiting.recv_many(&mut batch, MAX_BATCH).await > 0 {
                writer.write(std::mem::take(&mut batch)).await;
            }
        });
        jobs
    }

    async fn write(&self, batch: Vec<Job>) {
        match self.commit(batch).await {
            Ok(verdicts) => verdicts.into_iter().for_each(Verdict::say),
            // Dropping the batch has dropped every reply, which its waiter takes for "not stored".
            Err(error) => {
                tracing::error!(%error, "nothing of this batch was stored");
                // Whatever else failed, the disk may have: a new process looks at what is there.
                let busy = matches!(
                    error,
                    InboxError::Catalog(CatalogError::Busy | CatalogError::Serialization)
                        | InboxError::Headers(HeaderError::Catalog(CatalogError::Busy | CatalogError::Serialization))
                );
                if !busy {
                    self.catalog.distrust();
                }
            }
        }
    }

    async fn commit(&self, batch: Vec<Job>) -> Result<Vec<Verdict>, InboxError> {
        let now = self.clock.now();
        let mut tx = self.catalog.write().await?;
        let mut entries = Vec::new();
        let mut fresh = Vec::new();
        let mut verdicts = Vec::new();
        let mut seen = HashSet::new();
        for job in batch {
            match job {
                Job::Entry { entry, reply } => {
                    entries.push(entry);
                    verdicts.push(Verdict::Entered(reply));
                }
                Job::Store { received, device, reply } => {
                    // Inside the transaction: a list of devices that comes now waits until this is written before it is confirmed.
                    if let Err(code) = self.devices.may_send(&device, now) {
                        verdicts.push(Verdict::Stored(reply, Err(code)));
                        continue;
                    }
                    let manifest = received.manifest();
                    let capture = manifest.manifest().capture_id;
                    match find(&mut tx, capture).await? {
                        Some(known) if known.manifest_hash == manifest.hash() => {
                            verdicts.push(Verdict::Stored(reply, Ok(known)));
                        }
                        Some(_) => verdicts.push(Verdict::Stored(reply, Err(RefusalCode::Conflict))),
                        // One capture is received once at a time; should two meet here all the same, the second tries again.
                        None if !seen.insert(capture) => {
                            verdicts.push(Verdict::Stored(reply, Err(RefusalCode::Superseded)));
                        }
                        None => {
                            fresh.push((entries.len(), received, reply));
                            let (_, received, _) = fresh.last().ok_or(InboxError::Damaged)?;
                            entries.push(capture_entry(received, now));
                        }
                    }
                }
            }
        }
        // Durable before the row that promises them: a header without a row is an orphan, a row without a header a lost picture.
        keep_headers(&self.headers, fresh.iter().map(|(_, received, _)| received.as_ref())).await?;
        let range = self.log.append(&mut tx, &entries).await?;
        let mut seq = newest_seq(&mut tx).await?;
        for (place, received, reply) in fresh {
            seq = seq.saturating_add(1);
            let stored = Stored {
                capture_id: received.manifest().manifest().capture_id,
                manifest_hash: received.manifest().hash(),
                stored_at: now,
                log_index: range.start.saturating_add(place as u64),
            };
            insert(&mut tx, seq, &received, &stored).await?;
            verdicts.push(Verdict::Stored(reply, Ok(stored)));
        }
        self.log.sign(&mut tx, &self.key, now).await?;
        tx.commit().await?;
        Ok(verdicts)
    }
}

impl Verdict {
    fn say(self) {
        // A waiter that has gone needs no answer.
        match self {
            Self::Stored(reply, verdict) => drop(reply.send(verdict)),
            Self::Entered(reply) => drop(reply.send(())),
        }
    }
}

/// Keeps the headers of captures that are about to be stored. One that is there already is from an attempt that was cut off before
/// its row was, perhaps with other ephemeral keys: it gives way.
async fn keep_headers(headers: &SqliteHeaders, fresh: impl Iterator<Item = &Received>) -> Result<(), InboxError> {
    let mut new = Vec::new();
    for received in fresh {
        let id = HeaderId::from(received.manifest().manifest().capture_id);
        let (label_header, _) = seal::split(received.label()).map_err(|_| InboxError::Damaged)?;
        new.push(Header { id, kind: Kind::Picture, bytes: received.header().to_vec() });
        new.push(Header { id, kind: Kind::Label, bytes: label_header.to_vec() });
    }
    if new.is_empty() {
        return Ok(());
    }
    match headers.put(&new).await {
        Err(HeaderError::Exists) => {
            let ids: Vec<HeaderId> = new.iter().map(|header| header.id).collect();
            wiped_later(headers.destroy(&ids).await)?;
            Ok(headers.put(&new).await?)
        }
        other => Ok(other?),
    }
}

async fn newest_seq(tx: &mut WriteTx) -> Result<u64, InboxError> {
    let row = sqlx::query("SELECT COALESCE(MAX(seq), 0) FROM inbox").fetch_one(&mut **tx).await?;
    Ok(count(row.try_get(0)?)?)
}

async fn insert(tx: &mut WriteTx, seq: u64, received: &Received, stored: &Stored) -> Result<(), InboxError> {
    let manifest = received.manifest();
    let (_, label_payload) = seal::split(received.label()).map_err(|_| InboxError::Damaged)?;
    sqlx::query(
        "INSERT INTO inbox (seq, capture, manifest_hash, device, manifest, label_payload, stored_at, log_index, settled)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
    )
    .bind(int(seq)?)
    .bind(stored.capture_id.as_bytes().to_vec())
    .bind(stored.manifest_hash.0.to_vec())
    .bind(manifest.manifest().device_id.as_bytes().to_vec())
    .bind(manifest.cose().to_vec())
    .bind(label_payload.to_vec())
    .bind(int(stored.stored_at.0)?)
    .bind(int(stored.log_index)?)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
