//! Guesses slow down: by person, so that one account is not tried from many places, and by network, so that one place does not try many accounts.
//! A name that nobody has is counted like one that somebody has, so that the wait tells nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use safelight_core::ids::UnixMillis;
use sha2::{Digest, Sha256};

use crate::network::network;

/// Wrong tries that cost nothing: people mistype.
const FREE: u32 = 4;

/// The wait after the first that does, doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// No wait is longer: somebody else's guesses must not keep a clinician out for the day.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// A network may be a whole clinic behind one address.
const NETWORK_FREE: u32 = 20;

/// Forgotten after so long without a wrong try.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);

/// Counted at once. Beyond it the ones that were wrong longest ago are forgotten.
const MAX_COUNTED: usize = 20_000;

/// Wrong tries, by whom.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<HashMap<Key, Count>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// SHA-256 of what was typed as the name: it is whatever somebody typed, and need not be kept.
    Person([u8; 32]),
    Network(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Count {
    wrong: u32,
    last: UnixMillis,
}

impl Throttle {
    /// How long this try has to wait; none if it may go on.
    pub(super) fn wait(&self, name: &str, from: IpAddr, now: UnixMillis) -> Option<Duration> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |key: Key, free: u32| {
            let count = counts.get(&key)?;
            let doubled = count.wrong.checked_sub(free)?;
            let wait = FIRST_WAIT.saturating_mul(2u32.saturating_pow(doubled.min(16))).min(LONGEST_WAIT);
            wait.checked_sub(now.since(count.last)).filter(|left| !left.is_zero())
        };
        of(person(name), FREE).max(of(Key::Network(network(from)), NETWORK_FREE))
    }

    /// A try was wrong.
    pub(super) fn wrong(&self, name: &str, from: IpAddr, now: UnixMillis) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = [person(name), Key::Network(network(from))];
        let full = MAX_COUNTED.saturating_sub(keys.len());
        if counts.len() > full {
            counts.retain(|_, count| now.since(count.last) < FORGOTTEN);
        }
        while counts.len() > full
            && let Some(oldest) = counts.iter().min_by_key(|(_, count)| count.last.0).map(|(key, _)| *key)
        {
            counts.remove(&oldest);
        }
        for key in keys {
            let count = counts.entry(key).or_insert(Count { wrong: 0, last: now });
            let since = now.since(count.last);
            count.wrong = if since >= FORGOTTEN { 1 } else { count.wrong.saturating_add(1) };
            count.last = now;
        }
    }

    /// A person has shown who they are.
    pub(super) fn right(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&person(name));
    }
}

fn person(name: &str) -> Key {
    Key::Person(Sha256::digest(name.trim().to_lowercase()).into())
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

    #[test]
    fn c07_guesses_at_one_person_slow_down_wherever_they_come_from_and_never_for_good() {
        let throttle = Throttle::default();
        for guess in 0..FREE {
            assert_eq!(throttle.wait("Doctor", address(1), at(0)), None);
            throttle.wrong("doctor ", address(u16::try_from(guess).unwrap()), at(0));
        }
        assert_eq!(throttle.wait("doctor", address(9), at(0)), Some(FIRST_WAIT));
        assert_eq!(throttle.wait("doctor", address(9), at(2)), None, "after the wait");
        for _ in 0..100 {
            throttle.wrong("doctor", address(7), at(2));
        }
        assert_eq!(throttle.wait("doctor", address(9), at(2)), Some(LONGEST_WAIT));
        assert_eq!(throttle.wait("nurse", address(9), at(2)), None, "others are not kept waiting");
        throttle.right("doctor");
        assert_eq!(throttle.wait("doctor", address(9), at(2)), None);
    }

    #[test]
    fn c07_one_network_slows_down_whomever_it_tries_and_memory_is_bounded() {
        let throttle = Throttle::default();
        for guess in 0..NETWORK_FREE {
            throttle.wrong(&format!("somebody{guess}"), address(1), at(0));
        }
        assert_eq!(throttle.wait("anybody", address(1), at(0)), Some(FIRST_WAIT));
        assert_eq!(throttle.wait("anybody", address(2), at(0)), None);
        for guess in 0..MAX_COUNTED {
            throttle.0.lock().unwrap().insert(person(&guess.to_string()), Count { wrong: 1, last: at(1) });
        }
        for guess in 0..5 {
            throttle.wrong(&format!("x{guess}"), address(3 + guess), at(2));
            assert!(throttle.0.lock().unwrap().len() <= MAX_COUNTED, "after {guess}");
        }
        assert_eq!(throttle.0.lock().unwrap()[&person("x4")].wrong, 1, "the newest is counted");
    }
}
