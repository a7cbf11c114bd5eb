//! Logs go to standard error: text on a terminal, JSON lines elsewhere. `SAFELIGHT_LOG` is the level, or directives as
//! `tracing-subscriber` reads them.
//!
//! Other crates are silent unless a directive names them: what they write is not ours to vouch for, and may quote a person.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::outcome::{CliError, Exit};

/// Read for the level.
const VARIABLE: &str = "SAFELIGHT_LOG";

/// Starts logging at `usual` unless the environment says otherwise. Called once; a second call changes nothing.
///
/// # Errors
/// [`Exit::Usage`] if `SAFELIGHT_LOG` cannot be read.
pub(super) fn start(usual: LevelFilter) -> Result<(), CliError> {
    let wanted = std::env::var(VARIABLE).unwrap_or_default();
    let filter = EnvFilter::try_new(directives(&wanted, usual)).map_err(|_| {
        CliError::new(Exit::Usage, format!("{VARIABLE}: off, error, warn, info, debug or trace is expected"))
    })?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        logs.with_target(false).try_init()
    } else {
        logs.json().flatten_event(true).with_current_span(false).try_init()
    };
    // Somebody who embeds the command has a logger of their own.
    drop(started);
    Ok(())
}

fn directives(wanted: &str, usual: LevelFilter) -> String {
    let ours = |level: LevelFilter| format!("off,safelight_gateway={level},safelight_core={level}");
    match wanted.trim() {
        "" => ours(usual),
        level => level.parse::<LevelFilter>().map_or_else(|_| level.to_owned(), ours),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_ours_alone_and_directives_are_taken_as_they_are() {
        assert_eq!(directives("", LevelFilter::WARN), "off,safelight_gateway=warn,safelight_core=warn");
        assert_eq!(directives(" Debug ", LevelFilter::WARN), "off,safelight_gateway=debug,safelight_core=debug");
        assert_eq!(directives("quinn=trace", LevelFilter::WARN), "quinn=trace");
        for text in [directives("trace", LevelFilter::INFO), directives("quinn=trace,warn", LevelFilter::INFO)] {
            assert!(EnvFilter::try_new(text).is_ok());
        }
    }
}
