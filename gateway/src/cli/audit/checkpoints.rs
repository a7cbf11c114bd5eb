//! Checkpoints that were kept elsewhere: one or several signed notes in one text.

use std::io::Read;

use safelight_core::log::checkpoint::MAX_CHECKPOINT_LEN;

use crate::cli::outcome::{CliError, Exit};

/// Notes in one text: far more than anybody gives at once.
const MAX_NOTES: usize = 1024;

/// What begins a signature line of a signed note: an em dash and a space.
const SIGNATURE: &str = "\u{2014} ";

/// Reads `--against`: a file, `-`, or the text itself.
///
/// # Errors
/// [`Exit::Usage`] if there is no note in it, [`Exit::NotFound`] if the file cannot be read.
pub(super) fn read(against: &str) -> Result<Vec<String>, CliError> {
    let text = if against == "-" {
        bounded(std::io::stdin().lock())
    } else if super::is_file(against) {
        std::fs::File::open(against).and_then(bounded)
    } else {
        Ok(against.to_owned())
    };
    let text = text.map_err(|error| CliError::new(Exit::NotFound, format!("--against {against}: {error}")))?;
    let notes = split(&text);
    if notes.is_empty() || notes.len() > MAX_NOTES {
        return Err(CliError::new(
            Exit::Usage,
            "--against: no checkpoint is in it; it must be copied whole, with its blank line and its signature",
        ));
    }
    Ok(notes)
}

fn bounded(source: impl Read) -> std::io::Result<String> {
    let limit = MAX_NOTES.saturating_mul(MAX_CHECKPOINT_LEN);
    let mut text = String::new();
    source.take(u64::try_from(limit).unwrap_or(u64::MAX)).read_to_string(&mut text)?;
    Ok(text)
}

/// Cuts a text into notes: body, a blank line, signature lines. Line ends of another system and blank lines between notes
/// are what copying does to a text, so they are put right.
fn split(text: &str) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let mut note = String::new();
    let mut is_signed = false;
    for line in text.lines().map(|line| line.trim_end_matches('\r')) {
        let is_signature = line.starts_with(SIGNATURE);
        if is_signed && !is_signature {
            notes.push(std::mem::take(&mut note));
            is_signed = false;
        }
        if note.is_empty() && line.is_empty() {
            continue;
        }
        note.push_str(line);
        note.push('\n');
        is_signed |= is_signature;
    }
    if !note.is_empty() {
        notes.push(note);
    }
    notes
}

/// The log that a note is of, if it is one.
pub(super) fn origin(note: &str) -> &str {
    note.lines().next().unwrap_or_default()
}

/// How many entries a note is for.
pub(super) fn size(note: &str) -> Option<u64> {
    note.lines().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use safelight_core::log::checkpoint::{Checkpoint, SignedCheckpoint};

    fn note(origin: &str, size: u64) -> String {
        let checkpoint = Checkpoint { origin: origin.to_owned(), size, root: [7; 32] };
        checkpoint.sign(&SigningKey::from_bytes(&[3; 32])).unwrap().text().to_owned()
    }

    #[test]
    fn notes_are_found_again_however_they_were_copied() {
        let (one, two) = (note("example/access", 1), note("example/intake", 22));
        let both = vec![one.clone(), two.clone()];
        for text in [
            format!("{one}{two}"),
            format!("{one}\n{two}"),
            format!("\n\n{one}\n\n{two}\n\n"),
            format!("{one}\n{two}").replace('\n', "\r\n"),
            format!("{one}{}", two.trim_end()),
        ] {
            assert_eq!(split(&text), both, "{text:?}");
        }
        assert_eq!((origin(&two), size(&two)), ("example/intake", Some(22)));
        let key = SigningKey::from_bytes(&[3; 32]).verifying_key();
        assert!(SignedCheckpoint::parse_and_verify(&split(&one)[0], "example/access", &key).is_ok());
    }

    #[test]
    fn a_file_and_the_text_itself_are_read_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint.txt");
        let text = note("example/access", 5);
        std::fs::write(&path, &text).unwrap();
        assert_eq!(read(path.to_str().unwrap()).unwrap(), read(&text).unwrap());
        assert_eq!(read(folder.path().join("none").to_str().unwrap()).unwrap_err().exit, Exit::NotFound);
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(read(path.to_str().unwrap()).unwrap_err().exit, Exit::Usage);
    }
}
