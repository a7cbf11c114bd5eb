//! The state of the gateway, as `safelight doctor` finds it: nothing of patients, and nothing that the page could change.
//!
//! The same program looks, as a child: what it finds is what the terminal shows, and this process keeps its own eyes off the machine.

use std::process::Stdio;
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Frame, Page, html};
use crate::console::permit::{self, Grant, SeeSystem};
use crate::console::session::LoggedIn;
use crate::console::{Console, text};

/// Longest that it may look.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most that it may say, in bytes.
const MAX_LEN: usize = 256 * 1024;

/// As the program says that a thing is good, and that it must be dealt with.
const GOOD: &str = "ok";
const FAILS: &str = "fail";

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Finding {
    check: String,
    level: String,
    message: String,
    advice: Option<String>,
}

#[derive(Template)]
#[template(path = "system.html")]
struct System {
    frame: Frame,
    version: &'static str,
    found: Option<Found>,
}

/// What was found, in the order in which somebody reads it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// How it stands, in one line.
    summary: String,
    /// What is to be looked at, the worst first.
    look: Vec<Finding>,
    /// What is good, by what it is about.
    good: Vec<(&'static str, Vec<Finding>)>,
}

impl Found {
    fn of(findings: Vec<Finding>) -> Self {
        let all = findings.len();
        let (good, mut look): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| finding.level == GOOD);
        look.sort_by_key(|finding| finding.level != FAILS);
        let summary = match look.len() {
            0 => format!("{} {all} {}", text::SYSTEM_ALL, text::SYSTEM_PASSED),
            1 => format!("1 {} {all} {}", text::SYSTEM_OF, text::SYSTEM_NEEDS),
            some => format!("{some} {} {all} {}", text::SYSTEM_OF, text::SYSTEM_NEED),
        };
        let mut groups: Vec<(&'static str, Vec<Finding>)> =
            text::SYSTEM_GROUPS.iter().map(|(name, _)| (*name, Vec::new())).collect();
        let mut others = Vec::new();
        for finding in good {
            let is_of = |(_, checks): &(&str, &[&str])| checks.contains(&finding.check.as_str());
            let group = text::SYSTEM_GROUPS.iter().position(is_of).and_then(|at| groups.get_mut(at));
            group.map_or(&mut others, |(_, group)| group).push(finding);
        }
        groups.push((text::SYSTEM_OTHERS, others));
        groups.retain(|(_, findings)| !findings.is_empty());
        Self { summary, look, good: groups }
    }
}

pub(super) async fn page(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, SeeSystem).await?;
    let found = examined(&console, &grant).await.map(Found::of);
    let frame = Frame::new(&console, &who, "/system").await?;
    html(&System { frame, version: env!("CARGO_PKG_VERSION"), found })
}

/// What was found; `None` if the program could not be asked, or not in time. One at a time.
async fn examined(console: &Console, _: &Grant<SeeSystem>) -> Option<Vec<Finding>> {
    let _one = console.inner.examining.lock().await;
    let program = std::env::current_exe().ok()?;
    let mut command = Command::new(program);
    command.arg("doctor").arg("--json").arg("--data").arg(&console.inner.data);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    if output.stdout.len() > MAX_LEN {
        return None;
    }
    // It fails where a finding does, and says what it found all the same.
    serde_json::from_slice(&output.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(check: &str, level: &str) -> Finding {
        Finding { check: check.to_owned(), level: level.to_owned(), message: String::new(), advice: None }
    }

    #[test]
    fn what_needs_somebody_stands_first_and_nothing_is_left_out() {
        let all = [
            ("vault", "ok"),
            ("patients", "warn"),
            ("disk", "ok"),
            ("clock", "fail"),
            ("new-one", "ok"),
            ("rewrap", "ok"),
        ];
        let found = Found::of(all.map(|(check, level)| finding(check, level)).into());
        assert_eq!(found.summary, "2 of 6 checks need you.");
        let checks = |findings: &[Finding]| findings.iter().map(|one| one.check.clone()).collect::<Vec<_>>();
        assert_eq!(checks(&found.look), ["clock", "patients"]);
        let good: Vec<_> = found.good.iter().map(|(name, findings)| (*name, checks(findings))).collect();
        let group = |name, checks: &[&str]| (name, checks.iter().map(|&check| check.to_owned()).collect::<Vec<_>>());
        assert_eq!(
            good,
            [
                group("Keys and certificates", &["vault", "rewrap"]),
                group("The machine", &["disk"]),
                group(text::SYSTEM_OTHERS, &["new-one"])
            ]
        );
        assert_eq!(Found::of(vec![finding("vault", "ok")]).summary, "All 1 checks passed.");
        assert_eq!(Found::of(vec![finding("vault", "warn")]).summary, "1 of 1 checks needs you.");
    }

    #[test]
    fn what_doctor_looks_at_has_a_group() {
        let source = [
            include_str!("../../cli/doctor.rs"),
            include_str!("../../cli/doctor/folders.rs"),
            include_str!("../../cli/doctor/machine.rs"),
            include_str!("../../cli/doctor/owners.rs"),
            include_str!("../../cli/doctor/processes.rs"),
            include_str!("../../cli/doctor/reach.rs"),
            include_str!("../../cli/doctor/secrets.rs"),
            include_str!("../../cli/doctor/stores.rs"),
        ];
        let mut known = 0;
        for part in source.iter().filter_map(|source| source.split("#[cfg(test)]").next()) {
            let said = ["Finding::ok(", "broken(", "database(", "free(", "        (", "const CHECK: &str = "]
                .into_iter()
                .flat_map(|before| part.match_indices(before).filter_map(move |(at, _)| part.get(at + before.len()..)));
            let names =
                said.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"')).map(|(name, _)| name);
            for name in names {
                assert_eq!(
                    text::SYSTEM_GROUPS.iter().filter(|(_, checks)| checks.contains(&name)).count(),
                    1,
                    "{name}"
                );
                known += 1;
            }
        }
        assert!(known > 20, "the scan found {known}");
    }
}
