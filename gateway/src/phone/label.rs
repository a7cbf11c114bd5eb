//! Who the patient is and what the photograph shows: from a file and from flags. What stands in arguments is seen by every user of a
//! machine, so everything can stand in a file or come through a pipe.

use safelight_core::ids::UnixMillis;
use safelight_core::label::{BodySite, Consent, DEFAULT_ISSUER, Label, LabelError};
use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Largest label file in bytes.
pub const MAX_INPUT_LEN: usize = 64 * 1024;

/// Why there is no label. It names the field, never its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelInputError {
    /// Not JSON with these fields.
    #[error(
        "the label file is not JSON with the fields patient, issuer, name, birth_date, site, view, consent and note, all of them text"
    )]
    Malformed,
    /// Something is missing.
    #[error("of the patient is missing: {0}. Give it as a flag or in the label file")]
    Missing(String),
    /// Not a word for a consent.
    #[error("the consent is not one of: record, teaching, publication")]
    Consent,
    /// A field's content.
    #[error(transparent)]
    Label(#[from] LabelError),
}

/// The fields as text, none of them checked yet. Overwritten when dropped.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct LabelInput {
    /// Record number.
    pub patient: Option<String>,
    /// Who gave it out.
    pub issuer: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// `YYYY-MM-DD`.
    pub birth_date: Option<String>,
    /// Where on the body, such as "left forearm".
    pub site: Option<String>,
    /// From where it is seen.
    pub view: Option<String>,
    /// `record`, `teaching` or `publication`.
    pub consent: Option<String>,
    /// Anything else.
    pub note: Option<String>,
}

impl LabelInput {
    /// From a label file.
    ///
    /// # Errors
    /// [`LabelInputError::Malformed`]. The parser's own message may quote the file, so it goes no further.
    pub fn parse(json: &[u8]) -> Result<Self, LabelInputError> {
        if json.len() > MAX_INPUT_LEN {
            return Err(LabelInputError::Malformed);
        }
        serde_json::from_slice(json).map_err(|_| LabelInputError::Malformed)
    }

    /// These fields, and those of `file` where there are none.
    #[must_use]
    pub fn over(mut self, mut file: Self) -> Self {
        let pairs = [
            (&mut self.patient, &mut file.patient),
            (&mut self.issuer, &mut file.issuer),
            (&mut self.name, &mut file.name),
            (&mut self.birth_date, &mut file.birth_date),
            (&mut self.site, &mut file.site),
            (&mut self.view, &mut file.view),
            (&mut self.consent, &mut file.consent),
            (&mut self.note, &mut file.note),
        ];
        for (own, other) in pairs {
            if own.is_none() {
                *own = other.take();
            }
        }
        self
    }

    /// The label, checked as the seal will check it at `now`.
    ///
    /// # Errors
    /// Any [`LabelInputError`] but [`LabelInputError::Malformed`].
    pub fn into_label(mut self, now: UnixMillis) -> Result<Label, LabelInputError> {
        let needed = [
            (self.patient.is_none(), "the record number (patient)"),
            (self.name.is_none(), "the name (name)"),
            (self.birth_date.is_none(), "the date of birth (birth_date)"),
            (self.site.is_none(), "the body site (site)"),
        ];
        let absent: Vec<&str> = needed.iter().filter(|(absent, _)| *absent).map(|(_, what)| *what).collect();
        let (Some(record_number), Some(name), Some(birth_date), Some(site)) =
            (self.patient.take(), self.name.take(), self.birth_date.as_deref(), self.site.as_deref())
        else {
            return Err(LabelInputError::Missing(absent.join(", ")));
        };
        let (body_site, laterality) = BodySite::from_text(site)?;
        let label = Label {
            issuer: self.issuer.take().unwrap_or_else(|| DEFAULT_ISSUER.to_owned()),
            record_number,
            name,
            birth_date: birth_date.parse()?,
            body_site,
            laterality,
            view: self.view.take(),
            consent: self.consent.as_deref().map(consent).transpose()?,
            note: self.note.take(),
        };
        label.check_at(now)?;
        Ok(label)
    }
}

impl std::fmt::Debug for LabelInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LabelInput(hidden)")
    }
}

fn consent(word: &str) -> Result<Consent, LabelInputError> {
    match word {
        "record" => Ok(Consent::Record),
        "teaching" => Ok(Consent::Teaching),
        "publication" => Ok(Consent::Publication),
        _ => Err(LabelInputError::Consent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15.
    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    const FILE: &str = r#"{"patient": "12345", "name": "Zoë Quittländer", "birth_date": "1961-02-03", "site": "left forearm",
        "consent": "teaching", "note": "two lesions"}"#;

    #[test]
    fn a_file_makes_a_label_and_flags_go_over_it() {
        let label = LabelInput::parse(FILE.as_bytes()).unwrap().into_label(NOW).unwrap();
        assert_eq!((label.record_number.as_str(), label.name.as_str()), ("12345", "Zoë Quittländer"));
        assert_eq!((label.issuer.as_str(), label.birth_date.as_str()), (DEFAULT_ISSUER, "1961-02-03"));
        assert!(label.laterality.is_some());
        assert_eq!(label.consent, Some(Consent::Teaching));

        let flags = LabelInput::parse(br#"{"patient": "99", "site": "back"}"#).unwrap();
        let label = flags.over(LabelInput::parse(FILE.as_bytes()).unwrap()).into_label(NOW).unwrap();
        assert_eq!((label.record_number.as_str(), label.note.as_deref()), ("99", Some("two lesions")));
        assert!(label.laterality.is_none());
    }

    #[test]
    fn what_is_missing_is_named() {
        for field in ["patient", "name", "birth_date", "site"] {
            let mut json: serde_json::Value = serde_json::from_str(FILE).unwrap();
            json.as_object_mut().unwrap().remove(field);
            let refusal = LabelInput::parse(json.to_string().as_bytes()).unwrap().into_label(NOW).unwrap_err();
            assert!(matches!(&refusal, LabelInputError::Missing(named) if named.contains(field)), "{field}: {refusal}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused_without_repeating_it() {
        let with = |field: &str, value: &str| {
            let mut json: serde_json::Value = serde_json::from_str(FILE).unwrap();
            json[field] = value.into();
            LabelInput::parse(json.to_string().as_bytes())
                .and_then(|input| input.into_label(NOW))
                .unwrap_err()
                .to_string()
        };
        for (field, value) in [
            ("birth_date", "03.02.1961"),
            ("birth_date", "1961-02-30"),
            ("birth_date", "2027-01-17"),
            ("consent", "everything"),
            ("name", "a\u{7}b"),
            ("surname", "Quittländer"),
            ("patient", ""),
        ] {
            let refusal = with(field, value);
            assert!(value.is_empty() || !refusal.contains(value), "{refusal}");
        }
        for file in ["", "[]", "{\"patient\": 12345}", "{\"patient\": \"1\", \"patient\": \"2\"}", "\u{feff}{}"] {
            assert_eq!(LabelInput::parse(file.as_bytes()), Err(LabelInputError::Malformed), "{file}");
        }
        assert!(LabelInput::parse(&vec![b' '; MAX_INPUT_LEN + 1]).is_err());
    }

    #[test]
    fn debug_output_shows_nothing_of_the_person() {
        let shown = format!("{:?}", LabelInput::parse(FILE.as_bytes()).unwrap());
        assert!(!shown.contains("12345") && !shown.contains("Zoë"));
    }
}
