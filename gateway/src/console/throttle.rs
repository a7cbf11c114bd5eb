//! Guesses slow down: at a name from one network; at a name from everywhere, so that one account is not tried from many places; from a network, so that one
//! place does not try many accounts; and at record numbers, by whoever is logged in. A name that nobody has is counted like one that somebody has, so that
//! the wait tells nothing.
//!
//! Attackers: guess, many at once too, so a try counts before its answer is known; or make others wait. One place that guesses at a name waits itself long
//! before its owner does anywhere else; only many places at once slow a name down for everybody. What one thing counts holds up no other: whatever is typed
//! as a name is a name and nothing else, and who shows who they are takes nothing from the places of their network. A passkey waits for wrong ones of its
//! own network alone, and a code to begin with for nobody: neither is guessed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use safelight_core::ids::UnixMillis;
use safelight_core::manifest::OperatorId;
use sha2::{Digest, Sha256};

use crate::network::network;

/// Wrong tries that cost nothing: people mistype.
const FREE: u32 = 4;

/// The wait after the first that does, doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// No wait is longer: somebody else's guesses must not keep a clinician out for the day.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// From everywhere, at one name: more than one place can make in an hour.
const NAME_FREE: u32 = 40;

/// A network may be a whole clinic behind one address.
const NETWORK_FREE: u32 = 20;

/// Forgotten after so long without a wrong try.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);

/// Counted at once. Beyond it the ones that were wrong longest ago are forgotten.
const MAX_COUNTED: usize = 20_000;

/// What is tried.
#[derive(Debug, Clone, Copy)]
pub(super) enum Try<'a> {
    /// A password, under whatever was typed as the name.
    Password(&'a str, IpAddr),
    /// A passkey: whose, nobody knows before it is checked.
    Passkey(IpAddr),
    /// A patient's record number, by somebody who is logged in.
    Number(&'a OperatorId),
}

impl Try<'_> {
    /// What it counts for, and how many wrong ones of each cost nothing.
    fn keys(self) -> Vec<(Key, u32)> {
        match self {
            Self::Password(name, from) => {
                let (name, network) = (hash(name), network(from));
                vec![
                    (Key::NameFrom(name, network), FREE),
                    (Key::Name(name), NAME_FREE),
                    (Key::Network(network), NETWORK_FREE),
                ]
            }
            Self::Passkey(from) => vec![(Key::Passkeys(network(from)), NETWORK_FREE)],
            Self::Number(person) => vec![(Key::Numbers(person.clone()), FREE)],
        }
    }
}

/// Tries that count as wrong until they are shown to be right.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<HashMap<Key, Count>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// SHA-256 of what was typed as the name: it is whatever somebody typed, and need not be kept.
    Name([u8; 32]),
    NameFrom([u8; 32], IpAddr),
    Network(IpAddr),
    Passkeys(IpAddr),
    Numbers(OperatorId),
}

#[derive(Debug, Clone, Copy)]
struct Count {
    wrong: u32,
    last: UnixMillis,
}

/// A try that may be made, and is counted.
#[must_use]
#[derive(Debug)]
pub(super) struct Counted {
    at: UnixMillis,
    /// When there was a wrong one before, by what is counted.
    before: Vec<(Key, Option<UnixMillis>)>,
}

impl Throttle {
    /// Counts a try as wrong, if it need not wait: of many at once each counts. `None` if it must wait.
    pub(super) fn begin(&self, what: Try<'_>, now: UnixMillis) -> Option<Counted> {
        let mut counts = self.counts();
        let keys = what.keys();
        if keys.iter().any(|(key, free)| counts.get(key).is_some_and(|count| count.must_wait(*free, now))) {
            return None;
        }
        make_room(&mut counts, keys.len(), now);
        let mut before = Vec::new();
        for (key, _) in keys {
            let known = counts.get(&key).copied().filter(|count| now.since(count.last) < FORGOTTEN);
            let wrong = known.map_or(0, |count| count.wrong).saturating_add(1);
            before.push((key.clone(), known.map(|count| count.last)));
            counts.insert(key, Count { wrong, last: now });
        }
        Some(Counted { at: now, before })
    }

    /// It was not wrong: it is as if it had not been made.
    pub(super) fn take_back(&self, counted: Counted) {
        let mut counts = self.counts();
        for (key, before) in counted.before {
            let Some(count) = counts.get_mut(&key) else { continue };
            count.wrong = count.wrong.saturating_sub(1);
            if count.wrong == 0 {
                counts.remove(&key);
            } else if let Some(before) = before.filter(|_| count.last == counted.at) {
                // No other was made meanwhile.
                count.last = before;
            }
        }
    }

