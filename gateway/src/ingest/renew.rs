//! Renewal: the certificate request goes to the clinic process, the certificate comes back.

use std::time::Duration;

use safelight_core::wire::{RefusalCode, Response};
use tokio::time::timeout;

use super::Ingest;
use super::authenticate::VerifiedDevice;
use crate::link::ConversationKind;

/// How long the clinic process has to answer.
const RENEWAL_WAIT: Duration = Duration::from_secs(15);

/// Asks the clinic process for a certificate for `csr`. Which device asks is what ingest authenticated, and the clinic process
/// checks it again against what it knows: an ingest that lies gains nothing but a certificate for a key that the device holds.
pub(super) async fn renew(ingest: &Ingest, device: &VerifiedDevice, csr: Vec<u8>) -> Result<Response, RefusalCode> {
    let kind = ConversationKind::Renew(device.device_id());
    let mut conversation = ingest.relay.open(kind).map_err(|_| RefusalCode::TooMany)?;
    conversation.say(csr).map_err(|_| RefusalCode::TooMany)?;
    let answer = timeout(RENEWAL_WAIT, conversation.reply()).await;
    let reply = answer.ok().flatten().ok_or(RefusalCode::ClinicUnavailable)?;
    let response = Response::from_bytes(&reply.message).map_err(|_| RefusalCode::Internal)?;
    match response {
        Response::Certificate { .. } => Ok(response),
        Response::Refused(refusal) => Err(refusal.code),
        _ => Err(RefusalCode::Internal),
    }
}
