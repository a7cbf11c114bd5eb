//! Writes the seeds of the fuzzers: small pictures and profiles with every structure that stripping knows.
//!
//! `cargo run -p safelight-tests --example fuzz_seeds` writes them into tests/fuzz/seeds, where they are kept.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what cannot be written is to be seen"
)]

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{ColorType, DynamicImage, ImageFormat};
use moxcms::ColorProfile;
use safelight_tests::pictures::jpeg_writer::{exif, picture};
use safelight_tests::pictures::pieces::{PNG, chunk, riff_chunk, riff_file, segment, zlib};

/// Longer ones would slow the fuzzers down.
const MAX_SEED_LEN: usize = 4096;

type Seeds = Vec<(&'static str, Vec<u8>)>;

fn main() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (target, files) in [("strip_jpeg", jpeg()), ("strip_png", png()), ("strip_webp", webp()), ("strip_icc", icc())]
    {
        let folder = seeds.join(target);
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in files {
            assert!(bytes.len() < MAX_SEED_LEN, "{target}/{name} has {} bytes", bytes.len());
            fs::write(folder.join(name), &bytes).unwrap();
            println!("{target}/{name}: {} bytes", bytes.len());
        }
    }
}

fn jpeg() -> Seeds {
    let grey = picture(24, 16, &[0x11], 0, 1);
    let colour = picture(40, 24, &[0x22, 0x11, 0x11], 2, 2);
    let adobe = |transform| segment(0xEE, &[b"Adobe\0\x64\0\0\0\0", &[transform][..]].concat());
    let in_front = |first: Vec<u8>| grey.to_vec(move |at| if at == 0 { first.clone() } else { vec![] });
    let jfif = segment(0xE0, b"JFIF\0\x01\x02\x01\0\x48\0\x48\0\0");
    let orientation = exif(&[(0x010F, 2, 5, 62), (0x0112, 3, 1, 6), (0x8825, 4, 1, 44)], b"Maker");
    let apps = [
        jfif,
        orientation,
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        segment(0xE2, b"MPF\0II*\0\x08\0\0\0"),
        segment(0xEB, b"JP\0\x01\0\0\0\x01\0\0\0\x08jumb"),
        segment(0xED, b"Photoshop 3.0\08BIM\x04\x04\0\0\0\0\0\0"),
        segment(0xFE, b"comment"),
        segment(0xDB, &[&[1][..], &[9; 64]].concat()),
    ];
    let profile = without_date(&ColorProfile::new_gray_with_gamma(2.2));
    let (first, second) = profile.split_at(profile.len() / 2);
    let parts = [(1u8, first), (2, second)];
    let parts = parts.map(|(number, part)| segment(0xE2, &[b"ICC_PROFILE\0", &[number, 2][..], part].concat()));
    let mut progressive = picture(24, 16, &[0x11], 0, 3);
    progressive.head[1][1] = 0xC2;
    // The spectral selection stands in front of the last byte of the scan's header.
    let band = |first: u8, last: u8| {
        let mut scan = progressive.scan.clone();
        (scan[7], scan[8]) = (first, last);
        scan
    };
    progressive.scan = [band(0, 0), band(1, 63)].concat();
    let two_scans = grey.to_vec(|at| if at == grey.head.len() + 1 { grey.scan.clone() } else { vec![] });
    vec![
        ("grey.jpg", in_front(vec![])),
        ("colour-restarts.jpg", colour.to_vec(|_| vec![])),
        ("segments.jpg", in_front(apps.concat())),
        ("profile.jpg", in_front(parts.concat())),
        ("cmyk.jpg", {
            let cmyk = picture(16, 16, &[0x11, 0x11, 0x11, 0x11], 0, 4);
            cmyk.to_vec(|at| if at == 0 { adobe(2) } else { vec![] })
        }),
        ("progressive.jpg", progressive.to_vec(|_| vec![])),
        ("two-scans.jpg", two_scans),
        ("stray-bytes.jpg", grey.to_vec(|at| if at > 0 { b"stray\xFF\xFF".to_vec() } else { vec![] })),
        ("trailer.jpg", [in_front(vec![]), in_front(vec![]), b"PK\x03\x04".to_vec()].concat()),
        ("encoded.jpg", encoded(ColorType::Rgb8, ImageFormat::Jpeg)),
    ]
}

