//! Patients whom a page has by reference, by name for whoever treats them.
//!
//! Attacker: a member of staff who would come by a name beside the patients' list. It is asked for as that list is, among those whom they treat now, and is on
//! record as that list is before it is shown. Whoever is no clinician is not asked about, and has references alone, as everybody has while the vault is locked.

use std::collections::{HashMap, HashSet};

use askama::Template;
use safelight_core::ids::CaptureId;

use super::entries::short;
use super::{Failure, shown};
use crate::clinic::identity::PatientIdentity;
use crate::clinic::people::Role;
use crate::clinic::pictures::{self, Handle};
use crate::clinic::{ClinicError, aliases};
use crate::console::Console;
use crate::console::permit::{self, SearchPatients};
use crate::console::records::{self, Unreadable};
use crate::console::session::LoggedIn;

/// Patients of a page. Each is known by every number that the page has of them.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The record that stands for each number that was asked about.
    records: HashMap<Handle, Handle>,
    treated: HashMap<Handle, PatientIdentity>,
    /// What there is of somebody without a name stands in the log, for whoever reads that.
    leads_to_log: bool,
    /// Of these pictures somebody can be led to the page.
    pictures: HashSet<CaptureId>,
}

/// A patient as a page shows them. Rendered by itself, so pages put it where it belongs as it is.
#[derive(Debug, Template)]
#[template(path = "known.html")]
pub(super) struct Patient {
    /// With the number, for whoever treats them.
    pub(super) name: Option<String>,
    /// Enough of the reference to tell one from another.
    pub(super) short: String,
    /// Where there is more, for whoever is asked to go there.
    pub(super) place: Option<String>,
}

impl Known {
    /// For the privacy officer: none of them by name, whatever other roles somebody holds.
    pub(super) async fn in_log(console: &Console, numbers: &[Handle]) -> Result<Self, ClinicError> {
        Ok(Self { records: standing(console, numbers).await?, leads_to_log: true, ..Self::default() })
    }

    /// For `who`, of these numbers.
    pub(super) async fn among(console: &Console, who: &LoggedIn, numbers: &[Handle]) -> Result<Self, Failure> {
        let mut known = Self { records: standing(console, numbers).await?, ..Self::default() };
        // Asked of anybody else, it would be on record as asked for in vain.
        if numbers.is_empty() || !who.person.roles.has(Role::Clinician) {
            return Ok(known);
        }
        let grant = permit::ask(console, who, SearchPatients).await?;
        let records: Vec<Handle> = known.records.values().copied().collect::<HashSet<_>>().into_iter().collect();
        match records::treated_among(console, &grant, &who.session, &records).await {
            Ok(found) => known.treated = found.into_iter().map(|found| (found.handle, found.identity)).collect(),
            Err(Unreadable::Locked) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(known)
    }

    /// And of these pictures: those that such a patient's page shows now.
    pub(super) async fn with_pictures(
        mut self,
        console: &Console,
        pictures: impl IntoIterator<Item = CaptureId>,
    ) -> Result<Self, ClinicError> {
        if self.treated.is_empty() {
            return Ok(self);
        }
        for picture in pictures.into_iter().collect::<HashSet<_>>() {
            let found = pictures::find(&console.desk.clinic().catalog, picture).await?;
            let patient = found.and_then(|found| found.shown_under());
            if patient.is_some_and(|patient| self.treated.contains_key(&patient)) {
                self.pictures.insert(picture);
            }
        }
        Ok(self)
    }

    /// Whoever has this number.
    pub(super) fn patient(&self, number: &Handle) -> Patient {
        let record = self.records.get(number).unwrap_or(number);
        let (treated, reference) = (self.treated.get(record), shown::reference(record));
        let place = match treated {
            Some(_) => Some(format!("/patients/{reference}")),
            None => self.leads_to_log.then(|| format!("/log?patient={reference}")),
        };
        let name = treated.map(|identity| format!("{}, {}", identity.name, identity.record_number));
        Patient { name, short: short(&reference), place }
    }

    /// Where the page of a picture is, if it has one for whoever looks.
    pub(super) fn place_of(&self, picture: CaptureId) -> Option<String> {
        self.pictures.contains(&picture).then(|| format!("/pictures/{picture}"))
    }
}

/// The record that stands for each of these numbers now.
async fn standing(console: &Console, numbers: &[Handle]) -> Result<HashMap<Handle, Handle>, ClinicError> {
    let mut tx = console.desk.clinic().catalog.read().await?;
    let mut records = HashMap::new();
    for number in numbers {
        if !records.contains_key(number) {
            records.insert(*number, aliases::standing(&mut tx, number).await?);
        }
    }
    Ok(records)
}
