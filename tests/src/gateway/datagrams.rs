//! Datagrams that no QUIC library would send: first packets (RFC 9000 section 17.2.2) with whatever frames and transport parameters a test wants,
//! protected as they must be (RFC 9001 section 5.2), so that the gateway looks inside.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::ServerName;
use rustls::quic::{ClientConnection, Keys, Version};
use rustls::{ClientConfig, Side};

/// Smallest datagram with a first packet that a gateway answers (RFC 9000 section 14.1).
const LEAST: usize = 1200;

/// Bytes of TLS in one packet.
const PIECE: usize = 900;

/// Bytes of a packet number here.
const NUMBER: usize = 4;

/// A connection that is begun by hand.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// Chosen for the gateway until it chooses its own.
    pub theirs: Vec<u8>,
    /// Under which this end is addressed.
    pub own: Vec<u8>,
    /// As a Retry would have given it.
    pub token: Vec<u8>,
}

impl Beginning {
    /// With connection ids of 8 bytes that are made from `number`.
    pub fn new(number: u64) -> Self {
        let own = number.rotate_left(32) ^ 0x0BAD_CAFE;
        Self { theirs: number.to_be_bytes().to_vec(), own: own.to_be_bytes().to_vec(), token: Vec::new() }
    }

    /// A datagram with one first packet of these frames, padded to the size that it must have.
    pub fn packet(&self, number: u32, frames: &[u8]) -> Vec<u8> {
        let mut header = vec![0xC0 | 3];
        header.extend(1_u32.to_be_bytes());
        for id in [&self.theirs, &self.own] {
            header.push(u8::try_from(id.len()).expect("a short id"));
            header.extend(id);
        }
        header.extend(varint(self.token.len() as u64));
        header.extend(&self.token);
        let keys = keys(&self.theirs);
        let tag = keys.local.packet.tag_len();
        let padded = LEAST.saturating_sub(header.len() + 2 + NUMBER + tag).max(frames.len());
        let length = u16::try_from(NUMBER + padded + tag).expect("a packet");
        header.extend((0x4000 | length).to_be_bytes());
        let start = header.len();
        header.extend(number.to_be_bytes());
        let mut payload = frames.to_vec();
        payload.resize(padded, 0);
        let sealed = keys.local.packet.encrypt_in_place(number.into(), &header, &mut payload).expect("a packet");
        let mut packet = [header.as_slice(), &payload, sealed.as_ref()].concat();
        let (head, rest) = packet.split_at_mut(start);
        let (bytes, rest) = rest.split_at_mut(NUMBER);
        let sample = rest.get(..keys.local.header.sample_len()).expect("a sample");
        let first = head.first_mut().expect("a first byte");
        keys.local.header.encrypt_in_place(sample, first, bytes).expect("a header");
        packet
    }

    /// The datagrams of a whole first flight with these transport parameters.
    pub fn hello(&self, tls: &ClientConfig, server_name: &str, parameters: &[u8]) -> Vec<Vec<u8>> {
        let name = ServerName::try_from(server_name.to_owned()).expect("a name");
        let mut connection = ClientConnection::new(Arc::new(tls.clone()), Version::V1, name, parameters.to_vec())
            .expect("a configuration for QUIC");
        let mut hello = Vec::new();
        connection.write_hs(&mut hello);
        let pieces = hello.chunks(PIECE).enumerate();
        pieces
            .map(|(at, piece)| self.packet(u32::try_from(at).expect("few"), &crypto((at * PIECE) as u64, piece)))
            .collect()
    }
}

fn keys(destination: &[u8]) -> Keys {
    let suite = TLS13_AES_128_GCM_SHA256.tls13().and_then(rustls::Tls13CipherSuite::quic_suite).expect("for QUIC");
    suite.keys(destination, Side::Client, Version::V1)
}

/// A CRYPTO frame (RFC 9000 section 19.6).
pub fn crypto(offset: u64, bytes: &[u8]) -> Vec<u8> {
    [&[0x06][..], &varint(offset), &varint(bytes.len() as u64), bytes].concat()
}

/// One transport parameter (RFC 9000 section 18).
pub fn parameter(id: u64, value: &[u8]) -> Vec<u8> {
    [&varint(id)[..], &varint(value.len() as u64), value].concat()
}

/// RFC 9000 section 16.
pub fn varint(value: u64) -> Vec<u8> {
    match value {
        0..0x40 => vec![u8::try_from(value).expect("small")],
        0x40..0x4000 => (0x4000 | u16::try_from(value).expect("small")).to_be_bytes().to_vec(),
        0x4000..0x4000_0000 => (0x8000_0000 | u32::try_from(value).expect("small")).to_be_bytes().to_vec(),
        _ => (0xC000_0000_0000_0000 | value).to_be_bytes().to_vec(),
    }
}

/// A socket with an address of its own: all of 127.0.0.0/8 is this machine.
///
/// # Panics
/// If there is none.
pub fn socket(from: impl Into<IpAddr>) -> UdpSocket {
    let socket = UdpSocket::bind(SocketAddr::new(from.into(), 0)).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    socket
}

/// All that arrives until nothing does for a moment.
pub fn received(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = [0; 2048];
    while let Ok(len) = socket.recv(&mut buffer) {
        all.push(buffer.get(..len).unwrap_or_default().to_vec());
    }
    all
}

/// Whether a datagram is a Retry (RFC 9000 section 17.2.5).
pub fn is_retry(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & 0xF0 == 0xF0)
}
