//! Sending alerts to people who do not look at the console. What is to be sent lies in the catalog, so that a restart loses nothing; each way is tried by
//! itself, and nothing waits for it. What goes out names no person and no patient.

mod mail;
mod trust;
mod webhook;

use std::time::Duration;

use data_encoding::HEXLOWER;
use safelight_core::ids::UnixMillis;
use serde::Serialize;
use tokio::time::{sleep, timeout};

use super::book::{self, Alert};
use super::rules::Severity;
use crate::clinic::ClinicError;
use crate::clinic::desk::Desk;
use crate::clock::calendar::rfc3339;
use crate::config::Config;
use crate::config::alert::{AlertConfig, Code};
use crate::keyfile::KeyFileError;

/// Between two looks at what is to be sent.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long one try may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Tries of one alert by one way: with the pauses between them somewhat more than a day.
const MAX_ATTEMPTS: u32 = 36;

/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(60 * 60);

/// By what an alert is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Posted over HTTPS.
    Webhook,
    /// Mailed.
    Mail,
}

impl Way {
    const ALL: [Self; 2] = [Self::Webhook, Self::Mail];

    /// As the catalog and the command line have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Mail => "mail",
        }
    }

    /// Those that are configured.
    pub fn configured(config: &AlertConfig) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |way| match way {
            Self::Webhook => config.webhook.is_some(),
            Self::Mail => config.mail.is_some(),
        })
    }
}

/// Why an alert was not sent. What the other side says is not repeated: it could be anything.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// A key, a password or certificates.
    #[error("{0}")]
    File(#[from] KeyFileError),
    /// A file of secrets that holds none.
    #[error("the file of the key or the password is empty, or has more than one line")]
    Secret,
    /// The trusted certificates.
    #[error("the trusted certificates cannot be read: name a PEM file in `ca_file`")]
    Trust,
    /// The address or the message. `config check` refuses such an address.
    #[error("the address cannot be used")]
    Address,
    /// Nobody is there.
    #[error("it cannot be reached: {0}")]
    Unreachable(#[source] std::io::Error),
    /// Its certificate is not one of those that are trusted, or not for this name, or not for this day.
    #[error("its certificate is not to be trusted for this name: look at the name, at `ca_file` and at the clock")]
    Certificate,
    /// It speaks no HTTP.
    #[error("it does not answer as an HTTP server does")]
    NotHttp,
    /// It speaks no SMTP.
    #[error("it does not answer as a mail server does: look at the port and at `tls`")]
    NotSmtp,
    /// It offers no TLS, and got nothing.
    #[error("it offers no STARTTLS, so it was sent nothing: set `tls = \"tls\"` and its port, or name another server")]
    NoStartTls,
    /// It takes no user name and password.
    #[error("it offers no log-in with a password: leave out `user` and `password_file`, or look at the port")]
    NoLogIn,
    /// It answered, and not with success.
    #[error("it answered with status {0}, where one of 200 to 299 is expected")]
    Status(u16),
    /// It took too long.
    #[error("it took longer than {} seconds", DEADLINE.as_secs())]
    TimedOut,
    /// Nothing says where to.
    #[error("this is not configured")]
    NotConfigured,
}

impl DeliverError {
    /// A stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File(_) | Self::Secret => "secret-file",
            Self::Trust => "ca-file",
            Self::Address => "address",
            Self::Unreachable(_) => "unreachable",
            Self::Certificate => "certificate",
            Self::NotHttp => "not-http",
            Self::NotSmtp => "not-smtp",
            Self::NoStartTls => "no-starttls",
            Self::NoLogIn => "no-log-in",
            Self::Status(_) => "status",
            Self::TimedOut => "timed-out",
            Self::NotConfigured => "not-configured",
        }
    }
}

/// What is sent.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// The alert's name, in hexadecimal.
    id: String,
    /// The rule.
    code: &'static str,
    /// `high` or `medium`.
    severity: Severity,
    /// When it was raised, RFC 3339.
    raised_at: String,
    /// How often the same was seen until now.
    count: u64,
    /// Where it is handled.
    console: String,
    /// When it was raised.
    #[serde(skip)]
    at: UnixMillis,
    /// The rule; none for a test.
    #[serde(skip)]
    what: Option<Code>,
}

