//! Uploads that broke off and may go on: how many of them a device may leave behind.
//!
//! What has arrived of them lies on the disk and stands in no list and no log until the picture is whole. A phone that begins
//! pictures and never ends them could fill the disk unseen, so beyond a number the one that it has left longest goes. An honest
//! phone goes on with each before it has anywhere near as many. What an earlier run of this process has left is not counted: the
//! sweep takes that.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use safelight_core::ids::DeviceId;
use safelight_core::wire::limits::MAX_UNFINISHED_PER_DEVICE;

use crate::store::blobs::BlobKey;

/// The unfinished uploads of each device, oldest first.
#[derive(Debug, Default)]
pub(super) struct Leftovers(Mutex<HashMap<DeviceId, VecDeque<BlobKey>>>);

impl Leftovers {
    /// Notes that `device` has left `key` behind. Gives the one that is to go for it, if there are too many.
    #[must_use]
    pub(super) fn leave(&self, device: DeviceId, key: BlobKey) -> Option<BlobKey> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = left.entry(device).or_default();
        mine.retain(|known| *known != key);
        mine.push_back(key);
        if mine.len() > MAX_UNFINISHED_PER_DEVICE { mine.pop_front() } else { None }
    }

    /// The upload goes on, or is over.
    pub(super) fn forget(&self, device: DeviceId, key: &BlobKey) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = left.get_mut(&device) {
            mine.retain(|known| known != key);
            if mine.is_empty() {
                left.remove(&device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safelight_core::ids::{CaptureId, UnixMillis};

    fn key(number: u64) -> BlobKey {
        CaptureId::new(UnixMillis(number), &[0; 10]).into()
    }

    #[test]
    fn x21_the_oldest_of_the_same_device_goes_and_what_went_on_does_not_count() {
        let leftovers = Leftovers::default();
        let (one, other) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let most = MAX_UNFINISHED_PER_DEVICE as u64;
        for number in 0..most {
            assert_eq!(leftovers.leave(one, key(number)), None);
        }
        assert_eq!(leftovers.leave(other, key(1000)), None, "another device pays for it");
        assert_eq!(leftovers.leave(one, key(most - 1)), None, "the same one counts twice");
        leftovers.forget(one, &key(1));
        assert_eq!(leftovers.leave(one, key(most)), None);
        assert_eq!(leftovers.leave(one, key(most + 1)), Some(key(0)));
        assert_eq!(leftovers.leave(one, key(most + 2)), Some(key(2)));
        (0..most + 3).for_each(|number| leftovers.forget(one, &key(number)));
        leftovers.forget(other, &key(1000));
        assert!(leftovers.0.lock().unwrap().is_empty(), "devices without leftovers are remembered");
    }
}
