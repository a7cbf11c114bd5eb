//! `safelight device`: invite, approve, list, revoke. The catalog is the authority; the clinic process notices what changes in it
//! and tells ingest.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use getrandom::SysRng;
use rand_core::TryRng;
use safelight_core::ids::{DeviceId, InvitationId, UnixMillis};
use safelight_core::invitation::{Invitation, Token};
use safelight_core::manifest::OperatorId;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::outcome::{CliError, Exit, Output};
use super::{DataArgs, duration, health, time};
use crate::clinic::access::{Actor, Event};
use crate::clinic::devices::{self, Device, InvitationRow, Status};
use crate::clinic::{Clinic, ClinicError, pictures};
use crate::clock::Clock;
use crate::config::{Config, Layout};
use crate::enrol::qr;

/// Commands.
#[derive(Debug, Subcommand)]
pub(super) enum DeviceCommand {
    /// Make an invitation: a QR code that one phone can enrol with
    Invite(InviteArgs),
    /// List all devices
    List(DataArgs),
    /// Approve a device after comparing the words on both screens
    Approve(OneDevice),
    /// Revoke a device: it may not send any more, and its connections are closed
    Revoke(OneDevice),
}

/// Flags.
#[derive(Debug, Args)]
pub(super) struct InviteArgs {
    #[command(flatten)]
    data: DataArgs,
    /// What the device will be called, such as "Room 3"
    #[arg(long, value_name = "NAME", value_parser = device_name)]
    name: String,
    /// Whom the device will belong to, such as clinician1
    #[arg(long, value_name = "PERSON", value_parser = person)]
    person: OperatorId,
    /// Write the QR code to this PNG file
    #[arg(long, value_name = "FILE")]
    qr_png: Option<PathBuf>,
    /// How long the invitation stays open
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "15m")]
    ttl: Duration,
}

/// Flags.
#[derive(Debug, Args)]
pub(super) struct OneDevice {
    /// The device's id, from `device list`
    id: DeviceId,
    #[command(flatten)]
    data: DataArgs,
}

/// Longest time that an invitation may stay open.
const MAX_TTL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long `revoke` waits for ingest to have heard.
const HEARD_TIME: Duration = Duration::from_secs(5);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Longest device name in bytes.
const MAX_NAME_LEN: usize = 64;

/// Runs one.
pub(super) async fn run(command: DeviceCommand, output: Output) -> Result<(), CliError> {
    match command {
        DeviceCommand::Invite(args) => invite(args, output).await,
        DeviceCommand::List(data) => list(&data, output).await,
        DeviceCommand::Approve(one) => approve(&one, output).await,
        DeviceCommand::Revoke(one) => revoke(&one, output).await,
    }
}

/// The data folder, opened for one command.
struct Opened {
    layout: Layout,
    config: Config,
    clinic: Clinic,
    now: UnixMillis,
}

impl Opened {
    async fn open(data: &DataArgs) -> Result<Self, CliError> {
        let (layout, config, clock) = (data.layout(), data.config()?, Clock::system());
        let clinic = Clinic::open(&layout, &config, &clock).await?;
        Ok(Self { layout, config, clinic, now: clock.now() })
    }

    async fn find(&self, id: DeviceId) -> Result<Device, CliError> {
        let found = devices::find(&self.clinic.catalog, id).await?;
        found.ok_or_else(|| CliError::new(Exit::NotFound, "there is no such device: see `safelight device list`"))
    }
}

#[derive(Debug, Serialize)]
struct Invited {
    id: String,
    name: String,
    person: String,
    /// What the QR code says.
    qr: String,
    qr_png: Option<PathBuf>,
    addresses: Vec<String>,
    expires_at: String,
}

async fn invite(args: InviteArgs, output: Output) -> Result<(), CliError> {
    if args.ttl.is_zero() || args.ttl > MAX_TTL {
        return Err(CliError::new(
            Exit::Usage,
            format!("--ttl: more than 0s and at most {} is expected", duration::show(MAX_TTL)),
        ));
    }
    let opened = Opened::open(&args.data).await?;
    let clinic = &opened.clinic;
    let (id, token) = (InvitationId::from_bytes(random()?), Token::from_bytes(random()?));
    let expires_at = opened.now.plus(args.ttl);
    let token_hash = token.hash();
    let invitation = Invitation {
        clinic_id: clinic.id(),
        invitation_id: id,
        addresses: opened.config.enrol_addresses(),
        ca_sha256: clinic.ca.sha256(),
        token,
        expires_at,
    };
    let text = invitation.to_qr_text().map_err(CliError::with(Exit::Failed))?;
    // Before the invitation exists: a code that could not be written must not leave an open one behind.
    if let Some(path) = &args.qr_png {
        qr::png(&text, path).map_err(CliError::with(Exit::Failed))?;
    }
    let row =
        InvitationRow { id, device_name: args.name.clone(), person: args.person.clone(), expires_at, device: None };
    let mut tx = clinic.catalog.write().await.map_err(ClinicError::from)?;
    devices::ensure_person(&mut tx, &args.person, opened.now).await?;
    devices::invite(&mut tx, &row, &token_hash, opened.now).await?;
    record(clinic, &mut tx, opened.now, Event::Invited(id, &args.person)).await?;
    tx.commit().await.map_err(ClinicError::from)?;

    let drawn = qr::terminal(&text).map_err(CliError::with(Exit::Failed))?;
    let invited = Invited {
        id: id.to_string(),
        name: args.name,
        person: args.person.to_string(),
        qr: text.to_string(),
        qr_png: args.qr_png,
        addresses: invitation.addresses,
        expires_at: time::rfc3339(expires_at),
    };
    // A phone that comes before ingest has heard would be told that there is no such invitation.
    let heard = ingest_has_heard(&opened).await?;
    output.print(&invited, |invited| shown_invitation(invited, &drawn, expires_at))?;
    if !heard {
        tracing::warn!("ingest has not heard of the invitation: the phone can enrol once `safelight serve` runs");
    }
    Ok(())
}

