//! What one person can make the log grow by, with a script or by typing fast.
//!
//! Attacker: somebody with an account who fills the disk, or the officer's page, with entries that say nothing new. **What is denied** is on record at
//! most once a minute for each person and code; the next entry says how often it was asked in between, and a burst is an entry at once. **A search** runs with every key, and its names
//! are never shown without an entry: so one that shows nobody new within ten seconds of an entry belongs to that entry, and whoever goes through all
//! of their patients makes as many entries as that takes. It is kept for each session, so that one browser's entry does not stand for another's. A page that
//! names patients whom it has by reference is such a search, and has an entry for each visit that comes later than that.
//! **A damaged picture** is on record once an hour, however often somebody wants to see it.
//! Nothing is marked as on record before it is.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use safelight_core::ids::{CaptureId, UnixMillis};
use safelight_core::manifest::OperatorId;

use crate::clinic::directory::Found;
use crate::clinic::pictures::Handle;
use crate::clinic::sessions::SessionId;

/// The same denial of the same person is on record at most so often.
const DENIED_EVERY: Duration = Duration::from_secs(60);

/// And when it was asked so often since: whoever asks for hundreds in a second, and never again, is seen all the same.
const BURST: u64 = 20;

/// How long a search's entry stands for further searches that show nobody else.
const SEARCH: Duration = Duration::from_secs(10);

/// A picture that was found damaged is on record at most so often.
const DAMAGED_EVERY: Duration = Duration::from_secs(60 * 60);

/// Kept at once. Beyond it everything is on record by itself.
const MAX_KEPT: usize = 4096;

/// What was put on record a moment ago.
#[derive(Debug, Default)]
pub(super) struct Noise {
    denied: Mutex<HashMap<(OperatorId, &'static str), Denied>>,
    searched: Mutex<HashMap<SessionId, Searched>>,
    damaged: Mutex<HashMap<CaptureId, UnixMillis>>,
}

#[derive(Debug)]
struct Denied {
    at: UnixMillis,
    since: u64,
    /// Whether there was an entry of a burst.
    burst: bool,
}

#[derive(Debug)]
struct Searched {
    at: UnixMillis,
    shown: HashSet<Handle>,
}

/// A clock that was set back silences nothing.
fn is_recent(at: UnixMillis, now: UnixMillis, within: Duration) -> bool {
    at <= now && now.since(at) < within
}

impl Noise {
    /// How often `person` was denied this since it was on record, if it is to be on record now; else it is counted.
    pub(super) fn denied(&self, person: &OperatorId, code: &'static str, now: UnixMillis) -> Option<u64> {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        match denied.get_mut(&(person.clone(), code)) {
            Some(last) if is_recent(last.at, now, DENIED_EVERY) => {
                last.since = last.since.saturating_add(1);
                (last.since == BURST && !last.burst).then_some(BURST.saturating_sub(1))
            }
            Some(last) => Some(last.since),
            None => Some(0),
        }
    }

    /// It is on record.
    pub(super) fn denied_on_record(&self, person: &OperatorId, code: &'static str, now: UnixMillis) {
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        if denied.len() >= MAX_KEPT {
            denied.retain(|_, last| is_recent(last.at, now, DENIED_EVERY));
        }
        let key = (person.clone(), code);
        if let Some(last) = denied.get_mut(&key).filter(|last| is_recent(last.at, now, DENIED_EVERY)) {
            (last.since, last.burst) = (0, true);
        } else if denied.len() < MAX_KEPT {
            denied.insert(key, Denied { at: now, since: 0, burst: false });
        }
    }

    /// Whether a search that has found these shows nobody whom this session's last entry does not stand for.
    pub(super) fn is_on_record(&self, session: &SessionId, found: &[Found], now: UnixMillis) -> bool {
        let searched = self.searched.lock().unwrap_or_else(PoisonError::into_inner);
        let last = searched.get(session).filter(|last| is_recent(last.at, now, SEARCH));
        last.is_some_and(|last| found.iter().all(|found| last.shown.contains(&found.handle)))
    }

    /// A search that has found these is on record.
    pub(super) fn searched_on_record(&self, session: &SessionId, found: &[Found], now: UnixMillis) {
        let mut searched = self.searched.lock().unwrap_or_else(PoisonError::into_inner);
        searched.retain(|_, last| is_recent(last.at, now, SEARCH));
        if searched.len() >= MAX_KEPT && !searched.contains_key(session) {
            return;
        }
        let last = searched.entry(*session).or_insert_with(|| Searched { at: now, shown: HashSet::new() });
        last.shown.extend(found.iter().map(|found| found.handle));
    }

