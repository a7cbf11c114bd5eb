//! What an app keeps for a phone: two small things, neither of which holds anything of a picture or a patient.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::PhoneError;

/// How long one that keeps waits for another that does, before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// One at a time, so that what is newer is kept last.
#[derive(Debug)]
pub(super) struct Keeper {
    keep: Arc<dyn Keep>,
    turn: Mutex<Option<ThreadId>>,
    ended: Condvar,
}

impl Keeper {
    pub(super) fn new(keep: Arc<dyn Keep>) -> Self {
        Self { keep, turn: Mutex::new(None), ended: Condvar::new() }
    }

    /// Keeps something when it is its turn. No lock is held while the app keeps; an app that calls back from there is told so at once, and
    /// one that waits there for another thread that keeps is told so after a while.
    pub(super) fn in_turn<T>(&self, work: impl FnOnce(&dyn Keep) -> Result<T, KeepError>) -> Result<T, PhoneError> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if *turn == Some(thread::current().id()) {
            return Err(PhoneError::Keeping);
        }
        let waited = self.ended.wait_timeout_while(turn, PATIENCE, |turn| turn.is_some());
        let (mut turn, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if turn.is_some() {
            return Err(PhoneError::Keeping);
        }
        *turn = Some(thread::current().id());
        drop(turn);
        let _end = Turn(self);
        Ok(work(self.keep.as_ref())?)
    }
}

/// Ends a turn, also one that panics.
struct Turn<'a>(&'a Keeper);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.turn.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.ended.notify_one();
    }
}
