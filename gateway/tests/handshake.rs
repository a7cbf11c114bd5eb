//! Phone and gateway meet over QUIC on the loopback: who gets in, who does not, and what they are told.
//! The ids are those of the abuse catalogue.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a panic is the finding of a test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use getrandom::SysRng;
use quinn::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use quinn::{ConnectionError, TransportErrorCode};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, SanType};
use rustls::client::{ClientSessionStore, Resumption, Tls13ClientSessionValue};
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, ClientConfig, NamedGroup, ServerConfig};
use safelight_core::client::tls::{
    self, CertificateKey, CertificateSigner, ClientIdentity, GRACE, TlsConfigError, device_uri, enrol_config,
    main_config,
};
use safelight_core::device_key::{DeviceKey, DeviceKeyError, PublicKey, SoftwareDeviceKey, SoftwareKey};
use safelight_core::ids::{ClinicId, DeviceId, UnixMillis};
use safelight_gateway::enrol::ca::Ca;
use safelight_gateway::enrol::issue::DEVICE_LIFETIME;
use safelight_gateway::ingest::authenticate::{
    DeviceStatus, IdentifyError, Refused, authenticate, enrol_server_config, identify, identify_peer, server_config,
};

const CLINIC: ClinicId = ClinicId::from_bytes([7; 16]);
const DEVICE: DeviceId = DeviceId::from_bytes([9; 16]);
const HOUR: u64 = 3_600_000;

/// How a certificate differs from the template.
type Change = fn(&mut CertificateParams);

// ---- the connection -------------------------------------------------------------------------------

#[tokio::test]
async fn t16_a_device_gets_in_and_is_identified() {
    let clinic = Clinic::new();
    let device = clinic.device(now());
    let met = meet(clinic.server(), clinic.client(&device)).await.unwrap();
    let data = met.server.handshake_data().unwrap().downcast::<HandshakeData>().unwrap();
    assert_eq!(data.protocol.as_deref(), Some(tls::ALPN_MAIN));
    assert_eq!(data.server_name, Some(CLINIC.server_name()));
    let presented = identify_peer(&met.server, now()).unwrap();
    assert_eq!(presented.device_id(), DEVICE);
    assert_eq!(presented.serial(), device.serial);
    assert_eq!(presented.public_key(), &device.identity.key.public_key().unwrap());
    assert_eq!(presented.not_after(), device.not_after);
    let active = DeviceStatus::Active { serials: vec![[1; 16], device.serial] };
    let verified = authenticate(presented, &active, now()).unwrap();
    assert_eq!((verified.device_id(), verified.may_only_renew()), (DEVICE, false));
}

#[tokio::test]
async fn t01_without_a_client_certificate_nobody_gets_in() {
    let clinic = Clinic::new();
    let mut config = clinic.client(&clinic.device(now()));
    config.client_auth_cert_resolver = Arc::new(NoCertificate);
    refused(clinic.server(), config, Side::Server, AlertDescription::CertificateRequired).await;
}

#[tokio::test]
async fn t02_an_expired_certificate_is_marked_within_the_grace_and_refused_beyond_it() {
    let clinic = Clinic::new();
    let grace = u64::try_from(GRACE.as_millis()).unwrap();
    let life = u64::try_from(DEVICE_LIFETIME.as_millis()).unwrap();
    for expired_for in [2_000, grace - HOUR] {
        let device = clinic.device(UnixMillis(now().0 - life - expired_for));
        let met = meet(clinic.server(), clinic.client(&device)).await.unwrap();
        let presented = identify_peer(&met.server, now()).unwrap();
        let active = DeviceStatus::Active { serials: vec![device.serial] };
        let verified = authenticate(presented.clone(), &active, now()).unwrap();
        assert!(verified.may_only_renew(), "{expired_for}");
        // The connection that was made within the grace does not outlive it.
        let over = now().plus(GRACE);
        assert_eq!(authenticate(presented, &active, over), Err(Refused::Expired), "{expired_for}");
    }
    let device = clinic.device(UnixMillis(now().0 - life - grace - 1_000));
    assert_eq!(identify(&device.chain(), now()), Err(IdentifyError::Expired));
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::CertificateExpired).await;
}

