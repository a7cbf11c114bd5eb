//! The search's control: a search that finds nothing is worth what it would have found.

use std::collections::BTreeSet;
use std::path::Path;

use super::DemoError;
use super::search::{Search, Searched};

/// Writes every spelling into a file below `folder`, one amid other bytes after the other, searches the folder, and removes the file. Says
/// how many things of how many were found.
pub(super) fn planted(search: &Search, folder: &Path) -> Result<(usize, usize), DemoError> {
    let io = |source| DemoError::Folder { path: folder.to_owned(), source };
    let below = tempfile::Builder::new().prefix("control-").tempdir_in(folder).map_err(io)?;
    let mut found = 0;
    let mut planted = 0;
    for (number, (form, sample)) in search.samples().enumerate() {
        let path = below.path().join(number.to_string());
        std::fs::write(&path, [&[0xa5; 37], sample, &[0x5a; 11]].concat()).map_err(io)?;
        let mut searched = Searched::default();
        search.in_file(&path, &mut searched).map_err(io)?;
        let forms: BTreeSet<_> = searched.found.iter().map(|found| found.form).collect();
        planted += 1;
        found += usize::from(forms.contains(form));
    }
    below.close().map_err(io)?;
    Ok((found, planted))
}
