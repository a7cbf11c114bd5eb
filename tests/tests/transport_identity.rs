//! Who gets in, shown by attack on the running `safelight ingest`: an attacker comes without a certificate, with an old one, with one of a CA
//! of the same name, with the gateway's own, with one that was revoked or whose device was deleted, or as another device than it is.
//!
//! Each is refused before a byte of a request is read, is told no more than it must be, and leaves a code in the intake log.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use quinn::ConnectionError;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, SanType, SerialNumber,
};
use rustls::AlertDescription;
use rustls::crypto::aws_lc_rs::kx_group;
use safelight_core::client::tls::{ALPN_ENROL, CertificateKey, CertificateSigner, GRACE, device_uri, provider};
use safelight_core::client::{CancelToken, Client, ClientError, Options};
use safelight_core::device_key::{DeviceKey, PublicKey, SoftwareDeviceKey};
use safelight_core::ids::{ClinicId, DeviceId, UnixMillis};
use safelight_core::wire::{CloseReason, RefusalCode};
use safelight_gateway::clinic::{Clinic, devices};
use safelight_gateway::clock::Clock;
use safelight_gateway::config::{Config, Layout};
use safelight_gateway::enrol::ca::Ca;
use safelight_gateway::enrol::issue::DEVICE_LIFETIME;
use safelight_gateway::ingest::keys;
use safelight_gateway::keyfile;
use safelight_gateway::link::{self, Answer, Ask};
use safelight_tests::gateway::hostile::{Attack, Hostile, alert, answer, close_reason, opening, refusal};
use safelight_tests::gateway::phone::{Phone, seal, snapshot};
use safelight_tests::gateway::program::until;
use safelight_tests::gateway::{Gateway, PATIENCE, text};

const HOUR: Duration = Duration::from_secs(3600);

fn photo() -> Vec<u8> {
    snapshot(1, 320, 240)
}

fn ago(time: Duration) -> UnixMillis {
    UnixMillis(Clock::system().now().0 - u64::try_from(time.as_millis()).expect("a time"))
}

/// The phone gets in, and what it sends is stored: the gateway is none the worse.
#[track_caller]
fn still_serves(gateway: &Gateway, phone: &Phone) {
    let path = gateway.path("good.jpg");
    std::fs::write(&path, photo()).expect("a file");
    let before = gateway.stored().len();
    phone.send(&[&path]).ok();
    assert_eq!(gateway.stored().len(), before + 1);
}

/// The clinic's folder, as its own process has it.
async fn clinic(gateway: &Gateway) -> Clinic {
    let layout = Layout::new(gateway.data());
    let config = Config::load(layout.root()).expect("the configuration");
    Clinic::open(&layout, &config, &Clock::system()).await.expect("the clinic's folder")
}

/// A certificate for the phone's key that the clinic issued at another time, and that ingest has been told of.
async fn issued_at(gateway: &Gateway, phone: &Phone, at: UnixMillis) -> Vec<u8> {
    let (device, key) = phone.enrolled();
    let public_key = key.public_key().expect("a key");
    let clinic = clinic(gateway).await;
    let (serial, der) = certify(&clinic.ca, &public_key, device.device_id, at);
    let row = devices::Certificate {
        serial,
        device: device.device_id,
        public_key,
        der: der.clone(),
        not_after: at.plus(DEVICE_LIFETIME),
        // Among the newest, whatever it says of its own time.
        issued_at: Clock::system().now(),
    };
    let mut tx = clinic.catalog.write().await.expect("clinic.db");
    devices::insert_certificate(&mut tx, &row).await.expect("clinic.db");
    tx.commit().await.expect("clinic.db");
    let generation = devices::current_generation(&clinic.catalog).await.expect("clinic.db");
    let known = async {
        let mut link = link::connect(&gateway.data().join("ingest")).await.expect("ingest");
        while !matches!(link.ask(&Ask::Status).await, Ok(Answer::Status(status)) if status.devices_generation >= generation)
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, known).await.expect("ingest's word that it knows the certificate");
    der
}

/// A certificate of the device template, made by hand since the CA itself issues none for a time before its own. It begins when `at` says.
fn certify(ca: &Ca, key: &PublicKey, device: DeviceId, at: UnixMillis) -> ([u8; 16], Vec<u8>) {
    let mut serial = [0x55; 16];
    getrandom::fill(&mut serial[1..]).expect("random bytes");
    let mut params = device_params(device);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(at.0);
    params.not_after = params.not_before + DEVICE_LIFETIME;
    let own = SoftwareDeviceKey::new(ca.key().clone(), SysRng);
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = ca_name(ca.clinic());
    let issuer = Issuer::new(issuer, CertificateSigner::new(&own).expect("the CA's key"));
    let signed = params.signed_by(&CertificateKey::from(key), &issuer).expect("a certificate");
    (serial, signed.der().to_vec())
}

