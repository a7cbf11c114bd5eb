//! `safelight audit`: verify and export the two logs, and take checkpoints of them to keep elsewhere.

mod checkpoints;
mod stored;
mod witnessed;

use std::fmt::Write as _;
use std::io::{BufWriter, ErrorKind};
use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use data_encoding::HEXLOWER;
use ed25519_dalek::VerifyingKey;
use safelight_core::log::checkpoint::{CheckpointError, verifier_key};
use serde::Serialize;
use tokio::time::timeout;

use super::outcome::{CliError, Exit, Output};
use super::{DataArgs, health, shut_out};
use crate::clinic::{Clinic, ClinicError};
use crate::clock::Clock;
use crate::config::Layout;
use crate::ingest::inbox;
use crate::link::{self, Answer, Ask, LinkError};
use crate::log::{ExportError, MerkleLog, VerifyError};

/// Commands.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Recompute both logs from their entries, compare with every signature, and the intake log with what is stored
    Verify(VerifyArgs),
    /// Print a log, one JSON object a line
    Export(ExportArgs),
    /// Print signed checkpoints of both logs, to be kept outside and given to `verify --against`
    Checkpoint(CheckpointArgs),
}

/// Flags.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Checkpoints that were kept elsewhere: a file, `-` for standard input, or the text itself
    #[arg(long, value_name = "CHECKPOINT")]
    against: Option<String>,
    /// Leave out the comparison of the intake log with what is stored
    #[arg(long)]
    logs_only: bool,
}

/// Flags.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Which log
    #[arg(long, value_enum, default_value_t = Which::Access)]
    log: Which,
}

/// Flags.
#[derive(Debug, Args)]
pub(super) struct CheckpointArgs {
    #[command(flatten)]
    data: DataArgs,
    /// One log alone
    #[arg(long, value_enum)]
    log: Option<Which>,
}

/// One of the two logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Which {
    /// Who did what, kept by the clinic process
    Access,
    /// What was stored, kept by ingest
    Intake,
}

impl Which {
    const BOTH: [Self; 2] = [Self::Access, Self::Intake];

    const fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Intake => "intake",
        }
    }
}

/// Runs one.
pub(super) async fn run(command: AuditCommand, output: Output) -> Result<(), CliError> {
    match command {
        AuditCommand::Verify(args) => verify(&args, output).await,
        AuditCommand::Export(args) => export(&args).await,
        AuditCommand::Checkpoint(args) => checkpoint(&args, output).await,
    }
}

/// Both logs, each with the key that the clinic knows it by: ingest is not asked for its own.
struct Logs {
    layout: Layout,
    clinic: Clinic,
    intake: MerkleLog,
}

impl Logs {
    async fn open(data: &DataArgs) -> Result<Self, CliError> {
        let layout = data.layout();
        let clinic = data.clinic(&Clock::system()).await?;
        let key =
            VerifyingKey::from_bytes(&clinic.key_set().key_set().log_key).map_err(CliError::with(Exit::Failed))?;
        let intake = inbox::open_log(&layout.ingest(), clinic.id(), key).await;
        let intake =
            intake.map_err(|error| shut_out(&layout.ingest()).unwrap_or_else(|| CliError::new(Exit::Failed, error)))?;
        Ok(Self { layout, clinic, intake })
    }

    fn get(&self, which: Which) -> &MerkleLog {
        match which {
            Which::Access => self.clinic.access.log(),
            Which::Intake => &self.intake,
        }
    }
}

/// What `verify` says of one log.
#[derive(Debug, Default, Serialize)]
struct Verdict {
    log: &'static str,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    /// How many of the first entries a signature vouches for.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoints: Option<u64>,
    /// Of these, how many were given with `--against`.
    against: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_bad: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_bad: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// Of the intake log: how many captures were compared with what is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    captures: Option<u64>,
    /// Which of them are not stored as the log says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<stored::Missing>,
}

