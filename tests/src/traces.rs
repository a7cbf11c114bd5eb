//! A search for what must not be there, with its control.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a harness of tests: what does not go as it should is a failed test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use safelight_gateway::demo::search::{Search, Searched};

/// Nothing of it is in `folder`, and it would be found if it were.
///
/// # Panics
/// If something is, or would not be.
#[track_caller]
pub fn not_in(search: &Search, folder: &Path) {
    let mut searched = Searched::default();
    search.in_folder(folder, &mut searched).expect("every file can be read");
    assert!(searched.files > 0, "no file in {}", folder.display());
    assert!(searched.found.is_empty(), "{:?}", searched.found);
    finds_what_is_planted(search);
}

/// Every spelling is found in a file of its own.
///
/// # Panics
/// If one is not.
#[track_caller]
pub fn finds_what_is_planted(search: &Search) {
    let control = tempfile::tempdir().expect("a folder");
    for (number, (thing, form, bytes)) in search.samples().enumerate() {
        let amid = [b"before ", bytes, b" after"].concat();
        assert!(search.in_bytes(&amid).contains(thing), "{thing} as {form} is not found");
        fs::write(control.path().join(number.to_string()), amid).expect("a file");
    }
    let mut planted = Searched::default();
    search.in_folder(control.path(), &mut planted).expect("every file can be read");
    let found: BTreeSet<&Path> = planted.found.iter().map(|found| found.file.as_path()).collect();
    assert_eq!(found.len(), planted.files);
}
