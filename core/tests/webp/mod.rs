//! For the tests of stripping WebP: a writer of small files, and a structural walker that shares nothing
//! with the stripper.

use crate::jpeg;

pub(crate) const PROFILE: u8 = 0x20;
pub(crate) const ALPHA: u8 = 0x10;
pub(crate) const EXIF: u8 = 0x08;

/// Size of every picture that is written here.
pub(crate) const WIDTH: u32 = 7;
/// See [`WIDTH`].
pub(crate) const HEIGHT: u32 = 5;

/// A chunk as a test writes it: name and content.
pub(crate) type Chunk = (&'static [u8; 4], Vec<u8>);

/// A whole file.
pub(crate) fn file(chunks: &[Chunk]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (name, content) in chunks {
        body.extend_from_slice(*name);
        body.extend((content.len() as u32).to_le_bytes());
        body.extend_from_slice(content);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

/// An extended file.
pub(crate) fn extended(flags: u8, chunks: &[Chunk]) -> Vec<u8> {
    file(&[&[(b"VP8X", header(flags))], chunks].concat())
}

/// The content of an extended header.
pub(crate) fn header(flags: u8) -> Vec<u8> {
    vec![flags, 0, 0, 0, WIDTH as u8 - 1, 0, 0, HEIGHT as u8 - 1, 0, 0]
}

/// A lossy picture: a gradient.
pub(crate) fn lossy() -> Chunk {
    let mut content = b"\xd0\x01\0\x9d\x01\x2a\x07\0\x05\0\x04\0\x68\x25\xb0\x02\x74\x01\x0e\xbb\x05\x8e\0\0".to_vec();
    content.extend(b"\xfe\xe6\x0a\x6a\xa2\xc4\xc4\x30\x0e\x39\x33\xfb\x67\x28\x98\xe4\x0e\xc8\x62\x9a");
    content.extend(b"\x3f\x10\x3f\x1e\x83\xb8\0\0");
    (b"VP8 ", content)
}

/// A lossless picture, of which a part is transparent or nothing is.
pub(crate) fn lossless(transparent: bool) -> Chunk {
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
pub(crate) fn alpha(surplus: usize) -> Chunk {
    let pixels = (0..(WIDTH * HEIGHT) as u8).map(|at| at * 7);
    (b"ALPH", std::iter::once(0).chain(pixels).chain(vec![0xAA; surplus]).collect())
}

/// A profile with details that decide no colour.
pub(crate) fn profile() -> Chunk {
    (b"ICCP", moxcms::ColorProfile::new_display_p3().encode().unwrap())
}

/// EXIF of one directory whose entries are (tag, type, count, value or offset).
pub(crate) fn exif(entries: &[(u16, u16, u32, u32)], extra: &[u8]) -> Chunk {
    let segment = jpeg::writer::exif(entries, extra);
    (b"EXIF", segment[b"\xFF\xE1llExif\0\0".len()..].to_vec())
}

/// EXIF with an orientation and a maker.
pub(crate) fn orientation(value: u32) -> Chunk {
    exif(&[(0x010F, 2, 4, 0x0041_4e41), (0x0112, 3, 1, value)], b"")
}

/// Pixels as another program decodes them, with their size.
pub(crate) fn pixels(bytes: &[u8]) -> Option<(u32, u32, Vec<u8>)> {
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), image::ImageFormat::WebP);
    reader.no_limits();
    let decoded = reader.decode().ok()?;
    Some((decoded.width(), decoded.height(), decoded.into_bytes()))
}

/// What must hold of every output, whatever the input was.
pub(crate) fn assert_clean(input: &[u8], output: &[u8]) {
    assert!(output.len() <= input.len() + safelight_core::strip::MAX_GROWTH, "it grew");
    if let Err(problem) = walk(output) {
        panic!("the output is not clean: {problem}");
    }
    let (again, report) = jpeg::stripped(output).expect("an output is strippable");
    assert!(again == output, "stripping twice changes something");
    assert!(report.is_empty(), "a second time finds {report}");
}

/// Walks a file; every byte must belong to something allowed, in the one order.
fn walk(bytes: &[u8]) -> Result<(), String> {
    let chunks = chunks(bytes)?;
    let names: Vec<&[u8; 4]> = chunks.iter().map(|(name, _)| name).collect();
    if let [b"VP8 " | b"VP8L"] = names[..] {
        return Ok(());
    }
    let order: [&[u8; 4]; 6] = [b"VP8X", b"ICCP", b"ALPH", b"VP8 ", b"VP8L", b"EXIF"];
    let places: Vec<_> = names.iter().map(|name| order.iter().position(|known| known == name)).collect();
    if places.contains(&None) || !places.is_sorted_by(|a, b| a < b) {
        return Err(format!("chunks {names:?}"));
    }
    let found = |name: &[u8; 4]| chunks.iter().find(|(other, _)| other == name).map(|(_, content)| *content);
    let header = found(b"VP8X").ok_or("no header")?;
    let lossless = found(b"VP8L");
    let flag = |name, flag| if found(name).is_some() { flag } else { 0 };
    let flags = flag(b"ICCP", PROFILE) | flag(b"EXIF", EXIF) | flag(b"ALPH", ALPHA);
    // A lossless picture is shown as the flag says, whatever it says itself.
    let flags = flags | if lossless.is_some() { header[0] & ALPHA } else { 0 };
    if header[0] != flags || header[1..4] != [0; 3] || header.len() != 10 {
        return Err(format!("header {header:?}"));
    }
    if lossless.is_some() == found(b"VP8 ").is_some() || lossless.is_some() && found(b"ALPH").is_some() {
        return Err(format!("pictures {names:?}"));
    }
    if lossless.is_some_and(|picture| flags == picture[4] & ALPHA) || lossless.is_none() && flags == 0 {
        return Err("a header for nothing".into());
    }
    if let Some(exif) = found(b"EXIF") {
        let sound = exif.len() == 26
            && exif.starts_with(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0")
            && (2..=8).contains(&exif[19])
            && exif[20..].iter().all(|byte| *byte == 0);
        sound.then_some(()).ok_or("EXIF")?;
    }
    found(b"ICCP").map_or(Ok(()), jpeg::walker::icc)
}

/// All chunks of a file without a byte left over, all padding zero.
fn chunks(bytes: &[u8]) -> Result<Vec<([u8; 4], &[u8])>, String> {
    let (start, mut rest) = bytes.split_at_checked(12).ok_or("no header")?;
    let len = u32::from_le_bytes(start[4..8].try_into().unwrap()) as usize;
    if &start[..4] != b"RIFF" || &start[8..] != b"WEBP" || len + 8 != bytes.len() {
        return Err(format!("container {start:?} of {} bytes", bytes.len()));
    }
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (header, after) = rest.split_at_checked(8).ok_or("stray bytes")?;
        let len = u32::from_le_bytes(header[4..].try_into().unwrap()) as usize;
        let (content, after) = after.split_at_checked(len).ok_or("a chunk that is cut off")?;
        let (padding, after) = after.split_at_checked(len % 2).ok_or("no padding")?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err("padding".into());
        }
        found.push((header[..4].try_into().unwrap(), content));
        rest = after;
    }
    Ok(found)
}
