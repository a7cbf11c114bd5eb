//! An enrolled phone between its app and its gateway: what every app needs and none should write for itself.
//!
//! ```text
//! ready_for_shutter -> capture -> (held, sealed, in memory) -> send -> receipt -> freed
//! ```
//!
//! | file | does |
//! |---|---|
//! | this one | [`Phone`]: open, shutter, capture, discard, close |
//! | `sending` | send, connect, renew |
//! | `keep` | [`Keep`]: what the app keeps for it, in turn, so that nothing older overwrites what is newer |
//! | `events` | [`Event`]: what an app is told |
//! | `tell` | progress, as often as a person can look |
//!
//! All of it may be called from any thread at the same time, and from the app's own callbacks: no lock is held while one runs.

mod events;
mod keep;
mod sending;
mod tell;

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_core::TryCryptoRng;

use self::events::Events;
use self::keep::Keeper;
use super::device::Device;
use super::queue::Queue;
use super::{CancelToken, Client, ClientError, Options};
use crate::capture::{self, CaptureError, SealedCapture, Setting};
use crate::device_key::{DeviceKey, PublicKey};
use crate::ids::{CaptureId, UnixMillis};
use crate::label::Label;
use crate::manifest::OperatorId;

pub use events::Event;
pub use keep::{Keep, KeepError};
pub use tell::Listener;

/// What the queue of sealed pictures may hold, in bytes, unless the app says otherwise.
pub const QUEUE_LEN: usize = 256 * 1024 * 1024;

/// Why a phone did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// The photograph or its label.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The gateway, or the way to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The app could not keep what must be kept.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The key is not the one that the clinic has certified.
    #[error("this is not the key that the clinic has certified: enrol this device again")]
    KeyMismatch,
    /// It has been closed.
    #[error("this phone has been closed: open it again")]
    Closed,
    /// This picture is being sent already.
    #[error("this picture is being sent already: wait for its receipt")]
    AlreadySending,
    /// This picture is not held: sent, discarded or never taken.
    #[error("this picture is not held any more: it has been sent or discarded")]
    NotHeld,
    /// A callback that keeps something called what keeps something.
    #[error("the app is keeping something at the moment: do not call this from where it keeps")]
    Keeping,
}

/// An enrolled phone.
#[derive(Debug)]
pub struct Phone {
    client: Client,
    keeper: Keeper,
    queue: Queue,
    events: Arc<Events>,
    state: Mutex<State>,
    maintaining: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Sequence numbers that are reserved on the app's disk and stand in no signature yet.
    unused: BTreeSet<u64>,
    /// Captures that are being sealed.
    sealing: usize,
    /// Uploads that run, and what ends them.
    sending: HashMap<CaptureId, CancelToken>,
    lost: usize,
}

/// What an identity is, and what it runs with.
#[derive(Debug)]
pub struct Opening<'a> {
    /// What [`Keep::keep_device`] or enrolment gave last.
    pub identity: &'a [u8],
    /// What [`Keep::keep_in_flight`] was given last; 0 if never.
    pub in_flight: usize,
    /// The key that the identity is certified for: see [`certified_key`].
    pub key: Arc<dyn DeviceKey>,
    /// Where to keep both.
    pub keep: Arc<dyn Keep>,
    /// Bytes that may be held.
    pub queue_len: usize,
    /// The connection's.
    pub options: Options,
}

/// The public key that an identity is certified for: which of its keys an app has to open it with. The others are left over from renewals
/// and may be destroyed.
///
/// # Errors
/// [`ClientError::DeviceDamaged`].
pub fn certified_key(identity: &[u8], now: UnixMillis) -> Result<PublicKey, ClientError> {
    let device = Device::from_bytes(identity, now)?;
    PublicKey::of_certificate(&device.certificate).ok_or(ClientError::DeviceDamaged)
}

impl Phone {
    /// Opens an identity. Nothing is connected yet.
    ///
    /// # Errors
    /// [`PhoneError::Client`] for an identity that is damaged or a key that fails, [`PhoneError::KeyMismatch`] for another key.
    pub fn open(opening: Opening<'_>, now: UnixMillis) -> Result<Self, PhoneError> {
        let device = Device::from_bytes(opening.identity, now)?;
        let certified = PublicKey::of_certificate(&device.certificate).ok_or(ClientError::DeviceDamaged)?;
        if opening.key.public_key().map_err(ClientError::from)? != certified {
            return Err(PhoneError::KeyMismatch);
        }
        let events = Arc::new(Events::default());
        Ok(Self {
            client: Client::new(device, opening.key, opening.options).observed_by(events.clone()),
            keeper: Keeper::new(opening.keep),
            queue: Queue::new(opening.queue_len),
            events,
            state: Mutex::new(State { lost: opening.in_flight, ..State::default() }),
            maintaining: tokio::sync::Mutex::default(),
        })
    }

