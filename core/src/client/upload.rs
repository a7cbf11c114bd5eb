//! Sending one picture, through lost connections and changed networks, until its receipt holds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};

use super::connect::{Client, Live, why_failed};
use super::device::Device;
use super::{CancelToken, ClientError, spread};
use crate::capture::SealedCapture;
use crate::device_key::DeviceKeyError;
use crate::manifest::{ManifestError, SignedManifest};
use crate::receipt::{ReceiptError, VerifiedReceipt};
use crate::session::send::{Send, Trust};

/// Handed to the transport at once.
const PIECE_LEN: usize = 64 * 1024;

/// Asked of the transport at once.
const READ_LEN: usize = 16 * 1024;

/// How long the gateway may take for an answer once it has everything.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// The pause before the first new attempt; it doubles up to [`MAX_PAUSE`]. A device waits between half and all of it.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

const MAX_PAUSE: Duration = Duration::from_secs(8);

/// How often an upload may meet somebody who cannot show that it is the clinic, before it says so.
const MAX_STRANGERS: usize = 3;

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the payload that are on their way or there.
    pub sent: usize,
    /// All of them.
    pub total: usize,
}

impl Client {
    /// Sends `capture` and returns when its receipt holds. A lost connection is made again and the upload goes on where the
    /// gateway says, for as long as the options allow. The capture is freed by the caller, and only for a [`VerifiedReceipt`].
    ///
    /// # Errors
    /// Any [`ClientError`]; the capture is then still the caller's to send again.
    pub async fn upload(
        &self,
        capture: &Arc<SealedCapture>,
        progress: impl Fn(Progress) + std::marker::Send + Sync,
        cancel: &CancelToken,
    ) -> Result<VerifiedReceipt, ClientError> {
        let attempts = self.attempts(capture, &progress);
        cancel.unless_cancelled(attempts).await?
    }

    async fn attempts(
        &self,
        capture: &Arc<SealedCapture>,
        progress: &(impl Fn(Progress) + std::marker::Send + Sync),
    ) -> Result<VerifiedReceipt, ClientError> {
        let trying = Trying::default();
        let watched = |step: Progress| {
            trying.got_to(step.sent);
            progress(step);
        };
        let device_id = self.device().device_id;
        let mut pause = FIRST_PAUSE;
        let mut round = 0;
        let mut keys_asked = false;
        let mut strangers = 0;
        loop {
            let keys = self.device().key_set.key_set().number;
            let error = match self.acknowledged(capture, &watched).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => error,
            };
            // The receipt key may have changed while this device was away. What the clinic says is believed, and nothing that the gateway says.
            if matches!(error, ClientError::Receipt(ReceiptError::UnknownKey)) {
                if !std::mem::replace(&mut keys_asked, true) {
                    self.update_key_set(self.now()).await?;
                }
                // Whoever has asked for them.
                if self.device().key_set.key_set().number > keys {
                    continue;
                }
            }
            // Anybody on the way can be a stranger once, and a gateway that is being stopped looks like one.
            let stranger = matches!(error, ClientError::NotTheClinic) && strangers < MAX_STRANGERS;
            strangers += usize::from(stranger);
            if !(error.is_temporary() || stranger)
                || Instant::now() + pause >= trying.lost_since() + self.options.retry_for
            {
                return Err(error);
            }
            sleep(pause / 2 + spread::place(device_id, round, pause / 2)).await;
            round += 1;
            pause = pause.saturating_mul(2).min(MAX_PAUSE);
        }
    }

    /// Sends it and holds the receipt against the newest checkpoint. One that came before it from another upload is newer than what this one
    /// was held against: a gateway that kept a log for each upload would then be believed both. So the receipt is asked for once more, against that
    /// checkpoint, and one upload at a time.
    async fn acknowledged(
        &self,
        capture: &Arc<SealedCapture>,
        progress: &(impl Fn(Progress) + std::marker::Send + Sync),
    ) -> Result<VerifiedReceipt, ClientError> {
        let device = self.device();
        let receipt = self.attempt(capture, &device, progress).await?;
        let _alone = self.believing.lock().await;
        let newest = self.device();
        // Nor is a receipt believed that was held against keys which are not in force any more.
        let same_keys = newest.key_set.key_set().number == device.key_set.key_set().number;
        let receipt = match same_keys && newest.checkpoint == device.checkpoint {
            true => receipt,
            false => self.attempt(capture, &newest, &|_| {}).await?,
        };
        self.update(|device| device.checkpoint = Some(receipt.checkpoint().clone()));
        Ok(receipt)
    }

    async fn attempt(
        &self,
        capture: &Arc<SealedCapture>,
        device: &Device,
        progress: &(impl Fn(Progress) + std::marker::Send + Sync),
    ) -> Result<VerifiedReceipt, ClientError> {
        let live = self.live().await?;
        let trust = Trust {
            key_set: device.key_set.key_set(),
            device_id: device.device_id,
            last: device.checkpoint.as_ref(),
            now: self.now(),
        };
        let manifest = capture.manifest().signed_by(live.key.as_ref()).map_err(|error| match error {
            ManifestError::DeviceKey(error) => error,
            _ => DeviceKeyError::Failed,
        })?;
        let sent = transfer(&live, capture, &manifest, trust, progress).await;
        sent.map_err(|error| why_failed(&live.connection, error))
    }
}

