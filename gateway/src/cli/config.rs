//! `safelight config`: what the gateway is told, from file and environment together.

use clap::Subcommand;

use super::DataArgs;
use super::outcome::{CliError, Exit, Output};
use crate::clinic::attestation_roots;
use crate::clock::Clock;
use crate::console;

/// Commands.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check config.toml and the environment, and print what holds
    Check(DataArgs),
}

/// Checks.
pub(super) fn run(command: ConfigCommand, output: Output) -> Result<(), CliError> {
    let ConfigCommand::Check(data) = command;
    let config = data.config()?;
    console::check_certificate(&config, Clock::system().now()).map_err(CliError::with(Exit::Usage))?;
    attestation_roots::load(&config).map_err(CliError::with(Exit::Usage))?;
    let text = toml::to_string_pretty(&config).map_err(CliError::with(Exit::Failed))?;
    output.print(&config, |_| text.trim_end().to_owned())
}
