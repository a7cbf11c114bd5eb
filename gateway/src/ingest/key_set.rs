//! The key set that phones are given, which numbers are taken, and who signs receipts. Ingest passes the envelope on and cannot make one.

use std::sync::{PoisonError, RwLock};

use safelight_core::device_key::PublicKey;
use safelight_core::wire::Response;

/// What the clinic process has put in force.
#[derive(Debug, Default)]
pub(super) struct KeySetInForce(RwLock<InForce>);

/// What it has said.
#[derive(Debug, Default, Clone)]
pub(super) struct InForce {
    /// For phones.
    pub(super) envelope: Vec<u8>,
    /// Numbers that are taken, the newest first.
    pub(super) accepted: Vec<u64>,
    /// Who signs receipts for each. Empty from a clinic process that did not say so yet.
    pub(super) receipt_keys: Vec<PublicKey>,
}

impl KeySetInForce {
    pub(super) fn replace(&self, in_force: InForce) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = in_force;
    }

    /// Numbers that a picture may be sealed for now.
    pub(super) fn accepted(&self) -> Vec<u64> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).accepted.clone()
    }

    /// Who signs receipts for what was sealed under `number`. What is not taken any more was when its upload began.
    pub(super) fn receipt_key(&self, number: u64) -> Option<PublicKey> {
        let in_force = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let at = in_force.accepted.iter().position(|accepted| *accepted == number).unwrap_or(0);
        in_force.receipt_keys.get(at).cloned()
    }

    /// The envelope, for a phone that holds number `have`.
    pub(super) fn newer_than(&self, have: u64) -> Response {
        let in_force = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match in_force.accepted.iter().max() {
            Some(newest) if *newest > have => Response::KeySet { envelope: in_force.envelope.clone() },
            _ => Response::KeySetCurrent,
        }
    }
}