impl Message {
    fn of(alert: &Alert, config: &Config) -> Self {
        Self {
            id: HEXLOWER.encode(&alert.id),
            code: alert.code.name(),
            severity: Severity::of(alert.code),
            raised_at: rfc3339(alert.first_at),
            count: alert.count,
            console: console(config),
            at: alert.first_at,
            what: Some(alert.code),
        }
    }

    /// One that says that it is none.
    #[must_use]
    pub fn test(config: &Config, now: UnixMillis) -> Self {
        Self {
            id: HEXLOWER.encode(&[0; 16]),
            code: "test",
            severity: Severity::Medium,
            raised_at: rfc3339(now),
            count: 1,
            console: console(config),
            at: now,
            what: None,
        }
    }
}

fn console(config: &Config) -> String {
    config.console_address().map(|address| format!("{address}/alerts")).unwrap_or_default()
}

/// Sends a message by a way, within a deadline.
///
/// # Errors
/// [`DeliverError`].
pub async fn send(config: &Config, way: Way, message: &Message, now: UnixMillis) -> Result<(), DeliverError> {
    let sending = async {
        match (way, &config.alert) {
            (Way::Webhook, AlertConfig { webhook: Some(webhook), .. }) => webhook::post(webhook, message, now).await,
            (Way::Mail, AlertConfig { mail: Some(mail), .. }) => mail::send(config, mail, message).await,
            (Way::Webhook | Way::Mail, _) => Err(DeliverError::NotConfigured),
        }
    };
    timeout(DEADLINE, sending).await.map_err(|_| DeliverError::TimedOut)?
}

/// Sends what is to be sent, for ever.
pub(super) async fn run(desk: Desk, config: &Config) {
    tokio::join!(by(&desk, config, Way::Webhook), by(&desk, config, Way::Mail));
}

async fn by(desk: &Desk, config: &Config, way: Way) {
    let catalog = &desk.clinic().catalog;
    if !Way::configured(&config.alert).any(|configured| configured == way) {
        if let Err(error) = book::abandon(catalog, way).await {
            tracing::error!(code = "alert-deliver", %error, "what cannot be sent any more could not be given up");
        }
        return std::future::pending().await;
    }
    loop {
        if let Err(error) = pass(desk, config, way).await {
            tracing::error!(code = "alert-deliver", %error, "what is to be sent could not be looked up");
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn pass(desk: &Desk, config: &Config, way: Way) -> Result<(), ClinicError> {
    let catalog = &desk.clinic().catalog;
    for (id, attempts) in book::due(catalog, way, desk.now()).await? {
        let Some(alert) = book::find(catalog, &id).await? else { continue };
        match send(config, way, &Message::of(&alert, config), desk.now()).await {
            Ok(()) => book::tried(catalog, &id, way, None, "").await?,
            Err(error) => {
                tracing::warn!(
                    code = "alert-not-sent",
                    way = way.name(),
                    reason = error.code(),
                    "an alert was not sent"
                );
                let again = pause(attempts).map(|pause| desk.now().plus(pause));
                book::tried(catalog, &id, way, again, error.code()).await?;
            }
        }
    }
    Ok(())
}

/// The pause after so many tries before this one; `None` if there is to be no other.
fn pause(attempts: u32) -> Option<Duration> {
    if attempts.saturating_add(1) >= MAX_ATTEMPTS {
        return None;
    }
    Some(Duration::from_secs(2u64.saturating_pow(attempts.saturating_add(1))).min(MAX_PAUSE))
}

/// The one line of a file of secrets.
fn secret(bytes: &[u8]) -> Result<&[u8], DeliverError> {
    let line = bytes.trim_ascii();
    if line.is_empty() || line.contains(&b'\n') { Err(DeliverError::Secret) } else { Ok(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_end_after_a_day() {
        assert_eq!(pause(0), Some(Duration::from_secs(2)));
        assert_eq!(pause(1), Some(Duration::from_secs(4)));
        assert_eq!(pause(20), Some(MAX_PAUSE));
        assert_eq!(pause(MAX_ATTEMPTS - 1), None);
        let whole: Duration = (0..MAX_ATTEMPTS).filter_map(pause).sum();
        assert!(whole > Duration::from_secs(24 * 60 * 60) && whole < Duration::from_secs(48 * 60 * 60));
    }

    #[test]
    fn a_secret_is_one_line() {
        assert_eq!(secret(b" abc\n").unwrap(), b"abc");
        assert!(secret(b"\n").is_err() && secret(b"a\nb\n").is_err());
    }
}
