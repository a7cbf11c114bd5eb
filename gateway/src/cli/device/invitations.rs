//! Inviting a device: an invitation is made, shown as a QR code, and listed.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use safelight_core::ids::{InvitationId, UnixMillis};
use safelight_core::manifest::OperatorId;
use serde::Serialize;

use super::{Opened, headline, ingest_has_heard, record, replayed, shown_list};
use crate::cli::new_file::NewFile;
use crate::cli::outcome::{CliError, Exit, Output};
use crate::cli::{DataArgs, duration, time};
use crate::clinic::access::{Actor, Event};
use crate::clinic::invitations::Standing;
use crate::clinic::inviting::{MAX_NAME_LEN, Prepared, is_device_name};
use crate::clinic::{ClinicError, invitations};
use crate::enrol::qr;

/// Flags.
#[derive(Debug, Args)]
pub(in crate::cli) struct InviteArgs {
    #[command(flatten)]
    data: DataArgs,
    /// What the device will be called, such as "Room 3"
    #[arg(long, value_name = "NAME", value_parser = device_name)]
    name: String,
    /// Whom the device will belong to, such as clinician1
    #[arg(long, value_name = "PERSON", value_parser = person)]
    person: OperatorId,
    /// Write the QR code to this new PNG file
    #[arg(long, value_name = "FILE")]
    qr_png: Option<PathBuf>,
    /// Overwrite the file if it is there
    #[arg(long, requires = "qr_png")]
    force: bool,
    /// How long the invitation stays open
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "15m")]
    ttl: Duration,
}

/// Longest time that an invitation may stay open.
const MAX_TTL: Duration = Duration::from_secs(7 * 24 * 60 * 60);

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

pub(super) async fn invite(args: InviteArgs, output: Output) -> Result<(), CliError> {
    if args.ttl.is_zero() || args.ttl > MAX_TTL {
        return Err(CliError::new(
            Exit::Usage,
            format!("--ttl: more than 0s and at most {} is expected", duration::show(MAX_TTL)),
        ));
    }
    let out = args.qr_png.as_deref().map(|path| NewFile::at(path, "--qr-png", args.force, Some(&args.data.data)));
    let out = out.transpose()?;
    let opened = Opened::open(&args.data).await?;
    let clinic = &opened.clinic;
    let addresses = opened.config.enrol_addresses();
    let prepared = Prepared::new(clinic, addresses, &args.name, &args.person, args.ttl)?;
    // Before the invitation exists: a code that could not be written must not leave an open one behind.
    if let Some(out) = &out {
        out.write([qr::png_bytes(&prepared.text).map_err(CliError::with(Exit::Failed))?.as_slice()])?;
    }
    prepared.open(clinic, &Actor::shell()).await?;
    let expires_at = prepared.expires_at();

    let drawn = qr::terminal(&prepared.text).map_err(CliError::with(Exit::Failed))?;
    let invited = Invited {
        id: prepared.id().to_string(),
        name: args.name,
        person: args.person.to_string(),
        qr: prepared.text.to_string(),
        qr_png: args.qr_png,
        addresses: prepared.addresses,
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

/// Flags.
#[derive(Debug, Args)]
pub(in crate::cli) struct OneInvitation {
    /// The invitation's id, from `device invitations`
    id: InvitationId,
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, Serialize)]
struct Withdrawn {
    id: String,
    name: String,
    status: &'static str,
    /// Whether ingest has stopped listening for it.
    in_force: bool,
}

/// Makes an invitation void that was shown to the wrong person, or is not needed any more.
pub(super) async fn withdraw(one: &OneInvitation, output: Output) -> Result<(), CliError> {
    let opened = Opened::open(&one.data).await?;
    let find = async || -> Result<invitations::Invitation, CliError> {
        let found = invitations::list(&opened.clinic.catalog).await?.into_iter().find(|found| found.id == one.id);
        found.ok_or_else(|| {
            CliError::new(Exit::NotFound, "there is no such invitation: see `safelight device invitations`")
        })
    };
    let invitation = find().await?;
    let mut tx = opened.clinic.catalog.write().await.map_err(ClinicError::from)?;
    if !invitations::withdraw(&mut tx, one.id, opened.now).await? {
        tx.rollback().await.map_err(ClinicError::from)?;
        let why = match find().await?.standing(opened.now) {
            Standing::Used => "a phone has used the invitation: revoke its device, see `safelight device list`",
            Standing::Expired => "the invitation has expired: nobody can use it",
            Standing::Void => "the invitation is void already: nobody can use it",
            Standing::Open => "the invitation was not withdrawn: look at `safelight device invitations` and try again",
        };
        return Err(CliError::new(Exit::Refused, why));
    }
    record(&opened.clinic, &mut tx, opened.now, Event::InvitationWithdrawn(one.id)).await?;
    tx.commit().await.map_err(ClinicError::from)?;
    let in_force = ingest_has_heard(&opened).await?;
    let withdrawn =
        Withdrawn { id: one.id.to_string(), name: invitation.device_name, status: Standing::Void.name(), in_force };
    output.print(&withdrawn, |withdrawn| {
        format!("The invitation of \"{}\" is withdrawn: its QR code opens nothing.", withdrawn.name)
    })
}

#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    name: String,
    person: String,
    status: &'static str,
    created_at: String,
    expires_at: String,
    /// The device that used it.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    attempts: u64,
    replays: u64,
}

