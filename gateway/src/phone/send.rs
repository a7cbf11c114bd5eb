//! Photograph in, verified receipt out.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use getrandom::SysRng;
use safelight_core::capture::{self, CaptureError, SealedCapture, Setting};
use safelight_core::client::queue::Queue;
use safelight_core::client::{CancelToken, Client, ClientError, Options, Progress, not_now};
use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::label::Label;
use safelight_core::manifest::OperatorId;
use safelight_core::strip::Report;
use safelight_core::wire::RefusalCode;

use super::identity::{Identity, IdentityError};
use super::key::FileKey;
use crate::clock::Clock;
use crate::keyfile::KeyFileError;

/// What the queue of sealed pictures may hold, in bytes.
const QUEUE_LEN: usize = 256 * 1024 * 1024;

/// Why a photograph was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The identity's folder.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The photograph or its label.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The gateway, or the way to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Sealing was cut off.
    #[error("sealing was interrupted: try again")]
    Interrupted,
}

impl From<KeyFileError> for SendError {
    fn from(error: KeyFileError) -> Self {
        Self::Identity(error.into())
    }
}

impl SendError {
    /// Whether it is this photograph alone that cannot be sent, so that others may.
    pub fn is_about_the_photograph(&self) -> bool {
        match self {
            Self::Capture(error) => {
                matches!(error, CaptureError::Photo(_) | CaptureError::Strip(_) | CaptureError::TooLarge)
            }
            Self::Client(ClientError::Refused(code)) => matches!(
                code,
                RefusalCode::TooLarge
                    | RefusalCode::Conflict
                    | RefusalCode::LengthMismatch
                    | RefusalCode::DigestMismatch
            ),
            _ => false,
        }
    }

    /// Whether the gateway gave no answer.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Client(ClientError::Unreachable { .. } | ClientError::ConnectionLost))
    }

    /// Whether the clinic has shut this device out.
    pub fn is_shut_out(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_shut_out())
    }
}

/// A photograph that the clinic has.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its name.
    pub id: CaptureId,
    /// Its entry in the intake log.
    pub receipt_index: u64,
    /// When the gateway stored it.
    pub stored_at: UnixMillis,
    /// What was removed from it.
    pub removed: Report,
    /// Bytes that were sealed and sent.
    pub sealed_len: usize,
    /// From the moment when the photograph was in memory to the verified receipt.
    pub took: Duration,
}

/// An enrolled device that sends.
#[derive(Debug)]
pub struct Sender {
    identity: Identity,
    client: Client,
    key: Arc<FileKey>,
    queue: Queue,
    clock: Clock,
    cancel: CancelToken,
    lost: usize,
    reserved: Option<u64>,
}

impl Sender {
    /// Opens the identity in `folder`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SendError::Identity`].
    pub fn open(folder: &Path, clock: Clock, options: Options) -> Result<Self, SendError> {
        let (identity, device, key) = Identity::open(folder, clock.now())?;
        let lost = identity.in_flight().lost()?;
        let client = Client::new(device, key.clone(), options);
        let queue = Queue::new(QUEUE_LEN);
        Ok(Self { identity, client, key, queue, clock, cancel: CancelToken::new(), lost, reserved: None })
    }

