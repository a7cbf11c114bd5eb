//! One upload: judged, written, made durable, acknowledged.
//!
//! The order is the promise: file, fsync, rename, fsync of the folders, then one transaction with the inbox row and the
//! log entry, then the receipt. A refusal leaves nothing; a connection that breaks leaves the bytes so far under a name
//! that holds capture and manifest, for the same upload to go on.

use bytes::BytesMut;
use safelight_core::ids::DeviceId;
use safelight_core::session::receive::{Offered, Receiving, Sender};
use safelight_core::wire::limits::RATE_WINDOW;
use safelight_core::wire::{RefusalCode, Response, UploadRequest};
use tokio::time::timeout;

use super::Ingest;
use super::authenticate::VerifiedDevice;
use super::connection::{READ_LEN, reply};
use super::inbox::Found;
use super::live::Claim;
use crate::store::blobs::{BlobError, BlobKey, Blobs, Incoming, MAX_PIECE, payload_key};

/// Written at once: large enough that a write costs little, small enough that a stalled upload holds little.
const BATCH_LEN: usize = MAX_PIECE;

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
    let number = offered.manifest().manifest().key_set;
    // Before anything is stored that no receipt could be given for.
    let receipt_key = ingest.receipt_key(number)?;
    let hash = offered.manifest().hash();
    let known = offered.known_log_size();
    let mut claim = ingest.live.claim(capture).await;
    match ingest.inbox.find(capture, &hash).await? {
        Found::Same(stored) => return ingest.inbox.receipt(&stored, known, &receipt_key).await,
        Found::Other => return Err(RefusalCode::Conflict),
        Found::Nothing => {}
    }

    let _room = ingest.try_reserve_upload()?;
    let key = payload_key(capture, &hash);
    let part = ingest.blobs.incoming(&key).await.map_err(|error| ingest.store_failed(&error))?;
    let mut part = Part { file: part, ingest, device: device.device_id(), key };
    part.make_room().await;
    let digest = part.file.rehash().await.map_err(|error| ingest.store_failed(&error))?;
    let mut receiving = match offered.resume(digest, part.file.len(), ingest.clock.now()) {
        Ok(receiving) => receiving,
        Err(code) => {
            part.discard().await;
            return Err(code);
        }
    };
    reply(send, &Response::Continue { offset: receiving.offset() }).await?;

    match take_payload(ingest, &mut claim, &mut receiving, part.file.as_mut(), recv).await {
        Ok(()) => {}
        // What has arrived stays for the phone to go on with; a sweep removes it if it never does.
        Err(End::Interrupted(code)) => {
            // Noted again: while it was being received it could not give way, and had been forgotten for that.
            part.make_room().await;
            return Err(code);
        }
        Err(End::Wrong(code)) => {
            part.discard().await;
            return Err(code);
        }
    }
    let received = match receiving.finish() {
        Ok(received) => received,
        Err(code) => {
            part.discard().await;
            return Err(code);
        }
    };
    // A revocation that came while the picture was on its way holds for this picture too. The commit asks again.
    if let Err(code) = ingest.devices.may_send(device.presented(), ingest.clock.now()) {
        part.discard().await;
        return Err(code);
    }
    let key = part.commit().await?;
    let stored = match ingest.inbox.store(received, device.presented()).await {
        Ok(stored) => stored,
        Err(code @ (RefusalCode::NotApproved | RefusalCode::RenewFirst)) => {
            ingest.blobs.delete(&key).await.map_err(|error| ingest.store_failed(&error))?;
            return Err(code);
        }
        Err(code) => {
            ingest.stop_if_distrusted();
            return Err(code);
        }
    };
    ingest.news.notify_waiters();
    // The key may have been changed since, and one that is named no more signs nothing.
    ingest.inbox.receipt(&stored, known, &ingest.receipt_key(number)?).await
}

