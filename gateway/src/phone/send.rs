//! Photograph in, verified receipt out: the core's phone, one photograph at a time.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use getrandom::SysRng;
use safelight_core::capture::{CaptureError, SealedCapture};
use safelight_core::client::device::Device;
use safelight_core::client::phone::{KeepError, Listener, Opening, Phone, PhoneError, QUEUE_LEN};
use safelight_core::client::{CancelToken, ClientError, Options};
use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::label::Label;
use safelight_core::manifest::{OperatorId, Software};
use safelight_core::strip::Report;
use safelight_core::wire::RefusalCode;
use zeroize::Zeroizing;

use super::folder::Folder;
use super::identity::{Identity, IdentityError};
use crate::clock::Clock;
use crate::keyfile::KeyFileError;

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
    /// What must be kept was not.
    #[error(transparent)]
    Keep(#[from] KeepError),
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

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Client(error) => error.code(),
            Self::Identity(_) => "identity",
            Self::Capture(_) => "photograph",
            Self::Keep(_) => "not-kept",
            Self::Interrupted => "interrupted",
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
    /// From the moment when the photograph was in memory to the verified receipt, and until what must be kept of it was kept.
    pub took: Duration,
}

/// An enrolled device that sends.
#[derive(Debug)]
pub struct Sender {
    phone: Arc<Phone>,
    folder: Arc<Folder>,
    clock: Clock,
    shutter: Clock,
    cancel: CancelToken,
}

impl Sender {
    /// Opens the identity in `folder`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SendError::Identity`].
    pub fn open(folder: &Path, clock: Clock, options: Options) -> Result<Self, SendError> {
        let (identity, device, key) = Identity::open(folder, clock.now())?;
        let in_flight = identity.in_flight().lost()?;
        let folder = Arc::new(Folder::new(identity, key.clone(), clock.clone()));
        let opening = Opening {
            identity: &device.to_bytes(),
            in_flight,
            key,
            keep: folder.clone(),
            queue_len: QUEUE_LEN,
            options,
            software: Software::of_app(concat!("safelight/", env!("CARGO_PKG_VERSION"))),
        };
        let phone = Phone::open(opening, clock.now()).map_err(|error| explained(&folder, error))?;
        Ok(Self { phone: Arc::new(phone), folder, shutter: clock.clone(), clock, cancel: CancelToken::new() })
    }

    /// Pictures are dated by `shutter`; everything else stays with the clock that it was opened with.
    #[must_use]
    pub fn dated_by(self, shutter: Clock) -> Self {
        Self { shutter, ..self }
    }

    /// How many pictures an earlier run lost because it was killed. Forgets it when it has been asked.
    ///
    /// # Errors
    /// [`SendError::Identity`] if the counter cannot be set back.
    pub fn take_lost(&self) -> Result<usize, SendError> {
        self.phone.take_lost().map_err(|error| self.explained(error))
    }

    /// What the device remembers.
    ///
    /// # Errors
    /// None while it is open.
    pub fn device(&self) -> Result<Device, SendError> {
        self.phone.device().map_err(|error| self.explained(error))
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
        self.phone.connect(self.clock.now()).await.map_err(|error| self.explained(error))
    }

    /// Connects and takes the newest key set, but renews nothing.
    ///
    /// # Errors
    /// As [`Sender::get_ready`].
    pub async fn knock(&self) -> Result<(), SendError> {
        self.phone.update_keys(self.clock.now()).await.map_err(|error| self.explained(error))
    }

    /// Sends one photograph. `shutter` gives its bytes, which are overwritten as soon as they are sealed.
    ///
    /// # Errors
    /// Any [`SendError`]; nothing of the picture is held then.
    pub async fn send<E: From<SendError>>(
        &self,
        shutter: impl FnOnce() -> Result<Vec<u8>, E>,
        label: &Arc<Label>,
        operator: Option<&OperatorId>,
        progress: Listener,
    ) -> Result<Sent, E> {
        self.phone.ready_for_shutter().map_err(|error| self.explained(error))?;
        let photo = Zeroizing::new(shutter()?);
        Ok(self.seal_and_upload(photo, label.clone(), operator.cloned(), progress).await?)
    }

    async fn seal_and_upload(
        &self,
        photo: Zeroizing<Vec<u8>>,
        label: Arc<Label>,
        operator: Option<OperatorId>,
        progress: Listener,
    ) -> Result<Sent, SendError> {
        let begun = Instant::now();
        let sealed = self.seal(photo, label, operator).await?;
        let id = sealed.id();
        let receipt = match self.phone.send(id, Some(progress), &self.cancel).await {
            Ok(receipt) => receipt,
            Err(error) => {
                // A run of this program holds no picture for a later try.
                let _ = self.phone.discard(id);
                return Err(self.explained(error));
            }
        };
        Ok(Sent {
            id,
            receipt_index: receipt.index(),
            stored_at: receipt.stored_at(),
            removed: *sealed.removed(),
            sealed_len: sealed.size(),
            took: begun.elapsed(),
        })
    }

    async fn seal(
        &self,
        photo: Zeroizing<Vec<u8>>,
        label: Arc<Label>,
        operator: Option<OperatorId>,
    ) -> Result<Arc<SealedCapture>, SendError> {
        let (phone, taken_at) = (self.phone.clone(), self.shutter.now());
        let seal = move || phone.capture(&photo, &label, operator.as_ref(), taken_at, &mut SysRng);
        let sealed = tokio::task::spawn_blocking(seal).await.map_err(|_| SendError::Interrupted)?;
        sealed.map_err(|error| self.explained(error))
    }

    /// Gives back a number that no picture has used, and ends the connection.
    ///
    /// # Errors
    /// [`SendError::Identity`]; the number is then missing in the device's sequence, which the clinic will report as a gap.
    pub async fn close(self) -> Result<(), SendError> {
        self.phone.close().await.map(drop).map_err(|error| self.explained(error))
    }

    fn explained(&self, error: PhoneError) -> SendError {
        explained(&self.folder, error)
    }
}

fn explained(folder: &Folder, error: PhoneError) -> SendError {
    match error {
        PhoneError::Client(error) => error.into(),
        PhoneError::Capture(error) => error.into(),
        PhoneError::Keep(error) => folder.why().map_or(error.into(), SendError::Identity),
        // Nobody else has this phone, so it is neither busy nor closed, and its key was looked at when the folder was opened.
        _ => SendError::Interrupted,
    }
}
