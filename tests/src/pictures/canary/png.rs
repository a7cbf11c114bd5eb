//! PNGs with the marker in one carrier each (W3C PNG third edition).

use super::{MARK, Planted, exif, icc, utf16};
use crate::pictures::pieces::{PNG, chunk, zlib};
use crate::pictures::{png_walker, tiff};

/// A small picture of any kind that PNG knows, every row unfiltered.
pub fn picture(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    let channels = [1, 0, 3, 1, 2, 0, 4][usize::from(colour)];
    let row = (width as usize * channels * usize::from(depth)).div_ceil(8);
    let value = |at: usize| if colour == 3 { (at % 2) as u8 } else { (at * 37 % 251) as u8 };
    let rows: Vec<u8> =
        (0..height as usize).flat_map(|y| [0].into_iter().chain((0..row).map(move |x| value(x + y * row)))).collect();
    let palette = if colour == 3 { chunk(b"PLTE", &[250, 20, 20, 20, 20, 250]) } else { vec![] };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour, 0, 0, 0]].concat();
    let chunks = [chunk(b"IHDR", &header), palette, chunk(b"IDAT", &zlib(&rows)), chunk(b"IEND", b"")];
    [PNG, &chunks.concat()].concat()
}

/// A colour picture without anything beside it.
pub fn plain() -> Vec<u8> {
    picture(20, 12, 8, 2)
}

/// A picture with more chunks behind its header.
pub fn with(picture: &[u8], chunks: &[u8]) -> Vec<u8> {
    let behind_header = PNG.len() + 25;
    [&picture[..behind_header], chunks, &picture[behind_header..]].concat()
}

