//! The child: locked in first, then one mark (often none) and one picture, one answer, the end.

use std::io::{Read, Write};
use std::panic::{catch_unwind, set_hook};
use std::process::ExitCode;

use safelight_core::photo::{MAX_PHOTO_LEN, Photo};
use safelight_core::strip::{StrippedPhoto, strip_thoroughly};

use super::answer::{Answer, Failure};
use super::{sandbox, thumbnail};

/// `safelight inspect`. To be called before the program starts a thread, opens a file or reads its
/// configuration: none of that would survive.
pub fn run_child() -> ExitCode {
    // The message of a panic could hold a part of the picture, and standard error is closed to us anyway.
    set_hook(Box::new(|_| {}));
    let answer = match sandbox::enter() {
        Ok(()) => answer(),
        Err(sandbox::NoSandbox) => Answer::Refused(Failure::NoSandbox),
    };
    let mut output = std::io::stdout().lock();
    match output.write_all(&answer.to_bytes()).and_then(|()| output.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer() -> Answer {
    let mut picture = Vec::new();
    let limit = u64::try_from(MAX_PHOTO_LEN + 1).unwrap_or(u64::MAX);
    let mut input = std::io::stdin().lock();
    let Ok(mark) = read_mark(&mut input) else { return Answer::Refused(Failure::NotDecodable) };
    match input.take(limit).read_to_end(&mut picture) {
        Ok(len) if len <= MAX_PHOTO_LEN => {}
        _ => return Answer::Refused(Failure::TooLarge),
    }
    let inspected = catch_unwind(|| inspect(&picture, &mark));
    inspected.unwrap_or(Err(Failure::NotDecodable)).unwrap_or_else(Answer::Refused)
}

/// A byte that says how long the mark is, and the mark. None is wanted if it is empty.
fn read_mark(input: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut len = [0];
    input.read_exact(&mut len)?;
    let mut mark = vec![0; len.map(usize::from).into_iter().sum()];
    input.read_exact(&mut mark)?;
    Ok(mark)
}

fn inspect(picture: &[u8], mark: &[u8]) -> Result<Answer, Failure> {
    let photo = Photo::parse(picture).map_err(|_| Failure::NotDecodable)?;
    let (width, height) = (photo.width(), photo.height());
    let content_type = photo.container().content_type().as_str().to_owned();
    // What stripping refuses, the phone's core could not have sent.
    let stripped = strip_thoroughly(photo).map_err(|_| Failure::StripChangesIt)?;
    if !is_unchanged(picture, &stripped) {
        return Err(Failure::StripChangesIt);
    }
    let thumbnail = if mark.is_empty() {
        thumbnail::make(picture, &stripped)?
    } else {
        thumbnail::make_marked(picture, &stripped, mark)?
    };
    Ok(Answer::Passed { content_type, width, height, thumbnail })
}

/// Whether stripping left every byte as it was.
pub(super) fn is_unchanged(before: &[u8], after: &StrippedPhoto<'_>) -> bool {
    let mut rest = Some(before);
    for part in after.parts() {
        rest = rest.and_then(|rest| rest.strip_prefix(part));
    }
    rest.is_some_and(<[u8]>::is_empty)
}
