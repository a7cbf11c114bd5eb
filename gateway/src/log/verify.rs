//! Reading the whole log and believing none of its hashes.

use std::collections::BTreeMap;

use safelight_core::log::checkpoint::{CheckpointError, SignedCheckpoint};
use safelight_core::log::{Hash, Node, appended_nodes, leaf_hash, root};
use sqlx::AnyConnection;
use sqlx::Row;

use super::nodes::Nodes;
use super::{LogError, MerkleLog};
use crate::store::catalog::{CatalogError, count, int};

/// Entries read at once.
const PAGE: u64 = 1024;

/// Levels that a log of `i64::MAX` entries can have.
const LEVELS: u8 = 63;

/// What a sound log was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub size: u64,
    /// The root over all of them, computed from the entries.
    pub root: Hash,
    /// How many of the first entries a stored or a given checkpoint vouches for. The rest are consistent
    /// with the stored tree, but nobody has signed for them yet.
    pub signed: u64,
    /// How many checkpoints agreed.
    pub checkpoints: u64,
}

/// Where a log is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}: first bad entry {first}, at the latest {last}")]
pub struct Finding {
    /// The first entry that may be bad: those before it have the hashes that were stored, or, if a checkpoint
    /// disagrees, a checkpoint from the same keeper that agrees.
    pub first: u64,
    /// The entry by which it has gone bad: equal to `first` where that is known exactly.
    pub last: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An entry's index is skipped.
    #[error("an entry is missing")]
    Missing,
    /// An entry does not have the hash that was stored when it was appended.
    #[error("an entry was changed, inserted or moved")]
    Changed,
    /// A subtree does not have the hash that was stored.
    #[error("an entry was changed together with its own hash, or a hash was")]
    Tree,
    /// There are hashes for entries that are not there.
    #[error("entries at the end are gone, or hashes were added")]
    Tail,
    /// A checkpoint is for more entries than there are.
    #[error("entries at the end are gone: a checkpoint vouches for more")]
    Truncated,
    /// A checkpoint is for other entries.
    #[error("the log was rewritten: a checkpoint vouches for other entries")]
    Rewritten,
    /// A stored checkpoint is not by the log's key.
    #[error("a stored checkpoint is a forgery or was altered")]
    Forged,
}

/// Why a log could not be said to be sound.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is not.
    #[error(transparent)]
    Bad(#[from] Finding),
    /// The checkpoint to compare with is not one of this log.
    #[error("the checkpoint to compare with cannot be used: {0}")]
    Against(#[source] CheckpointError),
    /// The database.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl From<sqlx::Error> for VerifyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Catalog(error.into())
    }
}

impl MerkleLog {
    /// Recomputes every hash from the entries, in one consistent state of the database, and compares with
    /// the stored nodes, with the stored checkpoints, and with those in `against`, which were kept
    /// elsewhere and are all that a rewriting by the log's own keeper cannot touch.
    ///
    /// # Errors
    /// [`VerifyError::Bad`] with the first bad entry.
    pub async fn verify(&self, against: &[&str]) -> Result<Verified, VerifyError> {
        let parse = |text: &str| SignedCheckpoint::parse_and_verify(text, self.origin(), self.key());
        let mut checkpoints = Checkpoints::default();
        for text in against {
            checkpoints.add(parse(text).map_err(VerifyError::Against)?, Keeper::Outside);
        }
        let mut tx = self.catalog().read().await?;
        for row in sqlx::query("SELECT size, note FROM log_checkpoint ORDER BY size").fetch_all(&mut *tx).await? {
            let (size, note): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
            let signed = parse(note).ok().filter(|signed| int(signed.checkpoint().size).ok() == Some(size));
            let first = u64::try_from(size).unwrap_or(0);
            checkpoints.add(signed.ok_or(Finding { first, last: first, fault: Fault::Forged })?, Keeper::Log);
        }
        let mut walk = Walk::new(checkpoints);
        walk.check_root()?;
        while walk.page(&mut tx).await? {}
        walk.finish(&mut tx).await
    }
}

/// Who kept a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeper {
    Log,
    Outside,
}

#[derive(Default)]
struct Checkpoints {
    roots: BTreeMap<u64, Vec<(Hash, Keeper)>>,
    agreed: u64,
}

impl Checkpoints {
    fn add(&mut self, signed: SignedCheckpoint, keeper: Keeper) {
        let checkpoint = signed.checkpoint();
        self.roots.entry(checkpoint.size).or_default().push((checkpoint.root, keeper));
    }
}

/// The pass over the log: so far `size` entries, whose tree's right edge is in `edge`.
struct Walk {
    checkpoints: Checkpoints,
    size: u64,
    /// The size of the last checkpoint that agreed, whoever kept it.
    signed: u64,
    /// The size of the last one from outside that agreed.
    vouched: u64,
    edge: Nodes,
}

impl Walk {
    fn new(checkpoints: Checkpoints) -> Self {
        Self { checkpoints, size: 0, signed: 0, vouched: 0, edge: Nodes::default() }
    }

