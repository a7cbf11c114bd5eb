//! The search's control: a search that finds nothing is worth what it would have found.

use std::collections::BTreeSet;
use std::path::Path;

use super::DemoError;
use super::search::{Search, Searched};

/// Writes every spelling, one amid other bytes after the other, into a file below `folder`, searches that file, and removes it. Gives how
/// many were found of how many, each thing in each form counted once.
pub(super) fn planted(search: &Search, folder: &Path) -> Result<(usize, usize), DemoError> {
    let io = |source| DemoError::Folder { path: folder.to_owned(), source };
    let mut planted = BTreeSet::new();
    let mut bytes = Vec::new();
    for (thing, form, sample) in search.samples() {
        planted.insert((thing, form));
        bytes.extend_from_slice(&[0xa5; 37]);
        bytes.extend_from_slice(sample);
    }
    let file = tempfile::Builder::new().prefix("control-").tempfile_in(folder).map_err(io)?;
    std::fs::write(file.path(), &bytes).map_err(io)?;
    let mut searched = Searched::default();
    search.in_file(file.path(), &mut searched).map_err(io)?;
    file.close().map_err(io)?;
    let found: BTreeSet<_> = searched.found.iter().map(|found| (found.thing.as_str(), found.form)).collect();
    Ok((found.intersection(&planted).count(), planted.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_planted_is_found_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let mut search = Search::default();
        search.text("name", "Zoë Quittländer");
        search.bytes("position", &[7; 24]);
        let (found, planted) = super::planted(&search, folder.path()).unwrap();
        assert_eq!(found, planted);
        assert!(planted > 8, "{planted}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
