//! What a handshake costs, and how soon a revoked device is off.
//!
//! Handshakes are counted by the server's processor time, since the phones of this benchmark share its cores: so many a second could one
//! core do. Beside ours, in turn, stands a bare quinn server with the same TLS.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints its figures, and has none if it fails"
)]

mod shared;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use safelight_core::client::Client;

use shared::figures::{median, ms, quantile};
use shared::gateway::Gateway;
use shared::{bare, phones, process};

/// Devices that make handshakes in turn.
const DEVICES: usize = 64;

/// Handshakes in a round.
const HANDSHAKES: usize = 1_024;

/// Rounds that count, after one that does not.
const ROUNDS: usize = 5;

/// Devices that are revoked while they are connected, one after the other.
const REVOKED: usize = 10;

#[tokio::main]
async fn main() {
    bare::serve_if_asked().await;
    let gateway = Gateway::make();
    let clients = gateway.enrol(DEVICES).await;
    let first = clients.first().expect("a device");
    let devices: Vec<&Client> = clients.iter().collect();
    let address = gateway.config().listen;

    let (mut ours, mut of_bare) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let bare = bare::start(&gateway);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let bare_rate = handshakes(bare.id(), address, &devices).await;
        drop(bare);
        let running = gateway.start(false, first).await;
        first.disconnect().await;
        let rate = handshakes(running.ingest.id(), address, &devices).await;
        if round > 0 {
            ours.push(rate);
            of_bare.push(bare_rate);
        }
    }
    let ratios = ours.iter().zip(&of_bare).map(|(ours, bare)| ours / bare).collect();
    println!("  handshakes a second and core, as a part of bare quinn's   {:.2}", median(ratios));
    println!("  handshakes a second and core                              {:.0}", median(ours));
    println!("  handshakes a second and core of a bare quinn server       {:.0}", median(of_bare));

    let running = gateway.start(false, first).await;
    let mut times = Vec::new();
    for device in devices.iter().rev().take(REVOKED) {
        times.push(revoke(&gateway, address, device).await);
    }
    drop(running);
    let slowest = times.iter().max().copied().unwrap_or_default();
    println!("  from `device revoke` to the closed connection: median     {:.0} ms", ms(quantile(&mut times, 0.5)));
    println!("  from `device revoke` to the closed connection: slowest    {:.0} ms (<= 5000 ms)", ms(slowest));
}

/// Handshakes for each second of the server's processor time.
async fn handshakes(pid: u32, address: SocketAddr, devices: &[&Client]) -> f64 {
    let before = process::cpu(pid);
    let mut made = 0_u32;
    while made < u32::try_from(HANDSHAKES).expect("a small number") {
        let (endpoint, connections) = phones::connect(address, devices).await;
        made += u32::try_from(connections.len()).expect("a small number");
        phones::close(endpoint, connections).await;
    }
    f64::from(made) / process::cpu(pid).saturating_sub(before).as_secs_f64()
}

async fn revoke(gateway: &Gateway, address: SocketAddr, device: &Client) -> Duration {
    let (endpoint, connections) = phones::connect(address, &[device]).await;
    let connection = connections.first().expect("a connection").clone();
    let start = Instant::now();
    let command = gateway.revoke(device.device().device_id);
    connection.closed().await;
    let took = start.elapsed();
    drop(command);
    phones::close(endpoint, connections).await;
    took
}
