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

#[derive(Debug, Deserialize)]
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
    findings: Option<Vec<Finding>>,
    /// Of these, how many are to be looked at.
    look: usize,
}

pub(super) async fn page(State(console): State<Console>, who: LoggedIn) -> Page {
    let grant = permit::ask(&console, &who, SeeSystem).await?;
    let mut findings = examined(&console, &grant).await;
    if let Some(findings) = &mut findings {
        // What must be dealt with stands first.
        findings.sort_by_key(|finding| match finding.level.as_str() {
            "fail" => 0,
            "warn" => 1,
            _ => 2,
        });
    }
    let look = findings.iter().flatten().filter(|finding| finding.level != "ok").count();
    let frame = Frame::new(&console, &who, "/system").await?;
    html(&System { frame, version: env!("CARGO_PKG_VERSION"), findings, look })
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
