//! Colour profiles with the marker: texts, dates, devices, gaps, padding.

use super::{MARK, utf16};

/// A tag as it is written: signature and content.
pub type Tag = ([u8; 4], Vec<u8>);

/// A profile of a display with the primaries of sRGB and a plain power curve.
pub fn plain() -> Vec<u8> {
    written(&header(), &colours(), 0)
}

/// Profiles with what carries the marker in each.
pub fn profiles() -> Vec<(String, Vec<u8>)> {
    let with = |signature: &[u8; 4], content: Vec<u8>| {
        let mut tags = colours();
        tags.retain(|(known, _)| known != signature);
        tags.push((*signature, content));
        written(&header(), &tags, 0)
    };
    let mut profiles = Vec::new();
    for signature in [b"desc", b"cprt", b"dmnd", b"dmdd", b"vued", b"targ", b"tech", b"meta", b"CANA", b"calt", b"psid"]
    {
        for (kind, content) in [("text", text()), ("localised", localised()), ("description", description())] {
            let name = format!("profile tag {} as {kind}", String::from_utf8_lossy(signature));
            profiles.push((name, with(signature, content)));
        }
    }
    let in_header = |at: usize, len: usize| {
        let mut header = header();
        header[at..at + len].copy_from_slice(&[MARK, MARK].concat()[..len]);
        written(&header, &colours(), 0)
    };
    profiles.push(("profile header: maker, model and attributes".into(), in_header(48, 16)));
    profiles.push(("profile header: identifier".into(), in_header(84, 16)));
    profiles.push(("profile header: reserved bytes".into(), in_header(100, 22)));
    profiles.push(("profile header: creator and identifier".into(), in_header(80, 20)));
    profiles.push(("profile header: date, platform".into(), in_header(24, 12)));
    profiles.push(("profile gaps between the tags".into(), written(&header(), &colours(), 1)));
    let mut longer = colours();
    longer.iter_mut().for_each(|(_, content)| content.extend_from_slice(MARK));
    profiles.push(("profile bytes behind a tag's content".into(), written(&header(), &longer, 0)));
    let behind = [&plain()[..], MARK].concat();
    profiles.push(("profile bytes behind its end".into(), behind.clone()));
    let mut counted = behind;
    let len = (counted.len() as u32).to_be_bytes();
    counted[..4].copy_from_slice(&len);
    profiles.push(("profile bytes behind the last tag".into(), counted));
    profiles.push(("profile that is none".into(), MARK.repeat(20)));
    profiles
}

/// Profiles whose colour tags themselves have room for more than colour. No camera writes them.
pub fn odd() -> Vec<(String, Vec<u8>)> {
    let with = |signature: &[u8; 4], content: Vec<u8>| {
        let mut tags = colours();
        tags.retain(|(known, _)| known != signature);
        tags.push((*signature, content));
        written(&header(), &tags, 0)
    };
    let mut illuminant = header();
    illuminant[68..79].copy_from_slice(MARK);
    vec![
        ("profile black point that is a curve".into(), with(b"bkpt", curve_of_marks())),
        ("profile adaptation that is a curve".into(), with(b"chad", curve_of_marks())),
        ("profile primary that is a curve".into(), with(b"rXYZ", curve_of_marks())),
        ("profile table in a profile of primaries".into(), with(b"A2B0", curve_of_marks())),
        ("profile table with a gap".into(), with(b"A2B0", lut())),
        ("profile table of elements".into(), with(b"D2B0", elements())),
        ("profile header: illuminant".into(), written(&illuminant, &colours(), 0)),
    ]
}

fn curve_of_marks() -> Vec<u8> {
    [&b"curv\0\0\0\0\0\0\0\x0B"[..], MARK, MARK].concat()
}

