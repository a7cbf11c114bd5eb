//! Who is at the other end: from a handshake to a [`VerifiedDevice`].
//!
//! Three steps, none of which can be left out: the handshake, in which [`DeviceVerifier`] checks the certificate;
//! [`identify`], which reads the device from it; and [`authenticate`], which asks what the clinic says of that
//! device today. Only the last makes a [`VerifiedDevice`], and it is asked again for every stream.

use std::any::Any;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig, SignatureScheme,
};
use safelight_core::client::tls::{
    ALPN_ENROL, ALPN_MAIN, GRACE, Validity, ValidityState, device_of_uri, foreign_as_unknown, provider,
};
use safelight_core::device_key::PublicKey;
use safelight_core::ids::{DeviceId, UnixMillis};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::clock::guard::{Guard, Outage};

/// A certificate's serial number as the CA makes it.
pub type Serial = [u8; 16];

/// Why the TLS side of a listener could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ServerTlsError {
    /// No root, or one that cannot be read.
    #[error("the clinic's CA certificate cannot be read: let the clinic process send it again")]
    Roots,
    /// rustls refuses the certificate or the key.
    #[error("ingest's own certificate and key cannot be used: let the clinic process issue a new one")]
    Own(#[source] Error),
}

/// The configuration of the main listener: `chain` (ingest's certificate first) with its P-256 `key`; whoever connects
/// shows a device certificate from one of `roots`.
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: &[CertificateDer<'static>],
) -> Result<ServerConfig, ServerTlsError> {
    server_config_watched(chain, key, roots, None)
}

/// The same; a `guard` tells the time, and since when the gateway was off.
pub(super) fn server_config_watched(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: &[CertificateDer<'static>],
    guard: Option<Guard>,
) -> Result<ServerConfig, ServerTlsError> {
    let verifier = Arc::new(DeviceVerifier { guard, ..DeviceVerifier::new(roots)? });
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(ServerTlsError::Own)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(ServerTlsError::Own)?;
    Ok(hardened(config, ALPN_MAIN))
}

/// The configuration of the enrolment listener: no client certificate, since the phone has none yet. `chain` is ingest's
/// certificate and then the CA's, whose hash the phone holds.
pub fn enrol_server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, ServerTlsError> {
    if chain.len() < 2 {
        return Err(ServerTlsError::Roots);
    }
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(ServerTlsError::Own)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(ServerTlsError::Own)?;
    Ok(hardened(config, ALPN_ENROL))
}

fn hardened(mut config: ServerConfig, alpn: &[u8]) -> ServerConfig {
    config.alpn_protocols = vec![alpn.to_vec()];
    // A resumed handshake would skip the certificate, and early data could be replayed.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config
}

/// Checks device certificates in the handshake. One that has expired passes within [`GRACE`]; [`identify`] marks it,
/// and it opens the door to renewal alone.
#[derive(Debug)]
pub struct DeviceVerifier {
    webpki: Arc<dyn ClientCertVerifier>,
    /// Knows when the gateway was off. Nobody could renew in that time, so it counts against nobody's grace.
    guard: Option<Guard>,
}

impl DeviceVerifier {
    /// For certificates from one of `roots`.
    pub fn new(roots: &[CertificateDer<'static>]) -> Result<Self, ServerTlsError> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root.clone()).map_err(|_| ServerTlsError::Roots)?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider());
        let webpki = verifier.build().map_err(|_| ServerTlsError::Roots)?;
        Ok(Self { webpki, guard: None })
    }

    /// The same decision as [`authenticate`] makes.
    fn is_in_grace(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
        let outage = self.guard.as_ref().and_then(|guard| guard.look().outage);
        let now = UnixMillis(now.as_secs().saturating_mul(1000));
        Validity::of_certificate(certificate)
            .is_some_and(|validity| state(validity, outage, now) == ValidityState::InGrace)
    }
}

impl ClientCertVerifier for DeviceVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.webpki.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // The CA signs devices itself: what else the peer has sent is not looked at.
        let verified = match self.webpki.verify_client_cert(end_entity, &[], now) {
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }))
                if self.is_in_grace(end_entity, now) =>
            {
                // The expiry is seen before the signature is checked: all of it again, as of the last moment.
                self.webpki.verify_client_cert(end_entity, &[], not_after)
            }
            verdict => verdict,
        }
        .map_err(foreign_as_unknown)?;
        DeviceCertificate::read(end_entity).map_err(|_| CertificateError::InvalidPurpose)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// The device that a handshake has shown, before anyone has asked whether it is still welcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedDevice {
    device_id: DeviceId,
    serial: Serial,
    public_key: PublicKey,
    validity: Validity,
    /// When the gateway was last off. Nobody could renew in that time, so it counts against nobody's grace.
    outage: Option<Outage>,
    certificate: Vec<u8>,
}

