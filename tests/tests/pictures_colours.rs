//! A rebuilt colour profile gives the same colours as the original, by an independent colour engine.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic in a test is the finding"
)]

use moxcms::{ColorProfile, DataColorSpace, Layout, RenderingIntent, TransformOptions};
use safelight_core::strip::MAX_GROWTH;
use safelight_tests::pictures::canary::{self, icc};
use safelight_tests::pictures::pieces::{chunk, riff_chunk};
use safelight_tests::pictures::{corpus, jpeg_writer, profile, stripped, witnesses};

/// A grid over all device colours, as sRGB under every rendering intent.
fn colours(profile: &[u8]) -> Vec<u8> {
    let profile = ColorProfile::new_from_slice(profile).expect("a readable profile");
    let (layout, channels) = match profile.color_space {
        DataColorSpace::Gray => (Layout::Gray, 1u32),
        DataColorSpace::Cmyk => (Layout::Rgba, 4),
        _ => (Layout::Rgb, 3),
    };
    let steps = if channels == 1 { 256u32 } else { 9 };
    let grid: Vec<u8> = (0..steps.pow(channels))
        .flat_map(|point| (0..channels).map(move |channel| point / steps.pow(channel) % steps))
        .map(|step| (step * 255 / (steps - 1)) as u8)
        .collect();
    let mut all = Vec::new();
    for rendering_intent in [
        RenderingIntent::Perceptual,
        RenderingIntent::RelativeColorimetric,
        RenderingIntent::Saturation,
        RenderingIntent::AbsoluteColorimetric,
    ] {
        let options = TransformOptions { rendering_intent, ..TransformOptions::default() };
        let target = if channels == 1 { Layout::Gray } else { Layout::Rgb };
        let transform =
            profile.create_transform_8bit(layout, &target_profile(channels), target, options).expect("a transform");
        let mut out = vec![0; grid.len() / channels as usize * target.channels()];
        transform.transform(&grid, &mut out).unwrap();
        all.extend(out);
    }
    all
}

fn target_profile(channels: u32) -> ColorProfile {
    if channels == 1 { ColorProfile::new_gray_with_gamma(2.2) } else { ColorProfile::new_srgb() }
}

#[test]
fn rebuilt_profiles_give_equal_colours() {
    let mut seen = std::collections::BTreeMap::new();
    let Some(photos) = corpus::photos() else { return };
    for photo in photos {
        let Ok((clean, _)) = stripped(&photo.bytes) else { continue };
        let (before, after) = (profile(&photo.bytes), profile(&clean));
        assert_eq!(before.is_some(), after.is_some(), "{}", photo.name);
        if let (Some(before), Some(after)) = (before, after) {
            assert!(after.len() <= before.len());
            seen.insert(before, after);
        }
    }
    println!("compared {} different profiles", seen.len());
    assert!(!seen.is_empty(), "the corpus is there, but no profile was read");
    for (before, after) in seen {
        assert!(colours(&before) == colours(&after), "the colours changed");
    }
}

/// A table of one or two bytes a number (ICC.1:2022 sections 10.10 and 10.11) that bends each channel by `bend`.
fn old_table(inputs: u8, grid: u8, wide: bool, bend: f64) -> Vec<u8> {
    let mut table = if wide { b"mft2\0\0\0\0".to_vec() } else { b"mft1\0\0\0\0".to_vec() };
    table.extend([inputs, 3, grid, 0]);
    table.extend([1u32, 0, 0, 0, 1, 0, 0, 0, 1].map(|unit| (unit << 16).to_be_bytes()).as_flattened());
    if wide {
        table.extend([0, 2, 0, 2]);
        table.extend([0, 0, 0xFF, 0xFF].repeat(usize::from(inputs)));
        table.extend(numbers(inputs, grid, bend).flat_map(u16::to_be_bytes));
        table.extend([0, 0, 0xFF, 0xFF].repeat(3));
    } else {
        let straight: Vec<u8> = (0..=255).collect();
        table.extend(straight.repeat(usize::from(inputs)));
        table.extend(numbers(inputs, grid, bend).map(|number| (number >> 8) as u8));
        table.extend(straight.repeat(3));
    }
    table
}

/// `mAB ` whose A curves and B curves are the same ones (section 10.12).
fn new_table(grid: u8, bend: f64) -> Vec<u8> {
    let curve = [&b"para\0\0\0\0\0\0\0\0"[..], &0x1_0000u32.to_be_bytes()].concat();
    let mut table = b"mAB \0\0\0\0\x03\x03\0\0".to_vec();
    table.extend([32u32, 0, 0, 80, 32].map(u32::to_be_bytes).as_flattened());
    table.extend(curve.repeat(3));
    table.extend([&[grid; 3][..], &[0; 13], &[2, 0, 0, 0]].concat());
    table.extend(numbers(3, grid, bend).flat_map(u16::to_be_bytes));
    table
}

/// Three numbers for each point of the grid, the last input changing fastest.
fn numbers(inputs: u8, grid: u8, bend: f64) -> impl Iterator<Item = u16> {
    let (inputs, grid) = (u32::from(inputs), u32::from(grid));
    (0..grid.pow(inputs)).flat_map(move |point| {
        let side = |input: u32| f64::from(point / grid.pow(inputs - 1 - input) % grid) / f64::from(grid - 1);
        let (first, second, third) = (side(0).powf(bend), side(1).powf(bend), side(2).powf(bend));
        let light = 0.3 * first + 0.6 * second + 0.1 * third;
        [light, 0.5 + 0.3 * (first - second), 0.5 + 0.3 * (second - third)].map(|value| (value * 65_535.0) as u16)
    })
}

