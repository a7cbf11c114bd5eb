//! Writes the EXIF block of a talkative phone (CIPA DC-008, TIFF 6.0, little-endian).

use super::Story;

const ASCII: u16 = 2;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const UNDEFINED: u16 = 7;

/// One entry of a directory.
struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    value: Vec<u8>,
}

impl Entry {
    fn ascii(tag: u16, text: &str) -> Self {
        let value = [text.as_bytes(), &[0]].concat();
        Entry { tag, kind: ASCII, count: len32(&value), value }
    }

    fn short(tag: u16, value: u16) -> Self {
        Entry { tag, kind: SHORT, count: 1, value: value.to_le_bytes().to_vec() }
    }

    fn long(tag: u16, value: u32) -> Self {
        Entry { tag, kind: LONG, count: 1, value: value.to_le_bytes().to_vec() }
    }

    fn undefined(tag: u16, value: &[u8]) -> Self {
        Entry { tag, kind: UNDEFINED, count: len32(value), value: value.to_vec() }
    }

    fn degrees(tag: u16, value: &[u32; 3]) -> Self {
        Entry { tag, kind: RATIONAL, count: 3, value: rationals(value) }
    }
}

/// Degrees, minutes and hundredths of seconds as the three fractions that GPS tags hold.
pub(super) fn rationals(degrees: &[u32; 3]) -> Vec<u8> {
    let fractions = degrees.iter().zip([1u32, 1, 100]);
    fractions.flat_map(|(value, below)| [value.to_le_bytes(), below.to_le_bytes()].concat()).collect()
}

/// The TIFF structure, without the name in front of it.
pub(super) fn write(story: &Story, thumbnail: &[u8]) -> Vec<u8> {
    let exif = [
        Entry::ascii(0x9003, &story.taken),
        Entry::ascii(0x9004, &story.taken),
        Entry::undefined(0x927C, story.maker_note.as_bytes()),
        Entry::undefined(0x9286, &[b"ASCII\0\0\0", story.comment.as_bytes()].concat()),
        Entry::ascii(0xA420, &story.picture_id),
        Entry::ascii(0xA430, &story.owner),
        Entry::ascii(0xA431, &story.body_serial),
        Entry::ascii(0xA435, &story.lens_serial),
    ];
    let gps = [
        Entry::ascii(0x0001, "N"),
        Entry::degrees(0x0002, &story.latitude),
        Entry::ascii(0x0003, "E"),
        Entry::degrees(0x0004, &story.longitude),
    ];
    let main = |exif_at, gps_at| {
        [
            Entry::ascii(0x010F, story.make),
            Entry::ascii(0x0110, &story.model),
            Entry::short(0x0112, story.orientation),
            Entry::ascii(0x0132, &story.taken),
            Entry::ascii(0x013B, &story.owner),
            Entry::long(0x8769, exif_at),
            Entry::long(0x8825, gps_at),
        ]
    };
    let small = |at| [Entry::short(0x0103, 6), Entry::long(0x0201, at), Entry::long(0x0202, len32(thumbnail))];
    // Sizes do not depend on the offsets inside, so that each directory's place is known at once.
    let exif_at = HEADER.len32() + directory(&main(0, 0), 0, 0).len32();
    let gps_at = exif_at + directory(&exif, 0, 0).len32();
    let small_at = gps_at + directory(&gps, 0, 0).len32();
    let thumbnail_at = small_at + directory(&small(0), 0, 0).len32();
    [
        HEADER.to_vec(),
        directory(&main(exif_at, gps_at), HEADER.len32(), small_at),
        directory(&exif, exif_at, 0),
        directory(&gps, gps_at, 0),
        directory(&small(thumbnail_at), small_at, 0),
        thumbnail.to_vec(),
    ]
    .concat()
}

const HEADER: &[u8] = b"II*\0\x08\0\0\0";

/// A directory that stands at `at`, with the values that do not fit into its entries behind it.
fn directory(entries: &[Entry], at: u32, next: u32) -> Vec<u8> {
    let mut table = u16::try_from(entries.len()).unwrap_or(u16::MAX).to_le_bytes().to_vec();
    let mut values = Vec::new();
    let values_at = at + 2 + 12 * u32::try_from(entries.len()).unwrap_or(u32::MAX) + 4;
    for entry in entries {
        table.extend(entry.tag.to_le_bytes());
        table.extend(entry.kind.to_le_bytes());
        table.extend(entry.count.to_le_bytes());
        if entry.value.len() <= 4 {
            table.extend(&entry.value);
            table.resize(table.len() + 4 - entry.value.len(), 0);
        } else {
            table.extend((values_at + values.len32()).to_le_bytes());
            values.extend(&entry.value);
            values.resize(values.len().next_multiple_of(2), 0);
        }
    }
    table.extend(next.to_le_bytes());
    [table, values].concat()
}

/// A length as TIFF counts it. These blocks are far below 64 KiB.
trait Len32 {
    fn len32(&self) -> u32;
}

impl Len32 for [u8] {
    fn len32(&self) -> u32 {
        len32(self)
    }
}

fn len32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
