use std::collections::HashMap;

use super::*;

/// The eight inputs and the roots of the trees over the first one, two, ... of them, as every implementation of
/// Certificate Transparency tests itself (RFC 6962's reference code, `merkle_tree_test.cc`).
const INPUTS: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn hash(text: &str) -> Hash {
    hex(text).try_into().unwrap()
}

/// A log in memory that stores what `appended_nodes` says and nothing else.
#[derive(Default)]
struct Tree {
    size: u64,
    nodes: HashMap<(u8, u64), Hash>,
}

impl Tree {
    fn of(entries: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut tree = Self::default();
        for entry in entries {
            let nodes = appended_nodes(tree.size, leaf_hash(&entry), |l, p| tree.node(l, p)).unwrap();
            for node in nodes {
                assert!(tree.nodes.insert((node.level, node.position), node.hash).is_none());
            }
            tree.size += 1;
        }
        tree
    }

    fn numbered(size: u64) -> Self {
        Self::of((0..size).map(|i| i.to_be_bytes().to_vec()))
    }

    fn node(&self, level: u8, position: u64) -> Result<Hash, (u8, u64)> {
        self.nodes.get(&(level, position)).copied().ok_or((level, position))
    }

    fn root(&self, size: u64) -> Hash {
        root(size, |l, p| self.node(l, p)).unwrap()
    }

    fn inclusion(&self, index: u64, size: u64) -> Vec<Hash> {
        inclusion_proof(index, size, |l, p| self.node(l, p)).unwrap()
    }

    fn consistency(&self, old: u64, new: u64) -> Vec<Hash> {
        consistency_proof(old, new, |l, p| self.node(l, p)).unwrap()
    }
}

fn reference_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let mut k = 1;
            while k * 2 < leaves.len() {
                k *= 2;
            }
            node_hash(&reference_root(&leaves[..k]), &reference_root(&leaves[k..]))
        }
    }
}

#[test]
fn the_known_roots() {
    assert_eq!(empty_root(), hash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    let tree = Tree::of(INPUTS.iter().map(|input| hex(input)));
    for (size, expected) in (1..).zip(ROOTS) {
        assert_eq!(tree.root(size), hash(expected), "{size}");
    }
}

#[test]
fn the_known_proofs() {
    let tree = Tree::of(INPUTS.iter().map(|input| hex(input)));
    // Entry 5 (counted from 0) of 8, and the path from the tree of 6 to that of 8.
    let inclusion = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(tree.inclusion(5, 8), inclusion.map(hash));
    let consistency = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(tree.consistency(6, 8), consistency.map(hash));
}

#[test]
fn the_stored_nodes_give_the_root_of_the_definition() {
    let tree = Tree::numbered(70);
    let leaves: Vec<Hash> = (0..70u64).map(|i| leaf_hash(&i.to_be_bytes())).collect();
    for size in 0..=70 {
        assert_eq!(tree.root(size), reference_root(&leaves[..usize::try_from(size).unwrap()]), "{size}");
    }
    // Two hashes an entry at most.
    assert!(tree.nodes.len() <= 140);
}

#[test]
fn every_entry_is_proved_and_no_other() {
    let tree = Tree::numbered(33);
    for size in 1..=33 {
        let root = tree.root(size);
        for index in 0..size {
            let leaf = leaf_hash(&index.to_be_bytes());
            let proof = tree.inclusion(index, size);
            assert!(proof.len() <= MAX_PROOF_LEN);
            assert!(verify_inclusion(&leaf, index, size, &proof, &root), "{index} of {size}");

            let other = leaf_hash(&(index + 1).to_be_bytes());
            assert!(!verify_inclusion(&other, index, size, &proof, &root));
            assert!(!verify_inclusion(&leaf, index, size, &proof, &other));
            for wrong in 0..size + 2 {
                assert_eq!(verify_inclusion(&leaf, wrong, size, &proof, &root), wrong == index);
            }
            for damaged in damage(&proof) {
                assert!(!verify_inclusion(&leaf, index, size, &damaged, &root), "{index} of {size}");
            }
        }
    }
}

#[test]
fn every_older_tree_is_proved_and_no_other() {
    let tree = Tree::numbered(33);
    let stranger = Tree::of((0..33u64).map(|i| (i + u64::from(i == 0)).to_be_bytes().to_vec()));
    for new in 0..=33 {
        for old in 0..=new {
            let (old_root, new_root) = (tree.root(old), tree.root(new));
            let proof = tree.consistency(old, new);
            assert!(proof.len() <= MAX_PROOF_LEN);
            assert!(verify_consistency(old, &old_root, new, &new_root, &proof), "{old} {new}");
            for damaged in damage(&proof) {
                assert!(!verify_consistency(old, &old_root, new, &new_root, &damaged), "{old} {new}");
            }
            if old > 0 {
                assert!(!verify_consistency(old, &stranger.root(old), new, &new_root, &proof));
                assert!(!verify_consistency(old, &old_root, new, &stranger.root(new), &proof));
            }
            if old != new {
                assert!(!verify_consistency(new, &new_root, old, &old_root, &proof));
            }
        }
    }
    assert!(!verify_consistency(0, &[1; 32], 0, &[1; 32], &[]));
    assert!(!verify_consistency(0, &[1; 32], 5, &tree.root(5), &[]));
}

#[test]
fn what_lies_beyond_the_log_has_no_proof() {
    let tree = Tree::numbered(4);
    let node = |l, p| tree.node(l, p);
    assert_eq!(inclusion_proof(4, 4, node), Err(ProofError::OutOfRange));
    assert_eq!(inclusion_proof(0, 0, node), Err(ProofError::OutOfRange));
    assert_eq!(consistency_proof(5, 4, node), Err(ProofError::OutOfRange));
    assert_eq!(inclusion_proof(0, 5, node), Err(ProofError::Node((0, 4))));
}

#[test]
fn sizes_at_the_end_of_the_numbers_neither_panic_nor_pass() {
    let proof = [[7; 32]; MAX_PROOF_LEN];
    for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) + 1] {
        for index in [0, 1, size / 2, size - 1] {
            assert!(!verify_inclusion(&[1; 32], index, size, &proof, &[2; 32]));
            assert!(!verify_consistency(index, &[1; 32], size, &[2; 32], &proof));
            let made = inclusion_proof(index, size, |_, _| Ok::<_, ()>([7; 32])).unwrap();
            assert!(made.len() <= MAX_PROOF_LEN);
            let made = consistency_proof(index, size, |_, _| Ok::<_, ()>([7; 32])).unwrap();
            assert!(made.len() <= MAX_PROOF_LEN);
        }
    }
}

/// Each hash changed, one missing at either end, one too many at either end.
fn damage(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for i in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[i][31] ^= 1;
        all.push(changed);
    }
    if !proof.is_empty() {
        all.push(proof[1..].to_vec());
        all.push(proof[..proof.len() - 1].to_vec());
    }
    all.push([proof, &[[0; 32]]].concat());
    all.push([&[[0; 32]], proof].concat());
    all
}
