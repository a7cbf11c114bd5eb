//! Who shares a network with whom, where tries are counted.

use std::net::{IpAddr, Ipv6Addr};

/// The network of an address: the address itself in IPv4, where many may share one; the first 64 bits in IPv6, of which one household, or one attacker, has
/// all the rest.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}
