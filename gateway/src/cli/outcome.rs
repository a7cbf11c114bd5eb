//! How a command ends: what it prints, and with which exit code. The table of codes is in docs/CLI.md.

use std::fmt;
use std::io::{IsTerminal, Write};

use serde::Serialize;

/// Exit codes. Stable: scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It failed, and none of the others says why.
    Failed = 1,
    /// The command line is wrong (clap uses this too).
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// The passphrase is missing or wrong.
    Locked = 4,
    /// The gateway does not run or does not answer.
    Unreachable = 5,
    /// The gateway refused: revoked, not approved, expired.
    Refused = 6,
    /// A verification found something wrong.
    NotVerified = 7,
    /// It took longer than allowed.
    TimedOut = 8,
    /// A picture or label is not one that can be taken.
    BadInput = 9,
}

/// A failed command: a sentence for a person that says what to do, and the code.
#[derive(Debug)]
pub struct CliError {
    /// For the shell.
    pub exit: Exit,
    /// For the person.
    pub message: String,
}

impl CliError {
    /// Any error under this exit code.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }

    /// For `map_err`.
    pub fn with<E: fmt::Display>(exit: Exit) -> impl FnOnce(E) -> Self {
        move |error| Self::new(exit, error)
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

/// What every command is given besides its own flags.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Print JSON for a program instead of text for a person.
    pub json: bool,
}

impl Output {
    /// Prints `value` as JSON, or what `human` makes of it.
    ///
    /// # Errors
    /// [`Exit::Failed`] if standard output cannot be written; a closed pipe is not an error.
    pub fn print<T: Serialize>(self, value: &T, human: impl FnOnce(&T) -> String) -> Result<(), CliError> {
        let text = if self.json {
            serde_json::to_string_pretty(value).map_err(CliError::with(Exit::Failed))?
        } else {
            human(value)
        };
        line(&text)
    }

    /// Prints a line for a person; silent with `--json`.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub fn say(self, text: &str) -> Result<(), CliError> {
        if self.json { Ok(()) } else { line(text) }
    }

    /// Whether to draw progress bars: to a person at a terminal.
    pub fn draws_progress(self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }
}

fn line(text: &str) -> Result<(), CliError> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CliError::new(Exit::Failed, error)),
        _ => Ok(()),
    }
}
