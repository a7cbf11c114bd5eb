//! Secrets that lie where a thief of the disk finds them: a passphrase or a recovery kit in the data folder or beside it.
//!
//! A passphrase cannot be told from other text, so a file is named by what it is called; a recovery key by what it says.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::Layout;

/// Larger files are neither.
const MAX_LEN: u64 = 64 * 1024;

/// Entries of one folder that are looked at.
const MAX_ENTRIES: usize = 4096;

/// How an identity of age begins, which opens pictures.
const IDENTITY: &[u8] = b"AGE-SECRET-KEY-1";

/// Files that are called like this are meant to hold a secret.
const CALLED: [&str; 4] = ["passphrase", "password", "passwd", "credential"];

pub(super) fn examine(layout: &Layout) -> Finding {
    let inside: Vec<PathBuf> = [layout.root().to_owned(), layout.ingest(), layout.clinic()]
        .iter()
        .flat_map(|folder| secrets_in(folder))
        .collect();
    if let Some(first) = inside.first() {
        return Finding::fail(
            "secrets",
            format!("A passphrase or a recovery key lies in the data folder: {}.", first.display()),
            "Move it off the data volume: whoever has the disk has both.",
        );
    }
    let root = layout.root().canonicalize().unwrap_or_default();
    let beside = root.parent().map(secrets_in).unwrap_or_default();
    if let Some(first) = beside.first() {
        return Finding::warn(
            "secrets",
            format!("A passphrase or a recovery key lies beside the data folder: {}.", first.display()),
            "Move it off the data volume: whoever has the disk has both.",
        );
    }
    Finding::ok("secrets", "No passphrase and no recovery key lies in the data folder or beside it.")
}

fn secrets_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_ENTRIES);
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_secret(path)).collect();
    found.sort();
    found
}

fn is_secret(path: &Path) -> bool {
    if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_LEN) {
        return false;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    CALLED.iter().any(|called| name.contains(called)) || holds_identity(path)
}

fn holds_identity(path: &Path) -> bool {
    let mut text = zeroize::Zeroizing::new(Vec::new());
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_LEN).read_to_end(&mut text));
    read.is_ok() && text.windows(IDENTITY.len()).any(|window| window == IDENTITY)
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_secret_in_the_data_folder_or_beside_it_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let layout = Layout::new(parent.path().join("data"));
        for folder in [layout.ingest(), layout.clinic()] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(layout.clinic().join("vault.age"), "age-encryption.org/v1\n-> scrypt\n").unwrap();
        assert_eq!(examine(&layout).level, Level::Ok);
        for (path, content, level) in [
            (layout.root().join("Passphrase.txt"), "x", Level::Fail),
            (layout.clinic().join("kit"), "# page\nAGE-SECRET-KEY-1QQQ\n", Level::Fail),
            (layout.ingest().join("password"), "x", Level::Fail),
            (parent.path().join("recovery-kit.txt"), "AGE-SECRET-KEY-1QQQ\n", Level::Warn),
            (parent.path().join("vault-passphrase"), "x", Level::Warn),
        ] {
            std::fs::write(&path, content).unwrap();
            let finding = examine(&layout);
            assert_eq!(finding.level, level, "{}", path.display());
            assert!(finding.message.contains(path.file_name().unwrap().to_str().unwrap()), "{}", finding.message);
            std::fs::remove_file(&path).unwrap();
        }
        assert_eq!(examine(&layout).level, Level::Ok);
    }
}
