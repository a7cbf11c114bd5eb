//! One phone's connection: who it is, whether it is welcome, and its streams.

use std::sync::Arc;

use rustls::AlertDescription;
use safelight_core::ids::DeviceId;
use safelight_core::session::receive::RequestReader;
use safelight_core::wire::limits::{MAX_RESPONSE_LEN, REQUEST_DEADLINE};
use safelight_core::wire::{CloseReason, RefusalCode, Request, Response, frame};
use tokio::time::timeout;

use super::Ingest;
use super::authenticate::{IdentifyError, PresentedDevice, Refused, VerifiedDevice, identify_watched};
use super::handshakes::Place;
use super::live::close;
use super::{renew, upload};

/// How long a handshake may take: well within the idle timeout, and all that somebody who never means to finish gets.
pub(super) const HANDSHAKE_DEADLINE: std::time::Duration = std::time::Duration::from_secs(8);

/// How much is asked of the transport at once.
pub(super) const READ_LEN: usize = 256 * 1024;

/// Carries a connection from its handshake to its end.
pub(super) async fn serve(ingest: Arc<Ingest>, incoming: quinn::Incoming, place: Place) {
    let Some((connection, presented)) = meet(&ingest, incoming).await else {
        place.linger();
        return;
    };
    let device_id = presented.device_id();
    if let Err(refused) = welcome(&ingest, &presented) {
        place.linger();
        if matches!(refused, Refused::Revoked) {
            ingest.knocks.note(device_id);
        }
        turn_out(&ingest, &connection, device_id, close_reason(refused)).await;
        return;
    }
    drop(place);
    let (_connected, too_many) = ingest.live.add(presented.clone(), connection.clone());
    if too_many {
        ingest.refuse_connection(device_id, CloseReason::TooManyConnections).await;
    }
    // Between the look-up above and this line the device may have been revoked, and nobody closed what was not yet noted.
    if let Err(refused) = welcome(&ingest, &presented) {
        turn_out(&ingest, &connection, device_id, close_reason(refused)).await;
        return;
    }
    ingest.sightings.note(device_id, ingest.clock.now());
    tracing::debug!(device = %device_id, "connected");
    while let Ok((send, recv)) = connection.accept_bi().await {
        match welcome(&ingest, &presented) {
            Ok(device) => {
                tokio::spawn(serve_stream(ingest.clone(), device, send, recv));
            }
            Err(refused) => {
                turn_out(&ingest, &connection, device_id, close_reason(refused)).await;
                return;
            }
        }
    }
    if welcome(&ingest, &presented).is_ok() {
        ingest.sightings.note(device_id, ingest.clock.now());
    }
}

/// The handshake, and who it was with.
async fn meet(ingest: &Arc<Ingest>, incoming: quinn::Incoming) -> Option<(quinn::Connection, PresentedDevice)> {
    let connection = match timeout(HANDSHAKE_DEADLINE, incoming).await {
        Ok(Ok(connection)) => connection,
        Err(_) => {
            ingest.turn_away("handshake-deadline");
            return None;
        }
        Ok(Err(error)) => {
            let code = handshake_code(&error);
            tracing::debug!(code, "handshake failed");
            // Whoever left by itself was not refused.
            if matches!(error, quinn::ConnectionError::TransportError(_)) {
                ingest.turn_away(code);
            }
            return None;
        }
    };
    match identify_watched(&connection, &ingest.guard) {
        Ok(presented) => Some((connection, presented)),
        Err(error) => {
            let reason = close_reason_of_identity(&error);
            ingest.turn_away(reason.name());
            close(&connection, reason);
            None
        }
    }
}

/// Closes first and puts it on record second: the record may have to wait for the disk.
async fn turn_out(ingest: &Ingest, connection: &quinn::Connection, device: DeviceId, reason: CloseReason) {
    close(connection, reason);
    ingest.refuse_connection(device, reason).await;
}

/// Device status and the certificate's time, asked anew for every connection and every stream.
fn welcome(ingest: &Ingest, presented: &PresentedDevice) -> Result<VerifiedDevice, Refused> {
    ingest.devices.welcome(presented, ingest.clock.now())
}

/// Closes every live connection of a device that is not, or no longer, welcome: it was revoked, or its certificate's time is over.
pub(super) async fn close_unwelcome(ingest: &Ingest) {
    let closed = ingest.live.close_unless(|presented| welcome(ingest, presented).err().map(close_reason));
    for (device, reason) in closed {
        ingest.refuse_connection(device, reason).await;
    }
}

