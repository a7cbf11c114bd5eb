//! Growing: entries, the nodes that they complete, and the signature over it all.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::Range;

use ed25519_dalek::SigningKey;
use safelight_core::ids::UnixMillis;
use safelight_core::log::checkpoint::{Checkpoint, SignedCheckpoint};
use safelight_core::log::entry::MAX_ENTRY_LEN;
use safelight_core::log::{appended_nodes, leaf_hash, root};
use sqlx::Row;

use super::{LogError, MerkleLog, nodes};
use crate::store::catalog::{CatalogError, WriteTx, count, int};
use crate::store::faults::Step;

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

impl MerkleLog {
    /// Appends `entries` inside the caller's transaction and gives back their indices. Several at once cost
    /// little more than one.
    ///
    /// # Errors
    /// [`LogError::Truncated`] or [`LogError::Damaged`] if the log is not what it was; the transaction must
    /// be given up then.
    pub async fn append(&self, tx: &mut WriteTx, entries: &[Vec<u8>]) -> Result<Range<u64>, LogError> {
        if entries.iter().any(|entry| entry.len() > MAX_ENTRY_LEN) {
            return Err(LogError::EntryTooLong);
        }
        tx.faults().before(Step::LogAppend).map_err(CatalogError::from_step)?;
        let start = self.size(tx).await?;
        self.check_signed(tx, start).await?;
        let added = u64::try_from(entries.len()).map_err(|_| LogError::OutOfRange)?;
        let end = start.checked_add(added).ok_or(LogError::OutOfRange)?;

        let mut known = nodes::fetch(tx, &neighbours(start..end)).await?;
        for (index, entry) in (start..end).zip(entries) {
            sqlx::query("INSERT INTO log_entry (idx, entry) VALUES ($1, $2)")
                .bind(int(index)?)
                .bind(entry.as_slice())
                .execute(&mut **tx)
                .await?;
            let made = appended_nodes(index, leaf_hash(entry), |level, pos| known.get(level, pos))?;
            for node in made {
                sqlx::query("INSERT INTO log_node (level, pos, hash) VALUES ($1, $2, $3)")
                    .bind(i64::from(node.level))
                    .bind(int(node.position)?)
                    .bind(node.hash.as_slice())
                    .execute(&mut **tx)
                    .await?;
                known.0.insert((node.level, node.position), node.hash);
            }
        }
        Ok(start..end)
    }

    /// Signs for the log as it is inside the caller's transaction, and keeps the checkpoint there. Nothing
    /// of it may leave the house before the commit: otherwise a log that was rolled back has signed for
    /// entries that it then gives to others.
    ///
    /// # Errors
    /// [`LogError::OtherKey`] if `key` is not the log's.
    pub async fn sign(
        &self,
        tx: &mut WriteTx,
        key: &SigningKey,
        now: UnixMillis,
    ) -> Result<SignedCheckpoint, LogError> {
        if key.verifying_key() != *self.key() {
            return Err(LogError::OtherKey);
        }
        let size = self.size(tx).await?;
        self.check_signed(tx, size).await?;
        let nodes = nodes::read(tx, |node| {
            let _: Result<_, Infallible> = root(size, node);
        })
        .await?;
        let root = root(size, |level, pos| nodes.get(level, pos))?;
        let signed = Checkpoint { origin: self.origin.clone(), size, root }.sign(key)?;
        // A day that the clock comes back to keeps its larger checkpoint.
        sqlx::query(
            "INSERT INTO log_checkpoint (day, size, note) VALUES ($1, $2, $3) \
             ON CONFLICT (day) DO UPDATE SET size = excluded.size, note = excluded.note \
             WHERE excluded.size >= log_checkpoint.size",
        )
        .bind(int(now.0 / DAY_MILLIS)?)
        .bind(int(size)?)
        .bind(signed.text())
        .execute(&mut **tx)
        .await?;
        Ok(signed)
    }

    /// A log that has lost entries must not give their indices to others.
    async fn check_signed(&self, tx: &mut WriteTx, size: u64) -> Result<(), LogError> {
        let row = sqlx::query("SELECT MAX(size) FROM log_checkpoint").fetch_one(&mut **tx).await?;
        let signed = count(row.try_get::<Option<i64>, _>(0)?.unwrap_or(0))?;
        if signed > size { Err(LogError::Truncated { size, signed }) } else { Ok(()) }
    }
}

/// The nodes left of `range` that appending it joins to.
fn neighbours(range: Range<u64>) -> BTreeSet<nodes::Place> {
    let mut wanted = BTreeSet::new();
    for index in range.clone() {
        let Ok(_) = appended_nodes(index, [0; 32], |level, position| {
            // Complete before the range begins: stored already.
            if (position + 1) << level <= range.start {
                wanted.insert((level, position));
            }
            Ok::<_, Infallible>([0; 32])
        });
    }
    wanted
}
