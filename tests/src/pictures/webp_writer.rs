//! Writes small WebPs as lists of chunks that a test can change before they are joined.

use super::jpeg_writer;
use super::pieces::{riff_chunk, riff_file};

/// The flag of a colour profile.
pub const PROFILE: u8 = 0x20;
/// The flag of transparency.
pub const ALPHA: u8 = 0x10;
/// The flag of EXIF.
pub const EXIF: u8 = 0x08;

/// Size of every picture that is written here.
pub const WIDTH: u32 = 7;
/// See [`WIDTH`].
pub const HEIGHT: u32 = 5;

/// A chunk as a test writes it: name and content.
pub type Chunk = (&'static [u8; 4], Vec<u8>);

/// A whole file.
pub fn file(chunks: &[Chunk]) -> Vec<u8> {
    riff_file(&chunks.iter().flat_map(|(name, content)| riff_chunk(name, content)).collect::<Vec<u8>>())
}

/// An extended file.
pub fn extended(flags: u8, chunks: &[Chunk]) -> Vec<u8> {
    file(&[&[(b"VP8X", header(flags))], chunks].concat())
}

/// The content of an extended header.
pub fn header(flags: u8) -> Vec<u8> {
    vec![flags, 0, 0, 0, WIDTH as u8 - 1, 0, 0, HEIGHT as u8 - 1, 0, 0]
}

/// A lossy picture: a gradient.
pub fn lossy() -> Chunk {
    let mut content = b"\xd0\x01\0\x9d\x01\x2a\x07\0\x05\0\x04\0\x68\x25\xb0\x02\x74\x01\x0e\xbb\x05\x8e\0\0".to_vec();
    content.extend(b"\xfe\xe6\x0a\x6a\xa2\xc4\xc4\x30\x0e\x39\x33\xfb\x67\x28\x98\xe4\x0e\xc8\x62\x9a");
    content.extend(b"\x3f\x10\x3f\x1e\x83\xb8\0\0");
    (b"VP8 ", content)
}

/// A lossless picture, of which a part is transparent or nothing is.
pub fn lossless(transparent: bool) -> Chunk {
    let pixels: Vec<u8> = (0..WIDTH * HEIGHT)
        .flat_map(|at| [at as u8 * 7, at as u8, 200 - at as u8, if transparent { at as u8 * 5 } else { 255 }])
        .collect();
    let mut bytes = Vec::new();
    let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut bytes);
    let rgb: Vec<u8> = pixels.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
    let (pixels, kind) = match transparent {
        true => (pixels, image::ExtendedColorType::Rgba8),
        false => (rgb, image::ExtendedColorType::Rgb8),
    };
    encoder.encode(&pixels, WIDTH, HEIGHT, kind).unwrap();
    assert_eq!(&bytes[12..16], b"VP8L");
    let len = u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize;
    (b"VP8L", bytes[20..20 + len].to_vec())
}

/// Transparency without compression, `surplus` bytes too long.
pub fn alpha(surplus: usize) -> Chunk {
    let pixels = (0..(WIDTH * HEIGHT) as u8).map(|at| at * 7);
    (b"ALPH", std::iter::once(0).chain(pixels).chain(vec![0xAA; surplus]).collect())
}

/// A profile with details that decide no colour.
pub fn profile() -> Chunk {
    (b"ICCP", moxcms::ColorProfile::new_display_p3().encode().unwrap())
}

/// EXIF of one directory whose entries are (tag, type, count, value or offset).
pub fn exif(entries: &[(u16, u16, u32, u32)], extra: &[u8]) -> Chunk {
    let segment = jpeg_writer::exif(entries, extra);
    (b"EXIF", segment[b"\xFF\xE1llExif\0\0".len()..].to_vec())
}

/// EXIF with an orientation and a maker.
pub fn orientation(value: u32) -> Chunk {
    exif(&[(0x010F, 2, 4, 0x0041_4e41), (0x0112, 3, 1, value)], b"")
}
