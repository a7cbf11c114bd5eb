//! Revoked phones that try to connect, as ingest says, onto the record.
//!
//! Attacker: an intruder in ingest, who says that phones knock which do not, to fill the log or to hide an alert among others. What ingest says of a device that
//! is not revoked here is nothing; of one that is, it is on record once in ten minutes at most, with how often it was said in between. Nothing else comes of
//! it, however the link is broken and held again.

use std::collections::HashMap;
use std::time::Duration;

use safelight_core::ids::{DeviceId, UnixMillis};

use super::access::{Actor, Event};
use super::devices::{self, Status};
use super::{Clinic, ClinicError};
use crate::link::Knock;

/// The same device is on record at most so often.
const RECORD_EVERY: Duration = Duration::from_secs(10 * 60);

/// More is as good as this.
const MAX_COUNT: u64 = 1_000_000;

/// What was put on record of each device: as many as the catalog has revoked, and no others.
#[derive(Debug, Default)]
pub(super) struct Knocks(HashMap<DeviceId, Recorded>);

#[derive(Debug)]
struct Recorded {
    at: UnixMillis,
    /// Knocks since.
    since: u64,
}

impl Knocks {
    /// Takes them in. When this returns they are on record, counted, or nothing.
    pub(super) async fn take_in(
        &mut self,
        clinic: &Clinic,
        knocks: &[Knock],
        now: UnixMillis,
    ) -> Result<(), ClinicError> {
        let mut due: Vec<(DeviceId, u64)> = Vec::new();
        for knock in knocks {
            if due.iter().any(|(device, _)| *device == knock.device) {
                continue;
            }
            let known = devices::find(&clinic.catalog, knock.device).await?;
            if known.is_some_and(|known| known.status == Status::Revoked)
                && let Some(count) = self.count(knock.device, knock.count, now)
            {
                due.push((knock.device, count));
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let events: Vec<_> = due.iter().map(|(device, count)| Event::RevokedDeviceKnocked(*device, *count)).collect();
        let mut tx = clinic.catalog.write().await?;
        clinic.access.record(&mut tx, &Actor::Gateway, now, &events).await?;
        tx.commit().await?;
        for (device, _) in due {
            self.0.insert(device, Recorded { at: now, since: 0 });
        }
        Ok(())
    }

    /// How often it has knocked since it was on record, if it is to be on record now; else that is kept.
    fn count(&mut self, device: DeviceId, knocks: u64, now: UnixMillis) -> Option<u64> {
        let Some(last) = self.0.get_mut(&device) else { return Some(knocks.min(MAX_COUNT)) };
        let count = last.since.saturating_add(knocks).min(MAX_COUNT);
        // A clock that was set back silences nothing.
        if last.at <= now && now.since(last.at) < RECORD_EVERY {
            last.since = count;
            return None;
        }
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis(1_800_000_000_000 + seconds * 1000)
    }

    #[test]
    fn x93_a_device_is_on_record_once_in_ten_minutes_whatever_ingest_says() {
        let (mut knocks, one, other) =
            (Knocks::default(), DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        assert_eq!(knocks.count(one, 3, at(0)), Some(3));
        knocks.0.insert(one, Recorded { at: at(0), since: 0 });
        for second in 1..600 {
            assert_eq!(knocks.count(one, 2, at(second)), None);
        }
        assert_eq!(knocks.count(other, 1, at(5)), Some(1), "another device");
        assert_eq!(knocks.count(one, 1, at(600)), Some(599 * 2 + 1));
        assert_eq!(knocks.count(one, u64::MAX, at(10)), None);
        assert_eq!(knocks.count(one, 5, UnixMillis(0)), Some(MAX_COUNT), "a clock that was set back");
    }
}
