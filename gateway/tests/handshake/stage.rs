//! Where they meet: a connection on the loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ConnectionError, TransportErrorCode};
use rustls::pki_types::CertificateDer;
use rustls::{AlertDescription, ClientConfig, ServerConfig};

use crate::cast::CLINIC;

#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) server: quinn::Connection,
    pub(crate) whole_handshake: bool,
    _ends: (quinn::Connection, quinn::Endpoint, quinn::Endpoint),
}

#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) client: Option<ConnectionError>,
    pub(crate) server: Option<ConnectionError>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Failed {
    /// The alert with which `side` ended the handshake.
    pub(crate) fn alert(&self, side: Side) -> AlertDescription {
        let error = match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        };
        let Some(ConnectionError::TransportError(error)) = error else { panic!("{self:?}") };
        alert_of(error.code)
    }
}

fn alert_of(code: TransportErrorCode) -> AlertDescription {
    // A TLS alert is a QUIC error of 0x100 and the alert's number (RFC 9001 section 4.8).
    AlertDescription::from(u8::try_from(u64::from(code) - 0x100).unwrap())
}

/// Both ends fail; `side` is the one that refuses, by `alert`, and the other is told so.
pub(crate) async fn refused(server: ServerConfig, client: ClientConfig, side: Side, alert: AlertDescription) {
    let failed = meet(server, client).await.err().unwrap();
    assert_eq!(failed.alert(side), alert, "{failed:?}");
    let other = match side {
        Side::Client => &failed.server,
        Side::Server => &failed.client,
    };
    let Some(ConnectionError::ConnectionClosed(close)) = other else { panic!("{failed:?}") };
    assert_eq!(alert_of(close.error_code), alert, "{failed:?}");
}

/// A connection on the loopback, up to one byte there and one back.
pub(crate) async fn meet(server: ServerConfig, client: ClientConfig) -> Result<Met, Failed> {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = QuicServerConfig::try_from(server).unwrap();
    let listener = quinn::Endpoint::server(quinn::ServerConfig::with_crypto(Arc::new(server)), any).unwrap();
    let dialler = quinn::Endpoint::client(any).unwrap();
    let client = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(client).unwrap()));
    let address = listener.local_addr().unwrap();
    let accept = async {
        let connection = listener.accept().await.unwrap().await?;
        let (mut send, mut receive) = connection.accept_bi().await?;
        let mut byte = [0];
        receive.read_exact(&mut byte).await.map_err(|_| connection.closed_reason())?;
        send.write_all(&byte).await.map_err(|_| connection.closed_reason())?;
        send.finish().unwrap();
        Ok::<_, ConnectionError>(connection)
    };
    let connect = async {
        let connecting = dialler.connect_with(client, address, &CLINIC.server_name()).unwrap();
        let (connection, whole_handshake) = match connecting.into_0rtt() {
            Ok((connection, _)) => (connection, false),
            Err(connecting) => (connecting.await?, true),
        };
        let (mut send, mut receive) = connection.open_bi().await?;
        send.write_all(b"x").await.map_err(|_| connection.closed_reason())?;
        let mut byte = [0];
        receive.read_exact(&mut byte).await.map_err(|_| connection.closed_reason())?;
        assert_eq!(&byte, b"x");
        Ok::<_, ConnectionError>((connection, whole_handshake))
    };
    // Only against a test that would hang for ever.
    let both = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(accept, connect) });
    match both.await.unwrap() {
        (Ok(server), Ok((client, whole_handshake))) => {
            Ok(Met { server, whole_handshake, _ends: (client, listener, dialler) })
        }
        (server, client) => Err(Failed { client: client.err(), server: server.err() }),
    }
}

/// The certificates that the other end of a connection has shown.
pub(crate) fn shown(connection: &quinn::Connection) -> Vec<CertificateDer<'static>> {
    *connection.peer_identity().unwrap().downcast().unwrap()
}

trait ClosedReason {
    fn closed_reason(&self) -> ConnectionError;
}

impl ClosedReason for quinn::Connection {
    fn closed_reason(&self) -> ConnectionError {
        self.close_reason().unwrap_or(ConnectionError::LocallyClosed)
    }
}
