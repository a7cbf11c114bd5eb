//! `safelight clinic`: the process that holds the keys, in the foreground.

use clap::Args;

use super::outcome::CliError;
use super::passphrase::{self, PassphraseArgs};
use super::stop::StopSignals;
use super::{DataArgs, harden, panics};
use crate::alert;
use crate::clinic;
use crate::clock::Clock;
use crate::console;
use crate::vault::Passphrase;

/// Flags.
#[derive(Debug, Args)]
pub(super) struct ClinicArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Read the passphrase from standard input; the vault stays locked if that is empty
    #[arg(long, conflicts_with = "passphrase_file")]
    passphrase_stdin: bool,
    /// End when this process ends; `serve` sets it
    #[arg(long, hide = true, value_name = "PID")]
    supervised: Option<i32>,
}

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(args: ClinicArgs) -> Result<(), CliError> {
    panics::notice();
    let mut stop = StopSignals::catch()?;
    if let Some(supervisor) = args.supervised {
        harden::end_with(supervisor)?;
    }
    harden::swap();
    let config = args.data.config()?;
    let until = async {
        tokio::select! {
            () = stop.arrived() => {}
            () = panics::happened() => {}
        }
    };
    let passphrase = passphrase(&args)?;
    let (beside, layout) = (config.clone(), args.data.layout());
    clinic::run(
        &args.data.layout(),
        &config,
        Clock::system(),
        passphrase,
        until,
        || tracing::info!("linked to ingest"),
        |desk| async move {
            tokio::join!(console::run(desk.clone(), beside.clone()), alert::run(desk, beside, layout));
        },
    )
    .await?;
    panics::verdict()
}

fn passphrase(args: &ClinicArgs) -> Result<Option<Passphrase>, CliError> {
    if args.passphrase_stdin { passphrase::from_stdin() } else { args.passphrase.read_or_ask() }
}
