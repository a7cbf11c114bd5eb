//! Knows every byte of a stripped PNG (W3C PNG third edition), or says which one it does not.

use super::{PNG, icc_walker, inflated};

/// A profile that inflates to more is no photograph's.
const MAX_PROFILE: usize = 8 * 1024 * 1024;
/// What Adam7 takes in each pass: first column and row, steps between columns and rows.
const PASSES: [(u64, u64, u64, u64); 7] =
    [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

/// The chunks that can be read, whatever their checksums.
pub fn chunks(png: &[u8]) -> Vec<(&[u8; 4], &[u8])> {
    let mut chunks = Vec::new();
    let Some(mut rest) = png.strip_prefix(PNG) else { return chunks };
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let len = u32::from_be_bytes(*len) as usize;
        let Some((kind, after)) = after.split_first_chunk::<4>() else { break };
        let Some((content, after)) = after.split_at_checked(len) else { break };
        chunks.push((kind, content));
        rest = after.get(4..).unwrap_or_default();
    }
    chunks
}

/// Walks a file from its signature to IEND. Every byte must belong to something allowed, and nothing may follow.
///
/// # Errors
/// What is there and does not belong there.
pub fn walk(png: &[u8]) -> Result<(), String> {
    let mut rest = png.strip_prefix(PNG).ok_or("no signature")?;
    let mut seen: Vec<[u8; 4]> = Vec::new();
    let mut frames = Vec::new();
    let mut header = None;
    while !seen.ends_with(&[*b"IEND"]) {
        let at = png.len() - rest.len();
        let (len, after) = rest.split_first_chunk::<4>().ok_or("no IEND")?;
        let len = u32::from_be_bytes(*len) as usize;
        let covered = after.get(..4 + len).ok_or(format!("the chunk at {at} is cut off"))?;
        let (sum, next) = after[4 + len..].split_first_chunk::<4>().ok_or("no checksum")?;
        let (kind, content) = covered.split_first_chunk::<4>().ok_or("no kind")?;
        let name = String::from_utf8_lossy(kind);
        if crc32fast::hash(covered) != u32::from_be_bytes(*sum) {
            return Err(format!("{name} at {at}: the checksum is wrong"));
        }
        if seen.is_empty() != (kind == b"IHDR") {
            return Err("IHDR is not the first and only first".into());
        }
        if kind == b"IHDR" {
            header = Some(Header::read(content)?);
        }
        place(kind, &seen)?;
        let header = header.as_ref().ok_or("no IHDR")?;
        chunk(kind, content, header).map_err(|problem| format!("{name} at {at}: {problem}"))?;
        if kind == b"IDAT" {
            frames.extend_from_slice(content);
        }
        seen.push(*kind);
        rest = next;
    }
    if !rest.is_empty() {
        return Err(format!("{} bytes after IEND", rest.len()));
    }
    let header = header.ok_or("no IHDR")?;
    if header.colour == 3 && !seen.contains(b"PLTE") {
        return Err("no palette".into());
    }
    let (content, consumed) = inflated::inflate(&frames, header.inflated_len())?;
    if content.len() != header.inflated_len() || consumed != frames.len() {
        return Err(format!(
            "the picture inflates to {} of {} bytes, and {} bytes follow its stream",
            content.len(),
            header.inflated_len(),
            frames.len() - consumed
        ));
    }
    Ok(())
}

/// Once each and before what they apply to; IDAT in one run.
fn place(kind: &[u8; 4], seen: &[[u8; 4]]) -> Result<(), String> {
    let name = String::from_utf8_lossy(kind);
    let last = seen.last();
    match kind {
        b"IDAT" if seen.contains(kind) && last != Some(kind) => Err("IDAT is interrupted".into()),
        b"IDAT" => Ok(()),
        _ if seen.contains(kind) => Err(format!("two chunks {name}")),
        b"IEND" => Ok(()),
        _ if seen.contains(b"IDAT") => Err(format!("{name} behind IDAT")),
        b"gAMA" | b"cHRM" | b"sRGB" | b"iCCP" | b"cICP" | b"sBIT" if seen.contains(b"PLTE") => {
            Err(format!("{name} behind PLTE"))
        }
        _ => Ok(()),
    }
}

