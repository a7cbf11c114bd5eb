//! The gateway's end of an upload, as far as a blind process can judge it.
//!
//! ```text
//! RequestReader -> Request::Upload -> Offered (shape, lengths, signature, device, clinic, key set)
//!               -> Receiving (bytes counted and hashed, rate watched) -> Received (length and digest match)
//! ```
//! Only [`Receiving::finish`] makes a [`Received`], and only a `Received` can be stored. What is inside the
//! ciphertext, ingest cannot see: the clinic process judges that before anything is shown.

use sha2::{Digest, Sha256};

use crate::device_key::PublicKey;
use crate::ids::{ClinicId, DeviceId, UnixMillis};
use crate::manifest::{PayloadDigest, SignedManifest};
use crate::seal::Header;
use crate::wire::limits::{
    MAX_LABEL_LEN, MAX_PICTURE_LEN, MAX_REQUEST_LEN, MIN_BYTES_PER_WINDOW, RATE_WINDOW, REQUEST_DEADLINE,
};
use crate::wire::{FrameReader, RefusalCode, Request, UploadRequest, WireError};

/// Fewest X25519 stanzas: vault and recovery. Which recipients they are for, only the clinic process can tell.
const MIN_RECIPIENTS: usize = 2;

/// Shortest payload that holds a byte of plaintext: nonce, one byte, tag.
const MIN_PAYLOAD_LEN: u64 = 16 + 1 + 16;

/// Collects the request that opens a stream, within a deadline.
#[derive(Debug)]
pub struct RequestReader {
    frame: FrameReader,
    deadline: UnixMillis,
}

impl RequestReader {
    /// A reader whose request must be whole by `now` + [`REQUEST_DEADLINE`].
    pub fn new(now: UnixMillis) -> Self {
        Self { frame: FrameReader::new(MAX_REQUEST_LEN), deadline: now.plus(REQUEST_DEADLINE) }
    }

    /// When the request must be whole.
    pub fn deadline(&self) -> UnixMillis {
        self.deadline
    }

    /// Takes bytes from the front of `input`; `Some` when the request is whole. What follows it stays in `input`.
    ///
    /// # Errors
    /// A refusal code for a frame too long, a request not understood, or a passed deadline.
    pub fn handle_bytes(&mut self, input: &mut &[u8], now: UnixMillis) -> Result<Option<Request>, RefusalCode> {
        let body = self.frame.read(input).map_err(refusal_of)?;
        match body {
            Some(body) => Request::from_bytes(&body).map(Some).map_err(refusal_of),
            None if now > self.deadline => Err(RefusalCode::TooSlow),
            None => Ok(None),
        }
    }
}

fn refusal_of(error: WireError) -> RefusalCode {
    match error {
        WireError::TooLong => RefusalCode::TooLarge,
        _ => RefusalCode::Malformed,
    }
}

/// Who is connected, and which key sets may still be sealed for.
#[derive(Debug, Clone)]
pub struct Sender<'a> {
    /// The clinic that this gateway serves.
    pub clinic_id: ClinicId,
    /// The authenticated device.
    pub device_id: DeviceId,
    /// The key of its certificate.
    pub device_key: &'a PublicKey,
    /// Key-set numbers that are taken now: the current one, and earlier ones within their overlap.
    pub key_sets: &'a [u64],
}

/// An upload whose manifest, header and label are in order.
#[derive(Debug)]
pub struct Offered {
    manifest: SignedManifest,
    header: Vec<u8>,
    label: Vec<u8>,
    known_log_size: u64,
}

impl Offered {
    /// Judges the opening of an upload.
    ///
    /// # Errors
    /// The refusal code of the first thing that is wrong.
    pub fn judge(request: UploadRequest, sender: &Sender<'_>) -> Result<Self, RefusalCode> {
        let unverified = SignedManifest::parse(&request.manifest).map_err(|_| RefusalCode::Malformed)?;
        if unverified.claimed().device_id != sender.device_id {
            return Err(RefusalCode::WrongDevice);
        }
        let manifest = unverified.verify(sender.device_key).map_err(|_| RefusalCode::BadSignature)?;
        let said = manifest.manifest();
        if said.clinic_id != sender.clinic_id {
            return Err(RefusalCode::WrongClinic);
        }
        if !sender.key_sets.contains(&said.key_set) {
            return Err(RefusalCode::KeySetTooOld);
        }
        if said.picture.len > MAX_PICTURE_LEN {
            return Err(RefusalCode::TooLarge);
        }
        if said.picture.len < MIN_PAYLOAD_LEN {
            return Err(RefusalCode::LengthMismatch);
        }
        judge_header(&request.header, &manifest)?;
        judge_label(&request.label, &said.label)?;
        Ok(Self { manifest, header: request.header, label: request.label, known_log_size: request.known_log_size })
    }

    /// The verified manifest.
    pub fn manifest(&self) -> &SignedManifest {
        &self.manifest
    }

    /// The log size up to which the phone already holds a checkpoint.
    pub fn known_log_size(&self) -> u64 {
        self.known_log_size
    }

