//! All that is said about a picture before and after: by the walkers here, and by programs of others.

use super::exiftool::{self, Tags};
use super::{colours, pixels, stripped, walk};

/// A picture before and after.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What it is called in a finding.
    pub name: String,
    /// As it came.
    pub before: Vec<u8>,
    /// As it was stripped.
    pub after: Vec<u8>,
}

/// What the programs of others found.
#[derive(Debug, Default)]
pub struct Attested {
    /// Each with the name of its picture.
    pub problems: Vec<String>,
    /// What ExifTool would find if nothing were stripped, by the number of the pair; empty where it is missing.
    pub unstripped: Vec<Vec<String>>,
    /// What Pillow says; `None` where it is missing.
    pub compared: Option<colours::Compared>,
}

/// What must hold of an output, whatever the input was: walked to its last byte, no longer than allowed, the same a second time.
///
/// # Errors
/// What does not hold.
pub fn clean(before: &[u8], after: &[u8]) -> Result<(), String> {
    if after.len() > before.len() + safelight_core::strip::MAX_GROWTH {
        return Err("it grew".into());
    }
    walk(after)?;
    let (again, report) = stripped(after).map_err(|code| format!("an output is refused: {code}"))?;
    if again != after {
        return Err("stripping twice changes something".into());
    }
    if report.is_empty() { Ok(()) } else { Err(format!("a second time finds {report}")) }
}

/// The same, and that the clinic's decoder sees the same pixels.
///
/// # Errors
/// What does not hold.
pub fn clean_and_unchanged(before: &[u8], after: &[u8]) -> Result<(), String> {
    clean(before, after)?;
    match (pixels(before), pixels(after)) {
        (Some(before), Some(after)) if before != after => Err("the pixels changed".into()),
        (Some(_), None) => Err("it cannot be decoded any more".into()),
        _ => Ok(()),
    }
}

/// Calls ExifTool and Pillow once for all pictures.
///
/// # Panics
/// If a file cannot be written.
pub fn attest(pairs: &[Pair], skipped: &str) -> Attested {
    let folder = tempfile::tempdir().unwrap();
    let file = |at: usize, bytes: &[u8]| {
        let end = match bytes {
            [0xFF, ..] => "jpg",
            [b'R', ..] => "webp",
            _ => "png",
        };
        format!("{at:05}.{end}")
    };
    for side in ["before", "after"] {
        std::fs::create_dir(folder.path().join(side)).unwrap();
        for (at, pair) in pairs.iter().enumerate() {
            let bytes = if side == "before" { &pair.before } else { &pair.after };
            std::fs::write(folder.path().join(side).join(file(at, bytes)), bytes).unwrap();
        }
    }
    let named = |problem: &str| match problem.get(..5).and_then(|at| at.parse::<usize>().ok()) {
        Some(at) => format!("{}: {problem}", pairs[at].name),
        None => problem.to_owned(),
    };
    let mut attested = Attested::default();
    if let Some(read) = exiftool::read(folder.path(), skipped) {
        let none = Tags::new();
        for (at, pair) in pairs.iter().enumerate() {
            let of = |side: &str, bytes: &[u8]| read.get(&format!("{side}/{}", file(at, bytes))).unwrap_or(&none);
            let (before, after) = (of("before", &pair.before), of("after", &pair.after));
            if after.is_empty() {
                attested.problems.push(format!("{}: ExifTool says nothing of it", pair.name));
            }
            let found = exiftool::beyond(after, before);
            attested.problems.extend(found.iter().map(|tag| format!("{}: ExifTool: {tag}", pair.name)));
            attested.unstripped.push(exiftool::beyond(before, &none));
        }
    }
    if let Some(mut compared) = colours::compare(folder.path(), skipped) {
        attested.problems.extend(compared.problems.drain(..).map(|problem| named(&problem)));
        for names in [&mut compared.only_after, &mut compared.unopened] {
            names.iter_mut().for_each(|name| *name = named(name));
        }
        attested.compared = Some(compared);
    }
    attested
}
