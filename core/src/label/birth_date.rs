//! A patient's birth date.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use zeroize::Zeroize;

use super::LabelError;
use crate::ids::UnixMillis;

/// A day in the Gregorian calendar, kept as `YYYY-MM-DD`.
#[derive(Clone, PartialEq, Eq, Zeroize)]
pub struct BirthDate(String);

impl BirthDate {
    /// `YYYY-MM-DD`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl BirthDate {
    /// Whether this day is still to come at `now`, wherever on earth.
    #[must_use]
    pub fn is_ahead_of(&self, now: UnixMillis) -> bool {
        let mut parts = self.0.splitn(3, '-').map(|part| part.parse::<u64>().unwrap_or_default());
        let (year, month, day) = (parts.next(), parts.next(), parts.next());
        let day = day_number(year.unwrap_or_default(), month.unwrap_or_default(), day.unwrap_or_default());
        let last = now.plus(FIRST_TIME_ZONE).0 / DAY_MS;
        day > last.saturating_add(UNIX_EPOCH_DAY)
    }
}

/// Clocks are ahead of UTC by so much at most (UTC+14).
const FIRST_TIME_ZONE: Duration = Duration::from_secs(14 * 60 * 60);

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

const FIRST_YEAR: u16 = 1800;

/// [`day_number`] of 1970-01-01.
const UNIX_EPOCH_DAY: u64 = 719_468;

/// The number of a day in the proleptic Gregorian calendar, counted from 0000-03-01, so that the leap day is the last of its year.
fn day_number(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.saturating_sub(1), month + 9) };
    let of_year = (153 * month + 2) / 5 + day.saturating_sub(1);
    365 * year + year / 4 - year / 100 + year / 400 + of_year
}

impl FromStr for BirthDate {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let number = |part: Option<&str>, digits: usize| {
            part.filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|part| part.parse::<u16>().ok())
                .ok_or(LabelError::BirthDate)
        };
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (number(parts.next(), 4)?, number(parts.next(), 2)?, number(parts.next(), 2)?);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        if year < FIRST_YEAR {
            return Err(LabelError::BirthDate);
        }
        if (1..=days).contains(&day) { Ok(Self(text.to_owned())) } else { Err(LabelError::NoSuchDay) }
    }
}

impl fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BirthDate(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn birth_dates_are_days_of_the_calendar() {
        for date in ["1961-02-03", "2000-02-29", "2024-02-29", "1900-12-31"] {
            assert_eq!(date.parse::<BirthDate>().unwrap().as_str(), date);
        }
        for date in [
            "",
            "1961-2-3",
            "03.02.1961",
            "1961/02/03",
            "+961-02-03",
            "1961-02-03 ",
            "1961-02-03-",
            "0961-02-03",
            "1799-12-31",
            "١٩٦١-02-03",
        ] {
            assert_eq!(date.parse::<BirthDate>(), Err(LabelError::BirthDate), "{date}");
        }
        for date in ["1900-02-29", "2023-02-29", "1961-02-30", "1961-13-01", "1961-00-01", "1961-01-00", "1961-04-31"] {
            assert_eq!(date.parse::<BirthDate>(), Err(LabelError::NoSuchDay), "{date}");
        }
    }

    #[test]
    fn a_day_that_is_to_come_is_so_wherever_on_earth() {
        let ahead = |date: &str, now| date.parse::<BirthDate>().unwrap().is_ahead_of(UnixMillis(now));
        // 2025-10-09T08:53:20Z, where it is the 9th everywhere; two hours later it is the 10th in UTC+14.
        let now = 1_760_000_000_000;
        assert!(!ahead("2025-10-09", now) && ahead("2025-10-10", now));
        assert!(!ahead("2025-10-10", now + 2 * 3_600_000) && ahead("2025-10-11", now + 2 * 3_600_000));
        assert!(!ahead("2024-02-29", now) && !ahead("1800-01-01", 0) && ahead("9999-12-31", now));
        assert!(!ahead("1970-01-01", 0) && ahead("1970-01-02", 0));
    }
}