fn chunk(kind: &[u8; 4], content: &[u8], header: &Header) -> Result<(), String> {
    let ok = match kind {
        b"IHDR" | b"IDAT" => true,
        b"IEND" => content.is_empty(),
        b"PLTE" => {
            let most = if header.colour == 3 { 3 << header.depth } else { 3 * 256 };
            ![0, 4].contains(&header.colour) && content.len().is_multiple_of(3) && (3..=most).contains(&content.len())
        }
        b"tRNS" => match header.colour {
            0 => content.len() == 2,
            2 => content.len() == 6,
            3 => (1..=1 << header.depth).contains(&content.len()),
            _ => false,
        },
        b"gAMA" => content.len() == 4,
        b"cHRM" => content.len() == 32,
        b"sRGB" => matches!(content, [0..=3]),
        b"cICP" => content.len() == 4,
        b"sBIT" => {
            let (samples, depth) = match header.colour {
                0 => (1, header.depth),
                2 => (3, header.depth),
                3 => (3, 8),
                4 => (2, header.depth),
                _ => (4, header.depth),
            };
            content.len() == samples && content.iter().all(|bits| (1..=depth).contains(bits))
        }
        b"pHYs" => content.len() == 9 && content[8] <= 1,
        b"eXIf" => exif(content),
        b"iCCP" => return profile(content),
        _ => return Err("is not allowed".into()),
    };
    if ok { Ok(()) } else { Err(format!("unknown content of {} bytes", content.len())) }
}

/// The block with the orientation alone, without the prefix that it has in a JPEG.
pub fn exif(content: &[u8]) -> bool {
    let start = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
    content.len() == 26 && content.starts_with(start) && (2..=8).contains(&content[19]) && content[20..] == [0; 6]
}

/// A name that says nothing, a method, one whole stream and in it a profile.
fn profile(content: &[u8]) -> Result<(), String> {
    let stream = content.strip_prefix(b"icc\0\0").ok_or("a name that is not neutral")?;
    let (profile, consumed) = inflated::inflate(stream, MAX_PROFILE)?;
    if consumed != stream.len() {
        return Err(format!("{} bytes follow the profile's stream", stream.len() - consumed));
    }
    icc_walker::walk(&profile)
}

struct Header {
    width: u64,
    height: u64,
    depth: u8,
    colour: u8,
    interlaced: bool,
}

impl Header {
    fn read(content: &[u8]) -> Result<Self, String> {
        let &[w3, w2, w1, w0, h3, h2, h1, h0, depth, colour, 0, 0, interlace @ 0..=1] = content else {
            return Err("a damaged header".into());
        };
        let side = |bytes| u64::from(u32::from_be_bytes(bytes));
        let (width, height) = (side([w3, w2, w1, w0]), side([h3, h2, h1, h0]));
        let depths: &[u8] = match colour {
            0 => &[1, 2, 4, 8, 16],
            3 => &[1, 2, 4, 8],
            2 | 4 | 6 => &[8, 16],
            _ => return Err("an unknown colour type".into()),
        };
        if !depths.contains(&depth) || width == 0 || height == 0 {
            return Err("a header that contradicts itself".into());
        }
        Ok(Self { width, height, depth, colour, interlaced: interlace == 1 })
    }

    /// Every row of every pass with the byte that names its filter.
    fn inflated_len(&self) -> usize {
        let channels = match self.colour {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        };
        let rows = |width: u64, height: u64| match width {
            0 => 0,
            _ => height * (1 + (width * channels * u64::from(self.depth)).div_ceil(8)),
        };
        let pass = |(x, y, across, down)| {
            rows(self.width.saturating_sub(x).div_ceil(across), self.height.saturating_sub(y).div_ceil(down))
        };
        let len = if self.interlaced { PASSES.map(pass).iter().sum() } else { rows(self.width, self.height) };
        usize::try_from(len).unwrap_or(usize::MAX)
    }
}
