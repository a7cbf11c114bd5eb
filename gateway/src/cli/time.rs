//! Times as people and programs read them.

use safelight_core::ids::UnixMillis;

pub use crate::clock::calendar::rfc3339;

/// `2026-02-03 04:05 UTC`, for a person.
pub fn human(at: UnixMillis) -> String {
    let text = rfc3339(at);
    match (text.split_once('T'), text.rsplit_once(':')) {
        (Some((date, _)), Some((minutes, _))) => {
            let clock = minutes.rsplit_once('T').map_or("", |(_, clock)| clock);
            format!("{date} {clock} UTC")
        }
        _ => text,
    }
}

/// `2026-02-03`.
pub fn date(at: UnixMillis) -> String {
    let text = rfc3339(at);
    text.split_once('T').map_or(text.clone(), |(date, _)| date.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_minutes_and_days() {
        assert_eq!(human(UnixMillis(1_760_000_000_000)), "2025-10-09 08:53 UTC");
        assert_eq!(date(UnixMillis(1_760_000_000_000)), "2025-10-09");
    }
}
