//! Which devices were there, and when they last came or went, for the clinic process to ask.
//!
//! Attacker: a phone that comes and goes without end. Each device is kept once, however often; only what is welcome is noted, so there are no more than the
//! clinic has. They are in memory alone: a device that was seen just before a restart is seen again when it comes back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use safelight_core::ids::{DeviceId, UnixMillis};

use crate::link::{MAX_SIGHTINGS, Sighting};

/// Those that the clinic process has not been told of.
#[derive(Debug, Default)]
pub(super) struct Sightings(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last_seq: u64,
    waiting: HashMap<DeviceId, (u64, UnixMillis)>,
}

impl Sightings {
    /// A device that is welcome has come, or has gone.
    pub(super) fn note(&self, device: DeviceId, at: UnixMillis) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.last_seq = inner.last_seq.saturating_add(1);
        let seq = inner.last_seq;
        inner.waiting.insert(device, (seq, at));
    }

    /// Those after `seq`, the earliest first, as many as an answer holds. Those up to it are known, and kept no more.
    pub(super) fn after(&self, seq: u64) -> Vec<Sighting> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.waiting.retain(|_, (own, _)| *own > seq);
        let sighting =
            |(device, (seq, at)): (&DeviceId, &(u64, UnixMillis))| Sighting { seq: *seq, device: *device, at: *at };
        let mut sightings: Vec<_> = inner.waiting.iter().map(sighting).collect();
        sightings.sort_unstable_by_key(|sighting| sighting.seq);
        sightings.truncate(MAX_SIGHTINGS);
        sightings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(number: u16) -> DeviceId {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        DeviceId::from_bytes(id)
    }

    #[test]
    fn a_device_waits_once_with_its_last_time_until_it_is_known() {
        let sightings = Sightings::default();
        assert_eq!(sightings.after(0), []);
        for at in 1..=3 {
            sightings.note(device(1), UnixMillis(at));
        }
        sightings.note(device(2), UnixMillis(9));
        let of = |seq, number, at| Sighting { seq, device: device(number), at: UnixMillis(at) };
        assert_eq!(sightings.after(0), [of(3, 1, 3), of(4, 2, 9)]);
        assert_eq!(sightings.after(0).len(), 2, "what was not named is shown again");
        assert_eq!(sightings.after(3), [of(4, 2, 9)]);
        sightings.note(device(1), UnixMillis(11));
        assert_eq!(sightings.after(4), [of(5, 1, 11)]);
    }

    #[test]
    fn however_many_there_are_each_is_told_once() {
        let sightings = Sightings::default();
        for number in 0..3000 {
            sightings.note(device(number), UnixMillis(number.into()));
        }
        let (mut told, mut seq) = (0, 0);
        loop {
            let some = sightings.after(seq);
            let Some(last) = some.last() else { break };
            assert!(some.len() <= MAX_SIGHTINGS);
            (told, seq) = (told + some.len(), last.seq);
        }
        assert_eq!(told, 3000);
    }
}