    /// What the device remembers now.
    pub fn device(&self) -> Device {
        self.client.device()
    }

    /// How many pictures an earlier run lost because it was killed. Forgets it when it has been asked.
    ///
    /// # Errors
    /// [`PhoneError::Keep`] if the counter cannot be set back; it is not forgotten then.
    pub fn take_lost(&self) -> Result<usize, PhoneError> {
        let lost = self.open_state()?.lost;
        if lost > 0 {
            self.keep_in_flight(0)?;
            self.lock().lost = 0;
        }
        Ok(lost)
    }

    /// How many more pictures fit. At 0 the shutter is to stay closed.
    ///
    /// # Errors
    /// [`PhoneError::Closed`].
    pub fn room(&self) -> Result<usize, PhoneError> {
        let sealing = self.open_state()?.sealing;
        Ok(self.queue.room().saturating_sub(sealing))
    }

    /// The captures that are held, oldest first, and whether each is being sent.
    ///
    /// # Errors
    /// [`PhoneError::Closed`].
    pub fn held(&self) -> Result<Vec<(Arc<SealedCapture>, bool)>, PhoneError> {
        let state = self.open_state()?;
        let sent = |capture: Arc<SealedCapture>| (state.sending.contains_key(&capture.id()), capture);
        Ok(self.queue.captures().into_iter().map(sent).map(|(sending, capture)| (capture, sending)).collect())
    }

    /// Makes ready for the next shutter, and says how many pictures fit: the counter is up and a sequence number reserved on the app's
    /// disk before there is a picture.
    ///
    /// # Errors
    /// [`ClientError::QueueFull`], [`PhoneError::Keep`], [`PhoneError::Closed`].
    pub fn ready_for_shutter(&self) -> Result<usize, PhoneError> {
        let room = self.room()?;
        if room == 0 {
            return Err(ClientError::QueueFull.into());
        }
        if self.lock().unused.is_empty() {
            let number = self.reserve()?;
            self.lock().unused.insert(number);
        }
        self.keep_in_flight(1)?;
        Ok(room)
    }

    /// Strips, seals, signs and holds one picture, on the caller's thread. `photo` is the caller's to overwrite afterwards.
    ///
    /// # Errors
    /// [`PhoneError::Capture`]; [`ClientError::QueueFull`] before anything is read. Nothing of the picture is held then.
    pub fn capture<R: TryCryptoRng>(
        &self,
        photo: &[u8],
        label: &Label,
        operator: Option<&OperatorId>,
        now: UnixMillis,
        rng: &mut R,
    ) -> Result<Arc<SealedCapture>, PhoneError> {
        let sealing = Sealing::begin(self)?;
        let device = self.client.device();
        let setting = Setting {
            key_set: device.key_set.key_set(),
            device_id: device.device_id,
            operator: operator.unwrap_or(&device.operator),
            sequence: sealing.number,
            captured_at: now,
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        };
        let sealed = capture::capture(photo, label, &setting, self.client.key().as_ref(), rng)?;
        let capture = sealing.hold(sealed)?;
        self.events.room(self.queue.room(), self.queue.len());
        Ok(capture)
    }

    /// Throws a picture away because the user said so; an upload of it ends.
    ///
    /// # Errors
    /// [`PhoneError::NotHeld`], [`PhoneError::Keep`], [`PhoneError::Closed`].
    pub fn discard(&self, id: CaptureId) -> Result<(), PhoneError> {
        let sending = self.open_state()?.sending.get(&id).cloned();
        if self.queue.get(id).is_none() {
            return Err(PhoneError::NotHeld);
        }
        if let Some(sending) = sending {
            sending.cancel();
        }
        self.queue.discard(id);
        self.freed()
    }

    /// Throws all pictures away, as an app does that has been locked for long, and says how many there were.
    ///
    /// # Errors
    /// [`PhoneError::Keep`], [`PhoneError::Closed`].
    pub fn clear(&self) -> Result<usize, PhoneError> {
        self.open_state()?.sending.values().for_each(CancelToken::cancel);
        let thrown = self.queue.clear();
        self.freed()?;
        Ok(thrown)
    }

    /// What has happened since it was last asked; waits if nothing has. `None` once the phone is closed.
    pub async fn next_event(&self) -> Option<Event> {
        self.events.next().await
    }

