//! A certificate that the clinic brings for its console, from its own CA or a public one: two PEM files that `console_certificate` and `console_key` name.
//!
//! What is looked at is what a browser would refuse: the key belongs to the certificate, the name that people are told is in it, and today lies in its time.
//! One that does not hold is not served, nor is the clinic's own CA used in its place: a warning that people learn to click away is worse than no console.

use std::net::IpAddr;
use std::path::PathBuf;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use safelight_core::client::tls::Validity;
use safelight_core::ids::UnixMillis;
use sha2::{Digest, Sha256};

use super::tls::names_of;
use crate::clock::calendar::rfc3339;
use crate::config::Config;
use crate::keyfile::{self, KeyFileError};

/// Where the two files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// Why the clinic's certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OwnCertificateError {
    /// A file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// There is no certificate in the file.
    #[error("{0}: no certificate is in it; PEM is expected, the console's own certificate first")]
    NoCertificate(PathBuf),
    /// There is no key in the file, or one of a kind that is not served.
    #[error("{0}: no private key is in it that can be used; PEM is expected, without a passphrase")]
    NoKey(PathBuf),
    /// They are not a pair.
    #[error("{key}: this is not the key of {certificate}")]
    NotAPair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A browser would not believe it.
    #[error("{certificate}: it does not name {host}, under which people open the console (the first of `hosts`)")]
    Name {
        /// The certificate's file.
        certificate: PathBuf,
        /// What is missing.
        host: String,
    },
    /// Not now.
    #[error("{certificate}: it holds from {from} to {until}, and not now")]
    Time {
        /// The certificate's file.
        certificate: PathBuf,
        /// Its first second.
        from: String,
        /// Its last.
        until: String,
    },
}

/// A certificate with its chain and key, which fit.
pub(super) struct OwnCertificate {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) validity: Validity,
    /// SHA-256 of both files: another one says that they were replaced.
    pub(super) read: [u8; 32],
}

impl Files {
    /// Those of the configuration, if it names any.
    pub(super) fn of(config: &Config) -> Option<Self> {
        Some(Self { certificate: config.console_certificate.clone()?, key: config.console_key.clone()? })
    }

    /// Reads and compares them. `host` is the name that people are told.
    pub(super) fn load(&self, host: &str, now: UnixMillis) -> Result<OwnCertificate, OwnCertificateError> {
        let (text, secret) = (keyfile::read(&self.certificate)?, keyfile::read_secret(&self.key)?);
        let read = Sha256::new().chain_update(Sha256::digest(&text)).chain_update(Sha256::digest(&*secret)).finalize();
        let certificate = self.certificate.clone();
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().unwrap_or_default();
        let no_certificate = || OwnCertificateError::NoCertificate(certificate.clone());
        let first = chain.first().ok_or_else(no_certificate)?;
        let validity = Validity::of_certificate(first).ok_or_else(no_certificate)?;
        let names = names_of(first).unwrap_or_default();
        let no_key = || OwnCertificateError::NoKey(self.key.clone());
        let key = PrivateKeyDer::from_pem_slice(&secret).map_err(|_| no_key())?;
        let signing = aws_lc_rs::sign::any_supported_type(&key).map_err(|_| no_key())?;
        if CertifiedKey::new(chain.clone(), signing).keys_match().is_err() {
            return Err(OwnCertificateError::NotAPair { certificate, key: self.key.clone() });
        }
        if !names.iter().any(|name| names_host(name, host)) {
            return Err(OwnCertificateError::Name { certificate, host: host.to_owned() });
        }
        if now < validity.not_before || now >= validity.not_after {
            let (from, until) = (rfc3339(validity.not_before), rfc3339(validity.not_after));
            return Err(OwnCertificateError::Time { certificate, from, until });
        }
        Ok(OwnCertificate { chain, key, validity, read: read.into() })
    }
}

