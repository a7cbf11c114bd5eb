//! WebPs with the marker in one carrier each (RFC 9649).

use super::{MARK, Planted, exif, icc};
use crate::pictures::pieces::{riff_chunk, riff_file};
use crate::pictures::webp_walker;

/// A lossless picture as the clinic's encoder writes it: one chunk.
pub fn plain() -> Vec<u8> {
    let pixels = image::RgbImage::from_fn(20, 12, |x, y| image::Rgb([x * 12, y * 20, (x * y) % 256].map(|v| v as u8)));
    let mut file = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut file, image::ImageFormat::WebP).unwrap();
    file.into_inner()
}

/// The header of an extended file of the plain picture's size.
pub fn header(flags: u8) -> Vec<u8> {
    riff_chunk(b"VP8X", &[flags, 0, 0, 0, 19, 0, 0, 11, 0, 0])
}

/// The plain picture's own chunk.
pub fn bitstream() -> Vec<u8> {
    let plain = plain();
    let (kind, content) = webp_walker::chunks(&plain)[0];
    riff_chunk(kind, content)
}

/// The plain picture in an extended file: chunks before it and behind it.
pub fn extended(flags: u8, before: &[u8], behind: &[u8]) -> Vec<u8> {
    riff_file(&[&header(flags)[..], before, &bitstream(), behind].concat())
}

/// Everything that a WebP has room for beside its picture.
pub fn planted() -> Vec<Planted> {
    let mut all = Vec::new();
    let mut add = |carrier: &str, bytes: Vec<u8>| all.push(Planted::new(format!("WebP {carrier}"), bytes));
    for (carrier, block) in exif::blocks() {
        add(carrier, extended(0x08, &[], &riff_chunk(b"EXIF", &block)));
        let prefixed = [b"Exif\0\0", &block[..]].concat();
        add(&format!("{carrier}, with a prefix"), extended(0x08, &[], &riff_chunk(b"EXIF", &prefixed)));
    }
    for (carrier, profile) in icc::profiles() {
        add(&carrier, extended(0x20, &riff_chunk(b"ICCP", &profile), &[]));
    }
    let xmp = [b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>", MARK].concat();
    add("XMP", extended(0x04, &[], &riff_chunk(b"XMP ", &xmp)));
    add("XMP that no flag names", extended(0, &[], &riff_chunk(b"XMP ", &xmp)));
    add("unknown chunk before the picture", extended(0, &riff_chunk(b"CANA", MARK), &[]));
    add("unknown chunk behind the picture", extended(0, &[], &riff_chunk(b"CANA", MARK)));
    add("content credentials", extended(0, &[], &riff_chunk(b"C2PA", &[b"\0\0\0\x13jumb", MARK].concat())));
    add("bytes behind its end", [&plain()[..], MARK].concat());
    add("second file", [plain(), extended(0x04, &[], &riff_chunk(b"XMP ", &xmp))].concat());
    add("unknown chunk of a simple file", riff_file(&[bitstream(), riff_chunk(b"CANA", MARK)].concat()));
    all.extend(odd());
    all
}

/// What no camera writes.
fn odd() -> Vec<Planted> {
    let profile = icc::plain();
    let block = &exif::blocks()[0].1;
    let mut all = vec![
        Planted::odd(
            "WebP longer header",
            riff_file(&[riff_chunk(b"VP8X", &[&header(0)[8..18], MARK].concat()), bitstream()].concat()),
        ),
        Planted::odd("WebP second header", extended(0, &riff_chunk(b"VP8X", &[&header(0)[8..18], MARK].concat()), &[])),
        Planted::odd(
            "WebP second EXIF",
            extended(0x08, &[], &[riff_chunk(b"EXIF", block), riff_chunk(b"EXIF", MARK)].concat()),
        ),
        Planted::odd(
            "WebP second profile",
            extended(0x20, &[riff_chunk(b"ICCP", &profile), riff_chunk(b"ICCP", MARK)].concat(), &[]),
        ),
        Planted::odd(
            "WebP second picture",
            extended(0, &[], &riff_chunk(b"VP8L", &[&bitstream()[8..], MARK].concat())),
        ),
        Planted::odd(
            "WebP alpha of a lossless picture",
            extended(0x10, &riff_chunk(b"ALPH", &[&[0], MARK].concat()), &[]),
        ),
        Planted::odd("WebP animation", animation()),
        Planted::odd("WebP fragment", extended(0, &riff_chunk(b"FRGM", MARK), &[])),
        Planted::odd("WebP bytes behind the last chunk", {
            let mut bytes = [&extended(0, &[], &[])[..], &MARK[..5]].concat();
            let len = (bytes.len() as u32 - 8).to_le_bytes();
            bytes[4..8].copy_from_slice(&len);
            [&bytes[..], MARK].concat()
        }),
    ];
    for (name, odd) in icc::odd() {
        all.push(Planted::odd(format!("WebP {name}"), extended(0x20, &riff_chunk(b"ICCP", &odd), &[])));
    }
    all
}

/// Two frames, the second with the marker.
pub fn animation() -> Vec<u8> {
    let frame =
        |content: &[u8]| riff_chunk(b"ANMF", &[&[0, 0, 0, 0, 0, 0, 19, 0, 0, 11, 0, 0, 10, 0, 0, 0], content].concat());
    let control = riff_chunk(b"ANIM", &[0; 6]);
    let second = [bitstream(), riff_chunk(b"CANA", MARK)].concat();
    riff_file(&[header(0x02), control, frame(&bitstream()), frame(&second)].concat())
}
