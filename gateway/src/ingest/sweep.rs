//! What an accident has left behind is removed once it is old; what an accident has taken away is named.
//!
//! The inbox is the authority. A payload without a row was never acknowledged: it goes, but not before any upload that could still be on its way
//! into the inbox has ended. A row without a payload was acknowledged, and is a lost picture: nothing is removed, and somebody is told.

use std::sync::Arc;
use std::time::Duration;

use super::{Ingest, IngestError};
use crate::store::blobs::{BlobError, Blobs};

/// Between two sweeps.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// While the clock is not to be believed, it is looked at again after this time.
const AGAIN: Duration = Duration::from_secs(60);

/// Every so many sweeps, and in the first, each row's payload is looked for.
const ROWS_EVERY: u64 = 24;

/// An interrupted upload is kept this long.
const PART_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A payload without a row is kept this long: longer than an upload that is resumed at the last moment takes.
const ORPHAN_LIFETIME: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// Rows read at once.
const PAGE: u32 = 512;

/// So many lost pictures are named in the log; the audit names all.
const NAMED: u64 = 10;

/// Sweeps for as long as the process runs.
pub(super) async fn run(ingest: Arc<Ingest>) {
    let mut sweeps = 0u64;
    loop {
        // What a wrong clock calls old may be a minute old.
        if !ingest.guard.look().judgement.may_remove() {
            tokio::time::sleep(AGAIN).await;
            continue;
        }
        parts(&ingest).await;
        match payloads_without_row(&ingest).await {
            Ok(Orphans { removed: 0, young: 0 }) => {}
            Ok(Orphans { removed, young }) => {
                tracing::warn!(removed, young, "payloads that were never acknowledged: the old ones are removed");
            }
            Err(error) => tracing::warn!(%error, "payloads could not be swept"),
        }
        if sweeps.is_multiple_of(ROWS_EVERY) {
            match rows_without_payload(&ingest).await {
                Ok(0) => {}
                Ok(count) => tracing::error!(
                    count,
                    "acknowledged pictures have no payload: restore them from a backup; `safelight audit verify` names them"
                ),
                Err(error) => tracing::warn!(%error, "stored pictures could not be looked at"),
            }
        }
        sweeps = sweeps.wrapping_add(1);
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn parts(ingest: &Ingest) {
    match ingest.blobs.sweep_incoming(ingest.clock.now(), PART_LIFETIME).await {
        Ok(swept) if swept.removed == 0 => {}
        Ok(swept) => tracing::info!(count = swept.removed, "interrupted uploads removed"),
        Err(error) => tracing::warn!(%error, "interrupted uploads could not be swept"),
    }
}

/// Payloads without a row.
struct Orphans {
    removed: u64,
    young: u64,
}

/// Left by a process that ended between the rename and the commit.
async fn payloads_without_row(ingest: &Ingest) -> Result<Orphans, IngestError> {
    let mut orphans = Orphans { removed: 0, young: 0 };
    for shard in 0..=u8::MAX {
        for blob in ingest.blobs.list(shard).await?.blobs {
            if ingest.inbox.holds(&blob.key).await? {
                continue;
            }
            if ingest.clock.now().since(blob.modified) < ORPHAN_LIFETIME {
                orphans.young = orphans.young.saturating_add(1);
            } else if ingest.blobs.delete(&blob.key).await? {
                orphans.removed = orphans.removed.saturating_add(1);
            }
        }
    }
    Ok(orphans)
}

/// How many there are; the first are named in the log.
async fn rows_without_payload(ingest: &Ingest) -> Result<u64, IngestError> {
    let (mut lost, mut after) = (0u64, 0);
    loop {
        let page = ingest.inbox.page(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(lost) };
        after = last.seq;
        for row in &page {
            match ingest.blobs.open(&row.payload_key()).await {
                Ok(_) => {}
                Err(BlobError::NotFound | BlobError::NotAFile) => {
                    lost = lost.saturating_add(1);
                    if lost <= NAMED {
                        tracing::error!(capture = %row.capture, "the payload of an acknowledged picture is missing, or no file");
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
