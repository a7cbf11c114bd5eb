//! An allow-list for PNG, written against the specification and not against the stripper.

/// The chunks that may stand in an output, in the only order that they may have. Two that share a number
/// may stand either way.
const ORDER: [(&[u8; 4], u8); 13] = [
    (b"IHDR", 0),
    (b"cICP", 1),
    (b"sRGB", 2),
    (b"iCCP", 2),
    (b"gAMA", 3),
    (b"cHRM", 4),
    (b"sBIT", 5),
    (b"PLTE", 6),
    (b"tRNS", 7),
    (b"pHYs", 8),
    (b"eXIf", 9),
    (b"IDAT", 10),
    (b"IEND", 11),
];

/// Chunks one after another, nothing between them, nothing behind them, nothing unknown in them.
pub(crate) fn walk(bytes: &[u8]) -> Result<(), String> {
    let mut left = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n").ok_or("no signature")?;
    let mut names: Vec<[u8; 4]> = Vec::new();
    let mut data = Vec::new();
    while !left.is_empty() {
        let (len, after) = left.split_first_chunk::<4>().ok_or("a chunk without length")?;
        let len = u32::from_be_bytes(*len) as usize;
        let name = *after.first_chunk::<4>().ok_or("a chunk without name")?;
        let text = String::from_utf8_lossy(&name).into_owned();
        let content = after.get(4..4 + len).ok_or(format!("{text} is cut off"))?;
        let checksum = after.get(4 + len..8 + len).ok_or(format!("{text} has no checksum"))?;
        if crc32fast::hash(&after[..4 + len]).to_be_bytes() != checksum {
            return Err(format!("the checksum of {text} is wrong"));
        }
        let known = match &name {
            b"eXIf" => {
                content.len() == 26
                    && content.starts_with(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0")
                    && (2..=8).contains(&content[19])
                    && content[20..].iter().all(|byte| *byte == 0)
            }
            b"iCCP" => content.starts_with(b"icc\0\0"),
            b"IEND" => content.is_empty(),
            b"IDAT" => !content.is_empty(),
            _ => true,
        };
        if !known {
            return Err(format!("{text} has unknown content"));
        }
        if &name == b"IDAT" {
            data.extend_from_slice(content);
        }
        names.push(name);
        left = &after[8 + len..];
    }
    if names.first() != Some(b"IHDR") || names.last() != Some(b"IEND") {
        return Err("no IHDR or IEND".into());
    }
    let place = |name: &[u8; 4]| ORDER.iter().find(|(known, _)| *known == name).map(|(_, place)| *place);
    for (at, name) in names.iter().enumerate() {
        let here = place(name).ok_or(format!("chunk {}", String::from_utf8_lossy(name)))?;
        if name != b"IDAT" && names[..at].contains(name) {
            return Err(format!("two {}", String::from_utf8_lossy(name)));
        }
        if at > 0 && place(&names[at - 1]) > Some(here) {
            return Err(format!("{} is out of place", String::from_utf8_lossy(name)));
        }
    }
    end_of_stream(&data)
}

/// The stream ends with the last byte of the image data.
fn end_of_stream(data: &[u8]) -> Result<(), String> {
    let inflates = |data: &[u8]| miniz_oxide::inflate::decompress_to_vec_zlib(data).is_ok();
    let shorter = data.split_last().is_some_and(|(_, shorter)| inflates(shorter));
    if inflates(data) && !shorter { Ok(()) } else { Err("the image data does not end with its stream".into()) }
}
