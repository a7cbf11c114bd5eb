//! Looking into folders that may be an attacker's: from an open folder on, and following nothing.
//!
//! Root runs `doctor`, and ingest's folder is the attacker's once ingest is. A link there would lead root out of it, and a path that is
//! looked at twice may be something else the second time.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, open, openat, statat};
use safelight_core::text::is_one_line;

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

/// What lies in it, itself and not what it may point to.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: OsString,
    pub(super) stat: Stat,
}

impl Entry {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }
}

impl Folder {
    /// Opens the folder of a path that is the admin's own, who may have put a link there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let handle = open(path, FOLDER.difference(OFlags::NOFOLLOW), Mode::empty())?;
        Ok(Self { handle, path: path.to_owned() })
    }

    /// Opens a folder in this one.
    pub(super) fn folder(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self { handle: openat(&self.handle, name, FOLDER, Mode::empty())?, path: self.path.join(name) })
    }

    /// Opens a file in this one to read it, if it is a regular one.
    pub(super) fn file(&self, name: &OsStr) -> io::Result<File> {
        // Not blocking: opening a pipe would wait for somebody who writes into it.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(openat(&self.handle, name, flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// The first `most` entries, by name.
    pub(super) fn entries(&self, most: usize) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for listed in Dir::read_from(&self.handle)? {
            let listed = listed?;
            let name = OsStr::from_bytes(listed.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if entries.len() == most {
                break;
            }
            // Gone in the meantime.
            let Ok(stat) = statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            entries.push(Entry { name: name.to_owned(), stat });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Its user and group.
    pub(super) fn owner(&self) -> io::Result<(u32, u32)> {
        let stat = fstat(&self.handle)?;
        Ok((stat.st_uid, stat.st_gid))
    }

    /// Where it is, or an entry in it, for a person.
    pub(super) fn path_of(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A path in a sentence: a name that an attacker chose says nothing to a terminal.
pub(super) fn named(path: &Path) -> String {
    let text = path.display().to_string();
    if is_one_line(&text) { text } else { text.escape_default().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_that_stands_in_a_place_is_followed_or_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let (inside, outside) = (root.path().join("inside"), root.path().join("outside"));
        std::fs::create_dir_all(inside.join("real")).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), "x").unwrap();
        std::fs::write(inside.join("file"), "x").unwrap();
        symlink(&outside, inside.join("folder")).unwrap();
        symlink(outside.join("secret"), inside.join("link")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, inside.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let folder = Folder::open(&inside).unwrap();
        for name in ["link", "pipe", "real", "folder", "nothing"] {
            assert!(folder.file(name.as_ref()).is_err(), "{name}");
        }
        assert!(folder.folder("folder".as_ref()).is_err());
        // The control.
        assert!(folder.file("file".as_ref()).is_ok() && folder.folder("real".as_ref()).is_ok());
        let names: Vec<OsString> = folder.entries(9).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["file", "folder", "link", "pipe", "real"]);
        assert_eq!(folder.entries(2).unwrap().len(), 2);
    }

    #[test]
    fn a_name_says_nothing_to_a_terminal() {
        assert_eq!(named(Path::new("/var/lib/a b")), "/var/lib/a b");
        assert_eq!(named(Path::new("/a\u{1b}[2J\u{202e}")), "/a\\u{1b}[2J\\u{202e}");
    }
}
