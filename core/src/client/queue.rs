//! Pictures in flight: sealed, in memory, bounded.
//!
//! Nothing of it is on disk, so whoever closes the app loses what is in it; the app keeps a counter without content, which
//! [`Queue::len`] tells it, so that the next start can say how many were lost. The queue refuses before the shutter, not after it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::ClientError;
use crate::capture::SealedCapture;
use crate::ids::CaptureId;
use crate::receipt::VerifiedReceipt;

/// Until pictures have been seen, one is taken to be as large as this.
const EXPECTED_LEN: usize = 6 * 1024 * 1024;

/// A bounded queue of sealed captures.
#[derive(Debug, Clone)]
pub struct Queue {
    capacity: usize,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    captures: VecDeque<Arc<SealedCapture>>,
    held: usize,
    largest: usize,
}

impl Queue {
    /// A queue that holds at most `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, inner: Arc::default() }
    }

    /// How many more pictures fit, judged by the largest seen so far. At 0 the shutter is to stay closed.
    pub fn room(&self) -> usize {
        let inner = self.lock();
        let expected = if inner.largest == 0 { EXPECTED_LEN } else { inner.largest };
        self.capacity.saturating_sub(inner.held) / expected
    }

    /// Takes a capture in.
    ///
    /// # Errors
    /// [`ClientError::QueueFull`], with the capture given back.
    pub fn push(&self, capture: SealedCapture) -> Result<Arc<SealedCapture>, (ClientError, Box<SealedCapture>)> {
        let mut inner = self.lock();
        let size = capture.size();
        if inner.held.saturating_add(size) > self.capacity {
            return Err((ClientError::QueueFull, Box::new(capture)));
        }
        let capture = Arc::new(capture);
        inner.held = inner.held.saturating_add(size);
        inner.largest = inner.largest.max(size);
        inner.captures.push_back(capture.clone());
        Ok(capture)
    }

    /// The oldest that is still held.
    pub fn next(&self) -> Option<Arc<SealedCapture>> {
        self.lock().captures.front().cloned()
    }

    /// The capture of that id, if it is held.
    pub fn get(&self, id: CaptureId) -> Option<Arc<SealedCapture>> {
        self.lock().captures.iter().find(|capture| capture.id() == id).cloned()
    }

    /// All that are held, oldest first.
    pub fn captures(&self) -> Vec<Arc<SealedCapture>> {
        self.lock().captures.iter().cloned().collect()
    }

    /// Throws all away, and says how many there were.
    pub fn clear(&self) -> usize {
        let mut inner = self.lock();
        inner.held = 0;
        std::mem::take(&mut inner.captures).len()
    }

    /// Frees the capture that `receipt` is for: the only way out but [`Queue::discard`].
    pub fn free(&self, receipt: &VerifiedReceipt) {
        self.remove(receipt.capture_id());
    }

    /// Throws a picture away because the user said so.
    pub fn discard(&self, capture: CaptureId) {
        self.remove(capture);
    }

    fn remove(&self, id: CaptureId) {
        let mut inner = self.lock();
        if let Some(place) = inner.captures.iter().position(|capture| capture.id() == id) {
            let removed = inner.captures.remove(place);
            inner.held = inner.held.saturating_sub(removed.map_or(0, |capture| capture.size()));
        }
    }

    /// How many are held: the number for the counter.
    pub fn len(&self) -> usize {
        self.lock().captures.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