pub(super) async fn list(data: &DataArgs, output: Output) -> Result<(), CliError> {
    let opened = Opened::open(data).await?;
    let invitations = invitations::list(&opened.clinic.catalog).await?;
    let listed: Vec<Listed> = invitations
        .into_iter()
        .map(|invitation| Listed {
            id: invitation.id.to_string(),
            status: invitation.standing(opened.now).name(),
            name: invitation.device_name,
            person: invitation.person.to_string(),
            created_at: time::rfc3339(invitation.created_at),
            expires_at: time::rfc3339(invitation.expires_at),
            device: invitation.device.map(|device| device.to_string()),
            attempts: invitation.attempts,
            replays: invitation.replays,
        })
        .collect();
    output.print(&listed, |listed| shown_list(listed, "invitations", shown))
}

fn shown(text: &mut String, invitation: &Listed) {
    headline(text, &invitation.name, &invitation.person, invitation.status);
    let _ = writeln!(text, "  {}  until {}", invitation.id, invitation.expires_at);
    if let Some(device) = &invitation.device {
        let _ = writeln!(text, "  used by device {device}");
    }
    replayed(text, invitation.replays);
}

fn device_name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if !is_device_name(text) {
        return Err(format!("1 to {MAX_NAME_LEN} bytes are expected, all of them characters that show"));
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

    #[test]
    fn names_and_persons_are_bounded() {
        assert_eq!(device_name(" Room 3 ").unwrap(), "Room 3");
        for bad in ["", "  ", "a\nb", "a\u{1b}[2J", "a\u{202e}b", "a\u{200b}b", &"x".repeat(65)] {
            assert!(device_name(bad).is_err(), "{bad:?}");
        }
        assert!(person("clinician1").is_ok());
        assert!(person("two words").is_err());
    }

    #[test]
    fn a_list_fits_a_terminal_and_shows_who_else_came() {
        let listed = Listed {
            id: InvitationId::from_bytes([9; 16]).to_string(),
            name: "Room 3".to_owned(),
            person: "clinician1".to_owned(),
            status: "open",
            created_at: time::rfc3339(UnixMillis(0)),
            expires_at: time::rfc3339(UnixMillis(0)),
            device: Some(InvitationId::from_bytes([8; 16]).to_string()),
            attempts: 1,
            replays: 3,
        };
        let text = shown_list(&[listed], "invitations", shown);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("open") && text.contains("3 times") && text.contains("used by device 0808"));
        assert!(shown_list(&[], "invitations", shown).contains("device invite"));
    }
}