/// Everything that a PNG has room for beside its picture.
pub fn planted() -> Vec<Planted> {
    let mut all = Vec::new();
    let mut add =
        |carrier: &str, chunks: Vec<u8>| all.push(Planted::new(format!("PNG {carrier}"), with(&plain(), &chunks)));
    let named = |name: &[u8]| [name, MARK].concat();
    let hidden = |name: &[u8]| [name, &zlib(MARK)].concat();
    for (carrier, kind, content) in [
        ("text", b"tEXt", named(b"Comment\0")),
        ("name of a text", b"tEXt", [MARK, b"\0text"].concat()),
        ("compressed text", b"zTXt", hidden(b"Comment\0\0")),
        ("international text", b"iTXt", named(b"Comment\0\0\0de\0Kommentar\0")),
        ("compressed international text", b"iTXt", hidden(b"Comment\0\x01\0de\0Kommentar\0")),
        ("language of a text", b"iTXt", [b"Comment\0\0\0", MARK, b"\0\0text"].concat()),
        ("XMP", b"iTXt", named(b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta xmlns:x='adobe:ns:meta/'>")),
        ("text in UTF-16", b"tEXt", [b"Comment\0", &utf16(false)[..]].concat()),
        ("EXIF in a text", b"zTXt", [&b"Raw profile type exif\0\0"[..], &zlib(&raw_profile())].concat()),
        ("IPTC in a text", b"tEXt", [&b"Raw profile type iptc\0"[..], &raw_profile()].concat()),
        ("time", b"tIME", MARK[..7].to_vec()),
        ("time that is too long", b"tIME", MARK.to_vec()),
        ("suggested palette", b"sPLT", [MARK, b"\0\x08\x01\x02\x03\x04\0\x01"].concat()),
        ("content credentials", b"caBX", named(b"\0\0\0\x13jumb")),
        ("physical scale", b"sCAL", named(b"\x011\0")),
        ("calibration", b"pCAL", [MARK, b"\0\0\0\0\0\0\0\0\x01\0\x01\0\x30"].concat()),
        ("offset", b"oFFs", MARK[..9].to_vec()),
        ("GIF comment", b"gIFx", named(b"CANARY\0\0\0\0\0")),
        ("private chunk", b"caNr", MARK.to_vec()),
        ("private chunk that may be copied", b"caNr", MARK.to_vec()),
        ("private chunk of a phone", b"vpAg", MARK.to_vec()),
        ("chunk of macOS", b"iDOT", MARK.to_vec()),
        ("signature", b"dSIG", MARK.to_vec()),
        ("zeros and EXIF in a chunk", b"zxIf", hidden(b"\0\0\0\0\x0B")),
    ] {
        let mut kind = *kind;
        if carrier.ends_with("copied") {
            kind[3].make_ascii_lowercase();
        }
        add(carrier, chunk(&kind, &content));
    }
    for (carrier, block) in exif::blocks() {
        add(carrier, chunk(b"eXIf", &block));
    }
    for (carrier, profile) in icc::profiles() {
        add(&carrier, chunk(b"iCCP", &[&b"icc\0\0"[..], &zlib(&profile)].concat()));
    }
    add("name of a profile", chunk(b"iCCP", &[MARK, b"\0\0", &zlib(&icc::plain())].concat()));
    all.push(Planted::new("PNG bytes behind IEND", [&plain()[..], MARK].concat()));
    all.push(Planted::new("PNG second picture", [plain(), with(&plain(), &chunk(b"tEXt", &named(b"a\0")))].concat()));
    all.push(Planted::new("PNG text behind the picture", behind_picture(&chunk(b"tEXt", &named(b"a\0")))));
    all.push(Planted::new("PNG EXIF behind the picture", behind_picture(&chunk(b"eXIf", &exif::blocks()[0].1))));
    all.extend(odd());
    all
}

/// As other programs keep foreign blocks: a name, a length and hexadecimal digits.
fn raw_profile() -> Vec<u8> {
    let block = tiff::block(true, &[vec![tiff::ascii(0x010E, MARK)]]);
    let digits: String = [b"Exif\0\0", &block[..]].concat().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\nexif\n{:8}\n{digits}\n", block.len() + 6).into_bytes()
}

fn behind_picture(chunks: &[u8]) -> Vec<u8> {
    let plain = plain();
    let end = plain.len() - 12;
    [&plain[..end], chunks, &plain[end..]].concat()
}

/// What no camera writes.
fn odd() -> Vec<Planted> {
    let stream = png_walker::chunks(&plain()).iter().find(|(kind, _)| *kind == b"IDAT").unwrap().1.to_vec();
    let with_stream = |idat: &[u8]| {
        let plain = plain();
        let end = chunk(b"IEND", b"");
        [&plain[..PNG.len() + 25], idat, &end].concat()
    };
    let profile = |content: &[u8]| with(&plain(), &chunk(b"iCCP", content));
    let stored = zlib(&icc::plain());
    let mut all = vec![
        Planted::odd(
            "PNG bytes behind the stream in IDAT",
            with_stream(&chunk(b"IDAT", &[&stream[..], MARK].concat())),
        ),
        Planted::odd(
            "PNG IDAT behind the stream",
            with_stream(&[chunk(b"IDAT", &stream), chunk(b"IDAT", MARK)].concat()),
        ),
        Planted::odd("PNG rows beyond the picture", with_stream(&chunk(b"IDAT", &longer(&stream)))),
        Planted::odd("PNG content in IEND", {
            let plain = plain();
            [&plain[..plain.len() - 12], &chunk(b"IEND", MARK)].concat()
        }),
        Planted::odd("PNG bytes behind the profile's stream", profile(&[&b"icc\0\0"[..], &stored, MARK].concat())),
        Planted::odd("PNG second profile", {
            let one = chunk(b"iCCP", &[&b"icc\0\0"[..], &stored].concat());
            with(&plain(), &[one, chunk(b"iCCP", &[&b"icc\0\0"[..], MARK].concat())].concat())
        }),
        Planted::odd("PNG second EXIF", {
            let upright = tiff::block(true, &[vec![tiff::shorts(0x0112, &[6])]]);
            with(&plain(), &[chunk(b"eXIf", &upright), chunk(b"eXIf", &exif::blocks()[0].1)].concat())
        }),
        Planted::odd("PNG critical chunk of nobody", with(&plain(), &chunk(b"CANA", MARK))),
        Planted::odd("PNG background", with(&plain(), &chunk(b"bKGD", MARK))),
        Planted::odd("PNG histogram", with(&plain(), &chunk(b"hIST", MARK))),
        Planted::odd("PNG significant bits", with(&plain(), &chunk(b"sBIT", MARK))),
        Planted::odd("PNG gamma that is too long", with(&plain(), &chunk(b"gAMA", MARK))),
        Planted::odd("PNG chromaticities of another length", with(&plain(), &chunk(b"cHRM", MARK))),
        Planted::odd("PNG resolution that is too long", with(&plain(), &chunk(b"pHYs", MARK))),
        Planted::odd("PNG transparency of another length", with(&plain(), &chunk(b"tRNS", MARK))),
        Planted::odd("PNG light levels", with(&plain(), &chunk(b"cLLI", MARK))),
        Planted::odd("PNG mastering display", with(&plain(), &chunk(b"mDCV", &[MARK, MARK].concat()))),
        Planted::odd("PNG animation", animation()),
        Planted::odd("PNG animation control", with(&plain(), &chunk(b"acTL", &[b"\0\0\0\x01\0\0\0\0", MARK].concat()))),
    ];
    for (name, odd) in icc::odd() {
        all.push(Planted::odd(format!("PNG {name}"), profile(&[&b"icc\0\0"[..], &zlib(&odd)].concat())));
    }
    all
}

/// The same picture with the marker as a thirteenth row.
fn longer(stream: &[u8]) -> Vec<u8> {
    let mut rows = crate::pictures::inflated::inflate(stream, 1 << 20).unwrap().0;
    rows.extend_from_slice(MARK);
    zlib(&rows)
}

/// Two frames; the marker is in the second one's pixels.
pub fn animation() -> Vec<u8> {
    let control = |number: u32| {
        let frame =
            [&number.to_be_bytes()[..], &20u32.to_be_bytes(), &12u32.to_be_bytes(), &[0; 8], &[0, 1, 0, 10, 0, 0]];
        chunk(b"fcTL", &frame.concat())
    };
    let mut rows = vec![0; 12 * 61];
    rows[1..1 + MARK.len()].copy_from_slice(MARK);
    let second = [control(1), chunk(b"fdAT", &[&2u32.to_be_bytes()[..], &zlib(&rows)].concat())].concat();
    let first = [chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]), control(0)].concat();
    let plain = behind_picture(&second);
    with(&plain, &first)
}
