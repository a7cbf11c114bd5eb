//! `safelight phone status`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use safelight_core::client::tls::Validity;
use safelight_core::client::{ClientError, Options};
use serde::Serialize;

use crate::cli::outcome::{CliError, Output};
use crate::cli::time;
use crate::clock::Clock;
use crate::phone::send::{SendError, Sender};

/// Show the enrolled device.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Folder of the enrolled device
    #[arg(long, env = "SAFELIGHT_IDENTITY", value_name = "FOLDER")]
    identity: PathBuf,
}

#[derive(Debug, Serialize)]
struct Status {
    clinic: String,
    clinic_name: String,
    device: String,
    operator: String,
    certificate_until: Option<String>,
    certificate_days_left: Option<u64>,
    key_set: u64,
    checkpoint_size: Option<u64>,
    next_sequence: u64,
    addresses: Vec<String>,
    answers: bool,
    /// A stable code for why it does not answer, or does not let this device in.
    problem: Option<&'static str>,
    lost: usize,
}

pub(super) async fn run(args: StatusArgs, output: Output) -> Result<(), CliError> {
    let clock = Clock::system();
    let sender = Sender::open(&args.identity, clock.clone(), Options::default())?;
    let reached = knock(&sender).await;
    let device = sender.device()?;
    let not_after = Validity::of_certificate(&device.certificate).map(|validity| validity.not_after);
    let keys = device.key_set.key_set();
    let status = Status {
        clinic: device.clinic_id.to_string(),
        clinic_name: keys.clinic_name.clone(),
        device: device.device_id.to_string(),
        operator: device.operator.to_string(),
        certificate_until: not_after.map(time::rfc3339),
        certificate_days_left: not_after.map(|end| end.since(clock.now()).as_secs() / 86_400),
        key_set: keys.number,
        checkpoint_size: device.checkpoint.as_ref().map(|checkpoint| checkpoint.size),
        next_sequence: device.next_sequence,
        addresses: keys.addresses.clone(),
        answers: reached.is_ok(),
        problem: reached.as_ref().err().map(SendError::code),
        lost: sender.take_lost()?,
    };
    sender.close().await?;
    output.print(&status, human)?;
    Ok(reached?)
}

/// Asks for something small: a connection alone does not yet say that the gateway lets this device in.
async fn knock(sender: &Sender) -> Result<(), SendError> {
    let asked = tokio::time::timeout(Duration::from_secs(15), sender.knock());
    asked.await.unwrap_or(Err(ClientError::ConnectionLost.into()))
}

fn human(status: &Status) -> String {
    let days =
        status.certificate_days_left.map_or("cannot be read".to_owned(), |days| format!("holds for {days} more days"));
    let checkpoint = status.checkpoint_size.map_or("none yet".to_owned(), |size| format!("{size} entries"));
    let gateway = match status.problem {
        None => "answers".to_owned(),
        Some(problem) => format!("no: {problem}"),
    };
    let mut lines = vec![
        format!("clinic        {} ({})", status.clinic_name, status.clinic),
        format!("device        {} of {}", status.device, status.operator),
        format!("certificate   {days}"),
        format!("key set       number {}", status.key_set),
        format!("intake log    {checkpoint} seen"),
        format!("addresses     {}", status.addresses.join(", ")),
        format!("gateway       {gateway}"),
    ];
    if status.lost > 0 {
        lines.push(format!("lost          {} pictures: an earlier run was ended while it was sending", status.lost));
    }
    lines.join("\n")
}
