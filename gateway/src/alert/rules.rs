//! What is unusual. Nothing here knows a clock or a database: entries, counts and the configuration are arguments.

use safelight_core::ids::{CaptureId, DeviceId, UnixMillis};
use safelight_core::log::entry::{Entry, Field};
use serde::Serialize;

use crate::config::alert::{AlertConfig, Code};

const HOUR: u64 = 60 * 60 * 1000;
const DAY: u64 = 24 * HOUR;

/// Days of a person's past that a day is compared with.
pub const PAST_DAYS: u64 = 28;

/// How soon somebody must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// At once.
    High,
    /// Within the day.
    Medium,
}

impl Severity {
    /// Of the alerts of a code.
    #[must_use]
    pub const fn of(code: Code) -> Self {
        match code {
            Code::EmergencyAccess | Code::UnusualPatients | Code::UnusualDownloads => Self::High,
            Code::LogTrouble | Code::StoreTrouble | Code::DiskLow => Self::High,
            Code::LogInFailures | Code::UnusualHours | Code::Denied | Code::AccountReset => Self::Medium,
            Code::SequenceGap | Code::RevokedDevice | Code::CertificateEnds => Self::Medium,
        }
    }
}

/// Whether this is for whoever runs the machine too.
#[must_use]
pub const fn is_technical(code: Code) -> bool {
    matches!(
        code,
        Code::SequenceGap
            | Code::RevokedDevice
            | Code::LogTrouble
            | Code::StoreTrouble
            | Code::CertificateEnds
            | Code::DiskLow
    )
}

/// An entry of the access log, taken apart: who and when are its last two fields.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// What was done.
    pub kind: &'a str,
    /// With what.
    pub fields: &'a [Field],
    /// By whom.
    pub by: &'a str,
    /// When.
    pub at: UnixMillis,
}

impl<'a> Record<'a> {
    /// `None` for an entry without the two.
    #[must_use]
    pub fn of(entry: &'a Entry) -> Option<Self> {
        let [fields @ .., Field::Code(by), Field::Number(at)] = entry.fields() else { return None };
        Some(Self { kind: entry.kind(), fields, by, at: UnixMillis(*at) })
    }

    fn is_by_person(&self) -> bool {
        self.by.starts_with("person:")
    }

    fn bytes(&self, place: usize) -> Option<&[u8]> {
        match self.fields.get(place) {
            Some(Field::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

/// What raises an alert, and about whom or what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The rule.
    pub code: Code,
    /// `person:...`, `device:...`, `capture:...`, `log:...`, `certificate:...` or `volume:...`.
    pub subject: String,
}

/// What one entry alone is enough for.
#[must_use]
pub fn at_once(record: &Record<'_>, config: &AlertConfig) -> Option<Alarm> {
    let (code, subject) = match record.kind {
        "emergency-begun" => (Code::EmergencyAccess, record.by.to_owned()),
        "account-reset" => match record.fields.first() {
            Some(Field::Code(person)) => (Code::AccountReset, format!("person:{person}")),
            _ => return None,
        },
        "intake-forked" => (Code::LogTrouble, "log:intake".to_owned()),
        "revoked-device-knocked" => {
            let device = record.bytes(0).and_then(|bytes| bytes.try_into().ok()).map(DeviceId::from_bytes)?;
            (Code::RevokedDevice, format!("device:{device}"))
        }
        "quarantined" | "picture-damaged" => {
            let capture = record.bytes(0).and_then(CaptureId::from_slice);
            (Code::StoreTrouble, capture.map_or_else(|| "capture:unknown".to_owned(), |id| format!("capture:{id}")))
        }
        // A patient's page shows pictures as well.
        "patient-viewed" | "picture-viewed" | "picture-downloaded"
            if record.is_by_person() && !is_usual_hour(record.at, config) =>
        {
            (Code::UnusualHours, record.by.to_owned())
        }
        _ => return None,
    };
    config.has(code).then_some(Alarm { code, subject })
}

fn local(at: UnixMillis, config: &AlertConfig) -> u64 {
    at.0.saturating_add_signed(i64::from(config.utc_offset_minutes).saturating_mul(60_000))
}

fn is_usual_hour(at: UnixMillis, config: &AlertConfig) -> bool {
    let hour = local(at, config) % DAY / HOUR;
    (u64::from(config.hours_from)..u64::from(config.hours_until)).contains(&hour)
}

/// What is counted of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Wrong passwords and codes, by the hour.
    Failures,
    /// What was asked for and is not theirs, by the hour.
    Denied,
    /// Different patients, by the local day.
    Patients,
    /// Pictures taken out of the gateway, by the local day.
    Downloads,
}

impl What {
    /// As the catalog has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Denied => "denied",
            Self::Patients => "patients",
            Self::Downloads => "downloads",
        }
    }