    /// A person has shown who they are: wrong tries at their name are forgotten, those of their network are not.
    pub(super) fn right(&self, counted: Counted) {
        let is_name = |key: &&Key| matches!(key, Key::Name(_) | Key::NameFrom(..));
        let names: Vec<Key> = counted.before.iter().map(|(key, _)| key).filter(is_name).cloned().collect();
        self.take_back(counted);
        let mut counts = self.counts();
        for name in names {
            counts.remove(&name);
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Key, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn must_wait(&self, free: u32, now: UnixMillis) -> bool {
        let Some(doubled) = self.wrong.checked_sub(free) else { return false };
        let wait = FIRST_WAIT.saturating_mul(2u32.saturating_pow(doubled.min(16))).min(LONGEST_WAIT);
        now.since(self.last) < wait
    }
}

/// For so many more.
fn make_room(counts: &mut HashMap<Key, Count>, more: usize, now: UnixMillis) {
    let full = MAX_COUNTED.saturating_sub(more);
    if counts.len() > full {
        counts.retain(|_, count| now.since(count.last) < FORGOTTEN);
    }
    while counts.len() > full
        && let Some(oldest) = counts.iter().min_by_key(|(_, count)| count.last.0).map(|(key, _)| key.clone())
    {
        counts.remove(&oldest);
    }
}

fn hash(name: &str) -> [u8; 32] {
    Sha256::digest(name.trim().to_lowercase()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis(1_800_000_000_000 + seconds * 1000)
    }

    fn address(last: u16) -> IpAddr {
        IpAddr::from([0x2001, 0xdb8, 0, last, 0, 0, 0, 1])
    }

    impl Throttle {
        /// Whether a try must wait, without making one.
        fn must_wait(&self, what: Try<'_>, now: UnixMillis) -> bool {
            let counts = self.counts();
            what.keys().iter().any(|(key, free)| counts.get(key).is_some_and(|count| count.must_wait(*free, now)))
        }
    }

    /// A wrong try that need not wait.
    fn wrong(throttle: &Throttle, what: Try<'_>, now: UnixMillis) {
        let counted = throttle.begin(what, now);
        assert!(counted.is_some(), "{what:?} has to wait");
    }

    #[test]
    fn c07_guesses_at_one_person_slow_down_wherever_they_come_from_and_never_for_good() {
        let throttle = Throttle::default();
        for guess in 0..4 {
            wrong(&throttle, Try::Password("doctor ", address(1)), at(0));
            assert_eq!(throttle.must_wait(Try::Password("Doctor", address(1)), at(0)), guess == 3);
        }
        let doctor = Try::Password("Doctor", address(1));
        assert!(throttle.must_wait(doctor, at(1)));
        assert!(!throttle.must_wait(doctor, at(2)), "after the wait");
        let mut now = 2;
        for wait in [4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
            wrong(&throttle, doctor, at(now));
            assert!(throttle.must_wait(doctor, at(now + wait - 1)), "{wait}");
            assert!(!throttle.must_wait(doctor, at(now + wait)), "{wait}");
            now += wait;
        }
        assert!(!throttle.must_wait(Try::Password("nurse", address(1)), at(now)), "others are not kept waiting");
        let counted = throttle.begin(doctor, at(now)).unwrap();
        throttle.right(counted);
        for _ in 0..3 {
            wrong(&throttle, doctor, at(now));
        }
        // Many places at once.
        for guess in 0..NAME_FREE {
            wrong(&throttle, Try::Password("surgeon", address(u16::try_from(guess).unwrap())), at(now));
        }
        assert!(throttle.begin(Try::Password("surgeon", address(999)), at(now)).is_none());
    }

    #[test]
    fn c07_one_place_that_guesses_at_a_name_all_day_keeps_its_owner_out_nowhere_else() {
        let throttle = Throttle::default();
        let (mut tried, own) = (0, Try::Password("carla", address(2)));
        for second in 0..24 * 60 * 60 {
            tried += u32::from(throttle.begin(Try::Password("carla", address(1)), at(second)).is_some());
            assert!(!throttle.must_wait(own, at(second)), "after {second} s and {tried} tries");
            if second % 3000 == 2999 {
                let counted = throttle.begin(own, at(second)).unwrap();
                throttle.right(counted);
            }
        }
        assert!((280..320).contains(&tried), "{tried} tries in a day");
    }

    #[test]
    fn c07_one_network_slows_down_whomever_it_tries_and_memory_is_bounded() {
        let throttle = Throttle::default();
        for guess in 0..NETWORK_FREE {
            wrong(&throttle, Try::Password(&format!("somebody{guess}"), address(1)), at(0));
        }
        assert!(throttle.must_wait(Try::Password("anybody", address(1)), at(0)));
        assert!(!throttle.must_wait(Try::Password("anybody", address(2)), at(0)));
        for guess in 0..MAX_COUNTED {
            throttle.counts().insert(Key::Name(hash(&guess.to_string())), Count { wrong: 1, last: at(1) });
        }
        for guess in 0..5 {
            wrong(&throttle, Try::Password(&format!("x{guess}"), address(3 + guess)), at(2));
            assert!(throttle.counts().len() <= MAX_COUNTED, "after {guess}");
        }
        assert_eq!(throttle.counts()[&Key::Name(hash("x4"))].wrong, 1, "the newest is counted");
    }

    #[test]
    fn c07_a_whole_clinic_that_logs_in_through_one_address_waits_for_nothing() {
        let throttle = Throttle::default();
        for person in 0..1000 {
            let counted = throttle.begin(Try::Password(&format!("person{person}"), address(1)), at(0)).unwrap();
            throttle.right(counted);
            let counted = throttle.begin(Try::Passkey(address(1)), at(0)).unwrap();
            throttle.right(counted);
        }
        assert!(throttle.counts().is_empty(), "and nothing is kept");
        // A day of people who mistype now and then, and log in then, does not add up.
        for hour in 0..24 {
            wrong(&throttle, Try::Password("person1", address(1)), at(hour * 3601));
            let counted = throttle.begin(Try::Password("person1", address(1)), at(hour * 3601 + 1800)).unwrap();
            throttle.right(counted);
        }
        assert_eq!(throttle.counts()[&Key::Network(network(address(1)))].wrong, 1);
    }

    #[test]
    fn c07_of_tries_at_once_each_counts_and_a_right_one_hides_no_wrong_one() {
        let throttle = Throttle::default();
        let nurse = Try::Password("nurse", address(1));
        let first = throttle.begin(nurse, at(0)).unwrap();
        let pending: Vec<_> = (0..10).filter_map(|_| throttle.begin(nurse, at(0))).collect();
        assert_eq!(pending.len(), 3, "those that cost nothing");
        throttle.right(first);
        assert_eq!(throttle.counts()[&Key::Network(network(address(1)))].wrong, 3);
    }

    #[test]
    fn c07_what_one_thing_counts_holds_up_no_other() {
        let throttle = Throttle::default();
        let (carla, other) = ("carla".parse().unwrap(), "other".parse().unwrap());
        for typed in ["emergency carla", "carla", "\0passkey", "join"] {
            for _ in 0..4 {
                wrong(&throttle, Try::Password(typed, address(1)), at(0));
            }
        }
        assert!(!throttle.must_wait(Try::Number(&carla), at(0)), "a stranger keeps nobody from emergency access");
        assert!(!throttle.must_wait(Try::Passkey(address(1)), at(0)));
        for _ in 0..4 {
            wrong(&throttle, Try::Number(&carla), at(0));
        }
        assert!(throttle.must_wait(Try::Number(&carla), at(0)));
        assert!(!throttle.must_wait(Try::Number(&other), at(0)));
        assert!(!throttle.must_wait(Try::Password("dora", address(1)), at(0)), "nor numbers anybody from logging in");
    }

    #[test]
    fn c11_a_number_that_was_found_is_as_if_it_had_not_been_tried() {
        let throttle = Throttle::default();
        let person = "carla".parse().unwrap();
        for _ in 0..3 {
            wrong(&throttle, Try::Number(&person), at(0));
        }
        for _ in 0..10 {
            let found = throttle.begin(Try::Number(&person), at(1)).unwrap();
            throttle.take_back(found);
        }
        // It takes nothing back of what was wrong, and makes no wait longer.
        assert_eq!(throttle.counts()[&Key::Numbers(person)].wrong, 3);
        assert_eq!(throttle.counts().values().next().unwrap().last, at(0));
    }
}
