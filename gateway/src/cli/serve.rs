//! `safelight serve`: both processes, supervised.
//!
//! Two children of this same program: a fault in one is not a fault in the other, and each can be restarted alone. This process
//! knows the passphrase, so that it can restart the clinic process, and gives it through a pipe: neither arguments nor the
//! environment of a process are private.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use clap::Args;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::console::first_code;
use super::outcome::{CliError, Exit, Output};
use super::passphrase::PassphraseArgs;
use super::stop::StopSignals;
use super::{DataArgs, NOT_YET, health};
use crate::clock::Clock;
use crate::config::{Config, Layout};
use crate::owner;
use crate::vault::{self, Passphrase};

/// Flags.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// The wait before a child is started again doubles from the first to the last of these.
const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
const LAST_BACK_OFF: Duration = Duration::from_secs(30);

/// A child that ran this long starts with the first wait again.
const STEADY: Duration = Duration::from_secs(60);

/// How long a child has to end in order. Longer than ingest's own drain.
const END_TIME: Duration = Duration::from_secs(15);

/// Between two looks at whether the gateway is ready.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(args: ServeArgs, output: Output) -> Result<(), CliError> {
    let mut signals = StopSignals::catch()?;
    let config = args.data.config()?;
    let layout = args.data.layout();
    if layout.has_two_users() || config.clinic_uid.is_some_and(|clinic| owner::of(&layout.ingest()) != Some(clinic)) {
        return Err(CliError::new(
            Exit::Usage,
            "this gateway is set up for two users, and `serve` runs both processes as one: start the units of the packaged set-up (systemctl start safelight-ingest safelight-clinic), or `safelight ingest` and `safelight clinic`, each as its user",
        ));
    }
    if health::ask(&layout).await.is_ok() {
        return Err(CliError::new(Exit::Failed, "a gateway is running on this folder already"));
    }
    // This process keeps the passphrase. Where it cannot be locked neither can its children be, and they say so.
    let _ = vault::lock_memory();
    let passphrase = args.passphrase.read_or_ask()?;
    if passphrase.is_none() {
        tracing::warn!("no passphrase: the vault stays locked, pictures are taken in and wait");
    }
    let stop = watch::Sender::new(false);
    let ingest = Service { kind: Kind::Ingest, layout: &layout, passphrase: None };
    let clinic = Service { kind: Kind::Clinic, layout: &layout, passphrase };
    // Polled together on this one thread, which lives as long as the process: the children's parent-death signal is tied to
    // the thread that starts them.
    let both = async { tokio::join!(ingest.supervise(&stop), clinic.supervise(&stop)) };
    let announced = async {
        announce(&layout, &config, &args.data, output).await?;
        std::future::pending::<Result<(), CliError>>().await
    };
    let signalled = async {
        signals.arrived().await;
        tracing::info!("stopping: running uploads may end");
        stop.send_replace(true);
        std::future::pending::<()>().await;
    };
    tokio::pin!(both);
    tokio::select! {
        (first, second) = &mut both => first.and(second),
        () = signalled => Ok(()),
        outcome = announced => {
            stop.send_replace(true);
            let (first, second) = both.await;
            outcome.and(first).and(second)
        }
    }
}

/// Says what is reachable where, once it is.
async fn announce(layout: &Layout, config: &Config, data: &DataArgs, output: Output) -> Result<(), CliError> {
    let mut served = false;
    loop {
        if let Ok(status) = health::ask(layout).await {
            if !served {
                served = true;
                output.say(&format!(
                    "Phones are served on UDP port {} of {}.",
                    status.port,
                    config.hosts.join(", ")
                ))?;
                output.say(&format!("Enrolment is on UDP port {}, open while an invitation is.", status.enrol_port))?;
            }
            if health::is_linked(&status) {
                let vault = if status.unlocked { "unlocked" } else { "locked: pictures are taken in and wait" };
                output.say(&format!("The clinic process is linked; the vault is {vault}."))?;
                if let Some(address) = config.console_address() {
                    output.say(&format!("The console is at {address}"))?;
                    let clinic = data.clinic(&Clock::system()).await?;
                    if let Some(code) = first_code(&clinic, config, clinic.now()).await? {
                        output.say(&code.shown())?;
                    }
                }
                return output.say(&format!("{NOT_YET}\nStop with Ctrl-C."));
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ingest,
    Clinic,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Clinic => "clinic",
        }
    }
}

struct Service<'a> {
    kind: Kind,
    layout: &'a Layout,
    passphrase: Option<Passphrase>,
}