    /// How many pictures an earlier run lost because it was killed. Forgets it when it has been asked.
    ///
    /// # Errors
    /// [`SendError::Identity`] if the counter cannot be set back.
    pub fn take_lost(&mut self) -> Result<usize, SendError> {
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            self.identity.in_flight().set(0)?;
        }
        Ok(lost)
    }

    /// The connection and what the device remembers.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Ends whatever is being sent.
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Connects, renews the certificate if that is due, and takes the newest key set.
    ///
    /// # Errors
    /// [`SendError::Client`] if the gateway does not answer or does not let this device in.
    pub async fn get_ready(&self) -> Result<(), SendError> {
        self.client.connect().await?;
        // A clinic process that is busy or locked can renew next time: the certificate still holds, or the gateway will say that
        // it does not.
        if let Some(Some(renewed)) = not_now(self.client.renew_if_due(self.clock.now()).await)? {
            let public = renewed.key.public_key().map_err(ClientError::from)?;
            self.identity.take_over(&self.client.device(), &self.key, &public)?;
        }
        if not_now(self.client.update_key_set(self.clock.now()).await)? == Some(true) {
            self.identity.save(&self.client.device())?;
        }
        Ok(())
    }

    /// Makes ready for the next shutter: the counter is up and the sequence number reserved on disk before there is a picture.
    fn before_shutter(&mut self) -> Result<u64, SendError> {
        self.identity.in_flight().set(self.queue.len().saturating_add(1))?;
        if let Some(sequence) = self.reserved {
            return Ok(sequence);
        }
        let sequence = self.client.update(|device| device.take_sequence());
        self.identity.save(&self.client.device())?;
        self.reserved = Some(sequence);
        Ok(sequence)
    }

    /// Sends one photograph. `shutter` gives its bytes, which are overwritten as soon as they are sealed.
    ///
    /// # Errors
    /// Any [`SendError`]; nothing of the picture is held then.
    pub async fn send<E: From<SendError>>(
        &mut self,
        shutter: impl FnOnce() -> Result<Vec<u8>, E>,
        label: &Arc<Label>,
        operator: Option<&OperatorId>,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<Sent, E> {
        let sequence = self.before_shutter()?;
        let sent = match shutter() {
            Ok(photo) => self.seal_and_upload(photo, sequence, label, operator, progress).await.map_err(E::from),
            Err(error) => Err(error),
        };
        self.identity.in_flight().set(self.queue.len()).map_err(SendError::from)?;
        sent
    }

    async fn seal_and_upload(
        &mut self,
        photo: Vec<u8>,
        sequence: u64,
        label: &Arc<Label>,
        operator: Option<&OperatorId>,
        progress: impl Fn(Progress) + Send + Sync,
    ) -> Result<Sent, SendError> {
        let begun = Instant::now();
        let sealed = self.seal(photo, sequence, label.clone(), operator.cloned()).await?;
        // From here on the number stands in a signature.
        self.reserved = None;
        let (id, removed, sealed_len) = (sealed.id(), *sealed.removed(), sealed.size());
        let sealed = self.queue.push(sealed).map_err(|(error, _)| error)?;
        let receipt = match self.client.upload(&sealed, progress, &self.cancel).await {
            Ok(receipt) => receipt,
            Err(error) => {
                self.queue.discard(id);
                return Err(error.into());
            }
        };
        let took = begun.elapsed();
        self.queue.free(&receipt);
        self.identity.save(&self.client.device())?;
        Ok(Sent { id, receipt_index: receipt.index(), stored_at: receipt.stored_at(), removed, sealed_len, took })
    }

    async fn seal(
        &self,
        photo: Vec<u8>,
        sequence: u64,
        label: Arc<Label>,
        operator: Option<OperatorId>,
    ) -> Result<SealedCapture, SendError> {
        let device = self.client.device();
        let key = self.client.key();
        let captured_at = self.clock.now();
        let seal = move || {
            let setting = Setting {
                key_set: device.key_set.key_set(),
                device_id: device.device_id,
                operator: operator.as_ref().unwrap_or(&device.operator),
                sequence,
                captured_at,
                workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            };
            capture::capture_owned(photo, &label, &setting, key.as_ref(), &mut SysRng)
        };
        Ok(tokio::task::spawn_blocking(seal).await.map_err(|_| SendError::Interrupted)??)
    }

    /// Gives a reserved number back that no picture has used, and ends the connection.
    ///
    /// # Errors
    /// [`SendError::Identity`]; the number is then missing in the device's sequence, which the clinic will report as a gap.
    pub async fn close(mut self) -> Result<(), SendError> {
        if let Some(sequence) = self.reserved.take() {
            self.client.update(|device| device.next_sequence = sequence);
            self.identity.save(&self.client.device())?;
        }
        self.client.disconnect().await;
        Ok(())
    }
}