impl PresentedDevice {
    /// The device.
    pub fn device_id(&self) -> DeviceId {
        self.device_id
    }

    /// The key of that certificate.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The last moment of that certificate.
    pub fn not_after(&self) -> UnixMillis {
        self.validity.not_after
    }

    /// What that certificate is worth at `now`.
    fn state(&self, now: UnixMillis) -> ValidityState {
        state(self.validity, self.outage, now)
    }
}

fn state(validity: Validity, outage: Option<Outage>, now: UnixMillis) -> ValidityState {
    match validity.state(now) {
        ValidityState::Expired if outage.is_some_and(|outage| outage.excuses(validity.not_after, GRACE, now)) => {
            ValidityState::InGrace
        }
        state => state,
    }
}

/// Why a certificate names no device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentifyError {
    /// The peer showed none.
    #[error("the peer showed no certificate")]
    NoCertificate,
    /// It cannot be read.
    #[error("the certificate cannot be read")]
    Malformed,
    /// It is another kind: not for client authentication alone, or without the one name of a device.
    #[error("the certificate is not a device's")]
    NotADevice,
    /// Its life has not begun.
    #[error("the certificate is not yet valid: compare the clocks of the device and the gateway")]
    NotYetValid,
    /// Its life and the grace are over.
    #[error("the certificate has expired: enrol the device again")]
    Expired,
}

/// Reads the device from the certificates of a connection whose handshake [`server_config`] has verified: this step
/// checks form and time, the handshake has checked the signatures.
pub fn identify(peer_certs: &[CertificateDer<'_>], now: UnixMillis) -> Result<PresentedDevice, IdentifyError> {
    identify_with(peer_certs, now, None)
}

fn identify_with(
    peer_certs: &[CertificateDer<'_>],
    now: UnixMillis,
    outage: Option<Outage>,
) -> Result<PresentedDevice, IdentifyError> {
    let shown = peer_certs.first().ok_or(IdentifyError::NoCertificate)?;
    let DeviceCertificate { device_id, serial, public_key, validity } = DeviceCertificate::read(shown)?;
    match state(validity, outage, now) {
        ValidityState::Valid | ValidityState::InGrace => {
            Ok(PresentedDevice { device_id, serial, public_key, validity, outage, certificate: shown.to_vec() })
        }
        ValidityState::NotYetValid => Err(IdentifyError::NotYetValid),
        ValidityState::Expired => Err(IdentifyError::Expired),
    }
}

/// [`identify`] for an accepted connection, by a watched clock.
pub(super) fn identify_watched(
    connection: &quinn::Connection,
    guard: &Guard,
) -> Result<PresentedDevice, IdentifyError> {
    let reading = guard.look();
    identify_with(&shown_by(connection)?, reading.now, reading.outage)
}

fn shown_by(connection: &quinn::Connection) -> Result<Vec<CertificateDer<'static>>, IdentifyError> {
    let identity: Box<dyn Any> = connection.peer_identity().ok_or(IdentifyError::NoCertificate)?;
    let certs = identity.downcast::<Vec<CertificateDer<'static>>>().map_err(|_| IdentifyError::NoCertificate)?;
    Ok(*certs)
}

/// What a certificate of the device template says.
struct DeviceCertificate {
    device_id: DeviceId,
    serial: Serial,
    public_key: PublicKey,
    validity: Validity,
}

impl DeviceCertificate {
    fn read(der: &CertificateDer<'_>) -> Result<Self, IdentifyError> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| IdentifyError::Malformed)?;
        if !rest.is_empty() {
            return Err(IdentifyError::Malformed);
        }
        let purposes = certificate.extended_key_usage().map_err(|_| IdentifyError::Malformed)?;
        let purposes = purposes.ok_or(IdentifyError::NotADevice)?.value;
        let others = purposes.any
            || purposes.server_auth
            || purposes.code_signing
            || purposes.email_protection
            || purposes.time_stamping
            || purposes.ocsp_signing
            || !purposes.other.is_empty();
        if !purposes.client_auth || others || certificate.is_ca() {
            return Err(IdentifyError::NotADevice);
        }
        let names = certificate.subject_alternative_name().map_err(|_| IdentifyError::Malformed)?;
        let names = names.ok_or(IdentifyError::NotADevice)?.value;
        let [GeneralName::URI(uri)] = names.general_names.as_slice() else {
            return Err(IdentifyError::NotADevice);
        };
        Ok(Self {
            device_id: device_of_uri(uri).ok_or(IdentifyError::NotADevice)?,
            serial: certificate.raw_serial().try_into().map_err(|_| IdentifyError::NotADevice)?,
            public_key: PublicKey::from_sec1(&certificate.public_key().subject_public_key.data)
                .map_err(|_| IdentifyError::NotADevice)?,
            validity: Validity::of_certificate(der).ok_or(IdentifyError::Malformed)?,
        })
    }
}

/// What the clinic says of a device today, as ingest's copy has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceStatus {
    /// Welcome, with a certificate of one of these serial numbers: the present one, and around a renewal its neighbour.
    Active {
        /// The serial numbers.
        serials: Vec<Serial>,
    },
    /// Shut out.
    Revoked,
    /// Never heard of.
    Unknown,
}

