//! JPEGs with the marker in one carrier each (ITU-T T.81; CIPA DC-007 for MPF; Adobe TN 5116).

use super::{MARK, Planted, exif, icc};
use crate::pictures::jpeg_writer::{Picture, picture};
use crate::pictures::pieces::segment;
use crate::pictures::tiff;

/// A colour picture, subsampled as cameras do.
pub fn base() -> Picture {
    picture(40, 24, &[0x22, 0x11, 0x11], 0, 7)
}

/// The base without anything beside it.
pub fn plain() -> Vec<u8> {
    base().to_vec(|_| Vec::new())
}

/// The base with segments behind its start.
pub fn with(segments: &[u8]) -> Vec<u8> {
    let plain = plain();
    [&plain[..2], segments, &plain[2..]].concat()
}

/// Everything that a JPEG has room for beside its picture.
pub fn planted() -> Vec<Planted> {
    let mut all = Vec::new();
    let mut add = |carrier: &str, segments: Vec<u8>| all.push(Planted::new(format!("JPEG {carrier}"), with(&segments)));
    let named = |name: &[u8]| [name, MARK].concat();
    for marker in 0xE0..=0xEF {
        add(&format!("APP{}", marker - 0xE0), segment(marker, MARK));
    }
    add("comment", segment(0xFE, MARK));
    for (carrier, block) in exif::blocks() {
        add(carrier, segment(0xE1, &[b"Exif\0\0", &block[..]].concat()));
    }
    let orientation = tiff::block(false, &[vec![tiff::shorts(0x0112, &[6])]]);
    let second = tiff::block(true, &[vec![tiff::ascii(0x010F, MARK)]]);
    let exif = |block: &[u8]| segment(0xE1, &[b"Exif\0\0", block].concat());
    add("second EXIF block", [exif(&orientation), exif(&second)].concat());
    for (carrier, marker, name) in [
        ("XMP", 0xE1, &b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'>"[..]),
        (
            "extended XMP",
            0xE1,
            b"http://ns.adobe.com/xmp/extension/\x000123456789ABCDEF0123456789ABCDEF\0\0\0\x0B\0\0\0\0",
        ),
        ("JFXX with a JPEG", 0xE0, b"JFXX\0\x10\xFF\xD8"),
        ("JFXX with a palette", 0xE0, b"JFXX\0\x11\x02\x02"),
        ("JFXX with pixels", 0xE0, b"JFXX\0\x13\x02\x02"),
        ("JFIF that is cut off", 0xE0, b"JFIF\0"),
        ("JFIF with a thumbnail", 0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\x02\x02"),
        ("AVI1", 0xE0, b"AVI1"),
        ("CIFF", 0xE0, b"II\x1A\0\0\0HEAPJPGM\0\0\0\0"),
        ("FlashPix", 0xE2, b"FPXR\0"),
        ("MPF", 0xE2, b"MPF\0MM\0*\0\0\0\x08\0\0"),
        ("Ricoh's RMETA", 0xE5, b"RMETA\0"),
        ("HDR gain curve", 0xEB, b"HDR_RI ver=11\n"),
        (
            "content credentials",
            0xEB,
            b"JP\0\x01\0\0\0\x01\0\0\0\x2Bjumb\0\0\0\x23jumdc2pa\0\x11\0\x10\x80\0\0\xAA\0\x38\x9B\x71\x03",
        ),
        ("Ducky", 0xEC, b"Ducky\0\x01\0\x04\0\0\0\x3C\0\x02\0\x0D\0\0\0\x0B"),
        ("Photoshop with IPTC", 0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x10\x1C\x02\x78\0\x0B"),
        ("Photoshop 2.5", 0xED, b"Adobe_Photoshop2.5:"),
        ("Adobe longer than it is", 0xEE, b"Adobe\0\x65\0\0\0\0\x01"),
        ("other APP14", 0xEE, b"Adobf"),
        ("arithmetic conditioning", 0xCC, b""),
    ] {
        add(carrier, segment(marker, &named(name)));
    }
    add("Adobe of odd version and flags", segment(0xEE, &[b"Adobe", &MARK[..6], &[1][..], MARK].concat()));
    add("unused quantisation table", segment(0xDB, &[&[3], MARK, &[1; 53][..]].concat()));
    add("unused Huffman table", segment(0xC4, &[&[0x13, 11][..], &[0; 15], MARK].concat()));
    add("table that another one replaces", segment(0xDB, &[&[0], MARK, &[1; 53][..]].concat()));
    add("bytes between segments", [&segment(0xFE, b"")[..], MARK].concat());
    add(
        "fill and bytes between segments",
        [&segment(0xFE, b"")[..], &[0xFF, 0xFF, 0xFF, 1], MARK, &[0xFF, 0]].concat(),
    );
    for (carrier, profile) in icc::profiles() {
        add(&carrier, profile_segments(&profile, 65_519));
        add(&format!("{carrier}, in many segments"), profile_segments(&profile, profile.len().div_ceil(20)));
    }
    all.extend(trailers());
    all.extend(odd());
    all
}

/// A profile in segments of `part` bytes.
pub fn profile_segments(profile: &[u8], part: usize) -> Vec<u8> {
    let total = profile.len().div_ceil(part) as u8;
    let parts = (1..=total).zip(profile.chunks(part));
    parts.flat_map(|(number, part)| segment(0xE2, &[b"ICC_PROFILE\0", &[number, total][..], part].concat())).collect()
}

/// What phones and attackers write behind the end of image.
fn trailers() -> Vec<Planted> {
    let second = with(&segment(0xFE, MARK));
    let mpf = segment(0xE2, b"MPF\0MM\0*\0\0\0\x08\0\x01\xB0\x01\0\x04\0\0\0\x01\0\0\0\x02\0\0\0\0");
    let gain = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<hdrgm:Version='1.0'/>");
    let film = [b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x13mdat", MARK].concat();
    let samsung = [
        MARK,
        b"\0\0\x01\x0A\x0E\0\0\0Image_UTC_DataSEFH\x6B\0\0\0\x01\0\0\0\0\0\x01\x0A\x2B\0\0\0\x2B\0\0\0\x18\0\0\0SEFT",
    ];
    let mut all = vec![Planted::new("JPEG second picture of MPF", [with(&mpf), second.clone()].concat())];
    all.push(Planted::new("JPEG gain map", [with(&gain), second.clone()].concat()));
    let depth = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<GDepth:Format='RangeInverse'/>");
    all.push(Planted::new("JPEG depth map", [with(&depth), second.clone()].concat()));
    for (carrier, trailer) in [
        ("bytes", MARK.to_vec()),
        ("second JPEG", second),
        ("motion photo", film),
        ("Samsung's trailer", samsung.concat()),
        ("ZIP", [b"PK\x03\x04\x0A\0\0\0\0\0\0\0\0\0\0\0\0\0\x0B\0\0\0\x0B\0\0\0\x0B\0\0\0", MARK, MARK].concat()),
        ("HTML", [b"<html><script>alert('", MARK, b"')</script></html>"].concat()),
        ("PDF", [b"%PDF-1.4\n1 0 obj\n(", MARK, b")\nendobj\n%%EOF"].concat()),
        ("one more end", [&[0xFF, 0xD9][..], MARK, &[0xFF, 0xD9]].concat()),
    ] {
        all.push(Planted::new(format!("JPEG behind its end: {carrier}"), [plain(), trailer].concat()));
    }
    all
}

/// Places that no camera uses.
fn odd() -> Vec<Planted> {
    let base = base();
    let at = |place: usize, added: &[u8]| base.to_vec(|at| if at == place { added.to_vec() } else { vec![] });
    let scan = base.head.len();
    let mut all = vec![
        Planted::odd("JPEG comment before the scan", at(scan, &segment(0xFE, MARK))),
        Planted::odd("JPEG comment behind the scan", at(scan + 1, &segment(0xFE, MARK))),
        Planted::odd("JPEG EXIF behind the scan", at(scan + 1, &segment(0xE1, &[b"Exif\0\0", MARK].concat()))),
        Planted::odd(
            "JPEG profile behind the scan",
            at(scan + 1, &segment(0xE2, &[b"ICC_PROFILE\0\x01\x01", MARK].concat())),
        ),
        Planted::odd(
            "JPEG table behind the scan",
            at(scan + 1, &segment(0xC4, &[&[0, 11][..], &[0; 15], MARK].concat())),
        ),
        Planted::new("JPEG bytes behind the last block", at(scan + 1, MARK)),
        Planted::odd("JPEG restart marker too many", at(scan + 1, &[&[0xFF, 0xD4], MARK].concat())),
        Planted::odd("JPEG segment of a reserved marker", at(1, &segment(0xF0, MARK))),
        Planted::odd("JPEG bytes directly behind the start", with(MARK)),
        Planted::odd(
            "JPEG polyglot in its first segment",
            with(&segment(0xFE, &[b"/*", MARK, b"*/alert(1)//"].concat())),
        ),
    ];
    let segments = |profile: &[u8]| profile_segments(profile, 65_519);
    all.extend(icc::odd().iter().map(|(name, profile)| Planted::odd(format!("JPEG {name}"), with(&segments(profile)))));
    let profile = icc::plain();
    let other = [segments(&profile), segment(0xE2, &[b"ICC_PROFILE\0\x01\x01", MARK].concat())].concat();
    all.push(Planted::odd("JPEG second profile", with(&other)));
    all
}
