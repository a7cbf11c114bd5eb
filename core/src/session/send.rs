//! The phone's end of an upload.
//!
//! ```text
//! begin --request--> waiting --continue(offset)--> sending --all sent--> waiting --stored--> VerifiedReceipt
//!                       \--stored (it was there already)------------------------------------/
//! ```
//! A refusal may come at any moment and ends it.

use std::ops::Range;

use crate::capture::SealedCapture;
use crate::ids::{DeviceId, UnixMillis};
use crate::keyset::{KeySet, KeySetError};
use crate::log::checkpoint::Checkpoint;
use crate::manifest::SignedManifest;
use crate::receipt::{self, Expected, ReceiptError, VerifiedReceipt};
use crate::wire::limits::MAX_RESPONSE_LEN;
use crate::wire::{FrameReader, Refusal, Request, Response, UploadRequest, WireError, frame};

/// Why an upload ended without a receipt.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The gateway said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The gateway's answer is not of the protocol.
    #[error("the gateway's answer was not understood: update the app")]
    Wire(#[from] WireError),
    /// The gateway answered out of turn, or asked for bytes that do not exist.
    #[error("the gateway's answer was not understood: update the app")]
    OutOfTurn,
    /// The key set that the receipt is to be checked with is not usable.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// The receipt does not hold: the picture is kept.
    #[error("the gateway's receipt could not be verified, so the picture is kept: tell your clinic's IT")]
    Receipt(#[from] ReceiptError),
}

/// What the phone already knows of the intake log, and what a receipt must match.
#[derive(Debug, Clone)]
pub struct Trust<'a> {
    /// The clinic's verified key set.
    pub key_set: &'a KeySet,
    /// The device that sends.
    pub device_id: DeviceId,
    /// The newest checkpoint of the intake log that this device has verified.
    pub last: Option<&'a Checkpoint>,
    /// What time it is for the device: which receipt keys of before are still believed.
    pub now: UnixMillis,
}

#[derive(Debug)]
enum State {
    Waiting,
    Sending { next: usize },
    Sent,
    Done,
}

/// One upload.
#[derive(Debug)]
pub struct Send<'a> {
    capture: &'a SealedCapture,
    trust: Trust<'a>,
    reader: FrameReader,
    state: State,
}

impl<'a> Send<'a> {
    /// An upload of `capture`, and the bytes that open its stream.
    ///
    /// # Errors
    /// [`SendError::Wire`] if the sealed label or header is larger than a request may be.
    pub fn begin(capture: &'a SealedCapture, trust: Trust<'a>) -> Result<(Self, Vec<u8>), SendError> {
        Self::begin_as(capture, capture.manifest(), trust)
    }

    /// The same with `manifest`, which is the capture's under a newer signature ([`SignedManifest::signed_by`]).
    ///
    /// # Errors
    /// As [`Self::begin`]; [`SendError::OutOfTurn`] for the manifest of another capture.
    pub fn begin_as(
        capture: &'a SealedCapture,
        manifest: &SignedManifest,
        trust: Trust<'a>,
    ) -> Result<(Self, Vec<u8>), SendError> {
        if manifest.hash() != capture.manifest().hash() {
            return Err(SendError::OutOfTurn);
        }
        let request = Request::Upload(UploadRequest {
            manifest: manifest.cose().to_vec(),
            header: capture.header().to_vec(),
            label: capture.label().to_vec(),
            known_log_size: trust.last.map_or(0, |checkpoint| checkpoint.size),
        });
        let opening = frame(&request.to_bytes()?);
        let reader = FrameReader::new(MAX_RESPONSE_LEN);
        Ok((Self { capture, trust, reader, state: State::Waiting }, opening))
    }

    /// Takes what the gateway sent. `Some` when the picture is stored and the receipt holds.
    ///
    /// # Errors
    /// Any [`SendError`]; the upload is over then.
    pub fn handle_bytes(&mut self, mut input: &[u8]) -> Result<Option<VerifiedReceipt>, SendError> {
        while !input.is_empty() {
            let Some(body) = self.reader.read(&mut input)? else { break };
            if let Some(receipt) = self.handle_response(Response::from_bytes(&body)?)? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    fn handle_response(&mut self, response: Response) -> Result<Option<VerifiedReceipt>, SendError> {
        match (response, &self.state) {
            (Response::Refused(refusal), _) => Err(refusal.into()),
            (Response::Continue { offset }, State::Waiting) => {
                let next = usize::try_from(offset).map_err(|_| SendError::OutOfTurn)?;
                if next > self.capture.payload().len() {
                    return Err(SendError::OutOfTurn);
                }
                self.state = State::Sending { next };
                Ok(None)
            }
            (Response::Stored { receipt, consistency }, State::Waiting | State::Sent) => {
                let manifest = self.capture.manifest();
                let log_key = self.trust.key_set.log_verifying_key()?;
                let receipt_keys = self.trust.key_set.receipt_keys(manifest.manifest().key_set, self.trust.now);
                let expected = Expected {
                    clinic_id: self.trust.key_set.clinic_id,
                    capture_id: manifest.manifest().capture_id,
                    manifest_hash: manifest.hash(),
                    device_id: self.trust.device_id,
                    receipt_keys: &receipt_keys,
                    log_key: &log_key,
                    log_origin: &self.trust.key_set.log_origin,
                };
                let verified = receipt::verify(&receipt, &expected, self.trust.last, &consistency)?;
                self.state = State::Done;
                Ok(Some(verified))
            }
            _ => Err(SendError::OutOfTurn),
        }
    }

    /// The next bytes of the payload to send, at most `max` of them; `None` while there are none to send.
    pub fn next_piece(&self, max: usize) -> Option<Range<usize>> {
        match self.state {
            State::Sending { next } => {
                let end = next.saturating_add(max).min(self.capture.payload().len());
                (next < end).then_some(next..end)
            }
            _ => None,
        }
    }

    /// `len` more bytes of the payload have been handed to the transport.
    pub fn sent(&mut self, len: usize) {
        if let State::Sending { next } = &mut self.state {
            *next = next.saturating_add(len).min(self.capture.payload().len());
        }
    }

    /// Whether the whole payload has been handed over, so that the stream is to be finished. Says yes once.
    pub fn take_finished(&mut self) -> bool {
        let all = matches!(self.state, State::Sending { next } if next == self.capture.payload().len());
        if all {
            self.state = State::Sent;
        }
        all
    }

    /// Bytes of the payload that the gateway holds or the transport has taken, and all of them.
    pub fn progress(&self) -> (usize, usize) {
        let total = self.capture.payload().len();
        let sent = match self.state {
            State::Waiting => 0,
            State::Sending { next } => next,
            State::Sent | State::Done => total,
        };
        (sent, total)
    }
}
