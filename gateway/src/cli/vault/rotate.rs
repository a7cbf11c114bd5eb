//! `safelight vault rotate` and `safelight vault rewrap`: from one vault key to the next.

use std::os::unix::fs::MetadataExt;

use clap::Args;
use serde::Serialize;

use crate::cli::outcome::{CliError, Exit, Output};
use crate::cli::passphrase::PassphraseArgs;
use crate::cli::progress::Bar;
use crate::cli::{DataArgs, time};
use crate::clinic::access::Actor;
use crate::clinic::rewrap::{self, Rewrapped};
use crate::clinic::rotation::{self, Rotated};
use crate::clinic::{self, Clinic};
use crate::clock::Clock;
use crate::vault::Unlocked;

/// Failures that are named one by one.
const NAMED: usize = 10;

/// Flags of both.
#[derive(Debug, Args)]
pub struct RotateArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Debug, Serialize)]
struct RotatedShown {
    epoch: u64,
    vault_recipient: String,
    key_set: u64,
    overlap_until: String,
    vault_file: String,
    #[serde(flatten)]
    headers: RewrappedShown,
}

#[derive(Debug, Serialize)]
struct RewrappedShown {
    /// Headers that were written to the new key.
    rewrapped: u64,
    /// Headers that were for it already.
    already: u64,
    /// Headers that could not be.
    failed: Vec<FailedShown>,
}

#[derive(Debug, Serialize)]
struct FailedShown {
    id: String,
    kind: &'static str,
    why: &'static str,
}

pub(super) async fn rotate(args: RotateArgs, output: Output) -> Result<(), CliError> {
    let (layout, config, clock) = (args.data.layout(), args.data.config()?, Clock::system());
    let lock = clinic::lock(&layout.clinic())?;
    let clinic = Clinic::open(&layout, &config, &clock).await?;
    refuse_another_user(&clinic)?;
    let passphrase = args.passphrase.require()?;
    let rotated = rotation::rotate(&clinic, &passphrase, &Actor::shell()).await?;
    // What follows may run beside the clinic process, which phones and clinicians wait for.
    drop(lock);
    let Rotated { vault, epoch, recipient, key_set, overlap_until } = rotated;
    let vault_file = clinic.vault_file().display().to_string();
    output.say(&format!(
        "The vault has a new key, epoch {epoch}.\n\
         BACK UP THE VAULT FILE NOW, BESIDE OLDER COPIES: {vault_file}\n\
         An older copy does not open what is sealed from now on; the recovery kit opens everything still.\n\
         Start the clinic process again: phones learn of the key from it."
    ))?;
    if output.json {
        tracing::warn!(
            vault_file,
            "back up the vault file now: an older copy does not open what is sealed from now on"
        );
    }
    let headers = write_anew(&clinic, &vault, output).await?;
    let outcome = judge(&headers);
    let shown = RotatedShown {
        epoch,
        vault_recipient: recipient.to_string(),
        key_set,
        overlap_until: time::rfc3339(overlap_until),
        vault_file,
        headers: shown(&headers),
    };
    output.print(&shown, |shown| human(&shown.headers))?;
    outcome
}

pub(super) async fn rewrap(args: RotateArgs, output: Output) -> Result<(), CliError> {
    let clinic = Clinic::open(&args.data.layout(), &args.data.config()?, &Clock::system()).await?;
    let vault = clinic.unlock(&args.passphrase.require()?)?;
    let headers = write_anew(&clinic, &vault, output).await?;
    output.print(&shown(&headers), human)?;
    judge(&headers)
}

async fn write_anew(clinic: &Clinic, vault: &Unlocked, output: Output) -> Result<Rewrapped, CliError> {
    let mut bar = None;
    let progress = |progress: rewrap::Progress| {
        let all = usize::try_from(progress.all).unwrap_or(usize::MAX);
        bar.get_or_insert_with(|| Bar::new(all, output)).pictures_done(progress.done);
    };
    let outcome = rewrap::rewrap(clinic, vault, &Actor::shell(), clinic.now(), progress).await;
    drop(bar);
    outcome.map_err(|error| {
        let error = CliError::from(error);
        CliError { message: format!("{error} (go on with: safelight vault rewrap)"), ..error }
    })
}

/// A file that another user's process could not read any more is not written.
fn refuse_another_user(clinic: &Clinic) -> Result<(), CliError> {
    let path = clinic.vault_file();
    let owner = std::fs::metadata(&path)
        .map_err(|error| CliError::new(Exit::Failed, format_args!("{}: {error}", path.display())))?
        .uid();
    if owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Usage,
        format_args!("the vault file belongs to user {owner}, who could not read a new one: run this as that user"),
    ))
}

fn shown(headers: &Rewrapped) -> RewrappedShown {
    let failed =
        |failed: &rewrap::Failed| FailedShown { id: failed.id.to_string(), kind: failed.kind.code(), why: failed.why };
    RewrappedShown {
        rewrapped: headers.written,
        already: headers.already,
        failed: headers.failed.iter().map(failed).collect(),
    }
}

fn human(shown: &RewrappedShown) -> String {
    let mut text = format!("{} headers were written to the new key", shown.rewrapped);
    if shown.already > 0 {
        text.push_str(&format!(", {} were for it already", shown.already));
    }
    text.push('.');
    for failed in shown.failed.iter().take(NAMED) {
        text.push_str(&format!("\n  NOT: {} of {} ({})", failed.kind, failed.id, failed.why));
    }
    text
}

fn judge(headers: &Rewrapped) -> Result<(), CliError> {
    match headers.failed.len() {
        0 => Ok(()),
        failed => Err(CliError::new(
            Exit::NotVerified,
            format_args!(
                "{failed} headers could not be written anew and stay as they are: `safelight audit verify` says what is missing"
            ),
        )),
    }
}
