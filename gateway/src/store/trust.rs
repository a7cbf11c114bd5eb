//! Whether what was written can still be believed to reach the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that goes down once and stays down: only opening the store in a new process raises it.
///
/// Shared by everything that writes to one store; clones are the same flag.
#[derive(Debug, Clone, Default)]
pub struct Trust(Arc<AtomicBool>);

impl Trust {
    /// True until a write to durable storage has failed in a way that may have lost earlier writes.
    pub fn holds(&self) -> bool {
        !self.0.load(Ordering::Acquire)
    }

    /// Brings the flag down.
    pub(crate) fn lose(&self) {
        if !self.0.swap(true, Ordering::AcqRel) {
            tracing::error!(
                code = "store-distrusted",
                "a write did not reach the disk; nothing more is accepted until a restart"
            );
        }
    }
}
