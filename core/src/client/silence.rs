//! What an address that does not answer is: asked only once it has not.
//!
//! A QUIC server that is not there, a firewall that drops UDP and a machine that is switched off all look the same to QUIC. They differ in what
//! the machine says to other packets: to a datagram for a port that nobody has it answers that nobody has it (ICMP port unreachable, RFC 1122
//! section 4.1.3.1), and to a TCP connection that it is there, whether or not it takes one. Nothing is sent in either but an empty datagram.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// Why there was no answer, as far as can be told from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The machine is there, and nobody listens on this port.
    NobodyListens,
    /// The machine is there, and UDP to this port has no answer at all.
    UdpDoesNotPass,
    /// The machine cannot be reached, or says nothing.
    Unknown,
}

impl Silence {
    /// Of the first address of which something can be told.
    pub(super) async fn of(addresses: &[String]) -> Self {
        for address in addresses {
            let Ok(resolved) = tokio::net::lookup_host(address.as_str()).await else { continue };
            for address in resolved {
                let silence = Self::at(address).await;
                if silence != Self::Unknown {
                    return silence;
                }
            }
        }
        Self::Unknown
    }

    async fn at(address: SocketAddr) -> Self {
        if nobody_listens(address).await {
            Self::NobodyListens
        } else if is_there(address).await {
            Self::UdpDoesNotPass
        } else {
            Self::Unknown
        }
    }

    /// A stable name for programs and logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NobodyListens => "nobody-listens",
            Self::UdpDoesNotPass => "udp-does-not-pass",
            Self::Unknown => "unreachable",
        }
    }

    /// For the person who holds the phone: what it is at `addresses`, and what to do.
    pub(super) fn sentence(self, addresses: &str) -> String {
        match self {
            Self::NobodyListens => format!(
                "the gateway does not run at {addresses}: the machine answers, and nobody listens there. Ask your clinic's IT to start it"
            ),
            Self::UdpDoesNotPass => format!(
                "UDP does not pass to the gateway at {addresses}, although the machine itself can be reached, and there is no other way: ask whoever runs this network to let UDP through to that port"
            ),
            Self::Unknown => format!(
                "the gateway does not answer at {addresses}: check that this device is in the clinic's network; if it is, UDP may be blocked there, and there is no other way"
            ),
        }
    }
}

/// Longer than a clinic's network takes to answer.
const ANSWER_TIME: Duration = Duration::from_millis(700);

async fn nobody_listens(address: SocketAddr) -> bool {
    let asked = async {
        let socket = UdpSocket::from_std(super::connect::socket_for(address).ok()?).ok()?;
        // A socket that is connected is told of what comes back for it.
        socket.connect(address).await.ok()?;
        socket.send(&[]).await.ok()?;
        socket.recv(&mut [0]).await.err()
    };
    let answered = timeout(ANSWER_TIME, asked).await.ok().flatten();
    answered.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

async fn is_there(address: SocketAddr) -> bool {
    match timeout(ANSWER_TIME, TcpStream::connect(address)).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deaf_port_an_empty_one_and_a_machine_that_is_not_there_are_told_apart() {
        // Takes what comes and says nothing, as a firewall does.
        let deaf = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = deaf.local_addr().unwrap().to_string();
        assert_eq!(Silence::of(std::slice::from_ref(&address)).await, Silence::UdpDoesNotPass);
        drop(deaf);
        assert_eq!(Silence::of(std::slice::from_ref(&address)).await, Silence::NobodyListens);
        assert_eq!(Silence::of(&["no-such-host.invalid:1".to_owned(), address]).await, Silence::NobodyListens);
        assert_eq!(Silence::of(&["no-such-host.invalid:1".to_owned()]).await, Silence::Unknown);
    }
}
