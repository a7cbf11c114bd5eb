//! Configuration: `config.toml` in the data folder, overridden by `SAFELIGHT_*`, overridden by flags.
//!
//! Unknown keys are refused, so that a misspelt one is found before it matters.

pub mod alert;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use safelight_core::text::is_one_line;
use serde::{Deserialize, Serialize};

use self::alert::AlertConfig;
use crate::owner;

/// Name of the file in the data folder.
pub const FILE_NAME: &str = "config.toml";

/// UDP port for phones, unless configured.
pub const DEFAULT_PORT: u16 = 4433;

/// UDP port for enrolment, unless configured.
pub const DEFAULT_ENROL_PORT: u16 = 4434;

/// TCP port for the console, unless configured.
pub const DEFAULT_CONSOLE_PORT: u16 = 8443;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file: no gateway was made here.
    #[error("there is no {FILE_NAME} in {0}: run `safelight init --data ...` first, or name another folder")]
    Missing(PathBuf),
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML, or has a key that does not exist. The parser's message names line and key.
    #[error("{path}: {source}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A variable of the environment that does not exist or cannot be read as what it should be.
    #[error("the environment variable {0} is not known or not valid")]
    Environment(String),
    /// A value that is well-formed and makes no sense.
    #[error("{0}")]
    Value(&'static str),
}

/// What the gateway is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The clinic's name, as phones show it.
    pub clinic_name: String,
    /// Names or addresses under which phones reach this machine, best first.
    pub hosts: Vec<String>,
    /// Where phones are served (UDP).
    pub listen: SocketAddr,
    /// The port that phones are told, where a router forwards another one to `listen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_port: Option<u16>,
    /// Where phones are enrolled while an invitation is open (UDP).
    pub enrol_listen: SocketAddr,
    /// Where the console is served (TCP, HTTPS). Not at all where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_listen: Option<SocketAddr>,
    /// A certificate of the clinic's own for the console (PEM, with its chain), in the place of one from the clinic's CA. A relative path is of the data folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_certificate: Option<PathBuf>,
    /// Its key (PEM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_key: Option<PathBuf>,
    /// Roots of key attestation that are trusted beside Google's (PEM), for phones of other makers. A relative path is of the data folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation_roots: Option<PathBuf>,
    /// User id of the clinic process, where the two processes run as two users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clinic_uid: Option<u32>,
    /// How record numbers are compared.
    #[serde(default)]
    pub record_numbers: RecordNumbers,
    /// What raises an alert, and where it is sent.
    #[serde(default, skip_serializing_if = "AlertConfig::is_default")]
    pub alert: AlertConfig,
}

/// How a record number is normalised before it becomes a handle. Not to be changed once there are patients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordNumbers {
    /// `ab12` and `AB12` are one patient.
    pub fold_case: bool,
    /// `12 345` and `12345` are one patient.
    pub strip_spaces: bool,
    /// `0012345` and `12345` are one patient.
    pub strip_leading_zeros: bool,
}

impl Default for RecordNumbers {
    fn default() -> Self {
        Self { fold_case: true, strip_spaces: true, strip_leading_zeros: false }
    }
}

