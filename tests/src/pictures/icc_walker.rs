//! Knows every byte of a stripped colour profile (ICC.1:2022): header, table, tags without gaps, zero padding.

/// The longest header field plus the number of tags.
const TABLE: usize = 132;
/// Walks a profile.
///
/// # Errors
/// What is there and does not belong there.
pub fn walk(profile: &[u8]) -> Result<(), String> {
    if number(profile, 0)? != profile.len() {
        return Err("the profile's length is wrong".into());
    }
    // CMM; end of version; date; platform; flags, maker, model, attributes; intent's upper part; creator, identifier, reserved.
    for blank in [4..8, 10..12, 24..36, 40..67, 80..128] {
        zero(profile, blank.start, blank.end).map_err(|_| format!("profile header {blank:?} is not blank"))?;
    }
    let version = profile.get(8..10).ok_or("the header is cut off")?;
    if ![[2, 0x10], [4, 0x30]].iter().any(|known| known == version) {
        return Err("a version that is not written".into());
    }
    if profile.get(68..80) != Some(b"\0\0\xF6\xD6\0\x01\0\0\0\0\xD3\x2D") {
        return Err("an illuminant that is not D50".into());
    }
    let table = TABLE + 12 * number(profile, 128)?;
    let mut known = vec![(0, table)];
    for entry in (TABLE..table).step_by(12) {
        let (from, len) = (number(profile, entry + 4)?, number(profile, entry + 8)?);
        let name = profile.get(entry..entry + 4).ok_or("the table is cut off")?;
        let content = from.checked_add(len).and_then(|end| profile.get(from..end)).ok_or("a tag out of bounds")?;
        tag(name, content).map_err(|problem| format!("tag {}: {problem}", String::from_utf8_lossy(name)))?;
        known.push((from, from + len));
    }
    covered(profile, known)
}

/// The ranges follow each other with no more than zero padding to a multiple of four between them.
fn covered(bytes: &[u8], mut known: Vec<(usize, usize)>) -> Result<(), String> {
    known.sort_unstable();
    known.dedup();
    known.push((bytes.len(), bytes.len()));
    let mut end = 0;
    for (from, to) in known {
        if from < end {
            return Err(format!("two things at {from}"));
        }
        if from - end > 3 || zero(bytes, end, from).is_err() {
            return Err(format!("{} unknown bytes before {from}", from - end));
        }
        end = to;
    }
    Ok(())
}

fn tag(name: &[u8], content: &[u8]) -> Result<(), String> {
    let kinds: &[&[u8]] = match name {
        b"desc" => return neutral(content, NAMES),
        b"cprt" => return neutral(content, &["-"]),
        b"rXYZ" | b"gXYZ" | b"bXYZ" | b"wtpt" => &[b"XYZ "],
        b"rTRC" | b"gTRC" | b"bTRC" | b"kTRC" => &[b"curv", b"para"],
        b"chad" => &[b"sf32"],
        b"cicp" => &[b"cicp"],
        b"A2B0" | b"A2B1" | b"A2B2" => &[b"mft1", b"mft2", b"mAB "],
        b"B2A0" | b"B2A1" | b"B2A2" => &[b"mft1", b"mft2", b"mBA "],
        _ => return Err("is not allowed".into()),
    };
    let kind = content.get(..4).ok_or("too short")?;
    if !kinds.contains(&kind) {
        return Err(format!("has the kind {}", String::from_utf8_lossy(kind)));
    }
    let len = content_len(content)?;
    if len == content.len() { Ok(()) } else { Err(format!("{} bytes, of which {len} are known", content.len())) }
}

/// What a profile may be called. Only colours that everybody uses have a name.
pub const NAMES: &[&str] = &["-", "sRGB", "Display P3", "Adobe RGB (1998)", "ProPhoto RGB"];

/// One of the known texts, in the three ways in which a profile can say it.
fn neutral(content: &[u8], texts: &[&str]) -> Result<(), String> {
    let known = texts.iter().any(|text| {
        let len = text.len() as u8;
        let description = [&b"desc\0\0\0\0\0\0\0"[..], &[len + 1], text.as_bytes(), &[0; 79]].concat();
        let plain = [&b"text\0\0\0\0"[..], text.as_bytes(), &[0]].concat();
        let wide: Vec<u8> = text.bytes().flat_map(|letter| [0, letter]).collect();
        let localised = [&b"mluc\0\0\0\0\0\0\0\x01\0\0\0\x0CenUS\0\0\0"[..], &[2 * len], b"\0\0\0\x1C", &wide].concat();
        [description, plain, localised].iter().any(|known| known == content)
    });
    if known { Ok(()) } else { Err("a text that is not neutral".into()) }
}

