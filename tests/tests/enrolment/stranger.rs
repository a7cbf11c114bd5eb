//! Somebody who speaks the enrolment protocol without our client: any token, any request, in any order.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use quinn::crypto::rustls::QuicClientConfig;
use safelight_core::client::device::Device;
use safelight_core::client::tls::{enrol_config, make_csr};
use safelight_core::client::{ClientError, EnrolRequest, enrol};
use safelight_core::device_key::{DeviceKey, SoftwareDeviceKey, SoftwareKey};
use safelight_core::enrol::messages::phone_commitment;
use safelight_core::enrol::{Begin, Offer, Outcome, Refusal, Reveal, Words, WordsInput};
use safelight_core::invitation::{Invitation, Token};
use safelight_core::wire::{FrameReader, frame};
use safelight_gateway::clock::Clock;
use tokio::time::timeout;

/// For what takes a moment on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to the enrolment listener with its one stream.
pub(crate) struct Stranger {
    _endpoint: quinn::Endpoint,
    pub(crate) connection: quinn::Connection,
    send: quinn::SendStream,
    recv: quinn::RecvStream,
    pending: Vec<u8>,
}

/// What a beginning was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Offered(Offer),
    Refused(Refusal),
    Closed,
}

impl Stranger {
    /// Connects to where the invitation says, checking the gateway's CA as a phone does.
    pub(crate) async fn comes(invitation: &Invitation) -> Result<Self, quinn::ConnectionError> {
        Self::comes_from(Ipv4Addr::LOCALHOST, invitation).await
    }

    /// The same from one of this machine's other addresses.
    pub(crate) async fn comes_from(address: Ipv4Addr, invitation: &Invitation) -> Result<Self, quinn::ConnectionError> {
        let tls = enrol_config(invitation.ca_sha256, invitation.clinic_id).expect("a configuration");
        let crypto = QuicClientConfig::try_from(tls.config).expect("a configuration");
        let mut endpoint = quinn::Endpoint::client((IpAddr::V4(address), 0).into()).expect("a socket");
        endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
        let to: SocketAddr = invitation.addresses[0].parse().expect("an address");
        let connecting = endpoint.connect(to, &tls.server_name).expect("an address to connect to");
        let connection = timeout(PATIENCE, connecting).await.expect("an answer")?;
        let (send, recv) = connection.open_bi().await?;
        Ok(Self { _endpoint: endpoint, connection, send, recv, pending: Vec::new() })
    }

    /// Says anything, without a frame around it. Whether the other end still listens does not matter.
    pub(crate) async fn says_bytes(&mut self, bytes: &[u8]) {
        let _ = self.send.write_all(bytes).await;
    }

    pub(crate) async fn says(&mut self, message: &[u8]) {
        self.says_bytes(&frame(message)).await;
    }

    /// The next message, or `None` once there will be none.
    pub(crate) async fn hears(&mut self) -> Option<Vec<u8>> {
        let mut reader = FrameReader::new(64 * 1024);
        loop {
            let pending = std::mem::take(&mut self.pending);
            let mut input = pending.as_slice();
            if let Some(message) = reader.read(&mut input).expect("frames") {
                self.pending = input.to_vec();
                return Some(message);
            }
            let read = timeout(PATIENCE, self.recv.read_chunk(16 * 1024, true)).await.expect("an answer or an end");
            self.pending = read.ok()??.bytes.to_vec();
        }
    }

    /// Begins, and hears the answer.
    pub(crate) async fn begins(&mut self, token: &Token, csr: &[u8], nonce: [u8; 32]) -> Reply {
        let begin = Begin {
            token: token.clone(),
            csr: csr.to_vec(),
            device_name: "stranger".to_owned(),
            attestation: None,
            commitment: phone_commitment(&nonce, csr),
        };
        self.says(&begin.to_bytes()).await;
        self.hears_reply().await
    }

    /// The answer to a beginning, however it was made.
    pub(crate) async fn hears_reply(&mut self) -> Reply {
        let Some(message) = self.hears().await else { return Reply::Closed };
        match Outcome::parse(&message) {
            Ok(Outcome::Refused(refusal)) => Reply::Refused(refusal),
            Ok(Outcome::Issued(_)) => panic!("a certificate without an approval"),
            Err(_) => Reply::Offered(Offer::parse(&message).expect("an offer")),
        }
    }

    /// Shows its nonce after an offer; gives the words, or the refusal.
    pub(crate) async fn reveals(
        &mut self,
        invitation: &Invitation,
        csr: &[u8],
        nonce: [u8; 32],
    ) -> Result<String, Refusal> {
        self.says(&Reveal { nonce }.to_bytes()).await;
        let message = self.hears().await.expect("an answer");
        if let Ok(Outcome::Refused(refusal)) = Outcome::parse(&message) {
            return Err(refusal);
        }
        let revealed = Reveal::parse(&message).expect("the clinic's nonce");
        let words = Words::derive(&WordsInput {
            ca_sha256: &invitation.ca_sha256,
            clinic_id: invitation.clinic_id,
            token: &invitation.token,
            csr,
            phone_nonce: &nonce,
            clinic_nonce: &revealed.nonce,
        });
        Ok(words.to_string())
    }

    /// How it ends, once that is decided.
    pub(crate) async fn hears_outcome(&mut self) -> Option<Outcome> {
        Some(Outcome::parse(&self.hears().await?).expect("an outcome"))
    }
}

/// A connection, a beginning with a key of its own, and the answer.
pub(crate) async fn tries(invitation: &Invitation) -> Reply {
    match Stranger::comes(invitation).await {
        Ok(mut stranger) => stranger.begins(&invitation.token, &request(&fresh_key()), [7; 32]).await,
        Err(_) => Reply::Closed,
    }
}

pub(crate) fn fresh_key() -> Arc<dyn DeviceKey> {
    Arc::new(SoftwareDeviceKey::new(SoftwareKey::generate(&mut SysRng).expect("a key"), SysRng))
}

/// A certificate request as a phone makes it.
pub(crate) fn request(key: &Arc<dyn DeviceKey>) -> Vec<u8> {
    make_csr(key.as_ref(), "stranger").expect("a request")
}

/// The client's own enrolment with this key; `words` is told what its screen shows.
pub(crate) async fn joins(
    invitation: &Invitation,
    key: Arc<dyn DeviceKey>,
    wait: Duration,
    words: impl FnOnce(&str),
) -> Result<Device, ClientError> {
    let now = Clock::system().now();
    let request = EnrolRequest { invitation, key, device_name: "phone", attestation: None, now, wait };
    enrol(request, &mut SysRng, |shown| words(&shown.to_string())).await
}
