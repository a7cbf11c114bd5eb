//! What phones cost ingest in memory while they do nothing, as growth of its resident memory.
//!
//! Idle connections stand beside those of a bare quinn server: the same TLS, quinn's own settings, no product. Stalled uploads have
//! stopped just before a batch is written, so that each holds as much as it ever does, and come on top of their connections.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its figures, and has none if it fails"
)]

mod shared;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use safelight_core::capture::SealedCapture;
use safelight_core::client::Client;
use safelight_core::client::tls::{ClientIdentity, main_config};
use safelight_core::session::send::{Send, Trust};
use safelight_core::wire::limits::{IDLE_TIMEOUT, KEEP_ALIVE};
use safelight_gateway::config::{Config, Layout};
use safelight_gateway::ingest::{authenticate, keys};

use shared::camera;
use shared::gateway::{Gateway, Process};
use shared::process::resident;

/// Idle connections, each of a device of its own.
const IDLE: usize = 1_000;

/// Stalled uploads, each on a connection of its own.
const STALLED: usize = 64;

/// Connections before the first look, so that what a process does once does not count.
const WARM_UP: usize = 8;

/// Handshakes at once: few enough that none is asked to prove its address.
const AT_ONCE: usize = 32;

/// Where a stalled upload stops: some batches of 256 KiB, and almost another.
const STALL_AT: usize = 8 * 256 * 1024 - 4 * 1024;

/// Until acknowledgements and timers have come to rest.
const REST: Duration = Duration::from_secs(3);

/// The argument that makes this program the bare server.
const BARE: &str = "bare-server";

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(BARE) {
        bare_server(arguments.next().expect("a data folder").into()).await;
        return;
    }
    let gateway = Gateway::make();
    let devices = gateway.enrol(IDLE).await;
    let first = devices.first().expect("a device");
    let address = gateway.config().listen;

    let bare = Process(bare_command(&gateway).spawn().expect("this program again"));
    tokio::time::sleep(REST).await;
    let of_bare = idle(bare.id(), address, &devices).await;
    drop(bare);
    let running = gateway.start(true, first).await;
    first.disconnect().await;
    let ours = idle(running.ingest.id(), address, &devices).await;
    drop(running);

    let running = gateway.start(true, first).await;
    first.disconnect().await;
    let stalled = stalled(running.ingest.id(), address, &devices).await;
    println!("  an idle connection, as a multiple of bare quinn's  {:.2}", ours.each / of_bare.each);
    println!("  an idle connection at {IDLE} (<= 48 KiB)             {:.1} KiB", ours.each / 1024.0);
    println!("  an idle connection of a bare quinn server          {:.1} KiB", of_bare.each / 1024.0);
    println!("  a stalled upload at {STALLED} (<= 512 KiB)              {:.0} KiB", stalled.each / 1024.0);
    println!("  ingest without connections                         {:.1} MiB", ours.before / 1024.0 / 1024.0);
    println!("  ingest with {IDLE} connections                       {:.1} MiB", ours.after / 1024.0 / 1024.0);
}

/// Resident memory in bytes: before, after, and the growth for each.
struct Growth {
    before: f64,
    after: f64,
    each: f64,
}

impl Growth {
    fn of(before: u64, after: u64, count: usize) -> Self {
        let float = |bytes: u64| f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) * 1024.0;
        let (before, after) = (float(before), float(after));
        Self { before, after, each: (after - before) / f64::from(u32::try_from(count).unwrap_or(u32::MAX)) }
    }
}

async fn idle(pid: u32, address: SocketAddr, devices: &[Client]) -> Growth {
    let (endpoint, connections) = connect(address, devices.get(..WARM_UP).expect("enough devices")).await;
    close(endpoint, connections).await;
    let before = resident(pid);
    let (endpoint, connections) = connect(address, devices).await;
    tokio::time::sleep(REST).await;
    let after = resident(pid);
    let alive = connections.iter().filter(|connection| connection.close_reason().is_none()).count();
    assert_eq!(alive, devices.len(), "every connection stands");
    close(endpoint, connections).await;
    Growth::of(before, after, devices.len())
}

