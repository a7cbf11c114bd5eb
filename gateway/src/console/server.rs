//! Connections: TLS 1.3, HTTP/1.1, and limits that hold before anybody has said who they are.
//!
//! Attacker: one host that opens every connection there is, and holds on to them: a network has a share, and every connection ends. It ends between two
//! requests: one that was cut off after what it asked for was done would look as if it had failed, and be asked for again.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::{Console, pages, tls};
use crate::network::network;

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Connections at once. A browser opens up to six.
const MAX_CONNECTIONS: usize = 512;

/// Of one network, which may be a whole clinic behind one address: half of all.
const MAX_OF_NETWORK: usize = MAX_CONNECTIONS / 2;

/// How long a handshake may take.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a request's head may take, and a connection be idle.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);

/// How long one connection may live: whoever holds on to it must come again.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How much longer what is being asked or answered then may take: more than any page does.
const LAST_ANSWER: Duration = Duration::from_secs(2 * 60);

/// Bytes of a request's head.
const MAX_HEAD_LEN: usize = 16 * 1024;

/// After an error of accepting, such as too many open files.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Serves until it cannot.
pub(super) async fn serve(console: Console, listen: SocketAddr) -> Result<(), tls::ConsoleTlsError> {
    let certificates = tls::Certificates::open(&console).await?;
    let listener = TcpListener::bind(listen).await.map_err(|source| tls::ConsoleTlsError::Listen { listen, source })?;
    tracing::info!(%listen, "the console is served");
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let networks = Networks::default();
    let router = pages::router(console.clone());
    let renewing = certificates.renew_for_ever(console);
    let accepting = async {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(code = "console-accept", %error, "a connection to the console was not accepted");
                    sleep(BACK_OFF).await;
                    continue;
                }
            };
            let Some(share) = networks.share(address.ip()) else { continue };
            let (acceptor, router) = (certificates.acceptor(), router.clone());
            tokio::spawn(async move {
                let _held = (place, share);
                talk(acceptor, router, stream, address).await;
            });
        }
    };
    tokio::select! {
        () = accepting => Ok(()),
        () = renewing => Ok(()),
    }
}

async fn talk(acceptor: TlsAcceptor, router: axum::Router, stream: TcpStream, address: SocketAddr) {
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)).await else { return };
    answer(stream, router, address.ip(), CONNECTION_LIFETIME).await;
}

/// Answers for a lifetime, and to the end what is being asked when it is over.
async fn answer<S>(stream: S, router: axum::Router, from: IpAddr, lifetime: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(from));
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE).max_buf_size(MAX_HEAD_LEN);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // What goes wrong with one connection is the other end's affair.
    if timeout(lifetime, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(LAST_ANSWER, connection).await;
    }
}

/// Connections by network. Clones are the same.
#[derive(Debug, Clone, Default)]
struct Networks(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One of a network's, given back when it is dropped.
#[derive(Debug)]
struct Share {
    networks: Networks,
    network: IpAddr,
}

impl Networks {
    /// A share for a connection from `address`, unless its network has all of its own.
    fn share(&self, address: IpAddr) -> Option<Share> {
        let network = network(address);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.entry(network).or_default();
        if *own >= MAX_OF_NETWORK {
            return None;
        }
        *own = own.saturating_add(1);
        Some(Share { networks: self.clone(), network })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.networks.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(own) = held.get_mut(&self.network) else { return };
        *own = own.saturating_sub(1);
        if *own == 0 {
            held.remove(&self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIFETIME: Duration = Duration::from_millis(100);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_network_has_half_of_all_connections_and_what_it_gives_back() {
        let networks = Networks::default();
        let own: Vec<_> = (0..MAX_OF_NETWORK)
            .map(|number| networks.share(address(&format!("2001:db8:0:1::{number:x}"))).unwrap())
            .collect();
        assert!(networks.share(address("2001:db8:0:1:ffff::1")).is_none(), "one network");
        let other = networks.share(address("192.0.2.7")).unwrap();
        drop(own);
        assert!(networks.share(address("2001:db8:0:1::1")).is_some());
        drop(other);
        assert!(networks.0.lock().unwrap().is_empty(), "something is kept of whoever has gone");
    }

    /// What comes over a connection on which this is asked at its beginning, until it ends.
    async fn comes(asked: &[u8]) -> String {
        let slow = || async {
            tokio::time::sleep(LIFETIME * 4).await;
            "done"
        };
        let router = axum::Router::new().route("/slow", get(slow));
        let (mut browser, server) = duplex(4096);
        let served = tokio::spawn(answer(server, router, address("192.0.2.7"), LIFETIME));
        browser.write_all(asked).await.unwrap();
        let mut came = String::new();
        timeout(LIFETIME * 40, browser.read_to_string(&mut came)).await.expect("the connection ends").unwrap();
        served.await.unwrap();
        came
    }

    #[tokio::test]
    async fn a_connection_ends_between_two_requests_and_not_in_the_middle_of_one() {
        let came = comes(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(came.starts_with("HTTP/1.1 200 OK") && came.ends_with("done"), "{came}");
        assert_eq!(comes(b"").await, "", "one that asks for nothing");
    }
}
