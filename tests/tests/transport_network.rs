//! A network that loses, doubles, delays and alters packets, or passes only small ones: the picture arrives once, whole and unchanged, or the phone says
//! why not.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use safelight_core::client::{CancelToken, ClientError};
use safelight_tests::gateway::Gateway;
use safelight_tests::gateway::datagrams::is_retry;
use safelight_tests::gateway::hostile::Attack;
use safelight_tests::gateway::phone::{Phone, seal, snapshot, strip};
use safelight_tests::gateway::weather::Weather;

/// Sends a picture in this weather; it must arrive as it is.
async fn arrives_in(gateway: &Gateway, phone: &Phone, weather: &str) {
    let client = phone.client();
    let photo = snapshot(5, 800, 600);
    let capture = seal(&client, &photo);
    let receipt = client.upload(&capture, |_| {}, &CancelToken::new()).await;
    let receipt = receipt.unwrap_or_else(|error| panic!("{weather}: {error}"));
    assert_eq!(receipt.capture_id(), capture.id(), "{weather}");
    assert_eq!(gateway.stored(), [capture.id().to_string()], "{weather}");
    assert_eq!(gateway.blobs(), [capture.payload().len() as u64], "{weather}");
    gateway.pictures_in(&["verified"], 1);
    let path = gateway.at("photo.jpg");
    std::fs::write(&path, &photo).expect("a file");
    let stripped = strip(&path, &gateway.at("")).unwrap_or_else(|refused| panic!("{refused}"));
    assert!(gateway.open(&capture.id().to_string()) == stripped, "{weather}: another picture");
}

async fn weather(weather: Weather, what: &str) -> (Gateway, safelight_tests::gateway::relay::Relay, Phone) {
    let (gateway, relay) = Gateway::behind_relay();
    let phone = gateway.enrol("phone");
    relay.set_weather(weather);
    arrives_in(&gateway, &phone, what).await;
    (gateway, relay, phone)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t23_with_one_packet_in_twenty_lost_the_picture_arrives() {
    let (_gateway, relay, _phone) = weather(Weather { lost: 5, ..Weather::FAIR }, "5 % lost").await;
    assert!(relay.damage().lost.load(Ordering::Relaxed) > 10, "{:?}", relay.damage());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t23_with_one_packet_in_five_lost_others_doubled_late_and_altered_the_picture_arrives() {
    let bad = Weather { lost: 20, doubled: 5, delayed: 10, altered: 2, ..Weather::FAIR };
    let (_gateway, relay, _phone) = weather(bad, "20 % lost").await;
    let damage = relay.damage();
    for counter in [&damage.lost, &damage.doubled, &damage.delayed, &damage.altered] {
        assert!(counter.load(Ordering::Relaxed) > 5, "{damage:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t23_with_packets_of_1200_bytes_the_picture_arrives_and_below_it_the_phone_says_that_udp_does_not_pass() {
    let small = Weather { largest: 1200, ..Weather::FAIR };
    let (gateway, relay, phone) = weather(small, "1200 bytes").await;
    assert!(
        relay.damage().too_large.load(Ordering::Relaxed) > 0,
        "nobody has tried a larger one: {:?}",
        relay.damage()
    );

    // The least that QUIC needs (RFC 9000 section 14).
    relay.set_weather(Weather { largest: 1199, ..Weather::FAIR });
    let error = phone.client().connect().await.expect_err("nothing passes");
    assert!(matches!(error, ClientError::Unreachable { .. }) && error.to_string().contains("UDP"), "{error:?}");
    assert_eq!(gateway.stored().len(), 1);
}

/// An attacker at a real address: it proves it when asked, and then lets the handshake stand.
struct HalfOpen {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl HalfOpen {
    /// Passes clients' packets to the gateway from `from`, and back only what asks for a proof of the address.
    fn start(from: Ipv4Addr, gateway: SocketAddr) -> Self {
        let inner = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let outer = UdpSocket::bind((from, 0)).expect("a port");
        let ended = Arc::new(AtomicBool::new(false));
        let address = inner.local_addr().expect("an address");
        for socket in [&inner, &outer] {
            socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        }
        let client: Arc<std::sync::Mutex<Option<SocketAddr>>> = Arc::default();
        let [up, down] = [(); 2].map(|()| {
            let sockets = (inner.try_clone().expect("a socket"), outer.try_clone().expect("a socket"));
            (sockets, ended.clone(), client.clone())
        });
        std::thread::spawn(move || {
            let ((inner, outer), ended, client) = up;
            let mut buffer = [0; 2048];
            while !ended.load(Ordering::Acquire) {
                let Ok((len, from)) = inner.recv_from(&mut buffer) else { continue };
                *client.lock().expect("no panic") = Some(from);
                let _ = outer.send_to(&buffer[..len], gateway);
            }
        });
        std::thread::spawn(move || {
            let ((inner, outer), ended, client) = down;
            let mut buffer = [0; 2048];
            while !ended.load(Ordering::Acquire) {
                let Ok(len) = outer.recv(&mut buffer) else { continue };
                let to = *client.lock().expect("no panic");
                if let Some(to) = to.filter(|_| is_retry(&buffer[..len])) {
                    let _ = inner.send_to(&buffer[..len], to);
                }
            }
        });
        Self { address, ended }
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t17_half_open_handshakes_of_one_real_address_do_not_keep_others_out() {
    let gateway = Gateway::serving();
    let phone = gateway.enrol("phone");
    let attack = Attack::with(&phone);
    let attacker = HalfOpen::start(Ipv4Addr::new(127, 66, 6, 6), gateway.listens_at());
    // One socket, more handshakes than one network has places.
    let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).expect("a socket");
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(attack.tls).expect("a configuration");
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    let half_open: Vec<_> = (0..400)
        .map(|_| endpoint.connect_with(config.clone(), attacker.address, &attack.server_name).expect("an address"))
        .collect();
    gateway.turned_away("too-many-from-one-network");
    let client = phone.client();
    let capture = seal(&client, &snapshot(5, 320, 240));
    client.upload(&capture, |_| {}, &CancelToken::new()).await.expect("a receipt");
    drop(half_open);
    assert_eq!(gateway.stored(), [capture.id().to_string()]);
}
