//! The two QUIC endpoints, and how they are tuned.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use quinn::crypto::rustls::QuicServerConfig;
use quinn_proto::HashedConnectionIdGenerator;
use safelight_core::wire::limits::{CONNECTION_WINDOW, IDLE_TIMEOUT, MAX_STREAMS_PER_CONNECTION, STREAM_WINDOW};

use super::enrol_listener::MAX_ENROLLING;
use super::handshakes::Door;
use super::timekeeping::TlsTime;
use super::{Ingest, IngestError, authenticate, connection, enrol_listener};

/// How long goodbyes may take to leave.
const GOODBYE: Duration = Duration::from_secs(2);

/// The kernel's buffers: a burst of phones must fit while this process waits for the disk.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

/// Those who have come and have not been looked at yet.
const MAX_WAITING: usize = 1024;

/// All connections at once.
const MAX_CONNECTIONS: usize = 20_000;

/// What a peer may send before its handshake is done.
const MAX_HANDSHAKE_BYTES: u64 = 64 * 1024;

/// The endpoint for enrolled phones.
#[derive(Debug)]
pub(super) struct Phones {
    endpoint: quinn::Endpoint,
}

impl Phones {
    pub(super) fn open(ingest: &Ingest, address: SocketAddr) -> Result<Self, IngestError> {
        let (resets, ids) = {
            let keys = ingest.keys.lock().unwrap_or_else(PoisonError::into_inner);
            (keys.reset_secret(), keys.connection_id_secret())
        };
        let endpoint = endpoint(address, main_config(ingest)?, resettable(&resets, &ids))?;
        Ok(Self { endpoint })
    }

    /// Accepts until the endpoint closes.
    pub(super) async fn serve(&self, ingest: Arc<Ingest>) {
        loop {
            let incoming = tokio::select! {
                incoming = self.endpoint.accept() => incoming,
                () = ingest.reconfigured.notified() => {
                    match main_config(&ingest) {
                        Ok(config) => self.endpoint.set_server_config(Some(config)),
                        Err(error) => tracing::error!(%error, "the new certificate cannot be used"),
                    }
                    continue;
                }
            };
            let Some(incoming) = incoming else { return };
            let door = if self.endpoint.open_connections() >= MAX_CONNECTIONS {
                Door::Closed("too-many-connections")
            } else {
                ingest.handshakes.knock(incoming.remote_address().ip(), incoming.remote_address_validated())
            };
            match door {
                Door::Open(place) => drop(tokio::spawn(connection::serve(ingest.clone(), incoming, place))),
                // Fails only for a peer that is validated already.
                Door::ProveAddress => drop(incoming.retry()),
                Door::Closed(code) => {
                    incoming.refuse();
                    ingest.turn_away(code);
                }
            }
        }
    }

    /// Says goodbye, so that phones do not wait for somebody who is gone.
    pub(super) async fn close(&self) {
        let reason = safelight_core::wire::CloseReason::ShuttingDown;
        self.endpoint.close(quinn::VarInt::from_u32(reason.number()), reason.name().as_bytes());
        let _ = tokio::time::timeout(GOODBYE, self.endpoint.wait_idle()).await;
    }
}

/// Listens for enrolments while an invitation is open, and not otherwise.
pub(super) async fn enrolling(ingest: Arc<Ingest>, address: SocketAddr) {
    loop {
        while !has_open_invitation(&ingest) {
            ingest.news_of_invitations().await;
        }
        match enrol_config(&ingest).and_then(|config| endpoint(address, config, quinn::EndpointConfig::default())) {
            Ok(endpoint) => {
                ingest.enrol_open.store(true, std::sync::atomic::Ordering::Release);
                enrol_on(&ingest, &endpoint).await;
                ingest.enrol_open.store(false, std::sync::atomic::Ordering::Release);
                let reason = safelight_core::wire::CloseReason::EnrolmentClosed;
                endpoint.close(quinn::VarInt::from_u32(reason.number()), reason.name().as_bytes());
                let _ = tokio::time::timeout(Duration::from_secs(1), endpoint.wait_idle()).await;
            }
            Err(error) => {
                tracing::error!(%error, "enrolment cannot listen");
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    }
}

async fn enrol_on(ingest: &Arc<Ingest>, endpoint: &quinn::Endpoint) {
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            () = ingest.news_of_invitations() => {
                // A phone that waits for its approval keeps the listener, although its invitation is used up.
                if !has_open_invitation(ingest) && endpoint.open_connections() == 0 {
                    return;
                }
                continue;
            }
        };
        let Some(incoming) = incoming else { return };
        // Whoever enrols shows that its address is real before anything is kept for it.
        if !incoming.remote_address_validated() {
            let _ = incoming.retry();
        } else if endpoint.open_connections() >= MAX_ENROLLING || !has_open_invitation(ingest) {
            incoming.refuse();
        } else {
            tokio::spawn(enrol_listener::serve(ingest.clone(), incoming));
        }
    }
}

