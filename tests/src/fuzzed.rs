//! What must hold of everything that reads a stranger's bytes, whatever they are: stripping here, the other rooms in files of their own.
//! The targets in tests/fuzz try it with bytes that nobody thought of;
//! tests/tests/fuzz_regressions.rs replays those that are kept.
#![allow(clippy::expect_used, reason = "a panic is the finding")]

// What reads other bytes than pictures: a file for each room.
pub mod age;
pub mod clinic;
pub mod input;
pub mod joining;
pub mod links;
pub mod logs;
pub mod sessions;
pub mod signed;
pub mod wire;

use safelight_core::photo::Photo;
use safelight_core::strip::{MAX_GROWTH, strip};

/// A property under the name of its fuzz target.
pub type Property = (&'static str, fn(&[u8]));

/// Every property.
pub const PROPERTIES: &[Property] = &[
    ("strip_jpeg", strip_jpeg),
    ("strip_png", strip_png),
    ("strip_webp", strip_webp),
    ("strip_icc", strip_icc),
    ("wire_frames", wire::wire_frames),
    ("wire_messages", wire::wire_messages),
    ("session", sessions::session),
    ("age_header", age::age_header),
    ("age_payload", age::age_payload),
    ("manifest_cose", signed::manifest_cose),
    ("receipt_cose", signed::receipt_cose),
    ("key_set_cose", signed::key_set_cose),
    ("checkpoint_note", logs::checkpoint_note),
    ("log_entry", logs::log_entry),
    ("log_proofs", logs::log_proofs),
    ("invitation_text", joining::invitation_text),
    ("csr_der", joining::csr_der),
    ("enrol_messages", joining::enrol_messages),
    ("label_json", joining::label_json),
    ("link_messages", links::link_messages),
];

const JPEG_MAGIC: &[u8] = &[0xFF, 0xD8, 0xFF];
const PNG_MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The name of the target that a picture is a seed for; `None` for a file of another format.
pub fn target_of(picture: &[u8]) -> Option<&'static str> {
    if picture.starts_with(JPEG_MAGIC) {
        Some("strip_jpeg")
    } else if picture.starts_with(PNG_MAGIC) {
        Some("strip_png")
    } else {
        is_webp(picture).then_some("strip_webp")
    }
}

/// Bytes as a JPEG.
pub fn strip_jpeg(bytes: &[u8]) {
    holds(&beginning_with(JPEG_MAGIC, bytes));
}

/// Bytes as a PNG: as they are, and with the checksums that they should have, past which hardly a change would get.
pub fn strip_png(bytes: &[u8]) {
    let png = beginning_with(PNG_MAGIC, bytes);
    let mut mended = png.clone();
    mend_checksums(&mut mended);
    if mended != png {
        holds(&png);
    }
    holds(&mended);
}

/// Bytes as a WebP.
pub fn strip_webp(bytes: &[u8]) {
    if is_webp(bytes) {
        return holds(bytes);
    }
    let len = u32::try_from(bytes.len() + 4).expect("a fuzzer's input is short");
    holds(&[b"RIFF", &len.to_le_bytes()[..], b"WEBP", bytes].concat());
}

/// Bytes as the colour profile of a JPEG and of a PNG.
pub fn strip_icc(bytes: &[u8]) {
    let mut profile = bytes.to_vec();
    // A profile without its signature is left out unread.
    if let Some(signature) = profile.get_mut(36..40) {
        signature.copy_from_slice(b"acsp");
    }
    holds(&jpeg_with_profile(&profile));
    holds(&png_with_profile(&profile));
}

/// A refusal is fine, and so is an output that is no longer than allowed, is made of its parts and leaves nothing to be found.
fn holds(input: &[u8]) {
    let Ok(Ok(stripped)) = Photo::parse(input).map(strip) else {
        return;
    };
    let output = stripped.to_vec();
    assert_eq!(output.len(), stripped.len(), "the parts are not the whole");
    assert!(output.len() <= input.len() + MAX_GROWTH, "{} bytes became {}", input.len(), output.len());
    let photo = Photo::parse(&output).expect("an output is a picture");
    let again = strip(photo).expect("an output can be stripped");
    assert!(again.to_vec() == output, "stripping twice changes something");
    assert!(again.report().is_empty(), "a second time finds {}", again.report());
    assert_eq!(again.content_type(), stripped.content_type(), "another format");
    assert_eq!((again.width(), again.height()), (stripped.width(), stripped.height()), "another size");
}

