//! `safelight doctor`: what is wrong or unwise here, and what to do about it.

mod folders;
mod looking;
mod machine;
mod owners;
mod processes;
mod reach;
mod secrets;
mod stores;

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::outcome::{CliError, Exit, Output};
use super::passphrase::{self, PassphraseArgs};
use super::{DataArgs, NOT_YET, health, time};
use crate::clinic::attestation_roots;
use crate::clock::Clock;
use crate::config::{Config, Layout};
use crate::console;

/// Flags.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warn,
    Fail,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    /// Stable, for programs.
    check: &'static str,
    level: Level,
    message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, message: message.into(), advice: None }
    }

    fn warn(check: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Warn, message: message.into(), advice: Some(advice.into()) }
    }

    fn fail(check: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, level: Level::Fail, message: message.into(), advice: Some(advice.into()) }
    }
}

/// Looks at everything; [`Exit::Failed`] if something fails.
pub(super) async fn run(args: DoctorArgs, output: Output) -> Result<(), CliError> {
    let config = args.data.config()?;
    let layout = args.data.layout();
    let findings = examine(&layout, &config, &args.passphrase).await;
    output.print(&findings, |findings| shown(findings))?;
    let failed = findings.iter().filter(|finding| finding.level == Level::Fail).count();
    if failed == 0 {
        Ok(())
    } else {
        Err(CliError::new(Exit::Failed, format!("{failed} of the findings must be dealt with")))
    }
}

async fn examine(layout: &Layout, config: &Config, passphrase: &PassphraseArgs) -> Vec<Finding> {
    let mut findings = folders::examine(layout, config, passphrase.passphrase_file.as_deref());
    findings.extend(owners::examine(layout));
    findings.push(secrets::examine(layout));
    findings.extend(processes::examine(layout));
    findings.extend(machine::examine(layout));
    let status = health::ask(layout).await.ok();
    findings.extend(machine::ports(config, status.as_ref()));
    if status.is_some() {
        findings.extend(reach::examine(config));
    }
    findings.push(running(status.as_ref()));
    findings.push(hosts(config));
    findings.extend(certificate(config));
    findings.extend(attestation(config));
    let secret = passphrase.passphrase_file.as_deref().map(passphrase::from_file);
    findings.extend(stores::examine(layout, config, status.is_some(), secret).await);
    findings.push(Finding::warn("patients", NOT_YET, "Try it with test pictures only."));
    findings
}

/// A certificate that has less than this left is said to end soon.
const ENDS_SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The console's, where the clinic brings one; the clinic CA's renews itself.
fn certificate(config: &Config) -> Option<Finding> {
    const CHECK: &str = "console-certificate";
    let now = Clock::system().now();
    match console::check_certificate(config, now) {
        Ok(None) => None,
        Ok(Some(until)) if until < now.plus(ENDS_SOON) => Some(Finding::warn(
            CHECK,
            format!("The console's own certificate ends at {}.", time::human(until)),
            "Put a new one into the same files: the console takes it up by itself.",
        )),
        Ok(Some(until)) => {
            Some(Finding::ok(CHECK, format!("The console's own certificate holds until {}.", time::human(until))))
        }
        Err(error) => Some(Finding::fail(
            CHECK,
            format!("The console's own certificate cannot be used: {error}."),
            "Correct console_certificate and console_key in config.toml, or take both lines out: the clinic's CA certifies the console then.",
        )),
    }
}

/// The roots that the clinic adds for its phones' attestations.
fn attestation(config: &Config) -> Option<Finding> {
    const CHECK: &str = "attestation-roots";
    config.attestation_roots.as_ref()?;
    Some(match attestation_roots::load(config) {
        Ok(_) => Finding::ok(
            CHECK,
            "Key attestation: the clinic's file of roots can be used; a clinic process that starts now trusts them beside Google's.",
        ),
        Err(error) => Finding::fail(
            CHECK,
            format!("{error}. Phones are judged by Google's roots alone."),
            "Correct attestation_roots in config.toml or the file, or take the line out; then restart the clinic process.",
        ),
    })
}

fn running(status: Option<&crate::link::IngestStatus>) -> Finding {
    match status {
        None => Finding::warn("running", "The gateway does not run.", "Start it: safelight serve."),
        Some(status) if !status.store_trusted => Finding::fail(
            "running",
            "A write to the disk failed, so nothing is accepted.",
            "Check the disk, then restart the gateway.",
        ),
        Some(status) if !health::is_linked(status) => Finding::fail(
            "running",
            "Phones are served, but the clinic process is not there.",
            "Look at its log, then start it: safelight serve, or safelight clinic.",
        ),
        Some(status) if !status.unlocked => Finding::warn(
            "running",
            "Phones are served; the vault is locked, so pictures wait.",
            "Restart with the passphrase: safelight serve --passphrase-file.",
        ),
        Some(_) => Finding::ok("running", "Phones are served, the clinic process is linked, the vault is unlocked."),
    }
}

fn hosts(config: &Config) -> Finding {
    let is_local = |host: &String| {
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    if config.hosts.iter().all(is_local) {
        return Finding::warn(
            "hosts",
            "Phones cannot reach this machine under the names that they are given.",
            "Set `hosts` in config.toml to a name or address in the clinic's network.",
        );
    }
    Finding::ok("hosts", format!("Phones are told to come to {}.", config.hosts.join(", ")))
}

fn shown(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let _ = writeln!(text, "{:<6}{}", finding.level.name(), wrapped(&finding.message, 6));
        if let Some(advice) = &finding.advice {
            let _ = writeln!(text, "      -> {}", wrapped(advice, 9));
        }
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let _ = write!(text, "\n{} ok, {} warnings, {} failures", count(Level::Ok), count(Level::Warn), count(Level::Fail));
    text
}

/// Breaks a message at spaces so that it fits into 80 columns to the right of column `indent`.
fn wrapped(message: &str, indent: usize) -> String {
    const COLUMNS: usize = 80;
    let mut text = String::new();
    let mut column = 0;
    for word in message.split(' ') {
        let length = word.chars().count();
        if column > 0 && indent + column + 1 + length > COLUMNS {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_fit_a_terminal_and_end_with_a_count() {
        let long = "word ".repeat(60);
        let findings = [
            Finding::ok("a", "Fine."),
            Finding::warn("b", long.trim(), long.trim()),
            Finding::fail("c", "Bad.", "Mend it."),
        ];
        let text = shown(&findings);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.ends_with("1 ok, 1 warnings, 1 failures"));
        assert!(text.contains("FAIL  Bad.\n      -> Mend it."));
        let json = serde_json::to_value(&findings).unwrap();
        assert_eq!((json[2]["level"].as_str(), json[0].get("advice")), (Some("fail"), None));
    }
}