fn png() -> Seeds {
    let header = |depth: u8, colour: u8, interlace: u8| [0, 0, 0, 5, 0, 0, 0, 3, depth, colour, 0, 0, interlace];
    let rows = |len: usize| zlib(&vec![0; 3 * (1 + len)]);
    let palette = |chunks: &[Vec<u8>]| {
        let start = [chunk(b"IHDR", &header(4, 3, 0)), chunk(b"PLTE", b"\0\0\0\xFF\xFF\xFF")].concat();
        let end = [chunk(b"IDAT", &rows(3)), chunk(b"IEND", b"")].concat();
        [PNG.to_vec(), start, chunks.concat(), end].concat()
    };
    let primaries = [31_270u32, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];
    let interlaced = zlib(&[0; 22]);
    let profile = without_date(&ColorProfile::new_srgb());
    let profile = [b"sRGB\0\0", &zlib(&profile)[..]].concat();
    let xmp = [b"XML:com.adobe.xmp\0\x01\0\0\0", &zlib(b"<x/>")[..]].concat();
    let text = [b"Comment\0\0", &zlib(b"comment")[..]].concat();
    let frame = [&[0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 3][..], &[0; 8], &[0, 1, 0, 10, 0, 0]].concat();
    vec![
        ("grey.png", encoded(ColorType::L8, ImageFormat::Png)),
        ("grey-alpha.png", encoded(ColorType::La8, ImageFormat::Png)),
        ("colour.png", encoded(ColorType::Rgb8, ImageFormat::Png)),
        ("alpha-16.png", encoded(ColorType::Rgba16, ImageFormat::Png)),
        ("palette.png", palette(&[chunk(b"tRNS", b"\0\xFF")])),
        ("profile.png", with_chunks(ColorType::Rgb8, &[chunk(b"iCCP", &profile)])),
        (
            "colour-space.png",
            with_chunks(
                ColorType::Rgb8,
                &[
                    chunk(b"cICP", &[9, 16, 0, 1]),
                    chunk(b"gAMA", &45_455u32.to_be_bytes()),
                    chunk(b"cHRM", primaries.map(u32::to_be_bytes).as_flattened()),
                    chunk(b"sRGB", &[0]),
                    chunk(b"sBIT", &[8, 8, 8]),
                    chunk(b"bKGD", &[0; 6]),
                    chunk(b"pHYs", &[0, 0, 0x0B, 0x13, 0, 0, 0x0B, 0x13, 1]),
                ],
            ),
        ),
        (
            "texts.png",
            palette(&[
                chunk(b"tEXt", b"Author\0somebody"),
                chunk(b"zTXt", &text),
                chunk(b"iTXt", &xmp),
                chunk(b"eXIf", &exif(&[(0x0112, 3, 1, 6)], b"")[10..]),
                chunk(b"tIME", &[7, 230, 1, 2, 3, 4, 5]),
                chunk(b"prVt", b"private"),
            ]),
        ),
        (
            "animation.png",
            palette(&[
                chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
                chunk(b"fcTL", &frame),
                chunk(b"fdAT", &[0, 0, 0, 1]),
            ]),
        ),
        ("interlaced.png", {
            let parts = [chunk(b"IHDR", &header(8, 0, 1)), chunk(b"IDAT", &interlaced), chunk(b"IEND", b"")];
            [PNG.to_vec(), parts.concat()].concat()
        }),
        ("trailer.png", [encoded(ColorType::L8, ImageFormat::Png), b"<?php".to_vec()].concat()),
    ]
}

fn webp() -> Seeds {
    // 3x2 pixels by an encoder of the format's makers: lossy ones cannot be written with what the tests have.
    let lossy = riff_chunk(
        b"VP8 ",
        b"\xB0\x01\0\x9D\x01\x2A\x03\0\x02\0\x07\x40\x96\x25\xA0\x02\x74\x01\x0E\xF6\x9E\x40\0\xFE\xDA\x18\xB9\x33\x80\xFF\xBF\x9F\x7E\x47\x3B\xD2\xA3\0\0\0",
    );
    let alpha = riff_chunk(b"ALPH", b"\x01\x98\xFF\x88\x88\x03");
    let lossless = encoded(ColorType::Rgba8, ImageFormat::WebP);
    let lossless = &lossless[12..];
    let extended = |flags: u8, size: [u8; 2], chunks: &[&[u8]]| {
        let header = riff_chunk(b"VP8X", &[flags, 0, 0, 0, size[0], 0, 0, size[1], 0, 0]);
        [&header, &chunks.concat()[..]].concat()
    };
    let profile = riff_chunk(b"ICCP", &without_date(&ColorProfile::new_gray_with_gamma(2.2)));
    let exif = riff_chunk(b"EXIF", &exif(&[(0x0112, 3, 1, 8), (0x010F, 2, 4, 0x5858_5858)], b"")[10..]);
    let xmp = riff_chunk(b"XMP ", b"<x:xmpmeta/>");
    let frame = [&[0, 0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 100, 0, 0, 0][..], &lossy].concat();
    let animation = [riff_chunk(b"ANIM", &[255, 255, 255, 255, 0, 0]), riff_chunk(b"ANMF", &frame)].concat();
    vec![
        ("lossy.webp", riff_file(&lossy)),
        ("lossless.webp", riff_file(lossless)),
        ("alpha.webp", riff_file(&extended(0x10, [2, 1], &[&alpha, &lossy]))),
        ("profile.webp", riff_file(&extended(0x20, [2, 1], &[&profile, &lossy]))),
        ("metadata.webp", riff_file(&extended(0x0C, [2, 1], &[&lossy, &exif, &xmp]))),
        (
            "everything.webp",
            riff_file(&extended(0x3C, [2, 1], &[&profile, &alpha, &lossy, &exif, &xmp, &riff_chunk(b"WXYZ", b"odd")])),
        ),
        ("animation.webp", riff_file(&extended(0x02, [2, 1], &[&animation]))),
        ("trailer.webp", [riff_file(&lossy), b"PK\x03\x04".to_vec()].concat()),
    ]
}