/// What has arrived of a payload, as the store holds it.
struct Part<'a> {
    file: Box<dyn Incoming>,
    ingest: &'a Ingest,
    device: DeviceId,
    key: BlobKey,
}

impl Part<'_> {
    /// Takes note of it, and removes what the device has left unfinished for longest if that is too much.
    async fn make_room(&mut self) {
        let Some(oldest) = self.ingest.unfinished.begin(self.device, &self.key) else { return };
        // One that is being received at this moment cannot be had, and ends by itself.
        let removed = match self.ingest.blobs.incoming(&oldest).await {
            Ok(file) => file.abort().await,
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "an unfinished upload could not be removed");
        }
    }

    /// Gives the upload up and removes its bytes. If that fails, the sweep will.
    async fn discard(self) {
        self.ingest.unfinished.end(self.device, &self.key);
        if let Err(error) = self.file.abort().await {
            tracing::warn!(%error, "an upload that was given up could not be removed");
        }
    }

    /// Makes it a payload, durably.
    async fn commit(self) -> Result<BlobKey, RefusalCode> {
        let Self { file, ingest, device, key } = self;
        ingest.unfinished.end(device, &key);
        match file.commit(&key).await {
            Ok(_) => Ok(key),
            // An earlier attempt came this far and was cut off before the inbox knew, perhaps before its name was durable. It gives way, and
            // the phone's next attempt, which finds all of its bytes here, takes its place.
            Err(BlobError::Exists) => {
                ingest.blobs.delete(&key).await.map_err(|error| ingest.store_failed(&error))?;
                Err(RefusalCode::StoreUnavailable)
            }
            Err(error) => Err(ingest.store_failed(&error)),
        }
    }
}

/// How a payload ended before it was whole.
enum End {
    /// The phone may go on from here.
    Interrupted(RefusalCode),
    /// It is not what the manifest says, or cannot be stored.
    Wrong(RefusalCode),
}

async fn take_payload(
    ingest: &Ingest,
    claim: &mut Claim,
    receiving: &mut Receiving,
    part: &mut dyn Incoming,
    recv: &mut quinn::RecvStream,
) -> Result<(), End> {
    let mut batch = BytesMut::new();
    let outcome = loop {
        let read = tokio::select! {
            biased;
            () = claim.superseded() => break Err(End::Interrupted(RefusalCode::Superseded)),
            () = ingest.cut_off() => break Err(End::Interrupted(RefusalCode::ShuttingDown)),
            read = timeout(RATE_WINDOW, recv.read_chunk(READ_LEN, true)) => read,
        };
        let now = ingest.clock.now();
        match read {
            Err(_) => {
                if let Err(code) = receiving.check_rate(now) {
                    break Err(End::Interrupted(code));
                }
            }
            // Reset, or the connection is gone.
            Ok(Err(_)) => break Err(End::Interrupted(RefusalCode::LengthMismatch)),
            Ok(Ok(None)) => break Ok(()),
            Ok(Ok(Some(chunk))) => {
                match receiving.take(&chunk.bytes, now) {
                    Ok(()) => {}
                    Err(RefusalCode::TooSlow) => break Err(End::Interrupted(RefusalCode::TooSlow)),
                    Err(code) => return Err(End::Wrong(code)),
                }
                // A chunk is at most a batch: the batch is written before it would grow beyond one.
                if batch.len().saturating_add(chunk.bytes.len()) > BATCH_LEN {
                    append(ingest, part, &mut batch).await?;
                }
                batch.extend_from_slice(&chunk.bytes);
            }
        }
    };
    append(ingest, part, &mut batch).await?;
    outcome
}

async fn append(ingest: &Ingest, part: &mut dyn Incoming, batch: &mut BytesMut) -> Result<(), End> {
    if batch.is_empty() {
        return Ok(());
    }
    let bytes = batch.split().freeze();
    part.append(bytes).await.map_err(|error| End::Wrong(ingest.store_failed(&error)))
}
