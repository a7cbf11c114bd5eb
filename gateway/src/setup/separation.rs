//! Two Unix users for the two processes: who owns what of a new gateway.
//!
//! | what | owner | group | mode |
//! |---|---|---|---|
//! | the data folder, `config.toml` | whoever runs `init` (root) | shared | 0750, 0640 |
//! | `ingest` | ingest | shared | 0710: the clinic process passes through, and sees nothing |
//! | `ingest/blobs` | ingest | shared | 0750: the clinic process reads sealed pictures |
//! | everything else of `ingest` | ingest | shared | 0700, 0600 |
//! | everything of `clinic` | clinic | shared | 0700, 0600 |
//!
//! The shared group has both users and nobody else. Neither process can change the configuration.

use std::fs::{Permissions, read_dir, set_permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::Path;

use crate::config::{FILE_NAME, Layout};

/// The users of the two processes and the group that both are in, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Separation {
    /// Runs `safelight ingest`.
    pub ingest: u32,
    /// Runs `safelight clinic`.
    pub clinic: u32,
    /// Has both.
    pub group: u32,
}

/// Why a name stands for nobody.
#[derive(Debug, thiserror::Error)]
pub enum UnknownUser {
    /// It is not listed.
    #[error("{name}: there is no such {kind} in {file}: make it first, or give its number")]
    NotListed {
        /// As it was given.
        name: String,
        /// `user` or `group`.
        kind: &'static str,
        /// Where it was looked for.
        file: &'static str,
    },
    /// Both processes would be one user, or one of them root.
    #[error("two users are expected, neither of them root: with one user for both nothing is separated")]
    NotSeparate,
}

impl Separation {
    /// From names as in `/etc/passwd` and `/etc/group`, or numbers.
    ///
    /// # Errors
    /// [`UnknownUser`].
    pub fn of(ingest: &str, clinic: &str, group: &str) -> Result<Self, UnknownUser> {
        let separation = Self {
            ingest: number_of(ingest, "user", "/etc/passwd")?,
            clinic: number_of(clinic, "user", "/etc/passwd")?,
            group: number_of(group, "group", "/etc/group")?,
        };
        if separation.ingest == separation.clinic || separation.ingest == 0 || separation.clinic == 0 {
            return Err(UnknownUser::NotSeparate);
        }
        Ok(separation)
    }

    /// Gives everything of a new gateway to whom it belongs.
    pub(super) fn apply(&self, layout: &Layout) -> io::Result<()> {
        give(&layout.ingest(), self.ingest, self.group)?;
        give(&layout.clinic(), self.clinic, self.group)?;
        let config = layout.root().join(FILE_NAME);
        lchown(&config, None, Some(self.group))?;
        for (path, mode) in [(config, 0o640), (layout.ingest(), 0o710), (layout.blobs(), 0o750)] {
            set_permissions(path, Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    /// Lets both users into the data folder.
    pub(super) fn admit(&self, data: &Path) -> io::Result<()> {
        lchown(data, None, Some(self.group))?;
        set_permissions(data, Permissions::from_mode(0o750))
    }
}

fn give(path: &Path, user: u32, group: u32) -> io::Result<()> {
    lchown(path, Some(user), Some(group))?;
    if path.symlink_metadata()?.is_dir() {
        for entry in read_dir(path)? {
            give(&entry?.path(), user, group)?;
        }
    }
    Ok(())
}

/// The third field of the line that begins with the name (passwd(5), group(5)).
fn number_of(name: &str, kind: &'static str, file: &'static str) -> Result<u32, UnknownUser> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let lines = std::fs::read_to_string(file).unwrap_or_default();
    let listed = lines.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    listed.ok_or_else(|| UnknownUser::NotListed { name: name.to_owned(), kind, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_names_or_numbers_and_two() {
        let known = Separation::of("daemon", "61002", "root").unwrap();
        assert_eq!(known, Separation { ingest: 1, clinic: 61_002, group: 0 });
        for (ingest, clinic) in [("daemon", "1"), ("0", "61002"), ("61001", "root")] {
            assert!(matches!(Separation::of(ingest, clinic, "0"), Err(UnknownUser::NotSeparate)), "{ingest} {clinic}");
        }
        let unknown = Separation::of("61001", "nobody-of-this-name", "0").unwrap_err();
        assert!(unknown.to_string().contains("nobody-of-this-name"), "{unknown}");
    }
}
