//! `safelight vault`: list, open and export pictures at the clinic's own machine, and give the vault a new key.

mod rotate;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use safelight_core::ids::CaptureId;
use safelight_core::label::{Consent, Label};
use serde::Serialize;

use super::new_file::NewFile;
use super::outcome::{CliError, Exit, Output};
use super::passphrase::{self, PassphraseArgs};
use super::{DataArgs, time};
use crate::clinic::access::Actor;
use crate::clinic::reading::{self, Listed, ReadError};
use crate::clock::Clock;

/// What can be done with pictures here.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// List the pictures; with the passphrase, also whose they are (on record)
    List(ListArgs),
    /// Open one picture into a file (on record, with its reason)
    Open(OpenArgs),
    /// Copy one picture into an age file, still sealed (on record)
    Export(ExportArgs),
    /// Give the vault a new key, and write what is verified to it; the clinic process must not run
    Rotate(rotate::RotateArgs),
    /// Go on where `rotate` was cut off: write what is verified to the newest key
    Rewrap(rotate::RotateArgs),
}

/// Flags of `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Flags of `open`.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// Which picture
    #[arg(value_name = "ID")]
    id: CaptureId,
    /// A new file for it
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Why; kept in the access log, sealed
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Flags of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Which picture
    #[arg(value_name = "ID")]
    id: CaptureId,
    /// A new file for it
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    data: DataArgs,
}

/// One picture, for `--json`. The last five need the passphrase.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What somebody should look at although it is verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<String>,
    captured_at: String,
    stored_at: String,
    device: String,
    operator: String,
    log_index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    birth_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    view: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct Written {
    id: String,
    out: String,
    bytes: usize,
}

/// Runs it.
///
/// # Errors
/// [`CliError`] with the sentence and the exit code.
pub async fn run(command: VaultCommand, output: Output) -> Result<(), CliError> {
    match command {
        VaultCommand::List(args) => list(args, output).await,
        VaultCommand::Open(args) => open(args, output).await,
        VaultCommand::Export(args) => export(args, output).await,
        VaultCommand::Rotate(args) => rotate::rotate(args, output).await,
        VaultCommand::Rewrap(args) => rotate::rewrap(args, output).await,
    }
}

async fn list(args: ListArgs, output: Output) -> Result<(), CliError> {
    let clock = Clock::system();
    let clinic = args.data.clinic(&clock).await?;
    // Nobody is asked: without the passphrase there is a list as well, of pictures without patients.
    let passphrase = args.passphrase.passphrase_file.as_deref().map(passphrase::from_file).transpose()?;
    let vault = passphrase.map(|passphrase| clinic.unlock(&passphrase)).transpose()?;
    let pictures = reading::list(&clinic, vault.as_ref(), &Actor::shell(), clock.now()).await?;
    let rows: Vec<Row> = pictures.into_iter().map(row).collect();
    output.print(&rows, |rows| table(rows))
}

async fn open(args: OpenArgs, output: Output) -> Result<(), CliError> {
    let out = place(&args.out, &args.data)?;
    let clock = Clock::system();
    let clinic = args.data.clinic(&clock).await?;
    let vault = clinic.unlock(&args.passphrase.require()?)?;
    let plain = reading::open(&clinic, &vault, args.id, &args.reason, &Actor::shell(), clock.now()).await?;
    out.write([plain.as_slice()])?;
    tell(output, args.id, &args.out, plain.len(), "opened into")
}

async fn export(args: ExportArgs, output: Output) -> Result<(), CliError> {
    let out = place(&args.out, &args.data)?;
    let clock = Clock::system();
    let clinic = args.data.clinic(&clock).await?;
    let file = reading::export(&clinic, args.id, &Actor::shell(), clock.now()).await?;
    out.write([file.as_slice()])?;
    tell(output, args.id, &args.out, file.len(), "exported, still sealed, into")
}

fn tell(output: Output, id: CaptureId, out: &Path, bytes: usize, verb: &str) -> Result<(), CliError> {
    let written = Written { id: id.to_string(), out: out.display().to_string(), bytes };
    output.print(&written, |written| {
        format!("{} {verb} {} ({} bytes); on record", written.id, written.out, written.bytes)
    })
}

fn row(listed: Listed) -> Row {
    let Listed { picture, label } = listed;
    let of_label = |get: fn(&Label) -> Option<String>| label.as_ref().and_then(get);
    Row {
        id: picture.capture.to_string(),
        state: picture.state.name(),
        reason: Some(picture.reason).filter(|reason| !reason.is_empty()),
        flags: picture.flags.split_whitespace().map(str::to_owned).collect(),
        captured_at: time::rfc3339(picture.captured_at),
        stored_at: time::rfc3339(picture.stored_at),
        device: picture.device.to_string(),
        operator: picture.operator.to_string(),
        log_index: picture.log_index,
        patient: of_label(|label| Some(label.record_number.clone())),
        issuer: of_label(|label| Some(label.issuer.clone())),
        name: of_label(|label| Some(label.name.clone())),
        birth_date: of_label(|label| Some(label.birth_date.as_str().to_owned())),
        site: of_label(|label| Some(site(label))),
        view: of_label(|label| label.view.clone()),
        consent: label.as_ref().and_then(|label| label.consent).map(consent),
        note: of_label(|label| label.note.clone()),
    }
}

