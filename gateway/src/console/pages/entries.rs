//! Entries of the access log as people read them: who, what, to whom, and whether it can be believed.

use std::collections::HashMap;

use data_encoding::HEXLOWER;
use safelight_core::ids::DeviceId;
use safelight_core::log::entry::{Entry, Field};

use super::known::Known;
use super::shown;
use crate::clinic::access_index::Facets;
use crate::clinic::teams::TeamId;
use crate::clinic::{ClinicError, devices, people, teams};
use crate::console::looks::{Proof, Seen};
use crate::console::{Console, text};

/// Characters of a patient's reference that tell one from another on a screen.
const SHORT: usize = 8;

/// What people, phones and teams are called.
#[derive(Debug)]
pub(super) struct Names {
    people: HashMap<String, String>,
    devices: HashMap<DeviceId, String>,
    teams: HashMap<TeamId, String>,
}

impl Names {
    /// All of them, as they are called now.
    pub(super) async fn read(console: &Console) -> Result<Self, ClinicError> {
        let catalog = &console.desk.clinic().catalog;
        let people = people::list(catalog).await?.into_iter().map(|person| (person.id.to_string(), person.name));
        let devices = devices::list(catalog).await?.into_iter().map(|device| (device.id, device.name));
        let teams = teams::names(catalog).await?;
        Ok(Self { people: people.collect(), devices: devices.collect(), teams })
    }

