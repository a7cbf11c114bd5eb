//! What both ends demand of the other and of TLS: the server's name, the protocol, the key exchange, no resumption.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use getrandom::SysRng;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::{AlertDescription, ClientConfig, NamedGroup, ServerConfig};
use safelight_core::client::tls;
use safelight_core::ids::{ClinicId, UnixMillis};
use safelight_gateway::ingest::authenticate::server_config;

use crate::cast::{CLINIC, Clinic, DEVICE, HOUR, Tickets, now, server_key};
use crate::stage::{Side, meet, refused};

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
