//! Merkle trees over log entries: hashing, proofs, and who checks them.
//!
//! The tree is that of RFC 6962 section 2.1 (RFC 9162 keeps it). A log is a sequence of entries; the tree of
//! `size` entries has one root; an inclusion proof ties one entry to a root, a consistency proof ties an older
//! root to a newer one. [`checkpoint`] signs a root, [`entry`] says what an entry is.
//!
//! The prover reads stored nodes through a closure `node(level, position)`: the hash of the complete subtree
//! over the entries `position << level .. (position + 1) << level`. [`appended_nodes`] tells which nodes an
//! append completes, so that a store keeps about two hashes an entry and every proof reads O(log size) of them.

pub mod checkpoint;
pub mod entry;

use sha2::{Digest, Sha256};

/// A SHA-256 digest: of an entry, of a subtree, or of a whole tree.
pub type Hash = [u8; 32];

/// The longest proof that any tree can need (RFC 9162 section 2.1.4.1: one hash more than the tree is high).
pub const MAX_PROOF_LEN: usize = 65;

/// The hash of a log entry: SHA-256(0x00, entry).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

/// The hash over two neighbouring subtrees: SHA-256(0x01, left, right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of a log without entries: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Whether `proof` shows that the entry hashed to `leaf` has `index` in the tree of `size` entries under
/// `root` (RFC 9162 section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut position, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            hash = node_hash(sibling, &hash);
            while position & 1 == 0 && position != 0 {
                (position, last) = (position >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (position, last) = (position >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of `new_size` entries under `new_root` begins with the tree of
/// `old_size` entries under `old_root` (RFC 9162 section 2.1.4.2). The empty log is the beginning of every log.
#[must_use]
pub fn verify_consistency(old_size: u64, old_root: &Hash, new_size: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root && (old_size != 0 || *old_root == empty_root());
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    let (mut position, mut last) = (old_size - 1, new_size - 1);
    while position & 1 == 1 {
        (position, last) = (position >> 1, last >> 1);
    }
    // An old tree that is one complete subtree of the new one is itself where the climb begins.
    let (start, rest) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else if let Some((first, rest)) = proof.split_first() {
        (first, rest)
    } else {
        return false;
    };
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while position & 1 == 0 && position != 0 {
                (position, last) = (position >> 1, last >> 1);
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (position, last) = (position >> 1, last >> 1);
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// A complete subtree: `hash` covers the entries `position << level .. (position + 1) << level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Height above the leaves, which are level 0.
    pub level: u8,
    /// How many complete subtrees of the same level lie left of it.
    pub position: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Why a proof was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E> {
    /// The entry, or the older tree, lies beyond the tree that was named.
    #[error("no such proof: the entry or the older tree lies beyond the log's end")]
    OutOfRange,
    /// A stored node could not be read.
    #[error("a node of the log could not be read")]
    Node(#[source] E),
}

/// The nodes that appending an entry with hash `leaf` to a log of `size` entries completes, leaf first. `node`
/// is asked only for nodes that are stored already.
pub fn appended_nodes<E>(
    size: u64,
    leaf: Hash,
    mut node: impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Node>, E> {
    let mut latest = Node { level: 0, position: size, hash: leaf };
    let mut nodes = vec![latest];
    while latest.position & 1 == 1 {
        let left = node(latest.level, latest.position - 1)?;
        latest = Node { level: latest.level + 1, position: latest.position >> 1, hash: node_hash(&left, &latest.hash) };
        nodes.push(latest);
    }
    Ok(nodes)
}

/// The root of the first `size` entries.
pub fn root<E>(size: u64, mut node: impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    if size == 0 { Ok(empty_root()) } else { subtree(0, size, &mut node) }
}

/// The proof that the entry at `index` is in the tree of the first `size` entries, for [`verify_inclusion`].
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    mut node: impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, ProofError<E>> {
    if index >= size {
        return Err(ProofError::OutOfRange);
    }
    let (mut low, mut high) = (0, size);
    let mut proof = Vec::new();
    while high - low > 1 {
        let middle = low + left_width(high - low);
        if index < middle {
            proof.push(subtree(middle, high, &mut node).map_err(ProofError::Node)?);
            high = middle;
        } else {
            proof.push(subtree(low, middle, &mut node).map_err(ProofError::Node)?);
            low = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of the first `new` entries begins with that of the first `old`, for
/// [`verify_consistency`].
pub fn consistency_proof<E>(
    old: u64,
    new: u64,
    mut node: impl FnMut(u8, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, ProofError<E>> {
    if old > new {
        return Err(ProofError::OutOfRange);
    }
    let mut proof = Vec::new();
    if old == 0 {
        return Ok(proof);
    }
    let (mut low, mut high) = (0, new);
    while old != high {
        let middle = low + left_width(high - low);
        if old <= middle {
            proof.push(subtree(middle, high, &mut node).map_err(ProofError::Node)?);
            high = middle;
        } else {
            proof.push(subtree(low, middle, &mut node).map_err(ProofError::Node)?);
            low = middle;
        }
    }
    // The verifier knows the old root, so it needs this subtree only where the old tree is more than it.
    if low != 0 {
        proof.push(subtree(low, high, &mut node).map_err(ProofError::Node)?);
    }
    proof.reverse();
    Ok(proof)
}

/// How many of `width` (at least 2) entries the left subtree takes: the largest power of two below `width`.
fn left_width(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// The hash over the entries `low..high` (never empty), a range that the tree's own splitting leads to. The
/// recursion is at most as deep as the tree is high.
fn subtree<E>(low: u64, high: u64, node: &mut impl FnMut(u8, u64) -> Result<Hash, E>) -> Result<Hash, E> {
    let width = high - low;
    if width.is_power_of_two() {
        let level = width.ilog2();
        #[allow(clippy::cast_possible_truncation, reason = "a logarithm of a u64 is below 64")]
        return node(level as u8, low >> level);
    }
    let middle = low + left_width(width);
    let left = subtree(low, middle, node)?;
    let right = subtree(middle, high, node)?;
    Ok(node_hash(&left, &right))
}

#[cfg(test)]
mod tests;