    /// Takes in the next entries; false at the end.
    async fn page(&mut self, connection: &mut AnyConnection) -> Result<bool, VerifyError> {
        let start = self.size;
        // Not "idx >= start" alone: a row before the beginning would never be looked at.
        let from = if start == 0 { i64::MIN } else { int(start)? };
        let rows = sqlx::query("SELECT idx, entry FROM log_entry WHERE idx >= $1 ORDER BY idx LIMIT $2")
            .bind(from)
            .bind(int(PAGE)?)
            .fetch_all(&mut *connection)
            .await?;
        let Ok(rows_len) = u64::try_from(rows.len()) else {
            return Err(CatalogError::OutOfRange.into());
        };
        let stored = stored_nodes(connection, start, start.saturating_add(rows_len)).await?;
        for row in &rows {
            let (index, entry): (i64, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
            if int(self.size).ok() != Some(index) {
                let fault = if index < 0 { Fault::Changed } else { Fault::Missing };
                return Err(self.here(fault).into());
            }
            self.take(entry, &stored)?;
            self.check_root()?;
        }
        Ok(!rows.is_empty())
    }

    fn take(&mut self, entry: &[u8], stored: &BTreeMap<(u8, u64), Vec<u8>>) -> Result<(), Finding> {
        let made = appended_nodes(self.size, leaf_hash(entry), |level, pos| self.edge.get(level, pos));
        // The edge holds every node that is asked for, so this cannot be.
        let made = made.map_err(|_| self.here(Fault::Tree))?;
        for Node { level, position, hash } in made {
            if stored.get(&(level, position)).map(Vec::as_slice) != Some(hash.as_slice()) {
                let fault = if level == 0 { Fault::Changed } else { Fault::Tree };
                return Err(Finding { first: position << level, last: self.size, fault });
            }
            // Only the last node of a level can be asked for again.
            self.edge.0.remove(&(level, position.wrapping_sub(1)));
            self.edge.0.insert((level, position), hash);
        }
        self.size += 1;
        Ok(())
    }

    /// Compares with the checkpoints of this size.
    fn check_root(&mut self) -> Result<(), Finding> {
        let Some(roots) = self.checkpoints.roots.remove(&self.size) else {
            return Ok(());
        };
        let root = self.root().map_err(|_| self.here(Fault::Tree))?;
        if let Some((_, keeper)) = roots.iter().find(|(signed, _)| *signed != root) {
            let last = self.size.saturating_sub(1);
            // Whoever rewrote entries could make the log's own checkpoints agree: they vouch for nothing here.
            let good = if *keeper == Keeper::Outside { self.vouched } else { self.signed };
            return Err(Finding { first: good.min(last), last, fault: Fault::Rewritten });
        }
        if roots.iter().any(|(_, keeper)| *keeper == Keeper::Outside) {
            self.vouched = self.size;
        }
        self.checkpoints.agreed += u64::try_from(roots.len()).unwrap_or(u64::MAX);
        self.signed = self.size;
        Ok(())
    }

    /// What must not be there after the last entry.
    async fn finish(self, connection: &mut AnyConnection) -> Result<Verified, VerifyError> {
        if let Some((beyond, _)) = self.checkpoints.roots.first_key_value() {
            let last = beyond.saturating_sub(1);
            return Err(Finding { first: self.size, last, fault: Fault::Truncated }.into());
        }
        let row = sqlx::query("SELECT COUNT(*) FROM log_node").fetch_one(connection).await?;
        let expected = (0..LEVELS).fold(0_u64, |sum, level| sum.saturating_add(self.size >> level));
        if count(row.try_get(0)?)? != expected {
            return Err(self.here(Fault::Tail).into());
        }
        let root = self.root().map_err(|_| self.here(Fault::Tree))?;
        Ok(Verified { size: self.size, root, signed: self.signed, checkpoints: self.checkpoints.agreed })
    }

    fn root(&self) -> Result<Hash, LogError> {
        root(self.size, |level, position| self.edge.get(level, position))
    }

    fn here(&self, fault: Fault) -> Finding {
        Finding { first: self.size, last: self.size, fault }
    }
}

/// The stored nodes that entries `start..end` complete, of whatever length they are.
async fn stored_nodes(
    connection: &mut AnyConnection,
    start: u64,
    end: u64,
) -> Result<BTreeMap<(u8, u64), Vec<u8>>, VerifyError> {
    let mut nodes = BTreeMap::new();
    for level in 0..LEVELS {
        let positions = (start >> level)..(end >> level);
        if positions.is_empty() {
            continue;
        }
        let rows = sqlx::query("SELECT pos, hash FROM log_node WHERE level = $1 AND pos >= $2 AND pos < $3")
            .bind(i64::from(level))
            .bind(int(positions.start)?)
            .bind(int(positions.end)?)
            .fetch_all(&mut *connection)
            .await?;
        for row in rows {
            nodes.insert((level, count(row.try_get(0)?)?), row.try_get(1)?);
        }
    }
    Ok(nodes)
}
