//! `safelight init`: makes a gateway.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use getrandom::SysRng;
use serde::Serialize;

use super::outcome::{CliError, Exit, Output};
use super::{DataArgs, NOT_YET, passphrase};
use crate::clock::Clock;
use crate::config::{DEFAULT_CONSOLE_PORT, DEFAULT_ENROL_PORT, DEFAULT_PORT};
use crate::setup::{self, Made, Plan, Separation, SetupError};
use crate::vault;

/// Flags.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    #[command(flatten)]
    data: DataArgs,
    /// File that holds the passphrase for the vault; asked for on a terminal without it
    #[arg(long, env = "SAFELIGHT_PASSPHRASE_FILE", value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Where to write the recovery kit: a medium that you can lock away
    #[arg(long, value_name = "FILE")]
    recovery_out: PathBuf,
    /// A name or address under which phones reach this machine; may be repeated
    #[arg(long = "host", value_name = "NAME_OR_ADDRESS")]
    hosts: Vec<String>,
    /// Where to serve phones (UDP); port 0 is replaced by a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([0, 0, 0, 0], DEFAULT_PORT)))]
    listen: SocketAddr,
    /// Where to enrol phones (UDP) while an invitation is open; port 0 likewise
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([0, 0, 0, 0], DEFAULT_ENROL_PORT)))]
    enrol_listen: SocketAddr,
    /// Where to serve the console (HTTPS) to staff; port 0 likewise
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([0, 0, 0, 0], DEFAULT_CONSOLE_PORT)))]
    console_listen: SocketAddr,
    /// The clinic's name, as phones show it
    #[arg(long, value_name = "NAME", default_value = "Clinic")]
    clinic_name: String,
    /// The Unix user that will run `safelight ingest`, by name or number; only root can give files away
    #[arg(long, value_name = "USER", requires_all = ["clinic_user", "group"])]
    ingest_user: Option<String>,
    /// The Unix user that will run `safelight clinic`
    #[arg(long, value_name = "USER", requires = "ingest_user")]
    clinic_user: Option<String>,
    /// The group that both users are in and nobody else
    #[arg(long, value_name = "GROUP", requires = "ingest_user")]
    group: Option<String>,
}

#[derive(Debug, Serialize)]
struct Initialised {
    data: PathBuf,
    recovery_kit: PathBuf,
    clinic_id: String,
    ca_sha256: String,
    vault_recipient: String,
    recovery_recipient: String,
    hosts: Vec<String>,
    port: u16,
    enrol_port: u16,
    console_port: u16,
    warnings: Vec<String>,
}

/// Makes it, and says what to do next.
pub(super) async fn run(args: InitArgs, output: Output) -> Result<(), CliError> {
    let mut warnings = vec![NOT_YET.to_owned()];
    let hosts = hosts(&args, &mut warnings);
    let passphrase = match &args.passphrase_file {
        Some(path) => passphrase::from_file(path)?,
        None => vault::prompt_new("Choose a passphrase for the vault: ", "The same again: ")
            .map_err(CliError::with(Exit::Locked))?,
    };
    if passphrase.expose().chars().count() < passphrase::SHORT {
        warnings.push(format!("The passphrase is short: {} characters or more are better.", passphrase::SHORT));
    }
    let plan = Plan {
        clinic_name: args.clinic_name.clone(),
        hosts,
        listen: args.listen,
        enrol_listen: args.enrol_listen,
        console_listen: Some(args.console_listen),
        passphrase: &passphrase,
        passphrase_work: vault::DEFAULT_LOG_N,
        recovery_out: &args.recovery_out,
        separation: separation(&args)?,
    };
    let data = &args.data.data;
    let made = setup::make(data, &plan, Clock::system().now(), &mut SysRng).await.map_err(|error| {
        let exit = match &error {
            SetupError::NotEmpty(_) | SetupError::RecoveryInside | SetupError::Config(_) => Exit::Usage,
            _ => Exit::Failed,
        };
        CliError::new(exit, error)
    })?;
    let initialised = Initialised {
        data: data.clone(),
        recovery_kit: args.recovery_out.clone(),
        clinic_id: made.clinic_id.to_string(),
        ca_sha256: data_encoding::HEXLOWER.encode(&made.ca_sha256),
        vault_recipient: made.vault.to_string(),
        recovery_recipient: made.recovery.to_string(),
        hosts: made.config.hosts.clone(),
        port: made.config.listen.port(),
        enrol_port: made.config.enrol_listen.port(),
        console_port: made.config.console_listen.map_or(0, |listen| listen.port()),
        warnings,
    };
    output.print(&initialised, |initialised| shown(initialised, &made, args.passphrase_file.as_deref()))
}

