//! Times as text: RFC 3339 in UTC.

use safelight_core::ids::UnixMillis;

const DAY: u64 = 86_400;

/// `2026-02-03T04:05:06Z`, in whole seconds.
pub fn rfc3339(at: UnixMillis) -> String {
    format!("{}Z", to_the_second(at))
}

/// `2026-02-03T04:05:06.789Z`, exactly.
pub fn rfc3339_exact(at: UnixMillis) -> String {
    format!("{}.{:03}Z", to_the_second(at), at.0 % 1000)
}

/// When a day begins, from `2026-02-03`, in UTC; none if there is no such day, or it is before 1970.
pub fn midnight(text: &str) -> Option<UnixMillis> {
    let mut parts = text.split('-');
    let mut number = |len: usize| {
        let digits = parts.next().filter(|part| part.len() == len && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<u64>().ok()
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    if parts.next().is_some() || year < 1970 || !(1..=12).contains(&month) {
        return None;
    }
    // The other way round than `civil`.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted_year / 400, shifted_year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let days = (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)?;
    (civil(days) == (year, month, day)).then_some(UnixMillis(days * DAY * 1000))
}

fn to_the_second(at: UnixMillis) -> String {
    let seconds = at.0 / 1000;
    let (year, month, day) = civil(seconds / DAY);
    let of_day = seconds % DAY;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Year, month and day of a day since 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years from
/// 0000-03-01, so that the leap day is the last of its year.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_where_the_calendar_says_and_no_others_exist() {
        for days in (0..60_000).step_by(7) {
            let text = rfc3339(UnixMillis(days * DAY * 1000));
            assert_eq!(midnight(&text[..10]), Some(UnixMillis(days * DAY * 1000)), "{text}");
        }
        for wrong in
            ["", "2026-02-30", "2025-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "1969-12-31", "2026-1-1"]
        {
            assert_eq!(midnight(wrong), None, "{wrong}");
        }
        for wrong in ["2026-02-03-04", "+026-02-03", "2026-02-03T00", "' OR 1=1 --", "２０２６-02-03"] {
            assert_eq!(midnight(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn known_moments() {
        // `date -u -d @SECONDS +%FT%TZ`
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_760_000_000, "2025-10-09T08:53:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(UnixMillis(seconds * 1000 + 999)), text);
        }
        assert_eq!(rfc3339_exact(UnixMillis(1_760_000_000_007)), "2025-10-09T08:53:20.007Z");
        // Nonsense stays text.
        assert!(rfc3339(UnixMillis(u64::MAX)).ends_with('Z'));
    }
}
