//! An enrolled phone that lies: it holds a device key that the clinic has certified, and sends what no honest core would send.
#![allow(clippy::indexing_slicing, reason = "a harness of tests: what does not go as it should is a failed test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;

use getrandom::SysRng;
use quinn::crypto::rustls::QuicClientConfig;
use safelight_core::client::device::Device;
use safelight_core::client::tls::{ClientIdentity, main_config};
use safelight_core::cose::{self, CoseError, Purpose};
use safelight_core::device_key::{DeviceKey, Es256};
use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::manifest::{Manifest, PayloadDigest};
use safelight_core::photo::Photo;
use safelight_core::seal::{Recipient, SealedPayload, Stanza, seal_bytes, seal_payload, split};
use safelight_core::strip::strip;
use safelight_core::wire::limits::{KEEP_ALIVE, MAX_RESPONSE_LEN};
use safelight_core::wire::{FrameReader, RefusalCode, Request, Response, UploadRequest, frame};
use safelight_gateway::clock::Clock;
use safelight_gateway::phone::label::LabelInput;
use sha2::{Digest, Sha256};

use super::phone::{LABEL, Phone};

/// A connection of such a phone.
#[derive(Debug)]
pub struct Liar {
    /// What it was told when it was enrolled.
    pub device: Device,
    key: Arc<dyn DeviceKey>,
    connection: quinn::Connection,
    _endpoint: quinn::Endpoint,
}

/// What became of an upload.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway says that it is stored: the receipt.
    Stored(Vec<u8>),
    /// It said no.
    Refused(RefusalCode),
    /// The stream ended without an answer.
    Silence,
}

/// Everything of an upload, each part to be changed at will.
#[derive(Debug)]
pub struct Forged {
    /// What is signed.
    pub manifest: Manifest,
    /// The picture's header.
    pub header: Vec<u8>,
    /// The label's age file.
    pub label: Vec<u8>,
    /// What is sent behind them.
    pub payload: Vec<u8>,
    /// The log size that the phone says it knows.
    pub known_log_size: u64,
    sealed: SealedPayload,
    recipients: [Recipient; 2],
}

impl Liar {
    /// Connects with the identity of `phone`, which must not send beside it.
    pub async fn connect(phone: &Phone) -> Self {
        let (device, key) = phone.enrolled();
        let identity = ClientIdentity { chain: vec![device.certificate.clone()], key: key.clone() };
        let tls = main_config(&identity, &device.roots, device.clinic_id).expect("a TLS configuration");
        let crypto = QuicClientConfig::try_from(tls.config).expect("a QUIC configuration");
        let here: SocketAddr = (Ipv4Addr::UNSPECIFIED, 0).into();
        let endpoint = quinn::Endpoint::client(here).expect("a socket");
        let address = device.key_set.key_set().addresses.first().and_then(|address| address.parse().ok());
        let mut transport = quinn::TransportConfig::default();
        transport.keep_alive_interval(Some(KEEP_ALIVE));
        let mut config = quinn::ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::new(transport));
        let connecting = endpoint.connect_with(config, address.expect("an address"), &tls.server_name);
        let connection = connecting.expect("a way").await.expect("a connection");
        Self { device, key, connection, _endpoint: endpoint }
    }

    /// A picture as an honest phone would send it, to be changed.
    pub fn forge(&self, photo: &[u8]) -> Forged {
        let stripped = strip(Photo::parse(photo).expect("a photograph")).expect("a photograph that can be stripped");
        let key_set = self.device.key_set.key_set();
        let recipients =
            [key_set.vault, key_set.recovery].map(|bytes| Recipient::from_bytes(bytes).expect("a recipient"));
        let sealed = seal_payload(stripped.parts(), stripped.len(), NonZeroUsize::MIN, &mut SysRng).expect("a payload");
        let label = LabelInput::parse(LABEL.as_bytes())
            .and_then(|input| input.into_label(Clock::system().now()))
            .expect("a label");
        let label = label.to_json_bytes().expect("a label");
        let label = seal_bytes(&label, &recipients, &mut SysRng).expect("a label");
        let now = Clock::system().now();
        let manifest = Manifest {
            clinic_id: key_set.clinic_id,
            capture_id: new_id(now),
            device_id: self.device.device_id,
            sequence: 1,
            operator: self.device.operator.clone(),
            content_type: stripped.content_type(),
            width: stripped.width(),
            height: stripped.height(),
            captured_at: now,
            key_set: key_set.number,
            picture: digest(sealed.bytes()),
            label: digest(split(&label).expect("an age file").1),
            software: None,
        };
        let payload = sealed.bytes().to_vec();
        let forged = Forged { manifest, header: Vec::new(), label, payload, known_log_size: 0, sealed, recipients };
        forged.bound()
    }

    /// Signs the manifest as it is, whether or not anybody would read it, and sends everything.
    pub async fn upload(&self, forged: &Forged) -> Outcome {
        self.upload_as(forged, &self.key).await
    }

    /// The same, signed by another key.
    pub async fn upload_as(&self, forged: &Forged, key: &Arc<dyn DeviceKey>) -> Outcome {
        self.send(&opening(forged, key.as_ref()), &forged.payload).await
    }

    /// What opens the stream of an upload.
    pub fn opening(&self, forged: &Forged) -> Vec<u8> {
        opening(forged, self.key.as_ref())
    }

    /// The device key.
    pub fn key(&self) -> Arc<dyn DeviceKey> {
        self.key.clone()
    }

    /// Sends `opening`, and behind it `payload` from where the gateway says.
    pub async fn send(&self, opening: &[u8], payload: &[u8]) -> Outcome {
        let (mut send, mut recv) = self.connection.open_bi().await.expect("a stream");
        let mut reader = FrameReader::new(MAX_RESPONSE_LEN);
        // The gateway may refuse, and stop reading, at any moment.
        let _ = send.write_all(opening).await;
        loop {
            let Ok(Some(chunk)) = recv.read_chunk(MAX_RESPONSE_LEN, true).await else { return Outcome::Silence };
            let mut input = chunk.bytes.as_ref();
            while !input.is_empty() {
                let Some(body) = reader.read(&mut input).expect("a frame") else { break };
                match Response::from_bytes(&body).expect("a response") {
                    Response::Continue { offset } => {
                        let from = usize::try_from(offset).expect("an offset").min(payload.len());
                        let _ = send.write_all(payload.get(from..).unwrap_or_default()).await;
                        let _ = send.finish();
                    }
                    Response::Stored { receipt, .. } => return Outcome::Stored(receipt),
                    Response::Refused(refusal) => return Outcome::Refused(refusal.code),
                    other => return unexpected(&other),
                }
            }
        }
    }
}

