//! EXIF (CIPA DC-008): the orientation is read and written anew, the rest is only named.
//!
//! Its own small reader of TIFF directories, because the phone's path must not copy the block (a
//! thumbnail and a maker note fill 64 KiB) and asks for one number and for which kinds are there.

use super::{Removed, Report};

/// How an EXIF block starts in a JPEG's APP1.
pub(super) const PREFIX: &[u8] = b"Exif\0\0";

const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;
/// The longest chain of directories that is followed.
const MAX_DIRECTORIES: usize = 8;

/// The orientation in an EXIF block behind its [`PREFIX`], 2 to 8; `None` where it is 1, absent or no
/// orientation. What else is there goes into the report.
pub(super) fn read(tiff: &[u8], report: &mut Report) -> Option<u8> {
    let mut found = Report::default();
    let orientation = read_directories(tiff, &mut found);
    if found.is_empty() && tiff.len() > BLOCK_LEN {
        found.add(Removed::OtherSegments);
    }
    report.join(found);
    orientation
}

fn read_directories(tiff: &[u8], report: &mut Report) -> Option<u8> {
    let read = Tiff::parse(tiff).and_then(|tiff| Some((tiff.directory(tiff.first)?, tiff)));
    let Some((first, tiff)) = read else {
        report.add(Removed::OtherSegments);
        return None;
    };
    let mut orientation = None;
    let mut nested = [None; 3];
    for entry in first.entries() {
        match entry.tag {
            ORIENTATION => orientation = orientation.or(entry.orientation()),
            0x8769 => nested[0] = Some(entry.value_u32()),
            0x8825 => nested[1] = Some(entry.value_u32()),
            0xA005 => nested[2] = Some(entry.value_u32()),
            tag => report.add(kind(tag)),
        }
    }
    if nested[1].is_some() {
        report.add(Removed::Location);
    }
    for at in nested.into_iter().flatten() {
        let entries = tiff.directory(at).into_iter().flat_map(|found| found.entries());
        entries.filter(|_| Some(at) != nested[1]).for_each(|entry| report.add(kind(entry.tag)));
    }
    let mut next = first.next;
    for _ in 0..MAX_DIRECTORIES {
        let Some(directory) = next.filter(|at| *at != 0).and_then(|at| tiff.directory(at)) else {
            break;
        };
        report.add(Removed::Thumbnail);
        next = directory.next;
    }
    orientation.filter(|value| *value != 1)
}

/// Length of a block with the orientation and nothing else.
const BLOCK_LEN: usize = 26;

/// A block with the orientation and nothing else, without [`PREFIX`].
pub(super) fn orientation_only(orientation: u8) -> [u8; BLOCK_LEN] {
    let mut block = *b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    if let Some(value) = block.get_mut(19) {
        *value = orientation;
    }
    block
}

/// What a tag tells about.
fn kind(tag: u16) -> Removed {
    match tag {
        0x010F | 0x0110 | 0xA433 | 0xA434 | 0xC614 | 0x013C => Removed::CameraModel,
        0x0132 | 0x9003 | 0x9004 | 0x9010..=0x9012 | 0x9290..=0x9292 => Removed::CaptureTime,
        0x013B | 0x8298 | 0x9C9D | 0xA430 | 0xA437 | 0xA438 => Removed::Owner,
        0xA431 | 0xA435 | 0xC62F => Removed::SerialNumber,
        0xA420 => Removed::PictureIdentifier,
        0x010E | 0x010D | 0x9286 | 0x9C9B | 0x9C9C | 0x9C9E | 0x9C9F | 0xA436 => Removed::Comment,
        0x927C => Removed::MakerNote,
        0x02BC => Removed::Xmp,
        0x83BB | 0x8649 => Removed::Iptc,
        _ => Removed::CameraSettings,
    }
}

/// A TIFF structure (TIFF 6.0 section 2), every offset checked.
struct Tiff<'a> {
    bytes: &'a [u8],
    little_endian: bool,
    first: u32,
}

