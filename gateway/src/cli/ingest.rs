//! `safelight ingest`: the process that faces the phones, in the foreground.

use clap::Args;

use super::outcome::{CliError, Exit};
use super::stop::StopSignals;
use super::{DataArgs, harden, panics};
use crate::clock::Clock;
use crate::ingest;

/// Flags.
#[derive(Debug, Args)]
pub(super) struct IngestArgs {
    #[command(flatten)]
    data: DataArgs,
    /// End when this process ends; `serve` sets it
    #[arg(long, hide = true, value_name = "PID")]
    supervised: Option<i32>,
}

/// Runs until SIGTERM or SIGINT, then lets running uploads end.
pub(super) async fn run(args: IngestArgs) -> Result<(), CliError> {
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
    ingest::run(&args.data.layout(), &config, Clock::system(), until, || {})
        .await
        .map_err(CliError::with(Exit::Failed))?;
    panics::verdict()
}