/// Whether a name of a certificate is this host's: the same, or a star in the place of its first label (RFC 9525 section 6.3).
fn names_host(name: &str, host: &str) -> bool {
    let (name, host) = (name.to_lowercase(), host.to_lowercase());
    if name == host {
        return true;
    }
    let rest = host.split_once('.').map(|(_, rest)| rest).filter(|rest| rest.contains('.'));
    host.parse::<IpAddr>().is_err() && name.strip_prefix("*.").is_some_and(|named| Some(named) == rest)
}

/// Looks at the certificate that the configuration names: until when it holds, or `None` if it names none.
///
/// # Errors
/// [`OwnCertificateError`]: what the console would refuse at its start.
pub fn check_certificate(config: &Config, now: UnixMillis) -> Result<Option<UnixMillis>, OwnCertificateError> {
    let Some(files) = Files::of(config) else { return Ok(None) };
    Ok(Some(files.load(host_of(config), now)?.validity.not_after))
}

/// The name that people are told.
pub(super) fn host_of(config: &Config) -> &str {
    config.hosts.first().map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Certificate and key in PEM, for these names, valid in these years.
    fn made(names: &[&str], years: (i32, i32)) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn a_certificate_is_taken_if_a_browser_would_take_it_and_is_refused_for_each_reason() {
        let folder = tempfile::tempdir().unwrap();
        let now = UnixMillis(1_800_000_000_000); // 2027-01-15
        let host = "photos.clinic.example";
        let files = |certificate: &str, key: &str| Files {
            certificate: write(folder.path(), "tls.crt", certificate),
            key: write(folder.path(), "tls.key", key),
        };
        let refused = |certificate: &str, key: &str| match files(certificate, key).load(host, now) {
            Ok(_) => panic!("it was taken"),
            Err(error) => error,
        };
        let (good, key) = made(&[host], (2026, 2028));
        let taken = files(&good, &key).load(host, now).unwrap();
        assert_eq!(taken.chain.len(), 1);
        let (wild, wild_key) = made(&["*.clinic.example"], (2026, 2028));
        assert!(files(&wild, &wild_key).load(host, now).is_ok());
        assert_ne!(files(&wild, &wild_key).load(host, now).unwrap().read, taken.read);

        let (other, other_key) = made(&["other.example", "*.photos.clinic.example", "*.example"], (2026, 2028));
        assert!(matches!(refused(&other, &other_key), OwnCertificateError::Name { .. }));
        assert!(matches!(refused(&good, &other_key), OwnCertificateError::NotAPair { .. }));
        let (old, old_key) = made(&[host], (2020, 2021));
        assert!(matches!(refused(&old, &old_key), OwnCertificateError::Time { .. }));
        let (early, early_key) = made(&[host], (2030, 2031));
        assert!(matches!(refused(&early, &early_key), OwnCertificateError::Time { .. }));
        assert!(matches!(refused("nothing", &key), OwnCertificateError::NoCertificate(_)));
        assert!(matches!(refused(&good, "nothing"), OwnCertificateError::NoKey(_)));
        let open = files(&good, &key);
        std::fs::set_permissions(&open.key, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(open.load(host, now), Err(OwnCertificateError::File(_))), "everybody reads the key");
    }

    #[test]
    fn a_star_stands_for_one_label_and_not_for_an_address() {
        assert!(names_host("*.clinic.example", "photos.clinic.example"));
        assert!(names_host("Photos.Clinic.example", "photos.clinic.EXAMPLE"));
        assert!(names_host("192.0.2.1", "192.0.2.1"));
        for (name, host) in [
            ("*.clinic.example", "a.photos.clinic.example"),
            ("*.example", "clinic.example.org"),
            ("*.clinic.example", "clinic.example"),
            ("*.0.2.1", "192.0.2.1"),
            ("*.com", "clinic.com"),
            ("*", "localhost"),
        ] {
            assert!(!names_host(name, host), "{name} {host}");
        }
    }
}
