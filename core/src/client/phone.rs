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
use super::queue::{Place, Queue};
use super::{CancelToken, Client, ClientError, Options};
use crate::capture::{self, CaptureError, SealedCapture, Setting};
use crate::device_key::{DeviceKey, PublicKey};
use crate::ids::{CaptureId, UnixMillis};
use crate::label::Label;
use crate::manifest::{OperatorId, Software};

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
    #[error("this picture is not held: it has been sent or discarded, or was never taken")]
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
    software: Option<Software>,
    events: Arc<Events>,
    state: Mutex<State>,
    maintaining: tokio::sync::Mutex<()>,
    closing: CancelToken,
    /// Held by whoever closes, until nothing is kept any more.
    ending: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    /// Sequence numbers that are reserved on the app's disk and stand in no signature yet.
    unused: BTreeSet<u64>,
    /// A shutter may open at any moment: the place of its picture, which is counted already.
    ready: Option<Place>,
    /// Uploads that run, and what ends them.
    sending: HashMap<CaptureId, CancelToken>,
    /// By an earlier run, and not told yet.
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
    /// Bytes that may be held, or one picture where that is larger.
    pub queue_len: usize,
    /// The connection's.
    pub options: Options,
    /// What takes pictures: it is signed with each.
    pub software: Option<Software>,
}