async fn serve_stream(
    ingest: Arc<Ingest>,
    device: VerifiedDevice,
    mut send: quinn::SendStream,
    mut recv: quinn::RecvStream,
) {
    let response = match read_request(&ingest, &mut recv).await {
        Ok((request, rest)) => match request {
            _ if ingest.is_stopping() => Err(RefusalCode::ShuttingDown),
            request @ Request::Renew { .. } => renew::renew(&ingest, &device, &request).await,
            _ if device.may_only_renew() => Err(RefusalCode::RenewFirst),
            Request::KeySet { have } => Ok(ingest.key_set.newer_than(have)),
            Request::Upload(request) => upload::upload(&ingest, &device, request, rest, &mut send, &mut recv).await,
        },
        Err(code) => Err(code),
    };
    let response = match response {
        Ok(response) => response,
        Err(code) => {
            ingest.refuse_request(device.device_id(), code).await;
            // Whatever else the phone is sending is not wanted any more.
            let _ = recv.stop(quinn::VarInt::from_u32(code.number()));
            Response::Refused(code.into())
        }
    };
    match reply(&mut send, &response).await {
        Ok(()) => {
            let _ = send.finish();
            // The stream is kept until the phone has the answer or is gone.
            let _ = timeout(REQUEST_DEADLINE, send.stopped()).await;
        }
        // What could not be sent is not kept for somebody who does not read.
        Err(code) => drop(send.reset(quinn::VarInt::from_u32(code.number()))),
    }
}

async fn read_request(ingest: &Ingest, recv: &mut quinn::RecvStream) -> Result<(Request, Vec<u8>), RefusalCode> {
    let mut reader = RequestReader::new(ingest.clock.now());
    loop {
        let chunk = match timeout(REQUEST_DEADLINE, recv.read_chunk(READ_LEN, true)).await {
            Err(_) => return Err(RefusalCode::TooSlow),
            Ok(Err(_)) | Ok(Ok(None)) => return Err(RefusalCode::Malformed),
            Ok(Ok(Some(chunk))) => chunk.bytes,
        };
        let mut input = chunk.as_ref();
        if let Some(request) = reader.handle_bytes(&mut input, ingest.clock.now())? {
            return Ok((request, input.to_vec()));
        }
    }
}

/// Sends one response frame. Somebody who asks and then does not read the answer gets no more time than for the question.
pub(super) async fn reply(send: &mut quinn::SendStream, response: &Response) -> Result<(), RefusalCode> {
    let body = response.to_bytes().map_err(|_| RefusalCode::Internal)?;
    debug_assert!(body.len() <= MAX_RESPONSE_LEN);
    match timeout(REQUEST_DEADLINE, send.write_all(&frame(&body))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(RefusalCode::LengthMismatch),
        Err(_) => Err(RefusalCode::TooSlow),
    }
}

fn close_reason(refused: Refused) -> CloseReason {
    match refused {
        Refused::Revoked => CloseReason::Revoked,
        Refused::Unknown => CloseReason::UnknownDevice,
        Refused::Superseded => CloseReason::UnknownCertificate,
        Refused::NotYetValid => CloseReason::NotYetValid,
        Refused::Expired => CloseReason::Expired,
    }
}

fn close_reason_of_identity(error: &IdentifyError) -> CloseReason {
    match error {
        IdentifyError::Expired => CloseReason::Expired,
        IdentifyError::NotYetValid => CloseReason::NotYetValid,
        _ => CloseReason::UnknownCertificate,
    }
}

/// A word for the log. The error's own text may quote what the peer sent, and stays out.
fn handshake_code(error: &quinn::ConnectionError) -> &'static str {
    match error {
        quinn::ConnectionError::VersionMismatch => "version-mismatch",
        quinn::ConnectionError::TransportError(error) => alert_code(error.code),
        quinn::ConnectionError::ConnectionClosed(_) => "closed-by-peer",
        quinn::ConnectionError::ApplicationClosed(_) => "closed-by-application",
        quinn::ConnectionError::Reset => "reset",
        quinn::ConnectionError::TimedOut => "timed-out",
        quinn::ConnectionError::LocallyClosed => "closed-here",
        quinn::ConnectionError::CidsExhausted => "cids-exhausted",
    }
}

/// Why this end refused a handshake, by the TLS alert that it sent: a QUIC error of 0x100 and the alert's number (RFC 9001 section 4.8).
fn alert_code(code: quinn::TransportErrorCode) -> &'static str {
    let alert = u64::from(code).checked_sub(0x100).and_then(|alert| u8::try_from(alert).ok());
    match alert.map(AlertDescription::from) {
        Some(AlertDescription::CertificateRequired) => "no-certificate",
        Some(AlertDescription::CertificateExpired) => "certificate-out-of-time",
        Some(AlertDescription::UnknownCA) => "unknown-authority",
        Some(AlertDescription::UnsupportedCertificate | AlertDescription::BadCertificate) => "unfit-certificate",
        Some(AlertDescription::DecryptError) => "wrong-key",
        Some(AlertDescription::NoApplicationProtocol) => "wrong-protocol",
        Some(AlertDescription::HandshakeFailure) => "no-common-algorithm",
        Some(_) => "handshake",
        None => "transport-error",
    }
}
