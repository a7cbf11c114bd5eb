//! Who may read the data folder, and whether the two processes are apart.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Finding;
use crate::cli::passphrase;
use crate::config::{Config, Layout};
use crate::owner;

/// Paths named in one finding.
const NAMED: usize = 3;

/// Entries that are looked at. Blobs are not: their folder keeps others out.
const MAX_ENTRIES: usize = 10_000;

pub(super) fn examine(layout: &Layout, config: &Config, passphrase_file: Option<&Path>) -> Vec<Finding> {
    let mut findings = vec![permissions(layout), separation(layout, config)];
    findings.extend(passphrase_file.map(|path| passphrase_place(layout, path)));
    findings
}

/// Both processes' folders and what is directly in them are their owner's alone, but for what the other process needs.
fn permissions(layout: &Layout) -> Finding {
    // The clinic process passes through ingest's folder and reads the blobs: by its group, where it is another user.
    let group = |bits: u32| if layout.has_two_users() { bits } else { 0 };
    let mut exposed = Vec::new();
    let folders =
        [(layout.ingest(), group(0o010)), (layout.clinic(), 0), (layout.blobs(), group(0o050)), (layout.incoming(), 0)];
    for (folder, allowed) in folders {
        if mode(&folder).is_none_or(|mode| mode & 0o077 & !allowed != 0) {
            exposed.push(folder);
        }
    }
    for folder in [layout.ingest(), layout.clinic()] {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_ENTRIES);
        exposed.extend(entries.map(|entry| entry.path()).filter(|path| *path != layout.blobs() && is_exposed(path)));
    }
    // Others must not put anything in, though they may look at what is there.
    if mode(layout.root()).is_none_or(|mode| mode & 0o022 != 0) {
        exposed.push(layout.root().to_owned());
    }
    if exposed.is_empty() {
        return Finding::ok("permissions", "Folders, keys and databases are their owner's alone.");
    }
    Finding::fail(
        "permissions",
        format!("Others can read or change: {}.", names(&exposed)),
        "Allow the owner alone: chmod 700 for folders, 600 for files.",
    )
}

/// Certificates are public, and the link's socket may be for the clinic's user too: it asks who comes.
fn is_exposed(path: &Path) -> bool {
    let is_public = path.extension().is_some_and(|extension| extension == "crt" || extension == "sock");
    !is_public && mode(path).is_some_and(|mode| mode & 0o077 != 0)
}

fn mode(path: &Path) -> Option<u32> {
    std::fs::symlink_metadata(path).ok().map(|metadata| metadata.mode())
}

fn names(paths: &[PathBuf]) -> String {
    let mut text: Vec<String> = paths.iter().take(NAMED).map(|path| path.display().to_string()).collect();
    if paths.len() > NAMED {
        text.push(format!("and {} more", paths.len() - NAMED));
    }
    text.join(", ")
}

fn separation(layout: &Layout, config: &Config) -> Finding {
    let (Some(ingest), Some(clinic)) = (owner::of(&layout.ingest()), owner::of(&layout.clinic())) else {
        return Finding::fail(
            "separation",
            "One of the two processes' folders is missing.",
            "Restore the data folder from the backup.",
        );
    };
    if ingest == clinic {
        return Finding::warn(
            "separation",
            "Not separated: both processes' folders belong to one user, so an intruder in ingest can read the clinic's keys.",
            "Fine for trying out. For more, set it up with two users: see OPERATIONS.md, \"Two users\".",
        );
    }
    if config.clinic_uid != Some(clinic) {
        return Finding::fail(
            "separation",
            format!("The clinic's folder belongs to user {clinic}, and config.toml names another as `clinic_uid`."),
            "Set `clinic_uid` to the clinic's user, else ingest refuses it the link.",
        );
    }
    Finding::ok("separation", "The two processes' folders belong to two users.")
}

fn passphrase_place(layout: &Layout, path: &Path) -> Finding {
    let inside = match (path.canonicalize(), layout.root().canonicalize()) {
        (Ok(path), Ok(root)) => path.starts_with(root),
        _ => false,
    };
    if inside {
        return Finding::fail(
            "passphrase-file",
            "The passphrase file lies in the data folder: whoever has the disk has both.",
            "Move it off the data volume, or use a systemd credential.",
        );
    }
    let same_disk = matches!(
        (std::fs::metadata(path), std::fs::metadata(layout.root())),
        (Ok(file), Ok(root)) if file.dev() == root.dev()
    );
    if let Some(finding) = passphrase::finding(path) {
        let advice = "Allow its owner alone: chmod 600.";
        return Finding::fail("passphrase-file", format!("{finding}."), advice);
    }
    if same_disk {
        return Finding::warn(
            "passphrase-file",
            "The passphrase file is on the same volume as the data: whoever has the disk has both.",
            "Move it off the data volume, or use a systemd credential.",
        );
    }
    Finding::ok("passphrase-file", "The passphrase file is not on the data volume, and its owner's alone.")
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn folders() -> (tempfile::TempDir, Layout) {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path());
        for folder in [layout.ingest(), layout.clinic(), layout.blobs(), layout.incoming()] {
            crate::keyfile::create_folder(&folder).unwrap();
        }
        (root, layout)
    }

    fn config() -> Config {
        let text = "clinic_name = \"C\"\nhosts = [\"a\"]\nlisten = \"[::]:1\"\nenrol_listen = \"[::]:2\"\n";
        toml::from_str(text).unwrap()
    }

    fn allow(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn whatever_others_can_read_is_named() {
        let (_root, layout) = folders();
        let key = layout.clinic().join("ca.key");
        crate::keyfile::create(&key, 0o600, b"x").unwrap();
        crate::keyfile::create(&layout.clinic().join("ca.crt"), 0o644, b"x").unwrap();
        assert_eq!(permissions(&layout).level, Level::Ok);
        for (path, mode) in [(key.clone(), 0o640), (layout.clinic(), 0o750), (layout.blobs(), 0o701)] {
            let before = std::fs::metadata(&path).unwrap().mode() & 0o777;
            allow(&path, mode);
            let finding = permissions(&layout);
            assert_eq!(finding.level, Level::Fail);
            assert!(finding.message.contains(path.to_str().unwrap()), "{}", finding.message);
            allow(&path, before);
        }
        std::fs::remove_dir_all(layout.ingest()).unwrap();
        assert_eq!(permissions(&layout).level, Level::Fail);
        assert_eq!(separation(&layout, &config()).level, Level::Fail);
    }

    #[test]
    fn one_user_for_both_is_said() {
        let (_root, layout) = folders();
        let finding = separation(&layout, &config());
        assert!(finding.level == Level::Warn && finding.message.contains("Not separated"));
    }

    #[test]
    fn a_passphrase_beside_the_data_is_said() {
        let (root, layout) = folders();
        let inside = layout.clinic().join("passphrase");
        crate::keyfile::create(&inside, 0o600, b"x").unwrap();
        assert_eq!(passphrase_place(&layout, &inside).level, Level::Fail);
        let other = tempfile::tempdir_in(root.path().parent().unwrap()).unwrap();
        let outside = other.path().join("passphrase");
        crate::keyfile::create(&outside, 0o600, b"x").unwrap();
        assert_eq!(passphrase_place(&layout, &outside).level, Level::Warn);
        allow(&outside, 0o644);
        assert_eq!(passphrase_place(&layout, &outside).level, Level::Fail);
    }
}
