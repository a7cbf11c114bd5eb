//! Many connections from one socket, as bare as they can be: what is measured is the gateway.

use std::net::SocketAddr;
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use safelight_core::client::Client;
use safelight_core::client::tls::{ClientIdentity, main_config};
use safelight_core::wire::limits::{IDLE_TIMEOUT, KEEP_ALIVE};

/// Handshakes at once: few enough that none is asked to prove its address.
const AT_ONCE: usize = 32;

/// A connection for each device, all from one socket. A device that stands there twice gets two.
pub(crate) async fn connect(address: SocketAddr, devices: &[&Client]) -> (quinn::Endpoint, Vec<quinn::Connection>) {
    let endpoint = endpoint();
    let mut connections = Vec::with_capacity(devices.len());
    for some in devices.chunks(AT_ONCE) {
        let connecting: Vec<_> = some.iter().map(|device| tokio::spawn(dial(&endpoint, address, device))).collect();
        for one in connecting {
            connections.push(one.await.expect("no panic").expect("a connection"));
        }
    }
    (endpoint, connections)
}

/// A socket on loopback.
pub(crate) fn endpoint() -> quinn::Endpoint {
    quinn::Endpoint::client("127.0.0.1:0".parse().expect("an address")).expect("a socket")
}

/// Begins a handshake as `client`'s device.
pub(crate) fn dial(endpoint: &quinn::Endpoint, address: SocketAddr, client: &Client) -> quinn::Connecting {
    let device = client.device();
    let identity = ClientIdentity { chain: vec![device.certificate.clone()], key: client.key() };
    let tls = main_config(&identity, &device.roots, device.clinic_id).expect("TLS");
    let crypto = QuicClientConfig::try_from(tls.config).expect("TLS for QUIC");
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    let mut transport = quinn::TransportConfig::default();
    transport.keep_alive_interval(Some(KEEP_ALIVE)).max_idle_timeout(quinn::IdleTimeout::try_from(IDLE_TIMEOUT).ok());
    config.transport_config(Arc::new(transport));
    endpoint.connect_with(config, address, &tls.server_name).expect("an address that can be dialled")
}

/// Closes all of them, and waits until they are gone from here.
pub(crate) async fn close(endpoint: quinn::Endpoint, connections: Vec<quinn::Connection>) {
    drop(connections);
    endpoint.close(0u32.into(), b"");
    endpoint.wait_idle().await;
}
