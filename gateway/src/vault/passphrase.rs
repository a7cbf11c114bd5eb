//! Where the vault's passphrase comes from: a file, or somebody at a terminal.

use std::fmt;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zeroize::Zeroizing;

/// The longest passphrase, in bytes.
const MAX_LEN: usize = 1024;

/// A passphrase that is not empty, wiped when dropped.
pub struct Passphrase(Zeroizing<String>);

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// The file or the terminal cannot be read.
    #[error("the passphrase cannot be read")]
    Read(#[source] std::io::Error),
    /// Nothing was given.
    #[error("the passphrase is empty")]
    Empty,
    /// More was given than a passphrase is.
    #[error("the passphrase is longer than {MAX_LEN} bytes")]
    TooLong,
    /// Bytes that are not text, or characters that cannot be typed.
    #[error("the passphrase is not text")]
    NotText,
    /// There is nobody to ask.
    #[error("there is no terminal to ask for the passphrase: name a file with --passphrase-file")]
    NoTerminal,
    /// The second time it was typed otherwise than the first.
    #[error("the two passphrases differ: try again")]
    Differ,
}

/// A passphrase from a file, and what is to be said about the file.
#[derive(Debug)]
pub struct FromFile {
    /// The first line.
    pub passphrase: Passphrase,
    /// What an administrator should know.
    pub finding: Option<Finding>,
}

/// Something about a passphrase file that does not stop the work, but should be put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// Others than the owner can read or change the file.
    #[error("others can read or change the passphrase file (mode {mode:03o}): chmod 600")]
    OpenToOthers {
        /// The permission bits.
        mode: u32,
    },
}

impl Passphrase {
    /// From text as it is, of which nothing is cut off.
    pub fn new(text: &str) -> Result<Self, PassphraseError> {
        if text.is_empty() {
            return Err(PassphraseError::Empty);
        }
        if text.len() > MAX_LEN {
            return Err(PassphraseError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(PassphraseError::NotText);
        }
        // Copied at its exact size: a string that grows leaves copies behind.
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The text, for the pipe to the process that unlocks the vault.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(hidden)")
    }
}

/// The first line of the file at `path`, without its end.
pub fn read_file(path: &Path) -> Result<FromFile, PassphraseError> {
    let mut file = File::open(path).map_err(PassphraseError::Read)?;
    let metadata = file.metadata().map_err(PassphraseError::Read)?;
    let mode = metadata.permissions().mode() & 0o777;
    // A pipe has no owner to speak of.
    let open_to_others = metadata.is_file() && mode & forbidden(path) != 0;
    Ok(FromFile {
        passphrase: first_line(&mut file)?,
        finding: open_to_others.then_some(Finding::OpenToOthers { mode }),
    })
}

/// Bits that say that others can read or change the file. systemd gives a credential to the service's user by an access list, whose mask
/// shows as the group's bits; the folder is that service's alone (systemd.exec(5), `CREDENTIALS_DIRECTORY`).
fn forbidden(path: &Path) -> u32 {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    let is_credential = credentials.is_some_and(|folder| !folder.is_empty() && path.starts_with(folder));
    if is_credential { 0o037 } else { 0o077 }
}

/// The same from anything that can be read, such as a pipe.
pub fn first_line(source: &mut impl Read) -> Result<Passphrase, PassphraseError> {
    // One more than the longest passphrase with its line end, which shows when it is too long.
    let mut buffer = Zeroizing::new([0; MAX_LEN + 3]);
    let mut filled = 0;
    loop {
        let room = buffer.get_mut(filled..).unwrap_or_default();
        match source.read(room) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(PassphraseError::Read(error)),
        }
    }
    let read = buffer.get(..filled).unwrap_or_default();
    let line = read.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > MAX_LEN {
        return Err(PassphraseError::TooLong);
    }
    Passphrase::new(std::str::from_utf8(line).map_err(|_| PassphraseError::NotText)?)
}

/// Asks on the terminal, without echo; only when standard input is one.
pub fn prompt(question: &str) -> Result<Passphrase, PassphraseError> {
    if !std::io::stdin().is_terminal() {
        return Err(PassphraseError::NoTerminal);
    }
    let answer = rpassword::prompt_password(question).map_err(PassphraseError::Read)?;
    Passphrase::new(&Zeroizing::new(answer))
}

/// Asks twice for a passphrase that is new.
pub fn prompt_new(question: &str, again: &str) -> Result<Passphrase, PassphraseError> {
    let first = prompt(question)?;
    let second = prompt(again)?;
    if first.as_bytes() == second.as_bytes() { Ok(first) } else { Err(PassphraseError::Differ) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8]) -> Result<String, PassphraseError> {
        first_line(&mut &*bytes).map(|passphrase| passphrase.0.to_string())
    }

    #[test]
    fn the_first_line_is_the_passphrase() {
        for file in [&b"a b "[..], b"a b \n", b"a b \r\n", b"a b \nmore\n"] {
            assert_eq!(line(file).unwrap(), "a b ");
        }
        let longest = vec![b'x'; MAX_LEN];
        assert_eq!(line(&longest).unwrap().len(), MAX_LEN);
        assert_eq!(line(&[&longest[..], b"\r\n"].concat()).unwrap().len(), MAX_LEN);
        assert!(matches!(line(&[&longest[..], b"x\n"].concat()), Err(PassphraseError::TooLong)));
        assert!(matches!(line(&[b'x'; 100_000]), Err(PassphraseError::TooLong)));
        assert!(matches!(line(b""), Err(PassphraseError::Empty)));
        assert!(matches!(line(b"\nsecond"), Err(PassphraseError::Empty)));
        assert!(matches!(line(b"\xff\n"), Err(PassphraseError::NotText)));
        assert!(matches!(line(b"a\0b\n"), Err(PassphraseError::NotText)));
    }

    #[test]
    fn a_file_that_others_can_read_is_a_finding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        std::fs::write(&path, "words\n").unwrap();
        for (mode, finding) in [
            (0o600, None),
            (0o400, None),
            (0o640, Some(Finding::OpenToOthers { mode: 0o640 })),
            (0o604, Some(Finding::OpenToOthers { mode: 0o604 })),
        ] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(read_file(&path).unwrap().finding, finding);
        }
        let text = Finding::OpenToOthers { mode: 0o640 }.to_string();
        assert!(text.contains("640"));
    }

    #[test]
    fn a_passphrase_is_not_shown() {
        let passphrase = Passphrase::new("open sesame").unwrap();
        assert!(!format!("{passphrase:?}").contains("sesame"));
    }
}
