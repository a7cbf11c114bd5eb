//! One upload: judged, written, made durable, acknowledged.
//!
//! The order is the promise: file, fsync, rename, fsync of the folders, then one transaction with the inbox row and the
//! log entry, then the receipt. A refusal leaves nothing; a connection that breaks leaves the bytes so far under a name
//! that holds capture and manifest, for the same upload to go on.

use bytes::BytesMut;
use safelight_core::ids::CaptureId;
use safelight_core::manifest::ManifestHash;
use safelight_core::session::receive::{Offered, Received, Receiving, Sender};
use safelight_core::wire::limits::RATE_WINDOW;
use safelight_core::wire::{RefusalCode, Response, UploadRequest};
use tokio::time::timeout;

use super::Ingest;
use super::authenticate::VerifiedDevice;
use super::connection::{READ_LEN, reply};
use super::inbox::Found;
use super::live::Claim;
use crate::store::blobs::{BlobKey, Part};

/// Written at once: large enough that a write costs little, small enough that a stalled upload holds little.
const BATCH_LEN: usize = 256 * 1024;

/// Carries an upload from its request to its response.
pub(super) async fn upload(
    ingest: &Ingest,
    device: &VerifiedDevice,
    request: UploadRequest,
    rest: Vec<u8>,
    send: &mut quinn::SendStream,
    recv: &mut quinn::RecvStream,
) -> Result<Response, RefusalCode> {
    let key_sets = ingest.key_set.accepted();
    let sender = Sender {
        clinic_id: ingest.clinic_id,
        device_id: device.device_id(),
        device_key: device.public_key(),
        key_sets: &key_sets,
    };
    let offered = Offered::judge(request, &sender)?;
    if !rest.is_empty() {
        // The payload comes after the gateway has said from where.
        return Err(RefusalCode::Malformed);
    }
    let capture = offered.manifest().manifest().capture_id;
    let hash = offered.manifest().hash();
    let known = offered.known_log_size();
    let mut claim = ingest.live.claim(capture).await;
    match ingest.inbox.find(capture, &hash).await? {
        Found::Same(stored) => return ingest.inbox.receipt(&stored, known).await,
        Found::Other => return Err(RefusalCode::Conflict),
        Found::Nothing => {}
    }

    let _room = ingest.try_reserve_upload()?;
    let key = blob_key(capture, &hash)?;
    let mut part = ingest.blobs.open_part(&key).await.map_err(|error| ingest.store_failed(&error))?;
    let mut receiving = offered.receive(ingest.clock.now());
    recall(ingest, &mut part, &mut receiving).await?;
    reply(send, &Response::Continue { offset: receiving.offset() }).await?;

    match take_payload(ingest, &mut claim, &mut receiving, &mut part, recv).await {
        Ok(()) => {}
        // What has arrived is kept for the phone to go on with; a sweep removes it if it never does.
        Err(End::Interrupted(code)) => {
            let _ = part.keep().await;
            return Err(code);
        }
        Err(End::Wrong(code)) => {
            let _ = part.discard().await;
            return Err(code);
        }
    }
    let received: Received = match receiving.finish() {
        Ok(received) => received,
        Err(code) => {
            let _ = part.discard().await;
            return Err(code);
        }
    };
    // A revocation that came while the picture was on its way holds for this picture too.
    if !ingest.devices.is_active(device.device_id(), device.serial()) {
        let _ = part.discard().await;
        return Err(RefusalCode::WrongDevice);
    }
    part.commit().await.map_err(|error| ingest.store_failed(&error))?;
    let stored = ingest.inbox.store(received).await?;
    ingest.inbox.receipt(&stored, known).await
}

/// How a payload ended before it was whole.
enum End {
    /// The phone may go on from here.
    Interrupted(RefusalCode),
    /// It is not what the manifest says, or cannot be stored.
    Wrong(RefusalCode),
}

/// The name of a payload: capture and manifest, so that another manifest never continues or replaces it.
fn blob_key(capture: CaptureId, hash: &ManifestHash) -> Result<BlobKey, RefusalCode> {
    let hex = data_encoding::HEXLOWER;
    let text = format!("{}{}", hex.encode(capture.as_bytes()), hex.encode(hash.as_bytes()));
    BlobKey::new(&text).map_err(|_| RefusalCode::Internal)
}

async fn recall(ingest: &Ingest, part: &mut Part, receiving: &mut Receiving) -> Result<(), RefusalCode> {
    let mut offset = 0;
    while offset < part.len() {
        let bytes = part.read(offset, BATCH_LEN).await.map_err(|error| ingest.store_failed(&error))?;
        if bytes.is_empty() {
            break;
        }
        offset = offset.saturating_add(bytes.len() as u64);
        receiving.recall(&bytes)?;
    }
    Ok(())
}

async fn take_payload(
    ingest: &Ingest,
    claim: &mut Claim,
    receiving: &mut Receiving,
    part: &mut Part,
    recv: &mut quinn::RecvStream,
) -> Result<(), End> {
    let mut batch = BytesMut::new();
    let outcome = loop {
        let read = tokio::select! {
            biased;
            () = claim.superseded() => break Err(End::Interrupted(RefusalCode::Superseded)),
            () = ingest.stopping() => break Err(End::Interrupted(RefusalCode::ShuttingDown)),
            read = timeout(RATE_WINDOW, recv.read_chunk(READ_LEN, true)) => read,
        };
        let now = ingest.clock.now();
        match read {
            Err(_) => receiving.check_rate(now).map_err(End::Interrupted)?,
            // Reset, or the connection is gone.
            Ok(Err(_)) => break Err(End::Interrupted(RefusalCode::LengthMismatch)),
            Ok(Ok(None)) => break Ok(()),
            Ok(Ok(Some(chunk))) => {
                match receiving.take(&chunk.bytes, now) {
                    Ok(()) => {}
                    Err(RefusalCode::TooSlow) => break Err(End::Interrupted(RefusalCode::TooSlow)),
                    Err(code) => return Err(End::Wrong(code)),
                }
                batch.extend_from_slice(&chunk.bytes);
                if batch.len() >= BATCH_LEN {
                    append(ingest, part, &mut batch).await?;
                }
            }
        }
    };
    append(ingest, part, &mut batch).await?;
    outcome
}

async fn append(ingest: &Ingest, part: &mut Part, batch: &mut BytesMut) -> Result<(), End> {
    if batch.is_empty() {
        return Ok(());
    }
    let bytes = batch.split().freeze();
    part.append(bytes).await.map_err(|error| End::Wrong(ingest.store_failed(&error)))
}