    /// A person by id; the id if there is nobody.
    pub(super) fn person(&self, id: &str) -> String {
        self.people.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// A person by name and id, since two may have one name: `Ada Admin (ada)`. The id alone if there is nobody.
    pub(super) fn person_and_id(&self, id: &str) -> String {
        self.people.get(id).map_or_else(|| id.to_owned(), |name| with_id(name, id))
    }

    /// Everybody: id and name, by id.
    pub(super) fn people(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self.people.iter().map(|(id, name)| (id.clone(), name.clone())).collect();
        all.sort();
        all
    }

    /// A phone.
    pub(super) fn device(&self, id: &DeviceId) -> String {
        self.devices.get(id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// Whoever did something, as the log has them.
    pub(super) fn actor(&self, actor: &str) -> String {
        match actor.split_once(':') {
            Some(("person", id)) => self.person(id),
            Some(("device", id)) => id.parse().map_or_else(|_| id.to_owned(), |id| self.device(&id)),
            Some(("uid", uid)) => format!("{} {uid}", text::LOG_SHELL),
            _ if actor == "gateway" => text::LOG_GATEWAY.to_owned(),
            _ => actor.to_owned(),
        }
    }

    /// The same, a person with the id.
    pub(super) fn actor_and_id(&self, actor: &str) -> String {
        actor.strip_prefix("person:").map_or_else(|| self.actor(actor), |id| self.person_and_id(id))
    }
}

/// Somebody by name and id.
pub(super) fn with_id(name: &str, id: &str) -> String {
    format!("{name} ({id})")
}

/// Something that an entry names.
#[derive(Debug)]
pub(super) struct About {
    pub(super) what: &'static str,
    pub(super) name: String,
    /// What it is called in the log, if it has a name besides.
    pub(super) code: Option<String>,
    /// Its own page, for whoever may go there.
    pub(super) place: Option<String>,
    /// Where more entries of it are: a filter's field and value.
    pub(super) filter: (&'static str, String),
}

/// An entry.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) index: u64,
    pub(super) time: String,
    pub(super) who: String,
    pub(super) actor: String,
    pub(super) words: String,
    pub(super) kind: String,
    pub(super) about: Vec<About>,
    pub(super) details: String,
    pub(super) faults: Vec<&'static str>,
}

/// As a row, with patients by name as far as they are known.
pub(super) fn row(seen: &Seen, names: &Names, known: &Known) -> Row {
    let facets = &seen.facets;
    let has_shape = !facets.actor.is_empty();
    Row {
        index: seen.index,
        time: if has_shape { shown::time(facets.at) } else { String::new() },
        who: names.actor(&facets.actor),
        actor: facets.actor.clone(),
        words: text::kind_words(&facets.kind).to_owned(),
        kind: facets.kind.clone(),
        about: about(facets, names, known),
        details: seen.entry.as_ref().map(|entry| details(entry, facets, names)).unwrap_or_default(),
        faults: faults(seen),
    }
}

/// What is wrong with an entry.
pub(super) fn faults(seen: &Seen) -> Vec<&'static str> {
    let all = [
        (seen.entry.is_none(), text::LOG_UNREADABLE),
        (!seen.is_vouched, text::LOG_NOT_VOUCHED),
        (!seen.is_indexed, text::LOG_NOT_INDEXED),
    ];
    all.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words).collect()
}

fn about(facets: &Facets, names: &Names, known: &Known) -> Vec<About> {
    let plain = |what, name, filter| About { what, name, code: None, place: None, filter };
    let mut about = Vec::new();
    if let Some(person) = &facets.person {
        about.push(plain(text::LOG_PERSON, names.person(person), ("about", person.clone())));
    }
    for (what, number) in [(text::LOG_FORMER, &facets.former), (text::LOG_PATIENT, &facets.patient)] {
        if let Some(number) = number {
            let (reference, patient) = (shown::reference(number), known.patient(number));
            let (name, code) = match patient.name {
                Some(name) => (name, Some(short(&reference))),
                None => (short(&reference), None),
            };
            about.push(About { what, name, code, place: patient.place, filter: ("patient", reference) });
        }
    }
    if let Some(picture) = &facets.picture {
        let id = picture.to_string();
        let picture = plain(text::LOG_PICTURE, id.clone(), ("picture", id));
        about.push(About { place: facets.picture.and_then(|id| known.place_of(id)), ..picture });
    }
    if let Some(device) = &facets.device {
        about.push(plain(text::LOG_DEVICE, names.device(device), ("device", device.to_string())));
    }
    about
}

/// Enough of a patient's reference.
pub(super) fn short(reference: &str) -> String {
    format!("{}…", reference.chars().take(SHORT).collect::<String>())
}

/// What an entry says besides who, when and whom.
fn details(entry: &Entry, facets: &Facets, names: &Names) -> String {
    let named = |field: &&Field| match field {
        Field::Bytes(bytes) => {
            let ids = [
                facets.patient.as_ref().map(|id| &id[..]),
                facets.former.as_ref().map(|id| &id[..]),
                facets.picture.as_ref().map(|id| &id.as_bytes()[..]),
                facets.device.as_ref().map(|id| &id.as_bytes()[..]),
            ];
            !ids.contains(&Some(bytes.as_slice()))
        }
        Field::Code(code) => Some(code) != facets.person.as_ref(),
        Field::Number(_) | Field::Absent => true,
    };
    let fields = match entry.fields() {
        [fields @ .., Field::Code(_), Field::Number(_)] => fields,
        all => all,
    };
    fields.iter().filter(named).map(|each| field(each, names)).collect::<Vec<_>>().join(" ")
}

fn field(field: &Field, names: &Names) -> String {
    match field {
        Field::Number(number) => number.to_string(),
        Field::Code(code) => code.clone(),
        Field::Absent => "-".to_owned(),
        Field::Bytes(bytes) => match <[u8; 16]>::try_from(bytes.as_slice()) {
            Ok(id) => names.teams.get(&id).cloned().unwrap_or_else(|| uuid::Uuid::from_bytes(id).to_string()),
            // A handle, a digest, or a reason that is sealed: its beginning tells them apart.
            Err(_) => format!("{}…", HEXLOWER.encode(bytes.get(..8).unwrap_or(bytes))),
        },
    }
}

/// What vouches for a page, in words, and whether it does.
pub(super) fn proof_words(proof: &Proof) -> (bool, String) {
    if !proof.is_sound {
        return (false, text::LOG_UNSOUND.to_owned());
    }
    let last = proof.size.saturating_sub(1);
    let at = proof.at.map(shown::time).unwrap_or_default();
    (true, format!("{} {last}, {} {at}, {} {}", text::LOG_SOUND, text::LOG_CHECKPOINT, text::LOG_ROOT, proof.root))
}
