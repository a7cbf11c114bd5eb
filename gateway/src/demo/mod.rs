//! `safelight demo`: the whole thing before your eyes, on 127.0.0.1 and in one folder.
//!
//! | file | does |
//! |---|---|
//! | `story` | plays it: the commands that a user would give, and the phone's client |
//! | `patients` | who is photographed |
//! | [`photos`] | their photographs, with planted metadata |
//! | `pixels` | compares two pictures as a viewer sees them |
//! | [`search`] | looks for what should not be there |
//! | `control` | shows that the search finds what is there |
//! | `figures` | the table, and what must hold for the demo to succeed |
//! | `next` | what to try next |
//! | `open` | keeps the console open on it |
//! | `children` | this program's commands as processes |
//!
//! Every figure is computed from what happened. One that does not hold makes the demo fail.

mod children;
mod control;
mod figures;
mod next;
mod open;
mod patients;
pub mod photos;
mod pixels;
pub mod search;
mod story;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use self::story::Story;
use crate::cli::outcome::{CliError, Exit, Output};
use crate::clinic::ClinicError;
use crate::config::ConfigError;
use crate::keyfile::{self, KeyFileError};
use crate::phone::send::SendError;
use crate::vault::PassphraseError;

/// Lines of the gateway's log that an error shows.
const LOG_LINES: usize = 8;

/// Flags of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Keep everything in this folder (new or empty), to go on with it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// How many photographs
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=500))]
    photos: u16,
    /// End when the figures are shown, without opening the console; so it is where CI is set, with --json, and where standard output is no terminal
    #[arg(long)]
    once: bool,
    /// Open the console even so
    #[arg(long, conflicts_with = "once")]
    stay: bool,
}

impl DemoArgs {
    /// Whether the console is opened at the end, for somebody who is there to look at it.
    fn stays(&self, output: Output) -> bool {
        let somebody = || io::stdout().is_terminal() && std::env::var_os("CI").is_none();
        // Links are for people, and JSON is not.
        !output.json && (self.stay || (!self.once && somebody()))
    }
}

/// Why the demo could not be played to its end.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    /// The folder.
    #[error("{path}: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not empty.
    #[error("{0}: a new or empty folder is expected")]
    NotEmpty(PathBuf),
    /// A file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// A command could not be run.
    #[error("this program could not be started as a command: {0}")]
    Program(#[source] io::Error),
    /// A command failed.
    #[error("`{name}` failed: {said}")]
    Command {
        /// Which.
        name: String,
        /// What it said.
        said: String,
    },
    /// A command answered something unexpected.
    #[error("`{0}` did not print what was expected")]
    Answer(String),
    /// Nothing happened.
    #[error("{0} took too long")]
    TooLong(&'static str),
    /// The phone.
    #[error(transparent)]
    Send(#[from] SendError),
    /// A photograph could not be made, cleaned or decoded.
    #[error("photograph {number}: {why}")]
    Photograph {
        /// Which, from 1.
        number: usize,
        /// Why.
        why: String,
    },
    /// The source of randomness.
    #[error("the machine could not produce random numbers")]
    Randomness,
    /// Ctrl-C, or told to end.
    #[error("interrupted: the gateway has been stopped")]
    Interrupted,
    /// The demo's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The clinic process, which is this one while the console is open.
    #[error(transparent)]
    Clinic(#[from] ClinicError),
    /// Standard output.
    #[error("{0}")]
    Output(String),
}

impl From<CliError> for DemoError {
    fn from(error: CliError) -> Self {
        Self::Output(error.message)
    }
}

/// Plays the demo.
///
/// # Errors
/// [`Exit::NotVerified`] if it was played and something does not hold, [`Exit::Failed`] if it could not be played.
pub async fn run(args: DemoArgs, output: Output) -> Result<(), CliError> {
    let stays = args.stays(output);
    let home = Home::make(args.keep.as_deref()).map_err(CliError::with(Exit::Failed))?;
    let mut story = Story::new(home.path(), usize::from(args.photos), output).map_err(CliError::with(Exit::Failed))?;
    let played = tokio::select! {
        played = story.play() => played,
        () = told_to_end() => Err(DemoError::Interrupted),
    };
    // Whatever came of it, nothing goes on running.
    let ended = story.end().await;
    let mut figures = match played {
        Ok(figures) => figures,
        Err(error) => return Err(CliError::new(Exit::Failed, with_log(&error, &story.log_tail(LOG_LINES)))),
    };
    figures.check("the gateway ended in order", ended, "serve, ingest and clinic".to_owned());
    output.print(&figures, |figures| figures.to_string())?;
    if stays && figures.all_hold() {
        open::keep_open(&story, output, told_to_end()).await.map_err(CliError::with(Exit::Failed))?;
    }
    output.say(&next::steps(args.keep.as_ref().map(|_| story.places()), figures.first_id()))?;
    if figures.all_hold() {
        Ok(())
    } else {
        Err(CliError::new(Exit::NotVerified, "the demo found something that does not hold: see NO above"))
    }
}

async fn told_to_end() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

fn with_log(error: &DemoError, tail: &[String]) -> String {
    match (error, tail) {
        (DemoError::Interrupted, _) | (_, []) => error.to_string(),
        (_, tail) => format!("{error}\nThe gateway's last words:\n  {}", tail.join("\n  ")),
    }
}

/// Where everything is: a folder that goes with the demo, or one that stays.
#[derive(Debug)]
enum Home {
    Passing(tempfile::TempDir),
    Kept(PathBuf),
}

impl Home {
    fn make(keep: Option<&Path>) -> Result<Self, DemoError> {
        let Some(path) = keep else {
            let passing = tempfile::Builder::new().prefix("safelight-demo-").tempdir();
            return passing
                .map(Self::Passing)
                .map_err(|source| DemoError::Folder { path: std::env::temp_dir(), source });
        };
        keyfile::create_folder(path)?;
        let folder = |source| DemoError::Folder { path: path.to_owned(), source };
        // Absolute, since the commands that are shown at the end are given from anywhere.
        let path = path.canonicalize().map_err(folder)?;
        let is_empty = std::fs::read_dir(&path).map_err(folder)?.next().is_none();
        if is_empty { Ok(Self::Kept(path)) } else { Err(DemoError::NotEmpty(path)) }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Passing(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_something_in_it_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("new");
        assert!(Home::make(Some(&kept)).unwrap().path().is_absolute());
        assert!(Home::make(Some(&kept)).is_ok());
        std::fs::write(kept.join("something"), b"").unwrap();
        assert!(matches!(Home::make(Some(&kept)), Err(DemoError::NotEmpty(_))));
    }

    #[test]
    fn a_passing_folder_passes() {
        let home = Home::make(None).unwrap();
        let path = home.path().to_owned();
        std::fs::write(path.join("something"), b"").unwrap();
        drop(home);
        assert!(!path.exists());
    }
}
