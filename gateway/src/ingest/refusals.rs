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
    /// Of those who are no device: when a kind was last logged, and how many there have been since.
    unknown: HashMap<&'static str, (UnixMillis, u64)>,
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
        let due = inner.logged.get(&(device, code)).is_none_or(|last| is_due(*last, now));
        if due {
            if inner.logged.len() >= MAX_REMEMBERED {
                inner.logged.retain(|_, last| !is_due(*last, now));
            }
            inner.logged.insert((device, code), now);
        }
        due
    }

    /// Counts one of somebody who is no device. If it is to be logged: how many there were since the last entry.
    pub(super) fn note_unknown(&self, code: &'static str, now: UnixMillis) -> Option<u64> {
        self.note(code);
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The kinds are few and ours.
        match inner.unknown.get_mut(code) {
            Some((last, count)) if !is_due(*last, now) => {
                *count = count.saturating_add(1);
                None
            }
            Some((last, count)) => {
                *last = now;
                Some(std::mem::take(count).saturating_add(1))
            }
            None => {
                inner.unknown.insert(code, (now, 0));
                Some(1)
            }
        }
    }
}

/// After a minute; and at once if the clock was set back, which must not silence the record.
fn is_due(last: UnixMillis, now: UnixMillis) -> bool {
    now < last || now.since(last) >= INTERVAL
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

    #[test]
    fn strangers_are_counted_together_and_none_is_forgotten() {
        let refusals = Refusals::default();
        let entries: Vec<u64> =
            (0..121u64).filter_map(|second| refusals.note_unknown("invitation", UnixMillis(second * 1000))).collect();
        assert_eq!(entries, [1, 60, 60]);
    }

    #[test]
    fn d15_a_clock_that_was_set_back_does_not_silence_the_record() {
        let refusals = Refusals::default();
        let device = DeviceId::from_bytes([1; 16]);
        assert!(refusals.note_device(device, "revoked", UnixMillis(86_400_000)));
        assert!(refusals.note_device(device, "revoked", UnixMillis(0)));
        assert_eq!(refusals.note_unknown("invitation", UnixMillis(86_400_000)), Some(1));
        assert_eq!(refusals.note_unknown("invitation", UnixMillis(0)), Some(1));
    }
}
