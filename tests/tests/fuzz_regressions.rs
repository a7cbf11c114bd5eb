//! Replays what the fuzzers start from and what they ever found, without a fuzzer.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed read is a failed test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use safelight_tests::fuzzed::{PROPERTIES, target_of};
use safelight_tests::gateway::files;
use safelight_tests::shared;
use safelight_tests::source::files_with_extension;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

#[test]
fn seeds_and_regressions_hold() {
    for (target, property) in PROPERTIES {
        let seeds = files(&fuzz().join("seeds").join(target));
        assert!(!seeds.is_empty(), "{target} has no seed");
        let regressions = files(&fuzz().join("regressions").join(target));
        for file in seeds.iter().chain(&regressions) {
            println!("{}", file.display());
            property(&fs::read(file).expect("a readable file"));
        }
        println!("{target}: read {} seeds and {} regressions", seeds.len(), regressions.len());
    }
}

#[test]
fn public_photographs_hold() {
    let Some(photos) = shared::folder().map(|shared| shared.join("corpus/photos")) else {
        println!("skipped: photographs as seeds (there is no folder with shared files)");
        return;
    };
    let mut read = 0;
    for file in files(&photos) {
        let bytes = fs::read(&file).expect("a readable file");
        for (_, property) in PROPERTIES.iter().filter(|(target, _)| target_of(&bytes) == Some(target)) {
            println!("{}", file.display());
            property(&bytes);
            read += 1;
        }
    }
    println!("read {read} photographs");
    assert!(read > 0, "the folder is there, but no photograph was read");
}

#[test]
fn every_property_has_its_target_and_every_target_its_property() {
    let files = files_with_extension(&fuzz().join("fuzz_targets"), "rs").expect("the targets can be read");
    let targets: BTreeSet<_> = files.iter().filter_map(|file| file.file_stem()?.to_str()).collect();
    assert_eq!(targets, PROPERTIES.iter().map(|(target, _)| *target).collect());
}
