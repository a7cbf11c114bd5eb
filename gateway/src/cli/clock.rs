//! `safelight clock`: whether the clock can be right, and a person's word that it is.

use clap::Subcommand;
use serde::Serialize;

use super::outcome::{CliError, Output};
use super::{DataArgs, time};
use crate::clinic::access::Actor;
use crate::clinic::timekeeping;
use crate::clock::Clock;
use crate::clock::guard::{Judgement, Reading};

/// Commands.
#[derive(Debug, Subcommand)]
pub(super) enum ClockCommand {
    /// Say what the clock says, and what it must be at least
    Show(DataArgs),
    /// Say that the clock is right although it is far from the last time that was seen
    Accept(DataArgs),
}

#[derive(Debug, Serialize)]
struct Shown {
    judgement: &'static str,
    /// What the clock says.
    clock: String,
    /// The latest time that was believed.
    mark: String,
}

impl From<Reading> for Shown {
    fn from(reading: Reading) -> Self {
        Self {
            judgement: reading.judgement.name(),
            clock: time::rfc3339(reading.wall),
            mark: time::rfc3339(reading.mark),
        }
    }
}

/// Runs one.
pub(super) async fn run(command: ClockCommand, output: Output) -> Result<(), CliError> {
    let (ClockCommand::Show(data) | ClockCommand::Accept(data)) = &command;
    let clinic = data.clinic(&Clock::system()).await?;
    if matches!(command, ClockCommand::Show(_)) {
        return output.print(&Shown::from(clinic.guard.look()), human);
    }
    let before = timekeeping::accept(&clinic, &Actor::shell()).await?;
    let accepted = Shown { judgement: Judgement::Right.name(), ..before.into() };
    output.print(&accepted, |accepted| {
        format!("It is {}. Before, {} was the latest time seen. This is on record.", accepted.clock, accepted.mark)
    })
}

fn human(shown: &Shown) -> String {
    let verdict = match shown.judgement {
        "behind" => "That is earlier than a time that has been: nobody is enrolled, no certificate is issued.",
        "ahead" => {
            "That is so much later that a person must say whether it is right: until then no certificate is issued."
        }
        "leapt" => "It leapt forward; nothing is removed because of its age before that has stood for an hour.",
        _ => "That can be right.",
    };
    let advice = match shown.judgement {
        "behind" | "ahead" => "\nSet the clock. If it is right: safelight clock accept",
        _ => "",
    };
    format!("The clock says    {}\nLatest time seen  {}\n{verdict}{advice}", shown.clock, shown.mark)
}