/// How far an upload has got in all of its attempts, and since when it gets no further.
#[derive(Debug, Default)]
struct Trying(Mutex<(usize, Option<Instant>)>);

impl Trying {
    fn got_to(&self, sent: usize) {
        let mut trying = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sent > trying.0 {
            *trying = (sent, None);
        }
    }

    /// When the first attempt failed of those that have got no further.
    fn lost_since(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).1.get_or_insert_with(Instant::now)
    }
}

async fn transfer(
    live: &Live,
    capture: &Arc<SealedCapture>,
    manifest: &SignedManifest,
    trust: Trust<'_>,
    progress: &(impl Fn(Progress) + std::marker::Send + Sync),
) -> Result<VerifiedReceipt, ClientError> {
    let (mut send, mut recv) = live.connection.open_bi().await?;
    let (mut session, opening) = Send::begin_as(capture, manifest, trust)?;
    send.write_all(&opening).await?;
    // The transport shares these bytes with the capture: no copy of the whole is made.
    let payload = Bytes::from_owner(Payload(capture.clone()));
    loop {
        if let Some(piece) = session.next_piece(PIECE_LEN) {
            let mut pieces = [payload.slice(piece)];
            // The gateway may refuse while this end is still sending. `write_chunks` takes what fits and says how much, so that
            // nothing is sent twice when the answer comes first.
            tokio::select! {
                biased;
                answer = recv.read_chunk(READ_LEN, true) => {
                    let chunk = answer?.ok_or(ClientError::ConnectionLost)?;
                    if let Some(receipt) = session.handle_bytes(&chunk.bytes)? {
                        return Ok(receipt);
                    }
                }
                written = send.write_chunks(&mut pieces) => {
                    session.sent(written?.bytes);
                    let (sent, total) = session.progress();
                    progress(Progress { sent, total });
                }
            }
            continue;
        }
        if session.take_finished() {
            let _ = send.finish();
        }
        let answer = timeout(ANSWER_TIMEOUT, recv.read_chunk(READ_LEN, true)).await;
        // An end without an answer is that of a gateway which is being stopped.
        let chunk = answer.map_err(|_| ClientError::ConnectionLost)??.ok_or(ClientError::ConnectionLost)?;
        if let Some(receipt) = session.handle_bytes(&chunk.bytes)? {
            return Ok(receipt);
        }
    }
}

struct Payload(Arc<SealedCapture>);

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self.0.payload()
    }
}