#[tokio::test]
async fn t02_the_grace_is_not_a_way_round_the_signature() {
    let (clinic, other) = (Clinic::new(), Clinic::new());
    let life = u64::try_from(DEVICE_LIFETIME.as_millis()).unwrap();
    let device = other.device(UnixMillis(now().0 - life - HOUR));
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::UnknownCA).await;
}

#[tokio::test]
async fn t03_a_certificate_of_tomorrow_is_refused() {
    let clinic = Clinic::new();
    let device = clinic.device(UnixMillis(now().0 + HOUR));
    assert_eq!(identify(&device.chain(), now()), Err(IdentifyError::NotYetValid));
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::CertificateExpired).await;
}

#[tokio::test]
async fn t04_another_ca_of_the_same_name_is_refused() {
    let (clinic, other) = (Clinic::new(), Clinic::new());
    let device = other.device(now());
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::UnknownCA).await;
}

#[tokio::test]
async fn t05_a_self_signed_certificate_with_our_issuer_name_is_refused() {
    let clinic = Clinic::new();
    let mut params = Clinic::device_params();
    params.distinguished_name.push(DnType::CommonName, format!("Safelight CA {CLINIC}"));
    let key = device_key();
    let signer = CertificateSigner::new(key.as_ref()).unwrap();
    let der = params.self_signed(&signer).unwrap().der().to_vec();
    let device = Device::new(vec![der], key);
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::UnknownCA).await;
}

#[tokio::test]
async fn a_device_certificate_certifies_nobody() {
    let clinic = Clinic::new();
    let (device, friend) = (clinic.device(now()), device_key());
    let signer = CertificateSigner::new(device.identity.key.as_ref()).unwrap();
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = rcgen::DistinguishedName::new();
    issuer.distinguished_name.push(DnType::CommonName, DEVICE.to_string());
    let key = CertificateKey::from(&friend.public_key().unwrap());
    let der = Clinic::device_params().signed_by(&key, &Issuer::new(issuer, signer)).unwrap().der().to_vec();
    let chain = vec![der, device.identity.chain[0].clone(), clinic.ca.certificate().to_vec()];
    let friend = Device::new(chain, friend);
    refused(clinic.server(), clinic.client(&friend), Side::Server, AlertDescription::UnknownCA).await;
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused() {
    let clinic = Clinic::new();
    let device = clinic.device(now());
    let thief = ClientIdentity { chain: device.identity.chain.clone(), key: device_key() };
    let made = main_config(&thief, &clinic.roots(), CLINIC);
    assert!(matches!(made, Err(TlsConfigError::KeyMismatch)));
    let public = device.identity.key.public_key().unwrap();
    let liar = ClientIdentity { key: Arc::new(Liar { public, key: device_key() }), ..thief };
    let config = main_config(&liar, &clinic.roots(), CLINIC).unwrap().config;
    refused(clinic.server(), config, Side::Server, AlertDescription::DecryptError).await;
}

#[tokio::test]
async fn t10_the_servers_certificate_is_no_device_certificate() {
    let clinic = Clinic::new();
    let key = device_key();
    let issued = clinic.ca.issue_ingest(&key.public_key().unwrap(), CLINIC, now(), &mut SysRng).unwrap();
    let device = Device::new(vec![issued.der], key);
    assert_eq!(identify(&device.chain(), now()), Err(IdentifyError::NotADevice));
    refused(clinic.server(), clinic.client(&device), Side::Server, AlertDescription::UnsupportedCertificate).await;
}

#[tokio::test]
async fn t10_a_certificate_of_another_shape_is_refused_though_our_ca_signed_it() {
    let clinic = Clinic::new();
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let other_device = device_uri(DeviceId::from_bytes([1; 16]));
    let shapes: [(&str, Change); 4] = [
        ("two purposes", |params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth)),
        ("no purpose", |params| params.extended_key_usages.clear()),
        ("any purpose", |params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::Any)),
        ("no name", |params| params.subject_alt_names.clear()),
    ];
    let mut made: Vec<_> = shapes
        .into_iter()
        .map(|(shape, change)| {
            let mut params = Clinic::device_params();
            change(&mut params);
            (shape, params)
        })
        .collect();
    for (shape, names) in [
        ("two devices", vec![uri(&device_uri(DEVICE)), uri(&other_device)]),
        ("upper case", vec![uri(&device_uri(DEVICE).to_uppercase())]),
        ("another URI", vec![uri("https://example.org/")]),
        ("a host beside it", vec![uri(&device_uri(DEVICE)), SanType::DnsName("a.example".try_into().unwrap())]),
    ] {
        let mut params = Clinic::device_params();
        params.subject_alt_names = names;
        made.push((shape, params));
    }
    for (shape, params) in made {
        let device = clinic.sign(&params);
        assert_eq!(identify(&device.chain(), now()), Err(IdentifyError::NotADevice), "{shape}");
        let verdict = meet(clinic.server(), clinic.client(&device)).await;
        assert_eq!(verdict.err().unwrap().alert(Side::Server), AlertDescription::UnsupportedCertificate, "{shape}");
    }
    // The shape itself, made the same way, gets in: what was refused was refused for its difference.
    let device = clinic.sign(&Clinic::device_params());
    assert!(meet(clinic.server(), clinic.client(&device)).await.is_ok());
}