async fn verify(args: &VerifyArgs, output: Output) -> Result<(), CliError> {
    let against = args.against.as_deref().map(checkpoints::read).transpose()?.unwrap_or_default();
    let logs = Logs::open(&args.data).await?;
    let known = |origin: &str| Which::BOTH.iter().any(|which| logs.get(*which).origin() == origin);
    if against.iter().any(|note| !known(checkpoints::origin(note))) {
        return Err(CliError::new(Exit::NotVerified, "the checkpoint is of another gateway's log"));
    }
    let mut verdicts = Vec::new();
    for which in Which::BOTH {
        let log = logs.get(which);
        let own: Vec<&str> =
            against.iter().map(String::as_str).filter(|note| checkpoints::origin(note) == log.origin()).collect();
        verdicts.push(judge(which, log, &own).await?);
    }
    if let [Verdict { ok: true, .. }, intake @ Verdict { ok: true, .. }] = verdicts.as_mut_slice() {
        // Both are sound in themselves. What one says of the other remains.
        if let Some(fault) = witnessed::contradiction(logs.get(Which::Access), logs.get(Which::Intake)).await? {
            (intake.ok, intake.fault) = (false, Some(fault));
        } else if !args.logs_only {
            compare_with_stores(&logs, intake).await?;
        }
    }
    output.print(&verdicts, |verdicts| shown(verdicts))?;
    if verdicts.iter().all(|verdict| verdict.ok) {
        return Ok(());
    }
    Err(CliError::new(
        Exit::NotVerified,
        "a log is not what it was: keep everything as it is and tell the privacy officer",
    ))
}

/// A sound log over stores that something is missing from is not sound for those who rely on it.
async fn compare_with_stores(logs: &Logs, intake: &mut Verdict) -> Result<(), CliError> {
    let compared = stored::compare(logs).await?;
    intake.captures = Some(compared.captures);
    if compared.count > 0 {
        let count = compared.count;
        (intake.ok, intake.missing) = (false, compared.missing);
        intake.fault =
            Some(format!("what is stored is not what it says: {count} of its captures are missing or changed"));
    }
    Ok(())
}

async fn judge(which: Which, log: &MerkleLog, against: &[&str]) -> Result<Verdict, CliError> {
    let verdict = Verdict { log: which.name(), against: against.len(), ..Verdict::default() };
    match log.verify(against).await {
        Ok(sound) => Ok(Verdict {
            ok: true,
            size: Some(sound.size),
            root: Some(HEXLOWER.encode(&sound.root)),
            signed: Some(sound.signed),
            checkpoints: Some(sound.checkpoints),
            ..verdict
        }),
        Err(VerifyError::Bad(finding)) => Ok(Verdict {
            first_bad: Some(finding.first),
            last_bad: Some(finding.last),
            fault: Some(finding.fault.to_string()),
            ..verdict
        }),
        Err(error @ VerifyError::Against(CheckpointError::NotSigned | CheckpointError::WrongSignature)) => {
            Ok(Verdict { fault: Some(error.to_string()), ..verdict })
        }
        Err(error @ VerifyError::Against(_)) => Err(CliError::new(Exit::Usage, error)),
        Err(VerifyError::Catalog(error)) => Err(CliError::new(Exit::Failed, error)),
    }
}

fn shown(verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        let _ = write!(text, "{:<8}", verdict.log);
        match (verdict.ok, verdict.size, verdict.signed) {
            (true, Some(size), Some(signed)) => {
                let outside = match verdict.against {
                    0 => "none kept elsewhere".to_owned(),
                    count => format!("{count} kept elsewhere"),
                };
                let _ = writeln!(text, "sound: {size} entries, {signed} of them signed for");
                let _ = writeln!(text, "        {} checkpoints agree, {outside}", verdict.checkpoints.unwrap_or(0));
                let _ = writeln!(text, "        root {}", verdict.root.as_deref().unwrap_or("-"));
                if let Some(captures) = verdict.captures {
                    let _ = writeln!(text, "        {captures} captures are stored as it says");
                }
            }
            _ => {
                let _ = writeln!(text, "NOT SOUND: {}", verdict.fault.as_deref().unwrap_or("unknown"));
                if let (Some(first), Some(last)) = (verdict.first_bad, verdict.last_bad) {
                    let _ = writeln!(text, "        first bad entry: {first} (at the latest {last})");
                }
                for missing in &verdict.missing {
                    let _ = writeln!(text, "        {missing}");
                }
            }
        }
    }
    text.trim_end().to_owned()
}