    /// Whether it is on record, not long ago, that this picture is damaged.
    pub(super) fn is_damage_on_record(&self, picture: CaptureId, now: UnixMillis) -> bool {
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        damaged.get(&picture).is_some_and(|at| is_recent(*at, now, DAMAGED_EVERY))
    }

    /// It is.
    pub(super) fn damage_on_record(&self, picture: CaptureId, now: UnixMillis) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.len() >= MAX_KEPT {
            damaged.retain(|_, at| is_recent(*at, now, DAMAGED_EVERY));
        }
        if damaged.len() < MAX_KEPT {
            damaged.insert(picture, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clinic::identity::PatientIdentity;

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis(1_800_000_000_000 + seconds * 1000)
    }

    fn found(handles: &[u8]) -> Vec<Found> {
        let identity = |handle: &u8| PatientIdentity {
            issuer: "clinic".to_owned(),
            record_number: handle.to_string(),
            name: "X".to_owned(),
            birth_date: "1970-01-01".to_owned(),
        };
        handles.iter().map(|handle| Found { handle: [*handle; 32], identity: identity(handle) }).collect()
    }

    #[test]
    fn what_is_denied_is_on_record_once_a_minute_with_how_often_it_was_asked_in_between() {
        let (noise, one, other): (_, OperatorId, OperatorId) =
            (Noise::default(), "one".parse().unwrap(), "other".parse().unwrap());
        assert_eq!(noise.denied(&one, "people", at(0)), Some(0));
        assert_eq!(noise.denied(&one, "people", at(0)), Some(0), "what is not on record yet silences nothing");
        noise.denied_on_record(&one, "people", at(0));
        for second in 1..20 {
            assert_eq!(noise.denied(&one, "people", at(second)), None);
        }
        assert_eq!(noise.denied(&one, "people", at(20)), Some(19), "a burst");
        noise.denied_on_record(&one, "people", at(20));
        for second in 21..60 {
            assert_eq!(noise.denied(&one, "people", at(second)), None, "once a minute");
        }
        assert_eq!(noise.denied(&one, "devices", at(1)), Some(0), "something else");
        assert_eq!(noise.denied(&other, "people", at(1)), Some(0), "somebody else");
        assert_eq!(noise.denied(&one, "people", at(60)), Some(39));
        noise.denied_on_record(&one, "people", at(60));
        assert_eq!(noise.denied(&one, "people", at(30)), Some(0), "a clock that was set back");
    }

    #[test]
    fn a_damaged_picture_is_on_record_once_an_hour() {
        let (noise, one) = (Noise::default(), CaptureId::from_bytes([1; 16]));
        assert!(!noise.is_damage_on_record(one, at(0)));
        noise.damage_on_record(one, at(0));
        assert!(noise.is_damage_on_record(one, at(3599)));
        assert!(!noise.is_damage_on_record(one, at(3600)));
        assert!(!noise.is_damage_on_record(CaptureId::from_bytes([2; 16]), at(1)), "another picture");
    }

    #[test]
    fn a_search_that_shows_nobody_new_belongs_to_the_entry_before_and_no_other() {
        let (noise, session) = (Noise::default(), [1; 32]);
        assert!(!noise.is_on_record(&session, &found(&[]), at(0)));
        noise.searched_on_record(&session, &found(&[1, 2]), at(0));
        for these in [&[1, 2][..], &[1], &[]] {
            assert!(noise.is_on_record(&session, &found(these), at(9)), "{these:?}");
            assert!(!noise.is_on_record(&session, &found(these), at(10)), "{these:?}, too late");
            assert!(!noise.is_on_record(&[2; 32], &found(these), at(1)), "{these:?}, another session");
        }
        assert!(!noise.is_on_record(&session, &found(&[1, 3]), at(1)), "somebody new");
        // Whoever was shown within the ten seconds is, and those do not begin anew.
        noise.searched_on_record(&session, &found(&[3]), at(5));
        assert!(noise.is_on_record(&session, &found(&[1, 3]), at(9)));
        assert!(!noise.is_on_record(&session, &found(&[1, 3]), at(10)));
    }
}
