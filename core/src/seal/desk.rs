//! Sealing on several threads.
//!
//! Chunks can be sealed in any order, but hashed and put into the payload in theirs alone, and hashing takes
//! longer than sealing where the processor has wide vectors. So every thread takes the most urgent thing that
//! nobody is at: to hash the next chunk, to put a hashed one into its place, or to seal a further one. Each chunk
//! is sealed in a small buffer of its own: several threads could write into one large buffer only if it were
//! zeroed first, before any of them starts, and that takes about a tenth of the time that all the rest takes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::payload::Chunks;
use super::stream::SEALED_CHUNK_LEN;

/// How many chunks may be on their way into the payload, for each thread.
const BUFFERS_A_THREAD: usize = 4;

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
    /// Chunks that are sealed and wait for their turn, by number modulo the number of buffers.
    sealed: Vec<Option<Vec<u8>>>,
    /// The next chunk to hash.
    hashed: usize,
    /// Chunks that are hashed and wait to be put into the payload.
    unplaced: VecDeque<Vec<u8>>,
    /// How many chunks are in the payload.
    placed: usize,
    /// How many threads have nothing to do.
    waiting: usize,
    /// Buffers that are free.
    free: Vec<Vec<u8>>,
    /// Absent while a thread is at it.
    payload: Option<Vec<u8>>,
    /// Absent while a thread is at it.
    hasher: Option<Sha256>,
    failed: bool,
}

/// Something that one thread does by itself, with all that it needs.
enum Job {
    Hash(Sha256, Vec<u8>),
    Place(Vec<u8>, Vec<u8>),
    Seal(usize, Vec<u8>),
}

impl<'a> Desk<'a> {
    /// Goes on from a payload that has its nonce, and the hash of that.
    pub(super) fn new(chunks: &'a Chunks<'a>, payload: Vec<u8>, hasher: Sha256, workers: usize) -> Self {
        let buffers = workers.saturating_mul(BUFFERS_A_THREAD).min(chunks.count);
        Self {
            chunks,
            state: Mutex::new(State {
                next: 0,
                sealed: vec![None; buffers],
                hashed: 0,
                unplaced: VecDeque::with_capacity(buffers),
                placed: 0,
                waiting: 0,
                free: vec![Vec::new(); buffers],
                payload: Some(payload),
                hasher: Some(hasher),
                failed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Seals everything on `workers` threads, this one included. `None` if a chunk could not be sealed.
    pub(super) fn seal(self, workers: usize) -> Option<(Vec<u8>, Sha256)> {
        std::thread::scope(|scope| {
            for _ in 1..workers {
                let thread = std::thread::Builder::new().name("seal".to_owned());
                // Without a further thread it takes longer, that is all.
                if thread.spawn_scoped(scope, || self.work()).is_err() {
                    break;
                }
            }
            self.work();
        });
        let state = self.state.into_inner();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        if state.failed || state.placed < self.chunks.count {
            return None;
        }
        Some((state.payload?, state.hasher?))
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.failed && state.placed < self.chunks.count {
            let Some(job) = state.pick(self.chunks.count) else {
                state.waiting += 1;
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                state.waiting -= 1;
                continue;
            };
            drop(state);
            let done = self.run(job);
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
            Job::Place(payload, chunk) => payload.extend_from_slice(chunk),
            Job::Seal(number, buffer) => {
                buffer.clear();
                buffer.reserve_exact(SEALED_CHUNK_LEN);
                self.chunks.seal_onto(*number, buffer)?;
            }
        }
        Some(job)
    }
}

impl State {
    /// The most urgent thing that can be done now.
    fn pick(&mut self, count: usize) -> Option<Job> {
        let turn = self.hashed % self.sealed.len();
        if let Some(chunk) = self.sealed.get_mut(turn).filter(|chunk| chunk.is_some())
            && let Some(hasher) = self.hasher.take()
        {
            return Some(Job::Hash(hasher, chunk.take()?));
        }
        if let Some(chunk) = self.unplaced.front_mut()
            && let Some(payload) = self.payload.take()
        {
            let chunk = std::mem::take(chunk);
            self.unplaced.pop_front();
            return Some(Job::Place(payload, chunk));
        }
        if self.next == count {
            return None;
        }
        let buffer = self.free.pop()?;
        self.next += 1;
        Some(Job::Seal(self.next - 1, buffer))
    }

    /// Takes back what a job was given.
    fn put(&mut self, job: Option<Job>) {
        match job {
            Some(Job::Hash(hasher, chunk)) => {
                self.hasher = Some(hasher);
                self.hashed += 1;
                self.unplaced.push_back(chunk);
            }
            Some(Job::Place(payload, buffer)) => {
                self.payload = Some(payload);
                self.placed += 1;
                self.free.push(buffer);
            }
            Some(Job::Seal(number, chunk)) => {
                // There are as many places as buffers, and the chunks on their way follow each other.
                let turn = number % self.sealed.len();
                match self.sealed.get_mut(turn) {
                    Some(place @ None) => *place = Some(chunk),
                    _ => self.failed = true,
                }
            }
            None => self.failed = true,
        }
    }
}
