//! Uploads that were begun and not ended, by device.
//!
//! What has arrived of an interrupted upload is kept for the phone to go on with. A device that begins uploads and never ends one would
//! fill the disk that way, within the limits of each. So a device has a number of them, and the oldest gives way.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use safelight_core::ids::DeviceId;
use safelight_core::wire::limits::{MAX_CONNECTIONS_PER_DEVICE, MAX_STREAMS_PER_CONNECTION};

use crate::store::blobs::BlobKey;

/// As many as an honest phone can have under way at once.
const MAX_UNFINISHED: usize = MAX_CONNECTIONS_PER_DEVICE * MAX_STREAMS_PER_CONNECTION as usize;

/// Oldest first.
#[derive(Debug, Default)]
pub(super) struct Unfinished(Mutex<HashMap<DeviceId, VecDeque<BlobKey>>>);

impl Unfinished {
    /// An upload begins, or goes on. The one that has to give way for it, if there is one.
    pub(super) fn begin(&self, device: DeviceId, key: &BlobKey) -> Option<BlobKey> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = all.entry(device).or_default();
        mine.retain(|known| known != key);
        mine.push_back(key.clone());
        if mine.len() > MAX_UNFINISHED { mine.pop_front() } else { None }
    }

    /// It is stored, or given up: nothing unfinished is left of it.
    pub(super) fn end(&self, device: DeviceId, key: &BlobKey) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = all.get_mut(&device) {
            mine.retain(|known| known != key);
            if mine.is_empty() {
                all.remove(&device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::blobs::payload_key;
    use safelight_core::ids::CaptureId;
    use safelight_core::manifest::ManifestHash;

    fn key(number: u8) -> BlobKey {
        payload_key(CaptureId::from_bytes([number; 16]), &ManifestHash([0; 32]))
    }

    #[test]
    fn the_oldest_gives_way_and_going_on_makes_it_the_newest() {
        let unfinished = Unfinished::default();
        let (one, other) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let most = u8::try_from(MAX_UNFINISHED).unwrap();
        for number in 0..most {
            assert_eq!(unfinished.begin(one, &key(number)), None);
        }
        assert_eq!(unfinished.begin(one, &key(0)), None);
        assert_eq!(unfinished.begin(other, &key(200)), None);
        assert_eq!(unfinished.begin(one, &key(100)), Some(key(1)));
        unfinished.end(one, &key(5));
        assert_eq!(unfinished.begin(one, &key(101)), None);
        unfinished.end(other, &key(200));
        assert_eq!(unfinished.0.lock().unwrap().len(), 1);
    }
}
