//! The console's certificate: from the clinic's CA, for the names that browsers use, renewed by itself; or one that the clinic brings, read again when
//! its file changes.
//!
//! A browser trusts the first kind once somebody has put the clinic's CA into the system's store; `/trust` says how, and shows the fingerprint to compare.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use getrandom::SysRng;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use safelight_core::client::tls::Validity;
use safelight_core::device_key::{PublicKey, SoftwareKey};
use safelight_core::ids::UnixMillis;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::Console;
use super::own_certificate::{Files, OwnCertificate, OwnCertificateError};
use crate::clinic::ClinicError;
use crate::clinic::access::{Actor, Event};
use crate::keyfile::{self, KeyFileError};

/// Its TLS key, in the clinic process's folder.
pub const KEY_FILE: &str = "console.key";
const CERTIFICATE_FILE: &str = "console.crt";

/// Between two looks at whether it is to be renewed.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// Between two looks at the files of a certificate that the clinic brings.
const LOOK_AT_OWN_EVERY: Duration = Duration::from_secs(10);

/// Why the console cannot be served.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConsoleTlsError {
    /// A file.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// The clinic's stores, or its CA.
    #[error(transparent)]
    Clinic(#[from] ClinicError),
    /// The certificate that the clinic brings.
    #[error("the console's own certificate cannot be used: {0}")]
    Own(#[from] OwnCertificateError),
    /// The machine's randomness failed.
    #[error("the machine could not produce random numbers: check the system, then start again")]
    Randomness,
    /// rustls does not take key or certificate: a fault of this program.
    #[error("the console's certificate cannot be used")]
    Tls(#[source] rustls::Error),
    /// The address is in use, or not this machine's.
    #[error("the console cannot listen on {listen}: {source}. Set `console_listen` in config.toml to a free one")]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// The certificate in use.
#[derive(Debug)]
pub(super) struct Certificates {
    source: Source,
    current: RwLock<(Validity, Arc<ServerConfig>)>,
}

/// Where it comes from.
#[derive(Debug)]
enum Source {
    Authority { folder: PathBuf, hosts: Vec<String>, key: SoftwareKey },
    Own { files: Files, host: String, read: Mutex<[u8; 32]> },
}

impl Certificates {
    pub(super) async fn open(console: &Console) -> Result<Self, ConsoleTlsError> {
        if let Some(files) = console.inner.own_certificate.clone() {
            let (host, now) = (console.inner.host.clone(), console.desk.now());
            let own = files.load(&host, now)?;
            let source = Source::Own { files, host, read: Mutex::new(own.read) };
            return Ok(Self { source, current: RwLock::new(served(own)?) });
        }
        let folder = console.desk.clinic().folder().to_owned();
        let key = load_or_make_key(&folder)?;
        let hosts = super::guards::certified(&console.inner.names);
        let held =
            keyfile::read_certificates(&folder.join(CERTIFICATE_FILE)).ok().and_then(|chain| chain.into_iter().next());
        let usable = held.filter(|der| is_usable(der, &key, &hosts, console.desk.now()));
        let der = match usable {
            Some(der) => der,
            None => issue(console, &folder, &key, &hosts).await?,
        };
        let current = configured(console, &der, &key)?;
        Ok(Self { source: Source::Authority { folder, hosts, key }, current: RwLock::new(current) })
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.read().unwrap_or_else(PoisonError::into_inner).1.clone())
    }

    /// Issues another one in the last third of its life, or takes up the one that lies in the files now. Whatever goes wrong, the one before stays.
    pub(super) async fn renew_for_ever(&self, console: Console) {
        loop {
            let renewed = match &self.source {
                Source::Authority { folder, hosts, key } => {
                    sleep(LOOK_EVERY).await;
                    let validity = self.current.read().unwrap_or_else(PoisonError::into_inner).0;
                    if !is_due(validity, console.desk.now()) {
                        continue;
                    }
                    match issue(&console, folder, key, hosts).await {
                        Ok(der) => configured(&console, &der, key),
                        Err(error) => Err(error),
                    }
                }
                Source::Own { files, host, read } => {
                    sleep(LOOK_AT_OWN_EVERY).await;
                    match reread(files, host, read, console.desk.now()) {
                        Some(renewed) => renewed,
                        None => continue,
                    }
                }
            };
            match renewed {
                Ok(renewed) => {
                    tracing::info!("the console has a new certificate");
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
                }
                Err(error) => {
                    tracing::error!(code = "console-certificate", %error, "the console's certificate was not renewed")
                }
            }
        }
    }
}

type Configured = (Validity, Arc<ServerConfig>);

/// What the files hold, if that is not what was read before.
fn reread(
    files: &Files,
    host: &str,
    read: &Mutex<[u8; 32]>,
    now: UnixMillis,
) -> Option<Result<Configured, ConsoleTlsError>> {
    let own = match files.load(host, now) {
        Ok(own) => own,
        Err(error) => return Some(Err(error.into())),
    };
    let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
    if *read == own.read {
        return None;
    }
    *read = own.read;
    Some(served(own))
}

fn load_or_make_key(folder: &Path) -> Result<SoftwareKey, ConsoleTlsError> {
    let path = folder.join(KEY_FILE);
    if path.exists() {
        return Ok(keyfile::read_p256(&path)?);
    }
    let key = SoftwareKey::generate(&mut SysRng).map_err(|_| ConsoleTlsError::Randomness)?;
    keyfile::create_p256(&path, &key)?;
    Ok(key)
}

async fn issue(
    console: &Console,
    folder: &Path,
    key: &SoftwareKey,
    hosts: &[String],
) -> Result<Vec<u8>, ConsoleTlsError> {
    let clinic = console.desk.clinic();
    let issued = clinic.issue_console(&key.verifying(), hosts)?;
    console.desk.record(&Actor::Gateway, &[Event::ConsoleCertified(issued.serial)]).await?;
    let pem = keyfile::certificate_pem(&issued.der);
    keyfile::replace(&folder.join(CERTIFICATE_FILE), 0o600, pem.as_bytes())?;
    Ok(issued.der)
}

fn is_usable(der: &[u8], key: &SoftwareKey, hosts: &[String], now: UnixMillis) -> bool {
    let for_key = PublicKey::of_certificate(der).is_some_and(|certified| certified == key.verifying());
    let in_time = Validity::of_certificate(der).is_some_and(|validity| !is_due(validity, now));
    for_key && in_time && names_of(der).is_some_and(|names| hosts.iter().all(|host| names.contains(host)))
}

fn is_due(validity: Validity, now: UnixMillis) -> bool {
    let left = validity.not_after.0.saturating_sub(now.0);
    let whole = validity.not_after.0.saturating_sub(validity.not_before.0);
    left < whole / 3 || now < validity.not_before
}

/// Names and addresses in a certificate.
pub(super) fn names_of(der: &[u8]) -> Option<Vec<String>> {
    use x509_parser::extensions::GeneralName;
    use x509_parser::prelude::{FromDer, X509Certificate};
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    };
    Some(names.value.general_names.iter().filter_map(name).collect())
}

fn configured(console: &Console, der: &[u8], key: &SoftwareKey) -> Result<Configured, ConsoleTlsError> {
    let pkcs8 = key.to_pkcs8().map_err(|_| ConsoleTlsError::Randomness)?;
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8.to_vec()));
    let chain =
        vec![CertificateDer::from(der.to_vec()), CertificateDer::from(console.desk.clinic().ca.certificate().to_vec())];
    let validity = Validity::of_certificate(der)
        .ok_or(ConsoleTlsError::Tls(rustls::Error::General("a certificate without dates".to_owned())))?;
    Ok((validity, tls(chain, private)?))
}