struct Directory<'a> {
    entries: &'a [u8],
    next: Option<u32>,
    little_endian: bool,
}

struct Entry {
    tag: u16,
    format: u16,
    count: u32,
    value: [u8; 4],
    little_endian: bool,
}

impl<'a> Tiff<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let little_endian = match bytes.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let first = read_u32(*bytes.get(4..)?.first_chunk()?, little_endian);
        Some(Tiff { bytes, little_endian, first })
    }

    /// The directory at an offset. One whose end is missing gives the entries that are there.
    fn directory(&self, at: u32) -> Option<Directory<'a>> {
        let rest = self.bytes.get(usize::try_from(at).ok()?..)?;
        let (count, rest) = rest.split_first_chunk::<2>()?;
        let len = usize::from(read_u16(*count, self.little_endian)) * ENTRY_LEN;
        let entries = rest.get(..len).unwrap_or(rest);
        let next = rest.get(len..).and_then(|after| after.first_chunk());
        Some(Directory {
            entries,
            next: next.map(|next| read_u32(*next, self.little_endian)),
            little_endian: self.little_endian,
        })
    }
}

const ENTRY_LEN: usize = 12;

impl<'a> Directory<'a> {
    fn entries(&self) -> impl Iterator<Item = Entry> + use<'a> {
        let little_endian = self.little_endian;
        self.entries.chunks_exact(ENTRY_LEN).filter_map(move |entry| {
            let &[t0, t1, f0, f1, c0, c1, c2, c3, ref value @ ..] = entry else {
                return None;
            };
            Some(Entry {
                tag: read_u16([t0, t1], little_endian),
                format: read_u16([f0, f1], little_endian),
                count: read_u32([c0, c1, c2, c3], little_endian),
                value: *value.first_chunk()?,
                little_endian,
            })
        })
    }
}

impl Entry {
    fn value_u32(&self) -> u32 {
        read_u32(self.value, self.little_endian)
    }

    /// One SHORT from 1 to 8, as browsers and phones read it.
    fn orientation(&self) -> Option<u8> {
        let [v0, v1, ..] = self.value;
        let value = read_u16([v0, v1], self.little_endian);
        let sound = self.format == SHORT && self.count == 1 && (1..=8).contains(&value);
        u8::try_from(value).ok().filter(|_| sound)
    }
}

fn read_u16(bytes: [u8; 2], little_endian: bool) -> u16 {
    if little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
}

fn read_u32(bytes: [u8; 4], little_endian: bool) -> u32 {
    if little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_again_by_us_and_by_another_reader() {
        for orientation in 1..=8u8 {
            let block = orientation_only(orientation);
            let mut report = Report::default();
            let read_here = read(&block, &mut report);
            assert_eq!(read_here, (orientation != 1).then_some(orientation));
            assert!(report.is_empty());
            let (fields, _) = ::exif::parse_exif(&block).unwrap();
            assert_eq!(fields.len(), 1);
            assert_eq!(fields[0].tag, ::exif::Tag::Orientation);
            assert_eq!(fields[0].value.get_uint(0), Some(u32::from(orientation)));
        }
    }

    #[test]
    fn a_value_that_is_no_orientation_is_none() {
        for value in [0u8, 9, 255] {
            let block = orientation_only(value);
            assert_eq!(read(&block, &mut Report::default()), None);
        }
    }

    #[test]
    fn a_directory_that_points_to_itself_ends() {
        let mut block = orientation_only(6);
        block[25] = 8;
        let mut report = Report::default();
        assert_eq!(read(&block, &mut report), Some(6));
        assert!(report.contains(Removed::Thumbnail));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), le: bool) {
            let start: &[u8] = if le { b"II*\0\x08\0\0\0" } else { b"MM\0*\0\0\0\x08" };
            read(&bytes, &mut Report::default());
            read(&[start, &bytes].concat(), &mut Report::default());
        }
    }
}
