//! The device key in rustls's hands, and the configuration of the main connection.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, SignatureAlgorithm, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::verifier::Trust;
use super::{ALPN_MAIN, TlsConfigError, builder, finished};
use crate::device_key::{DeviceKey, DeviceKeyError};
use crate::ids::ClinicId;

/// What a device presents: its certificate, then what is needed to reach a root, and its key.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    /// X.509 in DER, the device's own first.
    pub chain: Vec<Vec<u8>>,
    /// The key of the first certificate.
    pub key: Arc<dyn DeviceKey>,
}

/// TLS for the main connection.
#[derive(Debug, Clone)]
pub struct MainTls {
    /// The configuration.
    pub config: ClientConfig,
    /// The name to connect under, whatever the address is.
    pub server_name: String,
    /// What the device key said when it did not sign.
    pub key_failures: KeyFailures,
}

/// The last failure of a device key. rustls can carry only text, so a handshake that failed for the key's sake asks
/// here for the reason.
#[derive(Debug, Clone, Default)]
pub struct KeyFailures(Arc<Mutex<Option<DeviceKeyError>>>);

impl KeyFailures {
    /// Takes the failure out; nothing if the key has not failed since.
    #[must_use]
    pub fn take(&self) -> Option<DeviceKeyError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn keep(&self, error: DeviceKeyError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// The configuration of the main connection: the device authenticates as `identity`, the gateway by a certificate
/// for `clinic` from one of `roots` (X.509 in DER, from the verified key set).
///
/// The key signs inside the handshake, on the thread that drives the connection: one that may take its time must see to it that
/// this harms nobody, as the key of a [`Client`](crate::client::Client) does.
pub fn main_config(identity: &ClientIdentity, roots: &[Vec<u8>], clinic: ClinicId) -> Result<MainTls, TlsConfigError> {
    let key_failures = KeyFailures::default();
    let certified = certified_key(identity, key_failures.clone())?;
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(CertificateDer::from(root.as_slice()).into_owned()).map_err(|_| TlsConfigError::Roots)?;
    }
    if store.is_empty() {
        return Err(TlsConfigError::Roots);
    }
    let builder = builder(Trust::Roots(store), clinic)?;
    let config = builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    let config = finished(config, ALPN_MAIN);
    Ok(MainTls { config, server_name: clinic.server_name(), key_failures })
}

fn certified_key(identity: &ClientIdentity, failures: KeyFailures) -> Result<CertifiedKey, TlsConfigError> {
    let own = identity.chain.first().ok_or(TlsConfigError::Certificate)?;
    let (rest, certificate) = X509Certificate::from_der(own).map_err(|_| TlsConfigError::Certificate)?;
    if !rest.is_empty() {
        return Err(TlsConfigError::Certificate);
    }
    let certified = certificate.public_key();
    if certified.subject_public_key.data.as_ref() != identity.key.public_key()?.to_sec1() {
        return Err(TlsConfigError::KeyMismatch);
    }
    let key = TlsKey { key: Arc::clone(&identity.key), spki: certified.raw.to_vec(), failures };
    let chain = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    Ok(CertifiedKey::new(chain, Arc::new(key)))
}

#[derive(Debug, Clone)]
struct TlsKey {
    key: Arc<dyn DeviceKey>,
    spki: Vec<u8>,
    failures: KeyFailures,
}

impl SigningKey for TlsKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&SignatureScheme::ECDSA_NISTP256_SHA256).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.spki.as_slice()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for TlsKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.key.sign(message).map_err(|error| {
            let text = error.to_string();
            self.failures.keep(error);
            rustls::Error::General(text)
        })
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}
