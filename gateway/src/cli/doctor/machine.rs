//! The machine: clock, disk, UDP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
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

/// Below so many files that can still be made it fails too.
const FEW_FILES: u64 = 1000;

/// A datagram to this same machine takes no longer.
const LOOPBACK_TIME: Duration = Duration::from_millis(500);

pub(super) fn examine(layout: &Layout) -> Vec<Finding> {
    let mut findings = vec![clock(Clock::system().now())];
    findings.extend(spaces(layout));
    findings.push(loopback());
    findings
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

/// The volume of each store: one finding where it is the same.
fn spaces(layout: &Layout) -> Vec<Finding> {
    let stores = [("ingest", layout.ingest()), ("the clinic", layout.clinic())];
    let device = |path: &PathBuf| std::fs::metadata(path).ok().map(|metadata| metadata.dev());
    let [(_, ingest), (_, clinic)] = &stores;
    if device(ingest) == device(clinic) {
        return vec![space("the data volume", layout.root())];
    }
    stores.iter().map(|(whose, path)| space(&format!("the volume of {whose}"), path)).collect()
}

fn space(volume: &str, path: &Path) -> Finding {
    let Ok(statistics) = rustix::fs::statvfs(path) else {
        return Finding::warn(
            "disk",
            format!("The free space on {volume} cannot be read."),
            "Look at it yourself: df.",
        );
    };
    let free = statistics.f_bavail.saturating_mul(statistics.f_frsize);
    room(volume, free, statistics.f_favail.min(statistics.f_ffree), statistics.f_files)
}

/// `files` are the inodes that are left, of `all`; some file systems have no such number and say 0 of 0.
fn room(volume: &str, free: u64, files: u64, all: u64) -> Finding {
    let said = format!("{} GiB are free on {volume}.", free >> 30);
    if all > 0 && files < FEW_FILES {
        let advice = "Make room now: each photograph is a file, and without one more none is taken in.";
        return Finding::fail("disk", format!("Only {files} more files fit on {volume}."), advice);
    }
    match free {
        free if free < NO_SPACE => Finding::fail("disk", said, "Make room now: without it no picture is taken in."),
        free if free < LITTLE_SPACE => Finding::warn("disk", said, "Make room soon: each photograph takes 3 to 10 MB."),
        _ => Finding::ok("disk", said),
    }
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
    fn a_disk_that_runs_full_is_said_for_each_store() {
        for (free, files, all, level) in [
            (NO_SPACE - 1, 1 << 20, 1 << 21, Level::Fail),
            (NO_SPACE, 1 << 20, 1 << 21, Level::Warn),
            (LITTLE_SPACE - 1, 1 << 20, 1 << 21, Level::Warn),
            (LITTLE_SPACE, 1 << 20, 1 << 21, Level::Ok),
            (LITTLE_SPACE, FEW_FILES - 1, 1 << 21, Level::Fail),
            // As btrfs says it.
            (LITTLE_SPACE, 0, 0, Level::Ok),
        ] {
            assert_eq!(room("v", free, files, all).level, level, "{free} {files} {all}");
        }
        // A real one without a byte of room, and a store on another volume than the other.
        assert_eq!(space("the volume of nobody", Path::new("/proc")).level, Level::Fail);
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("ingest")).unwrap();
        std::os::unix::fs::symlink("/proc", root.path().join("clinic")).unwrap();
        let findings = spaces(&Layout::new(root.path()));
        assert_eq!(findings.len(), 2);
        assert!(findings[1].level == Level::Fail && findings[1].message.contains("the clinic"), "{:?}", findings[1]);
        assert_eq!(spaces(&Layout::new("/")).len(), 1);
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