    /// What is said of too many.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Failures => Code::LogInFailures,
            Self::Denied => Code::Denied,
            Self::Patients => Code::UnusualPatients,
            Self::Downloads => Code::UnusualDownloads,
        }
    }

    /// In which hour or local day this is counted.
    #[must_use]
    pub fn period(self, at: UnixMillis, config: &AlertConfig) -> u64 {
        match self {
            Self::Failures | Self::Denied => at.0 / HOUR,
            Self::Patients | Self::Downloads => local(at, config) / DAY,
        }
    }

    /// How many periods before count too.
    #[must_use]
    pub const fn past(self) -> u64 {
        match self {
            Self::Failures | Self::Denied => 1,
            Self::Patients | Self::Downloads => PAST_DAYS,
        }
    }
}

/// One more of something, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// `person:...`, or `uid:...` at the machine's shell.
    pub person: String,
    /// Of what.
    pub what: What,
    /// The patient, where each counts once.
    pub patient: Option<[u8; 32]>,
    /// How many it stands for.
    pub times: u64,
}

/// What an entry adds to.
#[must_use]
pub fn counted(record: &Record<'_>) -> Option<Counted> {
    let by = |what, patient, times| Some(Counted { person: record.by.to_owned(), what, patient, times });
    let patient = |place| record.bytes(place).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    match record.kind {
        // It is not they who say so: whoever tries passwords is nobody yet.
        "log-in-failed" => match record.fields.first() {
            Some(Field::Code(person)) => {
                Some(Counted { person: format!("person:{person}"), what: What::Failures, patient: None, times: 1 })
            }
            _ => None,
        },
        "denied" if record.is_by_person() => match record.fields.get(1) {
            Some(Field::Number(unrecorded)) => by(What::Denied, None, unrecorded.saturating_add(1)),
            _ => by(What::Denied, None, 1),
        },
        // Numbers that nobody has, or that are not theirs.
        "emergency-missed" | "correction-missed" | "record-missed" => by(What::Denied, None, 1),
        "patient-viewed" => patient(0).and_then(|patient| by(What::Patients, Some(patient), 1)),
        "picture-viewed" => patient(1).and_then(|patient| by(What::Patients, Some(patient), 1)),
        "exported" | "opened" | "picture-downloaded" => by(What::Downloads, None, 1),
        _ => None,
    }
}

/// Whether `now` of this period is too many. `highest` is the highest period of [`What::past`].
#[must_use]
pub fn is_too_many(what: What, now: u64, highest: u64, config: &AlertConfig) -> bool {
    match what {
        // A burst across the hour's end is one.
        What::Failures => now.saturating_add(highest) >= u64::from(config.log_in_failures),
        What::Denied => now.saturating_add(highest) >= u64::from(config.denied),
        What::Patients | What::Downloads => {
            now > highest.saturating_mul(u64::from(config.factor)) && now > u64::from(config.at_least)
        }
    }
}

