//! The key set that phones are given, and which numbers are taken. Ingest passes the envelope on and cannot make one.

use std::sync::{PoisonError, RwLock};

use safelight_core::wire::Response;

/// What the clinic process has put in force.
#[derive(Debug, Default)]
pub(super) struct KeySetInForce(RwLock<Inner>);

#[derive(Debug, Default)]
struct Inner {
    envelope: Vec<u8>,
    accepted: Vec<u64>,
}

impl KeySetInForce {
    pub(super) fn replace(&self, envelope: Vec<u8>, accepted: Vec<u64>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Inner { envelope, accepted };
    }

    /// Numbers that a picture may be sealed for now.
    pub(super) fn accepted(&self) -> Vec<u64> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).accepted.clone()
    }

    /// The envelope, for a phone that holds number `have`.
    pub(super) fn newer_than(&self, have: u64) -> Response {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match inner.accepted.iter().max() {
            Some(newest) if *newest > have => Response::KeySet { envelope: inner.envelope.clone() },
            _ => Response::KeySetCurrent,
        }
    }
}
