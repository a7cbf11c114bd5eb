//! Decodes a picture and makes a small one of it. Runs in the child only.

use std::io::Cursor;

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::{DynamicImage, ImageDecoder, ImageEncoder};
use safelight_core::photo::Photo;
use safelight_core::strip::strip;

use super::answer::Failure;

/// The longest side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: u32 = 320;
/// The largest picture that is decoded, in pixels: what the largest sensors of phones give.
pub const MAX_INSPECTED_PIXELS: u64 = 110_000_000;

const QUALITY: u8 = 80;
/// The longest colour profile that a thumbnail carries, in bytes. Those of cameras are far shorter.
const MAX_PROFILE_LEN: usize = 16 * 1024;

/// Makes an upright, stripped JPEG of at most [`THUMBNAIL_SIDE`].
pub(super) fn make(picture: &[u8], width: u32, height: u32) -> Result<Vec<u8>, Failure> {
    if u64::from(width) * u64::from(height) > MAX_INSPECTED_PIXELS {
        return Err(Failure::TooLarge);
    }
    let undecodable = |_| Failure::NotDecodable;
    let mut decoder = JpegDecoder::new(Cursor::new(picture)).map_err(undecodable)?;
    let profile = decoder.icc_profile().map_err(undecodable)?;
    let orientation = decoder.orientation().map_err(undecodable)?;
    let decoded = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    if (decoded.width(), decoded.height()) != (width, height) {
        return Err(Failure::NotDecodable);
    }
    let longest = width.max(height);
    let mut small = if longest > THUMBNAIL_SIDE {
        let scaled = |side: u32| (side * THUMBNAIL_SIDE / longest).max(1);
        decoded.thumbnail_exact(scaled(width), scaled(height))
    } else {
        decoded
    };
    small.apply_orientation(orientation);
    let grey = matches!(small, DynamicImage::ImageLuma8(_));
    let small = if grey { small } else { DynamicImage::ImageRgb8(small.into_rgb8()) };
    encode(&small, profile.filter(|profile| fits(profile, grey)))
}

/// Whether a profile describes the colours that the thumbnail has.
fn fits(profile: &[u8], grey: bool) -> bool {
    let space: &[u8] = if grey { b"GRAY" } else { b"RGB " };
    profile.len() <= MAX_PROFILE_LEN && profile.get(16..20) == Some(space)
}

fn encode(small: &DynamicImage, profile: Option<Vec<u8>>) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).map_err(|_| Failure::NotDecodable)?;
    }
    encoder.encode_image(small).map_err(|_| Failure::NotDecodable)?;
    let photo = Photo::parse(&bytes).map_err(|_| Failure::NotDecodable)?;
    Ok(strip(photo).map_err(|_| Failure::NotDecodable)?.to_vec())
}
