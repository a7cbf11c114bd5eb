//! `safelight health`: whether phones are served and the clinic process is there, as ingest itself says over the link.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout};

use super::outcome::{CliError, Exit, Output};
use super::{DataArgs, duration, may_not, time};
use crate::config::Layout;
use crate::link::{self, Answer, Ask, IngestStatus, LinkError};

/// Flags.
#[derive(Debug, Args)]
pub(super) struct HealthArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Ask again for this long until the gateway serves
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "0s")]
    wait: Duration,
}

/// An answer that takes longer is none.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// The clinic process polls several times a second. One that has not for this long is not there.
const LINKED_WITHIN_MS: u64 = 3_000;

#[derive(Debug, Serialize)]
struct Health {
    serving: bool,
    clinic_linked: bool,
    unlocked: bool,
    store_trusted: bool,
    port: u16,
    enrol_port: u16,
    enrol_open: bool,
    connections: u64,
    inbox: u64,
    intake_log_size: u64,
    certificate_until: String,
}

impl From<&IngestStatus> for Health {
    fn from(status: &IngestStatus) -> Self {
        let clinic_linked = is_linked(status);
        Self {
            serving: true,
            clinic_linked,
            unlocked: clinic_linked && status.unlocked,
            store_trusted: status.store_trusted,
            port: status.port,
            enrol_port: status.enrol_port,
            enrol_open: status.enrol_open,
            connections: status.connections,
            inbox: status.inbox,
            intake_log_size: status.log_size,
            certificate_until: time::rfc3339(status.certificate_until),
        }
    }
}

/// Asks, and prints the answer.
pub(super) async fn run(args: HealthArgs, output: Output) -> Result<(), CliError> {
    args.data.config()?;
    let layout = args.data.layout();
    let deadline = Instant::now() + args.wait;
    loop {
        let asked = ask(&layout).await;
        let is_well = asked.as_ref().is_ok_and(|status| is_linked(status) && status.store_trusted);
        if !is_well && Instant::now() < deadline {
            sleep(ASK_EVERY).await;
            continue;
        }
        let status = asked.map_err(|error| match &error {
            LinkError::Io(io) if io.kind() == std::io::ErrorKind::PermissionDenied => {
                CliError::new(Exit::Unreachable, may_not(&layout.ingest()))
            }
            _ => CliError::new(Exit::Unreachable, error),
        })?;
        output.print(&Health::from(&status), human)?;
        return if is_well { Ok(()) } else { Err(CliError::new(Exit::Unreachable, complaint(&status))) };
    }
}

/// Asks ingest how it is.
///
/// # Errors
/// Any [`LinkError`]; [`LinkError::Closed`] if it takes too long.
pub(super) async fn ask(layout: &Layout) -> Result<IngestStatus, LinkError> {
    let conversation = async {
        match link::connect(&layout.ingest()).await?.ask(&Ask::Status).await? {
            Answer::Status(status) => Ok(status),
            _ => Err(LinkError::Unexpected),
        }
    };
    timeout(ANSWER_TIME, conversation).await.unwrap_or(Err(LinkError::Closed))
}

/// Whether the clinic process polls.
pub(super) fn is_linked(status: &IngestStatus) -> bool {
    status.clinic_seen_ms.is_some_and(|ago| ago <= LINKED_WITHIN_MS)
}

fn complaint(status: &IngestStatus) -> &'static str {
    if status.store_trusted {
        "phones are served, but the clinic process is not there: start `safelight serve` or `safelight clinic`"
    } else {
        "ingest does not trust its store since a write to the disk failed: check the disk, then restart the gateway"
    }
}

fn human(health: &Health) -> String {
    let vault = match (health.clinic_linked, health.unlocked) {
        (false, _) => "the clinic process is not there",
        (true, false) => "linked; the vault is locked, pictures wait",
        (true, true) => "linked; the vault is unlocked",
    };
    let enrol = if health.enrol_open { "open for an invitation" } else { "closed; opens with an invitation" };
    let rows = [
        ("phones", format!("served on UDP port {}", health.port)),
        ("enrolment", format!("UDP port {}, {enrol}", health.enrol_port)),
        ("clinic", vault.to_owned()),
        ("connections", health.connections.to_string()),
        ("waiting for the clinic", health.inbox.to_string()),
        ("intake log", format!("{} entries", health.intake_log_size)),
        ("TLS certificate", format!("until {}", health.certificate_until)),
    ];
    let lines = rows.iter().map(|(name, value)| format!("{name:<24}{value}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use safelight_core::ids::UnixMillis;

    fn status(clinic_seen_ms: Option<u64>) -> IngestStatus {
        IngestStatus {
            port: 4433,
            enrol_port: 4434,
            enrol_open: false,
            connections: 2,
            inbox: 0,
            log_size: 7,
            clinic_seen_ms,
            unlocked: true,
            store_trusted: true,
            devices_generation: 1,
            certificate_until: UnixMillis(1_760_000_000_000),
        }
    }

    #[test]
    fn a_clinic_process_that_went_away_is_neither_linked_nor_unlocked() {
        for (seen, linked) in [(None, false), (Some(0), true), (Some(10 * 60_000), false)] {
            let health = Health::from(&status(seen));
            assert_eq!((health.clinic_linked, health.unlocked), (linked, linked), "{seen:?}");
        }
    }

    #[test]
    fn both_forms_say_the_ports_and_fit_a_terminal() {
        let health = Health::from(&status(Some(5)));
        let json = serde_json::to_value(&health).unwrap();
        assert_eq!((json["port"].as_u64(), json["enrol_port"].as_u64()), (Some(4433), Some(4434)));
        let text = human(&health);
        assert!(text.contains("4433") && text.lines().all(|line| line.len() <= 80));
    }

    #[tokio::test]
    async fn nobody_there_is_said_with_its_code() {
        let folder = tempfile::tempdir().unwrap();
        assert!(ask(&Layout::new(folder.path())).await.is_err());
    }
}
