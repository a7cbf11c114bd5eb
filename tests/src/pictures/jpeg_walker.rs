//! Knows every byte of a stripped JPEG, or says which one it does not.

/// Walks a file from SOI to EOI. Every byte must belong to something allowed, and nothing may follow.
///
/// # Errors
/// What is there and does not belong there.
pub fn walk(bytes: &[u8]) -> Result<(), String> {
    let mut left = bytes.strip_prefix(b"\xFF\xD8").ok_or("no SOI")?;
    let mut profile = Vec::new();
    let mut order = Vec::new();
    loop {
        let at = bytes.len() - left.len();
        let (&[ff, marker], after) = left.split_first_chunk().ok_or("no EOI")?;
        if ff != 0xFF {
            return Err(format!("stray byte at {at}"));
        }
        if marker == 0xD9 {
            if !after.is_empty() {
                return Err(format!("{} bytes after EOI", after.len()));
            }
            break;
        }
        let (len, _) = after.split_first_chunk().ok_or("segment without length")?;
        let (content, next) = after
            .split_at_checked(usize::from(u16::from_be_bytes(*len)))
            .and_then(|(segment, next)| Some((segment.get(2..)?, next)))
            .ok_or(format!("segment {marker:02X} at {at} has a wrong length"))?;
        left = next;
        segment(marker, content, &mut profile).map_err(|problem| format!("segment {marker:02X} at {at}: {problem}"))?;
        order.push(marker);
        if marker == 0xDA {
            left = scan(left)?;
        }
    }
    let header: Vec<_> = order.iter().take_while(|marker| (0xE0..=0xEF).contains(*marker)).collect();
    if order.iter().filter(|marker| (0xE0..=0xEF).contains(*marker)).count() != header.len() {
        return Err("an application segment behind the header".into());
    }
    for single in [0xE0, 0xE1, 0xEE] {
        if order.iter().filter(|marker| **marker == single).count() > 1 {
            return Err(format!("two segments {single:02X}"));
        }
    }
    if profile.is_empty() { Ok(()) } else { super::icc_walker::walk(&profile) }
}

fn segment(marker: u8, content: &[u8], profile: &mut Vec<u8>) -> Result<(), String> {
    let ok = match (marker, content) {
        (0xE0, [b'J', b'F', b'I', b'F', 0, 1, 2, 0..=2, _, _, _, _, 0, 0]) => true,
        (0xE1, _) => {
            content.len() == 32
                && content.starts_with(b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0")
                && (2..=8).contains(&content[25])
                && content[26..].iter().all(|byte| *byte == 0)
        }
        (0xEE, [b'A', b'd', b'o', b'b', b'e', 0, 100, 0, 0, 0, 0, _]) => true,
        (0xE2, _) => match content.strip_prefix(b"ICC_PROFILE\0") {
            Some([_, _, part @ ..]) => {
                profile.extend_from_slice(part);
                true
            }
            _ => false,
        },
        (0xDB, _) => tables(content, |first, _| (first & 0xEF < 4).then(|| 64 << (first >> 4))),
        (0xC4, _) => tables(content, |first, rest| {
            let sum: usize = rest.get(..16)?.iter().map(|count| usize::from(*count)).sum();
            (first & 0xEF < 4).then_some(16 + sum)
        }),
        (0xC0..=0xC2, [8, _, _, _, _, count, rest @ ..]) => rest.len() == 3 * usize::from(*count),
        (0xDD, [_, _]) => true,
        (0xDA, [count, rest @ ..]) => rest.len() == 2 * usize::from(*count) + 3,
        _ => false,
    };
    if ok { Ok(()) } else { Err(format!("unknown content of {} bytes", content.len())) }
}

fn tables(mut content: &[u8], len: impl Fn(u8, &[u8]) -> Option<usize>) -> bool {
    while let [first, rest @ ..] = content {
        match len(*first, rest).and_then(|len| rest.get(len..)) {
            Some(next) => content = next,
            None => return false,
        }
    }
    true
}

/// Entropy-coded bytes: 0xFF only as stuffing or restart marker.
fn scan(mut bytes: &[u8]) -> Result<&[u8], String> {
    loop {
        match bytes {
            [0xFF, 0 | 0xD0..=0xD7, rest @ ..] => bytes = rest,
            [0xFF, 0xFF, ..] => return Err("fill bytes in a scan".into()),
            [0xFF, ..] => return Ok(bytes),
            [_, rest @ ..] => bytes = rest,
            [] => return Err("a scan without end".into()),
        }
    }
}
