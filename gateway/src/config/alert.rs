//! `[alert]`: what raises an alert, and where it is sent.

pub mod mail;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use self::mail::MailConfig;
use super::ConfigError;

/// What an alert is about. The names are stable: programs and the log have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Somebody gives wrong passwords or codes again and again.
    LogInFailures,
    /// Somebody has taken emergency access.
    EmergencyAccess,
    /// An admin has made a code with which somebody's account can be set up anew.
    AccountReset,
    /// Somebody looks at pictures outside the hours.
    UnusualHours,
    /// Somebody has looked at far more patients on one day than ever lately.
    UnusualPatients,
    /// Somebody has taken far more pictures out on one day than ever lately.
    UnusualDownloads,
    /// Somebody asks again and again for what is not theirs.
    Denied,
    /// Numbers of a device's pictures are missing.
    SequenceGap,
    /// A phone that was revoked tries to connect.
    RevokedDevice,
    /// A log is not what it was.
    LogTrouble,
    /// A picture is not what its device signed for, cannot be verified, or was found damaged when somebody looked.
    StoreTrouble,
    /// A certificate ends soon.
    CertificateEnds,
    /// The disk is nearly full.
    DiskLow,
}

impl Code {
    /// Every one.
    pub const ALL: [Self; 13] = [
        Self::LogInFailures,
        Self::EmergencyAccess,
        Self::AccountReset,
        Self::UnusualHours,
        Self::UnusualPatients,
        Self::UnusualDownloads,
        Self::Denied,
        Self::SequenceGap,
        Self::RevokedDevice,
        Self::LogTrouble,
        Self::StoreTrouble,
        Self::CertificateEnds,
        Self::DiskLow,
    ];

    /// As the configuration, the catalog, the log and deliveries have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogInFailures => "log-in-failures",
            Self::EmergencyAccess => "emergency-access",
            Self::AccountReset => "account-reset",
            Self::UnusualHours => "unusual-hours",
            Self::UnusualPatients => "unusual-patients",
            Self::UnusualDownloads => "unusual-downloads",
            Self::Denied => "denied",
            Self::SequenceGap => "sequence-gap",
            Self::RevokedDevice => "revoked-device",
            Self::LogTrouble => "log-trouble",
            Self::StoreTrouble => "store-trouble",
            Self::CertificateEnds => "certificate-ends",
            Self::DiskLow => "disk-low",
        }
    }

    /// From [`Code::name`].
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

/// The section `[alert]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertConfig {
    /// Rules that are not applied.
    pub off: Vec<Code>,
    /// Local time, in minutes before (negative) or after UTC.
    pub utc_offset_minutes: i32,
    /// The first hour of the local day at which looking at pictures is usual.
    pub hours_from: u32,
    /// The first hour after which it is not any more.
    pub hours_until: u32,
    /// `log-in-failures`: so many within an hour; the log has one a minute at most.
    pub log_in_failures: u32,
    /// `denied`: so many within an hour.
    pub denied: u32,
    /// `unusual-...`: more than so many times the person's highest day of the last four weeks.
    pub factor: u32,
    /// `unusual-...`: and more than so many.
    pub at_least: u32,
    /// `certificate-ends`: with so many days left.
    pub certificate_days: u32,
    /// Where alerts are posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookConfig>,
    /// Where they are mailed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailConfig>,
}

impl Default for AlertConfig {
    fn default() -> Self {
        Self {
            off: Vec::new(),
            utc_offset_minutes: 0,
            hours_from: 6,
            hours_until: 22,
            log_in_failures: 5,
            denied: 10,
            factor: 3,
            at_least: 20,
            certificate_days: 14,
            webhook: None,
            mail: None,
        }
    }
}

/// `[alert.webhook]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// `https://...`; `http://` to this machine alone.
    pub url: String,
    /// A file with the key that signs, which the receiver has too.
    pub key_file: PathBuf,
    /// The certificates that are trusted, PEM, in place of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl AlertConfig {
    /// Whether nothing of it was configured.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this rule is applied.
    #[must_use]
    pub fn has(&self, code: Code) -> bool {
        !self.off.contains(&code)
    }

    /// What a parser cannot know.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let right = |holds: bool, why| if holds { Ok(()) } else { Err(ConfigError::Value(why)) };
        right(
            (-840..=840).contains(&self.utc_offset_minutes),
            "alert.utc_offset_minutes: minutes from -840 to 840 are expected",
        )?;
        right(
            self.hours_from < self.hours_until && self.hours_until <= 24,
            "alert.hours_from, alert.hours_until: hours from 0 to 24 are expected, the first before the second",
        )?;
        right(
            [self.log_in_failures, self.denied, self.factor].iter().all(|number| (1..=10_000).contains(number)),
            "alert.log_in_failures, alert.denied, alert.factor: 1 to 10000 are expected",
        )?;
        if let Some(webhook) = &self.webhook {
            right(
                is_receiver(&webhook.url),
                "alert.webhook.url: https://... is expected (http:// to this machine alone)",
            )?;
        }
        self.mail.as_ref().map_or(Ok(()), MailConfig::check).map_err(ConfigError::Value)
    }
}

fn is_receiver(url: &str) -> bool {
    if url.len() > 1024 || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let after = |scheme: &str| url.strip_prefix(scheme).map(|rest| rest.split('/').next().unwrap_or(rest));
    match (after("https://"), after("http://")) {
        (Some(authority), _) => !authority.is_empty() && !authority.contains('@'),
        (_, Some(authority)) => {
            authority.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(url: &str) -> AlertConfig {
        let webhook = WebhookConfig { url: url.to_owned(), key_file: "k".into(), ca_file: None };
        AlertConfig { webhook: Some(webhook), ..AlertConfig::default() }
    }

    #[test]
    fn the_names_are_those_of_the_file() {
        for code in Code::ALL {
            let config: AlertConfig = toml::from_str(&format!("off = [{:?}]", code.name())).unwrap();
            assert!(!config.has(code));
            assert_eq!(Code::parse(code.name()), Some(code));
        }
        assert!(toml::from_str::<AlertConfig>("off = ['log-in-failure']").is_err());
        assert!(toml::from_str::<AlertConfig>("ofF = []").is_err());
    }

    #[test]
    fn a_receiver_is_reached_over_tls_or_on_this_machine() {
        for url in ["https://hooks.example/a?b=c", "http://127.0.0.1:9/x", "http://[::1]:9/"] {
            assert!(webhook(url).check().is_ok(), "{url}");
        }
        for url in [
            "http://hooks.example/",
            "http://127.0.0.1@evil.example:80/",
            "ftp://x",
            "https://",
            "https:///x",
            "https://a@b/",
            "https://a/\r\nx: y",
            "https://a/ b",
            "http://192.0.2.1:80/",
        ] {
            assert!(webhook(url).check().is_err(), "{url}");
        }
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        assert!(AlertConfig::default().check().is_ok());
        assert!(AlertConfig { hours_from: 22, hours_until: 6, ..AlertConfig::default() }.check().is_err());
        assert!(AlertConfig { hours_until: 25, ..AlertConfig::default() }.check().is_err());
        assert!(AlertConfig { factor: 0, ..AlertConfig::default() }.check().is_err());
        assert!(AlertConfig { utc_offset_minutes: 9999, ..AlertConfig::default() }.check().is_err());
    }
}