fn consent(consent: Consent) -> &'static str {
    match consent {
        Consent::Record => "record",
        Consent::Teaching => "teaching",
        Consent::Publication => "publication",
    }
}

/// `forearm, left`.
fn site(label: &Label) -> String {
    let side = label.laterality.map(|side| format!(", {}", side.as_str())).unwrap_or_default();
    format!("{}{side}", label.body_site.text())
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no pictures yet".to_owned();
    }
    let lines = rows.iter().map(|row| {
        let state = row.reason.as_ref().map_or(row.state.to_owned(), |reason| format!("{} ({reason})", row.state));
        let look =
            if row.flags.is_empty() { String::new() } else { format!("\n    LOOK AT IT: {}", row.flags.join(", ")) };
        let first = format!("{}  {state}{look}\n    {} by {}", row.id, row.captured_at, row.operator);
        match (&row.patient, &row.issuer, &row.name, &row.birth_date, &row.site) {
            (Some(patient), Some(issuer), Some(name), Some(birth_date), Some(site)) => {
                let view = row.view.as_ref().map(|view| format!(", {view}")).unwrap_or_default();
                let consent = row.consent.map(|consent| format!("\n    consent: {consent}")).unwrap_or_default();
                let note = row.note.as_deref().map(note).unwrap_or_default();
                format!("{first}\n    {patient} ({issuer})  {name}, born {birth_date}\n    {site}{view}{consent}{note}")
            }
            _ => first,
        }
    });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    if rows.iter().all(|row| row.patient.is_none()) {
        text.push_str("\nWho the patients are is sealed: give --passphrase-file to see it. The look is put on record.");
    }
    text
}

/// Every line of it says that it is of the note: whoever may send a picture could write lines that look like another's entry.
fn note(text: &str) -> String {
    // A label with what leads a terminal elsewhere does not pass its own check; what is printed does not rest on that.
    let shows = |line: &str| {
        line.chars().filter(|c| !c.is_control() && !['\u{2028}', '\u{2029}'].contains(c)).collect::<String>()
    };
    text.split('\n').map(|line| format!("\n    note: {}", shows(line))).collect()
}

/// Before anything is put on record: a file that could not be written must not leave an entry that says it was.
fn place(out: &Path, data: &DataArgs) -> Result<NewFile, CliError> {
    if out == Path::new("-") {
        return Err(CliError::new(Exit::Usage, "-o: a file is expected, a picture is not written to standard output"));
    }
    NewFile::at(out, "-o", false, Some(&data.data))
}

impl From<ReadError> for CliError {
    fn from(error: ReadError) -> Self {
        let exit = match error {
            ReadError::Clinic(error) => return error.into(),
            ReadError::NotFound(_) => Exit::NotFound,
            ReadError::NotVerified | ReadError::Quarantined(_) => Exit::Refused,
            ReadError::Reason => Exit::Usage,
        };
        Self::new(exit, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row_with(note: &str) -> Row {
        Row {
            id: "019ac000-0000-7000-8000-000000000001".to_owned(),
            state: "verified",
            reason: None,
            flags: Vec::new(),
            captured_at: "2026-11-28T10:00:00Z".to_owned(),
            stored_at: "2026-11-28T10:00:01Z".to_owned(),
            device: "device".to_owned(),
            operator: "operator".to_owned(),
            log_index: 1,
            patient: Some("4711".to_owned()),
            issuer: Some("clinic".to_owned()),
            name: Some("Zoë Quittländer".to_owned()),
            birth_date: Some("1961-02-03".to_owned()),
            site: Some("Forearm, left".to_owned()),
            view: None,
            consent: None,
            note: Some(note.to_owned()),
        }
    }

    #[test]
    fn x76_a_note_with_line_breaks_cannot_look_like_another_picture() {
        let forged = "019ac000-0000-7000-8000-000000000002  verified";
        let list =
            table(&[row_with(&format!("one\n{forged}\n    0815 (clinic)  Somebody Else, born 1950-01-01\n\nlast"))]);
        let entries = list.lines().filter(|line| !line.starts_with(' ')).count();
        assert_eq!(entries, 1, "{list}");
        assert!(list.contains(&format!("\n    note: {forged}")), "{list}");
        assert!(list.lines().all(|line| !line.trim_start().starts_with("0815")), "{list}");
        assert!(list.ends_with("\n    note: \n    note: last"), "{list}");
        let list = table(&[row_with(&format!("one\n\r{forged}\u{2028}{forged}\u{1b}[2K\u{85}{forged}\r\nlast\r"))]);
        assert!(!list.contains(|c: char| c != '\n' && (c.is_control() || c == '\u{2028}')), "{list:?}");
    }
}
