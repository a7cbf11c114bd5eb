//! A client that need not keep to the protocol: QUIC with a phone's own certificate and key, or with others, on which a test opens streams
//! and says whatever it likes.
//!
//! With TLS 1.3 a client believes that it is connected before the gateway has looked at its certificate. Whether it was let in shows in
//! [`Hostile::is_let_in`], why it was not in [`Hostile::end`].

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, IdleTimeout, RecvStream, SendStream, VarInt};
use rustls::AlertDescription;
use safelight_core::capture::SealedCapture;
use safelight_core::client::device::Device;
use safelight_core::client::tls::{ClientIdentity, main_config};
use safelight_core::device_key::DeviceKey;
use safelight_core::wire::limits::{IDLE_TIMEOUT, KEEP_ALIVE, MAX_RESPONSE_LEN};
use safelight_core::wire::{CloseReason, FrameReader, RefusalCode, Request, Response, UploadRequest, frame};
use tokio::time::timeout;

use super::PATIENCE;
use super::phone::Phone;

/// How it connects. Every part may be bent before [`Attack::connect`].
#[derive(Debug, Clone)]
pub struct Attack {
    /// TLS, as the phone itself would have it.
    pub tls: rustls::ClientConfig,
    /// The name under which the gateway is addressed.
    pub server_name: String,
    /// How much the gateway may send on one stream before somebody reads it.
    pub stream_window: u32,
    /// Where it sends from.
    pub from: Ipv4Addr,
}

impl Attack {
    /// With a phone's certificate and key.
    pub fn with(phone: &Phone) -> Self {
        let (device, key) = phone.enrolled();
        Self::with_identity(&device, vec![device.certificate.clone()], key)
    }

    /// With another certificate and key, at the gateway that `device` knows.
    pub fn with_identity(device: &Device, chain: Vec<Vec<u8>>, key: Arc<dyn DeviceKey>) -> Self {
        let made = main_config(&ClientIdentity { chain, key }, &device.roots, device.clinic_id);
        let tls = made.expect("a certificate and its key").config;
        let server_name = device.clinic_id.server_name();
        Self { tls, server_name, stream_window: 256 * 1024, from: Ipv4Addr::LOCALHOST }
    }

    /// What it speaks TLS with, and the name that it asks for.
    #[must_use]
    pub fn tls(self) -> (rustls::ClientConfig, String) {
        (self.tls, self.server_name)
    }

    /// Connects.
    ///
    /// # Errors
    /// [`ConnectionError`] for whatever this end notices before it believes that it is connected.
    pub async fn connect(self, at: SocketAddr) -> Result<Hostile, ConnectionError> {
        let endpoint = Endpoint::client((self.from, 0).into()).expect("a socket");
        let connecting =
            endpoint.connect_with(config(self.tls, self.stream_window), at, &self.server_name).expect("an address");
        let connection = timeout(PATIENCE, connecting).await.expect("a gateway that answers")?;
        Ok(Hostile { connection, _endpoint: endpoint })
    }

    /// Tries to get in, and says how it ended.
    pub async fn refused(self, at: SocketAddr) -> ConnectionError {
        match self.connect(at).await {
            Ok(hostile) => {
                // A client of TLS 1.3 hears of its refusal when it asks for something.
                let let_in = hostile.is_let_in().await;
                assert!(!let_in, "it was let in");
                hostile.end().await
            }
            Err(error) => error,
        }
    }
}

fn config(tls: rustls::ClientConfig, stream_window: u32) -> ClientConfig {
    let crypto = QuicClientConfig::try_from(tls).expect("a configuration for QUIC");
    let mut config = ClientConfig::new(Arc::new(crypto));
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_idle_timeout(IdleTimeout::try_from(IDLE_TIMEOUT).ok())
        .keep_alive_interval(Some(KEEP_ALIVE))
        .stream_receive_window(VarInt::from_u32(stream_window));
    config.transport_config(Arc::new(transport));
    config
}

/// A connection to say things on.
#[derive(Debug)]
pub struct Hostile {
    /// As quinn has it.
    pub connection: Connection,
    _endpoint: Endpoint,
}

impl Hostile {
    /// Connects with a phone's identity.
    pub async fn of(phone: &Phone, at: SocketAddr) -> Self {
        let hostile = Attack::with(phone).connect(at).await.expect("a connection");
        assert!(hostile.is_let_in().await, "the phone is not let in");
        hostile
    }

    /// Opens a stream and sends bytes on it. The stream stays open.
    pub async fn say(&self, bytes: &[u8]) -> (SendStream, RecvStream) {
        let opened = timeout(PATIENCE, self.connection.open_bi()).await.expect("credit for a stream");
        let (mut send, recv) = opened.expect("a connection");
        send.write_all(bytes).await.expect("a stream that takes bytes");
        (send, recv)
    }

    /// Sends a request and gives the answer, or nothing if the stream or the connection ended without one.
    pub async fn ask(&self, request: &Request) -> Option<Response> {
        let (mut send, mut recv) = self.connection.open_bi().await.ok()?;
        send.write_all(&framed(request)).await.ok()?;
        let _ = send.finish();
        answer(&mut recv).await
    }

    /// Whether the gateway answers a harmless request.
    pub async fn is_let_in(&self) -> bool {
        matches!(self.ask(&Request::KeySet { have: 0 }).await, Some(Response::KeySet { .. }))
    }

    /// How the connection ended.
    pub async fn end(&self) -> ConnectionError {
        timeout(PATIENCE, self.connection.closed()).await.expect("the gateway closes the connection")
    }
}

/// The frame of a request.
pub fn framed(request: &Request) -> Vec<u8> {
    frame(&request.to_bytes().expect("a request within its limit"))
}

/// The frame that opens the upload of a capture.
pub fn opening(capture: &SealedCapture) -> Vec<u8> {
    framed(&Request::Upload(UploadRequest {
        manifest: capture.manifest().cose().to_vec(),
        header: capture.header().to_vec(),
        label: capture.label().to_vec(),
        known_log_size: 0,
    }))
}

/// The next answer on a stream; nothing if the stream ends before one is whole.
pub async fn answer(recv: &mut RecvStream) -> Option<Response> {
    let mut reader = FrameReader::new(MAX_RESPONSE_LEN);
    loop {
        let chunk = timeout(PATIENCE, recv.read_chunk(MAX_RESPONSE_LEN, true)).await.expect("an answer");
        let bytes = chunk.ok()??.bytes;
        if let Some(body) = reader.read(&mut bytes.as_ref()).expect("a frame") {
            return Some(Response::from_bytes(&body).expect("a response of the protocol"));
        }
    }
}

/// The refusal that an answer is.
pub fn refusal(answer: Option<&Response>) -> Option<RefusalCode> {
    match answer {
        Some(Response::Refused(refusal)) => Some(refusal.code),
        _ => None,
    }
}

/// The reason with which the gateway closed a connection.
pub fn close_reason(error: &ConnectionError) -> Option<CloseReason> {
    let ConnectionError::ApplicationClosed(close) = error else { return None };
    u32::try_from(close.error_code.into_inner()).ok().and_then(CloseReason::from_number)
}

/// The TLS alert with which the gateway ended a handshake (RFC 9001 section 4.8).
pub fn alert(error: &ConnectionError) -> Option<AlertDescription> {
    let ConnectionError::ConnectionClosed(close) = error else { return None };
    let alert = u64::from(close.error_code).checked_sub(0x100)?;
    u8::try_from(alert).ok().map(AlertDescription::from)
}
