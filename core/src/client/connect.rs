//! The connection to the gateway.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use rustls::time_provider::TimeProvider;

use super::device::Device;
use super::key::BlockingKey;
use super::silence::Silence;
use super::tls::{self, ClientIdentity, TlsConfigError};
use super::{CancelToken, ClientError};
use crate::device_key::{DeviceKey, DeviceKeyError};
use crate::ids::UnixMillis;
use crate::wire::limits::{CONNECTION_WINDOW, IDLE_TIMEOUT, KEEP_ALIVE, STREAM_WINDOW};

/// How long one address has to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which algorithm decides how fast to send. See the module's text for why it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Congestion {
    /// Fast on lossy links.
    #[default]
    Bbr,
    /// Sparing with bytes, slow on lossy links.
    Cubic,
}

/// What may be chosen.
#[derive(Debug, Clone)]
pub struct Options {
    /// Congestion control.
    pub congestion: Congestion,
    /// How long an upload goes on trying after its connection is lost, counted anew whenever it has got further than before.
    pub retry_for: Duration,
    /// What time it is when the gateway's certificate is judged; the system's clock if nothing is given.
    pub time: Option<Arc<dyn TimeProvider>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { congestion: Congestion::default(), retry_for: Duration::from_secs(120), time: None }
    }
}

/// Is told of the connection's life. Called from where connections are driven: it must not wait.
pub trait Observer: Send + Sync + std::fmt::Debug {
    /// There is one.
    fn connected(&self);

    /// It is gone, and not because this end gave it up.
    fn disconnected(&self, reason: ClientError);
}

/// An enrolled device's way to its gateway. Connects when it must, and again when the connection is lost.
#[derive(Debug)]
pub struct Client {
    identity: Mutex<Identity>,
    pub(super) options: Options,
    /// Held by whoever holds a receipt against the newest checkpoint.
    pub(super) believing: tokio::sync::Mutex<()>,
    live: tokio::sync::Mutex<Option<Live>>,
    observer: Option<Arc<dyn Observer>>,
    closed: CancelToken,
}

/// Together, because a certificate is of use with its own key alone.
#[derive(Debug)]
struct Identity {
    device: Device,
    key: Arc<dyn DeviceKey>,
    /// A key that was made for a renewal which has not succeeded yet: the next attempt takes it again, so that keys do not pile up.
    next_key: Option<Arc<dyn DeviceKey>>,
}

/// A connection and what it hangs on.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) endpoint: quinn::Endpoint,
    pub(super) connection: quinn::Connection,
    /// The key of the certificate that it was made with: the gateway believes it what that key has signed.
    pub(super) key: Arc<dyn DeviceKey>,
}

impl Client {
    /// For `device` with its `key`; nothing is connected yet.
    pub fn new(device: Device, key: Arc<dyn DeviceKey>, options: Options) -> Self {
        Self {
            identity: Mutex::new(Identity { device, key: BlockingKey::of(key), next_key: None }),
            options,
            believing: tokio::sync::Mutex::default(),
            live: tokio::sync::Mutex::default(),
            observer: None,
            closed: CancelToken::new(),
        }
    }

    /// The same, with somebody who is told of the connection.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// What the device remembers now; to be kept after every upload, renewal and key-set update.
    pub fn device(&self) -> Device {
        self.lock().device.clone()
    }

