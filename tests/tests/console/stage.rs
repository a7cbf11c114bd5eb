//! A clinic with an admin, two clinicians, a privacy officer, and a patient whom one of the clinicians has photographed.

use std::time::Duration;

use safelight_tests::gateway::phone::Phone;
use safelight_tests::gateway::program::{command, finish, safelight, until};
use safelight_tests::gateway::{Gateway, text};
use safelight_tests::pictures::small;
use safelight_tests::staff::{Member, first_admin};

const PATIENCE: Duration = Duration::from_secs(60);

/// A second patient of the author.
pub(crate) const OTHER_LABEL: &str =
    r#"{"patient":"MRN-90001-07","name":"Adler, Bruno","birth_date":"1950-05-06","site":"back"}"#;

pub(crate) struct Clinic {
    pub(crate) gateway: Gateway,
    /// Of the author.
    pub(crate) phone: Phone,
    pub(crate) admin: Member,
    /// Has taken the picture.
    pub(crate) author: Member,
    /// Treats nobody.
    pub(crate) other: Member,
    pub(crate) officer: Member,
    /// `/patients/...` of the patient.
    pub(crate) patient: String,
    /// The picture's id.
    pub(crate) picture: String,
}

impl Clinic {
    pub(crate) fn open() -> Self {
        Self::of(Gateway::serving())
    }

    /// With this at the end of the configuration.
    pub(crate) fn configured(more: &str) -> Self {
        let mut gateway = Gateway::init();
        let path = gateway.data().join("config.toml");
        let before = std::fs::read_to_string(&path).expect("the configuration");
        std::fs::write(&path, format!("{before}\n{more}\n")).expect("the configuration");
        gateway.serve();
        Self::of(gateway)
    }

    fn of(gateway: Gateway) -> Self {
        let mut admin = first_admin(&gateway);
        let phone = gateway.enrol("room3");
        std::fs::write(gateway.at("photo.jpg"), small::photo(1)).expect("a file");
        phone.send(&[&gateway.path("photo.jpg")]).ok();
        let picture = text(&gateway.pictures_in(&["verified"], 1)[0], "id").to_owned();
        // The phone's person, who was known by an invitation alone.
        let mut author = admin.adds(&gateway, "clinician1", "Carla Clinician", "clinician");
        let other = admin.adds(&gateway, "clinician2", "Otto Other", "clinician");
        let officer = admin.adds(&gateway, "officer", "Petra Privacy", "privacy-officer");
        let patient = until("the patient in the list", PATIENCE, || {
            author.browser.get("/patients").all_between("href=\"/patients/", "\"").pop()
        });
        let patient = format!("/patients/{patient}");
        Self { gateway, phone, admin, author, other, officer, patient, picture }
    }

    /// Sends a picture under this label from the phone of this name, and says its id.
    pub(crate) fn sends(&mut self, phone: &str, label: &str, seed: u64) -> String {
        let (photo, folder) = (self.gateway.path("photo.jpg"), self.gateway.path(phone));
        std::fs::write(&photo, small::photo(seed)).expect("a file");
        let already = self.gateway.pictures().len();
        let args = ["phone", "send", "--identity", &folder, "--label-file", "-", "--json", &photo];
        let sent = finish(command(safelight(), &args), label.as_bytes()).ok().json();
        self.gateway.pictures_in(&["verified"], already + 1);
        text(&sent[0], "id").to_owned()
    }

    /// The kinds of the access log's entries by this actor, oldest first.
    pub(crate) fn done_by(&self, actor: &str) -> Vec<String> {
        let is_by = |entry: &serde_json::Value| {
            entry["fields"].as_array().is_some_and(|fields| fields.iter().any(|field| field == actor))
        };
        self.gateway
            .log("access")
            .iter()
            .filter(|entry| is_by(entry))
            .map(|entry| text(entry, "kind").to_owned())
            .collect()
    }
}
