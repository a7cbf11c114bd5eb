//! `safelight device`: approve, list, revoke, and in [`invitations`] how devices are invited. The catalog is the authority; the clinic process notices what changes in it
//! and tells ingest.

mod invitations;

use std::fmt::Write as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use safelight_core::ids::{DeviceId, UnixMillis};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::outcome::{CliError, Exit, Output};
use super::{DataArgs, health, time};
use crate::clinic::access::{Actor, Event};
use crate::clinic::devices::{self, Attestation, Device, Status};
use crate::clinic::invitations::{self as invited, Standing};
use crate::clinic::{Clinic, ClinicError, pictures};
use crate::clock::Clock;
use crate::config::{Config, Layout};
use crate::enrol::attestation::Unproved;

/// Commands.
#[derive(Debug, Subcommand)]
pub(super) enum DeviceCommand {
    /// Make an invitation: a QR code that one phone can enrol with
    Invite(invitations::InviteArgs),
    /// Withdraw an invitation that no phone has used
    Uninvite(invitations::OneInvitation),
    /// List all invitations: open, used, expired and void ones
    Invitations(DataArgs),
    /// List all devices
    List(DataArgs),
    /// Approve a device after comparing the words on both screens
    Approve(OneDevice),
    /// Revoke a device: it may not send any more, and its connections are closed
    Revoke(OneDevice),
}

/// Flags.
#[derive(Debug, Args)]
pub(super) struct OneDevice {
    /// The device's id, from `device list`
    id: DeviceId,
    #[command(flatten)]
    data: DataArgs,
}

/// How long `revoke` waits for ingest to have heard.
const HEARD_TIME: Duration = Duration::from_secs(5);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs one.
pub(super) async fn run(command: DeviceCommand, output: Output) -> Result<(), CliError> {
    match command {
        DeviceCommand::Invite(args) => invitations::invite(args, output).await,
        DeviceCommand::Uninvite(one) => invitations::withdraw(&one, output).await,
        DeviceCommand::Invitations(data) => invitations::list(&data, output).await,
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
        let (layout, config) = (data.layout(), data.config()?);
        let clinic = data.clinic(&Clock::system()).await?;
        let now = clinic.now();
        Ok(Self { layout, config, clinic, now })
    }

    async fn find(&self, id: DeviceId) -> Result<Device, CliError> {
        let found = devices::find(&self.clinic.catalog, id).await?;
        found.ok_or_else(|| CliError::new(Exit::NotFound, "there is no such device: see `safelight device list`"))
    }
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
    /// Once it has said anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    attestation: Option<&'static str>,
    /// Which hardware, or why it does not prove any.
    #[serde(skip_serializing_if = "str::is_empty")]
    attestation_detail: &'static str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_until: Option<String>,
    /// When it last came, went or sent a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    /// How often it began to enrol, each time with new words.
    attempts: u64,
    /// How often somebody else came with its QR code, and was refused.
    replays: u64,
    /// Whether too much was tried with its QR code.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    void: bool,
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
    let invitations = invited::list(&opened.clinic.catalog).await?;
    let mut listed = Vec::new();
    for device in devices::list(&opened.clinic.catalog).await? {
        let invitation = invitations.iter().find(|invitation| invitation.device == Some(device.id));
        let newest = devices::certificates(&opened.clinic.catalog, device.id).await?.into_iter().next();
        let attestation = device.known_attestation();
        listed.push(Listed {
            id: device.id.to_string(),
            name: device.name,
            person: device.person.to_string(),
            status: device.status.name(),
            words: (device.status == Status::Pending && !device.words.is_empty()).then_some(device.words),
            model: device.model,
            attestation: attestation.map(Attestation::name),
            attestation_detail: attestation.map_or("", Attestation::detail),
            created_at: time::rfc3339(device.created_at),
            approved_at: device.approved_at.map(time::rfc3339),
            revoked_at: device.revoked_at.map(time::rfc3339),
            certificate_until: newest.map(|certificate| time::rfc3339(certificate.not_after)),
            last_seen: device.seen_at.map(time::rfc3339),
            attempts: invitation.map_or(0, |invitation| invitation.attempts),
            replays: invitation.map_or(0, |invitation| invitation.replays),
            void: invitation.is_some_and(|invitation| invitation.standing(opened.now) == Standing::Void),
            missing: gaps
                .iter()
                .filter(|gap| gap.device == device.id)
                .map(|gap| Missing { first: gap.first, last: gap.last })
                .collect(),
        });
    }
    output.print(&listed, |listed| shown_list(listed, "devices", shown))
}

/// A list for a person: what `shown` writes of each, or how there comes to be one.
fn shown_list<T>(listed: &[T], what: &str, shown: impl Fn(&mut String, &T)) -> String {
    if listed.is_empty() {
        return format!(
            "No {what} yet. Make an invitation:\n  safelight device invite --name \"Room 3\" --person clinician1"
        );
    }
    let mut text = String::new();
    listed.iter().for_each(|one| shown(&mut text, one));
    text.trim_end().to_owned()
}

