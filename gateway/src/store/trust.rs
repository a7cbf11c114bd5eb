//! Whether what was written can still be believed to reach the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// A flag that goes down once and stays down: only opening the store in a new process raises it.
///
/// Shared by everything that writes to one store; clones are the same flag.
#[derive(Debug, Clone, Default)]
pub struct Trust(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    is_down: AtomicBool,
    told: Notify,
}

impl Trust {
    /// True until a write to durable storage has failed in a way that may have lost earlier writes.
    pub fn holds(&self) -> bool {
        !self.0.is_down.load(Ordering::Acquire)
    }

    /// Returns once it does not hold any more, whoever has found out.
    pub async fn lost(&self) {
        let told = self.0.told.notified();
        tokio::pin!(told);
        // Before the look, so that nothing is missed in between.
        told.as_mut().enable();
        if self.holds() {
            told.await;
        }
    }

    /// Brings the flag down.
    pub(crate) fn lose(&self) {
        if !self.0.is_down.swap(true, Ordering::AcqRel) {
            tracing::error!(
                code = "store-distrusted",
                "a write did not reach the disk; nothing more is accepted until a restart"
            );
            self.0.told.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_told_and_whoever_comes_later_does_not_wait() {
        let trust = Trust::default();
        let waiting = tokio::spawn({
            let trust = trust.clone();
            async move { trust.lost().await }
        });
        tokio::task::yield_now().await;
        assert!(trust.holds() && !waiting.is_finished());
        trust.lose();
        waiting.await.unwrap();
        trust.lost().await;
        assert!(!trust.holds());
    }
}