/// Why a device that showed a good certificate is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The clinic has revoked it.
    #[error("this device has been revoked: ask the clinic's IT to enrol it again")]
    Revoked,
    /// The clinic does not know it.
    #[error("this device is not known here: enrol it again")]
    Unknown,
    /// The clinic knows the device, but not this certificate of it.
    #[error("this certificate has been replaced: use the newer one, or enrol the device again")]
    Superseded,
    /// The certificate's life has not begun: a clock has jumped.
    #[error("the certificate is not yet valid: compare the clocks of the device and the gateway")]
    NotYetValid,
    /// The certificate's life and the grace have ended since the handshake.
    #[error("the certificate has expired: enrol the device again")]
    Expired,
}

/// A device that is who it says and is welcome now. Only [`authenticate`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedDevice {
    presented: PresentedDevice,
    in_grace: bool,
}

impl VerifiedDevice {
    /// The device.
    pub fn device_id(&self) -> DeviceId {
        self.presented.device_id
    }

    /// What it has shown, to be asked about again.
    pub fn presented(&self) -> &PresentedDevice {
        &self.presented
    }

    /// The key that must have signed its manifests.
    pub fn public_key(&self) -> &PublicKey {
        &self.presented.public_key
    }

    /// Its certificate (DER).
    pub fn certificate(&self) -> &[u8] {
        &self.presented.certificate
    }

    /// The last moment of its certificate.
    pub fn not_after(&self) -> UnixMillis {
        self.presented.not_after()
    }

    /// Whether it may do nothing but renew its certificate, which has expired.
    pub fn may_only_renew(&self) -> bool {
        self.in_grace
    }
}

/// Asks `status`, just looked up for [`PresentedDevice::device_id`], whether the device is welcome, and the certificate whether it still holds:
/// a connection may be older than the end of its certificate.
pub fn authenticate(
    presented: PresentedDevice,
    status: &DeviceStatus,
    now: UnixMillis,
) -> Result<VerifiedDevice, Refused> {
    match status {
        DeviceStatus::Active { serials } if serials.contains(&presented.serial) => {}
        DeviceStatus::Active { .. } => return Err(Refused::Superseded),
        DeviceStatus::Revoked => return Err(Refused::Revoked),
        DeviceStatus::Unknown => return Err(Refused::Unknown),
    }
    match presented.state(now) {
        ValidityState::Valid => Ok(VerifiedDevice { presented, in_grace: false }),
        ValidityState::InGrace => Ok(VerifiedDevice { presented, in_grace: true }),
        ValidityState::NotYetValid => Err(Refused::NotYetValid),
        ValidityState::Expired => Err(Refused::Expired),
    }
}
