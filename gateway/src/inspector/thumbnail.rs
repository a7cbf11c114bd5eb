//! Decodes a picture and makes a small one of it, or a marked one. Runs in the child only.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Rgb, RgbaImage};
use safelight_core::manifest::ContentType;
use safelight_core::photo::Photo;
use safelight_core::strip::{StrippedPhoto, strip};

use super::answer::Failure;
use super::mark;

/// The longest side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: u32 = 320;
/// The largest picture that is decoded, in pixels. Larger ones have no thumbnail.
pub const MAX_INSPECTED_PIXELS: u64 = 110_000_000;
/// The largest picture that is decoded, in bytes of its samples.
const MAX_DECODED_LEN: u64 = 512 * 1024 * 1024;

const QUALITY: u8 = 80;
/// Of a picture that leaves the console.
const MARKED_QUALITY: u8 = 92;
/// The longest colour profile that a thumbnail carries, in bytes. Those of cameras are far shorter.
const MAX_PROFILE_LEN: usize = 16 * 1024;

/// Makes an upright, stripped JPEG of at most [`THUMBNAIL_SIDE`] out of a picture, whose parts are `bytes`.
pub(super) fn make(bytes: &[u8], picture: &StrippedPhoto<'_>) -> Result<Vec<u8>, Failure> {
    let Decoded { pixels, profile, orientation } = decode(bytes, picture)?;
    let grey = !pixels.color().has_color();
    let (width, height) = (pixels.width(), pixels.height());
    let longest = width.max(height);
    let mut small = if longest > THUMBNAIL_SIDE {
        let scaled = |side: u32| (side * THUMBNAIL_SIDE / longest).max(1);
        pixels.thumbnail_exact(scaled(width), scaled(height))
    } else {
        pixels
    };
    small.apply_orientation(orientation);
    let small = if small.color().has_alpha() { on_white(&small.into_rgba8()) } else { small };
    let small = if grey { small.into_luma8().into() } else { DynamicImage::ImageRgb8(small.into_rgb8()) };
    encode(&small, profile.filter(|profile| fits(profile, grey)), QUALITY)
}

/// Makes an upright, stripped JPEG of the whole picture, with `text` drawn into its pixels.
pub(super) fn make_marked(bytes: &[u8], picture: &StrippedPhoto<'_>, text: &[u8]) -> Result<Vec<u8>, Failure> {
    let Decoded { mut pixels, profile, orientation } = decode(bytes, picture)?;
    let grey = !pixels.color().has_color();
    pixels.apply_orientation(orientation);
    let pixels = if pixels.color().has_alpha() { on_white(&pixels.into_rgba8()) } else { pixels };
    let mut marked = pixels.into_rgb8();
    mark::draw(&mut marked, text);
    let marked = DynamicImage::ImageRgb8(marked);
    let marked = if grey { marked.into_luma8().into() } else { marked };
    let jpeg = encode(&marked, profile.filter(|profile| fits(profile, grey)), MARKED_QUALITY)?;
    // The answer has a few bytes around it.
    if jpeg.len() > super::MAX_MARKED_LEN - 1024 {
        return Err(Failure::TooLarge);
    }
    Ok(jpeg)
}

struct Decoded {
    pixels: DynamicImage,
    profile: Option<Vec<u8>>,
    orientation: Orientation,
}

fn decode(bytes: &[u8], picture: &StrippedPhoto<'_>) -> Result<Decoded, Failure> {
    let (width, height) = (picture.width(), picture.height());
    if u64::from(width) * u64::from(height) > MAX_INSPECTED_PIXELS {
        return Err(Failure::TooLarge);
    }
    let undecodable = |_| Failure::NotDecodable;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format(picture.content_type()));
    // The process has limits of its own, which count everything.
    reader.no_limits();
    let mut decoder = reader.into_decoder().map_err(undecodable)?;
    if decoder.total_bytes() > MAX_DECODED_LEN {
        return Err(Failure::TooLarge);
    }
    let profile = decoder.icc_profile().map_err(undecodable)?;
    let orientation = decoder.orientation().map_err(undecodable)?;
    let pixels = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    if (pixels.width(), pixels.height()) != (width, height) {
        return Err(Failure::NotDecodable);
    }
    Ok(Decoded { pixels, profile, orientation })
}

fn format(content_type: ContentType) -> ImageFormat {
    match content_type {
        ContentType::Jpeg => ImageFormat::Jpeg,
        ContentType::Png => ImageFormat::Png,
        ContentType::Webp => ImageFormat::WebP,
    }
}

/// JPEG knows no transparency.
fn on_white(small: &RgbaImage) -> DynamicImage {
    let opaque = image::RgbImage::from_fn(small.width(), small.height(), |x, y| {
        let [red, green, blue, alpha] = small.get_pixel(x, y).0.map(u32::from);
        let blend = |sample| u8::try_from((sample * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX);
        Rgb([blend(red), blend(green), blend(blue)])
    });
    DynamicImage::ImageRgb8(opaque)
}

/// Whether a profile describes the colours that the thumbnail has.
fn fits(profile: &[u8], grey: bool) -> bool {
    let space: &[u8] = if grey { b"GRAY" } else { b"RGB " };
    profile.len() <= MAX_PROFILE_LEN && profile.get(16..20) == Some(space)
}

fn encode(small: &DynamicImage, profile: Option<Vec<u8>>, quality: u8) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    if let Some(profile) = profile {
        encoder.set_icc_profile(profile).map_err(|_| Failure::NotDecodable)?;
    }
    encoder.encode_image(small).map_err(|_| Failure::NotDecodable)?;
    let photo = Photo::parse(&bytes).map_err(|_| Failure::NotDecodable)?;
    Ok(strip(photo).map_err(|_| Failure::NotDecodable)?.to_vec())
}