fn beginning_with(magic: &[u8], bytes: &[u8]) -> Vec<u8> {
    let missing = if bytes.starts_with(magic) { &[] } else { magic };
    [missing, bytes].concat()
}

fn is_webp(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")
}

/// One block of grey, as short as a JPEG gets, with a profile in as many segments as it needs (ICC.1:2022 annex B.4).
fn jpeg_with_profile(profile: &[u8]) -> Vec<u8> {
    const CONTENT: usize = 65_535 - 2 - 14;
    let parts = profile.chunks(CONTENT);
    let total = u8::try_from(parts.len()).expect("a fuzzer's input is short");
    let mut jpeg = vec![0xFF, 0xD8];
    for (number, part) in (1..=total).zip(parts) {
        segment(&mut jpeg, 0xE2, &[b"ICC_PROFILE\0", &[number, total], part]);
    }
    segment(&mut jpeg, 0xDB, &[&[0], &[1; 64]]);
    segment(&mut jpeg, 0xC0, &[&[8, 0, 8, 0, 8, 1, 1, 0x11, 0]]);
    // One code each: no difference for DC, the end of the block for AC.
    segment(&mut jpeg, 0xC4, &[&[0x00, 1], &[0; 16], &[0x10, 1], &[0; 16]]);
    segment(&mut jpeg, 0xDA, &[&[1, 1, 0, 0, 63, 0]]);
    jpeg.extend([0x3F, 0xFF, 0xD9]);
    jpeg
}

fn segment(jpeg: &mut Vec<u8>, marker: u8, content: &[&[u8]]) {
    let content = content.concat();
    let len = u16::try_from(content.len() + 2).expect("the content fits a segment");
    jpeg.extend([0xFF, marker]);
    jpeg.extend(len.to_be_bytes());
    jpeg.extend(content);
}

/// One grey pixel with a profile (W3C PNG section 11.3.2.3).
fn png_with_profile(profile: &[u8]) -> Vec<u8> {
    let mut png = PNG_MAGIC.to_vec();
    // A profile of another colour space than the picture's would be dropped unread.
    let grey = profile.get(16..20) == Some(b"GRAY");
    chunk(&mut png, b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, if grey { 0 } else { 2 }, 0, 0, 0]);
    chunk(&mut png, b"iCCP", &[b"-\0\0", &stored(profile)[..]].concat());
    let row = [0, 128, 128, 128];
    chunk(&mut png, b"IDAT", &stored(if grey { &row[..2] } else { &row }));
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    let len = u32::try_from(content.len()).expect("a fuzzer's input is short");
    let named = [kind, content].concat();
    png.extend(len.to_be_bytes());
    png.extend_from_slice(&named);
    png.extend(crc32fast::hash(&named).to_be_bytes());
}

/// A zlib stream (RFC 1950) that takes no time: its blocks are stored as they are (RFC 1951 section 3.2.4).
fn stored(content: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 0xFFFF;
    let mut stream = vec![0x78, 1];
    for block in content.chunks(BLOCK) {
        let len = u16::try_from(block.len()).expect("a block is that short");
        stream.push(0);
        stream.extend(len.to_le_bytes());
        stream.extend((!len).to_le_bytes());
        stream.extend_from_slice(block);
    }
    // An empty one is the last.
    stream.extend([1, 0, 0, 0xFF, 0xFF]);
    let (low, high) = content.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    stream.extend((high << 16 | low).to_be_bytes());
    stream
}

/// Writes the right checksum behind every chunk that is there as a whole.
fn mend_checksums(png: &mut [u8]) {
    let mut rest = png.get_mut(PNG_MAGIC.len()..).unwrap_or_default();
    while let Some((len, after)) = rest.split_first_chunk_mut::<4>() {
        let len = usize::try_from(u32::from_be_bytes(*len)).expect("usize has 32 bits");
        let Some((named, after)) = len.checked_add(4).and_then(|len| after.split_at_mut_checked(len)) else {
            return;
        };
        let Some((checksum, after)) = after.split_first_chunk_mut::<4>() else {
            return;
        };
        *checksum = crc32fast::hash(named).to_be_bytes();
        rest = after;
    }
}
