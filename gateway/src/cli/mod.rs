//! The command line: one file a command, thin over the rooms.

mod alert;
mod audit;
mod ca;
mod clinic;
mod clock;
mod config;
mod console;
mod device;
mod doctor;
pub mod duration;
mod harden;
mod health;
mod ingest;
mod init;
mod logging;
mod new_file;
pub mod outcome;
mod panics;
pub mod passphrase;
pub mod phone;
pub mod progress;
mod receipt_key;
mod serve;
mod stop;
pub mod time;
pub mod vault;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

use self::outcome::{CliError, Exit, Output};
use crate::clinic::{Clinic, ClinicError};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, Layout};
use crate::demo;
use crate::vault::EpochError;

/// What everything that could be mistaken for a finished product says.
pub const NOT_YET: &str = "Not for real patients yet: backup and restore do not exist.";

/// Clinical photographs from a phone's memory to the clinic, sealed all the way.
#[derive(Debug, Parser)]
#[command(name = "safelight", version, propagate_version = true, max_term_width = 80)]
#[command(after_help = "Not for real patients yet: backup and restore do not exist.\nTo see it work: safelight demo")]
struct Cli {
    /// Print JSON for a program instead of text for a person
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole thing on this machine, in a temporary folder
    Demo(demo::DemoArgs),
    /// Make a gateway: keys, stores, configuration, recovery kit
    Init(init::InitArgs),
    /// Run the gateway: both of its processes
    Serve(serve::ServeArgs),
    /// Run the process that faces the phones
    Ingest(ingest::IngestArgs),
    /// Run the process that holds the keys
    Clinic(clinic::ClinicArgs),
    /// Say whether the gateway serves, and on which ports
    Health(health::HealthArgs),
    /// Invite, approve, list and revoke phones
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// List, open and export pictures
    #[command(subcommand)]
    Vault(vault::VaultCommand),
    /// Verify and export the logs
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// The phone's own core: try it out, or use this machine as a capture station
    #[command(subcommand)]
    Phone(phone::PhoneCommand),
    /// Whether the clock can be right, and a person's word that it is
    #[command(subcommand)]
    Clock(clock::ClockCommand),
    /// The certificate authority, and its successor
    #[command(subcommand)]
    Ca(ca::CaCommand),
    /// The key that signs receipts, and its successor
    #[command(subcommand)]
    ReceiptKey(receipt_key::ReceiptKeyCommand),
    /// The console's first admin
    #[command(subcommand)]
    Console(console::ConsoleCommand),
    /// Whether alerts reach those whom they are for
    #[command(subcommand)]
    Alert(alert::AlertCommand),
    /// Look for what is wrong or unwise, and say what to do
    Doctor(doctor::DoctorArgs),
    /// The configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Decode one picture from standard input; started by the clinic process
    #[command(hide = true)]
    Inspect,
}

impl Command {
    /// Whether keys come into this process's memory: the clinic's, or a device's and the photographs that it sends.
    const fn holds_keys(&self) -> bool {
        match self {
            Self::Init(_) | Self::Serve(_) | Self::Ingest(_) | Self::Clinic(_) => true,
            Self::Device(_) | Self::Vault(_) | Self::Audit(_) | Self::Doctor(_) | Self::Phone(_) => true,
            Self::Clock(_) | Self::Ca(_) | Self::ReceiptKey(_) | Self::Console(_) | Self::Alert(_) => true,
            Self::Demo(_) => true,
            Self::Health(_) | Self::Config(_) | Self::Inspect => false,
        }
    }
}

/// Which gateway.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// The gateway's data folder
    #[arg(long, env = "SAFELIGHT_DATA", value_name = "DIR")]
    pub data: PathBuf,
}

impl DataArgs {
    /// Where things lie in it.
    pub fn layout(&self) -> Layout {
        Layout::new(&self.data)
    }

    /// What it is told.
    ///
    /// # Errors
    /// [`Exit::NotFound`] if there is no gateway, else [`Exit::Usage`].
    pub fn config(&self) -> Result<Config, CliError> {
        load_config(&self.data)
    }
}

impl DataArgs {
    /// The clinic's folder, opened.
    ///
    /// # Errors
    /// As [`DataArgs::config`], and what [`Clinic::open`] says, or that this user may not enter the folder.
    pub async fn clinic(&self, clock: &Clock) -> Result<Clinic, CliError> {
        let (layout, config) = (self.layout(), self.config()?);
        let opened = Clinic::open(&layout, &config, clock).await;
        opened.map_err(|error| shut_out(&layout.clinic()).unwrap_or_else(|| error.into()))
    }
}

/// What to say if this user may not even look into a folder: then that is why whatever was tried there has failed.
fn shut_out(folder: &Path) -> Option<CliError> {
    let denied = std::fs::read_dir(folder).err()?;
    (denied.kind() == std::io::ErrorKind::PermissionDenied).then(|| CliError::new(Exit::Failed, may_not(folder)))
}

fn may_not(path: &Path) -> String {
    let whose = crate::owner::of(path).map_or(String::new(), |user| format!(", number {user}"));
    format!(
        "{}: permission denied. Run this as the user that it belongs to{whose} (runuser -u NAME -- safelight ...), or as root",
        path.display()
    )
}

