//! What the demo came to.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// Rows of photographs that are shown; the figures below the table are of all.
const SHOWN: usize = 24;

/// The columns of the first table: what was planted, and a short word for it.
const COLUMNS: [(&str, &str); 6] = [
    ("location", "place"),
    ("camera serial number", "serial"),
    ("owner", "owner"),
    ("thumbnail", "thumb"),
    ("name in XMP", "XMP"),
    ("comment", "text"),
];

/// What happened to one photograph.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Photograph {
    pub(super) id: String,
    pub(super) bytes_taken: usize,
    pub(super) bytes_stripped: usize,
    pub(super) bytes_sealed: usize,
    /// Kinds of things that were planted.
    pub(super) planted: usize,
    /// Those that the search found in the camera's bytes.
    pub(super) said_before: Vec<&'static str>,
    /// Those that it found in what was left.
    pub(super) says_after: Vec<&'static str>,
    /// What stripping says that it removed.
    pub(super) removed: Vec<&'static str>,
    #[serde(rename = "shutter_to_receipt_ms", serialize_with = "milliseconds")]
    pub(super) shutter_to_receipt: Duration,
    pub(super) receipt_index: u64,
}

/// Something that must hold.
#[derive(Debug, Clone, Serialize)]
struct Check {
    name: &'static str,
    holds: bool,
    figure: String,
}

/// All of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Figures {
    pub(super) photographs: Vec<Photograph>,
    megapixels: f64,
    #[serde(rename = "shutter_to_receipt_p50_ms", serialize_with = "milliseconds")]
    shutter_to_receipt_p50: Duration,
    #[serde(rename = "shutter_to_receipt_p99_ms", serialize_with = "milliseconds")]
    shutter_to_receipt_p99: Duration,
    checks: Vec<Check>,
    all_hold: bool,
}

impl Photograph {
    fn said_all(&self) -> bool {
        self.planted > 0 && self.said_before.len() == self.planted
    }
}

impl Figures {
    /// Takes a row of the second table down.
    pub(super) fn check(&mut self, name: &'static str, holds: bool, figure: String) {
        self.checks.push(Check { name, holds, figure });
        self.all_hold = self.checks.iter().all(|check| check.holds);
    }

    /// When all photographs are through: what follows from them.
    pub(super) fn sum_up(&mut self, pixels: u64) {
        let mut times: Vec<Duration> =
            self.photographs.iter().map(|photograph| photograph.shutter_to_receipt).collect();
        times.sort_unstable();
        self.shutter_to_receipt_p50 = percentile(&times, 50);
        self.shutter_to_receipt_p99 = percentile(&times, 99);
        self.megapixels = pixels as f64 / 1e6;
        let all = self.photographs.len();
        let telling = self.photographs.iter().filter(|photograph| photograph.said_all()).count();
        let silent = self.photographs.iter().filter(|photograph| photograph.says_after.is_empty()).count();
        self.check(
            "everything planted is in the originals",
            telling == all && all > 0,
            format!("{telling} of {all} photographs"),
        );
        self.check(
            "nothing of it is in the stripped pictures",
            silent == all && all > 0,
            format!("{silent} of {all} photographs"),
        );
    }

    /// Whether every row holds.
    pub(super) fn all_hold(&self) -> bool {
        self.all_hold
    }

    /// The first picture's name.
    pub(super) fn first_id(&self) -> Option<&str> {
        self.photographs.first().map(|photograph| photograph.id.as_str())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nWhat each photograph said before, and says after stripping (x found, - not)\n")?;
        write!(f, "   #  camera  sealed  ")?;
        COLUMNS.iter().try_for_each(|(_, word)| write!(f, "{word:<7}"))?;
        writeln!(f, "all     receipt")?;
        for (number, photograph) in (1_usize..).zip(self.photographs.iter().take(SHOWN)) {
            let (taken, sealed) = (megabytes(photograph.bytes_taken), megabytes(photograph.bytes_sealed));
            write!(f, "{number:>4} {taken:>7} {sealed:>7}  ")?;
            let (before, after) = (&photograph.said_before, &photograph.says_after);
            for (what, _) in &COLUMNS {
                let mark = |found: &[&str]| if found.contains(what) { 'x' } else { '-' };
                write!(f, "{} > {}  ", mark(before), mark(after))?;
            }
            let all = format!("{} > {}", before.len(), after.len());
            writeln!(f, "{all:<7}{:>5} ms", photograph.shutter_to_receipt.as_millis())?;
        }
        let hidden = self.photographs.len().saturating_sub(SHOWN);
        if hidden > 0 {
            writeln!(f, "     ... and {hidden} more, which are counted below")?;
        }
        let (p50, p99) = (self.shutter_to_receipt_p50.as_millis(), self.shutter_to_receipt_p99.as_millis());
        writeln!(f, "\nFrom shutter to receipt, {:.0} megapixels each: p50 {p50} ms, p99 {p99} ms", self.megapixels)?;
        writeln!(f, "\nWhat must hold\n")?;
        for check in &self.checks {
            let verdict = if check.holds { "yes" } else { "NO" };
            writeln!(f, "  {verdict:<3}  {:<43} {}", check.name, check.figure)?;
        }
        Ok(())
    }
}

fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn milliseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64() * 1e3)
}

/// By nearest rank: a time that was measured, not one between two.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100).max(1);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photograph(before: &[&'static str], after: &[&'static str]) -> Photograph {
        Photograph {
            id: "01234567-89ab-7cde-8f01-23456789abcd".to_owned(),
            bytes_taken: 12_345_678,
            bytes_stripped: 12_000_000,
            bytes_sealed: 12_003_000,
            planted: before.len(),
            said_before: before.to_vec(),
            says_after: after.to_vec(),
            removed: vec![],
            shutter_to_receipt: Duration::from_millis(12_345),
            receipt_index: 0,
        }
    }

    #[test]
    fn nothing_holds_until_it_has_been_seen_and_one_no_is_enough() {
        let mut figures = Figures::default();
        assert!(!figures.all_hold());
        figures.photographs.push(photograph(&["location", "owner"], &[]));
        figures.sum_up(12_000_000);
        assert!(figures.all_hold());
        figures.photographs.push(photograph(&["location", "owner"], &["owner"]));
        figures.sum_up(12_000_000);
        assert!(!figures.all_hold(), "{figures}");

        let mut blind = Figures::default();
        blind.photographs.push(photograph(&[], &[]));
        blind.sum_up(12_000_000);
        assert!(!blind.all_hold(), "an original in which nothing is found proves nothing");
        let mut empty = Figures::default();
        empty.sum_up(0);
        assert!(!empty.all_hold());
    }

    #[test]
    fn percentiles_are_measured_times() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 50), Duration::from_millis(1));
        assert_eq!(percentile(&[], 99), Duration::ZERO);
    }

    #[test]
    fn it_fits_a_terminal_of_80_columns() {
        let mut figures = Figures::default();
        for _ in 0..30 {
            figures.photographs.push(photograph(&["location"; 13], &["location"; 13]));
        }
        figures.sum_up(12_000_000);
        for line in figures.to_string().lines() {
            assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
        }
    }
}