fn headline(text: &mut String, name: &str, person: &str, status: &str) {
    let _ = writeln!(text, "{:<66}{status:>12}", format!("{name}, {person}"));
}

fn replayed(text: &mut String, replays: u64) {
    if replays > 0 {
        let times = if replays == 1 { "once".to_owned() } else { format!("{replays} times") };
        let _ = writeln!(text, "  SOMEBODY ELSE CAME WITH ITS QR CODE, and was refused: {times}");
    }
}

fn shown(text: &mut String, device: &Listed) {
    headline(text, &device.name, &device.person, device.status);
    let key = match device.attestation {
        Some("attested") => "key attested",
        Some("claimed") => "key not proved",
        Some(_) => "key not attested",
        None => "key not known yet",
    };
    let model = if device.model.is_empty() { "-" } else { device.model.as_str() };
    let _ = writeln!(text, "  {}  {model}, {key}", device.id);
    if device.attestation == Some("claimed") {
        let _ = match Unproved::parse(device.attestation_detail) {
            Some(reason) => writeln!(text, "  attestation: {reason}"),
            None => writeln!(text, "  attestation: it was not judged when it came"),
        };
    }
    if let Some(words) = &device.words {
        let _ = writeln!(text, "  words:  {words}   (does the phone show the same?)");
        let _ = writeln!(text, "  if so:  safelight device approve {}", device.id);
    }
    if device.status == "pending" && device.attempts > 1 {
        let _ = writeln!(text, "  it began {} times: the words are those of the last time", device.attempts);
    }
    replayed(text, device.replays);
    if device.void {
        let _ = writeln!(text, "  its invitation was tried too often and is void: invite anew, unseen by others");
    }
    for missing in &device.missing {
        let _ = match missing.last.saturating_sub(missing.first) {
            0 => writeln!(text, "  a picture did not arrive: number {}", missing.first),
            _ => writeln!(text, "  pictures that did not arrive: number {} to {}", missing.first, missing.last),
        };
    }
    if let (Some(until), "active") = (&device.certificate_until, device.status) {
        let _ = writeln!(text, "  certificate until {until}, renewed by itself");
    }
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
        tx.rollback().await.map_err(ClinicError::from)?;
        // As it is now: it may have been decided since it was looked at.
        let why = match opened.find(one.id).await?.status {
            Status::Active => "the device is active already: there is nothing to approve",
            Status::Revoked => "the device is revoked: invite it anew if it should send",
            Status::Pending => "the device was not approved: look at `safelight device list` and try again",
        };
        return Err(CliError::new(Exit::Refused, why));
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
    let deadline = Instant::now() + HEARD_TIME;
    loop {
        // Each time anew: somebody else may change the list meanwhile. A number beyond it is of a catalog that was before this one.
        let wanted = devices::current_generation(&opened.clinic.catalog).await?;
        match health::ask(&opened.layout).await {
            Ok(status) if status.devices_generation == wanted => return Ok(true),
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
            attestation: Some("software"),
            attestation_detail: "",
            created_at: time::rfc3339(UnixMillis(0)),
            approved_at: None,
            revoked_at: None,
            certificate_until: Some(time::rfc3339(UnixMillis(0))),
            last_seen: None,
            attempts: 3,
            replays: 2,
            void: true,
            missing: vec![Missing { first: 3, last: 4 }, Missing { first: 8, last: 8 }],
        }
    }

    #[test]
    fn why_an_attestation_proves_nothing_fits_a_terminal() {
        for (attestation, detail, says) in Unproved::ALL
            .map(|reason| ("claimed", reason.code(), reason.to_string()))
            .into_iter()
            .chain([("claimed", "", "not judged".to_owned()), ("attested", "strongbox", "attested".to_owned())])
        {
            let device =
                Listed { attestation: Some(attestation), attestation_detail: detail, ..listed("active", None) };
            let text = shown_list(&[device], "devices", shown);
            assert!(text.contains(&says), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
    }

    #[test]
    fn a_list_fits_a_terminal_and_says_the_words_of_those_who_wait_alone() {
        let text =
            shown_list(&[listed("pending", Some("apple river stone lamp")), listed("active", None)], "devices", shown);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(text.matches("apple river stone lamp").count(), 1);
        assert!(text.contains("device approve 09090909"));
        assert!(text.contains("began 3 times") && text.contains("QR CODE, and was refused: 2 times"));
        assert!(text.contains("number 3 to 4\n") && text.contains("a picture did not arrive: number 8\n"));
        assert!(shown_list(&[], "devices", shown).contains("device invite"));
        let json = serde_json::to_value([listed("active", None)]).unwrap();
        assert!(json[0].get("words").is_none() && json[0]["status"] == "active");
    }
}