async fn export(args: &ExportArgs) -> Result<(), CliError> {
    let logs = Logs::open(&args.data).await?;
    match logs.get(args.log).export(0, &mut BufWriter::new(std::io::stdout())).await {
        // Whoever reads has seen enough.
        Err(ExportError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map(drop).map_err(CliError::with(Exit::Failed)),
    }
}

#[derive(Debug, Serialize)]
struct Checkpointed {
    log: &'static str,
    size: u64,
    /// The signed note: this is what `--against` takes.
    checkpoint: String,
    /// The public key that it is signed with, as other tools for signed notes read it.
    verifier_key: String,
}

async fn checkpoint(args: &CheckpointArgs, output: Output) -> Result<(), CliError> {
    let logs = Logs::open(&args.data).await?;
    let mut taken = Vec::new();
    for which in Which::BOTH.into_iter().filter(|which| args.log.is_none_or(|only| only == *which)) {
        let log = logs.get(which);
        let text = match which {
            Which::Access => sign_access(&logs.clinic).await?,
            Which::Intake => newest_intake(&logs).await?,
        };
        taken.push(Checkpointed {
            log: which.name(),
            size: checkpoints::size(&text).unwrap_or(0),
            verifier_key: verifier_key(log.origin(), log.key()),
            checkpoint: text,
        });
    }
    output.print(&taken, |taken| {
        let notes: Vec<&str> = taken.iter().map(|taken| taken.checkpoint.as_str()).collect();
        notes.join("\n").trim_end_matches('\n').to_owned()
    })
}

/// Signs for the access log as it is.
async fn sign_access(clinic: &Clinic) -> Result<String, CliError> {
    let mut tx = clinic.catalog.write().await.map_err(ClinicError::from)?;
    let signed = clinic
        .access
        .log()
        .sign(&mut tx, clinic.access.key(), Clock::system().now())
        .await
        .map_err(ClinicError::from)?;
    tx.commit().await.map_err(ClinicError::from)?;
    Ok(signed.text().to_owned())
}

/// The newest that ingest has signed: asked for if it runs, else the last that it kept.
async fn newest_intake(logs: &Logs) -> Result<String, CliError> {
    let conversation = async {
        match link::connect(&logs.layout.ingest()).await?.ask(&Ask::Checkpoint { from: 0 }).await? {
            Answer::Checkpoint { checkpoint, .. } => String::from_utf8(checkpoint).map_err(|_| LinkError::Unexpected),
            _ => Err(LinkError::Unexpected),
        }
    };
    if let Ok(Ok(text)) = timeout(health::ANSWER_TIME, conversation).await {
        return Ok(text);
    }
    let mut tx = logs.intake.catalog().read().await.map_err(CliError::with(Exit::Failed))?;
    let kept = logs.intake.latest(&mut tx).await.map_err(CliError::with(Exit::Failed))?;
    kept.map(|kept| kept.text().to_owned())
        .ok_or_else(|| CliError::new(Exit::NotFound, "ingest has signed nothing yet"))
}

/// Whether `--against` names a file; a checkpoint's text has several lines, which no sensible file name has.
fn is_file(against: &str) -> bool {
    let is_text = against.contains('\n') || against.starts_with(['[', '{']);
    !is_text || Path::new(against).exists()
}
