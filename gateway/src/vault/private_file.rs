//! New files that nobody else may read, there as a whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::owner;

/// Writes a new file at `path`, for its owner alone (0600), so that it survives a power cut when this returns.
/// An existing file is left alone, and that is an error.
pub(super) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    place(path, content, |_| Ok(()))
}

/// The same, for the owner of the folder where root makes it.
pub(super) fn create_for_folder(path: &Path, content: &[u8]) -> io::Result<()> {
    place(path, content, |new| owner::give_to_folders(new, path))
}

fn place(path: &Path, content: &[u8], give: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let folder = owner::folder_of(path);
    // Temporary files are made with 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    give(file.as_file())?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_private_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, b"first").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let error = create(&path, b"second").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        let names = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 1, "a temporary file was left behind");
    }
}
