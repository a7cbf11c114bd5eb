//! Pictures in flight: sealed, in memory, bounded.
//!
//! Nothing of it is on disk, so whoever closes the app loses what is in it; the app keeps a counter without content, which
//! [`Queue::in_flight`] tells it, so that the next start can say how many were lost. The queue refuses before the shutter, not after it: whoever was
//! told that there is room keeps it, even if the picture turns out larger than those before. So what is held may be more than the capacity, by
//! what one picture is larger than the largest before it; and one picture is held where the capacity is smaller than that.

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
    /// Pictures that are being made, and what they may come to.
    places: usize,
    promised: usize,
}

impl Inner {
    fn expected(&self) -> usize {
        if self.largest == 0 { EXPECTED_LEN } else { self.largest }
    }

    fn room(&self, capacity: usize) -> usize {
        let fit = capacity.saturating_sub(self.held.saturating_add(self.promised)) / self.expected();
        // An empty queue takes one picture whatever its size: a shutter that could never open again would be worse, and one photograph is bounded.
        let empty = self.captures.is_empty() && self.places == 0;
        if empty { fit.max(1) } else { fit }
    }

    fn release(&mut self, promised: Option<usize>) {
        let Some(promised) = promised else { return };
        self.places = self.places.saturating_sub(1);
        self.promised = self.promised.saturating_sub(promised);
    }
}

impl Queue {
    /// A queue that holds at most `capacity` bytes, or one picture.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, inner: Arc::default() }
    }

    /// How many more pictures fit, judged by the largest seen so far. At 0 the shutter is to stay closed.
    pub fn room(&self) -> usize {
        self.lock().room(self.capacity)
    }

    /// A place for a picture that is about to be made of `len` bytes of photograph.
    ///
    /// # Errors
    /// [`ClientError::QueueFull`] if there is no room: see [`Queue::room`].
    pub fn place(&self, len: usize) -> Result<Place, ClientError> {
        let mut inner = self.lock();
        if inner.room(self.capacity) == 0 {
            return Err(ClientError::QueueFull);
        }
        let promised = len.max(inner.expected());
        inner.places = inner.places.saturating_add(1);
        inner.promised = inner.promised.saturating_add(promised);
        Ok(Place { queue: self.clone(), promised: Some(promised) })
    }

    /// How many pictures are held or being made: the number for the counter.
    pub fn in_flight(&self) -> usize {
        let inner = self.lock();
        inner.captures.len().saturating_add(inner.places)
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

    /// How many are held.
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

/// A place in the queue for one picture. Dropped, it is free again.
#[derive(Debug)]
pub struct Place {
    queue: Queue,
    /// Bytes; nothing once it is filled.
    promised: Option<usize>,
}

impl Place {
    /// The same place for a picture that is about to be made of `len` bytes of photograph.
    #[must_use]
    pub fn promised(mut self, len: usize) -> Self {
        let mut inner = self.queue.lock();
        let more = len.saturating_sub(self.promised.unwrap_or(0));
        inner.promised = inner.promised.saturating_add(more);
        self.promised = self.promised.map(|promised| promised.saturating_add(more));
        drop(inner);
        self
    }

    /// Takes the picture in.
    pub fn fill(mut self, capture: SealedCapture) -> Arc<SealedCapture> {
        let capture = Arc::new(capture);
        let mut inner = self.queue.lock();
        // All in one, so that whoever counts counts this picture once.
        inner.release(self.promised.take());
        inner.held = inner.held.saturating_add(capture.size());
        inner.largest = inner.largest.max(capture.size());
        inner.captures.push_back(capture.clone());
        drop(inner);
        capture
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.lock().release(self.promised.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, photo};

    #[test]
    fn whoever_was_told_that_there_is_room_has_it_and_nobody_else() {
        let queue = Queue::new(2 * EXPECTED_LEN);
        assert_eq!(queue.room(), 2);
        // A photograph larger than all that is held for it.
        let place = queue.place(3 * EXPECTED_LEN).unwrap();
        assert_eq!((queue.room(), queue.in_flight(), queue.len()), (0, 1, 0));
        assert!(matches!(queue.place(1), Err(ClientError::QueueFull)));
        drop(place);
        assert_eq!((queue.room(), queue.in_flight()), (2, 0));
    }

    #[test]
    fn a_queue_that_is_smaller_than_a_picture_holds_one_at_a_time() {
        let mut world = World::new();
        let queue = Queue::new(1);
        for _ in 0..2 {
            assert_eq!(queue.room(), 1);
            let place = queue.place(EXPECTED_LEN).unwrap();
            assert_eq!(queue.room(), 0);
            assert!(matches!(queue.place(1), Err(ClientError::QueueFull)));
            place.fill(Arc::into_inner(world.capture(&photo(16))).unwrap());
            assert_eq!(queue.room(), 0);
            assert_eq!(queue.clear(), 1);
        }
    }

    #[test]
    fn what_is_held_takes_the_place_of_what_was_promised() {
        let mut world = World::new();
        let (first, second) = (world.capture(&photo(16)), world.capture(&photo(16)));
        let size = first.size();
        let queue = Queue::new(EXPECTED_LEN);
        for capture in [first, second] {
            let place = queue.place(EXPECTED_LEN).unwrap();
            assert_eq!(queue.room(), 0, "nothing is known of it yet");
            place.fill(Arc::into_inner(capture).unwrap());
        }
        assert_eq!((queue.len(), queue.in_flight()), (2, 2));
        assert_eq!(queue.room(), (EXPECTED_LEN - 2 * size) / size);
        assert_eq!(queue.clear(), 2);
        assert_eq!((queue.in_flight(), queue.room()), (0, EXPECTED_LEN / size));
    }
}
