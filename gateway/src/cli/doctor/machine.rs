//! The machine: clock, disk, core dumps, UDP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use safelight_core::ids::UnixMillis;

use super::Finding;
use crate::cli::time;
use crate::clock::Clock;
use crate::config::{Config, Layout};
use crate::link::IngestStatus;

/// 2026-01-01: this program did not exist before.
const EARLIEST: UnixMillis = UnixMillis(1_767_225_600_000);

/// Beyond this a clock is broken rather than ahead.
const LATEST: UnixMillis = UnixMillis(4_102_444_800_000);

/// Below this much free space it warns: some hundred photographs.
const LITTLE_SPACE: u64 = 5 << 30;

/// Below this much it fails: the catalog itself is soon in danger.
const NO_SPACE: u64 = 256 << 20;

/// A datagram to this same machine takes no longer.
const LOOPBACK_TIME: Duration = Duration::from_millis(500);

pub(super) fn examine(layout: &Layout) -> Vec<Finding> {
    vec![clock(Clock::system().now()), space(layout), core_dumps(), loopback()]
}

fn clock(now: UnixMillis) -> Finding {
    if (EARLIEST..LATEST).contains(&now) {
        return Finding::ok("clock", format!("The clock says {}.", time::human(now)));
    }
    Finding::fail(
        "clock",
        format!("The clock says {}, which cannot be: certificates will be refused.", time::human(now)),
        "Set the clock and keep it by NTP.",
    )
}

fn space(layout: &Layout) -> Finding {
    let Ok(volume) = rustix::fs::statvfs(layout.root()) else {
        return Finding::warn("disk", "The free space on the data volume cannot be read.", "Look at it yourself: df.");
    };
    let free = volume.f_bavail.saturating_mul(volume.f_frsize);
    let said = format!("{} GiB are free on the data volume.", free >> 30);
    match free {
        free if free < NO_SPACE => Finding::fail("disk", said, "Make room now: without it no picture is taken in."),
        free if free < LITTLE_SPACE => Finding::warn("disk", said, "Make room soon: each photograph takes 3 to 10 MB."),
        _ => Finding::ok("disk", said),
    }
}

/// The gateway's own processes forbid themselves core files. What the machine does with those of others is worth knowing.
fn core_dumps() -> Finding {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if pattern.starts_with('|') {
        return Finding::ok(
            "core-dumps",
            "Core dumps go to a program of this machine; the gateway's processes make none.",
        );
    }
    Finding::ok("core-dumps", "The gateway's processes make no core dumps.")
}

/// Whether a datagram passes on this machine at all, over what phones use too.
fn loopback() -> Finding {
    match datagram() {
        Ok(()) => Finding::ok("udp", "UDP passes on this machine."),
        Err(error) => Finding::fail(
            "udp",
            format!("UDP does not pass, even on this machine itself ({}).", error.kind()),
            "Look at the firewall: QUIC needs UDP, and there is no TCP fallback.",
        ),
    }
}

fn datagram() -> std::io::Result<()> {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    receiver.set_read_timeout(Some(LOOPBACK_TIME))?;
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    sender.send_to(b"safelight doctor", receiver.local_addr()?)?;
    let mut buffer = [0; 16];
    let (len, from) = receiver.recv_from(&mut buffer)?;
    if len == buffer.len() && from == sender.local_addr()? {
        Ok(())
    } else {
        Err(std::io::ErrorKind::InvalidData.into())
    }
}

/// Both ports: held by the gateway if it runs, else free for it.
pub(super) fn ports(config: &Config, status: Option<&IngestStatus>) -> Vec<Finding> {
    let Some(status) = status else {
        return vec![free("port", config.listen), free("enrol-port", config.enrol_listen)];
    };
    let mut findings = Vec::new();
    for (check, configured, served) in
        [("port", config.listen, status.port), ("enrol-port", config.enrol_listen, status.enrol_port)]
    {
        findings.push(if configured.port() == served {
            Finding::ok(check, format!("UDP port {served} is the gateway's."))
        } else {
            Finding::warn(
                check,
                format!("The gateway uses UDP port {served}, the configuration says {}.", configured.port()),
                "Restart the gateway, so that it takes up its configuration.",
            )
        });
    }
    findings
}

fn free(check: &'static str, address: SocketAddr) -> Finding {
    match UdpSocket::bind(address) {
        Ok(_) => Finding::ok(check, format!("UDP {address} is free for the gateway.")),
        Err(error) => Finding::fail(
            check,
            format!("UDP {address} cannot be had: {}.", error.kind()),
            match address.ip() {
                IpAddr::V4(Ipv4Addr::UNSPECIFIED) | IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                    "See who has it (ss -ulpn), or choose another port in config.toml."
                }
                _ => "See who has it (ss -ulpn), and whether the address is this machine's.",
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_clock_that_cannot_be_is_said() {
        for (now, level) in [(UnixMillis(0), Level::Fail), (EARLIEST, Level::Ok), (LATEST, Level::Fail)] {
            assert_eq!(clock(now).level, level, "{now:?}");
        }
        assert_eq!(time::date(EARLIEST), "2026-01-01");
    }

    #[test]
    fn a_port_that_another_has_is_said() {
        let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = other.local_addr().unwrap();
        assert_eq!(free("port", address).level, Level::Fail);
        drop(other);
        assert_eq!(free("port", address).level, Level::Ok);
    }

    #[test]
    fn this_machine_passes_datagrams() {
        assert_eq!(loopback().level, Level::Ok);
    }
}
