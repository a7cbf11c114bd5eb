//! Room in memory for pictures that are on their way to a browser.
//!
//! Attacker: a member of staff whose browsers ask for many large pictures at once, and are in no hurry to read them. A picture is in memory twice while it is
//! opened, sealed and plain, and once until its last byte is sent; this process holds the keys, and must not be the one that the machine ends for want of
//! memory. So there is room for so many bytes, half of
//! them for one person at most, and whoever finds none waits for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use safelight_core::manifest::OperatorId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// What is counted, in bytes: a smaller picture takes as much.
const UNIT: u64 = 64 * 1024;

/// In units: 256 MiB, two of the largest pictures while they are opened.
const UNITS: u32 = 4096;

/// Of these, what one person can have: one of the largest pictures while it is opened.
const SHARE: u32 = UNITS / 2;

/// How long somebody waits for a place.
const PATIENCE: Duration = Duration::from_secs(30);

/// The room.
#[derive(Debug)]
pub(super) struct Room {
    all: Arc<Semaphore>,
    /// Of whoever has or waits for a place.
    shares: Mutex<HashMap<OperatorId, Weak<Semaphore>>>,
}

impl Default for Room {
    fn default() -> Self {
        Self { all: semaphore(UNITS), shares: Mutex::default() }
    }
}

fn semaphore(units: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(usize::try_from(units).unwrap_or(usize::MAX)))
}

/// A place in it, for a picture of some length: in the room, and in the share of whoever asked.
#[derive(Debug)]
pub(super) struct Place([OwnedSemaphorePermit; 2]);

impl Room {
    /// A place for opening a picture of `len` bytes for somebody. `None` if there was none for a while.
    pub(super) async fn place(&self, who: &OperatorId, len: u64) -> Option<Place> {
        self.place_within(who, len, PATIENCE).await
    }

    async fn place_within(&self, who: &OperatorId, len: u64, patience: Duration) -> Option<Place> {
        let both = units(len).saturating_mul(2).min(SHARE);
        let share = self.share_of(who);
        // The own share first: whoever waits for that keeps nobody else from the room.
        let permits = timeout(patience, async {
            let own = share.acquire_many_owned(both).await.ok()?;
            Some([own, self.all.clone().acquire_many_owned(both).await.ok()?])
        });
        permits.await.ok()?.map(Place)
    }

    fn share_of(&self, who: &OperatorId) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(who).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = semaphore(SHARE);
        shares.insert(who.clone(), Arc::downgrade(&share));
        share
    }
}

impl Place {
    /// The picture as it is sent: it keeps its own part of the place until it is dropped, and is wiped then.
    pub(super) fn hold(self, picture: Zeroizing<Vec<u8>>) -> Bytes {
        let own = usize::try_from(units(picture.len() as u64)).unwrap_or(usize::MAX);
        // What is left of it goes: the sealed one is in memory no more.
        let kept = self.0.map(|mut both| both.split(own.min(both.num_permits())));
        Bytes::from_owner(Held { picture, _kept: kept })
    }
}

struct Held {
    picture: Zeroizing<Vec<u8>>,
    _kept: [Option<OwnedSemaphorePermit>; 2],
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
        room.all.available_permits()
    }

    fn one() -> OperatorId {
        "one".parse().unwrap()
    }

    #[tokio::test]
    async fn pictures_in_memory_are_bounded_until_the_last_byte_is_sent_or_dropped() {
        let room = Room::default();
        let all = left(&room);
        let len = 10 * UNIT;
        let place = room.place(&one(), len).await.unwrap();
        assert_eq!(left(&room), all - 20, "sealed and plain");
        let mut sent = place.hold(Zeroizing::new(vec![7; usize::try_from(len).unwrap()]));
        assert_eq!(left(&room), all - 10, "the sealed one is gone");
        let piece = sent.split_to(100);
        drop(sent);
        assert_eq!((left(&room), piece[..] == [7; 100]), (all - 10, true), "a piece of it is being sent");
        drop(piece);
        assert_eq!(left(&room), all);
        drop(room.place(&one(), len).await.unwrap());
        assert_eq!(left(&room), all, "one that did not open");
    }

    #[tokio::test]
    async fn whoever_finds_no_room_waits_and_is_refused_in_the_end_and_the_largest_has_its_turn() {
        let room = Room::default();
        let [two, three] = ["two", "three"].map(|id| id.parse::<OperatorId>().unwrap());
        let largest =
            [room.place(&one(), MAX_PICTURE_LEN).await.unwrap(), room.place(&two, MAX_PICTURE_LEN).await.unwrap()];
        assert!(
            room.place_within(&three, 1, SOON).await.is_none(),
            "two of the largest are all that there is room for"
        );
        let waiting = room.place_within(&three, 1, PATIENCE);
        let ((), place) = tokio::join!(async { drop(largest) }, waiting);
        drop(place.unwrap());
        // A length that is not to be believed takes all of a share, and no more.
        let whole = room.place(&one(), u64::MAX).await.unwrap();
        assert_eq!(left(&room), usize::try_from(UNITS - SHARE).unwrap());
        drop(whole.hold(Zeroizing::new(vec![1])));
        assert_eq!(left(&room), usize::try_from(UNITS).unwrap());
    }

    #[tokio::test]
    async fn whoever_takes_all_that_they_can_leaves_room_for_others() {
        let room = Room::default();
        let hoard = room.place(&one(), MAX_PICTURE_LEN).await.unwrap();
        assert!(room.place_within(&one(), 1, SOON).await.is_none(), "a second one of theirs");
        for other in 0..100 {
            let other: OperatorId = format!("other{other}").parse().unwrap();
            drop(room.place_within(&other, MAX_PICTURE_LEN, SOON).await.expect("room for others"));
        }
        assert!(room.shares.lock().unwrap().len() <= 2, "who has gone is forgotten");
        drop(hoard);
        drop(room.place_within(&one(), MAX_PICTURE_LEN, SOON).await.expect("one again"));
    }
}
