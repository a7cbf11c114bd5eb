//! Spreads in time what many phones would otherwise do at the same moment: renewals of phones that were enrolled in one hour, new
//! attempts after an outage. Each device has its own place, from its id, so that no randomness is needed.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::ids::DeviceId;

/// A part of `within`, below all of it: another one for each device and round, evenly spread over devices.
pub(super) fn place(device: DeviceId, round: u32, within: Duration) -> Duration {
    let digest = Sha256::new().chain_update(device.as_bytes()).chain_update(round.to_be_bytes()).finalize();
    let part = digest.iter().take(4).fold(0_u64, |part, byte| (part << 8) | u64::from(*byte));
    let millis = (u128::from(part) * within.as_millis()) >> 32;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(1_000);

    fn device(number: u16) -> DeviceId {
        let mut id = [7; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        DeviceId::from_bytes(id)
    }

    #[test]
    fn a_device_keeps_its_place_and_has_another_in_each_round() {
        assert_eq!(place(device(1), 0, WITHIN), place(device(1), 0, WITHIN));
        assert_ne!(place(device(1), 0, WITHIN), place(device(1), 1, WITHIN));
        assert_eq!(place(device(1), 0, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn x50_two_thousand_devices_do_not_come_at_once() {
        let mut tenths = [0; 10];
        for number in 0..2_000 {
            let place = place(device(number), 0, WITHIN);
            assert!(place < WITHIN);
            tenths[usize::try_from(place.as_secs() / 100).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|count| (150..=250).contains(count)), "{tenths:?}");
    }
}
