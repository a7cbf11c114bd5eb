//! Merkle logs: checkpoints, entries and proofs. A proof that holds is the one proof that there is.

use safelight_core::log::checkpoint::{Checkpoint, MAX_CHECKPOINT_LEN, SignedCheckpoint};
use safelight_core::log::entry::Entry;
use safelight_core::log::{self, Hash, leaf_hash, node_hash};

use super::clinic::{ORIGIN, keys};
use super::input::Input;

/// Leaves of the largest tree that proofs are tried against.
const MAX_LEAVES: usize = 40;

/// Bytes as a signed note, and as a checkpoint that the log's key signs.
pub fn checkpoint_note(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let key = keys().log.verifying_key();
    if let Ok(read) = SignedCheckpoint::parse_and_verify(text, ORIGIN, &key) {
        assert_eq!(read.checkpoint(), &genuine(), "a checkpoint that the log has not signed");
        assert_eq!(read.text(), text);
        assert!(text.len() <= MAX_CHECKPOINT_LEN);
    }
    // Bytes as a checkpoint that is to be signed: size, root, and the log's name.
    let mut input = Input::new(bytes);
    let size = input.bytes(8).iter().fold(0u64, |size, byte| size << 8 | u64::from(*byte));
    let root = std::array::from_fn(|_| input.byte());
    let origin = String::from_utf8_lossy(input.rest()).into_owned();
    let made = Checkpoint { origin: origin.clone(), size, root };
    if let Ok(signed) = made.clone().sign(&keys().log) {
        let read = SignedCheckpoint::parse_and_verify(signed.text(), &origin, &key).expect("what was signed is read");
        assert_eq!(read.checkpoint(), &made);
    }
}

/// Bytes as a log entry.
pub fn log_entry(bytes: &[u8]) {
    if let Ok(entry) = Entry::parse(bytes) {
        assert_eq!(entry.to_bytes(), bytes, "a second spelling of {entry:?}");
        assert_eq!(Entry::new(entry.kind(), entry.fields().to_vec()).as_ref(), Ok(&entry));
    }
}

/// Bytes as changes to the proofs of a tree: changed proofs do not hold, unchanged ones do.
pub fn log_proofs(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let size = input.below(MAX_LEAVES) + 1;
    let (index, old) = (input.below(size), input.below(size + 1));
    let leaves: Vec<Hash> = (0..size).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
    let node = |level: u8, position: u64| Ok::<_, ()>(node_of(&leaves, level, position));
    let root = log::root(size as u64, node).expect("a root");
    let old_root = log::root(old as u64, node).expect("a root");
    let inclusion = log::inclusion_proof(index as u64, size as u64, node).expect("a proof");
    let consistency = log::consistency_proof(old as u64, size as u64, node).expect("a proof");

    let (mut proof, mut further) = (inclusion.clone(), consistency.clone());
    while !input.is_empty() {
        change(&mut proof, &mut input);
        change(&mut further, &mut input);
    }
    let leaf = leaves.get(index).expect("a leaf");
    let included = log::verify_inclusion(leaf, index as u64, size as u64, &proof, &root);
    assert_eq!(included, proof == inclusion, "entry {index} of {size}");
    let continued = log::verify_consistency(old as u64, &old_root, size as u64, &root, &further);
    assert_eq!(continued, further == consistency, "from {old} to {size}");
    // The right proof shows nothing about another entry, place or tree.
    for other in (0..size).filter(|other| *other != index) {
        assert!(!log::verify_inclusion(leaf, other as u64, size as u64, &inclusion, &root), "{index} as {other}");
    }
    assert!(!log::verify_inclusion(leaf, u64::MAX, u64::MAX, &proof, &root));
    if old > 0 {
        assert!(!log::verify_consistency(old as u64, &[0; 32], size as u64, &root, &consistency));
    }
}

/// The one checkpoint that the log has signed.
pub fn genuine() -> Checkpoint {
    Checkpoint { origin: ORIGIN.to_owned(), size: 7, root: [7; 32] }
}

fn change(proof: &mut Vec<Hash>, input: &mut Input<'_>) {
    let at = input.below(proof.len() + 1);
    match input.byte() % 4 {
        0 => {}
        1 => {
            if let Some(byte) = proof.get_mut(at).and_then(|hash| hash.get_mut(usize::from(input.byte()) % 32)) {
                *byte ^= input.byte();
            }
        }
        2 => {
            let hash = proof.get(input.below(proof.len() + 1)).copied().unwrap_or_default();
            proof.insert(at, hash);
        }
        _ => {
            if at < proof.len() {
                proof.remove(at);
            }
        }
    }
    // Longer ones would only take longer.
    proof.truncate(80);
}

fn node_of(leaves: &[Hash], level: u8, position: u64) -> Hash {
    if level == 0 {
        let at = usize::try_from(position).expect("a small tree");
        return *leaves.get(at).expect("a leaf");
    }
    node_hash(&node_of(leaves, level - 1, 2 * position), &node_of(leaves, level - 1, 2 * position + 1))
}
