//! Proofs, for receipts and for whoever holds an older checkpoint.

use safelight_core::log::checkpoint::Checkpoint;
use safelight_core::log::{Hash, consistency_proof, inclusion_proof, root, verify_inclusion};
use sqlx::AnyConnection;

use super::nodes::{self, proof_error};
use super::{LogError, MerkleLog};

impl MerkleLog {
    /// The proof that entry `index` is among the first `size`, for
    /// [`verify_inclusion`]. It also works inside the transaction
    /// that appends the entry.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] if the log does not reach that far.
    pub async fn inclusion(
        &self,
        connection: &mut AnyConnection,
        index: u64,
        size: u64,
    ) -> Result<Vec<Hash>, LogError> {
        self.check_reach(connection, size).await?;
        let nodes = nodes::read(connection, |node| {
            let _ = inclusion_proof(index, size, node);
        })
        .await?;
        inclusion_proof(index, size, |level, pos| nodes.get(level, pos)).map_err(proof_error)
    }

    /// The proof that the first `old` entries are the beginning of the first `new`, for
    /// [`verify_consistency`](safelight_core::log::verify_consistency).
    ///
    /// # Errors
    /// As [`MerkleLog::inclusion`].
    pub async fn consistency(&self, connection: &mut AnyConnection, old: u64, new: u64) -> Result<Vec<Hash>, LogError> {
        self.check_reach(connection, new).await?;
        let nodes = nodes::read(connection, |node| {
            let _ = consistency_proof(old, new, node);
        })
        .await?;
        consistency_proof(old, new, |level, pos| nodes.get(level, pos)).map_err(proof_error)
    }

    /// The root of the first `size` entries, from the stored nodes.
    ///
    /// # Errors
    /// As [`MerkleLog::inclusion`].
    pub async fn root(&self, connection: &mut AnyConnection, size: u64) -> Result<Hash, LogError> {
        self.check_reach(connection, size).await?;
        let nodes = nodes::read(connection, |node| {
            let _ = root(size, node);
        })
        .await?;
        root(size, |level, pos| nodes.get(level, pos))
    }

    /// For each entry, by its index and [`leaf_hash`](safelight_core::log::leaf_hash), whether `checkpoint` vouches for it. A tree with a node that is
    /// missing or was altered vouches for none that needs it.
    ///
    /// # Errors
    /// [`LogError::Catalog`].
    pub async fn vouched(
        &self,
        connection: &mut AnyConnection,
        checkpoint: &Checkpoint,
        entries: &[(u64, Hash)],
    ) -> Result<Vec<bool>, LogError> {
        let size = checkpoint.size;
        let read = nodes::read(connection, |node| {
            for (index, _) in entries {
                let _ = inclusion_proof(*index, size, &mut *node);
            }
        });
        let nodes = match read.await {
            Ok(nodes) => nodes,
            Err(LogError::Damaged) => return Ok(vec![false; entries.len()]),
            Err(error) => return Err(error),
        };
        let is_in = |(index, leaf): &(u64, Hash)| {
            let proof = inclusion_proof(*index, size, |level, position| nodes.get(level, position));
            proof.is_ok_and(|proof| verify_inclusion(leaf, *index, size, &proof, &checkpoint.root))
        };
        Ok(entries.iter().map(is_in).collect())
    }

    async fn check_reach(&self, connection: &mut AnyConnection, size: u64) -> Result<(), LogError> {
        if size > self.size(connection).await? { Err(LogError::OutOfRange) } else { Ok(()) }
    }
}
