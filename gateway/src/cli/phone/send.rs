//! `safelight phone send`.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use safelight_core::client::{Options, Progress};
use safelight_core::label::Label;
use safelight_core::manifest::OperatorId;
use serde::Serialize;
use zeroize::Zeroizing;

use super::patience::Patience;
use crate::cli::outcome::{CliError, Exit, Output};
use crate::cli::progress::Bar;
use crate::cli::{duration, time};
use crate::clock::Clock;
use crate::phone::camera;
use crate::phone::label::{LabelInput, LabelInputError, MAX_INPUT_LEN};
use crate::phone::send::{SendError, Sender, Sent};

/// Send photographs of one patient.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// Folder of the enrolled device
    #[arg(long, env = "SAFELIGHT_IDENTITY", value_name = "FOLDER")]
    identity: PathBuf,
    /// The patient's record number. What stands in an argument is seen by every user of this machine: see --label-file
    #[arg(long, value_name = "NUMBER")]
    patient: Option<String>,
    /// Who gave that number, if there are several who do
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// The patient's name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The patient's date of birth
    #[arg(long, value_name = "YYYY-MM-DD")]
    birth_date: Option<String>,
    /// What the photograph shows, such as "left forearm"
    #[arg(long, value_name = "TEXT")]
    site: Option<String>,
    /// The view, such as "close-up"
    #[arg(long, value_name = "TEXT")]
    view: Option<String>,
    /// What the patient has agreed to: record, teaching or publication
    #[arg(long, value_name = "WORD")]
    consent: Option<String>,
    /// A note
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// JSON with the same: patient, issuer, name, birth_date, site, view, consent, note. `-` is standard input
    #[arg(long, value_name = "FILE")]
    label_file: Option<PathBuf>,
    /// Who takes the picture, on a shared device
    #[arg(long, value_name = "PERSON")]
    operator: Option<OperatorId>,
    /// How long to go on without an answer of the gateway
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "2m")]
    timeout: Duration,
    /// The photographs
    #[arg(required = true, value_name = "PHOTO")]
    photos: Vec<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    photo: String,
    receipt_index: u64,
    stored_at: String,
    removed: Vec<&'static str>,
    sealed_bytes: usize,
    milliseconds: u64,
    #[serde(skip)]
    words: String,
}

/// Why one photograph was left out.
enum Trouble {
    File(std::io::Error),
    Send(SendError),
}

impl From<SendError> for Trouble {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

pub(super) async fn run(mut args: SendArgs, output: Output) -> Result<(), CliError> {
    let label = Arc::new(label(&mut args)?);
    let operator = args.operator.take();
    let options = Options { retry_for: args.timeout, ..Options::default() };
    let sender = Sender::open(&args.identity, Clock::system(), options)?;
    match sender.take_lost()? {
        0 => {}
        1 => complain("1 picture was lost: an earlier run was ended while it was sending."),
        lost => complain(&format!("{lost} pictures were lost: an earlier run was ended while it was sending.")),
    }
    let addresses = sender.device()?.key_set.key_set().addresses.join(", ");
    let patience = Arc::new(Patience::new(addresses, args.timeout));
    patience.wait_for(sender.get_ready(), None, complain).await??;

    let cancel = sender.cancel_token();
    let interrupted = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel();
        }
    });
    let mut rows = Vec::with_capacity(args.photos.len());
    let job = Job { photos: &args.photos, label: &label, operator: operator.as_ref(), patience: &patience };
    let outcome = send_all(&sender, &job, &mut rows, output).await;
    interrupted.abort();
    let closed = sender.close().await;
    // What has been stored is told whatever came after it.
    if output.json || !rows.is_empty() {
        output.print(&rows, |rows| table(rows))?;
    }
    let (all, sent) = (args.photos.len(), rows.len());
    let left = format!("{} of {all} photographs were not sent", all.saturating_sub(sent));
    outcome.map_err(|error: CliError| CliError {
        message: format!("{error} ({left}; one that was on its way may have arrived all the same)"),
        exit: error.exit,
    })?;
    closed?;
    if sent < all {
        return Err(CliError::new(Exit::BadInput, format!("{left}, for the reasons above")));
    }
    Ok(())
}

/// What is to be sent, and how long to wait for it.
struct Job<'a> {
    photos: &'a [PathBuf],
    label: &'a Arc<Label>,
    operator: Option<&'a OperatorId>,
    patience: &'a Arc<Patience>,
}

/// Sends one after the other. Those that cannot be sent are named, and the others sent.
async fn send_all(sender: &Sender, job: &Job<'_>, rows: &mut Vec<Row>, output: Output) -> Result<(), CliError> {
    let bar = Arc::new(Bar::new(job.photos.len(), output));
    let end = sender.cancel_token();
    for path in job.photos {
        let shutter = || camera::read(path).map_err(Trouble::File);
        let (drawn, patience) = (bar.clone(), job.patience.clone());
        let progress = move |progress: Progress| {
            patience.heard();
            drawn.picture(progress.sent, progress.total);
            true
        };
        let sending = sender.send(shutter, job.label, job.operator, Arc::new(progress));
        match job.patience.wait_for(sending, Some(&end), |line| bar.above(|| complain(line))).await? {
            Ok(sent) => rows.push(row(path, &sent)),
            Err(Trouble::File(error)) => bar.above(|| complain(&format!("{}: {error}", path.display()))),
            Err(Trouble::Send(error)) if error.is_about_the_photograph() => {
                bar.above(|| complain(&format!("{}: {error}", path.display())));
            }
            // It was tried for as long as is allowed.
            Err(Trouble::Send(error)) if error.is_silence() => return Err(CliError::new(Exit::TimedOut, error)),
            Err(Trouble::Send(error)) => return Err(error.into()),
        }
        bar.picture_done();
    }
    Ok(())
}

fn row(path: &Path, sent: &Sent) -> Row {
    Row {
        id: sent.id.to_string(),
        photo: path.display().to_string(),
        receipt_index: sent.receipt_index,
        stored_at: time::rfc3339(sent.stored_at),
        removed: sent.removed.iter().map(|kind| kind.code()).collect(),
        sealed_bytes: sent.sealed_len,
        milliseconds: u64::try_from(sent.took.as_millis()).unwrap_or(u64::MAX),
        words: sent.removed.to_string(),
    }
}

fn table(rows: &[Row]) -> String {
    let line = |row: &Row| {
        format!("{}\n    {}  stored, receipt {}\n    removed: {}", row.photo, row.id, row.receipt_index, row.words)
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn label(args: &mut SendArgs) -> Result<Label, CliError> {
    let flags = LabelInput {
        patient: args.patient.take(),
        issuer: args.issuer.take(),
        name: args.name.take(),
        birth_date: args.birth_date.take(),
        site: args.site.take(),
        view: args.view.take(),
        consent: args.consent.take(),
        note: args.note.take(),
    };
    let bad = |error| match error {
        LabelInputError::Missing(_) => CliError::new(Exit::Usage, error),
        _ => CliError::new(Exit::BadInput, error),
    };
    let input = match &args.label_file {
        Some(path) => flags.over(LabelInput::parse(&label_file(path)?).map_err(bad)?),
        None => flags,
    };
    input.into_label(Clock::system().now()).map_err(bad)
}

fn label_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    // The right size from the beginning, so that growing leaves no copy of a name behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_INPUT_LEN + 1));
    let limit = (MAX_INPUT_LEN + 1) as u64;
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut text))
    };
    read.map_err(|error| CliError::new(Exit::BadInput, format_args!("{}: {error}", path.display())))?;
    Ok(text)
}