/// A profile of tables, which is what a camera's or a printer's is when primaries do not say enough.
fn of_tables(space: &[u8; 4], version: u8, tables: [Vec<u8>; 3]) -> Vec<u8> {
    let mut header = icc::header();
    header[8] = version;
    header[12..24].copy_from_slice(&[b"prtr", &space[..], b"Lab "].concat());
    let white = [0xF6D6u32, 0x1_0000, 0xD32D].map(u32::to_be_bytes);
    let mut tags: Vec<icc::Tag> = vec![
        (*b"desc", [&b"desc\0\0\0\0\0\0\0\x05sRGB\0"[..], &[0; 78]].concat()),
        (*b"cprt", b"text\0\0\0\0free\0".to_vec()),
        (*b"wtpt", [b"XYZ \0\0\0\0", white.as_flattened()].concat()),
    ];
    tags.extend([*b"A2B0", *b"A2B1", *b"A2B2"].into_iter().zip(tables));
    icc::written(&header, &tags, 0)
}

/// A zlib stream as encoders write it that end a block where the content changes.
fn tightly_packed(content: &[u8]) -> Vec<u8> {
    use miniz_oxide::deflate::core::{
        CompressorOxide, TDEFLFlush, compress_to_output, create_comp_flags_from_zip_params,
    };
    let mut deflater = CompressorOxide::new(create_comp_flags_from_zip_params(9, 1, 0));
    let mut stream = Vec::new();
    let mut blocks = content.chunks(16 * 1024).peekable();
    while let Some(block) = blocks.next() {
        let flush = if blocks.peek().is_some() { TDEFLFlush::PartialOpt } else { TDEFLFlush::Finish };
        compress_to_output(&mut deflater, block, flush, |bytes| {
            stream.extend_from_slice(bytes);
            true
        });
    }
    stream
}

fn png_with(stream: &[u8]) -> Vec<u8> {
    canary::png::with(&canary::png::plain(), &chunk(b"iCCP", &[b"icc\0\0", stream].concat()))
}

#[test]
fn rebuilt_profiles_of_tables_give_equal_colours() {
    let bends = [1.8, 2.2, 2.6];
    let mut pictures = Vec::new();
    for (name, profile) in [
        ("bytes", of_tables(b"RGB ", 2, bends.map(|bend| old_table(3, 17, false, bend)))),
        ("words", of_tables(b"RGB ", 2, bends.map(|bend| old_table(3, 17, true, bend)))),
        ("words, equal", of_tables(b"RGB ", 2, [2.2; 3].map(|bend| old_table(3, 17, true, bend)))),
        ("elements", of_tables(b"RGB ", 4, bends.map(|bend| new_table(17, bend)))),
        ("elements, two of them equal", of_tables(b"RGB ", 4, [2.2, 1.8, 2.2].map(|bend| new_table(17, bend)))),
    ] {
        let segments = canary::jpeg::profile_segments(&profile, 65_519);
        pictures.push((format!("JPEG, {name}"), canary::jpeg::with(&segments)));
        pictures.push((format!("PNG, {name}"), png_with(&tightly_packed(&profile))));
        let webp = canary::webp::extended(0x20, &riff_chunk(b"ICCP", &profile), &[]);
        pictures.push((format!("WebP, {name}"), webp));
    }
    for wide in [false, true] {
        let profile = of_tables(b"CMYK", 2, bends.map(|bend| old_table(4, 9, wide, bend)));
        let segments = canary::jpeg::profile_segments(&profile, 65_519);
        let inks = jpeg_writer::picture(24, 16, &[0x11; 4], 0, 5);
        let bytes = inks.to_vec(|at| if at == 0 { segments.clone() } else { vec![] });
        pictures.push((format!("JPEG of four inks, wide: {wide}"), bytes));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (name, before) in pictures {
        let (after, _) = stripped(&before).unwrap_or_else(|code| panic!("{name}: {code}"));
        witnesses::clean_and_unchanged(&before, &after).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        let (old, new) = (profile(&before).expect("a profile"), profile(&after).expect("a profile"));
        assert!(old != new && new.len() <= old.len(), "{name}");
        let colours_before = colours(&old);
        assert!(colours_before == colours(&new), "{name}: the colours changed");
        seen.insert(colours_before);
    }
    assert!(seen.len() > 5, "the engine sees that the tables differ");
}

#[test]
fn a_long_profile_does_not_grow_in_a_png() {
    let tables = |bends: [f64; 3], wide: bool| of_tables(b"RGB ", 2, bends.map(|bend| old_table(3, 33, wide, bend)));
    let mut grew_at_first = 0;
    for (name, profile) in [
        ("equal tables of words", tables([2.2; 3], true)),
        ("tables of words", tables([1.8, 2.2, 2.6], true)),
        ("equal tables of bytes", tables([2.2; 3], false)),
        ("tables of bytes", tables([1.8, 2.2, 2.6], false)),
    ] {
        let stream = tightly_packed(&profile);
        grew_at_first +=
            usize::from(miniz_oxide::deflate::compress_to_vec_zlib(&profile, 9).len() > stream.len() + MAX_GROWTH);
        let before = png_with(&stream);
        let (after, _) = stripped(&before).unwrap_or_else(|code| panic!("{name}: {code}"));
        witnesses::clean_and_unchanged(&before, &after).unwrap();
        println!("{name}: {} bytes of profile, {} became {}", profile.len(), before.len(), after.len());
        assert!(!name.starts_with("equal") || after.len() * 2 < before.len(), "{name} are written once");
    }
    assert!(grew_at_first > 0, "none of these would ever have grown");
}
