//! The commands of this program as a user would give them, each in a process of its own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Output as Finished, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::DemoError;

/// The gateway has this long to end in order.
const STOP_TIME: Duration = Duration::from_secs(15);

/// This program.
#[derive(Debug, Clone)]
pub(super) struct Program(PathBuf);

impl Program {
    pub(super) fn this() -> Result<Self, DemoError> {
        Ok(Self(std::env::current_exe().map_err(DemoError::Program)?))
    }

    /// Without the variables that would point a command at another gateway than the demo's.
    fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(&self.0);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SAFELIGHT_") {
                command.env_remove(name);
            }
        }
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end; one that fails is an error with what it said.
    pub(super) async fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Vec<u8>, DemoError> {
        let finished = self.try_run(arguments).await?;
        if finished.status.success() { Ok(finished.stdout) } else { Err(failed(arguments, &finished)) }
    }

    /// The same for a command that may fail.
    pub(super) async fn try_run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Finished, DemoError> {
        self.command(arguments).output().await.map_err(DemoError::Program)
    }

    /// Runs a command with `--json` and reads what it prints.
    pub(super) async fn json<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Value, DemoError> {
        let mut with_json: Vec<OsString> = arguments.iter().map(|argument| argument.as_ref().to_owned()).collect();
        with_json.push("--json".into());
        let printed = self.run(&with_json).await?;
        serde_json::from_slice(&printed).map_err(|_| DemoError::Answer(name(arguments)))
    }

    /// Starts the gateway; what it says goes to the file `log`.
    pub(super) fn start_gateway<S: AsRef<OsStr>>(&self, arguments: &[S], log: &Path) -> Result<Gateway, DemoError> {
        let file = std::fs::File::create(log).map_err(DemoError::Program)?;
        let again = file.try_clone().map_err(DemoError::Program)?;
        let child = self.command(arguments).stdout(file).stderr(again).spawn().map_err(DemoError::Program)?;
        Ok(Gateway(child))
    }

    /// Starts a command whose lines are read one by one.
    pub(super) fn start_talking<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Talking, DemoError> {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(DemoError::Program)?;
        let stdout = child.stdout.take().ok_or_else(|| DemoError::Answer(name(arguments)))?;
        Ok(Talking { child, lines: BufReader::new(stdout), name: name(arguments) })
    }
}

/// A running `safelight serve`. Dropped, it is killed, and its two processes end with it; [`Gateway::stop`] is the orderly way.
#[derive(Debug)]
pub(super) struct Gateway(Child);

impl Gateway {
    /// Whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Asks it to end, and waits until it has. Says whether it ended in order.
    pub(super) async fn stop(mut self) -> bool {
        let pid = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        match timeout(STOP_TIME, self.0.wait()).await {
            Ok(ended) => ended.is_ok_and(|status| status.success()),
            Err(_) => {
                let _ = self.0.kill().await;
                false
            }
        }
    }
}

/// A command that says something before it ends.
#[derive(Debug)]
pub(super) struct Talking {
    child: Child,
    lines: BufReader<ChildStdout>,
    name: String,
}

impl Talking {
    /// Its next line that is not empty, without spaces around it.
    pub(super) async fn line(&mut self) -> Result<String, DemoError> {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).await.map_err(DemoError::Program)?;
            if read == 0 {
                return Err(DemoError::Answer(self.name.clone()));
            }
            if !line.trim().is_empty() {
                return Ok(line.trim().to_owned());
            }
        }
    }

    /// Waits for its end.
    pub(super) async fn finish(mut self) -> Result<(), DemoError> {
        while self.line().await.is_ok() {}
        let status = self.child.wait().await.map_err(DemoError::Program)?;
        if status.success() { Ok(()) } else { Err(DemoError::Command { name: self.name, said: status.to_string() }) }
    }
}

/// Arguments of a command.
pub(super) struct Args(pub(super) Vec<OsString>);

/// The words to begin with.
pub(super) fn args(words: &[&str]) -> Args {
    Args(words.iter().map(Into::into).collect())
}

impl Args {
    pub(super) fn flag(mut self, flag: &str) -> Self {
        self.0.push(flag.into());
        self
    }

    pub(super) fn path(mut self, path: &Path) -> Self {
        self.0.push(path.into());
        self
    }
}

fn failed<S: AsRef<OsStr>>(arguments: &[S], finished: &Finished) -> DemoError {
    let said = String::from_utf8_lossy(&finished.stderr).trim().to_owned();
    DemoError::Command { name: name(arguments), said: if said.is_empty() { finished.status.to_string() } else { said } }
}

/// `safelight device invite`: the first two words, as far as they are no flags.
fn name<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    let words = arguments.iter().take(2).map(|argument| argument.as_ref().to_string_lossy());
    let words = words.take_while(|word| !word.starts_with('-'));
    std::iter::once("safelight".into()).chain(words).collect::<Vec<_>>().join(" ")
}
