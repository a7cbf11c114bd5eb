//! `safelight console`: what the console needs of the machine's own shell.

use clap::Subcommand;
use safelight_core::ids::UnixMillis;
use serde::Serialize;

use super::outcome::{CliError, Exit, Output};
use super::{DataArgs, time};
use crate::clinic::Clinic;
use crate::clinic::joining::{self, FIRST_LIFETIME};
use crate::clock::Clock;
use crate::config::Config;
use crate::keyfile;

/// What can be done here.
#[derive(Debug, Subcommand)]
pub(super) enum ConsoleCommand {
    /// Make the code with which the first admin begins, once and within 15 minutes
    Code(DataArgs),
}

/// The code, and where it is entered.
#[derive(Debug, Serialize)]
pub(super) struct FirstCode {
    address: String,
    code: String,
    expires_at: String,
    /// SHA-256 of the CA that certifies the console, as `/trust` and browsers show it.
    ca_sha256: String,
}

/// Runs it.
///
/// # Errors
/// [`Exit::Usage`] if no console is configured, [`Exit::Refused`] once there is an admin.
pub(super) async fn run(command: ConsoleCommand, output: Output) -> Result<(), CliError> {
    let ConsoleCommand::Code(data) = command;
    let config = data.config()?;
    let clinic = data.clinic(&Clock::system()).await?;
    let Some(code) = first_code(&clinic, &config, clinic.now()).await? else {
        return Err(CliError::new(
            Exit::Refused,
            "there is an admin already: codes for others are made in the console",
        ));
    };
    output.print(&code, FirstCode::shown)
}

/// A code for the first admin, if there is none.
pub(super) async fn first_code(
    clinic: &Clinic,
    config: &Config,
    now: UnixMillis,
) -> Result<Option<FirstCode>, CliError> {
    let Some(address) = config.console_address() else {
        return Err(CliError::new(Exit::Usage, "no console is configured: set `console_listen` in config.toml"));
    };
    let code = joining::for_first_admin(clinic, now).await?;
    Ok(code.map(|code| FirstCode {
        address: format!("{address}/join"),
        code: code.text().to_string(),
        expires_at: time::rfc3339(now.plus(FIRST_LIFETIME)),
        ca_sha256: keyfile::fingerprint(clinic.ca.certificate()),
    }))
}

impl FirstCode {
    /// For a person at a terminal.
    pub(super) fn shown(&self) -> String {
        format!(
            "Nobody runs the console yet. Within 15 minutes, open\n  {}\nand enter\n  {}\nBrowsers warn until they know the clinic's CA; the page leads to how. Its SHA-256 is\n  {}",
            self.address, self.code, self.ca_sha256
        )
    }
}