fn separation(args: &InitArgs) -> Result<Option<Separation>, CliError> {
    match (&args.ingest_user, &args.clinic_user, &args.group) {
        (Some(ingest), Some(clinic), Some(group)) => {
            Separation::of(ingest, clinic, group).map(Some).map_err(CliError::with(Exit::Usage))
        }
        _ => Ok(None),
    }
}

/// The hosts that were given, or the address that is listened on, or this machine alone.
fn hosts(args: &InitArgs, warnings: &mut Vec<String>) -> Vec<String> {
    if !args.hosts.is_empty() {
        return args.hosts.clone();
    }
    let ip = args.listen.ip();
    if !ip.is_unspecified() {
        return vec![ip.to_string()];
    }
    warnings.push(
        "No --host was given: phones cannot reach this machine at 127.0.0.1. Set `hosts` in config.toml.".to_owned(),
    );
    vec!["127.0.0.1".to_owned()]
}

fn shown(initialised: &Initialised, made: &Made, passphrase_file: Option<&Path>) -> String {
    let data = initialised.data.display();
    let mut text = format!("The gateway of \"{}\" is made in {data}.\n\n", made.config.clinic_name);
    let rows = [
        ("clinic id", initialised.clinic_id.clone()),
        ("CA (SHA-256)", halves(&initialised.ca_sha256)),
        ("vault", initialised.vault_recipient.clone()),
        ("recovery", initialised.recovery_recipient.clone()),
        ("phones", format!("UDP port {} of {}", initialised.port, initialised.hosts.join(", "))),
        ("enrolment", format!("UDP port {}, open while an invitation is", initialised.enrol_port)),
        (
            "console",
            format!(
                "https://{}:{}",
                initialised.hosts.first().map_or("localhost", String::as_str),
                initialised.console_port
            ),
        ),
        ("recovery kit", initialised.recovery_kit.display().to_string()),
    ];
    for (name, value) in rows {
        let _ = writeln!(text, "  {name:<14}{value}");
    }
    let passphrase = passphrase_file.map(|path| format!(" --passphrase-file {}", path.display())).unwrap_or_default();
    let serve = match made.config.clinic_uid {
        Some(_) => "systemctl enable --now safelight-ingest safelight-clinic".to_owned(),
        None => format!("safelight serve --data {data}{passphrase}"),
    };
    let _ = write!(
        text,
        "\nWhat to do next:\n\
         \x20 1. Print the recovery kit or move it to a medium that you lock away, then\n\
         \x20    delete it here. Whoever has it can open every picture; without it a\n\
         \x20    forgotten passphrase loses every picture.\n\
         \x20 2. Let UDP ports {} and {} through the firewall.\n\
         \x20 3. {serve}\n\
         \x20 4. safelight device invite --data {data} --name \"Room 3\" --person clinician1\n\
         \x20 5. safelight doctor --data {data}\n",
        initialised.port, initialised.enrol_port
    );
    for warning in &initialised.warnings {
        let _ = write!(text, "\n{warning}");
    }
    text
}

/// 64 digits in two lines, so that two people can compare them.
fn halves(hex: &str) -> String {
    let (first, second) = hex.split_at_checked(32).unwrap_or((hex, ""));
    format!("{first}\n{:16}{second}", "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: InitArgs,
    }

    fn parsed(flags: &str) -> InitArgs {
        let line = format!("init --data D --recovery-out R {flags}");
        Line::try_parse_from(line.split_whitespace()).unwrap().args
    }

    #[test]
    fn hosts_are_those_given_or_the_address_listened_on_or_a_warning() {
        for (flags, expected, warned) in [
            ("--host a.example --host 192.0.2.1", vec!["a.example", "192.0.2.1"], false),
            ("--listen 192.0.2.7:0", vec!["192.0.2.7"], false),
            ("--listen [2001:db8::1]:4433", vec!["2001:db8::1"], false),
            ("", vec!["127.0.0.1"], true),
            ("--listen 0.0.0.0:0", vec!["127.0.0.1"], true),
        ] {
            let mut warnings = Vec::new();
            assert_eq!(hosts(&parsed(flags), &mut warnings), expected, "{flags}");
            assert_eq!(!warnings.is_empty(), warned, "{flags}");
        }
    }

    #[test]
    fn a_digest_is_shown_whole() {
        let shown = halves(&"ab".repeat(32));
        assert_eq!(shown.split_whitespace().collect::<String>(), "ab".repeat(32));
    }
}
