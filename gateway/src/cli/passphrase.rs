//! Where a command takes the vault's passphrase from: a file, a pipe, or a terminal. Never an argument or the environment,
//! where others see it.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use clap::Args;

use super::outcome::{CliError, Exit};
use crate::vault::{self, Finding, Passphrase, PassphraseError};

/// Below this many characters a person is told that it is short.
pub const SHORT: usize = 12;

/// Where the passphrase comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct PassphraseArgs {
    /// File whose first line is the vault's passphrase; keep it off the data volume
    #[arg(long, env = "SAFELIGHT_PASSPHRASE_FILE", value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// From the file, or asked for on a terminal, or nothing.
    ///
    /// # Errors
    /// [`Exit::Locked`] if what was given is no passphrase.
    pub fn read_or_ask(&self) -> Result<Option<Passphrase>, CliError> {
        match &self.passphrase_file {
            Some(path) => from_file(path).map(Some),
            None if std::io::stdin().is_terminal() => {
                vault::prompt("Passphrase of the vault: ").map(Some).map_err(CliError::with(Exit::Locked))
            }
            None => Ok(None),
        }
    }

    /// The same where nothing is not enough.
    ///
    /// # Errors
    /// [`Exit::Locked`] if there is none.
    pub fn require(&self) -> Result<Passphrase, CliError> {
        let missing = "the vault's passphrase is needed: give --passphrase-file, or run this on a terminal";
        self.read_or_ask()?.ok_or_else(|| CliError::new(Exit::Locked, missing))
    }
}

/// The first line of a file.
///
/// # Errors
/// [`Exit::Locked`] if it cannot be read or is no passphrase.
pub fn from_file(path: &Path) -> Result<Passphrase, CliError> {
    let read = vault::read_file(path).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        CliError::new(Exit::Locked, format!("{}: {error}{cause}", path.display()))
    })?;
    if let Some(finding) = read.finding {
        tracing::warn!("{finding}");
    }
    Ok(read.passphrase)
}

/// The first line of standard input; nothing if that is empty.
///
/// # Errors
/// [`Exit::Locked`] if it is no passphrase.
pub fn from_stdin() -> Result<Option<Passphrase>, CliError> {
    // Not through the program's own handle, whose buffer keeps what went through it for as long as the process lives.
    let unbuffered = std::io::stdin().as_fd().try_clone_to_owned().map_err(CliError::with(Exit::Locked))?;
    match vault::first_line(&mut std::fs::File::from(unbuffered)) {
        Ok(passphrase) => Ok(Some(passphrase)),
        Err(PassphraseError::Empty) => Ok(None),
        Err(error) => Err(CliError::new(Exit::Locked, error)),
    }
}

/// What an administrator should know about a passphrase file, if anything.
pub fn finding(path: &Path) -> Option<Finding> {
    vault::read_file(path).ok()?.finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        let args = PassphraseArgs { passphrase_file: Some(path.clone()) };
        let missing = args.read_or_ask().unwrap_err();
        assert_eq!(missing.exit, Exit::Locked);
        assert!(missing.message.contains("passphrase") && missing.message.contains("No such file"), "{missing}");
        crate::keyfile::create(&path, 0o600, b"open sesame\n").unwrap();
        assert_eq!(args.require().unwrap().expose(), "open sesame");
        assert_eq!(finding(&path), None);
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        assert_eq!(finding(&path), Some(Finding::OpenToOthers { mode: 0o644 }));
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(args.require().unwrap_err().exit, Exit::Locked);
    }
}
