//! Files that commands write where a person says: new ones, whole or not at all, for their owner alone, and never into the data folder.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::outcome::{CliError, Exit};
use crate::owner;

/// A place where a file can be put.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    replaces: bool,
}

impl NewFile {
    /// The place `path`, looked at before anything is done or put on record. What `flag` names it is for the person.
    ///
    /// Something that is there is in the way, unless `force` says that it may be replaced; and that only if it is a regular file: what a link
    /// points to, a device or a pipe is never written to. `data` is the data folder, whose files are not a person's to write.
    ///
    /// # Errors
    /// [`Exit::Usage`].
    pub(super) fn at(path: &Path, flag: &str, force: bool, data: Option<&Path>) -> Result<Self, CliError> {
        let refused = |why: &str| Err(CliError::new(Exit::Usage, format_args!("{flag} {}: {why}", path.display())));
        let folder = owner::folder_of(path);
        let Ok(real) = folder.canonicalize() else { return refused("there is no such folder") };
        if !real.is_dir() || path.file_name().is_none() {
            return refused("a file in a folder is expected");
        }
        if data.and_then(|data| data.canonicalize().ok()).is_some_and(|data| real.starts_with(data)) {
            return refused("this is in the data folder, where only the gateway writes: name another place");
        }
        match path.symlink_metadata() {
            Ok(there) if force && there.is_file() => Ok(Self { path: path.to_owned(), replaces: true }),
            Ok(_) if force => refused("this is not a regular file, and is not overwritten"),
            Ok(_) => refused("it exists already and is not overwritten"),
            Err(_) => Ok(Self { path: path.to_owned(), replaces: false }),
        }
    }

    /// Writes the file beside its place and puts it there: whoever looks sees the whole of it or none. What has come into the place since is
    /// left alone, or was a file that may be replaced.
    ///
    /// # Errors
    /// [`Exit::Failed`].
    pub(super) fn write<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> Result<(), CliError> {
        let write = || -> io::Result<()> {
            // Made for its owner alone.
            let mut beside =
                tempfile::Builder::new().prefix(".safelight-").tempfile_in(owner::folder_of(&self.path))?;
            parts.into_iter().try_for_each(|part| beside.write_all(part))?;
            beside.as_file().sync_all()?;
            let placed = if self.replaces { beside.persist(&self.path) } else { beside.persist_noclobber(&self.path) };
            placed.map(drop).map_err(|error| error.error)
        };
        write().map_err(|error| CliError::new(Exit::Failed, format_args!("{}: {error}", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn exit(place: Result<NewFile, CliError>) -> Option<Exit> {
        place.err().map(|error| error.exit)
    }

    #[test]
    fn a_file_is_written_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out.jpg");
        let place = NewFile::at(&out, "-o", false, None).unwrap();
        place.write([&b"pic"[..], b"ture"]).unwrap();
        assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
        // It has come there since the place was looked at.
        assert_eq!(place.write([&b"another"[..]]).unwrap_err().exit, Exit::Failed);
        assert_eq!(exit(NewFile::at(&out, "-o", false, None)), Some(Exit::Usage));
        assert_eq!(std::fs::read(&out).unwrap(), b"picture");
        NewFile::at(&out, "-o", true, None).unwrap().write([&b"another"[..]]).unwrap();
        assert_eq!(std::fs::read(&out).unwrap(), b"another");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_but_a_regular_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("target"), "target").unwrap();
        symlink(at("target"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        for name in ["link", "dangling", "folder", "pipe", "..", "none/file"] {
            for force in [false, true] {
                assert_eq!(exit(NewFile::at(&at(name), "-o", force, None)), Some(Exit::Usage), "{name} {force}");
            }
        }
        assert_eq!(exit(NewFile::at(Path::new("/dev/null"), "-o", true, None)), Some(Exit::Usage));
        // A link that came there between the look and the writing is replaced itself, not what it points to.
        let place = NewFile::at(&at("target"), "-o", true, None).unwrap();
        std::fs::rename(at("target"), at("moved")).unwrap();
        symlink(at("moved"), at("target")).unwrap();
        place.write([&b"new"[..]]).unwrap();
        assert_eq!(std::fs::read(at("moved")).unwrap(), b"target");
    }

    #[test]
    fn the_data_folder_is_the_gateways() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("clinic")).unwrap();
        symlink(data.join("clinic"), folder.path().join("way-in")).unwrap();
        for place in ["data/out", "data/clinic/out", "way-in/out"] {
            let refused = NewFile::at(&folder.path().join(place), "-o", true, Some(&data));
            assert!(refused.is_err_and(|error| error.message.contains("data folder")), "{place}");
        }
        assert!(NewFile::at(&folder.path().join("out"), "-o", true, Some(&data)).is_ok());
    }
}
