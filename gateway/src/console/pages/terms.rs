//! For how long a colleague or a team is added, as forms have it: one of a few terms, or a last day.
//!
//! Attacker: a form that names a day which is none, past, or so far ahead that nobody asks again. A day is parsed whole before it counts, and bounded at both
//! ends; without an end at all is a term of its own, which the log shows.

use std::time::Duration;

use axum::http::StatusCode;
use safelight_core::ids::UnixMillis;

use super::{Failure, shown};
use crate::clock::calendar::midnight;
use crate::console::text;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// No day is further ahead, in days.
const MAX_DAYS: u32 = 365;

/// The terms: how forms name them, in days, in words. Without days is for good.
const TERMS: [(&str, u32, &str); 5] = [
    ("week", 7, text::CARE_WEEK),
    ("month", 30, text::CARE_MONTH),
    ("quarter", 91, text::CARE_QUARTER),
    ("year", MAX_DAYS, text::CARE_YEAR),
    ("open", 0, text::CARE_OPEN),
];

/// What a form offers.
pub(super) struct Offered {
    /// How forms name each term, and its words.
    pub(super) terms: Vec<(&'static str, &'static str)>,
    /// The first day that may be given.
    pub(super) first: String,
    /// The last one.
    pub(super) last: String,
}

/// At `now`.
pub(super) fn offered(now: UnixMillis) -> Offered {
    Offered {
        terms: TERMS.into_iter().map(|(name, _, words)| (name, words)).collect(),
        first: shown::day(now),
        last: shown::day(days_after(now, MAX_DAYS)),
    }
}

/// Why there is no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TermError {
    /// No term and no day.
    Nothing,
    /// There is no such day.
    NoDay,
    /// It is over.
    Past,
    /// It is more than a year ahead.
    Far,
}

impl From<TermError> for Failure {
    fn from(error: TermError) -> Self {
        let words = match error {
            TermError::Nothing => text::CARE_TERM_NONE,
            TermError::NoDay => text::CARE_DAY_NONE,
            TermError::Past => text::CARE_DAY_PAST,
            TermError::Far => text::CARE_DAY_FAR,
        };
        Self::Refused(StatusCode::UNPROCESSABLE_ENTITY, words)
    }
}

/// The end: the last moment of `day` (UTC, as pages show times) if one is given, else of the term; none for good.
pub(super) fn end(term: &str, day: &str, now: UnixMillis) -> Result<Option<UnixMillis>, TermError> {
    let day = day.trim();
    if day.is_empty() {
        let (_, days, _) = TERMS.into_iter().find(|(name, ..)| *name == term).ok_or(TermError::Nothing)?;
        return Ok((days > 0).then(|| days_after(now, days)));
    }
    let begins = midnight(day).ok_or(TermError::NoDay)?;
    let ends = begins.plus(DAY);
    if ends <= now {
        return Err(TermError::Past);
    }
    if begins > days_after(now, MAX_DAYS) {
        return Err(TermError::Far);
    }
    Ok(Some(ends))
}

fn days_after(now: UnixMillis, days: u32) -> UnixMillis {
    now.plus(DAY.saturating_mul(days))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-02-03 04:05:06 UTC.
    const NOW: UnixMillis = UnixMillis(1_770_091_506_000);

    #[test]
    fn a_day_counts_to_its_end_from_today_to_a_year_ahead() {
        let at = |day: &str| end("week", day, NOW);
        assert_eq!(at("2026-02-03").unwrap().map(shown::time).as_deref(), Some("2026-02-04 00:00 UTC"));
        assert_eq!(at(" 2026-03-01 ").unwrap().map(shown::time).as_deref(), Some("2026-03-02 00:00 UTC"));
        assert_eq!(at("2026-02-02"), Err(TermError::Past));
        assert_eq!(at("1969-12-31"), Err(TermError::NoDay));
        assert!(at(&offered(NOW).first).is_ok() && at(&offered(NOW).last).is_ok());
        assert_eq!(offered(NOW).last, "2027-02-03");
        assert_eq!(at("2027-02-04"), Err(TermError::Far));
        assert_eq!(at("9999-12-31"), Err(TermError::Far));
        for none in ["tomorrow", "2026-02-30", "2026-2-3", "03.02.2026", "99999-01-01", "2026-02-03T00:00", "\0"] {
            assert_eq!(at(none), Err(TermError::NoDay), "{none}");
        }
    }

    #[test]
    fn without_a_day_the_term_counts() {
        assert_eq!(end("week", "", NOW).unwrap(), Some(UnixMillis(NOW.0 + 7 * 86_400_000)));
        assert_eq!(end("open", " ", NOW).unwrap(), None);
        for none in ["", "century"] {
            assert_eq!(end(none, "", NOW), Err(TermError::Nothing));
        }
        assert_eq!(end("open", "2026-02-02", NOW), Err(TermError::Past), "a day is not passed over");
    }
}
