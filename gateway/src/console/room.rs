//! Room in memory for pictures that are on their way to a browser.
//!
//! Attacker: a member of staff whose browsers ask for many large pictures at once, and are in no hurry to read them. A picture is in memory twice while it is
//! opened, sealed and plain, and once until its last byte is sent; this process holds the keys, and must not be the one that the machine ends for want of
//! memory. So there is room for so many bytes, and whoever finds none waits for a while.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// What is counted, in bytes: a smaller picture takes as much.
const UNIT: u64 = 64 * 1024;

/// In units: 256 MiB, two of the largest pictures while they are opened.
const UNITS: u32 = 4096;

/// How long somebody waits for a place.
const PATIENCE: Duration = Duration::from_secs(30);

/// The room.
#[derive(Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(usize::try_from(UNITS).unwrap_or(usize::MAX))))
    }
}

/// A place in it, for a picture of some length.
#[derive(Debug)]
pub(super) struct Place(OwnedSemaphorePermit);

impl Room {
    /// A place for opening a picture of `len` bytes. `None` if there was none for a while.
    pub(super) async fn place(&self, len: u64) -> Option<Place> {
        self.place_within(len, PATIENCE).await
    }

    async fn place_within(&self, len: u64, patience: Duration) -> Option<Place> {
        let both = units(len).saturating_mul(2).min(UNITS);
        let permit = timeout(patience, self.0.clone().acquire_many_owned(both)).await;
        permit.ok()?.ok().map(Place)
    }
}

impl Place {
    /// The picture as it is sent: it keeps its own part of the place until it is dropped, and is wiped then.
    pub(super) fn hold(self, picture: Zeroizing<Vec<u8>>) -> Bytes {
        let Self(mut both) = self;
        let own = usize::try_from(units(picture.len() as u64)).unwrap_or(usize::MAX);
        // What is left of it goes: the sealed one is in memory no more.
        let kept = both.split(own.min(both.num_permits()));
        drop(both);
        Bytes::from_owner(Held { picture, _kept: kept })
    }
}

struct Held {
    picture: Zeroizing<Vec<u8>>,
    _kept: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.picture
    }
}

fn units(len: u64) -> u32 {
    u32::try_from(len.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use safelight_core::wire::limits::MAX_PICTURE_LEN;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn left(room: &Room) -> usize {
        room.0.available_permits()
    }

    #[tokio::test]
    async fn pictures_in_memory_are_bounded_until_the_last_byte_is_sent_or_dropped() {
        let room = Room::default();
        let all = left(&room);
        let len = 10 * UNIT;
        let place = room.place(len).await.unwrap();
        assert_eq!(left(&room), all - 20, "sealed and plain");
        let mut sent = place.hold(Zeroizing::new(vec![7; usize::try_from(len).unwrap()]));
        assert_eq!(left(&room), all - 10, "the sealed one is gone");
        let piece = sent.split_to(100);
        drop(sent);
        assert_eq!((left(&room), piece[..] == [7; 100]), (all - 10, true), "a piece of it is being sent");
        drop(piece);
        assert_eq!(left(&room), all);
        drop(room.place(len).await.unwrap());
        assert_eq!(left(&room), all, "one that did not open");
    }

    #[tokio::test]
    async fn whoever_finds_no_room_waits_and_is_refused_in_the_end_and_the_largest_has_its_turn() {
        let room = Room::default();
        let largest = [room.place(MAX_PICTURE_LEN).await.unwrap(), room.place(MAX_PICTURE_LEN).await.unwrap()];
        assert!(room.place_within(1, SOON).await.is_none(), "two of the largest are all that there is room for");
        let waiting = room.place_within(1, PATIENCE);
        let ((), place) = tokio::join!(async { drop(largest) }, waiting);
        drop(place.unwrap());
        // A length that is not to be believed takes all of it, and no more.
        let whole = room.place(u64::MAX).await.unwrap();
        assert_eq!(left(&room), 0);
        drop(whole.hold(Zeroizing::new(vec![1])));
        assert_eq!(left(&room), usize::try_from(UNITS).unwrap());
    }
}
