//! An enrolled phone.

use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use safelight_core::client::phone::{self, Opening, QUEUE_LEN};
use safelight_core::client::{CancelToken as Token, Options};
use safelight_core::ids::CaptureId;
use safelight_core::manifest::Software;

use crate::callbacks::{AppKey, AppStore, listener};
use crate::records::small;
use crate::runtime::{guarded, now, on_runtime, runtime};
use crate::{
    DeviceKey, DeviceStatus, Event, HeldCapture, IdentityStore, PatientLabel, ProgressListener, Receipt,
    SafelightError, SealedCapture,
};

/// What takes pictures, where an app does not say its name.
const CORE: &str = concat!("safelight-mobile/", env!("CARGO_PKG_VERSION"));

/// What may be chosen. What is left out is as it is recommended.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct PhoneSettings {
    /// Bytes of sealed pictures that may be held, or one picture where that is larger; 256 MiB.
    #[uniffi(default = None)]
    pub queue_bytes: Option<u64>,
    /// How many seconds an upload goes on trying after its connection is lost; 120.
    #[uniffi(default = None)]
    pub retry_seconds: Option<u32>,
    /// Name and version of the app, such as `Wound app 4.2 (Android 15)`: signed with each picture, and shown to the clinic's admin. Letters, digits, spaces
    /// and `._+-/()`; anything else becomes a hyphen, and 64 characters are kept. Left out, it is the core's own.
    #[uniffi(default = None)]
    pub app: Option<String>,
}

/// Ends what is under way, from any thread. Cancelling twice, or when all is done, changes nothing.
#[derive(Debug, uniffi::Object)]
pub struct CancelToken(pub(crate) Token);

#[uniffi::export]
impl CancelToken {
    /// One that has not been cancelled.
    #[uniffi::constructor]
    #[expect(clippy::new_without_default, reason = "an app has no Default")]
    pub fn new() -> Self {
        Self(Token::new())
    }

    /// Cancels.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether it has been cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// An enrolled phone: takes pictures in, holds them sealed in memory, and sends them.
#[derive(Debug, uniffi::Object)]
pub struct Phone(Arc<phone::Phone>);

#[uniffi::export]
impl Phone {
    /// Opens what is enrolled. Nothing is connected yet.
    ///
    /// `identity` and `in_flight` are what the store was given last, 0 if never. `key` is the one whose public half is
    /// `certified_public_key(identity)`.
    ///
    /// # Errors
    /// `EnrolAgain` for an identity that is damaged, or another key; `UnlockKey` and `KeyFailed`.
    #[uniffi::constructor]
    pub fn open(
        identity: Vec<u8>,
        in_flight: u32,
        key: Arc<dyn DeviceKey>,
        store: Arc<dyn IdentityStore>,
        settings: PhoneSettings,
    ) -> Result<Self, SafelightError> {
        guarded(|| {
            let queue_len = settings.queue_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
            let retry_for = settings.retry_seconds.map(|seconds| Duration::from_secs(seconds.into()));
            let standard = Options::default();
            let opening = Opening {
                identity: &identity,
                in_flight: usize::try_from(in_flight).unwrap_or(usize::MAX),
                key: Arc::new(AppKey(key)),
                keep: Arc::new(AppStore(store)),
                queue_len: queue_len.unwrap_or(QUEUE_LEN),
                options: Options { retry_for: retry_for.unwrap_or(standard.retry_for), ..standard },
                software: settings.app.and_then(|app| Software::of_app(&app)).or_else(|| Software::of_app(CORE)),
            };
            Ok(Self(Arc::new(phone::Phone::open(opening, now())?)))
        })
    }

    /// How many pictures an earlier run lost because it was killed. Forgets it when it has been asked.
    ///
    /// # Errors
    /// `NotKept`: it is not forgotten then. `Closed`.
    pub fn take_lost(&self) -> Result<u32, SafelightError> {
        guarded(|| Ok(small(self.0.take_lost()?)))
    }

    /// What is enrolled, for a page that shows it.
    ///
    /// # Errors
    /// `Closed`.
    pub fn status(&self) -> Result<DeviceStatus, SafelightError> {
        guarded(|| Ok(DeviceStatus::from(&self.0.device()?)))
    }

    /// How many more pictures fit. At 0 the shutter is to stay closed.
    ///
    /// # Errors
    /// `Closed`.
    pub fn room(&self) -> Result<u32, SafelightError> {
        guarded(|| Ok(small(self.0.room()?)))
    }

    /// What is held, oldest first.
    ///
    /// # Errors
    /// `Closed`.
    pub fn held(&self) -> Result<Vec<HeldCapture>, SafelightError> {
        let held =
            |(capture, sending): (Arc<_>, bool)| HeldCapture { capture: SealedCapture::from(&*capture), sending };
        guarded(|| Ok(self.0.held()?.into_iter().map(held).collect()))
    }