fn icc() -> Seeds {
    let curve = [b"curv\0\0\0\0\0\0\0\x01\x02\x33".to_vec()].concat();
    let matrix = [b"sf32\0\0\0\0".to_vec(), [0, 1, 0, 0].repeat(9)].concat();
    let point = b"XYZ \0\0\0\0\0\0\xF6\xD6\0\x01\0\0\0\0\xD3\x2D".to_vec();
    let table8 = [&b"mft1\0\0\0\0\x01\x03\x02\0"[..], &[0; 36], &[0; 256], &[0; 6], &[0; 768]].concat();
    let table16 = [&b"mft2\0\0\0\0\x01\x03\x02\0"[..], &[0; 36], &[0, 2, 0, 2], &[0; 4], &[0; 12], &[0; 12]].concat();
    let to_device =
        [&b"mBA \0\0\0\0\x03\x03\0\0\0\0\0\x20"[..], &[0; 16], &curve, &[0; 2], &curve, &[0; 2], &curve].concat();
    let text = b"text\0\0\0\0somebody\0".to_vec();
    let describes = [&b"desc\0\0\0\0\0\0\0\x07device\0"[..], &[0; 80]].concat();
    let localised = b"mluc\0\0\0\0\0\0\0\x01\0\0\0\x0CenUS\0\0\0\x02\0\0\0\x1C\0x".to_vec();
    let version_2 = [(b"desc", describes), (b"cprt", text), (b"wtpt", point.clone()), (b"kTRC", curve.clone())];
    let tables = [(b"desc", localised.clone()), (b"A2B0", table8), (b"A2B1", table16), (b"B2A0", to_device)];
    let others = [
        (b"desc", localised),
        (b"chad", matrix),
        (b"cicp", b"cicp\0\0\0\0\x01\x0D\0\x01".to_vec()),
        (b"kTRC", curve),
        (b"MSCT", b"MsCt private".to_vec()),
        (b"wtpt", point),
    ];
    vec![
        ("srgb.icc", without_date(&ColorProfile::new_srgb())),
        ("display-p3.icc", without_date(&ColorProfile::new_display_p3())),
        ("adobe-rgb.icc", without_date(&ColorProfile::new_adobe_rgb())),
        ("grey.icc", without_date(&ColorProfile::new_gray_with_gamma(2.2))),
        ("version-2.icc", profile(b"GRAY", &version_2)),
        ("tables.icc", profile(b"GRAY", &tables)),
        ("others.icc", profile(b"GRAY", &others)),
        ("empty.icc", profile(b"RGB ", &[])),
    ]
}

/// A small picture by another encoder.
fn encoded(colour: ColorType, format: ImageFormat) -> Vec<u8> {
    let mut picture = DynamicImage::new(5, 3, colour);
    if let Some(rgb) = picture.as_mut_rgb8() {
        rgb.pixels_mut().enumerate().for_each(|(at, pixel)| pixel.0 = [at as u8 * 16, 128, 255]);
    }
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A PNG by another encoder with chunks behind its header.
fn with_chunks(colour: ColorType, chunks: &[Vec<u8>]) -> Vec<u8> {
    const HEADER_END: usize = 8 + 12 + 13;
    let mut png = encoded(colour, ImageFormat::Png);
    png.splice(HEADER_END..HEADER_END, chunks.concat());
    png
}

/// A profile by another encoder, less the hour at which it was written.
fn without_date(profile: &ColorProfile) -> Vec<u8> {
    let mut bytes = profile.encode().unwrap();
    bytes[24..36].fill(0);
    bytes
}

/// A profile of version 2 for a display.
fn profile(space: &[u8; 4], tags: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut table = (tags.len() as u32).to_be_bytes().to_vec();
    let mut content = Vec::new();
    for (signature, bytes) in tags {
        let at = 128 + 4 + 12 * tags.len() + content.len();
        table.extend([&signature[..], &(at as u32).to_be_bytes()[..], &(bytes.len() as u32).to_be_bytes()].concat());
        content.extend_from_slice(bytes);
        content.resize(content.len().next_multiple_of(4), 0);
    }
    let len = (128 + table.len() + content.len()) as u32;
    let mut header = [0; 128];
    let mut set = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    set(0, &len.to_be_bytes());
    set(8, &[2, 0x40]);
    set(12, &[b"mntr", space.as_slice(), b"XYZ "].concat());
    set(36, b"acsp");
    set(68, b"\0\0\xF6\xD6\0\x01\0\0\0\0\xD3\x2D");
    [&header[..], &table, &content].concat()
}