impl Forged {
    /// With a manifest for the payload that is really sent, and the header bound to that manifest: what a lying phone can make, and
    /// what a blind process cannot tell from an honest one.
    #[must_use]
    pub fn consistent(mut self) -> Self {
        self.manifest.picture = digest(&self.payload);
        self.bound()
    }

    /// With a header for the manifest as it is.
    #[must_use]
    pub fn bound(self) -> Self {
        let recipients = self.recipients;
        self.bound_for(&recipients)
    }

    /// The same for other recipients.
    #[must_use]
    pub fn bound_for(mut self, recipients: &[Recipient]) -> Self {
        let stanza = Stanza::manifest(self.manifest.key_set, &self.manifest.hash().0);
        self.header = self.sealed.header(&[stanza], recipients, &mut SysRng).expect("a header");
        self
    }

    /// Vault and recovery, as the key set has them.
    pub fn recipients(&self) -> [Recipient; 2] {
        self.recipients
    }
}

/// A photograph of noise, which no encoder makes small: a side of 300 gives more than two chunks.
pub fn noise(side: u32) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(side, side, |x, y| {
        let noise = Sha256::digest([x.to_be_bytes(), y.to_be_bytes()].concat());
        image::Rgb([noise[0], noise[1], noise[2]])
    });
    let mut jpeg = std::io::Cursor::new(Vec::new());
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95);
    picture.write_with_encoder(encoder).expect("a photograph");
    jpeg.into_inner()
}

/// A capture id of now.
pub fn new_id(now: UnixMillis) -> CaptureId {
    let mut random = [0; 10];
    getrandom::fill(&mut random).expect("random bytes");
    CaptureId::new(now, &random)
}

/// Length and digest of a payload.
pub fn digest(payload: &[u8]) -> PayloadDigest {
    PayloadDigest { len: payload.len() as u64, sha256: Sha256::digest(payload).into() }
}

fn opening(forged: &Forged, key: &dyn DeviceKey) -> Vec<u8> {
    let request = UploadRequest {
        manifest: sign(&forged.manifest, key),
        header: forged.header.clone(),
        label: forged.label.clone(),
        known_log_size: forged.known_log_size,
    };
    frame(&Request::Upload(request).to_bytes().expect("a request"))
}

/// Unlike [`Manifest::sign`], of whatever it is.
fn sign(manifest: &Manifest, key: &dyn DeviceKey) -> Vec<u8> {
    let signed = |message: &[u8]| {
        let der = key.sign(message).map_err(|_| CoseError::Signature)?;
        Es256::from_der(&der).map_err(|_| CoseError::Signature)
    };
    cose::sign::<CoseError>(Purpose::Manifest, manifest.to_bytes(), signed).expect("a signature")
}

fn unexpected(response: &Response) -> Outcome {
    panic!("an answer to another question: {response:?}")
}
