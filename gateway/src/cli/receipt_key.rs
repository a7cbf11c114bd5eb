//! `safelight receipt-key`: from one receipt key to the next.

use std::time::Duration;

use clap::{Args, Subcommand};
use data_encoding::HEXLOWER;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::outcome::{CliError, Exit, Output};
use super::{DataArgs, time};
use crate::clinic::Clinic;
use crate::clinic::access::Actor;
use crate::clinic::receipt_key::{self, Old, OrderError};
use crate::clock::Clock;

/// How long the two processes have to carry an order out.
const CARRIED_OUT: Duration = Duration::from_secs(10);

/// Between two looks at whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Commands.
#[derive(Debug, Subcommand)]
pub(super) enum ReceiptKeyCommand {
    /// Say which key signs receipts
    Show(DataArgs),
    /// Have ingest make a new key, and tell phones of it; the gateway must run
    Rotate(RotateArgs),
}

/// Flags of `rotate`.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Somebody else may have the old key: it signs nothing from now on, not even for phones that are away
    #[arg(long)]
    compromised: bool,
}

#[derive(Debug, Serialize)]
struct Shown {
    /// SHA-256 of its SEC1 bytes.
    receipt_key: String,
    key_set: u64,
    /// Until when receipts of the key of before are believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap_until: Option<String>,
    /// Whether ingest signs with it, of `rotate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_force: Option<bool>,
}

/// Runs one.
pub(super) async fn run(command: ReceiptKeyCommand, output: Output) -> Result<(), CliError> {
    match command {
        ReceiptKeyCommand::Show(data) => output.print(&shown(&open(&data).await?, None), human),
        ReceiptKeyCommand::Rotate(args) => rotate(&args, output).await,
    }
}

async fn rotate(args: &RotateArgs, output: Output) -> Result<(), CliError> {
    let clinic = open(&args.data).await?;
    let before = clinic.key_set().key_set().receipt_key.clone();
    let old = if args.compromised { Old::Compromised } else { Old::Overlaps };
    receipt_key::order(&clinic, old, &Actor::shell()).await.map_err(|error| match error {
        OrderError::TooEarly(until) => CliError::new(
            Exit::Refused,
            format_args!(
                "{error}: come again from {} on, or say --compromised if somebody else may have it",
                time::human(until)
            ),
        ),
        OrderError::Clinic(error) => error.into(),
    })?;
    let carried_out = wait(&clinic).await?;
    let clinic = open(&args.data).await?;
    if carried_out && clinic.key_set().key_set().receipt_key == before {
        return Err(CliError::new(
            Exit::NotVerified,
            "ingest gave no new key: nothing has changed. Look at both processes' logs",
        ));
    }
    output.print(&shown(&clinic, Some(carried_out)), human)
}

/// Whether the order was carried out, or given up, in time.
async fn wait(clinic: &Clinic) -> Result<bool, CliError> {
    let deadline = Instant::now() + CARRIED_OUT;
    while receipt_key::is_ordered(clinic).await? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(true)
}

async fn open(data: &DataArgs) -> Result<Clinic, CliError> {
    Ok(Clinic::open(&data.layout(), &data.config()?, &Clock::system()).await?)
}

fn shown(clinic: &Clinic, in_force: Option<bool>) -> Shown {
    let key_set = clinic.key_set();
    let key_set = key_set.key_set();
    Shown {
        receipt_key: HEXLOWER.encode(&receipt_key::fingerprint(&key_set.receipt_key)),
        key_set: key_set.number,
        overlap_until: key_set.receipt_key_overlaps_until(clinic.now()).map(time::rfc3339),
        in_force,
    }
}

fn human(shown: &Shown) -> String {
    if shown.in_force == Some(false) {
        return "Ordered, and NOT carried out yet: the gateway or its clinic process does not run.\n\
                It will be as soon as both do: start `safelight serve`."
            .to_owned();
    }
    let overlap = match &shown.overlap_until {
        Some(until) => format!("\nWhat was sealed before is acknowledged by the old one until {until}."),
        None => String::new(),
    };
    format!("Receipts are signed by {} (key set {}).{overlap}", shown.receipt_key, shown.key_set)
}