#[tokio::test]
async fn t14_a_device_certificate_makes_no_server() {
    let clinic = Clinic::new();
    let (key, private) = server_key();
    let issued = clinic.ca.issue_device(&key, DEVICE, now(), &mut SysRng).unwrap();
    let server = server_config(vec![issued.der.into()], private, &[clinic.ca.certificate().clone()]).unwrap();
    let client = clinic.client(&clinic.device(now()));
    refused(server, client, Side::Client, AlertDescription::UnsupportedCertificate).await;
}

#[tokio::test]
async fn t14_the_phone_refuses_a_server_of_another_ca_name_or_time() {
    let (clinic, other) = (Clinic::new(), Clinic::new());
    let client = || clinic.client(&clinic.device(now()));
    refused(other.server(), client(), Side::Client, AlertDescription::UnknownCA).await;
    let stranger = clinic.server_named(ClinicId::from_bytes([8; 16]), now());
    refused(stranger, client(), Side::Client, AlertDescription::BadCertificate).await;
    let stale = clinic.server_named(CLINIC, UnixMillis(now().0 - 91 * 24 * HOUR));
    refused(stale, client(), Side::Client, AlertDescription::CertificateExpired).await;
}

#[tokio::test]
async fn t15_another_protocol_is_refused() {
    let clinic = Clinic::new();
    for protocols in [vec![], vec![b"safelight/2".to_vec()], vec![tls::ALPN_ENROL.to_vec()]] {
        let mut client = clinic.client(&clinic.device(now()));
        client.alpn_protocols = protocols;
        refused(clinic.server(), client, Side::Server, AlertDescription::NoApplicationProtocol).await;
    }
}

#[tokio::test]
async fn t16_neither_end_does_without_the_hybrid_group() {
    let clinic = Clinic::new();
    let classical = || {
        let mut provider = (*tls::provider()).clone();
        provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1];
        Arc::new(provider)
    };
    // A phone without it.
    let device = clinic.device(now());
    let made = clinic.client(&device);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(clinic.ca.certificate().clone()).unwrap();
    let mut client = ClientConfig::builder_with_provider(classical())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(made.client_auth_cert_resolver.clone());
    client.alpn_protocols = vec![tls::ALPN_MAIN.to_vec()];
    refused(clinic.server(), client, Side::Server, AlertDescription::HandshakeFailure).await;
    // A gateway without it.
    let (key, private) = server_key();
    let issued = clinic.ca.issue_ingest(&key, CLINIC, now(), &mut SysRng).unwrap();
    let mut server = ServerConfig::builder_with_provider(classical())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.der.into()], private)
        .unwrap();
    server.alpn_protocols = vec![tls::ALPN_MAIN.to_vec()];
    refused(server, made, Side::Server, AlertDescription::HandshakeFailure).await;
    assert_eq!(
        tls::provider().kx_groups.iter().map(|group| group.name()).collect::<Vec<_>>(),
        [NamedGroup::X25519MLKEM768]
    );
}