    /// Ready for the payload, after the `held` bytes with this `digest` that an earlier, interrupted upload of the same manifest left.
    ///
    /// # Errors
    /// [`RefusalCode::LengthMismatch`] if there are more than the manifest says.
    pub fn resume(self, digest: Sha256, held: u64, now: UnixMillis) -> Result<Receiving, RefusalCode> {
        if held > self.manifest.manifest().picture.len {
            return Err(RefusalCode::LengthMismatch);
        }
        Ok(Receiving { offered: self, digest, len: held, window_start: now, window_bytes: 0 })
    }
}

fn judge_header(header: &[u8], manifest: &SignedManifest) -> Result<(), RefusalCode> {
    let (parsed, len) = Header::parse(header).map_err(|_| RefusalCode::BadHeader)?;
    let names_this_manifest = parsed.manifest() == Some((manifest.manifest().key_set, manifest.hash().0));
    let recipients = parsed.x25519_count();
    let nothing_else = recipients.checked_add(1) == Some(parsed.stanzas().len());
    if len == header.len() && names_this_manifest && recipients >= MIN_RECIPIENTS && nothing_else {
        Ok(())
    } else {
        Err(RefusalCode::BadHeader)
    }
}

fn judge_label(label: &[u8], said: &PayloadDigest) -> Result<(), RefusalCode> {
    if label.len() > MAX_LABEL_LEN {
        return Err(RefusalCode::TooLarge);
    }
    let (header, len) = Header::parse(label).map_err(|_| RefusalCode::BadLabel)?;
    let payload = label.get(len..).ok_or(RefusalCode::BadLabel)?;
    let matches = u64::try_from(payload.len()) == Ok(said.len) && Sha256::digest(payload).as_slice() == said.sha256;
    if matches && header.x25519_count() >= MIN_RECIPIENTS { Ok(()) } else { Err(RefusalCode::BadLabel) }
}

/// An upload whose payload is arriving. It keeps a count and a digest, never the bytes.
#[derive(Debug)]
pub struct Receiving {
    offered: Offered,
    digest: Sha256,
    len: u64,
    window_start: UnixMillis,
    window_bytes: u64,
}

impl Receiving {
    /// Bytes from the phone, to be stored by the caller.
    ///
    /// # Errors
    /// [`RefusalCode::LengthMismatch`] for more than the manifest says, [`RefusalCode::TooSlow`].
    pub fn take(&mut self, bytes: &[u8], now: UnixMillis) -> Result<(), RefusalCode> {
        let len = self.len.saturating_add(bytes.len() as u64);
        if len > self.expected().len {
            return Err(RefusalCode::LengthMismatch);
        }
        self.digest.update(bytes);
        self.len = len;
        self.window_bytes = self.window_bytes.saturating_add(bytes.len() as u64);
        self.check_rate(now)
    }

    /// To be called when nothing has arrived for a while.
    ///
    /// # Errors
    /// [`RefusalCode::TooSlow`] if the window has brought too little.
    pub fn check_rate(&mut self, now: UnixMillis) -> Result<(), RefusalCode> {
        if now.since(self.window_start) < RATE_WINDOW {
            return Ok(());
        }
        if self.window_bytes < MIN_BYTES_PER_WINDOW {
            return Err(RefusalCode::TooSlow);
        }
        self.window_start = now;
        self.window_bytes = 0;
        Ok(())
    }

    /// When [`Receiving::check_rate`] is next to be called.
    pub fn rate_deadline(&self) -> UnixMillis {
        self.window_start.plus(RATE_WINDOW)
    }

    /// Bytes that are held: where the phone goes on.
    pub fn offset(&self) -> u64 {
        self.len
    }

    /// The verified manifest.
    pub fn manifest(&self) -> &SignedManifest {
        &self.offered.manifest
    }

    /// The phone has ended the stream.
    ///
    /// # Errors
    /// [`RefusalCode::LengthMismatch`] or [`RefusalCode::DigestMismatch`].
    pub fn finish(self) -> Result<Received, RefusalCode> {
        let expected = *self.expected();
        if self.len != expected.len {
            return Err(RefusalCode::LengthMismatch);
        }
        if self.digest.finalize().as_slice() != expected.sha256 {
            return Err(RefusalCode::DigestMismatch);
        }
        Ok(Received { offered: self.offered })
    }

    fn expected(&self) -> &PayloadDigest {
        &self.offered.manifest.manifest().picture
    }
}

/// A whole upload: manifest, header and label in order, payload as long as and of the digest that the manifest says.
#[derive(Debug)]
pub struct Received {
    offered: Offered,
}

impl Received {
    /// The verified manifest.
    pub fn manifest(&self) -> &SignedManifest {
        &self.offered.manifest
    }

    /// The picture's age header, as the phone wrote it.
    pub fn header(&self) -> &[u8] {
        &self.offered.header
    }

    /// The sealed label: a whole age file.
    pub fn label(&self) -> &[u8] {
        &self.offered.label
    }

    /// The log size up to which the phone already holds a checkpoint.
    pub fn known_log_size(&self) -> u64 {
        self.offered.known_log_size
    }
}
