//! Renewal: the certificate request goes to the clinic process, the certificate comes back.

use std::time::Duration;

use safelight_core::wire::{RefusalCode, Request, Response};
use tokio::time::timeout;

use super::Ingest;
use super::authenticate::VerifiedDevice;
use crate::link::ConversationKind;

/// How long the clinic process has to answer.
const RENEWAL_WAIT: Duration = Duration::from_secs(15);

/// Carries a renewal to the clinic process as it came. Which device asks, the clinic process reads from the signature in it, not from
/// ingest's word.
pub(super) async fn renew(
    ingest: &Ingest,
    device: &VerifiedDevice,
    request: &Request,
) -> Result<Response, RefusalCode> {
    let kind = ConversationKind::Renew(device.device_id());
    let mut conversation = ingest.relay.open(kind).map_err(|_| RefusalCode::TooMany)?.showing(device.certificate());
    let request = request.to_bytes().map_err(|_| RefusalCode::Internal)?;
    conversation.say(request).map_err(|_| RefusalCode::TooMany)?;
    let answer = timeout(RENEWAL_WAIT, conversation.reply()).await;
    let reply = answer.ok().flatten().ok_or(RefusalCode::ClinicUnavailable)?;
    let response = Response::from_bytes(&reply.message).map_err(|_| RefusalCode::Internal)?;
    match response {
        Response::Certificate { .. } => Ok(response),
        Response::Refused(refusal) => Err(refusal.code),
        _ => Err(RefusalCode::Internal),
    }
}
