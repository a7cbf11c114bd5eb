//! Joining a clinic: from the invitation in a QR code to an enrolled device.

use std::sync::Arc;
use std::time::Duration;

use rand_core::TryCryptoRng;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use tokio::time::{Instant, timeout_at};

use super::ClientError;
use super::connect::{Congestion, dial_any, quic_config, why_failed};
use super::device::{Device, root_keys};
use super::key::BlockingKey;
use super::maintain::is_for;
use super::tls::{self, CsrError, PinnedAuthority};
use crate::device_key::{DeviceKey, DeviceKeyError};
use crate::enrol::{self, Begin, EnrolmentError, Issued, Offer, Outcome, Reveal, Words, WordsInput};
use crate::ids::{DeviceId, UnixMillis};
use crate::invitation::Invitation;
use crate::keyset::SignedKeySet;
use crate::wire::{FrameReader, frame};

/// Asked of the transport at once.
const READ_LEN: usize = 16 * 1024;

/// What is needed to enrol.
#[derive(Debug)]
pub struct EnrolRequest<'a> {
    /// From the QR code.
    pub invitation: &'a Invitation,
    /// A fresh device key.
    pub key: Arc<dyn DeviceKey>,
    /// The device's model, as the admin will see it.
    pub device_name: &'a str,
    /// The platform's attestation of the key, if it has one, for the challenge [`Invitation::attestation_challenge`].
    pub attestation: Option<Vec<u8>>,
    /// The time.
    pub now: UnixMillis,
    /// How long to wait for the approval.
    pub wait: Duration,
}

/// Enrols. The clinic's CA is checked against the invitation before the token is sent; `show` is called with the words that the
/// admin's screen must show too; then this waits for the approval.
///
/// # Errors
/// Any [`ClientError`]; nothing is enrolled then, and the same invitation and key may be tried again while it is open.
pub async fn enrol<R: TryCryptoRng>(
    request: EnrolRequest<'_>,
    rng: &mut R,
    show: impl FnOnce(&Words),
) -> Result<Device, ClientError> {
    let invitation = request.invitation;
    if invitation.expires_at <= request.now {
        return Err(ClientError::InvitationExpired);
    }
    let mut nonce = [0; 32];
    rng.try_fill_bytes(&mut nonce).map_err(|_| ClientError::Randomness)?;
    let request = EnrolRequest { key: BlockingKey::of(request.key), ..request };
    let csr = tls::make_csr(request.key.as_ref(), request.device_name).map_err(|error| match error {
        CsrError::Key(error) => error.into(),
        CsrError::Name => ClientError::DeviceName,
        CsrError::Encoding(_) => ClientError::DeviceKey(DeviceKeyError::Failed),
    })?;

    let tls = tls::enrol_config(invitation.ca_sha256, invitation.clinic_id).map_err(|_| ClientError::Protocol)?;
    let mut client = tls.config;
    client.time_provider = Arc::new(TimeOfRequest(request.now));
    let config = quic_config(client, Congestion::default())?;
    // From here on the server has shown the certificate that the QR code pins.
    let (endpoint, connection) = dial_any(&invitation.addresses, &config, &tls.server_name).await?;
    let deadline = Instant::now() + request.wait;
    let outcome = converse(&connection, &request, &tls.authority, &csr, nonce, deadline, show).await;
    let outcome = outcome.map_err(|error| why_failed(&connection, error));
    connection.close(quinn::VarInt::from_u32(0), b"");
    let _ = tokio::time::timeout(Duration::from_millis(200), endpoint.wait_idle()).await;
    outcome
}

