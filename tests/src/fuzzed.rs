//! What must hold of everything that reads a stranger's bytes, whatever they are: stripping here, the other rooms in files of their own.
//! The targets in tests/fuzz try it with bytes that nobody thought of;
//! tests/tests/fuzz_regressions.rs replays those that are kept.
#![allow(clippy::expect_used, reason = "a panic is the finding")]

// What reads other bytes than pictures: a file for each room.
pub mod age;
pub mod android;
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

use crate::pictures::pieces::{PNG, chunk, mend_checksums, segment, stored};
use crate::pictures::walker::walk;

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
    ("android_attestation", android::android_attestation),
    ("label_json", joining::label_json),
    ("link_messages", links::link_messages),
];

const JPEG_MAGIC: &[u8] = &[0xFF, 0xD8, 0xFF];

/// The name of the target that a picture is a seed for; `None` for a file of another format.
pub fn target_of(picture: &[u8]) -> Option<&'static str> {
    if picture.starts_with(JPEG_MAGIC) {
        Some("strip_jpeg")
    } else if picture.starts_with(PNG) {
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
    let png = beginning_with(PNG, bytes);
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

/// A refusal is fine, and so is an output that is no longer than allowed, is made of its parts, of which the walker knows every
/// byte and which leaves nothing to be found.
fn holds(input: &[u8]) {
    let Ok(Ok(stripped)) = Photo::parse(input).map(strip) else {
        return;
    };
    let output = stripped.to_vec();
    assert_eq!(output.len(), stripped.len(), "the parts are not the whole");
    assert_eq!(walk(&output), Ok(()), "a byte of the output does not belong to it");
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
        jpeg.extend(segment(0xE2, &[b"ICC_PROFILE\0", &[number, total][..], part].concat()));
    }
    jpeg.extend(segment(0xDB, &[&[0][..], &[1; 64]].concat()));
    jpeg.extend(segment(0xC0, &[8, 0, 8, 0, 8, 1, 1, 0x11, 0]));
    // One code each: no difference for DC, the end of the block for AC.
    jpeg.extend(segment(0xC4, &[&[0x00, 1][..], &[0; 16], &[0x10, 1], &[0; 16]].concat()));
    jpeg.extend(segment(0xDA, &[1, 1, 0, 0, 63, 0]));
    jpeg.extend([0x3F, 0xFF, 0xD9]);
    jpeg
}

/// One grey pixel with a profile (W3C PNG section 11.3.2.3).
fn png_with_profile(profile: &[u8]) -> Vec<u8> {
    // A profile of another colour space than the picture's would be dropped unread.
    let grey = profile.get(16..20) == Some(b"GRAY");
    let row = [0, 128, 128, 128];
    let chunks = [
        chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, if grey { 0 } else { 2 }, 0, 0, 0]),
        chunk(b"iCCP", &[b"-\0\0", &stored(profile)[..]].concat()),
        chunk(b"IDAT", &stored(if grey { &row[..2] } else { &row })),
        chunk(b"IEND", &[]),
    ];
    [PNG, &chunks.concat()].concat()
}
