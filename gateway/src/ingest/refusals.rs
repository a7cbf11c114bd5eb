//! How often refusals reach the intake log: every one is counted, each kind of each device is logged once a minute at
//! most, so that a flood of refusals is not a flood of log entries.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use safelight_core::ids::{DeviceId, UnixMillis};

/// Between two log entries of one kind and device.
const INTERVAL: Duration = Duration::from_secs(60);

/// Kinds and devices that are remembered.
const MAX_REMEMBERED: usize = 4096;

/// Counters and the memory of what was logged.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    counts: HashMap<&'static str, u64>,
    logged: HashMap<(DeviceId, &'static str), UnixMillis>,
}

impl Refusals {
    /// Counts one from somebody unknown.
    pub(super) fn note(&self, code: &'static str) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inner.counts.entry(code).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts one of a known device, and says whether it is to be logged.
    pub(super) fn note_device(&self, device: DeviceId, code: &'static str, now: UnixMillis) -> bool {
        self.note(code);
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = inner.logged.get(&(device, code)).is_none_or(|last| now.since(*last) >= INTERVAL);
        if due {
            if inner.logged.len() >= MAX_REMEMBERED {
                inner.logged.retain(|_, last| now.since(*last) < INTERVAL);
            }
            inner.logged.insert((device, code), now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_logged_once_a_minute() {
        let refusals = Refusals::default();
        let device = DeviceId::from_bytes([1; 16]);
        let logged =
            (0..120u64).filter(|second| refusals.note_device(device, "revoked", UnixMillis(second * 1000))).count();
        assert_eq!(logged, 2);
        assert!(refusals.note_device(DeviceId::from_bytes([2; 16]), "revoked", UnixMillis(0)));
        assert_eq!(refusals.0.lock().unwrap().counts["revoked"], 121);
    }
}
