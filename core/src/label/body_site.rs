//! Where on the body: SNOMED CT codes for what people write.

use std::fmt;

use zeroize::Zeroize;

use super::{LabelError, MAX_SITE_LEN, line};

/// Which side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Laterality {
    /// The patient's left.
    Left,
    /// The patient's right.
    Right,
    /// Both.
    Bilateral,
}

impl Laterality {
    /// The word that is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
            Self::Bilateral => "bilateral",
        }
    }

    /// The SNOMED CT code, as in DICOM CID 244.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Left => "7771000",
            Self::Right => "24028007",
            Self::Bilateral => "51440002",
        }
    }

    /// From the word that is stored.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Left, Self::Right, Self::Bilateral].into_iter().find(|side| side.as_str() == word)
    }
}

/// A part of the body: a code where one is known, and always a text.
#[derive(Clone, PartialEq, Eq, Zeroize)]
pub struct BodySite {
    code: Option<String>,
    text: String,
}

impl BodySite {
    /// A site with the given SNOMED CT code, if any, and text.
    pub fn new(code: Option<String>, text: String) -> Result<Self, LabelError> {
        line("body site", &text, MAX_SITE_LEN)?;
        if code.as_deref().is_some_and(|code| !is_snomed_id(code)) {
            return Err(LabelError::SiteCode);
        }
        Ok(Self { code, text })
    }

    /// What a person wrote, such as `left forearm`, as a site and a side. A name in the table gives its code and
    /// DICOM's own wording; any other text is kept as it is, without a code.
    pub fn from_text(text: &str) -> Result<(Self, Option<Laterality>), LabelError> {
        line("body site", text, MAX_SITE_LEN)?;
        let (sides, name) = read(text);
        let side = match sides.as_slice() {
            [] => None,
            [side] => Some(*side),
            // `left and right hand`, `left arm, right side`: not for a program to settle.
            _ => return Self::new(None, text.to_owned()).map(|site| (site, None)),
        };
        let site = match find(&name).or_else(|| find(name.strip_suffix('s')?)) {
            Some((code, meaning)) => Self::new(Some(code.to_owned()), meaning.to_owned()),
            None => Self::new(None, text.to_owned()),
        };
        site.map(|site| (site, side))
    }

    /// What an app's form holds: words, perhaps a code, perhaps a side. Without a code the words are looked up; without a side it is the one
    /// that the words name.
    ///
    /// # Errors
    /// [`LabelError::Sides`] if the words name another side than `side`: a picture of the wrong side is not for a program to settle.
    pub fn of_form(
        code: Option<String>,
        text: &str,
        side: Option<Laterality>,
    ) -> Result<(Self, Option<Laterality>), LabelError> {
        let (site, said) = match code {
            Some(code) => {
                let said = match read(text).0.as_slice() {
                    [side] => Some(*side),
                    _ => None,
                };
                (Self::new(Some(code), text.to_owned())?, said)
            }
            None => Self::from_text(text)?,
        };
        match (side, said) {
            (Some(side), Some(said)) if side != said => Err(LabelError::Sides),
            (side, said) => Ok((site, side.or(said))),
        }
    }

    /// The SNOMED CT code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// In words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

// Free text may say anything about a person.
impl fmt::Debug for BodySite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodySite").field("code", &self.code).finish_non_exhaustive()
    }
}

/// Whether `text` is a SNOMED CT identifier: 6 to 18 digits without a leading zero, the last of which is
/// Verhoeff's check digit (SNOMED CT Release File Specification, section 5.5).
fn is_snomed_id(text: &str) -> bool {
    (6..=18).contains(&text.len())
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.bytes().rev().enumerate().fold(0, |check, (place, digit)| {
            let mut digit = digit - b'0';
            for _ in 0..place % 8 {
                digit = permuted(digit);
            }
            dihedral(check, digit)
        }) == 0
}

/// Verhoeff's permutation.
fn permuted(digit: u8) -> u8 {
    match digit {
        0 => 1,
        1 => 5,
        2 => 7,
        3 => 6,
        4 => 2,
        5 => 8,
        6 => 3,
        7 => 0,
        8 => 9,
        _ => 4,
    }
}