/// A volume with little room: under a tenth, or under 2 GiB.
#[must_use]
pub const fn is_low(free: u64, all: u64) -> bool {
    free < all / 10 || free < 2 << 30
}

/// Whether what ends at `until` ends soon.
#[must_use]
pub const fn ends_soon(until: UnixMillis, now: UnixMillis, days: u32) -> bool {
    until.0 < now.0.saturating_add((days as u64).saturating_mul(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 20_000 * DAY + 12 * HOUR;

    fn entry(kind: &str, mut fields: Vec<Field>, by: &str, at: u64) -> Entry {
        fields.push(Field::Code(by.to_owned()));
        fields.push(Field::Number(at));
        Entry::new(kind, fields).unwrap()
    }

    fn viewed(at: u64) -> Entry {
        entry("picture-viewed", vec![Field::Bytes(vec![1; 16]), Field::Bytes(vec![2; 32])], "person:a", at)
    }

    fn raised(entry: &Entry, config: &AlertConfig) -> Option<Code> {
        at_once(&Record::of(entry).unwrap(), config).map(|alarm| alarm.code)
    }

    #[test]
    fn emergency_access_a_fork_and_a_quarantine_are_alerts_by_themselves() {
        let config = AlertConfig::default();
        for (kind, code) in [
            ("emergency-begun", Code::EmergencyAccess),
            ("intake-forked", Code::LogTrouble),
            ("quarantined", Code::StoreTrouble),
            ("picture-damaged", Code::StoreTrouble),
            ("revoked-device-knocked", Code::RevokedDevice),
        ] {
            let entry = entry(kind, vec![Field::Bytes(vec![7; 16])], "person:a", NOON);
            assert_eq!(raised(&entry, &config), Some(code));
            let off = AlertConfig { off: vec![code], ..AlertConfig::default() };
            assert_eq!(raised(&entry, &off), None);
        }
        let reset = entry("account-reset", vec![Field::Code("b".into())], "person:a", NOON);
        let alarm = at_once(&Record::of(&reset).unwrap(), &config).unwrap();
        assert_eq!((alarm.code, alarm.subject.as_str()), (Code::AccountReset, "person:b"));
        for kind in ["emergency-missed", "logged-in", "verified", "alert-raised"] {
            assert_eq!(raised(&entry(kind, vec![], "person:a", NOON), &config), None, "{kind}");
        }
    }

    #[test]
    fn hours_are_local_ones() {
        let config = AlertConfig::default();
        let midnight = 20_000 * DAY;
        for (hour, usual) in [(0, false), (5, false), (6, true), (21, true), (22, false), (23, false)] {
            let code = raised(&viewed(midnight + hour * HOUR), &config);
            assert_eq!(code.is_none(), usual, "{hour}");
        }
        let east = AlertConfig { utc_offset_minutes: 120, ..AlertConfig::default() };
        assert_eq!(raised(&viewed(midnight + 4 * HOUR), &east), None);
        assert_eq!(raised(&viewed(midnight + 20 * HOUR), &east), Some(Code::UnusualHours));
        let fields = vec![Field::Bytes(vec![1; 16]), Field::Bytes(vec![2; 32])];
        let downloaded = entry("picture-downloaded", fields, "person:a", midnight + 3 * HOUR);
        assert_eq!(raised(&downloaded, &config), Some(Code::UnusualHours), "without a look before it");
        let west = AlertConfig { utc_offset_minutes: -300, ..AlertConfig::default() };
        assert_eq!(raised(&viewed(midnight + 2 * HOUR), &west), None);
        assert_eq!(raised(&viewed(midnight + 10 * HOUR), &west), Some(Code::UnusualHours));
    }

    #[test]
    fn whoever_is_tried_is_counted_and_not_whoever_tries() {
        let failed =
            entry("log-in-failed", vec![Field::Code("b".into()), Field::Code("password".into())], "gateway", NOON);
        let counted_failed = counted(&Record::of(&failed).unwrap()).unwrap();
        assert_eq!((counted_failed.person.as_str(), counted_failed.what), ("person:b", What::Failures));
        let denied = entry("denied", vec![Field::Code("picture".into())], "person:a", NOON);
        assert_eq!(counted(&Record::of(&denied).unwrap()).unwrap().what, What::Denied);
        let burst = entry("denied", vec![Field::Code("picture".into()), Field::Number(19)], "person:a", NOON);
        assert_eq!(counted(&Record::of(&burst).unwrap()).unwrap().times, 20, "itself, and those without an entry");
        for kind in ["emergency-missed", "correction-missed", "record-missed"] {
            let missed = entry(kind, vec![], "person:a", NOON);
            assert_eq!(counted(&Record::of(&missed).unwrap()).unwrap().what, What::Denied, "{kind}");
        }
        let seen = counted(&Record::of(&viewed(NOON)).unwrap()).unwrap();
        assert_eq!((seen.what, seen.patient), (What::Patients, Some([2; 32])));
        let exported = entry("exported", vec![Field::Bytes(vec![1; 16])], "uid:0", NOON);
        assert_eq!(counted(&Record::of(&exported).unwrap()).unwrap().what, What::Downloads);
        assert_eq!(counted(&Record::of(&entry("log-read", vec![], "person:a", NOON)).unwrap()), None);
    }

    #[test]
    fn a_burst_is_too_many_also_across_the_hour_s_end() {
        let config = AlertConfig::default();
        for what in [What::Failures, What::Denied] {
            let limit = u64::from(if what == What::Failures { config.log_in_failures } else { config.denied });
            assert!(!is_too_many(what, limit - 1, 0, &config));
            assert!(is_too_many(what, limit, 0, &config));
            assert!(is_too_many(what, 1, limit - 1, &config));
            assert_eq!(what.period(UnixMillis(NOON + HOUR), &config), what.period(UnixMillis(NOON), &config) + 1);
        }
    }

    #[test]
    fn c18_a_day_is_compared_with_the_person_s_own_past() {
        let config = AlertConfig::default();
        for what in [What::Patients, What::Downloads] {
            assert!(!is_too_many(what, 20, 0, &config), "few are never too many");
            assert!(is_too_many(what, 21, 0, &config));
            assert!(!is_too_many(what, 30, 10, &config));
            assert!(is_too_many(what, 31, 10, &config));
            assert!(!is_too_many(what, 60, 40, &config), "a person whose days are like that");
        }
        // Days are local ones.
        let east = AlertConfig { utc_offset_minutes: 60, ..AlertConfig::default() };
        let late = UnixMillis(20_000 * DAY + 23 * HOUR + HOUR / 2);
        assert_eq!(What::Patients.period(late, &config), 20_000);
        assert_eq!(What::Patients.period(late, &east), 20_001);
    }

    #[test]
    fn little_room_and_an_end_that_is_near() {
        const GIB: u64 = 1 << 30;
        assert!(is_low(GIB, 8 * GIB) && is_low(9 * GIB, 100 * GIB));
        assert!(!is_low(2 * GIB, 10 * GIB) && !is_low(10 * GIB, 100 * GIB));
        let now = UnixMillis(NOON);
        assert!(ends_soon(UnixMillis(NOON + 13 * DAY), now, 14) && ends_soon(UnixMillis(0), now, 14));
        assert!(!ends_soon(UnixMillis(NOON + 15 * DAY), now, 14));
    }

    #[test]
    fn what_the_machine_s_keeper_sees_is_of_no_person() {
        for code in Code::ALL {
            let of_people = matches!(
                code,
                Code::LogInFailures
                    | Code::EmergencyAccess
                    | Code::AccountReset
                    | Code::UnusualHours
                    | Code::UnusualPatients
                    | Code::UnusualDownloads
                    | Code::Denied
            );
            assert_eq!(is_technical(code), !of_people, "{code:?}");
        }
    }
}
