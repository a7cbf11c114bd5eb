//! What both processes keep of a watched clock, and when: the latest time that was believed, and when the gateway was last off.

use std::time::Duration;

use safelight_core::ids::UnixMillis;

use super::Clock;
use super::guard::{Guard, Judgement, Outage, Reading};

/// Between two looks at the clock.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// The mark is written when it has moved by so much.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// The latest time that was believed, in milliseconds since 1970.
pub const MARK: &str = "clock-mark";

/// When the gateway was last off.
const OUTAGE: [&str; 2] = ["outage-from", "outage-until"];

/// Names of what is kept, each a number.
pub const NAMES: [&str; 3] = [MARK, OUTAGE[0], OUTAGE[1]];

/// Watches `clock` from where it was left: `kept` are the values of [`NAMES`].
pub fn guard(clock: &Clock, kept: [Option<u64>; 3]) -> Guard {
    let [mark, from, until] = kept.map(|value| value.map(UnixMillis));
    let outage = from.zip(until).map(|(from, until)| Outage { from, until });
    Guard::new(clock.clone(), mark).after(outage)
}

/// What is to be kept of a reading, by name.
pub fn values(reading: Reading) -> impl Iterator<Item = (&'static str, u64)> {
    let outage = reading.outage.map(|outage| OUTAGE.into_iter().zip([outage.from.0, outage.until.0]));
    // The mark last: where these are not one transaction, an outage without its mark is found again.
    outage.into_iter().flatten().chain([(MARK, reading.mark.0)])
}

/// What was kept and said of the clock so far.
#[derive(Debug)]
pub struct Keeping {
    kept: Option<Reading>,
    said: Judgement,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { kept: None, said: Judgement::Right }
    }
}

impl Keeping {
    /// Whether the clock has turned wrong or right since it was last asked about. A clock that has turned wrong is said in the log.
    pub fn has_turned(&mut self, reading: Reading) -> bool {
        let judgement = reading.judgement;
        if std::mem::replace(&mut self.said, judgement).may_issue() == judgement.may_issue() {
            return false;
        }
        if judgement.may_issue() {
            tracing::info!("the clock is right again");
        } else {
            tracing::error!(
                judgement = judgement.name(),
                "the clock cannot be right: nobody is enrolled and no certificate issued. Set it; if it is right, run `safelight clock accept`"
            );
        }
        true
    }

    /// Whether something of this reading is to be written.
    pub fn is_due(&self, reading: Reading) -> bool {
        let moved = |kept: Reading| reading.mark < kept.mark || reading.mark.since(kept.mark) >= KEEP_EVERY;
        self.kept.is_none_or(|kept| moved(kept) || reading.outage != kept.outage)
    }

    /// It has been written.
    pub fn kept(&mut self, reading: Reading) {
        self.kept = Some(reading);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(judgement: Judgement, mark: u64, outage: Option<(u64, u64)>) -> Reading {
        let outage = outage.map(|(from, until)| Outage { from: UnixMillis(from), until: UnixMillis(until) });
        Reading { judgement, now: UnixMillis(mark), wall: UnixMillis(mark), mark: UnixMillis(mark), outage }
    }

    #[test]
    fn what_is_kept_brings_the_guard_back() {
        let clock = Clock::from_fns(|| UnixMillis(1_000_000), || Duration::ZERO);
        let before = reading(Judgement::Right, 900_000, Some((100, 200)));
        let kept = NAMES.map(|name| values(before).find(|(known, _)| *known == name).map(|(_, value)| value));
        assert_eq!(kept, [Some(900_000), Some(100), Some(200)]);
        assert_eq!(guard(&clock, kept).look().outage, before.outage);
        assert_eq!(values(reading(Judgement::Right, 7, None)).collect::<Vec<_>>(), [(MARK, 7)]);
    }

    #[test]
    fn it_is_written_when_it_has_moved_and_said_when_it_turns() {
        let mut keeping = Keeping::default();
        let first = reading(Judgement::Right, 1_000_000, None);
        assert!(keeping.is_due(first) && !keeping.has_turned(first));
        keeping.kept(first);
        for (mark, outage, due) in [
            (1_000_000, None, false),
            (1_059_999, None, false),
            (1_060_000, None, true),
            (999_999, None, true),
            (1_000_000, Some((1, 2)), true),
        ] {
            assert_eq!(keeping.is_due(reading(Judgement::Right, mark, outage)), due, "{mark} {outage:?}");
        }
        for (judgement, turned) in
            [(Judgement::Leapt, false), (Judgement::Behind, true), (Judgement::Ahead, false), (Judgement::Right, true)]
        {
            assert_eq!(keeping.has_turned(reading(judgement, 1, None)), turned, "{judgement:?}");
        }
    }
}
