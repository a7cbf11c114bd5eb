//! For the tests of stripping: what they share with the proof that stripping leaves nothing.
#![allow(dead_code, reason = "each test file uses its part")]

#[allow(unreachable_pub, reason = "another package has it as a public module")]
#[path = "../../../tests/src/pictures/icc_walker.rs"]
mod icc_walker;
#[allow(unreachable_pub, reason = "another package has it as a public module")]
#[path = "../../../tests/src/pictures/jpeg_writer.rs"]
pub(crate) mod writer;

#[allow(unused_imports, reason = "each test file uses its part")]
pub(crate) mod walker {
    pub(crate) use super::icc_walker::walk as icc;
}

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
