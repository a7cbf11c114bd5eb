//! What an app keeps for a phone: two small things, neither of which holds anything of a picture or a patient.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::PhoneError;

/// How long one that keeps waits for another that does, before it gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The app could not keep something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the app could not keep its settings: free some storage, then try again")]
pub struct KeepError;

/// Where an app keeps things, durably: what has returned is there after a power cut. Each replaces what was kept before.
pub trait Keep: Send + Sync + std::fmt::Debug {
    /// Keeps what the device remembers. It is no secret, but the phone is not enrolled without it.
    ///
    /// # Errors
    /// [`KeepError`]; what was kept before is still there then.
    fn keep_device(&self, device: &[u8]) -> Result<(), KeepError>;

    /// Keeps how many pictures would be lost if the app were killed now.
    ///
    /// # Errors
    /// [`KeepError`].
    fn keep_in_flight(&self, pictures: usize) -> Result<(), KeepError>;
}

/// One at a time, so that what is newer is kept last; and nothing any more once the phone is closed, since what the app keeps may be another
/// phone's by then.
#[derive(Debug)]
pub(super) struct Keeper {
    keep: Arc<dyn Keep>,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    turn: Option<ThreadId>,
    closed: bool,
}

impl Keeper {
    pub(super) fn new(keep: Arc<dyn Keep>) -> Self {
        Self { keep, state: Mutex::default(), ended: Condvar::new() }
    }

    /// Keeps something when it is its turn. No lock is held while the app keeps; an app that calls back from there is told so at once, and
    /// one that waits there for another thread that keeps is told so after a while.
    pub(super) fn in_turn<T>(&self, work: impl FnOnce(&dyn Keep) -> Result<T, KeepError>) -> Result<T, PhoneError> {
        let _turn = self.turn()?;
        Ok(work(self.keep.as_ref())?)
    }

    /// The same for the last time.
    pub(super) fn last<T>(&self, work: impl FnOnce(&dyn Keep) -> Result<T, KeepError>) -> Result<T, PhoneError> {
        let turn = self.turn();
        // Whatever holds the turn at the moment: it began before.
        self.close();
        let _turn = turn?;
        Ok(work(self.keep.as_ref())?)
    }

    /// Nothing is kept from here on. What is being kept at this moment may still end.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.ended.notify_all();
    }

    fn turn(&self) -> Result<Turn<'_>, PhoneError> {
        let state = self.lock();
        let this = thread::current().id();
        if state.turn == Some(this) {
            return Err(PhoneError::Keeping);
        }
        let taken = |state: &mut State| state.turn.is_some() && !state.closed;
        let waited = self.ended.wait_timeout_while(state, PATIENCE, taken);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State { closed: true, .. } => return Err(PhoneError::Closed),
            State { turn: Some(_), .. } => return Err(PhoneError::Keeping),
            State { turn: None, .. } => state.turn = Some(this),
        }
        Ok(Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a turn, also one that panics.
struct Turn<'a>(&'a Keeper);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().turn = None;
        self.0.ended.notify_one();
    }
}
