//! Sealing on several threads.
//!
//! Chunks can be sealed in any order, but hashed in theirs alone, and hashing takes nearly as long as sealing.
//! So every thread takes the most urgent thing that nobody is at: to hash the next chunk, or to seal a further
//! one. The payload is allocated once at its final size and handed out chunk by chunk ([`BytesMut::split_off`]);
//! each chunk is sealed in the place where it stays, and joining them again moves no byte.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use sha2::{Digest, Sha256};

use super::payload::Chunks;
use super::stack::overwrite_stack;
use super::stream::SEALED_CHUNK_LEN;

/// What the threads share.
pub(super) struct Desk<'a> {
    chunks: &'a Chunks<'a>,
    state: Mutex<State>,
    /// Something has become possible to do.
    changed: Condvar,
}

struct State {
    /// The next chunk to seal.
    next: usize,
    /// The payload's memory behind the chunks that have been handed out.
    room: BytesMut,
    /// Chunks that are sealed and wait to be hashed, by number.
    sealed: Vec<Option<BytesMut>>,
    /// What has been hashed.
    payload: BytesMut,
    /// How many chunks that is.
    hashed: usize,
    /// Absent while a thread is at it.
    hasher: Option<Sha256>,
    /// How many threads have nothing to do.
    waiting: usize,
    failed: bool,
}

/// Something that one thread does by itself, with all that it needs.
enum Job {
    Hash(Sha256, BytesMut),
    Seal(usize, BytesMut),
}

impl<'a> Desk<'a> {
    /// Goes on from a payload that holds its nonce and has room for all chunks, and the hash of that.
    pub(super) fn new(chunks: &'a Chunks<'a>, mut payload: BytesMut, hasher: Sha256) -> Self {
        let state = State {
            next: 0,
            room: payload.split_off(payload.len()),
            sealed: vec![None; chunks.count],
            payload,
            hashed: 0,
            hasher: Some(hasher),
            waiting: 0,
            failed: false,
        };
        Self { chunks, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Seals everything on `workers` threads, this one included. `None` if a chunk could not be sealed.
    pub(super) fn seal(self, workers: usize) -> Option<(BytesMut, Sha256)> {
        std::thread::scope(|scope| {
            for _ in 1..workers {
                let thread = std::thread::Builder::new().name("seal".to_owned());
                // Without a further thread it takes longer, that is all.
                let work = || {
                    self.work();
                    overwrite_stack();
                };
                if thread.spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            self.work();
        });
        let state = self.state.into_inner();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        if state.failed || state.hashed < self.chunks.count {
            return None;
        }
        Some((state.payload, state.hasher?))
    }

    // Not inlined: what it leaves on the stack is to lie below whoever overwrites it.
    #[inline(never)]
    fn work(&self) {
        let mut state = self.lock();
        while !state.failed && state.hashed < self.chunks.count {
            let Some(job) = state.pick(self.chunks.count) else {
                state.waiting += 1;
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                state.waiting -= 1;
                continue;
            };
            drop(state);
            let alarm = Alarm(self);
            let done = self.run(job);
            drop(alarm);
            state = self.lock();
            state.put(done);
            if state.waiting > 0 {
                self.changed.notify_all();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Without the lock. `None` if a chunk could not be sealed.
    fn run(&self, mut job: Job) -> Option<Job> {
        match &mut job {
            Job::Hash(hasher, chunk) => hasher.update(chunk),
            Job::Seal(number, chunk) => self.chunks.seal_onto(*number, chunk)?,
        }
        Some(job)
    }
}

/// Wakes the other threads if this one panics: what it was at will never be done.
struct Alarm<'d, 'a>(&'d Desk<'a>);

impl Drop for Alarm<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().failed = true;
            self.0.changed.notify_all();
        }
    }
}

impl State {
    /// The most urgent thing that can be done now.
    fn pick(&mut self, count: usize) -> Option<Job> {
        if let Some(chunk) = self.sealed.get_mut(self.hashed).filter(|chunk| chunk.is_some())
            && let Some(hasher) = self.hasher.take()
        {
            return Some(Job::Hash(hasher, chunk.take()?));
        }
        if self.next == count {
            return None;
        }
        let rest = self.room.split_off(SEALED_CHUNK_LEN.min(self.room.capacity()));
        let chunk = std::mem::replace(&mut self.room, rest);
        self.next += 1;
        Some(Job::Seal(self.next - 1, chunk))
    }

    /// Takes back what a job was given.
    fn put(&mut self, job: Option<Job>) {
        match job {
            Some(Job::Hash(hasher, chunk)) => {
                self.hasher = Some(hasher);
                self.hashed += 1;
                self.payload.unsplit(chunk);
            }
            Some(Job::Seal(number, chunk)) => match self.sealed.get_mut(number) {
                Some(place) => *place = Some(chunk),
                None => self.failed = true,
            },
            None => self.failed = true,
        }
    }
}