/// How many bytes of a tag are known (ICC.1:2022 section 10), its reserved bytes being zero.
fn content_len(content: &[u8]) -> Result<usize, String> {
    zero(content, 4, 8)?;
    let byte = |at: usize| content.get(at).map(|byte| usize::from(*byte)).ok_or("too short".to_owned());
    let short = |at: usize| Ok::<_, String>(byte(at)? << 8 | byte(at + 1)?);
    match content.get(..4).unwrap_or_default() {
        b"XYZ " => Ok(20),
        b"sf32" => Ok(8 + 9 * 4),
        b"cicp" => Ok(12),
        b"curv" => Ok(12 + 2 * number(content, 8)?),
        b"para" => {
            zero(content, 10, 12)?;
            let parameters = [1, 3, 4, 5, 7];
            parameters.get(short(8)?).map(|count| 12 + 4 * count).ok_or("an unknown function".into())
        }
        kind @ (b"mft1" | b"mft2") => {
            zero(content, 11, 12)?;
            let (inputs, outputs) = (byte(8)?, byte(9)?);
            let table = byte(10)?.checked_pow(inputs as u32).ok_or("a huge table")? * outputs;
            Ok(match kind {
                b"mft1" => 48 + 256 * (inputs + outputs) + table,
                _ => 52 + 2 * (short(48)? * inputs + short(50)? * outputs + table),
            })
        }
        b"mAB " => lut(content, byte(9)?, byte(8)?, byte(9)?, byte(8)?),
        b"mBA " => lut(content, byte(8)?, byte(8)?, byte(9)?, byte(9)?),
        _ => Err("an unknown kind".into()),
    }
}

/// `mAB ` and `mBA ` (sections 10.12 and 10.13): numbers of B and M curves, of outputs, of A curves; every byte belongs to an element.
fn lut(content: &[u8], b_curves: usize, m_curves: usize, outputs: usize, a_curves: usize) -> Result<usize, String> {
    zero(content, 10, 12)?;
    let inputs = usize::from(content[8]);
    let m_curves = if content.starts_with(b"mAB ") { outputs } else { m_curves };
    let outputs = usize::from(content[9]);
    let mut known = vec![(0, 32)];
    for (at, curves) in [(12, b_curves), (20, m_curves), (28, a_curves)] {
        let mut from = number(content, at)?;
        for _ in 0..curves {
            if from == 0 {
                break;
            }
            let curve = content.get(from..).filter(|curve| curve.starts_with(b"curv") || curve.starts_with(b"para"));
            let end = from + content_len(curve.ok_or("a curve is missing")?)?;
            known.push((from, end));
            from = end.next_multiple_of(4);
        }
    }
    let matrix = number(content, 16)?;
    if matrix > 0 {
        known.push((matrix, matrix + 48));
    }
    let table = number(content, 24)?;
    if table > 0 {
        let grid = content.get(table..table + inputs).ok_or("the table is cut off")?;
        zero(content, table + inputs, table + 16)?;
        zero(content, table + 17, table + 20)?;
        let points = grid.iter().try_fold(1usize, |points, side| points.checked_mul(usize::from(*side)));
        let precision = usize::from(content.get(table + 16).copied().unwrap_or_default());
        known.push((table, table + 20 + points.ok_or("a huge table")? * outputs * precision));
    }
    covered(content, known).map(|()| content.len())
}

fn number(bytes: &[u8], at: usize) -> Result<usize, String> {
    let number = bytes.get(at..at.saturating_add(4)).ok_or("the profile is cut off")?;
    Ok(u32::from_be_bytes(number.try_into().unwrap()) as usize)
}

fn zero(bytes: &[u8], from: usize, to: usize) -> Result<(), String> {
    let blank = bytes.get(from..to).ok_or("cut off")?;
    if blank.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(format!("{from}..{to} is not zero")) }
}