impl Config {
    /// Reads the file of `folder` and what the environment says over it.
    pub fn load(folder: &Path) -> Result<Self, ConfigError> {
        let mut config = Self::load_file(folder)?;
        config.overlay(std::env::vars())?;
        let paths = [&mut config.console_certificate, &mut config.console_key, &mut config.attestation_roots];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&*path);
        }
        config.check()?;
        Ok(config)
    }

    /// The file alone: what the environment says is for another gateway.
    pub(crate) fn load_file(folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join(FILE_NAME);
        let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => ConfigError::Missing(folder.to_owned()),
            _ => ConfigError::Io { path: path.clone(), source },
        })?;
        toml::from_str(&text).map_err(|source| ConfigError::Toml { path, source: Box::new(source) })
    }

    /// Takes `SAFELIGHT_*` from `variables`. Those that the command line reads itself are left to it.
    fn overlay(&mut self, variables: impl Iterator<Item = (String, String)>) -> Result<(), ConfigError> {
        for (name, value) in variables {
            let Some(key) = name.strip_prefix("SAFELIGHT_") else { continue };
            let wrong = || ConfigError::Environment(name.clone());
            match key {
                "CLINIC_NAME" => self.clinic_name = value,
                "HOSTS" => self.hosts = value.split(',').map(|host| host.trim().to_owned()).collect(),
                "LISTEN" => self.listen = value.parse().map_err(|_| wrong())?,
                "PHONE_PORT" => self.phone_port = Some(value.parse().map_err(|_| wrong())?),
                "ENROL_LISTEN" => self.enrol_listen = value.parse().map_err(|_| wrong())?,
                "CONSOLE_LISTEN" => self.console_listen = Some(value.parse().map_err(|_| wrong())?),
                "CONSOLE_CERTIFICATE" => self.console_certificate = Some(value.into()),
                "CONSOLE_KEY" => self.console_key = Some(value.into()),
                "ATTESTATION_ROOTS" => self.attestation_roots = Some(value.into()),
                "CLINIC_UID" => self.clinic_uid = Some(value.parse().map_err(|_| wrong())?),
                "DATA" | "PASSPHRASE_FILE" | "IDENTITY" | "LOG" | "SHARED" => {}
                _ => return Err(wrong()),
            }
        }
        Ok(())
    }

    /// What a parser cannot know.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.clinic_name.len() > 64 || !is_one_line(&self.clinic_name) {
            return Err(ConfigError::Value(
                "clinic_name: 1 to 64 bytes are expected, all of them characters that show",
            ));
        }
        if self.hosts.is_empty() || self.hosts.len() > 8 {
            return Err(ConfigError::Value("hosts: 1 to 8 names or addresses are expected"));
        }
        if self.hosts.iter().any(|host| !is_host(host)) {
            return Err(ConfigError::Value("hosts: names or addresses without port are expected"));
        }
        if self.listen.port() == 0 || self.enrol_listen.port() == 0 {
            return Err(ConfigError::Value(
                "listen, enrol_listen: a port is expected; `init` chooses one where it is given 0",
            ));
        }
        if self.console_listen.is_some_and(|listen| listen.port() == 0) {
            return Err(ConfigError::Value(
                "console_listen: a port is expected; `init` chooses one where it is given 0",
            ));
        }
        if self.console_certificate.is_some() != self.console_key.is_some() {
            return Err(ConfigError::Value("console_certificate, console_key: both are expected, or neither"));
        }
        if self.listen == self.enrol_listen {
            return Err(ConfigError::Value("listen, enrol_listen: two different ports are expected"));
        }
        self.alert.check()
    }

    /// Writes the file of `folder`.
    pub fn save(&self, folder: &Path) -> Result<(), ConfigError> {
        let path = folder.join(FILE_NAME);
        let text = toml::to_string_pretty(self)
            .map_err(|_| ConfigError::Value("the configuration cannot be written as TOML"))?;
        std::fs::write(&path, text).map_err(|source| ConfigError::Io { path, source })
    }

    /// `host:port` of the normal listener, for the key set.
    pub fn addresses(&self) -> Vec<String> {
        with_port(&self.hosts, self.phone_port.unwrap_or(self.listen.port()))
    }

    /// `https://host:port` of the console, as people are told it. `None` where there is none.
    pub fn console_address(&self) -> Option<String> {
        let listen = self.console_listen?;
        let host = with_port(self.hosts.get(..1).unwrap_or_default(), listen.port()).pop()?;
        Some(format!("https://{}", host.strip_suffix(":443").unwrap_or(&host)))
    }

    /// `host:port` of the enrolment listener, for invitations.
    pub fn enrol_addresses(&self) -> Vec<String> {
        with_port(&self.hosts, self.enrol_listen.port())
    }
}

