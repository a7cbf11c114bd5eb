//! The clinic's certificate authority: a P-256 key, and a certificate of our own template.
//!
//! It signs devices and ingest, and the clinic key's certificate. It never signs another authority.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand_core::TryCryptoRng;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyUsagePurpose};
use rustls::pki_types::CertificateDer;
use safelight_core::client::tls::{CertificateSigner, Validity};
use safelight_core::device_key::{SoftwareDeviceKey, SoftwareKey};
use safelight_core::ids::{ClinicId, UnixMillis};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::issue::{self, IssueError};
use crate::keyfile::{self, KeyFileError};

/// How long the CA certificate holds: ten years, of which no certificate under it outlives a day.
pub const CA_LIFETIME: Duration = Duration::from_secs(3_652 * 24 * 60 * 60);

/// A key and the CA certificate for it, which belong together.
#[derive(Debug, Clone)]
pub struct Ca {
    clinic: ClinicId,
    key: SoftwareKey,
    certificate: CertificateDer<'static>,
    validity: Validity,
}

/// Why there is no certificate authority. Enrolment stops; ingest goes on with the devices that it has.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file cannot be read or written.
    #[error("{path}: the CA's file cannot be used; restore it from the backup if it is lost", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than its owner may read the key.
    #[error("{path}: others can read the CA key; allow its owner alone (chmod 600)", path = path.display())]
    KeyExposed {
        /// Which.
        path: PathBuf,
    },
    /// The key file holds no P-256 key.
    #[error("{path}: this is not a P-256 key in PKCS#8 PEM; restore it from the backup", path = path.display())]
    Key {
        /// Which.
        path: PathBuf,
    },
    /// The certificate file holds no certificate of this clinic's CA.
    #[error("{path}: this is not the CA certificate of this clinic; restore it from the backup", path = path.display())]
    Certificate {
        /// Which.
        path: PathBuf,
    },
    /// Each is whole, but they do not belong together.
    #[error("the CA's key and certificate do not belong together; restore both from the same backup")]
    Mismatch,
    /// The source of randomness failed.
    #[error("no randomness for the CA key: check the system, then try again")]
    Random,
    /// The certificate could not be made.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl Ca {
    /// Makes a new authority for `clinic`, in memory.
    pub fn create<R: TryCryptoRng>(clinic: ClinicId, now: UnixMillis, rng: &mut R) -> Result<Self, CaError> {
        let key = SoftwareKey::generate(rng).map_err(|_| CaError::Random)?;
        let validity = issue::validity_from(now, CA_LIFETIME);
        let params = issue::dated(ca_params(clinic), validity, &issue::new_serial(rng)?)?;
        let signing = SoftwareDeviceKey::new(key.clone(), getrandom::SysRng);
        let signer = CertificateSigner::new(&signing).map_err(IssueError::Key)?;
        let certificate = params.self_signed(&signer).map_err(IssueError::Encoding)?.der().clone();
        // Read back, so that what is kept is what is written.
        let validity = Validity::of_certificate(&certificate).ok_or(IssueError::Clock)?;
        Ok(Self { clinic, key, certificate, validity })
    }

    /// Writes the key (PKCS#8 PEM, readable by its owner alone) and the certificate (PEM), and syncs both.
    /// Neither may exist: an authority is never overwritten.
    pub fn save(&self, key_path: &Path, certificate_path: &Path) -> Result<(), CaError> {
        keyfile::create_p256(key_path, &self.key).map_err(|error| of_file(error, |path| CaError::Key { path }))?;
        keyfile::create(certificate_path, 0o644, self.certificate_pem().as_bytes())
            .map_err(|error| of_file(error, |path| CaError::Certificate { path }))
    }

    /// Reads what [`Ca::save`] wrote, and checks that key, certificate and `clinic` belong together.
    pub fn load(key_path: &Path, certificate_path: &Path, clinic: ClinicId) -> Result<Self, CaError> {
        let key = keyfile::read_p256(key_path).map_err(|error| of_file(error, |path| CaError::Key { path }))?;
        let bad = || CaError::Certificate { path: certificate_path.to_owned() };
        let read = keyfile::read_certificates(certificate_path);
        let read = read.map_err(|error| of_file(error, |path| CaError::Certificate { path }))?;
        let certificate = CertificateDer::from(read.into_iter().next().ok_or_else(bad)?);
        let validity = check_certificate(&certificate, &key, clinic).map_err(|fault| match fault {
            Fault::Certificate => bad(),
            Fault::Key => CaError::Mismatch,
        })?;
        Ok(Self { clinic, key, certificate, validity })
    }

    /// Whose authority it is.
    pub fn clinic(&self) -> ClinicId {
        self.clinic
    }

    /// The certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate in PEM.
    pub fn certificate_pem(&self) -> String {
        keyfile::certificate_pem(&self.certificate)
    }

    /// SHA-256 of the certificate's DER, which an invitation carries.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.certificate).into()
    }

    /// The key, which also certifies the clinic key.
    pub fn key(&self) -> &SoftwareKey {
        &self.key
    }

    /// How long the authority itself holds.
    pub fn validity(&self) -> Validity {
        self.validity
    }
}

