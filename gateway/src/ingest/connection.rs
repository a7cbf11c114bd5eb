//! One phone's connection: who it is, whether it is welcome, and its streams.

use std::sync::Arc;

use safelight_core::session::receive::RequestReader;
use safelight_core::wire::limits::{MAX_RESPONSE_LEN, REQUEST_DEADLINE};
use safelight_core::wire::{CloseReason, RefusalCode, Request, Response, frame};
use tokio::time::timeout;

use super::Ingest;
use super::authenticate::{IdentifyError, PresentedDevice, Refused, VerifiedDevice, authenticate, identify_watched};
use super::live::close;
use super::{renew, upload};

/// How long a handshake may take. It is half a minute of patience for a bad link less than the idle timeout, and all that somebody who never
/// means to finish gets.
pub(super) const HANDSHAKE_DEADLINE: std::time::Duration = std::time::Duration::from_secs(8);

/// How much is asked of the transport at once.
pub(super) const READ_LEN: usize = 256 * 1024;

/// Carries a connection from its handshake to its end.
pub(super) async fn serve(ingest: Arc<Ingest>, incoming: quinn::Incoming) {
    let connection = match timeout(HANDSHAKE_DEADLINE, incoming).await {
        Ok(Ok(connection)) => connection,
        Err(_) => {
            ingest.refusals.note("handshake-deadline");
            return;
        }
        Ok(Err(error)) => {
            // The certificate was refused, or the other end never finished. Neither is news, many would be.
            ingest.refusals.note("handshake");
            tracing::debug!(code = handshake_code(&error), "handshake failed");
            return;
        }
    };
    let presented = match identify_watched(&connection, &ingest.guard) {
        Ok(presented) => presented,
        Err(error) => {
            ingest.refusals.note("certificate");
            close(&connection, close_reason_of_identity(&error));
            return;
        }
    };
    let device_id = presented.device_id();
    if let Err(refused) = welcome(&ingest, &presented) {
        let reason = close_reason(refused);
        ingest.refuse_connection(device_id, reason).await;
        close(&connection, reason);
        return;
    }
    let _connected = ingest.live.add(device_id, connection.clone());
    // Between the look-up above and this line the device may have been revoked, and nobody closed what was not yet noted.
    if let Err(refused) = welcome(&ingest, &presented) {
        close(&connection, close_reason(refused));
        return;
    }
    tracing::debug!(device = %device_id, "connected");
    while let Ok((send, recv)) = connection.accept_bi().await {
        // Its certificate is asked anew too: a connection that is kept alive must not outlive it.
        let presented = match identify_watched(&connection, &ingest.guard) {
            Ok(presented) => presented,
            Err(error) => {
                let reason = close_reason_of_identity(&error);
                ingest.refuse_connection(device_id, reason).await;
                close(&connection, reason);
                return;
            }
        };
        match welcome(&ingest, &presented) {
            Ok(device) => {
                tokio::spawn(serve_stream(ingest.clone(), device, send, recv));
            }
            Err(refused) => {
                close(&connection, close_reason(refused));
                return;
            }
        }
    }
}

/// Device status, asked anew for every connection and every stream.
fn welcome(ingest: &Ingest, presented: &PresentedDevice) -> Result<VerifiedDevice, Refused> {
    authenticate(presented.clone(), &ingest.devices.status(presented.device_id()))
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
    if reply(&mut send, &response).await.is_ok() {
        let _ = send.finish();
        // The stream is kept until the phone has the answer or is gone.
        let _ = timeout(REQUEST_DEADLINE, send.stopped()).await;
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

/// Sends one response frame.
pub(super) async fn reply(send: &mut quinn::SendStream, response: &Response) -> Result<(), RefusalCode> {
    let body = response.to_bytes().map_err(|_| RefusalCode::Internal)?;
    debug_assert!(body.len() <= MAX_RESPONSE_LEN);
    send.write_all(&frame(&body)).await.map_err(|_| RefusalCode::LengthMismatch)
}

fn close_reason(refused: Refused) -> CloseReason {
    match refused {
        Refused::Revoked => CloseReason::Revoked,
        Refused::Unknown => CloseReason::UnknownDevice,
        Refused::Superseded => CloseReason::UnknownCertificate,
    }
}

fn close_reason_of_identity(error: &IdentifyError) -> CloseReason {
    match error {
        IdentifyError::Expired => CloseReason::Expired,
        _ => CloseReason::UnknownCertificate,
    }
}

/// A word for the log. The error's own text may quote what the peer sent, and stays out.
pub(super) fn handshake_code(error: &quinn::ConnectionError) -> &'static str {
    match error {
        quinn::ConnectionError::VersionMismatch => "version-mismatch",
        quinn::ConnectionError::TransportError(_) => "transport-error",
        quinn::ConnectionError::ConnectionClosed(_) => "closed-by-peer",
        quinn::ConnectionError::ApplicationClosed(_) => "closed-by-application",
        quinn::ConnectionError::Reset => "reset",
        quinn::ConnectionError::TimedOut => "timed-out",
        quinn::ConnectionError::LocallyClosed => "closed-here",
        quinn::ConnectionError::CidsExhausted => "cids-exhausted",
    }
}