/// Reads a data folder's configuration.
///
/// # Errors
/// [`Exit::NotFound`] if there is no gateway, else [`Exit::Usage`].
pub fn load_config(data: &Path) -> Result<Config, CliError> {
    Config::load(data).map_err(|error| match error {
        ConfigError::Missing(_) => CliError::new(Exit::NotFound, error),
        ConfigError::Io { path, source } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            CliError::new(Exit::Failed, may_not(&path))
        }
        ConfigError::Io { .. } => CliError::new(Exit::Failed, error),
        ConfigError::Toml { .. } | ConfigError::Environment(_) | ConfigError::Value(_) => {
            CliError::new(Exit::Usage, error)
        }
    })
}

impl From<ClinicError> for CliError {
    fn from(error: ClinicError) -> Self {
        let exit = match &error {
            ClinicError::Unlock(_) | ClinicError::Epoch(EpochError::Unlock(_)) => Exit::Locked,
            ClinicError::Link(_) => Exit::Unreachable,
            ClinicError::PayloadDamaged | ClinicError::VaultBehind => Exit::NotVerified,
            ClinicError::Clock(_) => Exit::Refused,
            _ => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8);
            // A closed standard output is no reason to fail.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    // Keyless and sandboxed: it starts neither logs nor threads.
    if matches!(cli.command, Command::Inspect) {
        return crate::inspector::run_child();
    }
    harden::files();
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "safelight: {error}");
            ExitCode::from(error.exit as u8)
        }
    }
}

fn start(cli: Cli) -> Result<(), CliError> {
    let is_service = matches!(cli.command, Command::Serve(_) | Command::Ingest(_) | Command::Clinic(_));
    if cli.command.holds_keys() {
        harden::memory()?;
    }
    logging::start(if is_service { LevelFilter::INFO } else { LevelFilter::WARN })?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::with(Exit::Failed))?;
    let outcome = runtime.block_on(run(cli.command, Output { json: cli.json }));
    // A thread that still waits for a terminal or a disk must not keep the process.
    runtime.shutdown_background();
    outcome
}

async fn run(command: Command, output: Output) -> Result<(), CliError> {
    match command {
        Command::Demo(args) => demo::run(args, output).await,
        Command::Init(args) => init::run(args, output).await,
        Command::Serve(args) => serve::run(args, output).await,
        Command::Ingest(args) => ingest::run(args).await,
        Command::Clinic(args) => clinic::run(args).await,
        Command::Health(args) => health::run(args, output).await,
        Command::Device(command) => device::run(command, output).await,
        Command::Vault(command) => vault::run(command, output).await,
        Command::Audit(command) => audit::run(command, output).await,
        Command::Phone(command) => phone::run(command, output).await,
        Command::Clock(command) => clock::run(command, output).await,
        Command::Ca(command) => ca::run(command, output).await,
        Command::ReceiptKey(command) => receipt_key::run(command, output).await,
        Command::Console(command) => console::run(command, output).await,
        Command::Alert(command) => alert::run(command, output).await,
        Command::Doctor(args) => doctor::run(args, output).await,
        Command::Config(command) => config::run(command, output),
        Command::Inspect => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documented_command_lines_are_taken() {
        for line in [
            "safelight init --data D --passphrase-file P --recovery-out R --host a --host 192.0.2.1 --listen 0.0.0.0:0 --enrol-listen [::]:0",
            "safelight serve --data D --passphrase-file P",
            "safelight health --data D --json",
            "safelight health --data D --wait 10s",
            "safelight device invite --data D --name Room-3 --person clinician1 --qr-png q.png --json --ttl 15m",
            "safelight device list --data D --json",
            "safelight device invitations --data D --json",
            "safelight clock show --data D",
            "safelight clock accept --data D --json",
            "safelight ca show --data D",
            "safelight ca rollover --data D",
            "safelight vault rotate --data D --passphrase-file P --json",
            "safelight vault rewrap --data D --passphrase-file P",
            "safelight receipt-key show --data D --json",
            "safelight receipt-key rotate --data D --compromised",
            "safelight device approve 00112233-4455-6677-8899-aabbccddeeff --data D",
            "safelight device revoke 00112233-4455-6677-8899-aabbccddeeff --data D",
            "safelight audit verify --data D",
            "safelight audit verify --data D --against checkpoint.txt --json",
            "safelight audit export --data D --log intake",
            "safelight audit checkpoint --data D",
            "safelight alert test --data D --json",
            "safelight doctor --data D --json",
            "safelight config check --data D",
            "safelight ingest --data D",
            "safelight clinic --data D --passphrase-stdin",
        ] {
            let parsed = Cli::try_parse_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
        }
        for line in [
            "safelight",
            "safelight init --data D",
            "safelight health --data D --wait soon",
            "safelight device approve not-an-id --data D",
            "safelight device invite --data D --name x --person spaces-are-not-allowed! --ttl 15m",
            "safelight clinic --data D --passphrase-stdin --passphrase-file P",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