#[tokio::test]
async fn t08_t09_there_are_no_tickets_and_no_early_data() {
    let clinic = Clinic::new();
    let server = clinic.server();
    assert_eq!((server.send_tls13_tickets, server.max_early_data_size), (0, 0));
    // A phone that would resume if it could.
    let mut client = clinic.client(&clinic.device(now()));
    let tickets = Arc::new(Tickets::default());
    client.resumption = Resumption::store(tickets.clone());
    client.enable_early_data = true;
    for _ in 0..2 {
        assert!(meet(server.clone(), client.clone()).await.unwrap().whole_handshake);
    }
    assert_eq!(tickets.0.load(Ordering::SeqCst), 0);
    // The same phone does get tickets from a server that gives them: the count counts.
    let mut generous = server;
    generous.send_tls13_tickets = 1;
    generous.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
    meet(generous, client).await.unwrap();
    assert_eq!(tickets.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn f10_a_key_that_does_not_sign_says_why() {
    let clinic = Clinic::new();
    let device = clinic.device(now());
    let key = Arc::new(Unwilling(device.identity.key.clone()));
    let identity = ClientIdentity { key, ..device.identity };
    let tls = main_config(&identity, &clinic.roots(), CLINIC).unwrap();
    assert_eq!(tls.key_failures.take(), None);
    let failed = meet(clinic.server(), tls.config).await.err().unwrap();
    assert!(matches!(failed.client, Some(ConnectionError::TransportError(_))), "{failed:?}");
    assert_eq!(tls.key_failures.take(), Some(DeviceKeyError::Invalidated));
    assert_eq!(tls.key_failures.take(), None);
}

// ---- after the handshake --------------------------------------------------------------------------

#[test]
fn t06_t12_status_decides() {
    let clinic = Clinic::new();
    let device = clinic.device(now());
    let ask = |status: DeviceStatus| authenticate(identify(&device.chain(), now()).unwrap(), &status, now());
    assert!(ask(DeviceStatus::Active { serials: vec![device.serial] }).is_ok());
    assert_eq!(ask(DeviceStatus::Revoked), Err(Refused::Revoked));
    assert_eq!(ask(DeviceStatus::Unknown), Err(Refused::Unknown));
    for serials in [vec![], vec![[0; 16]]] {
        assert_eq!(ask(DeviceStatus::Active { serials }), Err(Refused::Superseded));
    }
    assert_eq!(Refused::Revoked.certificate_error(), rustls::CertificateError::Revoked);
}

#[test]
fn what_is_not_a_certificate_identifies_nobody() {
    assert_eq!(identify(&[], now()), Err(IdentifyError::NoCertificate));
    let clinic = Clinic::new();
    let whole = clinic.device(now()).identity.chain.remove(0);
    for end in 0..whole.len() {
        let cut = CertificateDer::from(whole[..end].to_vec());
        assert_eq!(identify(&[cut], now()), Err(IdentifyError::Malformed), "{end}");
    }
    let longer = CertificateDer::from([whole.as_slice(), &[0]].concat());
    assert_eq!(identify(&[longer], now()), Err(IdentifyError::Malformed));
}

// ---- enrolment ------------------------------------------------------------------------------------

#[tokio::test]
async fn e06_the_pinned_ca_is_shown_and_kept() {
    let clinic = Clinic::new();
    let tls = enrol_config(clinic.ca.sha256(), CLINIC).unwrap();
    assert_eq!(tls.server_name, CLINIC.server_name());
    assert_eq!(tls.authority.der(), None);
    meet(clinic.enrol_server(&[clinic.ca.certificate()]), tls.config).await.unwrap();
    assert_eq!(tls.authority.der(), Some(clinic.ca.certificate().as_ref()));
}

#[tokio::test]
async fn e06_e07_another_ca_is_refused_whatever_it_is_called_and_shows() {
    let (clinic, other) = (Clinic::new(), Clinic::new());
    let (own, theirs) = (clinic.ca.certificate(), other.ca.certificate());
    for chain in [vec![theirs], vec![own], vec![theirs, own], vec![own, theirs]] {
        let tls = enrol_config(clinic.ca.sha256(), CLINIC).unwrap();
        refused(other.enrol_server(&chain), tls.config, Side::Client, AlertDescription::UnknownCA).await;
        assert_eq!(tls.authority.der(), None);
    }
}

#[tokio::test]
async fn e06_the_pinned_ca_vouches_for_a_server_of_this_clinic_and_for_nothing_else() {
    let clinic = Clinic::new();
    let client = || enrol_config(clinic.ca.sha256(), CLINIC).unwrap().config;
    let serve = |issue: &dyn Fn(&PublicKey) -> Vec<u8>| {
        let (key, private) = server_key();
        let chain = vec![issue(&key).into(), clinic.ca.certificate().clone()];
        enrol_server_config(chain, private).unwrap()
    };
    let device = serve(&|key| clinic.ca.issue_device(key, DEVICE, now(), &mut SysRng).unwrap().der);
    refused(device, client(), Side::Client, AlertDescription::UnsupportedCertificate).await;
    let named = ClinicId::from_bytes([8; 16]);
    let stranger = serve(&|key| clinic.ca.issue_ingest(key, named, now(), &mut SysRng).unwrap().der);
    refused(stranger, client(), Side::Client, AlertDescription::BadCertificate).await;
    let then = UnixMillis(now().0 - 91 * 24 * HOUR);
    let stale = serve(&|key| clinic.ca.issue_ingest(key, CLINIC, then, &mut SysRng).unwrap().der);
    refused(stale, client(), Side::Client, AlertDescription::CertificateExpired).await;
}

#[tokio::test]
async fn e06_the_enrolment_listener_serves_enrolment_alone() {
    let clinic = Clinic::new();
    let server = || clinic.enrol_server(&[clinic.ca.certificate()]);
    let client = clinic.client(&clinic.device(now()));
    refused(server(), client, Side::Server, AlertDescription::NoApplicationProtocol).await;
    let (_, private) = server_key();
    assert!(enrol_server_config(vec![clinic.ca.certificate().clone()], private).is_err());
}

// ---- the cast -------------------------------------------------------------------------------------

struct Clinic {
    ca: Ca,
}

struct Device {
    identity: ClientIdentity,
    serial: [u8; 16],
    not_after: UnixMillis,
}

impl Device {
    fn new(chain: Vec<Vec<u8>>, key: Arc<dyn DeviceKey>) -> Self {
        Self { identity: ClientIdentity { chain, key }, serial: [0; 16], not_after: UnixMillis(0) }
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.identity.chain.iter().cloned().map(CertificateDer::from).collect()
    }
}

impl Clinic {
    /// Old enough to have issued what has expired since.
    fn new() -> Self {
        Self { ca: Ca::create(CLINIC, UnixMillis(now().0 - 400 * 24 * HOUR), &mut SysRng).unwrap() }
    }

    fn roots(&self) -> Vec<Vec<u8>> {
        vec![self.ca.certificate().to_vec()]
    }

    fn device(&self, at: UnixMillis) -> Device {
        let key = device_key();
        let issued = self.ca.issue_device(&key.public_key().unwrap(), DEVICE, at, &mut SysRng).unwrap();
        Device {
            identity: ClientIdentity { chain: vec![issued.der], key },
            serial: issued.serial,
            not_after: issued.not_after,
        }
    }

    fn client(&self, device: &Device) -> ClientConfig {
        main_config(&device.identity, &self.roots(), CLINIC).unwrap().config
    }

    fn server(&self) -> ServerConfig {
        self.server_named(CLINIC, now())
    }

    fn server_named(&self, clinic: ClinicId, at: UnixMillis) -> ServerConfig {
        let (key, private) = server_key();
        let issued = self.ca.issue_ingest(&key, clinic, at, &mut SysRng).unwrap();
        server_config(vec![issued.der.into()], private, &[self.ca.certificate().clone()]).unwrap()
    }

    fn enrol_server(&self, rest: &[&CertificateDer<'static>]) -> ServerConfig {
        let (key, private) = server_key();
        let issued = self.ca.issue_ingest(&key, CLINIC, now(), &mut SysRng).unwrap();
        let mut chain = vec![CertificateDer::from(issued.der)];
        chain.extend(rest.iter().map(|&certificate| certificate.clone()));
        enrol_server_config(chain, private).unwrap()
    }

    /// The device template's shape, made by hand so that a test can bend it.
    fn device_params() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[0x55; 16]));
        params.subject_alt_names = vec![SanType::URI(device_uri(DEVICE).try_into().unwrap())];
        params.is_ca = IsCa::ExplicitNoCa;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params
    }

    fn sign(&self, params: &CertificateParams) -> Device {
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

fn now() -> UnixMillis {
    UnixMillis(u64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap())
}

fn device_key() -> Arc<dyn DeviceKey> {
    Arc::new(SoftwareDeviceKey::new(SoftwareKey::generate(&mut SysRng).unwrap(), SysRng))
}

fn server_key() -> (PublicKey, PrivateKeyDer<'static>) {
    let key = SoftwareKey::generate(&mut SysRng).unwrap();
    (key.verifying(), PrivateKeyDer::Pkcs8(key.to_pkcs8().unwrap().to_vec().into()))
}

/// Claims one key and signs with another.
#[derive(Debug)]
struct Liar {
    public: PublicKey,
    key: Arc<dyn DeviceKey>,
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
struct Unwilling(Arc<dyn DeviceKey>);

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
struct NoCertificate;

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
struct Tickets(AtomicUsize);

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

// ---- the stage ------------------------------------------------------------------------------------

#[derive(Debug)]
struct Met {
    server: quinn::Connection,
    whole_handshake: bool,
    _ends: (quinn::Connection, quinn::Endpoint, quinn::Endpoint),
}

#[derive(Debug)]
struct Failed {
    client: Option<ConnectionError>,
    server: Option<ConnectionError>,
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Client,
    Server,
}

impl Failed {
    /// The alert with which `side` ended the handshake.
    fn alert(&self, side: Side) -> AlertDescription {
        let error = match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        let Some(ConnectionError::TransportError(error)) = error else { panic!("{self:?}") };
        alert_of(error.code)
    }
}

fn alert_of(code: TransportErrorCode) -> AlertDescription {
    // A TLS alert is a QUIC error of 0x100 and the alert's number (RFC 9001 section 4.8).
    AlertDescription::from(u8::try_from(u64::from(code) - 0x100).unwrap())
}

/// Both ends fail; `side` is the one that refuses, by `alert`, and the other is told so.
async fn refused(server: ServerConfig, client: ClientConfig, side: Side, alert: AlertDescription) {
    let failed = meet(server, client).await.err().unwrap();
    assert_eq!(failed.alert(side), alert, "{failed:?}");
    let other = match side {
        Side::Client => &failed.server,
        Side::Server => &failed.client,
    };
    let Some(ConnectionError::ConnectionClosed(close)) = other else { panic!("{failed:?}") };
    assert_eq!(alert_of(close.error_code), alert, "{failed:?}");
}

/// A connection on the loopback, up to one byte there and one back.
async fn meet(server: ServerConfig, client: ClientConfig) -> Result<Met, Failed> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = QuicServerConfig::try_from(server).unwrap();
    let listener = quinn::Endpoint::server(quinn::ServerConfig::with_crypto(Arc::new(server)), any).unwrap();
    let dialler = quinn::Endpoint::client(any).unwrap();
    let client = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(client).unwrap()));
    let address = listener.local_addr().unwrap();
    let accept = async {
        let connection = listener.accept().await.unwrap().await?;
        let (mut send, mut receive) = connection.accept_bi().await?;
        let mut byte = [0];
        receive.read_exact(&mut byte).await.map_err(|_| connection.closed_reason())?;
        send.write_all(&byte).await.map_err(|_| connection.closed_reason())?;
        send.finish().unwrap();
        Ok::<_, ConnectionError>(connection)
    };
    let connect = async {
        let connecting = dialler.connect_with(client, address, &CLINIC.server_name()).unwrap();
        let (connection, whole_handshake) = match connecting.into_0rtt() {
            Ok((connection, _)) => (connection, false),
            Err(connecting) => (connecting.await?, true),
        };
        let (mut send, mut receive) = connection.open_bi().await?;
        send.write_all(b"x").await.map_err(|_| connection.closed_reason())?;
        let mut byte = [0];
        receive.read_exact(&mut byte).await.map_err(|_| connection.closed_reason())?;
        assert_eq!(&byte, b"x");
        Ok::<_, ConnectionError>((connection, whole_handshake))
    };
    // Only against a test that would hang for ever.
    let both = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(accept, connect) });
    match both.await.unwrap() {
        (Ok(server), Ok((client, whole_handshake))) => {
            Ok(Met { server, whole_handshake, _ends: (client, listener, dialler) })
        }
        (server, client) => Err(Failed { client: client.err(), server: server.err() }),
    }
}

trait ClosedReason {
    fn closed_reason(&self) -> ConnectionError;
}

impl ClosedReason for quinn::Connection {
    fn closed_reason(&self) -> ConnectionError {
        self.close_reason().unwrap_or(ConnectionError::LocallyClosed)
    }
}