    /// Changes what the device remembers.
    pub fn update<T>(&self, change: impl FnOnce(&mut Device) -> T) -> T {
        change(&mut self.lock().device)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Identity> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What time it is, by the clock that the gateway's certificate is judged by. Without one it is so late that nothing of before counts.
    pub(super) fn now(&self) -> UnixMillis {
        let time = match &self.options.time {
            Some(time) => time.current_time(),
            None => rustls::time_provider::DefaultTimeProvider.current_time(),
        };
        UnixMillis(time.map_or(u64::MAX, |time| time.as_secs().saturating_mul(1000)))
    }

    /// The device key in use.
    pub fn key(&self) -> Arc<dyn DeviceKey> {
        self.lock().key.clone()
    }

    /// A key for a renewed certificate, and whether an earlier renewal has left it.
    pub(super) fn key_to_come(&self) -> Result<(Arc<dyn DeviceKey>, bool), DeviceKeyError> {
        if let Some(key) = self.lock().next_key.clone() {
            return Ok((key, true));
        }
        // Made outside the lock: a keystore may take its time.
        let key = self.key().new_key()?;
        Ok((self.lock().next_key.get_or_insert(key).clone(), false))
    }

    /// The next renewal makes another one.
    pub(super) fn give_up_key_to_come(&self) {
        self.lock().next_key = None;
    }

    /// Puts a renewed certificate and its key in the place of the old ones.
    pub(super) fn take_over(&self, certificate: &[u8], key: Arc<dyn DeviceKey>) {
        let mut identity = self.lock();
        certificate.clone_into(&mut identity.device.certificate);
        identity.key = key;
        identity.next_key = None;
    }

    /// Connects if there is no connection.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::NotTheClinic`], [`ClientError::DeviceKey`], whatever the gateway closes with, and
    /// [`ClientError::Cancelled`] once this client has been closed.
    pub async fn connect(&self) -> Result<(), ClientError> {
        self.live().await.map(|_| ())
    }

    pub(super) async fn live(&self) -> Result<Live, ClientError> {
        self.closed.unless_cancelled(self.live_or_dialled()).await?
    }

    async fn live_or_dialled(&self) -> Result<Live, ClientError> {
        let mut live = self.live.lock().await;
        if let Some(open) = live.as_ref().filter(|open| open.connection.close_reason().is_none()) {
            return Ok(open.clone());
        }
        *live = None;
        let fresh = self.dial().await?;
        *live = Some(fresh.clone());
        if let Some(observer) = self.observer.clone() {
            observer.connected();
            let connection = fresh.connection.clone();
            tokio::spawn(async move {
                match connection.closed().await {
                    quinn::ConnectionError::LocallyClosed => {}
                    reason => observer.disconnected(why_ended(&connection, reason)),
                }
            });
        }
        Ok(fresh)
    }

    /// Gives up the connection for good: whoever wants one from here on is told [`ClientError::Cancelled`], and whoever is about to make one too.
    pub async fn close(&self) {
        self.closed.cancel();
        self.disconnect().await;
    }

    /// Gives up the connection: the next request makes a new one, with the certificate and key of then.
    pub async fn disconnect(&self) {
        if let Some(open) = self.live.lock().await.take() {
            open.connection.close(quinn::VarInt::from_u32(0), b"");
            // The close must leave the socket before the socket goes.
            let _ = tokio::time::timeout(Duration::from_millis(200), open.endpoint.wait_idle()).await;
        }
    }

    /// Moves the connection to a new socket, when the phone has changed networks. Uploads go on; over a new connection if this one has only just
    /// been made.
    ///
    /// # Errors
    /// [`ClientError::Socket`].
    pub async fn rebind(&self) -> Result<(), ClientError> {
        let mut live = self.live.lock().await;
        let Some(open) = live.as_ref() else { return Ok(()) };
        if is_confirmed(&open.connection) {
            let socket = socket_for(open.connection.remote_address())?;
            return open.endpoint.rebind(socket).map_err(|_| ClientError::Socket);
        }
        // A connection may move once its handshake is confirmed, and not before (RFC 9000 section 9): what of the handshake was lost would come from
        // another address, and the gateway would wait for it in vain. It is made anew.
        if let Some(open) = live.take() {
            open.connection.close(quinn::VarInt::from_u32(0), b"");
        }
        Ok(())
    }

    /// The local address of the connection, if there is one.
    pub async fn local_addr(&self) -> Option<SocketAddr> {
        self.live.lock().await.as_ref().and_then(|open| open.endpoint.local_addr().ok())
    }

    async fn dial(&self) -> Result<Live, ClientError> {
        let (identity, roots, clinic_id, addresses) = {
            let Identity { device, key, .. } = &*self.lock();
            let identity = ClientIdentity { chain: vec![device.certificate.clone()], key: key.clone() };
            (identity, device.roots.clone(), device.clinic_id, device.key_set.key_set().addresses.clone())
        };
        let tls = tls::main_config(&identity, &roots, clinic_id).map_err(|error| match error {
            // A keystore that does not answer leaves the device as it was.
            TlsConfigError::Key(error) => error.into(),
            _ => ClientError::DeviceDamaged,
        })?;
        let mut config = tls.config;
        if let Some(time) = &self.options.time {
            config.time_provider = time.clone();
        }
        let config = quic_config(config, self.options.congestion)?;
        let dialled = dial_any(&addresses, &config, &tls.server_name).await;
        // Whatever the handshake said, a key that failed is the reason.
        if let Some(failure) = tls.key_failures.take() {
            return Err(failure.into());
        }
        let (endpoint, connection) = dialled?;
        Ok(Live { endpoint, connection, key: identity.key })
    }
}

/// Whether the gateway has confirmed the handshake (RFC 9001 section 4.1.2).
fn is_confirmed(connection: &quinn::Connection) -> bool {
    connection.stats().frame_rx.handshake_done > 0
}

/// Why a connection that stood has ended. Before the handshake is confirmed the first packets' keys may still be in use, which everybody on the way
/// knows: what closes a connection then may be anybody's word, and is no more than a lost connection.
fn why_ended(connection: &quinn::Connection, reason: quinn::ConnectionError) -> ClientError {
    match reason {
        quinn::ConnectionError::ApplicationClosed(_) if !is_confirmed(connection) => ClientError::ConnectionLost,
        reason => reason.into(),
    }
}

/// The reason of a failed request: what the gateway said, and what this end made of it, outranks how the connection ended, and that outranks
/// what became of the stream.
pub(super) fn why_failed(connection: &quinn::Connection, error: ClientError) -> ClientError {
    match (error, connection.close_reason()) {
        (
            said @ (ClientError::Receipt(_)
            | ClientError::KeySet(_)
            | ClientError::Refused(_)
            | ClientError::EnrolmentRefused(_)
            | ClientError::EnrolmentMismatch
            | ClientError::NotApprovedInTime),
            _,
        ) => said,
        (_, Some(reason)) => why_ended(connection, reason),
        (error, None) => error,
    }
}

/// The transport's settings around a TLS configuration.
pub(super) fn quic_config(
    tls: rustls::ClientConfig,
    congestion: Congestion,
) -> Result<quinn::ClientConfig, ClientError> {
    let crypto = QuicClientConfig::try_from(tls).map_err(|_| ClientError::Protocol)?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_idle_timeout(quinn::IdleTimeout::try_from(IDLE_TIMEOUT).ok())
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_concurrent_bidi_streams(quinn::VarInt::from_u32(0))
        .max_concurrent_uni_streams(quinn::VarInt::from_u32(0))
        .stream_receive_window(quinn::VarInt::from_u32(STREAM_WINDOW))
        .receive_window(quinn::VarInt::from_u32(CONNECTION_WINDOW))
        .datagram_receive_buffer_size(None);
    if congestion == Congestion::Bbr {
        transport.congestion_controller_factory(Arc::new(quinn::congestion::BbrConfig::default()));
    }
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Tries the addresses in turn, until one shows that it is the clinic's. What answers without showing that may be anybody, between the phone
/// and its gateway or at an address that is somebody else's in this network: it is believed nothing, and the next address is tried.
pub(super) async fn dial_any(
    addresses: &[String],
    config: &quinn::ClientConfig,
    server_name: &str,
) -> Result<(quinn::Endpoint, quinn::Connection), ClientError> {
    let mut answered = None;
    for address in addresses {
        let Ok(resolved) = tokio::net::lookup_host(address.as_str()).await else { continue };
        for address in resolved {
            let endpoint = endpoint_for(address)?;
            let Ok(connecting) = endpoint.connect_with(config.clone(), address, server_name) else { continue };
            match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
                Ok(Ok(connection)) => return Ok((endpoint, connection)),
                Ok(Err(error)) => answered = answered.or(ClientError::before_proof(&error)),
                Err(_) => {}
            }
        }
    }
    if let Some(answered) = answered {
        return Err(answered);
    }
    Err(ClientError::Unreachable { addresses: addresses.join(", "), silence: Silence::of(addresses).await })
}

fn endpoint_for(remote: SocketAddr) -> Result<quinn::Endpoint, ClientError> {
    let runtime = quinn::default_runtime().ok_or(ClientError::Socket)?;
    let config = quinn::EndpointConfig::default();
    quinn::Endpoint::new(config, None, socket_for(remote)?, runtime).map_err(|_| ClientError::Socket)
}

pub(super) fn socket_for(remote: SocketAddr) -> Result<UdpSocket, ClientError> {
    let any: SocketAddr =
        if remote.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).map_err(|_| ClientError::Socket)?;
    socket.set_nonblocking(true).map_err(|_| ClientError::Socket)?;
    Ok(socket)
}
