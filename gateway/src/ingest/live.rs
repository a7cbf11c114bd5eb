//! What is live: connections by device, uploads by capture.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use safelight_core::ids::{CaptureId, DeviceId};
use safelight_core::wire::CloseReason;
use safelight_core::wire::limits::MAX_CONNECTIONS_PER_DEVICE;
use tokio::sync::{OwnedMutexGuard, watch};

use super::authenticate::PresentedDevice;

/// Live connections and uploads.
#[derive(Debug, Clone, Default)]
pub(super) struct Live {
    connections: Arc<Mutex<HashMap<DeviceId, Vec<LiveConnection>>>>,
    uploads: Arc<Mutex<HashMap<CaptureId, UploadSlot>>>,
}

#[derive(Debug)]
struct LiveConnection {
    presented: PresentedDevice,
    connection: quinn::Connection,
}

#[derive(Debug)]
struct UploadSlot {
    newest: u64,
    superseded: watch::Sender<u64>,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl Live {
    /// Takes note of a connection. The oldest of the device makes room for it: a phone that changed networks leaves
    /// dead connections behind, and must not be locked out by them. Says whether it had to.
    pub(super) fn add(&self, presented: PresentedDevice, connection: quinn::Connection) -> (Connected, bool) {
        let device = presented.device_id();
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = connections.entry(device).or_default();
        let too_many = mine.len() >= MAX_CONNECTIONS_PER_DEVICE;
        if too_many {
            close(&mine.remove(0).connection, CloseReason::TooManyConnections);
        }
        let id = connection.stable_id();
        mine.push(LiveConnection { presented, connection });
        (Connected { live: self.clone(), device, id }, too_many)
    }

    /// Closes every connection for which `must_go` gives a reason; says whose they were.
    pub(super) fn close_unless(
        &self,
        must_go: impl Fn(&PresentedDevice) -> Option<CloseReason>,
    ) -> Vec<(DeviceId, CloseReason)> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let open = connections.values().flatten().filter(|live| live.connection.close_reason().is_none());
        let mut closed = Vec::new();
        for live in open {
            if let Some(reason) = must_go(&live.presented) {
                close(&live.connection, reason);
                closed.push((live.presented.device_id(), reason));
            }
        }
        closed
    }

    /// How many connections there are.
    pub(super) fn count(&self) -> usize {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum()
    }

    /// Becomes the one upload of `capture`: an older one is told to stop, and waited for.
    pub(super) async fn claim(&self, capture: CaptureId) -> Claim {
        let (lock, mut claim) = {
            let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = uploads.entry(capture).or_insert_with(|| UploadSlot {
                newest: 0,
                superseded: watch::Sender::new(0),
                lock: Arc::default(),
            });
            slot.newest = slot.newest.saturating_add(1);
            slot.superseded.send_replace(slot.newest);
            let superseded = slot.superseded.subscribe();
            (slot.lock.clone(), Claim { live: self.clone(), capture, mine: slot.newest, superseded, guard: None })
        };
        // The claim exists before the wait, so that one that is given up while waiting leaves nothing behind.
        claim.guard = Some(lock.lock_owned().await);
        claim
    }
}

/// Closes `connection` with a reason that the phone can tell its user.
pub(super) fn close(connection: &quinn::Connection, reason: CloseReason) {
    connection.close(quinn::VarInt::from_u32(reason.number()), reason.name().as_bytes());
}

/// A connection that is noted for as long as this lives.
#[derive(Debug)]
pub(super) struct Connected {
    live: Live,
    device: DeviceId,
    id: usize,
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut connections = self.live.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = connections.get_mut(&self.device) {
            mine.retain(|live| live.connection.stable_id() != self.id);
            if mine.is_empty() {
                connections.remove(&self.device);
            }
        }
    }
}

/// The right to receive one capture.
#[derive(Debug)]
pub(super) struct Claim {
    live: Live,
    capture: CaptureId,
    mine: u64,
    superseded: watch::Receiver<u64>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Claim {
    /// Returns when a newer upload of the same capture has begun.
    pub(super) async fn superseded(&mut self) {
        let mine = self.mine;
        if self.superseded.wait_for(|newest| *newest > mine).await.is_err() {
            // The slot is gone only when every claim is, this one included.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.guard = None;
        let mut uploads = self.live.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        if uploads.get(&self.capture).is_some_and(|slot| Arc::strong_count(&slot.lock) == 1) {
            uploads.remove(&self.capture);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newer_upload_of_a_capture_supersedes_the_older() {
        let live = Live::default();
        let capture = CaptureId::from_bytes([1; 16]);
        let mut first = live.claim(capture).await;
        let second = tokio::spawn({
            let live = live.clone();
            async move { live.claim(capture).await }
        });
        first.superseded().await;
        assert!(!second.is_finished());
        drop(first);
        let mut second = second.await.unwrap();
        // Nobody supersedes the newest.
        tokio::select! {
            biased;
            () = second.superseded() => panic!("superseded by nobody"),
            () = tokio::task::yield_now() => {}
        }
        drop(second);
        assert!(live.uploads.lock().unwrap().is_empty());
    }
}
