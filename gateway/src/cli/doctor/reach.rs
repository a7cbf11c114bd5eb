//! Whether UDP passes to the gateway's own listener, at every address that phones are told.
//!
//! The probe is a QUIC packet of a version that nobody speaks: every server answers it with the versions that it does speak (RFC 9000
//! section 6.1), without a certificate and without keeping anything of it. It goes out from this machine, so what a firewall elsewhere
//! does it cannot tell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use super::Finding;
use crate::config::Config;

/// How long an answer from this machine or its network may take, and how often it is asked for.
const ANSWER_TIME: Duration = Duration::from_millis(700);
const ATTEMPTS: usize = 3;

/// A server does not answer a shorter one (RFC 9000 section 14.1).
const PROBE_LEN: usize = 1200;

/// Of the form that is reserved for forcing an answer (RFC 9000 section 15).
const NOBODYS_VERSION: [u8; 4] = [0x1a, 0x2a, 0x3a, 0x4a];

const CONNECTION_ID: [u8; 8] = *b"doctor\0\0";

/// Probes the listener itself and then the addresses that phones are told. Only while the gateway runs.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![listener(config.listen)];
    findings.extend(config.addresses().iter().map(|address| told(address)));
    findings
}

fn listener(listen: SocketAddr) -> Finding {
    let address = here(listen);
    if answers(address) {
        return Finding::ok("udp-listener", format!("The gateway answers on UDP {address}."));
    }
    Finding::fail(
        "udp-listener",
        format!("UDP does not pass to the gateway's own listener at {address}."),
        "Look at this machine's firewall: QUIC needs UDP, and there is no TCP fallback.",
    )
}

fn told(address: &str) -> Finding {
    let found: Vec<SocketAddr> = address.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    let Some(first) = found.first() else {
        return Finding::warn(
            "udp-address",
            format!("Phones are told {address}, which this machine cannot look up."),
            "Look at the name in `hosts` and at the clinic's DNS.",
        );
    };
    if found.iter().any(|address| answers(*address)) {
        return Finding::ok("udp-address", format!("The gateway answers at {address}, as phones are told."));
    }
    Finding::warn(
        "udp-address",
        format!("Phones are told {address}; from here UDP to {first} has no answer."),
        "Look at the firewall and at the forwarding of that port: QUIC needs UDP, and there is no TCP fallback.",
    )
}

/// Where this machine reaches a listener of its own.
fn here(mut listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}

fn answers(address: SocketAddr) -> bool {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    (0..ATTEMPTS).any(|_| ask(any, address).is_ok_and(|answered| answered))
}

fn ask(from: SocketAddr, to: SocketAddr) -> std::io::Result<bool> {
    let socket = UdpSocket::bind(from)?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(ANSWER_TIME))?;
    socket.send(&probe())?;
    let mut answer = [0; 512];
    let len = socket.recv(&mut answer)?;
    Ok(is_version_negotiation(answer.get(..len).unwrap_or_default()))
}

/// A long header, an unknown version, and two connection ids (RFC 8999 section 5.1).
fn probe() -> Vec<u8> {
    let mut packet = vec![0xc0];
    packet.extend(NOBODYS_VERSION);
    for id in [CONNECTION_ID, CONNECTION_ID] {
        packet.push(8);
        packet.extend(id);
    }
    packet.resize(PROBE_LEN, 0);
    packet
}

/// A long header whose version is zero, for our connection id (RFC 8999 section 6).
fn is_version_negotiation(packet: &[u8]) -> bool {
    matches!(packet, [first, 0, 0, 0, 0, 8, rest @ ..] if first & 0x80 != 0 && rest.starts_with(&CONNECTION_ID))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_listener_that_does_not_answer_is_said() {
        // Takes what comes and says nothing, as a firewall does.
        let deaf = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = deaf.local_addr().unwrap();
        assert_eq!(listener(address).level, Level::Fail);
        assert_eq!(told(&address.to_string()).level, Level::Warn);
        assert_eq!(told("no-such-host.invalid:4433").level, Level::Warn);
    }

    #[test]
    fn an_answer_counts_if_it_is_a_server_s() {
        let talking = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = talking.local_addr().unwrap();
        let server = [&[0x80, 0, 0, 0, 0, 8][..], &CONNECTION_ID, &[8], &CONNECTION_ID, &[0, 0, 0, 1]].concat();
        for (answer, level) in
            [(&server[..], Level::Ok), (&b"HTTP/1.1 400"[..], Level::Fail), (&server[..9], Level::Fail)]
        {
            let (socket, answer) = (talking.try_clone().unwrap(), answer.to_owned());
            let echo = std::thread::spawn(move || {
                let mut packet = [0; 2000];
                for _ in 0..if answer.len() > 15 { 1 } else { ATTEMPTS } {
                    let (len, from) = socket.recv_from(&mut packet).unwrap();
                    assert!(len >= PROBE_LEN);
                    socket.send_to(&answer, from).unwrap();
                }
            });
            assert_eq!(listener(address).level, level);
            echo.join().unwrap();
        }
    }
}
