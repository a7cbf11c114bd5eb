//! Datagrams made by hand against the running gateway: an attacker without a certificate, or with a forged address, sends first packets without
//! end, garbage, transport parameters that no client has, and pieces of a handshake out of order.
//!
//! Nothing of it ends the process, its memory stays where it is, and phones are served meanwhile and afterwards.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what does not go as it should is a failed test"
)]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;

use safelight_tests::gateway::Gateway;
use safelight_tests::gateway::datagrams::{Beginning, crypto, is_retry, parameter, received, socket, varint};
use safelight_tests::gateway::hostile::Attack;
use safelight_tests::gateway::phone::{Phone, snapshot};
use safelight_tests::gateway::program::resident;

/// What an attack may add to ingest's memory.
const MOST_MEMORY: u64 = 64 * 1024 * 1024;

/// A gateway under attack, and a phone that wants to be served.
struct Target {
    gateway: Gateway,
    phone: Phone,
    photo: String,
    ingest: u32,
    memory: u64,
}

impl Target {
    fn new() -> Self {
        let mut gateway = Gateway::serving();
        let phone = gateway.enrol("phone");
        let photo = gateway.path("photo.jpg");
        fs::write(&photo, snapshot(1, 320, 240)).expect("a file");
        phone.send(&[&photo]).ok();
        let ingest = gateway.process("ingest");
        let memory = resident(ingest);
        Self { gateway, phone, photo, ingest, memory }
    }

    fn at(&self) -> SocketAddr {
        self.gateway.listens_at()
    }

    /// The same process serves, and has grown by little.
    #[track_caller]
    fn is_unharmed(&mut self) {
        let grown = resident(self.ingest).saturating_sub(self.memory);
        assert!(grown < MOST_MEMORY, "ingest grew by {grown} bytes");
        self.phone.send(&[&self.photo]).ok();
        assert_eq!(self.gateway.process("ingest"), self.ingest, "ingest was started again");
    }
}

/// An address of its own for each number: all of 127.0.0.0/8 is this machine.
fn forged(number: usize) -> Ipv4Addr {
    let [_, high, middle, low] = u32::try_from(number + 2).expect("small").to_be_bytes();
    Ipv4Addr::new(127, 77_u8.wrapping_add(high), middle, low)
}

/// What a client must say at least, for the connection ids of `beginning`.
fn parameters(beginning: &Beginning) -> Vec<u8> {
    parameter(0x0F, &beginning.own)
}

fn send(socket: &UdpSocket, at: SocketAddr, datagrams: &[Vec<u8>]) {
    for datagram in datagrams {
        // A full buffer loses datagrams, as a network does.
        let _ = socket.send_to(datagram, at);
    }
}

#[test]
fn t17_a_flood_of_handshakes_from_forged_addresses_is_asked_to_prove_them() {
    let mut target = Target::new();
    let attack = Attack::with(&target.phone);
    let at = target.at();
    // Each begins a handshake and never says more: until it is known to be real, an address gets a place among the first or is asked.
    let sockets: Vec<UdpSocket> = (0..600).map(|number| socket(forged(number))).collect();
    for (number, socket) in sockets.iter().enumerate() {
        let beginning = Beginning::new(number as u64 + 1);
        send(socket, at, &beginning.hello(&attack.tls, &attack.server_name, &parameters(&beginning)));
    }
    // In the middle of it a phone comes, is asked too, and is served.
    target.is_unharmed();
    let mut asked = 0;
    let mut answered = 0;
    for socket in &sockets {
        socket.set_read_timeout(Some(std::time::Duration::from_millis(1))).expect("a timeout");
        let replies = received(socket);
        asked += usize::from(replies.iter().any(|reply| is_retry(reply)));
        answered += usize::from(replies.iter().any(|reply| !is_retry(reply)));
    }
    assert!(asked >= 100, "{asked} of 600 were asked to prove their address, {answered} answered");
    assert!(answered >= 1, "none was answered: was it a flood at all?");
    target.is_unharmed();
}

