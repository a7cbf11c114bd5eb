//! The clinic, its devices, and keys that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use getrandom::SysRng;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, SanType};
use rustls::client::{ClientSessionStore, Tls13ClientSessionValue};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, NamedGroup, ServerConfig};
use safelight_core::client::tls::{CertificateKey, CertificateSigner, ClientIdentity, device_uri, main_config};
use safelight_core::device_key::{DeviceKey, DeviceKeyError, PublicKey, SoftwareDeviceKey, SoftwareKey};
use safelight_core::ids::{ClinicId, DeviceId, UnixMillis};
use safelight_gateway::enrol::ca::Ca;
use safelight_gateway::ingest::authenticate::{enrol_server_config, server_config};

pub(crate) const CLINIC: ClinicId = ClinicId::from_bytes([7; 16]);
pub(crate) const DEVICE: DeviceId = DeviceId::from_bytes([9; 16]);
pub(crate) const HOUR: u64 = 3_600_000;

pub(crate) struct Clinic {
    pub(crate) ca: Ca,
}

pub(crate) struct Device {
    pub(crate) identity: ClientIdentity,
    pub(crate) serial: [u8; 16],
    pub(crate) not_after: UnixMillis,
}

impl Device {
    pub(crate) fn new(chain: Vec<Vec<u8>>, key: Arc<dyn DeviceKey>) -> Self {
        Self { identity: ClientIdentity { chain, key }, serial: [0; 16], not_after: UnixMillis(0) }
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.identity.chain.iter().cloned().map(CertificateDer::from).collect()
    }
}

impl Clinic {
    /// Old enough to have issued what has expired since.
    pub(crate) fn new() -> Self {
        Self { ca: Ca::create(CLINIC, UnixMillis(now().0 - 400 * 24 * HOUR), &mut SysRng).unwrap() }
    }

    pub(crate) fn roots(&self) -> Vec<Vec<u8>> {
        vec![self.ca.certificate().to_vec()]
    }

    pub(crate) fn device(&self, at: UnixMillis) -> Device {
        let key = device_key();
        let issued = self.ca.issue_device(&key.public_key().unwrap(), DEVICE, at, &mut SysRng).unwrap();
        Device {
            identity: ClientIdentity { chain: vec![issued.der], key },
            serial: issued.serial,
            not_after: issued.not_after,
        }
    }

    pub(crate) fn client(&self, device: &Device) -> ClientConfig {
        main_config(&device.identity, &self.roots(), CLINIC).unwrap().config
    }

    pub(crate) fn server(&self) -> ServerConfig {
        self.server_named(CLINIC, now())
    }

    pub(crate) fn server_named(&self, clinic: ClinicId, at: UnixMillis) -> ServerConfig {
        let (key, private) = server_key();
        let issued = self.ca.issue_ingest(&key, clinic, at, &mut SysRng).unwrap();
        server_config(vec![issued.der.into()], private, &[self.ca.certificate().clone()]).unwrap()
    }

    pub(crate) fn enrol_server(&self, rest: &[&CertificateDer<'static>]) -> ServerConfig {
        let (key, private) = server_key();
        let issued = self.ca.issue_ingest(&key, CLINIC, now(), &mut SysRng).unwrap();
        let mut chain = vec![CertificateDer::from(issued.der)];
        chain.extend(rest.iter().map(|&certificate| certificate.clone()));
        enrol_server_config(chain, private).unwrap()
    }

    /// The device template's shape, made by hand so that a test can bend it.
    pub(crate) fn device_params() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x55; 16]));
        params.subject_alt_names = vec![SanType::URI(device_uri(DEVICE).try_into().unwrap())];
        params.is_ca = IsCa::ExplicitNoCa;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params
    }

    pub(crate) fn sign(&self, params: &CertificateParams) -> Device {
        let own = SoftwareDeviceKey::new(self.ca.key().clone(), SysRng);
        let mut issuer = CertificateParams::default();
        issuer.distinguished_name = rcgen::DistinguishedName::new();
        issuer.distinguished_name.push(DnType::CommonName, format!("Safelight CA {CLINIC}"));
        let issuer = Issuer::new(issuer, CertificateSigner::new(&own).unwrap());
        let key = device_key();
        let subject = CertificateKey::from(&key.public_key().unwrap());
        Device::new(vec![params.signed_by(&subject, &issuer).unwrap().der().to_vec()], key)
    }
}

pub(crate) fn now() -> UnixMillis {
    UnixMillis(u64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap())
}

pub(crate) fn device_key() -> Arc<dyn DeviceKey> {
    Arc::new(SoftwareDeviceKey::new(SoftwareKey::generate(&mut SysRng).unwrap(), SysRng))
}

pub(crate) fn server_key() -> (PublicKey, PrivateKeyDer<'static>) {
    let key = SoftwareKey::generate(&mut SysRng).unwrap();
    (key.verifying(), PrivateKeyDer::Pkcs8(key.to_pkcs8().unwrap().to_vec().into()))
}

/// Claims one key and signs with another.
#[derive(Debug)]
pub(crate) struct Liar {
    pub(crate) public: PublicKey,
    pub(crate) key: Arc<dyn DeviceKey>,
}

impl DeviceKey for Liar {
    fn public_key(&self) -> Result<PublicKey, DeviceKeyError> {
        Ok(self.public.clone())
    }
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, DeviceKeyError> {
        self.key.sign(message)
    }
    fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError> {
        self.key.new_key()
    }
}

/// A key that the keystore has invalidated.
#[derive(Debug)]
pub(crate) struct Unwilling(pub(crate) Arc<dyn DeviceKey>);

impl DeviceKey for Unwilling {
    fn public_key(&self) -> Result<PublicKey, DeviceKeyError> {
        self.0.public_key()
    }
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, DeviceKeyError> {
        Err(DeviceKeyError::Invalidated)
    }
    fn new_key(&self) -> Result<Arc<dyn DeviceKey>, DeviceKeyError> {
        Err(DeviceKeyError::Invalidated)
    }
}

#[derive(Debug)]
pub(crate) struct NoCertificate;

impl rustls::client::ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }
    fn has_certs(&self) -> bool {
        false
    }
}

/// Counts the tickets that a server gives.
#[derive(Debug, Default)]
pub(crate) struct Tickets(pub(crate) AtomicUsize);

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }
    fn set_tls12_session(&self, _: ServerName<'static>, _: rustls::client::Tls12ClientSessionValue) {}
    fn tls12_session(&self, _: &ServerName<'_>) -> Option<rustls::client::Tls12ClientSessionValue> {
        None
    }
    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}