    /// Ends uploads, frees what is held, gives unused numbers back and disconnects. What was held is lost, and the next start is told how
    /// many that were; this says it too. Whoever closes twice is told 0.
    ///
    /// # Errors
    /// [`PhoneError::Keep`]; it is closed all the same.
    pub async fn close(&self) -> Result<usize, PhoneError> {
        let Some(lost) = self.abandon() else { return Ok(0) };
        let kept = super::key::off_worker(|| self.give_numbers_back());
        self.client.disconnect().await;
        kept.map(|()| lost)
    }

    /// The part of [`Phone::close`] that waits for nobody: `None` if it was done before.
    pub fn abandon(&self) -> Option<usize> {
        {
            let mut state = self.lock();
            if std::mem::replace(&mut state.closed, true) {
                return None;
            }
            state.sending.values().for_each(CancelToken::cancel);
        }
        // The counter on the app's disk stays as it is: it says how many are lost.
        let lost = self.queue.clear();
        self.events.close();
        Some(lost)
    }

    /// Gives up the connection.
    pub async fn disconnect(&self) {
        self.client.disconnect().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_state(&self) -> Result<MutexGuard<'_, State>, PhoneError> {
        let state = self.lock();
        if state.closed { Err(PhoneError::Closed) } else { Ok(state) }
    }

    /// A sequence number that no other capture will have, whatever happens after this.
    fn reserve(&self) -> Result<u64, PhoneError> {
        let number = self.client.update(Device::take_sequence);
        self.keep_device()?;
        Ok(number)
    }

    fn keep_device(&self) -> Result<(), PhoneError> {
        self.keeper.in_turn(|keep| keep.keep_device(&self.client.device().to_bytes()))
    }

    /// Keeps how many pictures would be lost now, and `more` that are about to be taken.
    fn keep_in_flight(&self, more: usize) -> Result<(), PhoneError> {
        self.keeper.in_turn(|keep| {
            let sealing = self.lock().sealing;
            keep.keep_in_flight(self.queue.len().saturating_add(sealing).saturating_add(more))
        })
    }

    /// After something was freed.
    fn freed(&self) -> Result<(), PhoneError> {
        self.events.room(self.queue.room(), self.queue.len());
        self.keep_in_flight(0)
    }

    /// Numbers at the end of those that were given out, and that no picture has used, would look like pictures that are missing.
    fn give_numbers_back(&self) -> Result<(), PhoneError> {
        let mut unused = std::mem::take(&mut self.lock().unused);
        if unused.is_empty() {
            return Ok(());
        }
        self.client.update(|device| {
            while device.next_sequence.checked_sub(1).is_some_and(|last| unused.remove(&last)) {
                device.next_sequence -= 1;
            }
        });
        self.keep_device()
    }
}

/// A capture that is being made. Dropped before it is held, it gives its sequence number back.
struct Sealing<'a> {
    phone: &'a Phone,
    number: u64,
    held: bool,
}

impl<'a> Sealing<'a> {
    fn begin(phone: &'a Phone) -> Result<Self, PhoneError> {
        let unused = phone.open_state()?.unused.pop_first();
        let number = match unused {
            Some(number) => number,
            None => phone.reserve()?,
        };
        let mut state = phone.lock();
        let refused = match () {
            () if state.closed => Some(PhoneError::Closed),
            () if phone.queue.room() <= state.sealing => Some(ClientError::QueueFull.into()),
            () => None,
        };
        if let Some(refused) = refused {
            state.unused.insert(number);
            return Err(refused);
        }
        state.sealing = state.sealing.saturating_add(1);
        drop(state);
        let sealing = Self { phone, number, held: false };
        phone.keep_in_flight(0)?;
        Ok(sealing)
    }

    fn hold(mut self, sealed: SealedCapture) -> Result<Arc<SealedCapture>, PhoneError> {
        // Whoever closes at this moment finds it in the queue, or this finds that it is closed.
        let mut state = self.phone.open_state()?;
        let capture = self.phone.queue.push(sealed).map_err(|(error, _)| error)?;
        state.sealing = state.sealing.saturating_sub(1);
        self.held = true;
        drop(state);
        Ok(capture)
    }
}

impl Drop for Sealing<'_> {
    fn drop(&mut self) {
        if self.held {
            return;
        }
        let mut state = self.phone.lock();
        state.sealing = state.sealing.saturating_sub(1);
        // Its manifest, if there is one, goes unseen.
        state.unused.insert(self.number);
        drop(state);
        // A counter that is one too high is set right by the next that is kept.
        let _ = self.phone.keep_in_flight(0);
    }
}
