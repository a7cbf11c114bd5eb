//! The vault's passphrase: from a file, from a pipe, or asked for. Never from an argument or the environment, where others see it.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::outcome::{CliError, Exit};

/// Longest passphrase in bytes.
pub const MAX_LEN: usize = 1024;

/// Below this many characters a person is told that it is short.
pub const SHORT: usize = 12;

/// Where the passphrase comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct PassphraseArgs {
    /// File that holds the vault's passphrase (one line); keep it off the data volume
    #[arg(long, env = "SAFELIGHT_PASSPHRASE_FILE", value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// From the file, or asked for on a terminal, or nothing.
    ///
    /// # Errors
    /// [`Exit::Locked`] if the file cannot be used.
    pub fn read_or_ask(&self) -> Result<Option<Zeroizing<String>>, CliError> {
        match &self.passphrase_file {
            Some(path) => from_file(path).map(Some),
            None if std::io::stdin().is_terminal() => ask("Passphrase of the vault: ").map(Some),
            None => Ok(None),
        }
    }

    /// The same where nothing is not enough.
    ///
    /// # Errors
    /// [`Exit::Locked`] if there is none.
    pub fn require(&self) -> Result<Zeroizing<String>, CliError> {
        let missing = || CliError::new(Exit::Locked, "the vault's passphrase is needed: give --passphrase-file, or run this on a terminal");
        self.read_or_ask()?.ok_or_else(missing)
    }
}

/// The first and only line of a file.
///
/// # Errors
/// [`Exit::Locked`] if it cannot be read or is no passphrase.
pub fn from_file(path: &Path) -> Result<Zeroizing<String>, CliError> {
    let failed = |error: std::io::Error| CliError::new(Exit::Locked, format!("{}: the passphrase cannot be read: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    read_line(file).map_err(|fault| match fault {
        Fault::Io(error) => failed(error),
        Fault::NotOne => CliError::new(Exit::Locked, format!("{}: {}", path.display(), not_one())),
    })
}

/// Everything that standard input holds; nothing, if it is empty.
///
/// # Errors
/// [`Exit::Locked`] if it is no passphrase.
pub fn from_stdin() -> Result<Option<Zeroizing<String>>, CliError> {
    match read_line(std::io::stdin().lock()) {
        Ok(passphrase) => Ok(Some(passphrase)),
        Err(Fault::Io(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(Fault::Io(error)) => Err(CliError::new(Exit::Locked, format!("the passphrase cannot be read: {error}"))),
        Err(Fault::NotOne) => Err(CliError::new(Exit::Locked, not_one())),
    }
}

/// Asked for on the terminal, twice, since nobody can look at what they typed and a vault cannot be opened without it.
///
/// # Errors
/// [`Exit::Locked`] without a terminal, or if the two differ.
pub fn choose() -> Result<Zeroizing<String>, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::new(Exit::Locked, "a passphrase for the vault is needed: give --passphrase-file, or run this on a terminal"));
    }
    let first = ask("Choose a passphrase for the vault: ")?;
    let second = ask("The same again: ")?;
    if *first == *second { Ok(first) } else { Err(CliError::new(Exit::Locked, "the two passphrases differ: try again")) }
}

/// Whether others than its owner can read the file.
pub fn is_exposed(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o077 != 0)
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, CliError> {
    let failed = |error: std::io::Error| CliError::new(Exit::Locked, format!("the passphrase cannot be asked for: {error}"));
    let typed = Zeroizing::new(rpassword::prompt_password(prompt).map_err(failed)?);
    check(typed).map_err(|_| CliError::new(Exit::Locked, not_one()))
}

fn not_one() -> String {
    format!("one line of 1 to {MAX_LEN} bytes is expected as passphrase")
}

#[derive(Debug)]
enum Fault {
    Io(std::io::Error),
    NotOne,
}

fn read_line(source: impl Read) -> Result<Zeroizing<String>, Fault> {
    // The right size from the beginning, so that growing leaves no copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LEN.saturating_add(4)));
    let limit = u64::try_from(MAX_LEN).unwrap_or_default().saturating_add(3);
    source.take(limit).read_to_end(&mut bytes).map_err(Fault::Io)?;
    if bytes.is_empty() {
        return Err(Fault::Io(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it is empty")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| Fault::NotOne)?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    check(Zeroizing::new(line.to_owned()))
}

fn check(passphrase: Zeroizing<String>) -> Result<Zeroizing<String>, Fault> {
    let one_line = !passphrase.contains(['\n', '\r', '\0']);
    if one_line && (1..=MAX_LEN).contains(&passphrase.len()) { Ok(passphrase) } else { Err(Fault::NotOne) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_a_passphrase_with_or_without_its_end() {
        for text in ["correct horse", "correct horse\n", "correct horse\r\n"] {
            assert_eq!(*read_line(text.as_bytes()).unwrap(), "correct horse");
        }
        // Spaces may be part of it.
        assert_eq!(*read_line(&b" x \n"[..]).unwrap(), " x ");
        assert_eq!(read_line("x".repeat(MAX_LEN).as_bytes()).unwrap().len(), MAX_LEN);
    }

    #[test]
    fn nothing_two_lines_and_too_much_are_not() {
        assert!(matches!(read_line(&b""[..]), Err(Fault::Io(_))));
        for text in ["\n", "a\nb", "a\n\n", "a\0b", &"x".repeat(MAX_LEN + 1)] {
            assert!(matches!(read_line(text.as_bytes()), Err(Fault::NotOne)), "{text:?}");
        }
        assert!(matches!(read_line(&b"\xff"[..]), Err(Fault::NotOne)));
    }

    #[test]
    fn a_file_that_others_can_read_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        crate::keyfile::create(&path, 0o600, b"x\n").unwrap();
        assert!(!is_exposed(&path));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        assert!(is_exposed(&path));
        assert_eq!(*from_file(&path).unwrap(), "x");
        assert_eq!(from_file(folder.path()).unwrap_err().exit, Exit::Locked);
    }
}