fn has_open_invitation(ingest: &Ingest) -> bool {
    let now = ingest.clock.now();
    let open = ingest.invitations.lock().unwrap_or_else(PoisonError::into_inner);
    open.iter().any(|invitation| invitation.expires_at > now)
}

impl Ingest {
    /// Returns when the invitations may have changed, by word of the clinic process or by time.
    async fn news_of_invitations(&self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), self.invited.notified()).await;
    }
}

fn main_config(ingest: &Ingest) -> Result<quinn::ServerConfig, IngestError> {
    let keys = ingest.keys.lock().unwrap_or_else(PoisonError::into_inner);
    let mut tls =
        authenticate::server_config_watched(keys.chain(), keys.tls_key(), &keys.roots(), Some(ingest.guard.clone()))?;
    tls.time_provider = Arc::new(TlsTime(ingest.clock.clone()));
    quic_config(tls)
}

fn enrol_config(ingest: &Ingest) -> Result<quinn::ServerConfig, IngestError> {
    let keys = ingest.keys.lock().unwrap_or_else(PoisonError::into_inner);
    quic_config(authenticate::enrol_server_config(keys.chain(), keys.tls_key())?)
}

fn quic_config(tls: rustls::ServerConfig) -> Result<quinn::ServerConfig, IngestError> {
    let crypto = QuicServerConfig::try_from(tls)
        .map_err(|_| IngestError::Tls(authenticate::ServerTlsError::Own(rustls::Error::General(String::new()))))?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_idle_timeout(quinn::IdleTimeout::try_from(IDLE_TIMEOUT).ok())
        .max_concurrent_bidi_streams(quinn::VarInt::from_u32(MAX_STREAMS_PER_CONNECTION))
        .max_concurrent_uni_streams(quinn::VarInt::from_u32(0))
        .stream_receive_window(quinn::VarInt::from_u32(STREAM_WINDOW))
        .receive_window(quinn::VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(u64::from(CONNECTION_WINDOW))
        .datagram_receive_buffer_size(None)
        .congestion_controller_factory(Arc::new(quinn::congestion::BbrConfig::default()));
    config
        .transport_config(Arc::new(transport))
        .max_incoming(MAX_WAITING)
        .incoming_buffer_size(MAX_HANDSHAKE_BYTES)
        .incoming_buffer_size_total(MAX_HANDSHAKE_BYTES.saturating_mul(64));
    Ok(config)
}

/// Connection ids and resets from a secret that outlives this process: after a crash the next one can tell phones at once that their connections
/// are gone, instead of leaving them to their idle timeout (RFC 9000 section 10.3).
fn resettable(resets: &[u8; 32], ids: &[u8; 32]) -> quinn::EndpointConfig {
    let key = hmac::Key::new(hmac::HMAC_SHA256, resets);
    let mut config = quinn::EndpointConfig::new(Arc::new(key));
    let (head, _) = ids.split_at(8);
    let ids = u64::from_be_bytes(head.try_into().unwrap_or_default());
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
    config
}

fn endpoint(
    address: SocketAddr,
    config: quinn::ServerConfig,
    endpoint: quinn::EndpointConfig,
) -> Result<quinn::Endpoint, IngestError> {
    let listen = |source| IngestError::Listen { address, source };
    let socket = UdpSocket::bind(address).map_err(listen)?;
    // The kernel gives what it may; less is slower, not wrong.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size(&socket, SOCKET_BUFFER);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&socket, SOCKET_BUFFER);
    let runtime = quinn::default_runtime().ok_or_else(|| listen(std::io::Error::other("no runtime")))?;
    quinn::Endpoint::new(endpoint, Some(config), socket, runtime).map_err(listen)
}
