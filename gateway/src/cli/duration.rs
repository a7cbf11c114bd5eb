//! Durations as people write them: `60s`, `15m`, `500ms`, `2h`, `1d`.

use std::time::Duration;

const EXPECTED: &str = "a number with a unit is expected: 500ms, 60s, 15m, 2h or 1d";

/// The longest that can be written: longer than anything here lasts, short enough for every clock to add.
const MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// For clap's `value_parser`.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).ok_or(EXPECTED)?;
    let number: u64 = number.parse().map_err(|_| EXPECTED)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(EXPECTED.to_owned()),
    };
    let duration = number.checked_mul(millis).map(Duration::from_millis);
    duration.filter(|duration| *duration <= MAX).ok_or_else(|| "at most 366d are expected".to_owned())
}

/// The same the other way, in the largest unit that fits evenly.
pub fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match units.iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read() {
        for (text, seconds) in [("60s", 60), ("15m", 900), ("2h", 7200), ("1d", 86400), ("0s", 0), ("3000ms", 3)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "60", "s", "1.5h", "-1s", "1 s", "1S", "١s", "99999999999999999999s", "18446744073709551615d", "367d"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for text in ["500ms", "90s", "15m", "2h", "30d", "0ms"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
    }
}