    /// Makes ready for the next shutter, and says how many pictures fit. To be called before there is a picture: what it refuses is not
    /// refused after the picture was taken.
    ///
    /// # Errors
    /// `QueueFull`, `NotKept`, `Closed`; `EnrolAgain` once the clinic has shut this device out; `Busy` from inside the store's own callback.
    pub fn ready_for_shutter(&self) -> Result<u32, SafelightError> {
        guarded(|| Ok(small(self.0.ready_for_shutter()?)))
    }

    /// Strips and seals one picture, on the caller's thread, and holds it.
    ///
    /// `photo` is borrowed for this call and read once: **overwrite it afterwards**, whatever comes of the call. In Kotlin it is a direct
    /// `ByteBuffer` at position 0, in Swift `Data`, in Python `bytes`. `operator` is who takes it, where that is not the person that the device belongs
    /// to.
    ///
    /// # Errors
    /// `BadPicture`, `BadLabel`; `UnlockKey` and the other troubles of the key; `QueueFull`, `NotKept`, `Closed`; `EnrolAgain` for a device that is shut out, unless
    /// the shutter was made ready before. Nothing of the picture is held then.
    pub fn capture(
        &self,
        photo: &[u8],
        label: PatientLabel,
        operator: Option<String>,
    ) -> Result<SealedCapture, SafelightError> {
        guarded(|| {
            let label = label.into_label()?;
            let operator = operator.map(|operator| operator.parse()).transpose()?;
            let capture = self.0.capture(photo, &label, operator.as_ref(), now(), &mut SysRng)?;
            Ok(SealedCapture::from(&*capture))
        })
    }

    /// Sends a picture that is held and frees it for its receipt. Whatever else comes of it, the picture stays held, and sending it again
    /// goes on where it stopped.
    ///
    /// # Errors
    /// `NotHeld`, `Busy` if it is being sent already, `Cancelled`, `Closed`, `PictureRefused`, and whatever keeps a phone from its gateway.
    pub async fn send(
        &self,
        capture_id: String,
        progress: Option<Arc<dyn ProgressListener>>,
        cancel: Option<Arc<CancelToken>>,
    ) -> Result<Receipt, SafelightError> {
        let phone = self.0.clone();
        on_runtime(async move {
            let id: CaptureId = capture_id.parse()?;
            let cancel = cancel.map(|cancel| cancel.0.clone()).unwrap_or_default();
            let receipt = phone.send(id, progress.map(listener), &cancel).await?;
            Ok(Receipt::from(&receipt))
        })
        .await
    }

    /// Throws a picture away because the user said so; an upload of it ends.
    ///
    /// # Errors
    /// `NotHeld`, `Closed`.
    pub fn discard(&self, capture_id: String) -> Result<(), SafelightError> {
        guarded(|| Ok(self.0.discard(capture_id.parse()?)?))
    }

    /// Throws all pictures away, as an app does that has been locked for long, and says how many there were.
    ///
    /// # Errors
    /// `Closed`.
    pub fn clear(&self) -> Result<u32, SafelightError> {
        guarded(|| Ok(small(self.0.clear()?)))
    }

    /// Connects, renews the certificate if that is due, and takes the clinic's newest keys. An app does this when it comes to the front.
    ///
    /// # Errors
    /// Whatever keeps a phone from its gateway; `NotKept` for a renewed certificate; `Closed`.
    pub async fn connect(&self) -> Result<(), SafelightError> {
        let phone = self.0.clone();
        on_runtime(async move { Ok(phone.connect(now()).await?) }).await
    }

    /// Moves the connection to the network that the phone is in now. Uploads go on.
    ///
    /// # Errors
    /// `Device` without a socket; `Closed`.
    pub async fn network_changed(&self) -> Result<(), SafelightError> {
        let phone = self.0.clone();
        on_runtime(async move { Ok(phone.network_changed().await?) }).await
    }

    /// The next thing that happens. Absent once the phone is closed. An app that does not ask loses the oldest, not memory.
    ///
    /// # Errors
    /// `Bug` alone.
    pub async fn next_event(&self) -> Result<Option<Event>, SafelightError> {
        let phone = self.0.clone();
        on_runtime(async move { Ok(phone.next_event().await.map(Event::from)) }).await
    }

    /// Ends uploads, frees everything and disconnects; says how many pictures are lost by it, which the next start is told as well. From
    /// then on everything else answers `Closed`, and the store is asked for nothing more.
    ///
    /// # Errors
    /// `NotKept`; it is closed all the same.
    pub async fn shut(&self) -> Result<u32, SafelightError> {
        let phone = self.0.clone();
        on_runtime(async move { Ok(small(phone.close().await?)) }).await
    }
}

impl Drop for Phone {
    /// An app that lets go of a phone without a word has closed it.
    fn drop(&mut self) {
        let _ = guarded(|| {
            if self.0.abandon().is_some() {
                let phone = self.0.clone();
                runtime()?.spawn(async move { phone.disconnect().await });
            }
            Ok(())
        });
    }
}
