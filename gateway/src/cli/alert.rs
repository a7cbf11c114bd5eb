//! `safelight alert`: whether alerts reach those whom they are for.

use clap::Subcommand;
use serde::Serialize;

use super::DataArgs;
use super::outcome::{CliError, Exit, Output};
use crate::alert::deliver::{self, Message, Way};
use crate::clock::Clock;

/// What can be done here.
#[derive(Debug, Subcommand)]
pub(super) enum AlertCommand {
    /// Send a test alert in every way that is configured, and say what came of it
    Test(DataArgs),
}

#[derive(Debug, Serialize)]
struct Tried {
    way: &'static str,
    sent: bool,
    /// A stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Runs it.
///
/// # Errors
/// [`Exit::Usage`] if nothing is configured, [`Exit::Failed`] if a way did not work.
pub(super) async fn run(command: AlertCommand, output: Output) -> Result<(), CliError> {
    let AlertCommand::Test(data) = command;
    let config = data.config()?;
    let now = Clock::system().now();
    let mut tried = Vec::new();
    for way in Way::configured(&config.alert) {
        let sent = deliver::send(&config, way, &Message::test(&config, now), now).await;
        tried.push(Tried {
            way: way.name(),
            sent: sent.is_ok(),
            problem: sent.as_ref().err().map(deliver::DeliverError::code),
            message: sent.err().map(|error| error.to_string()),
        });
    }
    if tried.is_empty() {
        return Err(CliError::new(
            Exit::Usage,
            "alerts are sent nowhere: set [alert.webhook] or [alert.mail] in config.toml",
        ));
    }
    output.print(&tried, |tried| tried.iter().map(shown).collect::<Vec<_>>().join("\n"))?;
    if tried.iter().all(|one| one.sent) {
        Ok(())
    } else {
        Err(CliError::new(Exit::Failed, "not every way worked: nobody is told by those that did not"))
    }
}

fn shown(one: &Tried) -> String {
    match &one.message {
        None => format!("{}: sent", one.way),
        Some(message) => format!("{}: not sent: {message}", one.way),
    }
}