fn served(own: OwnCertificate) -> Result<Configured, ConsoleTlsError> {
    Ok((own.validity, tls(own.chain, own.key)?))
}

/// TLS 1.3 alone, without tickets: a session that is resumed asks nobody. Browsers that know the hybrid key exchange get it.
fn tls(
    chain: Vec<CertificateDer<'static>>,
    private: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, ConsoleTlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(ConsoleTlsError::Tls)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(ConsoleTlsError::Tls)?;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_have_not_changed_are_not_taken_up_again_and_others_are() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files { certificate: folder.path().join("tls.crt"), key: folder.path().join("tls.key") };
        let host = "photos.clinic.example";
        let put = || {
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap().self_signed(&key).unwrap();
            keyfile::replace(&files.certificate, 0o600, certificate.pem().as_bytes()).unwrap();
            keyfile::replace(&files.key, 0o600, key.serialize_pem().as_bytes()).unwrap();
        };
        put();
        let now = UnixMillis(1_800_000_000_000);
        let read = Mutex::new(files.load(host, now).unwrap().read);
        assert!(reread(&files, host, &read, now).is_none());
        put();
        assert!(reread(&files, host, &read, now).unwrap().is_ok());
        assert!(reread(&files, host, &read, now).is_none(), "the same twice");
        std::fs::remove_file(&files.key).unwrap();
        assert!(reread(&files, host, &read, now).unwrap().is_err());
    }
}