fn shown_invitation(invited: &Invited, drawn: &str, expires_at: UnixMillis) -> String {
    let mut text = match &invited.qr_png {
        // Whoever asks for a file is not at a screen that a phone can see.
        Some(path) => format!("The QR code is in {}.\n", path.display()),
        None => format!("{drawn}\n"),
    };
    let _ =
        writeln!(text, "Invitation for \"{}\" of {}, until {}.", invited.name, invited.person, time::human(expires_at));
    let _ = writeln!(text, "The phone must reach {} (UDP).\n", invited.addresses.join(" or "));
    text.push_str("Scan it with the phone, then compare the words on both screens:\n  safelight device list");
    text
}

#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    name: String,
    person: String,
    status: &'static str,
    /// While pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
    model: String,
    attestation: String,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_until: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<Missing>,
}

/// Gaps that are looked for.
const MAX_GAPS: u32 = 1000;

/// Sequence numbers of a device that did not arrive although later ones did.
#[derive(Debug, Serialize)]
struct Missing {
    first: u64,
    last: u64,
}

async fn list(data: &DataArgs, output: Output) -> Result<(), CliError> {
    let opened = Opened::open(data).await?;
    let gaps = pictures::gaps(&opened.clinic.catalog, MAX_GAPS).await?;
    let mut listed = Vec::new();
    for device in devices::list(&opened.clinic.catalog).await? {
        let newest = devices::certificates(&opened.clinic.catalog, device.id).await?.into_iter().next();
        listed.push(Listed {
            id: device.id.to_string(),
            name: device.name,
            person: device.person.to_string(),
            status: device.status.name(),
            words: (device.status == Status::Pending && !device.words.is_empty()).then_some(device.words),
            model: device.model,
            attestation: device.attestation,
            created_at: time::rfc3339(device.created_at),
            approved_at: device.approved_at.map(time::rfc3339),
            revoked_at: device.revoked_at.map(time::rfc3339),
            certificate_until: newest.map(|certificate| time::rfc3339(certificate.not_after)),
            missing: gaps
                .iter()
                .filter(|gap| gap.device == device.id)
                .map(|gap| Missing { first: gap.first, last: gap.last })
                .collect(),
        });
    }
    output.print(&listed, |listed| shown_list(listed))
}

fn shown_list(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "No devices yet. Make an invitation:\n  safelight device invite --name \"Room 3\" --person clinician1"
            .to_owned();
    }
    let mut text = String::new();
    for device in listed {
        let name = format!("{}, {}", device.name, device.person);
        let _ = writeln!(text, "{name:<66}{:>12}", device.status);
        let key = match device.attestation.as_str() {
            "software" => "key in software",
            "claimed" => "key said to be in hardware",
            other => other,
        };
        let model = if device.model.is_empty() { "-" } else { device.model.as_str() };
        let _ = writeln!(text, "  {}  {model}, {key}", device.id);
        if let Some(words) = &device.words {
            let _ = writeln!(text, "  words:  {words}   (does the phone show the same?)");
            let _ = writeln!(text, "  if so:  safelight device approve {}", device.id);
        }
        for missing in &device.missing {
            let _ = writeln!(text, "  pictures that did not arrive: number {} to {}", missing.first, missing.last);
        }
        if let (Some(until), "active") = (&device.certificate_until, device.status) {
            let _ = writeln!(text, "  certificate until {until}, renewed by itself");
        }
    }
    text.trim_end().to_owned()
}

#[derive(Debug, Serialize)]
struct Changed {
    id: String,
    name: String,
    status: &'static str,
    /// Whether ingest knows, and has closed what it had to.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_force: Option<bool>,
}

