//! EXIF blocks with the marker: every directory, every kind of text, the thumbnail, the maker's block.

use super::{MARK, utf16};
use crate::pictures::tiff::{Tag, ascii, block, byte, directory, long, offset, shorts, undefined};

/// Where the directories of a picture are linked.
const EXIF: u16 = 0x8769;
const GPS: u16 = 0x8825;
const INTEROP: u16 = 0xA005;

/// Blocks without the prefix that they have in a JPEG, with what carries the marker in each.
pub fn blocks() -> Vec<(&'static str, Vec<u8>)> {
    let one = |tag: Tag| block(true, &[vec![tag]]);
    let nested = |link: u16, tag: Tag| block(false, &[vec![directory(link, vec![tag])]]);
    let comment = |coding: &[u8], text: &[u8]| nested(EXIF, undefined(0x9286, &[coding, text].concat()));
    let thumbnail = [&[0xFF, 0xD8, 0xFF, 0xFE, 0, 13][..], MARK, &[0xFF, 0xD9]].concat();
    let interop = directory(INTEROP, vec![ascii(0x0001, b"R98"), ascii(0x1000, MARK)]);
    let mut blocks = vec![
        ("EXIF make", one(ascii(0x010F, MARK))),
        ("EXIF model", one(ascii(0x0110, MARK))),
        ("EXIF description", one(ascii(0x010E, MARK))),
        ("EXIF software", one(ascii(0x0131, MARK))),
        ("EXIF date", one(ascii(0x0132, MARK))),
        ("EXIF artist", one(ascii(0x013B, MARK))),
        ("EXIF host computer", one(ascii(0x013C, MARK))),
        ("EXIF copyright", one(ascii(0x8298, MARK))),
        ("EXIF XMP tag", one(byte(0x02BC, MARK))),
        ("EXIF IPTC tag", one(undefined(0x83BB, MARK))),
        ("EXIF Photoshop tag", one(byte(0x8649, MARK))),
        ("EXIF private tag", one(undefined(0xFDE8, MARK))),
        ("EXIF title in UTF-16", one(byte(0x9C9B, &utf16(false)))),
        ("EXIF comment in UTF-16", one(byte(0x9C9C, &utf16(false)))),
        ("EXIF author in UTF-16", one(byte(0x9C9D, &utf16(false)))),
        ("EXIF keywords in UTF-16", one(byte(0x9C9E, &utf16(false)))),
        ("EXIF subject in UTF-16", one(byte(0x9C9F, &utf16(false)))),
        ("EXIF owner of the camera", nested(EXIF, ascii(0xA430, MARK))),
        ("EXIF body serial number", nested(EXIF, ascii(0xA431, MARK))),
        ("EXIF lens serial number", nested(EXIF, ascii(0xA435, MARK))),
        ("EXIF lens model", nested(EXIF, ascii(0xA434, MARK))),
        ("EXIF picture identifier", nested(EXIF, ascii(0xA420, MARK))),
        ("EXIF original date", nested(EXIF, ascii(0x9003, MARK))),
        ("EXIF time zone", nested(EXIF, ascii(0x9011, MARK))),
        ("EXIF spectral sensitivity", nested(EXIF, ascii(0x8824, MARK))),
        ("EXIF user comment in ASCII", comment(b"ASCII\0\0\0", MARK)),
        ("EXIF user comment in Unicode", comment(b"UNICODE\0", &utf16(false))),
        ("EXIF user comment in no coding", comment(&[0; 8], MARK)),
        ("EXIF user comment in JIS", comment(b"JIS\0\0\0\0\0", MARK)),
        ("EXIF maker note", nested(EXIF, undefined(0x927C, &[b"Apple iOS\0\0\x01MM", MARK].concat()))),
        ("EXIF related sound", nested(EXIF, ascii(0xA004, MARK))),
        ("EXIF GPS processing method", nested(GPS, undefined(0x001B, &[b"ASCII\0\0\0", MARK].concat()))),
        ("EXIF GPS area", nested(GPS, undefined(0x001C, &[b"ASCII\0\0\0", MARK].concat()))),
        ("EXIF GPS datum", nested(GPS, ascii(0x0012, MARK))),
        ("EXIF GPS satellites", nested(GPS, ascii(0x0008, MARK))),
        ("EXIF GPS date", nested(GPS, ascii(0x001D, MARK))),
        ("EXIF interoperability", block(true, &[vec![directory(EXIF, vec![interop])]])),
    ];
    let first = || vec![shorts(0x0112, &[6])];
    let small = |bytes: &[u8]| vec![shorts(0x0103, &[6]), offset(0x0201, bytes), long(0x0202, bytes.len() as u32)];
    blocks.extend([
        ("EXIF thumbnail", block(true, &[first(), small(&thumbnail)])),
        ("EXIF thumbnail without compression", block(true, &[first(), vec![offset(0x0111, MARK), long(0x0117, 11)]])),
        ("EXIF text beside the thumbnail", block(false, &[first(), vec![ascii(0x010F, MARK)]])),
        ("EXIF third directory", block(false, &[first(), small(&thumbnail), vec![ascii(0x010E, MARK)]])),
        ("EXIF second orientation", block(false, &[vec![shorts(0x0112, &[6]), ascii(0x0112, MARK)]])),
        ("EXIF bytes that no tag names", [block(true, &[first()]), MARK.to_vec()].concat()),
        ("EXIF without a directory", [&b"II*\0\xFF\xFF\0\0"[..], MARK].concat()),
        ("EXIF that is none", MARK.to_vec()),
    ]);
    blocks
}
