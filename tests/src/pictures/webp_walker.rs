//! Knows every byte of a stripped WebP (RFC 9649), or says which one it does not.

use super::{icc_walker, png_walker};

const ALPHA: u8 = 0x10;
const PROFILE: u8 = 0x20;
const EXIF: u8 = 0x08;

/// The chunks that can be read.
pub fn chunks(webp: &[u8]) -> Vec<(&[u8; 4], &[u8])> {
    let mut chunks = Vec::new();
    let mut rest = webp.get(12..).unwrap_or_default();
    while let Some((kind, after)) = rest.split_first_chunk::<4>() {
        let Some((len, after)) = after.split_first_chunk::<4>() else { break };
        let len = u32::from_le_bytes(*len) as usize;
        let Some(content) = after.get(..len) else { break };
        chunks.push((kind, content));
        rest = after.get(len.next_multiple_of(2)..).unwrap_or_default();
    }
    chunks
}

/// Walks a file to the end that its RIFF size names. Every byte must belong to something allowed, and nothing may follow.
///
/// # Errors
/// What is there and does not belong there.
pub fn walk(webp: &[u8]) -> Result<(), String> {
    let size = webp.strip_prefix(b"RIFF").and_then(|rest| rest.first_chunk::<4>()).ok_or("no RIFF")?;
    if u32::from_le_bytes(*size) as usize + 8 != webp.len() || webp.get(8..12) != Some(b"WEBP") {
        return Err("the RIFF size is wrong".into());
    }
    let mut rest = &webp[12..];
    let mut found: Vec<(&[u8; 4], &[u8])> = Vec::new();
    while let Some((kind, after)) = rest.split_first_chunk::<4>() {
        let at = webp.len() - rest.len();
        let (len, after) = after.split_first_chunk::<4>().ok_or("no length")?;
        let len = u32::from_le_bytes(*len) as usize;
        let padded = after.get(..len.next_multiple_of(2)).ok_or(format!("the chunk at {at} is cut off"))?;
        let (content, padding) = padded.split_at(len);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(format!("the padding of the chunk at {at} is not zero"));
        }
        found.push((kind, content));
        rest = &after[padded.len()..];
    }
    if !rest.is_empty() {
        return Err(format!("{} bytes after the last chunk", rest.len()));
    }
    match found.split_first() {
        Some(((b"VP8X", header), [])) => Err(format!("a header of {} bytes alone", header.len())),
        Some(((b"VP8X", header), others)) => extended(header, others),
        Some((picture, [])) => bitstream(picture.0, picture.1).map(|_| ()),
        Some((_, others)) => Err(format!("{} chunks without a header", others.len() + 1)),
        None => Err("no chunk".into()),
    }
}

/// Header, profile, alpha, picture, orientation: in this order, each at most once, and the header's flags say which.
fn extended(header: &[u8], mut rest: &[(&[u8; 4], &[u8])]) -> Result<(), String> {
    let &[flags, 0, 0, 0, w0, w1, w2, h0, h1, h2] = header else {
        return Err("a header whose reserved bytes are not zero".into());
    };
    let mut next = |kind: &[u8; 4]| {
        let content = rest.first().filter(|(found, _)| *found == kind)?.1;
        rest = &rest[1..];
        Some(content)
    };
    let profile = next(b"ICCP");
    let alpha = next(b"ALPH");
    let lossy = next(b"VP8 ");
    let lossless = next(b"VP8L");
    let exif = next(b"EXIF");
    if let Some((kind, _)) = rest.first() {
        return Err(format!("{} is not allowed here", String::from_utf8_lossy(*kind)));
    }
    let picture = match (lossy, lossless) {
        (Some(lossy), None) => bitstream(b"VP8 ", lossy)?,
        (None, Some(lossless)) if alpha.is_none() => bitstream(b"VP8L", lossless)?,
        _ => return Err("not one picture".into()),
    };
    let side = |bytes: [u8; 3]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) + 1;
    if (picture.width, picture.height) != (side([w0, w1, w2]), side([h0, h1, h2])) {
        return Err("the header has another size than the picture".into());
    }
    let optional = flags & ALPHA;
    let is_alpha = if alpha.is_some() { ALPHA } else { optional & if picture.alpha { ALPHA } else { 0 } };
    let expected = is_alpha | if profile.is_some() { PROFILE } else { 0 } | if exif.is_some() { EXIF } else { 0 };
    if flags != expected {
        return Err(format!("the flags are {flags:02X}, the chunks say {expected:02X}"));
    }
    if let Some([info, ..]) = alpha
        && info & 0xC0 != 0
    {
        return Err("reserved bits of the alpha are not zero".into());
    }
    if exif.is_some_and(|exif| !png_walker::exif(exif)) {
        return Err("EXIF beyond the orientation".into());
    }
    profile.map_or(Ok(()), icc_walker::walk)
}

struct Bitstream {
    width: u32,
    height: u32,
    alpha: bool,
}

/// The picture's own header: RFC 6386 section 9.1 for `VP8 `, RFC 9649 section 3.4 for `VP8L`.
fn bitstream(kind: &[u8; 4], content: &[u8]) -> Result<Bitstream, String> {
    match (kind, content) {
        (b"VP8 ", [t0, t1, t2, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, rest @ ..]) => {
            let tag = u32::from_le_bytes([*t0, *t1, *t2, 0]);
            if tag & 1 != 0 || tag >> 5 > rest.len() as u32 {
                return Err("no key frame".into());
            }
            let side = |low, high| u32::from(u16::from_le_bytes([low, high & 0x3F]));
            Ok(Bitstream { width: side(*w0, *w1), height: side(*h0, *h1), alpha: false })
        }
        (b"VP8L", [0x2F, b0, b1, b2, b3, ..]) => {
            let bits = u32::from_le_bytes([*b0, *b1, *b2, *b3]);
            if bits >> 29 != 0 {
                return Err("an unknown version".into());
            }
            let (width, height) = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1);
            Ok(Bitstream { width, height, alpha: bits >> 28 & 1 == 1 })
        }
        _ => Err(format!("{} is no picture", String::from_utf8_lossy(kind))),
    }
}
