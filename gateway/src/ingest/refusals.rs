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

/// Of one kind of refusal to somebody unknown.
#[derive(Debug)]
struct Stranger {
    logged: UnixMillis,
    /// Of them, the log has had this many.
    said: u64,
}

/// Counters and the memory of what was logged.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    counts: HashMap<&'static str, u64>,
    logged: HashMap<(DeviceId, &'static str), UnixMillis>,
    strangers: HashMap<&'static str, Stranger>,
}

impl Refusals {
    /// Counts one from somebody unknown. If it is to be logged, says how many there have been since the last that was.
    pub(super) fn note_stranger(&self, code: &'static str, now: UnixMillis) -> Option<u64> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inner.count(code);
        let known = inner.strangers.get(code);
        if known.is_some_and(|known| !is_due(known.logged, now)) {
            return None;
        }
        let said = known.map_or(0, |known| known.said);
        inner.strangers.insert(code, Stranger { logged: now, said: count });
        Some(count.saturating_sub(said))
    }

    /// Counts one of a known device, and says whether it is to be logged.
    pub(super) fn note_device(&self, device: DeviceId, code: &'static str, now: UnixMillis) -> bool {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.count(code);
        let due = inner.logged.get(&(device, code)).is_none_or(|last| is_due(*last, now));
        if due {
            if inner.logged.len() >= MAX_REMEMBERED {
                inner.logged.retain(|_, last| !is_due(*last, now));
            }
            inner.logged.insert((device, code), now);
        }
        due
    }
}

/// After a minute; and at once if the clock was set back, which must not silence the record.
fn is_due(last: UnixMillis, now: UnixMillis) -> bool {
    now < last || now.since(last) >= INTERVAL
}

impl Inner {
    fn count(&mut self, code: &'static str) -> u64 {
        let count = self.counts.entry(code).or_default();
        *count = count.saturating_add(1);
        *count
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

    #[test]
    fn t01_strangers_are_all_counted_and_logged_once_a_minute() {
        let refusals = Refusals::default();
        let logged: Vec<u64> = (0..180u64)
            .filter_map(|second| refusals.note_stranger("no-certificate", UnixMillis(second * 1000)))
            .collect();
        // What one entry did not say yet, the next one says.
        assert_eq!(logged, [1, 60, 60]);
        assert_eq!(refusals.note_stranger("unknown-authority", UnixMillis(0)), Some(1));
    }

    #[test]
    fn d15_a_clock_that_was_set_back_does_not_silence_the_record() {
        let refusals = Refusals::default();
        let device = DeviceId::from_bytes([1; 16]);
        assert!(refusals.note_device(device, "revoked", UnixMillis(86_400_000)));
        assert!(refusals.note_device(device, "revoked", UnixMillis(0)));
        assert_eq!(refusals.note_stranger("invitation", UnixMillis(86_400_000)), Some(1));
        assert_eq!(refusals.note_stranger("invitation", UnixMillis(0)), Some(1));
    }
}