/// `mAB ` of three identity curves, with a gap behind its header and bytes behind its end.
fn lut() -> Vec<u8> {
    let mut lut = b"mAB \0\0\0\0\x03\x03\0\0".to_vec();
    for offset in [44u32, 0, 0, 0, 0] {
        lut.extend(offset.to_be_bytes());
    }
    lut.extend_from_slice(MARK);
    lut.push(0);
    lut.extend(b"curv\0\0\0\0\0\0\0\0".repeat(3));
    lut.extend_from_slice(MARK);
    lut
}

/// `mpet` without an element that anything points to.
fn elements() -> Vec<u8> {
    [&b"mpet\0\0\0\0\0\x03\0\x03\0\0\0\0"[..], MARK].concat()
}

/// The header of an RGB display profile of version 2, its length not yet filled in.
pub fn header() -> Vec<u8> {
    let mut header = vec![0; 128];
    header[8..12].copy_from_slice(&[2, 0x40, 0, 0]);
    header[12..24].copy_from_slice(b"mntrRGB XYZ ");
    header[24..36].copy_from_slice(&[0x07, 0xE8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5]);
    header[36..40].copy_from_slice(b"acsp");
    header[68..80].copy_from_slice(&[0, 0, 0xF6, 0xD6, 0, 1, 0, 0, 0, 0, 0xD3, 0x2D]);
    header
}

fn colours() -> Vec<Tag> {
    let xyz = |values: [u32; 3]| {
        let numbers = values.iter().flat_map(|value| value.to_be_bytes());
        b"XYZ \0\0\0\0".iter().copied().chain(numbers).collect::<Vec<u8>>()
    };
    let curve = b"curv\0\0\0\0\0\0\0\x01\x02\x33".to_vec();
    vec![
        (*b"desc", [&b"desc\0\0\0\0\0\0\0\x05sRGB\0"[..], &[0; 78]].concat()),
        (*b"cprt", b"text\0\0\0\0free\0".to_vec()),
        (*b"wtpt", xyz([0xF6D6, 0x1_0000, 0xD32D])),
        (*b"rXYZ", xyz([0x6FA2, 0x38F5, 0x390])),
        (*b"gXYZ", xyz([0x6299, 0xB785, 0x18DA])),
        (*b"bXYZ", xyz([0x24A0, 0xF84, 0xB6CF])),
        (*b"rTRC", curve.clone()),
        (*b"gTRC", curve.clone()),
        (*b"bTRC", curve),
    ]
}

fn text() -> Vec<u8> {
    [b"text\0\0\0\0", MARK, b"\0"].concat()
}

fn localised() -> Vec<u8> {
    [&b"mluc\0\0\0\0\0\0\0\x01\0\0\0\x0CdeDE\0\0\0\x16\0\0\0\x1C"[..], &utf16(true)].concat()
}

/// The marker in all of the three scripts of a version 2 description.
fn description() -> Vec<u8> {
    let unicode = [&[0, 0, 0, 0, 0, 0, 0, 12][..], &utf16(true), &[0, 0]].concat();
    let mut script = [&[0, 0, 12][..], MARK].concat();
    script.resize(3 + 67, 0);
    [&b"desc\0\0\0\0\0\0\0\x0C"[..], MARK, b"\0", &unicode, &script].concat()
}

/// Lays a profile out; with `gaps`, that many markers stand in front of every tag's content.
pub fn written(header: &[u8], tags: &[Tag], gaps: usize) -> Vec<u8> {
    let mut table = (tags.len() as u32).to_be_bytes().to_vec();
    let start = 132 + 12 * tags.len();
    let mut content: Vec<u8> = Vec::new();
    for (signature, bytes) in tags {
        content.extend(MARK.repeat(gaps));
        content.resize(content.len().next_multiple_of(4), 0);
        table.extend_from_slice(signature);
        table.extend(((start + content.len()) as u32).to_be_bytes());
        table.extend((bytes.len() as u32).to_be_bytes());
        content.extend_from_slice(bytes);
    }
    content.resize(content.len().next_multiple_of(4), 0);
    let mut profile = [header, &table, &content].concat();
    let len = (profile.len() as u32).to_be_bytes();
    profile[..4].copy_from_slice(&len);
    profile
}