/// Multiplication in the dihedral group of order ten: 0 to 4 are turns, 5 to 9 are turns after a reflection.
fn dihedral(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// The sides that a text names, each once, and the words that could be the name of a site.
fn read(text: &str) -> (Vec<Laterality>, String) {
    let lower = text.to_lowercase();
    let mut sides = Vec::new();
    // A side is one whatever stands around it: `left-sided`, `forearm: left.`
    for word in lower.split(|c: char| !c.is_alphanumeric()) {
        if let Some(side) = side_of(word).filter(|side| !sides.contains(side)) {
            sides.push(side);
        }
    }
    let words = lower.split(|c: char| c.is_whitespace() || ",;()".contains(c));
    let name: Vec<_> = words.filter(|word| !["", "the"].contains(word) && side_of(word).is_none()).collect();
    (sides, name.join(" "))
}

fn side_of(word: &str) -> Option<Laterality> {
    match word {
        "left" => Some(Laterality::Left),
        "right" => Some(Laterality::Right),
        "both" | "bilateral" => Some(Laterality::Bilateral),
        _ => None,
    }
}

fn find(name: &str) -> Option<(&'static str, &'static str)> {
    SITES
        .iter()
        .find(|(_, meaning, others)| meaning.eq_ignore_ascii_case(name) || others.contains(&name))
        .map(|(code, meaning, _)| (*code, *meaning))
}

/// SNOMED CT code, DICOM's meaning, other names. First the regions of DICOM PS3.16 CID 4031 that a camera sees, then
/// those of CID 4 that it lacks.
const SITES: &[(&str, &str, &[&str])] = &[
    ("818981001", "Abdomen", &["belly", "tummy"]),
    ("70258002", "Ankle joint", &["ankle"]),
    ("53505006", "Anus", &[]),
    ("76752008", "Breast", &[]),
    ("816094009", "Chest", &["thorax"]),
    ("51299004", "Clavicle", &["collarbone", "collar bone"]),
    ("64688005", "Coccyx", &["tailbone"]),
    ("16953009", "Elbow joint", &["elbow"]),
    ("38266002", "Entire body", &["whole body", "body"]),
    ("66019005", "Extremity", &["extremities", "limb"]),
    ("81745001", "Eye", &[]),
    ("371398005", "Eye region", &["around eye"]),
    ("7569003", "Finger", &[]),
    ("56459004", "Foot", &["feet"]),
    ("14975008", "Forearm", &["lower arm"]),
    ("85562004", "Hand", &[]),
    ("69536005", "Head", &[]),
    ("774007", "Head and Neck", &[]),
    ("29836001", "Hip", &[]),
    ("661005", "Jaw region", &["jaw"]),
    ("72696002", "Knee", &[]),
    ("30021000", "Lower leg", &["shin"]),
    ("61685007", "Lower limb", &["leg", "lower extremity"]),
    ("45048000", "Neck", &[]),
    ("816092008", "Pelvis", &[]),
    ("79601000", "Scapula", &["shoulder blade"]),
    ("16982005", "Shoulder", &[]),
    ("89546000", "Skull", &[]),
    ("421060004", "Spine", &[]),
    ("56873002", "Sternum", &["breastbone"]),
    ("68367000", "Thigh", &["upper leg"]),
    ("76505004", "Thumb", &[]),
    ("29707007", "Toe", &[]),
    ("40983000", "Upper arm", &[]),
    ("53120007", "Upper limb", &["arm", "upper extremity"]),
    ("74670003", "Wrist joint", &["wrist"]),
    ("13881006", "Zygoma", &["cheekbone", "cheek bone"]),
    ("91470000", "Axilla", &["armpit"]),
    ("77568009", "Back", &[]),
    ("46862004", "Buttock", &[]),
    ("53840002", "Calf of leg", &["calf", "calves"]),
    ("60819002", "Cheek", &[]),
    ("117590005", "Ear", &[]),
    ("80243003", "Eyelid", &["eye lid"]),
    ("89545001", "Face", &[]),
    ("58602004", "Flank", &[]),
    ("26893007", "Inguinal region", &["groin"]),
    ("52612000", "Lumbar region", &["lower back"]),
    ("123851003", "Mouth", &[]),
    ("45206002", "Nose", &[]),
    ("18911002", "Penis", &[]),
    ("38864007", "Perineum", &[]),
    ("32361000", "Popliteal fossa", &["back of knee"]),
    ("41695006", "Scalp", &[]),
    ("20233005", "Scrotum", &[]),
    ("21974007", "Tongue", &[]),
    ("90290004", "Umbilical region", &["navel", "umbilicus"]),
    ("45292006", "Vulva", &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<String>, String, Option<Laterality>) {
        let (site, side) = BodySite::from_text(text).unwrap();
        (site.code, site.text, side)
    }

    #[test]
    fn names_give_codes_and_sides() {
        for (text, code, meaning, side) in [
            ("left forearm", "14975008", "Forearm", Some(Laterality::Left)),
            ("Forearm, LEFT", "14975008", "Forearm", Some(Laterality::Left)),
            ("the right  lower leg", "30021000", "Lower leg", Some(Laterality::Right)),
            ("both hands", "85562004", "Hand", Some(Laterality::Bilateral)),
            ("feet (bilateral)", "56459004", "Foot", Some(Laterality::Bilateral)),
            ("back", "77568009", "Back", None),
            ("armpit", "91470000", "Axilla", None),
            ("Head and Neck", "774007", "Head and Neck", None),
        ] {
            assert_eq!(parsed(text), (Some(code.into()), meaning.into(), side), "{text}");
        }
    }

    #[test]
    fn other_text_is_kept_whole() {
        for (text, side) in [
            ("Unterarm links", None),
            ("left third toe nail", Some(Laterality::Left)),
            ("left and right hand", None),
            ("scar near the elbow", None),
            ("左前腕", None),
        ] {
            assert_eq!(parsed(text), (None, text.into(), side), "{text}");
        }
        for text in ["", " ", "a\nb", &"a".repeat(MAX_SITE_LEN + 1)] {
            assert!(BodySite::from_text(text).is_err());
        }
    }

    #[test]
    fn x75_a_side_that_contradicts_the_words_is_refused() {
        use Laterality::{Bilateral, Left, Right};
        let code = || Some("14975008".to_owned());
        for (code, text, side) in [
            (None, "left forearm", Right),
            (None, "left third toe nail", Right),
            (None, "both hands", Left),
            (code(), "Forearm, LEFT", Right),
            (None, "left hand, left thumb", Right),
            (None, "forearm: left.", Right),
            (None, "left-sided scar", Right),
            (None, "left/medial thigh", Right),
        ] {
            assert_eq!(BodySite::of_form(code, text, Some(side)), Err(LabelError::Sides), "{text}");
        }
        for (code, text, side, expected) in [
            (None, "left forearm", Some(Left), Some(Left)),
            (None, "forearm", Some(Right), Some(Right)),
            (None, "left forearm", None, Some(Left)),
            (code(), "left forearm", None, Some(Left)),
            (code(), "forearm", None, None),
            // Both are kept for people to read.
            (None, "left and right hand", Some(Bilateral), Some(Bilateral)),
        ] {
            let (_, side) = BodySite::of_form(code, text, side).unwrap();
            assert_eq!(side, expected, "{text}");
        }
    }

    #[test]
    fn every_code_is_a_snomed_id_and_every_name_has_one_meaning() {
        let mut names = Vec::new();
        for (code, meaning, others) in SITES {
            assert!(is_snomed_id(code), "{code} {meaning}");
            names.push(meaning.to_lowercase());
            names.extend(others.iter().map(|name| (*name).to_owned()));
            for name in names.iter().rev().take(others.len() + 1) {
                assert_eq!(find(name), Some((*code, *meaning)), "{name}");
            }
        }
        let mut codes: Vec<_> = SITES.iter().map(|(code, ..)| code).collect();
        names.sort();
        codes.sort();
        assert!(names.is_sorted_by(|a, b| a < b) && codes.is_sorted_by(|a, b| a < b));
        for side in [Laterality::Left, Laterality::Right, Laterality::Bilateral] {
            assert!(is_snomed_id(side.code()));
            assert_eq!(Laterality::from_word(side.as_str()), Some(side));
        }
    }

    #[test]
    fn a_mistyped_code_is_refused() {
        for code in ["14975007", "14975080", "1497500", "014975008", "T-D8500", "", "1497500814975008000"] {
            assert!(BodySite::new(Some(code.into()), "Forearm".into()).is_err(), "{code}");
        }
        // Every single wrong digit, which is what a check digit is for.
        for at in 0..8 {
            for digit in b'0'..=b'9' {
                let mut code = b"14975008".to_vec();
                code[at] = digit;
                let code = String::from_utf8(code).unwrap();
                assert_eq!(is_snomed_id(&code), code == "14975008", "{code}");
            }
        }
    }
}
