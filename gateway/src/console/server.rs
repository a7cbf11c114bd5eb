//! Connections: TLS 1.3, HTTP/1.1, and limits that hold before anybody has said who they are.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::{Console, pages, tls};

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Connections at once. A browser opens up to six.
const MAX_CONNECTIONS: usize = 512;

/// How long a handshake may take.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a request's head may take, and a connection be idle.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);

/// How long one connection may live: whoever holds on to it must come again.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(10 * 60);

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
            let (acceptor, router) = (certificates.acceptor(), router.clone());
            tokio::spawn(async move {
                let _place = place;
                let _ = timeout(CONNECTION_LIFETIME, talk(acceptor, router, stream, address)).await;
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
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(address.ip()));
        router.clone().oneshot(request.map(axum::body::Body::new))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE).max_buf_size(MAX_HEAD_LEN);
    // What goes wrong with one connection is the other end's affair.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}
