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
use std::sync::Arc;
use std::time::Duration;

use safelight_core::capture::SealedCapture;
use safelight_core::client::Client;
use safelight_core::session::send::{Send, Trust};
use safelight_core::wire::limits::MAX_CONNECTIONS_PER_DEVICE;
use safelight_gateway::clock::Clock;

use shared::gateway::Gateway;
use shared::process::resident;
use shared::{bare, camera, phones};

/// How many idle connections: some, and as many of each device as one may have.
const IDLE: [usize; 2] = [1_000, 5_000];

/// Stalled uploads, each on a connection of its own.
const STALLED: usize = 64;

/// Connections before the first look, so that what a process does once does not count.
const WARM_UP: usize = 8;

/// Where a stalled upload stops: some batches of 256 KiB, and almost another.
const STALL_AT: usize = 8 * 256 * 1024 - 4 * 1024;

/// Until acknowledgements and timers have come to rest.
const REST: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    bare::serve_if_asked().await;
    let gateway = Gateway::make();
    let most = IDLE.into_iter().max().unwrap_or_default();
    let clients = gateway.enrol(most.div_ceil(MAX_CONNECTIONS_PER_DEVICE)).await;
    let first = clients.first().expect("a device");
    let devices: Vec<&Client> = clients.iter().cycle().take(most).collect();
    let address = gateway.config().listen;

    for count in IDLE {
        let devices = devices.get(..count).expect("enough devices");
        let bare = bare::start(&gateway);
        tokio::time::sleep(REST).await;
        let of_bare = idle(bare.id(), address, devices).await;
        drop(bare);
        let running = gateway.start(true, first).await;
        first.disconnect().await;
        let ours = idle(running.ingest.id(), address, devices).await;
        print_idle(count, &ours, &of_bare);
    }

    let running = gateway.start(true, first).await;
    first.disconnect().await;
    let stalled = stalled(running.ingest.id(), address, &devices).await;
    println!("  a stalled upload at {STALLED} (<= 512 KiB)              {:.0} KiB", stalled.each / 1024.0);
}

fn print_idle(count: usize, ours: &Growth, bare: &Growth) {
    println!("At {count} idle connections:");
    println!("  one of them, as a multiple of bare quinn's         {:.2}", ours.each / bare.each);
    println!("  one of them (<= 48 KiB)                            {:.1} KiB", ours.each / 1024.0);
    println!("  one of a bare quinn server                         {:.1} KiB", bare.each / 1024.0);
    println!("  ingest without them                                {:.1} MiB", ours.before / 1024.0 / 1024.0);
    println!("  ingest with them                                   {:.1} MiB", ours.after / 1024.0 / 1024.0);
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

async fn idle(pid: u32, address: SocketAddr, devices: &[&Client]) -> Growth {
    let (endpoint, connections) = phones::connect(address, devices.get(..WARM_UP).expect("enough devices")).await;
    close(endpoint, connections).await;
    let before = resident(pid);
    let (endpoint, connections) = phones::connect(address, devices).await;
    tokio::time::sleep(REST).await;
    let after = resident(pid);
    let alive = connections.iter().filter(|connection| connection.close_reason().is_none()).count();
    assert_eq!(alive, devices.len(), "every connection stands");
    close(endpoint, connections).await;
    Growth::of(before, after, devices.len())
}

async fn stalled(pid: u32, address: SocketAddr, devices: &[&Client]) -> Growth {
    let photo = camera::photograph();
    let devices = devices.get(..STALLED).expect("enough devices");
    let captures: Vec<_> = devices.iter().map(|device| camera::capture(device, &photo, 2)).collect();
    let (endpoint, connections) = phones::connect(address, devices).await;
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
    let trust = Trust {
        key_set: device.key_set.key_set(),
        device_id: device.device_id,
        last: None,
        now: Clock::system().now(),
    };
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

async fn close(endpoint: quinn::Endpoint, connections: Vec<quinn::Connection>) {
    phones::close(endpoint, connections).await;
    // The server keeps a closed connection for a moment (RFC 9000 section 10.2).
    tokio::time::sleep(REST).await;
}