/// A name or an address, without a port.
fn is_host(host: &str) -> bool {
    let is_name = (1..=253).contains(&host.len())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    is_name || host.parse::<std::net::Ipv6Addr>().is_ok()
}

fn with_port(hosts: &[String], port: u16) -> Vec<String> {
    let bracketed = |host: &String| {
        if host.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    };
    hosts.iter().map(bracketed).collect()
}

/// Where things lie in a data folder.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Of the data folder `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The data folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What belongs to the ingest process.
    pub fn ingest(&self) -> PathBuf {
        self.root.join("ingest")
    }

    /// What belongs to the clinic process.
    pub fn clinic(&self) -> PathBuf {
        self.root.join("clinic")
    }

    /// Whether the two processes' folders belong to two users.
    pub fn has_two_users(&self) -> bool {
        owner::of(&self.ingest()) != owner::of(&self.clinic())
    }

    /// Sealed payloads: written by ingest, read by the clinic process.
    pub fn blobs(&self) -> PathBuf {
        self.ingest().join("blobs")
    }

    /// Uploads that are not whole yet.
    pub fn incoming(&self) -> PathBuf {
        self.ingest().join("incoming")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Config {
        Config {
            clinic_name: "Dermatology".to_owned(),
            hosts: vec!["192.0.2.1".to_owned(), "2001:db8::1".to_owned()],
            listen: "0.0.0.0:4433".parse().unwrap(),
            phone_port: None,
            enrol_listen: "0.0.0.0:4434".parse().unwrap(),
            console_listen: Some("0.0.0.0:8443".parse().unwrap()),
            console_certificate: None,
            console_key: None,
            attestation_roots: None,
            clinic_uid: None,
            record_numbers: RecordNumbers::default(),
            alert: AlertConfig::default(),
        }
    }

    #[test]
    fn a_file_round_trips_and_an_unknown_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        example().save(folder.path()).unwrap();
        assert_eq!(Config::load_file(folder.path()).unwrap(), example());
        let path = folder.path().join(FILE_NAME);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("lissten = \"0.0.0.0:1\"\n{text}")).unwrap();
        assert!(matches!(Config::load_file(folder.path()), Err(ConfigError::Toml { .. })));
    }

    #[test]
    fn the_environment_wins_over_the_file_and_unknown_variables_are_refused() {
        let mut config = example();
        let set = |name: &str, value: &str| std::iter::once((name.to_owned(), value.to_owned()));
        config.overlay(set("SAFELIGHT_LISTEN", "127.0.0.1:9")).unwrap();
        assert_eq!(config.listen.port(), 9);
        assert!(config.overlay(set("SAFELIGHT_LISTENN", "127.0.0.1:9")).is_err());
        assert!(config.overlay(set("SAFELIGHT_LISTEN", "nonsense")).is_err());
        config.overlay(set("PATH", "/bin")).unwrap();
    }

    #[test]
    fn values_that_make_no_sense_are_named() {
        assert!(example().check().is_ok());
        assert!(Config { hosts: vec![], ..example() }.check().is_err());
        assert!(Config { enrol_listen: example().listen, ..example() }.check().is_err());
        assert!(Config { listen: "0.0.0.0:0".parse().unwrap(), ..example() }.check().is_err());
        assert!(Config { clinic_name: "a\nb".to_owned(), ..example() }.check().is_err());
        for host in ["127.0.0.1:4433", "a/b", "", "[::1]", "a b"] {
            assert!(Config { hosts: vec![host.to_owned()], ..example() }.check().is_err(), "{host}");
        }
    }

    #[test]
    fn ipv6_addresses_are_bracketed() {
        assert_eq!(example().addresses(), ["192.0.2.1:4433", "[2001:db8::1]:4433"]);
    }
}
