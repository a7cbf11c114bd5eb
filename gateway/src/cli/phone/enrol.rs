//! `safelight phone enrol`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use safelight_core::client::{EnrolRequest, enrol};
use safelight_core::invitation::Invitation;
use safelight_core::text::is_one_line;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::duration;
use crate::cli::outcome::{CliError, Exit, Output};
use crate::clock::Clock;
use crate::enrol::qr;
use crate::phone::identity::{self, Identity};

/// Longest name of a device.
const MAX_NAME_LEN: usize = 64;

/// Join a clinic.
#[derive(Debug, Args)]
pub struct EnrolArgs {
    /// Folder for this device's key and certificate; made if it does not exist
    #[arg(long, env = "SAFELIGHT_IDENTITY", value_name = "FOLDER")]
    identity: PathBuf,
    /// Picture of the invitation's QR code (PNG or JPEG)
    #[arg(long, value_name = "FILE", required_unless_present = "qr_text")]
    qr: Option<PathBuf>,
    /// The QR code's text, if something else has read it
    #[arg(long, value_name = "TEXT", conflicts_with = "qr")]
    qr_text: Option<String>,
    /// How long to wait for the approval
    #[arg(long, default_value = "15m", value_parser = duration::parse, value_name = "DURATION")]
    timeout: Duration,
    /// Put the new device in the place of the one that is enrolled in the folder
    #[arg(long)]
    replace: bool,
    /// What this device calls itself
    #[arg(long, default_value = "capture station", value_parser = device_name, value_name = "NAME")]
    device_name: String,
}

#[derive(Debug, Serialize)]
struct Enrolled {
    device: String,
    clinic: String,
    clinic_name: String,
    operator: String,
    words: String,
}

pub(super) async fn run(args: EnrolArgs, output: Output) -> Result<(), CliError> {
    let folder = match args.replace {
        true => Identity::prepare_to_replace(&args.identity)?,
        false => Identity::prepare(&args.identity)?,
    };
    match join(&args, output, &folder).await {
        Ok(enrolled) => output.print(&enrolled, |enrolled| {
            format!(
                "Enrolled at {} for {}. This device is {}.",
                enrolled.clinic_name, enrolled.operator, enrolled.device
            )
        }),
        Err(error) => {
            folder.abandon();
            Err(error)
        }
    }
}

async fn join(args: &EnrolArgs, output: Output, folder: &Identity) -> Result<Enrolled, CliError> {
    let text = match (&args.qr, &args.qr_text) {
        (Some(path), _) => Zeroizing::new(qr::decode_png(path).map_err(CliError::with(Exit::BadInput))?),
        (None, text) => Zeroizing::new(text.clone().unwrap_or_default()),
    };
    let invitation = Invitation::parse(text.trim()).map_err(CliError::with(Exit::BadInput))?;
    let (secret, key) = identity::fresh_key()?;
    let request = EnrolRequest {
        invitation: &invitation,
        key,
        device_name: &args.device_name,
        attestation: None,
        now: Clock::system().now(),
        wait: args.timeout,
    };
    let mut words = String::new();
    let device = enrol(request, &mut getrandom::SysRng, |shown| {
        words = shown.to_string();
        announce(&words, output);
    })
    .await?;
    folder.keep(&device, &secret)?;
    Ok(Enrolled {
        device: device.device_id.to_string(),
        clinic: device.clinic_id.to_string(),
        clinic_name: device.key_set.key_set().clinic_name.clone(),
        operator: device.operator.to_string(),
        words,
    })
}

/// On standard error where standard output belongs to a program.
fn announce(words: &str, output: Output) {
    let text = format!("\n    {words}\n\nThe admin's screen must show the same words. Waiting for the approval ...");
    if output.json {
        use std::io::Write;
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    } else {
        let _ = output.say(&text);
    }
}

fn device_name(text: &str) -> Result<String, String> {
    if text.len() <= MAX_NAME_LEN && is_one_line(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("1 to {MAX_NAME_LEN} bytes are expected, all of them characters that show"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_name_is_short_and_printable() {
        assert!(device_name("Room 3, station").is_ok());
        assert!(device_name("").is_err());
        assert!(device_name("a\nb").is_err() && device_name("a\u{202e}b").is_err());
        assert!(device_name(&"x".repeat(MAX_NAME_LEN + 1)).is_err());
    }
}