async fn approve(one: &OneDevice, output: Output) -> Result<(), CliError> {
    let opened = Opened::open(&one.data).await?;
    let device = opened.find(one.id).await?;
    if device.status == Status::Pending && device.words.is_empty() {
        return Err(CliError::new(
            Exit::Refused,
            "the device has not shown its words yet: wait until `safelight device list` shows them",
        ));
    }
    let mut tx = opened.clinic.catalog.write().await.map_err(ClinicError::from)?;
    if !devices::approve(&mut tx, one.id, opened.now).await? {
        let status = device.status.name();
        return Err(CliError::new(
            Exit::Refused,
            format!("the device is {status}, not pending: invite it anew if it should send"),
        ));
    }
    record(&opened.clinic, &mut tx, opened.now, Event::DeviceApproved(one.id)).await?;
    tx.commit().await.map_err(ClinicError::from)?;
    let changed = Changed { id: one.id.to_string(), name: device.name, status: Status::Active.name(), in_force: None };
    output.print(&changed, |changed| format!("\"{}\" is approved and may send as {}.", changed.name, device.person))
}

async fn revoke(one: &OneDevice, output: Output) -> Result<(), CliError> {
    let opened = Opened::open(&one.data).await?;
    let device = opened.find(one.id).await?;
    let mut tx = opened.clinic.catalog.write().await.map_err(ClinicError::from)?;
    // Revoked before: nothing to put on record, but whether it is in force is still worth saying.
    if devices::revoke(&mut tx, one.id, opened.now).await? {
        record(&opened.clinic, &mut tx, opened.now, Event::DeviceRevoked(one.id)).await?;
        tx.commit().await.map_err(ClinicError::from)?;
    } else {
        tx.rollback().await.map_err(ClinicError::from)?;
    }
    let in_force = ingest_has_heard(&opened).await?;
    let changed =
        Changed { id: one.id.to_string(), name: device.name, status: Status::Revoked.name(), in_force: Some(in_force) };
    output.print(&changed, |changed| {
        let consequence = if in_force {
            "Ingest knows; its connections are closed."
        } else {
            "Ingest has NOT heard yet: the gateway or its clinic process does not run.\n\
             The device is shut out as soon as both do: start `safelight serve`."
        };
        format!("\"{}\" is revoked. {consequence}", changed.name)
    })
}

/// Whether ingest comes to work with the list as it is now.
async fn ingest_has_heard(opened: &Opened) -> Result<bool, CliError> {
    let wanted = devices::current_generation(&opened.clinic.catalog).await?;
    let deadline = Instant::now() + HEARD_TIME;
    loop {
        match health::ask(&opened.layout).await {
            Ok(status) if status.devices_generation >= wanted => return Ok(true),
            Ok(_) if Instant::now() < deadline => sleep(LOOK_EVERY).await,
            // Nobody serves phones, so nobody need hear.
            _ => return Ok(false),
        }
    }
}

async fn record(
    clinic: &Clinic,
    tx: &mut crate::store::catalog::WriteTx,
    now: UnixMillis,
    event: Event<'_>,
) -> Result<(), CliError> {
    clinic.access.record(tx, &Actor::shell(), now, &[event]).await.map_err(ClinicError::from)?;
    Ok(())
}

fn random() -> Result<[u8; 16], CliError> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).map_err(|_| CliError::from(ClinicError::Randomness))?;
    Ok(bytes)
}

fn device_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_NAME_LEN || text.chars().any(char::is_control) {
        return Err(format!("1 to {MAX_NAME_LEN} bytes without control characters are expected"));
    }
    Ok(text.to_owned())
}

fn person(text: &str) -> Result<OperatorId, String> {
    text.parse::<OperatorId>()
        .map_err(|_| "1 to 64 letters, digits, dots, underscores or hyphens are expected".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(status: &'static str, words: Option<&str>) -> Listed {
        Listed {
            id: DeviceId::from_bytes([9; 16]).to_string(),
            name: "Room 3".to_owned(),
            person: "clinician1".to_owned(),
            status,
            words: words.map(str::to_owned),
            model: "Pixel 8".to_owned(),
            attestation: "software".to_owned(),
            created_at: time::rfc3339(UnixMillis(0)),
            approved_at: None,
            revoked_at: None,
            certificate_until: Some(time::rfc3339(UnixMillis(0))),
            missing: vec![Missing { first: 3, last: 4 }],
        }
    }

    #[test]
    fn a_list_fits_a_terminal_and_says_the_words_of_those_who_wait_alone() {
        let text = shown_list(&[listed("pending", Some("apple river stone lamp")), listed("active", None)]);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(text.matches("apple river stone lamp").count(), 1);
        assert!(text.contains("device approve 09090909"));
        assert!(shown_list(&[]).contains("device invite"));
        let json = serde_json::to_value([listed("active", None)]).unwrap();
        assert!(json[0].get("words").is_none() && json[0]["status"] == "active");
    }

    #[test]
    fn names_and_persons_are_bounded() {
        assert_eq!(device_name(" Room 3 ").unwrap(), "Room 3");
        for bad in ["", "  ", "a\nb", "a\u{1b}[2J", &"x".repeat(65)] {
            assert!(device_name(bad).is_err(), "{bad:?}");
        }
        assert!(person("clinician1").is_ok());
        assert!(person("two words").is_err());
    }
}
