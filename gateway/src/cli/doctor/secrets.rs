//! Secrets that lie where a thief of the disk finds them: a passphrase, a recovery kit or a private key in the data folder or beside it.
//!
//! A passphrase cannot be told from other text, so a file is named by what it is called; a key by what it says.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use zeroize::Zeroizing;

use super::Finding;
use super::looking::{Folder, named};
use crate::clinic::{keys as clinic_keys, rollover};
use crate::config::Layout;
use crate::console;
use crate::ingest::keys as ingest_keys;

/// How much of a file is read. Keys come first in what is longer.
const MAX_READ: u64 = 64 * 1024;

/// Entries of one folder that are looked at.
const MAX_ENTRIES: usize = 4096;

/// How an identity of age begins, which opens pictures.
const IDENTITY: &[u8] = b"AGE-SECRET-KEY-1";

/// How a private key ends its first line (RFC 7468), whatever its kind is.
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";

/// Files that are called like this are meant to hold a secret.
const CALLED: [&str; 4] = ["passphrase", "password", "passwd", "credential"];

/// The private keys that belong into each process's folder.
const INGESTS: [&str; 3] = [ingest_keys::TLS_KEY_FILE, ingest_keys::RECEIPT_KEY_FILE, ingest_keys::LOG_KEY_FILE];
const CLINICS: [&str; 5] = [
    clinic_keys::CA_KEY_FILE,
    clinic_keys::CLINIC_KEY_FILE,
    clinic_keys::ACCESS_LOG_KEY_FILE,
    rollover::NEXT_KEY_FILE,
    console::KEY_FILE,
];

pub(super) fn examine(layout: &Layout) -> Finding {
    let root = layout.root().canonicalize().unwrap_or_default();
    let inside = [(root.clone(), &[][..]), (layout.ingest(), &INGESTS), (layout.clinic(), &CLINICS)];
    let inside: Vec<PathBuf> = inside.iter().flat_map(|(folder, keys)| secrets_in(folder, keys)).collect();
    if let Some(first) = inside.first() {
        return Finding::fail(
            "secrets",
            format!("A passphrase or a key that does not belong there lies in the data folder: {}.", named(first)),
            "Move it off the data volume: whoever has the disk has both.",
        );
    }
    let beside = root.parent().map(|folder| secrets_in(folder, &[])).unwrap_or_default();
    if let Some(first) = beside.first() {
        return Finding::warn(
            "secrets",
            format!("A passphrase or a key lies beside the data folder: {}.", named(first)),
            "Move it off the data volume: whoever has the disk has both.",
        );
    }
    Finding::ok("secrets", "No passphrase, recovery key or stray private key lies in the data folder or beside it.")
}

/// `keys` are the private keys that belong there.
fn secrets_in(path: &Path, keys: &[&str]) -> Vec<PathBuf> {
    let Ok(folder) = Folder::open(path) else { return Vec::new() };
    let entries = folder.entries(MAX_ENTRIES).unwrap_or_default().into_iter();
    let files = entries.filter(|entry| entry.kind() == FileType::RegularFile);
    files.filter(|file| is_secret(&folder, &file.name, keys)).map(|file| folder.path_of(&file.name)).collect()
}

fn is_secret(folder: &Folder, name: &OsStr, keys: &[&str]) -> bool {
    let called = name.to_string_lossy().to_lowercase();
    if CALLED.iter().any(|secret| called.contains(secret)) {
        return true;
    }
    let Ok(file) = folder.file(name) else { return false };
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_READ).unwrap_or_default()));
    // What was read before a failure counts, too.
    let _ = file.take(MAX_READ).read_to_end(&mut text);
    let holds = |secret: &[u8]| text.windows(secret.len()).any(|window| window == secret);
    holds(IDENTITY) || (holds(PRIVATE_KEY) && !keys.iter().any(|key| name == *key))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n";

    #[test]
    fn a_secret_in_the_data_folder_or_beside_it_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let layout = Layout::new(parent.path().join("data"));
        for folder in [layout.ingest(), layout.clinic()] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(layout.clinic().join("vault.age"), "age-encryption.org/v1\n-> scrypt\n").unwrap();
        std::fs::write(layout.clinic().join("ca.key"), PEM).unwrap();
        std::fs::write(layout.ingest().join("tls.key"), PEM).unwrap();
        assert_eq!(examine(&layout).level, Level::Ok);
        for (path, content, level) in [
            (layout.root().join("Passphrase.txt"), "x", Level::Fail),
            (layout.clinic().join("kit"), "# page\nAGE-SECRET-KEY-1QQQ\n", Level::Fail),
            (layout.ingest().join("password"), "x", Level::Fail),
            (parent.path().join("recovery-kit.txt"), "AGE-SECRET-KEY-1QQQ\n", Level::Warn),
            (parent.path().join("vault-passphrase"), "x", Level::Warn),
            (layout.root().join("old.pem"), PEM, Level::Fail),
            (layout.ingest().join("ca.key"), PEM, Level::Fail),
            (layout.clinic().join("notes"), PEM, Level::Fail),
            (parent.path().join("ca-copy"), PEM, Level::Warn),
            (parent.path().join("long"), &format!("{PEM}{}", "x".repeat(1 << 20)), Level::Warn),
        ] {
            std::fs::write(&path, content).unwrap();
            let finding = examine(&layout);
            assert_eq!(finding.level, level, "{}", path.display());
            assert!(finding.message.contains(path.file_name().unwrap().to_str().unwrap()), "{}", finding.message);
            std::fs::remove_file(&path).unwrap();
        }
        assert_eq!(examine(&layout).level, Level::Ok);
    }

    /// Whoever has ingest's folder would otherwise have root read any file, and say something of it.
    #[test]
    fn a_link_leads_to_no_secret() {
        let parent = tempfile::tempdir().unwrap();
        let layout = Layout::new(parent.path().join("data"));
        for folder in [layout.ingest(), layout.clinic(), parent.path().join("elsewhere")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(parent.path().join("elsewhere/kit"), "AGE-SECRET-KEY-1QQQ\n").unwrap();
        std::os::unix::fs::symlink(parent.path().join("elsewhere/kit"), layout.ingest().join("kit")).unwrap();
        assert_eq!(examine(&layout).level, Level::Ok);
        // The control.
        std::fs::copy(parent.path().join("elsewhere/kit"), layout.ingest().join("copy")).unwrap();
        assert_eq!(examine(&layout).level, Level::Fail);
    }
}