async fn stalled(pid: u32, address: SocketAddr, devices: &[Client]) -> Growth {
    let photo = camera::photograph();
    let devices = devices.get(..STALLED).expect("enough devices");
    let captures: Vec<_> = devices.iter().map(|device| camera::capture(device, &photo, 2)).collect();
    let (endpoint, connections) = connect(address, devices).await;
    tokio::time::sleep(REST).await;
    let before = resident(pid);
    let mut streams = Vec::new();
    for ((device, capture), connection) in devices.iter().zip(&captures).zip(&connections) {
        streams.push(stall(device, capture, connection).await);
    }
    tokio::time::sleep(REST).await;
    let after = resident(pid);
    drop(streams);
    close(endpoint, connections).await;
    Growth::of(before, after, STALLED)
}

/// Sends until [`STALL_AT`]. The streams must be kept: dropping them would end the upload.
async fn stall(
    device: &Client,
    capture: &Arc<SealedCapture>,
    connection: &quinn::Connection,
) -> (quinn::SendStream, quinn::RecvStream) {
    let device = device.device();
    let trust = Trust { key_set: device.key_set.key_set(), device_id: device.device_id, last: None };
    let (mut session, opening) = Send::begin(capture, trust).expect("a request");
    let (mut send, mut recv) = connection.open_bi().await.expect("a stream");
    send.write_all(&opening).await.expect("the request goes");
    while session.next_piece(1).is_none() {
        let chunk = recv.read_chunk(1024, true).await.expect("an answer").expect("not the end");
        session.handle_bytes(&chunk.bytes).expect("no refusal");
    }
    send.write_all(capture.payload().get(..STALL_AT).expect("a picture is longer")).await.expect("the first part goes");
    (send, recv)
}

/// A connection for each device, all from one socket.
async fn connect(address: SocketAddr, devices: &[Client]) -> (quinn::Endpoint, Vec<quinn::Connection>) {
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().expect("an address")).expect("a socket");
    let mut connections = Vec::with_capacity(devices.len());
    for some in devices.chunks(AT_ONCE) {
        let connecting: Vec<_> = some.iter().map(|device| tokio::spawn(dial(&endpoint, address, device))).collect();
        for one in connecting {
            connections.push(one.await.expect("no panic").expect("a connection"));
        }
    }
    (endpoint, connections)
}

fn dial(endpoint: &quinn::Endpoint, address: SocketAddr, client: &Client) -> quinn::Connecting {
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

async fn close(endpoint: quinn::Endpoint, connections: Vec<quinn::Connection>) {
    drop(connections);
    endpoint.close(0u32.into(), b"");
    endpoint.wait_idle().await;
    // The server keeps a closed connection for a moment (RFC 9000 section 10.2).
    tokio::time::sleep(REST).await;
}

fn bare_command(gateway: &Gateway) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program's path"));
    command.arg(BARE).arg(gateway.layout().root()).stdin(Stdio::null());
    command
}

/// Quinn as it comes, with the gateway's TLS and at its address.
async fn bare_server(data: PathBuf) {
    let config = Config::load(&data).expect("the configuration");
    let folder = Layout::new(data).ingest();
    let chain: Vec<_> = CertificateDer::pem_file_iter(folder.join(keys::TLS_CHAIN_FILE))
        .expect("certificates")
        .collect::<Result<_, _>>()
        .expect("certificates");
    let key = PrivateKeyDer::from_pem_file(folder.join(keys::TLS_KEY_FILE)).expect("a key");
    let roots = chain.get(1..).expect("the CA's").to_vec();
    let tls = authenticate::server_config(chain, key, &roots).expect("TLS");
    let crypto = QuicServerConfig::try_from(tls).expect("TLS for QUIC");
    let server = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let endpoint = quinn::Endpoint::server(server, config.listen).expect("a socket");
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            if let Ok(connection) = incoming.await {
                while connection.accept_bi().await.is_ok() {}
            }
        });
    }
}