async fn converse(
    connection: &quinn::Connection,
    request: &EnrolRequest<'_>,
    authority: &PinnedAuthority,
    csr: &[u8],
    nonce: [u8; 32],
    deadline: Instant,
    show: impl FnOnce(&Words),
) -> Result<Device, ClientError> {
    let (mut send, recv) = connection.open_bi().await?;
    let mut clinic = ClinicFrames {
        recv,
        reader: FrameReader::new(enrol::messages::MAX_OUTCOME_LEN),
        pending: Vec::new(),
        deadline,
    };

    let begin = Begin {
        token: request.invitation.token.clone(),
        csr: csr.to_vec(),
        device_name: request.device_name.to_owned(),
        attestation: request.attestation.clone(),
        commitment: enrol::messages::phone_commitment(&nonce, csr),
    };
    send.write_all(&frame(&begin.to_bytes())).await?;
    let offer = clinic.next(Offer::parse).await?;
    // Only now that the other side has committed itself does this side show its nonce.
    send.write_all(&frame(&Reveal { nonce }.to_bytes())).await?;
    let revealed = clinic.next(Reveal::parse).await?;
    offer.check(&revealed, csr).map_err(|_| ClientError::EnrolmentMismatch)?;
    show(&Words::derive(&WordsInput {
        ca_sha256: &request.invitation.ca_sha256,
        clinic_id: request.invitation.clinic_id,
        token: &request.invitation.token,
        csr,
        phone_nonce: &nonce,
        clinic_nonce: &revealed.nonce,
    }));

    let Outcome::Issued(issued) = clinic.next(Outcome::parse).await? else {
        return Err(ClientError::Protocol);
    };
    let _ = send.finish();
    accept(request, authority, *issued)
}

/// Believes nothing of what was issued before it fits the invitation and the key.
fn accept(request: &EnrolRequest<'_>, authority: &PinnedAuthority, issued: Issued) -> Result<Device, ClientError> {
    let pinned = authority.der().ok_or(ClientError::NotTheClinic)?;
    if issued.ca != pinned || !is_for(&issued.certificate, request.key.as_ref())? {
        return Err(ClientError::EnrolmentMismatch);
    }
    if certified_device(&issued.certificate) != Some(issued.device_id) {
        return Err(ClientError::EnrolmentMismatch);
    }
    let keys = root_keys(&[pinned.to_vec()]).map_err(|_| ClientError::EnrolmentMismatch)?;
    let signed = SignedKeySet::parse(&issued.key_set)?;
    let key_set = signed.verify(&keys, request.invitation.clinic_id, request.now, 0)?;
    let roots = key_set.key_set().roots.clone();
    if !roots.iter().any(|root| root == pinned) {
        return Err(ClientError::EnrolmentMismatch);
    }
    Ok(Device {
        clinic_id: request.invitation.clinic_id,
        device_id: issued.device_id,
        operator: issued.operator,
        certificate: issued.certificate,
        roots,
        key_set,
        checkpoint: None,
        next_sequence: 1,
    })
}

/// The gateway's certificate is judged at the time that the caller gave, like everything else.
#[derive(Debug)]
struct TimeOfRequest(UnixMillis);

impl TimeProvider for TimeOfRequest {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.0)))
    }
}

fn certified_device(certificate: &[u8]) -> Option<DeviceId> {
    use x509_parser::extensions::GeneralName;
    use x509_parser::prelude::{FromDer, X509Certificate};
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    names.value.general_names.iter().find_map(|name| match name {
        GeneralName::URI(uri) => tls::device_of_uri(uri),
        _ => None,
    })
}

struct ClinicFrames {
    recv: quinn::RecvStream,
    reader: FrameReader,
    pending: Vec<u8>,
    deadline: Instant,
}

impl ClinicFrames {
    /// The next message, which is one that `parse` reads, or a refusal.
    async fn next<T>(&mut self, parse: fn(&[u8]) -> Result<T, EnrolmentError>) -> Result<T, ClientError> {
        loop {
            let pending = std::mem::take(&mut self.pending);
            let mut input = pending.as_slice();
            if let Some(body) = self.reader.read(&mut input).map_err(|_| ClientError::Protocol)? {
                self.pending = input.to_vec();
                return match Outcome::parse(&body) {
                    Ok(Outcome::Refused(refusal)) => Err(ClientError::EnrolmentRefused(refusal)),
                    _ => parse(&body).map_err(|_| ClientError::Protocol),
                };
            }
            let read = timeout_at(self.deadline, self.recv.read_chunk(READ_LEN, true)).await;
            let chunk = read.map_err(|_| ClientError::NotApprovedInTime)??.ok_or(ClientError::Protocol)?;
            self.pending = chunk.bytes.to_vec();
        }
    }
}