/// The public key that an identity is certified for: which of its keys an app has to open it with. The others are left over from renewals
/// and may be destroyed, but only while no phone is open: one of them may be that of a renewal under way.
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
            software: opening.software,
            events,
            state: Mutex::new(State { lost: opening.in_flight, ..State::default() }),
            maintaining: tokio::sync::Mutex::default(),
            closing: CancelToken::new(),
            ending: tokio::sync::Mutex::default(),
        })
    }

    /// What the device remembers now.
    ///
    /// # Errors
    /// [`PhoneError::Closed`].
    pub fn device(&self) -> Result<Device, PhoneError> {
        drop(self.open_state()?);
        Ok(self.client.device())
    }

    /// How many pictures an earlier run lost because it was killed. Forgets it when it has been asked.
    ///
    /// # Errors
    /// [`PhoneError::Keep`] if the counter cannot be set back; it is not forgotten then.
    pub fn take_lost(&self) -> Result<usize, PhoneError> {
        if self.open_state()?.lost == 0 {
            return Ok(0);
        }
        self.keeper.in_turn(|keep| {
            let lost = self.lock().lost;
            keep.keep_in_flight(self.in_flight().saturating_sub(lost))?;
            self.lock().lost = 0;
            Ok(lost)
        })
    }

    /// How many more pictures fit. At 0 the shutter is to stay closed.
    ///
    /// # Errors
    /// [`PhoneError::Closed`].
    pub fn room(&self) -> Result<usize, PhoneError> {
        Ok(self.open_state()?.room(&self.queue))
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
    /// [`ClientError::QueueFull`], [`PhoneError::Keep`], [`PhoneError::Closed`]; [`ClientError::Closed`] once the clinic has shut this device
    /// out, since a picture would be sealed for nobody then.
    pub fn ready_for_shutter(&self) -> Result<usize, PhoneError> {
        let mut state = self.open_state()?;
        self.not_shut_out()?;
        if state.ready.is_none() {
            state.ready = Some(self.queue.place(0)?);
        }
        let (room, reserved) = (state.room(&self.queue), !state.unused.is_empty());
        drop(state);
        let kept = if reserved { Ok(()) } else { self.reserve() };
        if let Err(error) = kept.and_then(|()| self.keep_in_flight()) {
            // A place that was not counted on the app's disk is none.
            drop(self.lock().ready.take());
            return Err(error);
        }
        Ok(room)
    }

    /// Strips, seals, signs and holds one picture, on the caller's thread. `photo` is the caller's to overwrite afterwards.
    ///
    /// # Errors
    /// [`PhoneError::Capture`]; [`ClientError::QueueFull`] before anything is read, and so [`ClientError::Closed`] for a device that is shut out, unless
    /// the shutter was made ready before that was known. Nothing of the picture is held then.
    pub fn capture<R: TryCryptoRng>(
        &self,
        photo: &[u8],
        label: &Label,
        operator: Option<&OperatorId>,
        now: UnixMillis,
        rng: &mut R,
    ) -> Result<Arc<SealedCapture>, PhoneError> {
        let sealing = Sealing::begin(self, photo.len())?;
        let device = self.client.device();
        let setting = Setting {
            key_set: device.key_set.key_set(),
            device_id: device.device_id,
            operator: operator.unwrap_or(&device.operator),
            sequence: sealing.number,
            captured_at: now,
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            software: self.software.as_ref(),
        };
        let sealed = capture::capture(photo, label, &setting, self.client.key().as_ref(), rng)?;
        let capture = sealing.hold(sealed)?;
        self.tell_room();
        Ok(capture)
    }

    /// Throws a picture away because the user said so; an upload of it ends.
    ///
    /// # Errors
    /// [`PhoneError::NotHeld`], [`PhoneError::Closed`].
    pub fn discard(&self, id: CaptureId) -> Result<(), PhoneError> {
        let sending = self.open_state()?.sending.get(&id).cloned();
        if self.queue.get(id).is_none() {
            return Err(PhoneError::NotHeld);
        }
        if let Some(sending) = sending {
            sending.cancel();
        }
        self.queue.discard(id);
        self.freed();
        Ok(())
    }

    /// Throws all pictures away, as an app does that has been locked for long, and says how many there were.
    ///
    /// # Errors
    /// [`PhoneError::Closed`].
    pub fn clear(&self) -> Result<usize, PhoneError> {
        self.open_state()?.sending.values().for_each(CancelToken::cancel);
        let thrown = self.queue.clear();
        self.freed();
        Ok(thrown)
    }

    /// What has happened since it was last asked; waits if nothing has. `None` once the phone is closed.
    pub async fn next_event(&self) -> Option<Event> {
        self.events.next().await
    }

    /// Ends uploads, frees what is held, gives unused numbers back and disconnects. What was held is lost, and the next start is told how
    /// many that were; this says it too. When it returns the app is asked to keep nothing more. Whoever closes twice is told 0.
    ///
    /// # Errors
    /// [`PhoneError::Keep`], or [`PhoneError::Keeping`] if the app did not come to an end with what it was keeping; it is closed all the same.
    pub async fn close(&self) -> Result<usize, PhoneError> {
        // Whoever closes beside another waits for it, but not from inside of what it waits for.
        let _alone = tokio::time::timeout(keep::PATIENCE, self.ending.lock()).await;
        let Some(lost) = self.end() else { return Ok(0) };
        let kept = super::key::off_worker(|| self.keep_last(lost));
        self.client.close().await;
        kept.map(|()| lost)
    }

    /// The part of [`Phone::close`] that waits for nobody, for an app that lets go of a phone without a word: the counter stays as it was kept
    /// last. `None` if it was closed before.
    pub fn abandon(&self) -> Option<usize> {
        let lost = self.end();
        self.keeper.close();
        lost
    }

    /// Gives up the connection of a phone that was abandoned.
    pub async fn disconnect(&self) {
        self.client.close().await;
    }

    /// Nothing is taken, sent or told any more from here on. How many pictures are lost by it, those that are being sealed among them.
    fn end(&self) -> Option<usize> {
        let mut state = self.lock();
        if std::mem::replace(&mut state.closed, true) {
            return None;
        }
        state.sending.values().for_each(CancelToken::cancel);
        self.closing.cancel();
        // A shutter that has not opened has taken no picture.
        drop(state.ready.take());
        let lost = self.queue.in_flight();
        self.queue.clear();
        drop(state);
        self.events.close();
        Some(lost)
    }

    /// What `work` gives, unless the phone is closed first.
    async fn unless_closed<T>(&self, work: impl Future<Output = Result<T, PhoneError>>) -> Result<T, PhoneError> {
        drop(self.open_state()?);
        self.closing.unless_cancelled(work).await.map_err(|_| PhoneError::Closed)?
    }

    fn not_shut_out(&self) -> Result<(), PhoneError> {
        self.events.shut_out().map_or(Ok(()), |reason| Err(ClientError::Closed(reason).into()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_state(&self) -> Result<MutexGuard<'_, State>, PhoneError> {
        let state = self.lock();
        if state.closed { Err(PhoneError::Closed) } else { Ok(state) }
    }

    /// One more sequence number that no other capture will have, whatever happens after this.
    fn reserve(&self) -> Result<(), PhoneError> {
        self.keeper.in_turn(|keep| {
            let number = self.client.update(Device::take_sequence);
            let kept = keep.keep_device(&self.client.device().to_bytes());
            match kept {
                // While it is still this one's turn, so that whoever closes next gives it back.
                Ok(()) => _ = self.lock().unused.insert(number),
                Err(_) => self.client.update(|device| device.next_sequence = number),
            }
            kept
        })
    }

    fn keep_device(&self) -> Result<(), PhoneError> {
        self.keeper.in_turn(|keep| keep.keep_device(&self.client.device().to_bytes()))
    }

    /// How many pictures would be lost now, with those that were and that the app does not know of yet.
    fn in_flight(&self) -> usize {
        self.lock().lost.saturating_add(self.queue.in_flight())
    }

    fn keep_in_flight(&self) -> Result<(), PhoneError> {
        self.keeper.in_turn(|keep| keep.keep_in_flight(self.in_flight()))
    }

    /// After something was freed: it is, whatever the app can keep of it.
    fn freed(&self) {
        self.tell_room();
        if self.keep_in_flight().is_err() {
            self.events.tell(Event::NotKept);
        }
    }

    fn tell_room(&self) {
        self.events.room(self.lock().room(&self.queue), self.queue.len());
    }

    /// Both things that an app keeps, as the next start is to find them.
    fn keep_last(&self, lost: usize) -> Result<(), PhoneError> {
        self.keeper.last(|keep| {
            self.give_numbers_back();
            // Also without numbers: a checkpoint or a certificate may not have been kept yet.
            let device = keep.keep_device(&self.client.device().to_bytes());
            let lost = self.lock().lost.saturating_add(lost);
            keep.keep_in_flight(lost).and(device)
        })
    }

    /// Numbers at the end of those that were given out, and that no picture has used, would look like pictures that are missing.
    fn give_numbers_back(&self) {
        let mut unused = std::mem::take(&mut self.lock().unused);
        self.client.update(|device| {
            while device.next_sequence.checked_sub(1).is_some_and(|last| unused.remove(&last)) {
                device.next_sequence -= 1;
            }
        });
    }
}

impl State {
    /// How many more pictures fit, the one that a shutter was made ready for among them.
    fn room(&self, queue: &Queue) -> usize {
        queue.room().saturating_add(usize::from(self.ready.is_some()))
    }
}

/// A capture that is being made. Dropped before it is held, it gives its sequence number back.
struct Sealing<'a> {
    phone: &'a Phone,
    number: u64,
    /// Until it is held.
    place: Option<Place>,
}

impl<'a> Sealing<'a> {
    fn begin(phone: &'a Phone, len: usize) -> Result<Self, PhoneError> {
        let ready = phone.open_state()?.ready.take();
        let was_ready = ready.is_some();
        let place = match ready {
            // The picture that the shutter was made ready for is this one.
            Some(place) => place.promised(len),
            None => {
                phone.not_shut_out()?;
                phone.queue.place(len)?
            }
        };
        let number = loop {
            let unused = phone.open_state()?.unused.pop_first();
            match unused {
                Some(number) => break number,
                None => phone.reserve()?,
            }
        };
        let sealing = Self { phone, number, place: Some(place) };
        if !was_ready {
            phone.keep_in_flight()?;
        }
        Ok(sealing)
    }

    fn hold(mut self, sealed: SealedCapture) -> Result<Arc<SealedCapture>, PhoneError> {
        // Whoever closes at this moment finds it in the queue, or this finds that it is closed.
        let state = self.phone.open_state()?;
        let capture = self.place.take().map(|place| place.fill(sealed));
        drop(state);
        capture.ok_or(PhoneError::NotHeld)
    }
}

impl Drop for Sealing<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        drop(place);
        // Its manifest, if there is one, goes unseen.
        self.phone.lock().unused.insert(self.number);
        // A counter that is one too high is set right by the next that is kept.
        let _ = self.phone.keep_in_flight();
    }
}

#[cfg(test)]
mod tests;