#[test]
fn t22_transport_parameters_that_no_client_has_end_a_handshake_and_nothing_else() {
    let mut target = Target::new();
    let attack = Attack::with(&target.phone);
    let at = target.at();
    let answer = |beginning: &Beginning, parameters: &[u8]| -> usize {
        // One for each: what the gateway says again to the last one is not for this one.
        let own = socket(Ipv4Addr::LOCALHOST);
        send(&own, at, &beginning.hello(&attack.tls, &attack.server_name, parameters));
        received(&own).iter().map(Vec::len).sum()
    };
    // Made the same way and right, it gets the gateway's certificate: what is refused below is refused for its difference.
    let right = Beginning::new(1);
    assert!(answer(&right, &parameters(&right)) > 2_000, "the gateway does not answer a good first flight");

    let huge = 0x3FFF_FFFF_FFFF_FFFF_u64;
    let mut number = 1_000;
    let mut try_with = |what: &str, make: &dyn Fn(&Beginning) -> Vec<u8>| {
        number += 1;
        let beginning = Beginning::new(number);
        let len = answer(&beginning, &make(&beginning));
        assert!(len < 2_000, "{what}: the handshake goes on ({len} bytes)");
    };
    try_with("none", &|_| Vec::new());
    try_with("half a number", &|_| vec![0xC0]);
    try_with("an id alone", &|_| vec![0x0F]);
    try_with("a length beyond the end", &|own| [parameters(own), vec![0x01, 0x7F, 0xFF, 1]].concat());
    try_with("the longest length", &|own| [parameters(own), varint(0x01), varint(huge)].concat());
    try_with("the same twice", &|own| [parameters(own), parameters(own)].concat());
    try_with("another connection's id", &|_| parameter(0x0F, &[9; 8]));
    try_with("an id that is too long", &|_| parameter(0x0F, &[9; 21]));
    try_with("datagrams of no bytes", &|own| [parameters(own), parameter(0x03, &varint(0))].concat());
    try_with("a number in a longer value", &|own| [parameters(own), parameter(0x04, &[0, 0, 0])].concat());
    try_with("an exponent beyond its limit", &|own| [parameters(own), parameter(0x0A, &varint(21))].concat());
    try_with("the largest exponent", &|own| [parameters(own), parameter(0x0A, &varint(huge))].concat());
    try_with("a delay beyond its limit", &|own| [parameters(own), parameter(0x0B, &varint(1 << 14))].concat());
    try_with("streams beyond their limit", &|own| [parameters(own), parameter(0x08, &varint((1 << 60) + 1))].concat());
    try_with("one connection id", &|own| [parameters(own), parameter(0x0E, &varint(1))].concat());
    try_with("a server's token", &|own| [parameters(own), parameter(0x02, &[1; 16])].concat());
    try_with("a server's first id", &|own| [parameters(own), parameter(0x00, &[1; 8])].concat());
    try_with("a server's address", &|own| [parameters(own), parameter(0x0D, &[1; 41])].concat());
    try_with("half a server's address", &|own| [parameters(own), parameter(0x0D, &[1; 5])].concat());
    // Every cut of good ones, and noise.
    let good = |own: &Beginning| {
        let rest = [(0x01, 60_000), (0x03, 1472), (0x04, 1 << 20), (0x08, 8), (0x0B, 25), (0x0E, 4)];
        let rest = rest.map(|(id, value)| parameter(id, &varint(value))).concat();
        [rest, parameters(own)].concat()
    };
    let whole = good(&right).len();
    for end in (0..whole).step_by(5) {
        try_with("a cut", &|own| good(own)[..end].to_vec());
    }
    for len in [1, 7, 40, 300] {
        let mut noise = vec![0; len];
        getrandom::fill(&mut noise).expect("random bytes");
        try_with("noise", &|_| noise.clone());
    }
    target.is_unharmed();
    target.gateway.turned_away("transport-error");
}

