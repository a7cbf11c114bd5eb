//! Whether the wall clock can be right.
//!
//! Whoever sets a gateway's clock back by a year brings invitations and certificates back to life that ended long ago; whoever sets it
//! forward makes all of them end at once, and what is then dated so stays dated so. A clock that is merely broken does the same: a machine
//! without a battery boots in 1970, or years ahead, until NTP corrects it.
//!
//! So the latest time that was ever believed is kept as a **mark**, which outlives restarts, and the time that has passed since this
//! process started is counted on a clock that nobody can set:
//!
//! | the wall clock | is | the time that is used | certificates are issued |
//! |---|---|---|---|
//! | about what mark and count say | right | its own | yes |
//! | earlier | behind | mark and count: nothing that has ended lives again | no |
//! | later, by less than [`MAX_LEAP`] | leapt: the machine was off, or the clock was set | its own; the mark follows after [`SETTLING`] | yes |
//! | later than that | ahead | its own: nothing that may have ended is taken, and nothing is kept of it | no |
//!
//! A leap at the start of a process is also an **outage**: nobody could renew a certificate while the gateway was off, so that time counts
//! against nobody's grace.
//!
//! `safelight clock accept` moves the mark to where the clock is, in either direction.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use safelight_core::ids::UnixMillis;

use super::Clock;

/// What a right clock may be off by.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// A gateway that was off for longer has outlived every certificate, its own among them, so that asking a person costs nothing.
pub const MAX_LEAP: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// A leap that has stood for so long is believed: NTP corrects a wrong clock sooner.
pub const SETTLING: Duration = Duration::from_secs(60 * 60);

/// What is to be thought of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It is right.
    Right,
    /// It leapt forward, and may be right.
    Leapt,
    /// It is earlier than a time that has been.
    Behind,
    /// It is so much later than the last time that was believed that a person must say so.
    Ahead,
}

impl Judgement {
    /// A stable name for logs and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Leapt => "leapt",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
        }
    }

    /// Whether certificates and invitations may be dated by it.
    pub const fn may_issue(self) -> bool {
        matches!(self, Self::Right | Self::Leapt)
    }

    /// Whether something may be removed because of its age.
    pub const fn may_remove(self) -> bool {
        matches!(self, Self::Right)
    }
}

/// What a look at the clock gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What is to be thought of the clock.
    pub judgement: Judgement,
    /// The time to be used.
    pub now: UnixMillis,
    /// What the wall clock says.
    pub wall: UnixMillis,
    /// The latest time that was believed: to be kept.
    pub mark: UnixMillis,
    /// When the gateway was last off: to be kept.
    pub outage: Option<Outage>,
}

/// A time in which the gateway was off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// The latest time that was believed before.
    pub from: UnixMillis,
    /// When it was on again.
    pub until: UnixMillis,
}

impl Outage {
    /// Whether a certificate that ended at `not_after` may still be renewed at `now`: its `grace` had not ended when the gateway went off,
    /// and the gateway has not been on again for longer than that.
    pub fn excuses(self, not_after: UnixMillis, grace: Duration, now: UnixMillis) -> bool {
        not_after.plus(grace) >= self.from && now <= self.until.plus(grace)
    }
}

/// A clock that is watched. Clones watch together.
#[derive(Debug, Clone)]
pub struct Guard {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    mark: UnixMillis,
    /// When the mark was last moved, on the clock that nobody can set.
    at: Duration,
    leap: Option<Leap>,
    /// Nobody has looked yet.
    new: bool,
    outage: Option<Outage>,
}

/// A leap that has not been believed yet.
#[derive(Debug, Clone, Copy)]
struct Leap {
    to: UnixMillis,
    at: Duration,
}

impl Guard {
    /// Watches `clock`, beginning with the mark that was kept. Without one the clock is believed.
    pub fn new(clock: Clock, mark: Option<UnixMillis>) -> Self {
        let mark = mark.unwrap_or_else(|| clock.now());
        let state = State { mark, at: clock.elapsed(), leap: None, new: true, outage: None };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    /// The same, with the outage that was kept.
    #[must_use]
    pub fn after(self, outage: Option<Outage>) -> Self {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).outage = outage;
        self
    }

    /// Looks at the clock.
    pub fn look(&self) -> Reading {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = self.clock.now();
        let judgement = state.judge(wall, self.clock.elapsed());
        // Behind, that is the mark; else the clock, or the mark that it is a moment short of.
        Reading { judgement, now: wall.max(state.mark), wall, mark: state.mark, outage: state.outage }
    }

    /// The time to be used.
    pub fn now(&self) -> UnixMillis {
        self.look().now
    }

    /// How long the watched clock has run, whatever it was set to.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The same as a clock, for whoever need not know that it is watched.
    pub fn clock(&self) -> Clock {
        let (watched, steady) = (self.clone(), self.clock.clone());
        Clock::from_fns(move || watched.now(), move || steady.elapsed())
    }

    /// Believes the clock as it is. Gives the mark of before.
    pub fn accept(&self) -> UnixMillis {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.mark;
        *state = State { mark: self.clock.now(), at: self.clock.elapsed(), leap: None, new: false, outage: None };
        before
    }
}

impl State {
    fn judge(&mut self, wall: UnixMillis, at: Duration) -> Judgement {
        let expected = self.mark.plus(at.saturating_sub(self.at));
        self.at = at;
        let new = std::mem::replace(&mut self.new, false);
        if wall.plus(TOLERANCE) < expected {
            self.mark = expected;
            self.leap = None;
            return Judgement::Behind;
        }
        if wall <= expected.plus(TOLERANCE) {
            self.mark = self.mark.max(wall);
            // A leap that is gone was none, and the gateway was not off.
            if self.leap.take().is_some() {
                self.outage = None;
            }
            return Judgement::Right;
        }
        self.mark = expected;
        if wall.since(expected) > MAX_LEAP {
            self.leap = None;
            return Judgement::Ahead;
        }
        if new {
            self.outage = Some(Outage { from: expected, until: wall });
        }
        let leap = self.leap.filter(|leap| leap.leads_to(wall, at)).unwrap_or(Leap { to: wall, at });
        if at.saturating_sub(leap.at) < SETTLING {
            self.leap = Some(leap);
            return Judgement::Leapt;
        }
        self.mark = wall;
        self.leap = None;
        Judgement::Right
    }
}

impl Leap {
    /// Whether the clock has gone on from where it leapt to.
    fn leads_to(self, wall: UnixMillis, at: Duration) -> bool {
        let expected = self.to.plus(at.saturating_sub(self.at));
        wall <= expected.plus(TOLERANCE) && expected <= wall.plus(TOLERANCE)
    }
}

#[cfg(test)]
mod tests;
