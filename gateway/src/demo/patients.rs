//! Who is photographed: nobody who exists.

use std::time::Duration;

use safelight_core::ids::UnixMillis;
use safelight_core::label::Label;

use super::search::Search;
use crate::clock::Clock;
use crate::phone::label::{LabelInput, LabelInputError};

/// An invented patient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patient {
    pub(super) number: &'static str,
    pub(super) name: &'static str,
    birth_date: &'static str,
    /// The same as DICOM writes it.
    birth_date_dicom: &'static str,
    site: &'static str,
    note: &'static str,
}

/// In turn.
const PATIENTS: [Patient; 3] = [
    Patient {
        number: "DEMO-4821377",
        name: "Zoë Quittländer",
        birth_date: "1961-02-03",
        birth_date_dicom: "19610203",
        site: "left forearm",
        note: "plaque, under treatment since spring",
    },
    Patient {
        number: "DEMO-9036512",
        name: "Aurelio Pfannenstiel",
        birth_date: "1987-11-30",
        birth_date_dicom: "19871130",
        site: "right cheek",
        note: "wound after excision, healing",
    },
    Patient {
        number: "DEMO-1175840",
        name: "Ingeborg Ravnsborg",
        birth_date: "1949-07-19",
        birth_date_dicom: "19490719",
        site: "back",
        note: "burn, second look",
    },
];

impl Patient {
    /// Whose photograph number `index` is, from 0.
    pub(super) fn of(index: usize) -> &'static Self {
        match index % PATIENTS.len() {
            0 => &PATIENTS[0],
            1 => &PATIENTS[1],
            _ => &PATIENTS[2],
        }
    }

    /// As the phone's app would have it from the clinician.
    pub(super) fn label(&self) -> Result<Label, LabelInputError> {
        let input = LabelInput {
            patient: Some(self.number.to_owned()),
            name: Some(self.name.to_owned()),
            birth_date: Some(self.birth_date.to_owned()),
            site: Some(self.site.to_owned()),
            note: Some(self.note.to_owned()),
            issuer: None,
            view: None,
            consent: Some("record".to_owned()),
        };
        input.into_label(Clock::system().now())
    }
}

/// Between two visits of a patient.
const BETWEEN_VISITS: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// When photograph number `index` of `all` was taken: everybody's last one today, each one before two weeks earlier.
pub(super) fn visit(index: usize, all: usize, now: UnixMillis) -> UnixMillis {
    let visits_after = all.saturating_sub(1).saturating_sub(index) / PATIENTS.len();
    let before = BETWEEN_VISITS.saturating_mul(u32::try_from(visits_after).unwrap_or(u32::MAX));
    UnixMillis(now.0.saturating_sub(u64::try_from(before.as_millis()).unwrap_or(u64::MAX)))
}

/// Looks for everything that is known of any of them.
pub(super) fn plant(search: &mut Search) {
    for patient in &PATIENTS {
        search.text("record number", patient.number);
        search.text("name", patient.name);
        for part in patient.name.split(' ') {
            search.text("name", part);
        }
        search.text("birth date", patient.birth_date);
        search.text("birth date", patient.birth_date_dicom);
        search.text("note", patient.note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patient_makes_a_label() {
        for index in 0..PATIENTS.len() {
            assert!(Patient::of(index).label().is_ok(), "{index}");
        }
        assert_eq!(Patient::of(0).number, Patient::of(PATIENTS.len()).number);
    }

    #[test]
    fn visits_of_one_patient_are_weeks_apart_and_the_last_is_today() {
        let now = UnixMillis(1_800_000_000_000);
        let visits: Vec<u64> = (0..12).map(|index| visit(index, 12, now).0).collect();
        assert_eq!(&visits[9..], [now.0; 3]);
        for index in 0..9 {
            assert_eq!(visits[index] + 14 * 24 * 60 * 60 * 1000, visits[index + 3]);
        }
        assert_eq!(visit(0, 1, now), now);
    }
}