fn device_params(device: DeviceId) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = vec![SanType::URI(device_uri(device).try_into().expect("a URI"))];
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn ca_name(clinic: ClinicId) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, format!("Safelight CA {clinic}"));
    name
}

/// The phone's own client library, with another certificate.
fn client_with(phone: &Phone, certificate: Vec<u8>) -> Client {
    let (mut device, key) = phone.enrolled();
    device.certificate = certificate;
    Client::new(device, key, Options { retry_for: Duration::ZERO, ..Options::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t01_t04_t05_t10_strangers_are_refused_by_the_running_gateway_and_put_on_record() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let (device, own_key) = phone.enrolled();
    let at = gateway.listens_at();

    // Nobody.
    let mut nobody = Attack::with(&phone);
    nobody.tls.client_auth_cert_resolver = Arc::new(NoCertificate);
    assert_eq!(alert(&nobody.refused(at).await), Some(AlertDescription::CertificateRequired));

    // Another CA of the same name certifies the same device and the same key.
    let other = Ca::create(device.clinic_id, ago(HOUR), &mut SysRng).expect("a CA");
    let public = own_key.public_key().expect("a key");
    let forged = other.issue_device(&public, device.device_id, ago(HOUR), &mut SysRng).expect("a certificate").der;
    let forger = Attack::with_identity(&device, vec![forged], own_key.clone());
    assert_eq!(alert(&forger.refused(at).await), Some(AlertDescription::UnknownCA));

    // It certifies itself, in our CA's name.
    let mut params = device_params(device.device_id);
    params.distinguished_name = ca_name(device.clinic_id);
    let signer = CertificateSigner::new(own_key.as_ref()).expect("a key");
    let signed = params.self_signed(&signer).expect("a certificate").der().to_vec();
    let own_issuer = Attack::with_identity(&device, vec![signed], own_key.clone());
    assert_eq!(alert(&own_issuer.refused(at).await), Some(AlertDescription::UnknownCA));

    // Whoever has ingest's files has a certificate of the right CA, and the key to it.
    let ingest = gateway.data().join("ingest");
    let chain = keyfile::read_certificates(&ingest.join(keys::TLS_CHAIN_FILE)).expect("ingest's certificate");
    let key = keyfile::read_p256(&ingest.join(keys::TLS_KEY_FILE)).expect("ingest's key");
    let key: Arc<dyn DeviceKey> = Arc::new(SoftwareDeviceKey::new(key, SysRng));
    let server = Attack::with_identity(&device, chain, key);
    assert_eq!(alert(&server.refused(at).await), Some(AlertDescription::UnsupportedCertificate));

    for code in ["no-certificate", "unknown-authority", "unfit-certificate"] {
        gateway.turned_away(code);
    }
    assert_eq!(gateway.stored(), Vec::<String>::new());
    still_serves(&gateway, &phone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t02_an_expired_phone_may_renew_and_nothing_else_and_beyond_the_grace_it_is_shut_out() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    for expired_for in [Duration::from_secs(1), 24 * HOUR] {
        let certificate =
            issued_at(&gateway, &phone, ago(DEVICE_LIFETIME + expired_for + Duration::from_secs(1))).await;
        let client = client_with(&phone, certificate);
        let capture = seal(&client, &photo());
        let refused = client.upload(&capture, |_| {}, &CancelToken::new()).await.expect_err("an expired certificate");
        assert!(matches!(refused, ClientError::Refused(RefusalCode::RenewFirst)), "{refused:?}");
        assert!(refused.to_string().contains("renewed"), "{refused}");
        client.disconnect().await;
    }
    gateway.refused(&phone.device, "renew-first");
    assert_eq!((gateway.stored(), gateway.incoming()), (Vec::new(), 0));

    let over = issued_at(&gateway, &phone, ago(DEVICE_LIFETIME + GRACE + HOUR)).await;
    let (device, key) = phone.enrolled();
    let attack = Attack::with_identity(&device, vec![over.clone()], key);
    assert_eq!(alert(&attack.refused(gateway.listens_at()).await), Some(AlertDescription::CertificateExpired));
    gateway.turned_away("certificate-out-of-time");
    let said = says_its_time_is_wrong(client_with(&phone, over)).await;
    assert!(said.contains("enrol"), "{said}");

    // Within the grace it renews, by the same code, and is as good as new.
    let grace = issued_at(&gateway, &phone, ago(DEVICE_LIFETIME + 24 * HOUR)).await;
    let client = client_with(&phone, grace);
    client.renew().await.expect("a renewal");
    let capture = seal(&client, &photo());
    client.upload(&capture, |_| {}, &CancelToken::new()).await.expect("a receipt");
    assert_eq!(gateway.stored(), [capture.id().to_string()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t03_a_certificate_of_tomorrow_is_refused_and_the_phone_speaks_of_clocks() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let tomorrow = issued_at(&gateway, &phone, Clock::system().now().plus(24 * HOUR)).await;
    let said = says_its_time_is_wrong(client_with(&phone, tomorrow)).await;
    assert!(said.contains("clock") && said.contains("date and time"), "{said}");
    gateway.turned_away("certificate-out-of-time");
    assert_eq!(gateway.stored(), Vec::<String>::new());
    still_serves(&gateway, &phone);
}

/// What a phone says whose certificate is not of this time.
async fn says_its_time_is_wrong(client: Client) -> String {
    let capture = seal(&client, &photo());
    let error = client.upload(&capture, |_| {}, &CancelToken::new()).await.expect_err("a certificate of another time");
    assert!(matches!(error, ClientError::CertificateOutOfTime), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t06_t12_revoked_deleted_and_replaced_are_refused_after_a_good_handshake() {
    let gateway = Gateway::serving();
    let [revoked, deleted, replaced, good] = ["revoked", "deleted", "replaced", "good"].map(|name| gateway.enrol(name));
    let at = gateway.listens_at();
    for phone in [&revoked, &deleted, &replaced] {
        drop(Hostile::of(phone, at).await);
    }
    gateway.run(&["device", "revoke", &revoked.device, "--data", "D"]).ok();
    {
        let clinic = clinic(&gateway).await;
        let mut tx = clinic.catalog.write().await.expect("clinic.db");
        let [gone, other] = [&deleted, &replaced].map(|phone| phone.enrolled().0.device_id.as_bytes().to_vec());
        for table in ["certificate", "device"] {
            let column = if table == "device" { "id" } else { "device" };
            let sql = format!("DELETE FROM {table} WHERE {column} = $1");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(gone.clone()).execute(&mut *tx).await.expect("clinic.db");
        }
        // Somebody has restored a clinic.db in which this device has no certificate.
        sqlx::query("DELETE FROM certificate WHERE device = $1")
            .bind(other)
            .execute(&mut *tx)
            .await
            .expect("clinic.db");
        let name = "x".parse().expect("an id");
        devices::ensure_person(&mut tx, &name, Clock::system().now()).await.expect("clinic.db");
        tx.commit().await.expect("clinic.db");
        // A change that ingest must hear of.
        gateway.run(&["device", "invite", "--data", "D", "--name", "x", "--person", "x", "--json"]).ok();
    }
    for (phone, reason) in [
        (&revoked, CloseReason::Revoked),
        (&deleted, CloseReason::UnknownDevice),
        (&replaced, CloseReason::UnknownCertificate),
    ] {
        let ended = tokio::time::timeout(PATIENCE, async {
            loop {
                // Until ingest has been told, it is still let in.
                let hostile = Attack::with(phone).connect(at).await.expect("a handshake");
                if !hostile.is_let_in().await {
                    return hostile.end().await;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let error = ended.await.expect("a refusal");
        assert_eq!(close_reason(&error), Some(reason), "{error:?}");
        gateway.refused(&phone.device, reason.name());
    }
    still_serves(&gateway, &good);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t13_a_manifest_of_another_device_is_refused_and_put_on_record() {
    let gateway = Gateway::serving();
    let [thief, victim] = ["thief", "victim"].map(|name| gateway.enrol(name));
    let hostile = Hostile::of(&thief, gateway.listens_at()).await;

    // A picture of the victim, as it was sealed there: re-sent, it would count as the victim's.
    let capture = seal(&victim.client(), &photo());
    let (_send, mut recv) = hostile.say(&opening(&capture)).await;
    let said = answer(&mut recv).await;
    assert_eq!(refusal(said.as_ref()), Some(RefusalCode::WrongDevice));

    // A manifest in the victim's name by the thief's key.
    let (mut device, key) = thief.enrolled();
    device.device_id = victim.enrolled().0.device_id;
    let forged = seal(&Client::new(device, key, Options::default()), &photo());
    let (_send, mut recv) = hostile.say(&opening(&forged)).await;
    let said = answer(&mut recv).await;
    assert_eq!(refusal(said.as_ref()), Some(RefusalCode::WrongDevice));

    // On record under the name of who did it, not of whom it would have hurt.
    gateway.refused(&thief.device, "wrong-device");
    assert!(
        !gateway
            .log("intake")
            .iter()
            .any(|entry| text(entry, "kind") == "refused" && entry["fields"][0] == victim.device)
    );
    assert_eq!((gateway.stored(), gateway.incoming()), (Vec::new(), 0));
    still_serves(&gateway, &victim);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t14_a_phone_that_meets_another_clinics_gateway_says_so_and_sends_nothing() {
    let (gateway, relay) = Gateway::behind_relay();
    let phone = gateway.enrol("phone");
    let stranger = Gateway::serving();
    let before = stranger.log("intake").len();
    relay.turn_to(stranger.listens_at());
    let path = gateway.path("photo.jpg");
    std::fs::write(&path, photo()).expect("a file");
    let said = phone.send(&[&path]).exits(7);
    assert!(said.stderr.contains("does not show that it is the clinic's gateway"), "{said}");
    assert_eq!(text(&phone.status().json(), "problem"), "not-the-clinic");
    // It has not even shown who it is: the stranger knows of no device and of no certificate.
    assert_eq!((stranger.stored(), stranger.incoming()), (Vec::new(), 0));
    assert_eq!(stranger.log("intake").len(), before, "{:?}", stranger.log("intake"));
    relay.turn_to(gateway.listens_at());
    still_serves(&gateway, &phone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t15_t16_another_protocol_or_key_exchange_is_refused_by_the_running_gateway() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let at = gateway.listens_at();
    for protocols in [vec![], vec![b"safelight/2".to_vec()], vec![ALPN_ENROL.to_vec()], vec![b"h3".to_vec()]] {
        let mut attack = Attack::with(&phone);
        attack.tls.alpn_protocols = protocols;
        assert_eq!(alert(&attack.refused(at).await), Some(AlertDescription::NoApplicationProtocol));
    }
    gateway.turned_away("wrong-protocol");

    // A message of a kind that does not exist in this version.
    let hostile = Hostile::of(&phone, at).await;
    let unknown = safelight_core::wire::frame(&safelight_core::cbor::MapWriter::new().uint(1, 99).to_bytes());
    let (_send, mut recv) = hostile.say(&unknown).await;
    let said = answer(&mut recv).await;
    assert_eq!(refusal(said.as_ref()), Some(RefusalCode::Malformed));
    gateway.refused(&phone.device, "malformed");

    // A client that can do without the hybrid group is refused; one that would rather do without is brought to it.
    assert!(matches!(with_groups(&phone, false).refused(at).await, ConnectionError::ConnectionClosed(_)));
    gateway.turned_away("no-common-algorithm");
    let brought = with_groups(&phone, true).connect(at).await.expect("a connection with the hybrid group");
    assert!(brought.is_let_in().await);
    still_serves(&gateway, &phone);
}

/// A phone that offers X25519 first, and the hybrid group after it or not at all.
fn with_groups(phone: &Phone, hybrid: bool) -> Attack {
    let mut attack = Attack::with(phone);
    let mut provider = (*provider()).clone();
    provider.kx_groups = vec![kx_group::X25519];
    if hybrid {
        provider.kx_groups.push(kx_group::X25519MLKEM768);
    }
    let (device, _) = phone.enrolled();
    let mut roots = rustls::RootCertStore::empty();
    device.roots.iter().for_each(|root| roots.add(root.clone().into()).expect("a root"));
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_client_cert_resolver(attack.tls.client_auth_cert_resolver.clone());
    tls.alpn_protocols.clone_from(&attack.tls.alpn_protocols);
    attack.tls = tls;
    attack
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t08_t09_the_running_gateway_gives_no_ticket_and_takes_no_early_data() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let mut attack = Attack::with(&phone);
    attack.tls.enable_early_data = true;
    attack.tls.resumption = rustls::client::Resumption::in_memory_sessions(16);
    let at = gateway.listens_at();
    for _ in 0..2 {
        let hostile = attack.clone().connect(at).await.expect("a connection");
        assert!(hostile.is_let_in().await);
    }
    // What it would resume with, it was not given: a third connection has nothing to send early with.
    let endpoint = quinn::Endpoint::client(([127, 0, 0, 1], 0).into()).expect("a socket");
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(attack.tls.clone()).expect("a configuration");
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let connecting = endpoint.connect_with(config, at, &attack.server_name).expect("an address");
    assert!(connecting.into_0rtt().is_err(), "the gateway has given a ticket");

    // A revoked device that kept everything of its old sessions is refused all the same.
    gateway.run(&["device", "revoke", &phone.device, "--data", "D"]).ok();
    until("the revocation", PATIENCE, || (phone.status().json()["problem"] == "revoked").then_some(()));
    let ended = attack.refused(at).await;
    assert_eq!(close_reason(&ended), Some(CloseReason::Revoked));
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