impl Service<'_> {
    /// Keeps the child running until told to stop.
    ///
    /// # Errors
    /// If ingest ends before it ever served, with its exit code: it would not do better a second time.
    async fn supervise(self, stop: &watch::Sender<bool>) -> Result<(), CliError> {
        let mut stopping = stop.subscribe();
        let mut back_off = FIRST_BACK_OFF;
        let mut was_up = false;
        loop {
            let started = Instant::now();
            let mut child = self.spawn().await?;
            let ended = loop {
                tokio::select! {
                    ended = child.wait() => break ended.map_err(CliError::with(Exit::Failed))?,
                    () = told(&mut stopping) => return end(child).await,
                    () = self.came_up(), if !was_up => was_up = true,
                }
            };
            if *stopping.borrow() {
                return Ok(());
            }
            if self.kind == Kind::Ingest && !was_up {
                stop.send_replace(true);
                return Err(CliError::new(exit_of(ended), "ingest could not start: its own message says why"));
            }
            if started.elapsed() >= STEADY {
                back_off = FIRST_BACK_OFF;
            }
            let seconds = back_off.as_secs_f32();
            tracing::error!(process = self.kind.name(), status = %ended, again_in_seconds = seconds, "a process has ended");
            tokio::select! {
                () = sleep(back_off) => {}
                () = told(&mut stopping) => return Ok(()),
            }
            back_off = back_off.saturating_mul(2).min(LAST_BACK_OFF);
        }
    }

    async fn spawn(&self) -> Result<Child, CliError> {
        let failed = |error: std::io::Error| {
            CliError::new(Exit::Failed, format!("the {} process cannot be started: {error}", self.kind.name()))
        };
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        command.arg(self.kind.name()).arg("--data").arg(self.layout.root());
        command.arg("--supervised").arg(std::process::id().to_string());
        if self.kind == Kind::Clinic {
            command.arg("--passphrase-stdin").env_remove("SAFELIGHT_PASSPHRASE_FILE").stdin(Stdio::piped());
        } else {
            command.env_remove("SAFELIGHT_PASSPHRASE_FILE").stdin(Stdio::null());
        }
        let mut child = command.stdout(Stdio::null()).kill_on_drop(true).spawn().map_err(failed)?;
        if let Some(mut pipe) = child.stdin.take()
            && let Some(passphrase) = &self.passphrase
        {
            // A child that has ended already is found out by its wait.
            let _ = pipe.write_all(passphrase.expose().as_bytes()).await;
        }
        Ok(child)
    }

    /// Returns once the child does its work.
    async fn came_up(&self) {
        loop {
            match health::ask(self.layout).await {
                Ok(_) if self.kind == Kind::Ingest => return,
                Ok(status) if health::is_linked(&status) => return,
                _ => sleep(LOOK_EVERY).await,
            }
        }
    }
}

/// Returns once everything is to stop.
async fn told(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Asks the child to end, and makes it.
async fn end(mut child: Child) -> Result<(), CliError> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It is not waited for yet, so the number is still its own.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    if timeout(END_TIME, child.wait()).await.is_err() {
        tracing::error!("a process did not end in time and is killed");
        let _ = child.kill().await;
    }
    Ok(())
}

fn exit_of(status: ExitStatus) -> Exit {
    match status.code() {
        Some(2) => Exit::Usage,
        Some(3) => Exit::NotFound,
        Some(4) => Exit::Locked,
        _ => Exit::Failed,
    }
}