#[test]
fn t22_floods_of_connection_ids_and_garbage_do_not_end_or_swell_the_gateway() {
    let mut target = Target::new();
    let at = target.at();
    let own = socket(Ipv4Addr::LOCALHOST);
    let mut random = vec![0; 1500];
    let noise = |bytes: &mut [u8]| getrandom::fill(bytes).expect("random bytes");

    // First packets of ever new connections, which hold nothing.
    for number in 0..5_000 {
        let beginning = Beginning::new(0x1000_0000 + number);
        send(&own, at, &[beginning.packet(0, &[0x01])]);
    }
    // Ids of every length that a length byte can say, in every kind of long header and in versions that do not exist.
    for version in [0_u32, 1, 2, 0x0A0A_0A0A, 0xFF00_001D, u32::MAX] {
        for kind in [0x80_u8, 0xC0, 0xD0, 0xE0, 0xF0, 0xFF] {
            for len in (0..=255_u8).step_by(3) {
                noise(&mut random);
                random[0] = kind | (random[0] & 0x0F);
                random[1..5].copy_from_slice(&version.to_be_bytes());
                random[5] = len;
                send(&own, at, &[random[..1200].to_vec(), random[..usize::from(len) + 6].to_vec()]);
            }
        }
    }
    // Short headers for connections that are not there, and whatever fits in a datagram.
    for len in (0..1500).chain(0..100) {
        noise(&mut random);
        send(&own, at, &[random[..len].to_vec()]);
        random[0] = 0x40 | (random[0] & 0x3F);
        send(&own, at, &[random[..len].to_vec()]);
    }
    // Tokens that nobody gave, and packets that were altered on the way.
    for number in 0..200_u64 {
        let mut beginning = Beginning::new(0x2000_0000 + number);
        beginning.token = vec![7; usize::try_from(number).expect("small")];
        let mut packet = beginning.packet(0, &[0x01]);
        send(&own, at, &[packet.clone()]);
        let at_byte = usize::try_from(number).expect("small") * 5;
        packet[at_byte] ^= 1;
        send(&own, at, &[packet]);
    }
    target.is_unharmed();
}

#[test]
fn t21_pieces_of_a_handshake_out_of_order_are_bounded() {
    let mut target = Target::new();
    let at = target.at();
    // Many begin, and each sends single bytes with a gap after every one: nothing of it can be put together, and all of it would have to be kept.
    let sockets: Vec<UdpSocket> = (0..32).map(|number| socket(forged(number))).collect();
    for round in 0..40_u64 {
        for (number, socket) in sockets.iter().enumerate() {
            let beginning = Beginning::new(0x3000_0000 + number as u64);
            let pieces: Vec<u8> = (0..150).flat_map(|piece| crypto(1 + (round * 150 + piece) * 2, &[1])).collect();
            send(socket, at, &[beginning.packet(u32::try_from(round).expect("small"), &pieces)]);
        }
    }
    // One that lies at the end of what can be counted, and one beyond it.
    for (number, offset) in [(0x4000_0000, (1 << 62) - 2), (0x4000_0001, (1 << 62) - 1), (0x4000_0002, 1 << 40)] {
        send(&sockets[0], at, &[Beginning::new(number).packet(0, &crypto(offset, &[1]))]);
    }
    target.is_unharmed();
}

/// GHSA-4w2j and RUSTSEC-2026-0037 are mended from this version on.
#[test]
fn t21_t22_the_quic_library_is_one_in_which_known_holes_are_mended() {
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock")).expect("Cargo.lock");
    let lock: toml::Table = lock.parse().expect("TOML");
    let packages = lock["package"].as_array().expect("packages");
    let versions: Vec<&str> = packages
        .iter()
        .filter(|package| package["name"].as_str() == Some("quinn-proto"))
        .filter_map(|package| package["version"].as_str())
        .collect();
    assert!(!versions.is_empty(), "quinn-proto is not locked");
    for version in versions {
        let parts: Vec<u64> = version.split('.').map(|part| part.parse().expect("a number")).collect();
        assert!(parts >= vec![0, 11, 18], "quinn-proto {version}");
    }
}
