//! The proof that stripping leaves nothing but the picture, by readers that share nothing with the stripper.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic in a test is the finding, and a test's lengths are small"
)]

pub mod canary;
pub mod colours;
pub mod corpus;
pub mod exiftool;
pub mod icc_walker;
pub mod inflated;
pub mod jpeg_walker;
pub mod jpeg_writer;
pub mod mutation;
pub mod pieces;
pub mod png_walker;
pub mod png_writer;
pub mod tiff;
pub mod walker;
pub mod webp_walker;
pub mod webp_writer;
pub mod witnesses;

use safelight_core::photo::Photo;
use safelight_core::strip::{Report, strip};

pub use pieces::PNG;
pub use walker::walk;

/// Strips a file to bytes; a refusal as its code.
///
/// # Errors
/// The code of the refusal.
pub fn stripped(bytes: &[u8]) -> Result<(Vec<u8>, Report), &'static str> {
    let photo = Photo::parse(bytes).map_err(|error| error.code())?;
    let stripped = strip(photo).map_err(|error| error.code())?;
    let parts: usize = stripped.parts().map(<[u8]>::len).sum();
    assert_eq!(parts, stripped.len(), "the parts are the whole");
    Ok((stripped.to_vec(), *stripped.report()))
}

/// Pixels as the clinic's decoder sees them, with their size and kind.
pub fn pixels(bytes: &[u8]) -> Option<(u32, u32, image::ColorType, Vec<u8>)> {
    let mut reader = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().ok()?;
    reader.no_limits();
    let decoded = reader.decode().ok()?;
    Some((decoded.width(), decoded.height(), decoded.color(), decoded.into_bytes()))
}

/// The colour profile as the clinic's decoder finds it.
pub fn profile(bytes: &[u8]) -> Option<Vec<u8>> {
    let reader = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().ok()?;
    image::ImageDecoder::icc_profile(&mut reader.into_decoder().ok()?).ok()?
}

/// The orientation as another reader sees it; 1 where it sees none.
pub fn orientation(bytes: &[u8]) -> u32 {
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    let read = reader.read_from_container(&mut std::io::Cursor::new(bytes));
    let Ok(read) = read.or_else(|error| error.distill_partial_result(|_| {})) else { return 1 };
    let field = read.get_field(exif::Tag::Orientation, exif::In::PRIMARY);
    let value = field.and_then(|field| field.value.get_uint(0)).unwrap_or(1);
    if (1..=8).contains(&value) { value } else { 1 }
}
