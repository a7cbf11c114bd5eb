//! For the tests of stripping: a structural walker that shares nothing with the stripper, and a writer of
//! small JPEGs.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod walker;
pub(crate) mod writer;

use std::path::{Path, PathBuf};

use safelight_core::photo::Photo;
use safelight_core::strip::{Report, strip};

/// Strips a file to bytes; a refusal as its code.
pub(crate) fn stripped(bytes: &[u8]) -> Result<(Vec<u8>, Report), &'static str> {
    let photo = Photo::parse(bytes).map_err(|error| error.code())?;
    let stripped = strip(photo).map_err(|error| error.code())?;
    let parts: usize = stripped.parts().map(<[u8]>::len).sum();
    assert_eq!(parts, stripped.len(), "the parts are the whole");
    Ok((stripped.to_vec(), *stripped.report()))
}

/// What must hold of every output, whatever the input was.
pub(crate) fn assert_clean(input: &[u8], output: &[u8]) {
    assert!(output.len() <= input.len() + safelight_core::strip::MAX_GROWTH, "it grew");
    if let Err(problem) = walker::walk(output) {
        panic!("the output is not clean: {problem}");
    }
    let (again, report) = stripped(output).expect("an output is strippable");
    assert!(again == output, "stripping twice changes something");
    assert!(report.is_empty(), "a second time finds {report}");
}

/// Pixels as another program decodes them, with their size.
pub(crate) fn pixels(bytes: &[u8]) -> Option<(u32, u32, Vec<u8>)> {
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), image::ImageFormat::Jpeg);
    reader.no_limits();
    let decoded = reader.decode().ok()?;
    Some((decoded.width(), decoded.height(), decoded.into_bytes()))
}

/// The orientation as another reader sees it; 1 where it sees none.
pub(crate) fn orientation(bytes: &[u8]) -> u32 {
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    let read = reader.read_from_container(&mut std::io::Cursor::new(bytes));
    let read = read.or_else(|error| error.distill_partial_result(|_| {}));
    let Ok(read) = read else { return 1 };
    let field = read.get_field(exif::Tag::Orientation, exif::In::PRIMARY);
    let value = field.and_then(|field| field.value.get_uint(0)).unwrap_or(1);
    if (1..=8).contains(&value) { value } else { 1 }
}

fn shared() -> PathBuf {
    std::env::var_os("SAFELIGHT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The corpus of public pictures; `None` where there is none, which is said by name.
pub(crate) fn photos() -> Option<Vec<PathBuf>> {
    let folder = shared().join("corpus/photos");
    if !folder.is_dir() {
        println!("skipped: no corpus at {}", folder.display());
        return None;
    }
    let mut found = Vec::new();
    files(&folder, &mut found);
    found.sort();
    Some(found)
}
