//! A port where nobody has named one.
//!
//! It goes into the configuration and is used again at each start. Were it one of those that the kernel gives to whoever asks for
//! any (on Linux 32768 and above unless `ip_local_port_range` says otherwise), then any connection of this machine could have it while the gateway is
//! stopped.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;

/// Above the services that have a number of their own, below what the kernel gives away.
const CHOICE: Range<u16> = 20_000..32_768;

/// So many are tried; on a machine where even one in ten is free, a thousandth of a thousandth finds none.
const TRIES: usize = 128;

/// A port that nobody else has, neither for UDP nor for TCP, while this is kept.
#[derive(Debug)]
pub struct FreePort {
    address: SocketAddr,
    _held: (UdpSocket, TcpListener),
}

impl FreePort {
    /// Finds one at an address of this machine.
    ///
    /// # Errors
    /// What the system says: the address is not of this machine, or (`AddrInUse`) none was free of all that were tried.
    pub fn at(ip: IpAddr) -> Result<Self, Error> {
        for _ in 0..TRIES {
            let address = SocketAddr::new(ip, any_of(&CHOICE)?);
            let held = UdpSocket::bind(address).and_then(|udp| Ok((udp, TcpListener::bind(address)?)));
            match held {
                Ok(held) => return Ok(Self { address, _held: held }),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AddrInUse.into())
    }

    /// The address with the port.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

fn any_of(ports: &Range<u16>) -> Result<u16, Error> {
    let count = u64::from(ports.end - ports.start);
    let offset = getrandom::u64().map_err(Error::other)? % count;
    Ok(ports.start.saturating_add(u16::try_from(offset).unwrap_or_default()))
}