/// The CA certificate's template (RFC 5280 section 4.2.1.9): an authority for end entities and nothing below.
pub(super) fn ca_params(clinic: ClinicId) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = issue::common_name(&ca_name(clinic));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn ca_name(clinic: ClinicId) -> String {
    format!("Safelight CA {clinic}")
}

enum Fault {
    Certificate,
    Key,
}

fn check_certificate(der: &[u8], key: &SoftwareKey, clinic: ClinicId) -> Result<Validity, Fault> {
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| Fault::Certificate)?;
    let name = certificate.subject().to_string();
    if !rest.is_empty() || !certificate.is_ca() || name != format!("CN={}", ca_name(clinic)) {
        return Err(Fault::Certificate);
    }
    let public = key.verifying();
    if certificate.public_key().subject_public_key.data.as_ref() != public.to_sec1() {
        return Err(Fault::Key);
    }
    if !public.verifies_der(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data) {
        return Err(Fault::Certificate);
    }
    Validity::of_certificate(der).ok_or(Fault::Certificate)
}

/// What is wrong with a file, where `other` says what else than its reading it can be.
fn of_file(error: KeyFileError, other: impl FnOnce(PathBuf) -> CaError) -> CaError {
    match error {
        KeyFileError::Io { path, source } => CaError::File { path, source },
        KeyFileError::Exposed(path) => CaError::KeyExposed { path },
        KeyFileError::Malformed(path) => other(path),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use getrandom::SysRng;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_760_000_000_000);
    const CLINIC: ClinicId = ClinicId::from_bytes([7; 16]);

    fn saved(folder: &Path, clinic: ClinicId) -> (Ca, PathBuf, PathBuf) {
        let ca = Ca::create(clinic, NOW, &mut SysRng).unwrap();
        let (key, certificate) = (folder.join("ca.key"), folder.join("ca.crt"));
        ca.save(&key, &certificate).unwrap();
        (ca, key, certificate)
    }

    #[test]
    fn what_is_saved_is_loaded_and_the_key_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let (ca, key, certificate) = saved(folder.path(), CLINIC);
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&key).unwrap();
        assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\n"), "PKCS#8 PEM");
        let again = Ca::load(&key, &certificate, CLINIC).unwrap();
        assert_eq!(again.certificate(), ca.certificate());
        assert_eq!(again.key().verifying(), ca.key().verifying());
        assert_eq!(again.sha256(), ca.sha256());
        assert_eq!(again.validity(), ca.validity());
    }

    #[test]
    fn an_authority_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (_, key, certificate) = saved(folder.path(), CLINIC);
        let before = std::fs::read(&key).unwrap();
        let other = Ca::create(CLINIC, NOW, &mut SysRng).unwrap();
        assert!(matches!(other.save(&key, &certificate), Err(CaError::File { .. })));
        assert_eq!(std::fs::read(&key).unwrap(), before);
    }

    #[test]
    fn e19_what_does_not_belong_together_is_refused_by_name() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (_, key, certificate) = saved(one.path(), CLINIC);
        let (_, other_key, other_certificate) = saved(two.path(), CLINIC);
        let load = |key: &Path, certificate: &Path, clinic| Ca::load(key, certificate, clinic).unwrap_err();
        assert!(matches!(load(&other_key, &certificate, CLINIC), CaError::Mismatch));
        assert!(matches!(load(&key, &other_certificate, CLINIC), CaError::Mismatch));
        let stranger = ClinicId::from_bytes([8; 16]);
        assert!(matches!(load(&key, &certificate, stranger), CaError::Certificate { .. }));
        assert!(matches!(load(&one.path().join("none"), &certificate, CLINIC), CaError::File { .. }));
        assert!(matches!(load(&key, &one.path().join("none"), CLINIC), CaError::File { .. }));
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&key, &certificate, CLINIC), CaError::KeyExposed { .. }));
    }

    #[test]
    fn e19_damaged_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (_, key, certificate) = saved(folder.path(), CLINIC);
        let (whole_key, whole_certificate) = (std::fs::read(&key).unwrap(), std::fs::read(&certificate).unwrap());
        for bad in [&b""[..], b"\xff", &whole_certificate, &whole_key[..whole_key.len() / 2]] {
            std::fs::write(&key, bad).unwrap();
            assert!(matches!(Ca::load(&key, &certificate, CLINIC), Err(CaError::Key { .. })));
        }
        std::fs::write(&key, &whole_key).unwrap();
        for bad in [&b""[..], b"\xff", &whole_key, &whole_certificate[..whole_certificate.len() / 2]] {
            std::fs::write(&certificate, bad).unwrap();
            assert!(matches!(Ca::load(&key, &certificate, CLINIC), Err(CaError::Certificate { .. })));
        }
    }

    #[test]
    fn the_certificate_follows_the_template() {
        let ca = Ca::create(CLINIC, NOW, &mut SysRng).unwrap();
        let (rest, certificate) = X509Certificate::from_der(ca.certificate()).unwrap();
        assert!(rest.is_empty());
        let constraints = certificate.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical && constraints.value.ca);
        assert_eq!(constraints.value.path_len_constraint, Some(0));
        let usage = certificate.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.key_cert_sign());
        assert_eq!(usage.value.flags.count_ones(), 1, "keyCertSign and nothing else");
        assert!(certificate.extended_key_usage().unwrap().is_none());
        assert_eq!(certificate.subject().to_string(), format!("CN=Safelight CA {CLINIC}"));
        assert_eq!(certificate.subject(), certificate.issuer());
        assert_eq!(ca.validity().not_after.0 / 1000, (NOW.0 + 3_652 * 86_400_000) / 1000);
    }

    /// A second reader's opinion, where there is one.
    #[test]
    fn openssl_agrees() {
        let folder = tempfile::tempdir().unwrap();
        let (ca, key, certificate) = saved(folder.path(), CLINIC);
        let device = SoftwareKey::generate(&mut SysRng).unwrap().verifying();
        let now = UnixMillis(u64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
        let id = safelight_core::ids::DeviceId::from_bytes([9; 16]);
        let issued = ca.issue_device(&device, id, now, &mut SysRng).unwrap();
        let leaf = folder.path().join("device.der");
        std::fs::write(&leaf, &issued.der).unwrap();
        let run = |arguments: &[&str]| {
            let output = std::process::Command::new("openssl").args(arguments).output().ok()?;
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            Some((output.status.success(), text(&output.stdout) + &text(&output.stderr)))
        };
        if run(&["version"]).is_none() {
            println!("skipped: openssl_agrees (there is no openssl command)");
            return;
        }
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let (key, certificate, leaf) = (path(&key), path(&certificate), path(&leaf));
        let (good, text) = run(&["pkey", "-in", &key, "-noout", "-check"]).unwrap();
        assert!(good, "{text}");
        for (purpose, expected) in [("sslclient", true), ("sslserver", false)] {
            let arguments = ["verify", "-x509_strict", "-CAfile", &certificate, "-purpose", purpose, &leaf];
            let (good, text) = run(&arguments).unwrap();
            assert_eq!(good, expected, "{purpose}: {text}");
        }
        let (_, text) = run(&["x509", "-in", &leaf, "-noout", "-text"]).unwrap();
        assert!(text.contains(&format!("URI:safelight:device:{id}")), "{text}");
        assert!(text.contains("CA:FALSE") && text.contains("TLS Web Client Authentication"), "{text}");
        assert!(!text.contains("TLS Web Server Authentication"), "{text}");
    }
}
