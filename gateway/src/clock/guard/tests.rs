//! A clock that is set back, set forward, or broken at start.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;
const START: u64 = 1_790_000_000_000;

/// A machine whose wall clock and count are what the test says.
#[derive(Clone, Default)]
struct Machine {
    wall: Arc<AtomicU64>,
    steady: Arc<AtomicU64>,
}

impl Machine {
    fn at(wall: u64) -> Self {
        let machine = Self::default();
        machine.set(wall);
        machine
    }

    fn clock(&self) -> Clock {
        let (wall, steady) = (self.wall.clone(), self.steady.clone());
        Clock::from_fns(
            move || UnixMillis(wall.load(Ordering::SeqCst)),
            move || Duration::from_millis(steady.load(Ordering::SeqCst)),
        )
    }

    fn set(&self, wall: u64) {
        self.wall.store(wall, Ordering::SeqCst);
    }

    /// Time passes, on both clocks.
    fn pass(&self, millis: u64) {
        self.wall.fetch_add(millis, Ordering::SeqCst);
        self.steady.fetch_add(millis, Ordering::SeqCst);
    }
}

fn watched(machine: &Machine, mark: u64) -> Guard {
    Guard::new(machine.clock(), Some(UnixMillis(mark)))
}

#[test]
fn a_clock_that_goes_is_right_however_rarely_it_is_looked_at() {
    let machine = Machine::at(START);
    let guard = watched(&machine, START);
    for pass in [0, 1, HOUR, 40 * DAY, 3 * YEAR] {
        machine.pass(pass);
        let reading = guard.look();
        assert_eq!((reading.judgement, reading.now, reading.mark), (Judgement::Right, reading.wall, reading.wall));
    }
}

#[test]
fn e22_time_goes_on_although_the_clock_was_set_back() {
    let machine = Machine::at(START);
    let guard = watched(&machine, START);
    machine.set(START - YEAR);
    let behind = guard.look();
    assert_eq!((behind.judgement, behind.now), (Judgement::Behind, UnixMillis(START)));
    assert!(!behind.judgement.may_issue() && !behind.judgement.may_remove());
    machine.pass(20 * DAY);
    assert_eq!(guard.look().now, UnixMillis(START + 20 * DAY), "what ends in the meantime ends");
    // The mark is kept, so that a restart changes nothing.
    let again = watched(&machine, guard.look().mark.0);
    assert_eq!((again.look().judgement, again.now()), (Judgement::Behind, UnixMillis(START + 20 * DAY)));
    // NTP corrects it.
    machine.set(START + 20 * DAY + MINUTE);
    assert_eq!((guard.look().judgement, guard.now()), (Judgement::Right, UnixMillis(START + 20 * DAY + MINUTE)));
}

#[test]
fn e22_a_small_step_back_is_no_step_back_in_time() {
    let machine = Machine::at(START);
    let guard = watched(&machine, START);
    machine.set(START - 4 * MINUTE);
    assert_eq!((guard.look().judgement, guard.now()), (Judgement::Right, UnixMillis(START)));
    machine.set(START - 6 * MINUTE);
    assert_eq!(guard.look().judgement, Judgement::Behind);
}

#[test]
fn e22_a_clock_that_boots_a_year_ahead_leaves_nothing_behind() {
    let machine = Machine::at(START + YEAR);
    let guard = watched(&machine, START);
    for _ in 0..48 {
        machine.pass(HOUR);
        let ahead = guard.look();
        assert_eq!(
            (ahead.judgement, ahead.now),
            (Judgement::Ahead, ahead.wall),
            "nothing that may have ended is taken"
        );
        assert!(!ahead.judgement.may_issue());
    }
    machine.set(START + 2 * DAY + MINUTE);
    let corrected = guard.look();
    assert_eq!((corrected.judgement, corrected.now), (Judgement::Right, corrected.wall));
}

#[test]
fn d15_a_leap_is_believed_once_it_has_stood_and_not_before() {
    let machine = Machine::at(START);
    let guard = watched(&machine, START);
    machine.set(START + DAY);
    for _ in 0..11 {
        let leapt = guard.look();
        assert_eq!(leapt.judgement, Judgement::Leapt);
        assert!(leapt.judgement.may_issue() && !leapt.judgement.may_remove());
        machine.pass(5 * MINUTE);
    }
    // Set right before it was believed: as if nothing had been.
    machine.set(START + 55 * MINUTE);
    assert_eq!((guard.look().judgement, guard.look().mark), (Judgement::Right, UnixMillis(START + 55 * MINUTE)));

    // A machine that was off for six weeks.
    let machine = Machine::at(START + 42 * DAY);
    let guard = watched(&machine, START);
    assert_eq!(guard.look().judgement, Judgement::Leapt);
    machine.pass(HOUR);
    assert_eq!((guard.look().judgement, guard.look().mark), (Judgement::Right, UnixMillis(START + 42 * DAY + HOUR)));
}

#[test]
fn d15_an_hour_is_not_gathered_from_different_leaps() {
    let machine = Machine::at(START);
    let guard = watched(&machine, START);
    for leap in 1..=6 {
        machine.set(START + leap * DAY);
        assert_eq!(guard.look().judgement, Judgement::Leapt, "{leap}");
        machine.pass(30 * MINUTE);
        assert_eq!(guard.look().judgement, Judgement::Leapt, "{leap}");
    }
}

#[test]
fn e22_accepting_is_the_way_out_in_both_directions() {
    for wall in [START - YEAR, START + 3 * YEAR] {
        let machine = Machine::at(wall);
        let guard = watched(&machine, START);
        assert!(!guard.look().judgement.may_issue());
        assert_eq!(guard.accept(), UnixMillis(START));
        let reading = guard.look();
        assert_eq!((reading.judgement, reading.now), (Judgement::Right, UnixMillis(wall)));
    }
}

#[test]
fn an_outage_counts_against_nobodys_grace() {
    let machine = Machine::at(START + 42 * DAY);
    let guard = watched(&machine, START);
    let outage = guard.look().outage.unwrap();
    assert_eq!(outage, Outage { from: UnixMillis(START), until: UnixMillis(START + 42 * DAY) });
    machine.pass(2 * HOUR);
    assert_eq!(guard.look().outage, Some(outage));
    let grace = Duration::from_secs(14 * 86_400);
    let (ended_in_it, ended_before) = (UnixMillis(START + DAY), UnixMillis(START - 15 * DAY));
    assert!(outage.excuses(ended_in_it, grace, UnixMillis(START + 56 * DAY)));
    assert!(!outage.excuses(ended_in_it, grace, UnixMillis(START + 56 * DAY + 1)));
    assert!(!outage.excuses(ended_before, grace, UnixMillis(START + 42 * DAY)));

    // A clock that was ahead at start and then corrected: the gateway was not off.
    let machine = Machine::at(START + 42 * DAY);
    let guard = watched(&machine, START);
    assert!(guard.look().outage.is_some());
    machine.set(START + MINUTE);
    assert_eq!((guard.look().judgement, guard.look().outage), (Judgement::Right, None));
    // A leap while it runs is no outage either.
    machine.set(START + 42 * DAY);
    assert_eq!((guard.look().judgement, guard.look().outage), (Judgement::Leapt, None));
}

#[test]
fn no_time_is_too_odd() {
    for wall in [0, 1, u64::MAX - 1, u64::MAX] {
        for mark in [0, START, u64::MAX] {
            let machine = Machine::at(wall);
            let guard = watched(&machine, mark);
            let reading = guard.look();
            assert!(reading.now >= reading.mark.min(reading.wall));
        }
    }
}
