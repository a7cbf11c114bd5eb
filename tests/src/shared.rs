//! The public files that tests read and that are not part of this repository.

use std::path::{Path, PathBuf};

/// The folder with the corpus: what `SAFELIGHT_SHARED` says, else `shared` beside the repository. `None` if there is no such folder.
pub fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var_os("SAFELIGHT_SHARED").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}
