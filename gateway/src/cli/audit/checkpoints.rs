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
    let notes = printed_as_json(&text).unwrap_or_else(|| split(&text));
    // Nothing of it is repeated: it may be a file that was named by mistake.
    if notes.is_empty() || notes.len() > MAX_NOTES || !notes.iter().all(|note| is_checkpoint(note)) {
        return Err(CliError::new(
            Exit::Usage,
            "--against: this is no checkpoint, or not the whole of it: give what `safelight audit checkpoint` printed, with its blank line and its signature, or its JSON",
        ));
    }
    Ok(notes)
}

/// The notes in what `audit checkpoint --json` prints, if it is that: an array of objects, or one of them.
fn printed_as_json(text: &str) -> Option<Vec<String>> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let taken = match &json {
        serde_json::Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let note = |taken: &serde_json::Value| taken.get("checkpoint")?.as_str().map(split);
    taken.iter().map(note).collect::<Option<Vec<_>>>().map(|notes| notes.concat())
}

/// Origin, size, root, and behind a blank line a signature (C2SP tlog-checkpoint). Whose it is and whether it holds is judged later.
fn is_checkpoint(note: &str) -> bool {
    let Some((body, signatures)) = note.split_once("\n\n") else { return false };
    let mut lines = body.lines();
    let (origin, size, root) = (lines.next(), lines.next(), lines.next());
    let is_root = |root: &str| data_encoding::BASE64.decode(root.as_bytes()).is_ok_and(|root| root.len() == 32);
    origin.is_some_and(|origin| !origin.is_empty())
        && size.is_some_and(|size| size.parse::<u64>().is_ok())
        && root.is_some_and(is_root)
        && signatures.starts_with(SIGNATURE)
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
        // As `audit checkpoint --json` prints it, and one object of it.
        let object = serde_json::json!({ "log": "access", "size": 5, "checkpoint": text, "verifier_key": "x" });
        for json in [serde_json::to_string_pretty(&[&object]).unwrap(), object.to_string()] {
            std::fs::write(&path, &json).unwrap();
            assert_eq!(read(path.to_str().unwrap()).unwrap(), read(&text).unwrap());
        }
        let half = text.split_once("\n\n").unwrap().0;
        for other in
            ["\n", "root:x:0:0::/root:/bin/bash\n", half, "[]", "[{\"size\": 5}]", "{\"checkpoint\": \"secret\"}"]
        {
            std::fs::write(&path, other).unwrap();
            let refused = read(path.to_str().unwrap()).unwrap_err();
            assert_eq!(refused.exit, Exit::Usage);
            assert!(other.trim().len() < 4 || !refused.message.contains(other.trim()), "{}", refused.message);
        }
    }
}
