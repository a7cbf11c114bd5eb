//! `safelight ca`: from one certificate authority to the next.

use clap::Subcommand;
use serde::Serialize;

use super::outcome::{CliError, Exit, Output};
use super::{DataArgs, shut_out, time};
use crate::clinic;
use crate::clinic::access::Actor;
use crate::clinic::rollover::{self, RolloverError, Step};
use crate::clock::Clock;

/// Commands.
#[derive(Debug, Subcommand)]
pub(super) enum CaCommand {
    /// Say how far a rollover is
    Show(DataArgs),
    /// Take the next step of a rollover; the clinic process must not run
    Rollover(DataArgs),
}

#[derive(Debug, Serialize)]
struct Shown {
    step: &'static str,
    /// When the next step may be taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_step_from: Option<String>,
    ca_until: String,
}

/// Runs one.
pub(super) async fn run(command: CaCommand, output: Output) -> Result<(), CliError> {
    let (CaCommand::Show(data) | CaCommand::Rollover(data)) = &command;
    let (layout, config, clock) = (data.layout(), data.config()?, Clock::system());
    if matches!(command, CaCommand::Rollover(_)) {
        let locked = clinic::lock(&layout.clinic());
        let _lock = locked.map_err(|error| shut_out(&layout.clinic()).unwrap_or_else(|| error.into()))?;
        let clinic = data.clinic(&clock).await?;
        rollover::advance(&clinic, &config, &Actor::shell()).await.map_err(|error| match error {
            RolloverError::TooEarly(from) => CliError::new(
                Exit::Refused,
                format!(
                    "phones that are away have not learned the new CA yet: come again from {} on",
                    time::human(from)
                ),
            ),
            RolloverError::Clinic(error) => error.into(),
        })?;
    }
    let clinic = data.clinic(&clock).await?;
    let (step, from) = match rollover::step(&clinic).await? {
        Step::One => ("one", None),
        Step::Begun(from) => ("begun", Some(from)),
        Step::Switched(from) => ("switched", Some(from)),
    };
    let shown = Shown {
        step,
        next_step_from: from.map(time::rfc3339),
        ca_until: time::rfc3339(clinic.ca.validity().not_after),
    };
    output.print(&shown, human)
}

fn human(shown: &Shown) -> String {
    let step = match shown.step {
        "begun" => "A new CA was made; phones learn it. It issues nothing yet.",
        "switched" => "The new CA has taken over. The old one is still trusted.",
        _ => "There is one CA.",
    };
    let next = shown.next_step_from.as_ref().map_or(String::new(), |from| {
        format!(
            "\nNext step from {from} on: safelight ca rollover\nStart both processes again: phones must learn of it."
        )
    });
    format!("{step} The one that issues is valid until {}.{next}", shown.ca_until)
}
