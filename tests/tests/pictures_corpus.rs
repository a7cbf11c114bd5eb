//! Every JPEG of the corpus is stripped clean with its pixels unchanged, or refused by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic in a test is the finding"
)]

mod jpeg;

use std::collections::BTreeMap;

/// What is refused, and why it must be: by name, so that a change is seen.
const REFUSED: &[(&str, &str)] = &[
    // A stretch of 0xFF overwrote a third of the scan.
    ("corrupted.jpg", "jpeg-scan-data"),
    ("corrupt-header.jpg", "jpeg-cut-off"),
    ("testimgl.jpg", "jpeg-lossless"),
    ("truncated.jpg", "jpeg-cut-off"),
];

#[test]
fn every_jpeg_is_stripped_clean_or_refused_by_name() {
    let Some(photos) = jpeg::photos() else { return };
    let (mut read, mut undecodable) = (0, 0);
    let mut refused = BTreeMap::new();
    let mut kinds = BTreeMap::<_, u32>::new();
    for path in photos {
        let bytes = std::fs::read(&path).unwrap();
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            continue;
        }
        read += 1;
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match jpeg::stripped(&bytes) {
            Err(code) => {
                println!("refused: {name}: {code}");
                refused.insert(name, code);
            }
            Ok((clean, report)) => {
                jpeg::assert_clean(&bytes, &clean);
                let before = jpeg::pixels(&bytes);
                undecodable += u32::from(before.is_none());
                assert!(before == jpeg::pixels(&clean), "{name}: the pixels changed");
                assert_eq!(orientation(&bytes), orientation(&clean), "{name}: orientation");
                report.iter().for_each(|kind| *kinds.entry(kind).or_default() += 1);
            }
        }
    }
    println!("read {read} JPEGs, of which the decoder opens {undecodable} neither before nor after");
    kinds.iter().for_each(|(kind, count)| println!("removed from {count}: {}", kind.words()));
    assert!(read > 0, "the corpus is there, but no JPEG was read");
    assert_eq!(undecodable, 0);
    let expected: BTreeMap<_, _> = REFUSED.iter().map(|(name, code)| ((*name).to_owned(), *code)).collect();
    for (name, code) in &refused {
        assert_eq!(expected.get(name), Some(code), "{name} is refused");
    }
}

#[test]
fn every_other_file_is_refused_with_advice() {
    let Some(photos) = jpeg::photos() else { return };
    let mut read = 0;
    for path in photos {
        let bytes = std::fs::read(&path).unwrap();
        if !bytes.starts_with(&[0xFF, 0xD8]) {
            let refused = jpeg::stripped(&bytes).expect_err("only JPEG is taken");
            assert!(refused.starts_with("format-"), "{}: {refused}", path.display());
            read += 1;
        }
    }
    println!("read {read} files that are no JPEG");
    assert!(read > 0);
}

/// Mutations of real files: an error, or a clean output.
#[test]
fn mutated_photos_are_refused_or_clean() {
    let Some(photos) = jpeg::photos() else { return };
    let seeds: Vec<_> = photos
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .filter(|bytes| bytes.starts_with(&[0xFF, 0xD8]) && bytes.len() < 16 * 1024)
        .collect();
    assert!(!seeds.is_empty());
    let mut state = 0x5AFE_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut clean, mut refused) = (0, 0);
    for round in 0..10_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=random(4) {
            // Mostly the head, where the structure is.
            let reach = if random(4) == 0 { bytes.len() } else { bytes.len().min(1024) };
            let at = random(reach);
            match random(6) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes[at] ^= 1 << random(8),
                2 => bytes[at] = 0xFF,
                3 => drop(bytes.drain(at..(at + random(40)).min(bytes.len()))),
                4 => {
                    let piece = bytes[at..(at + random(200)).min(bytes.len())].to_vec();
                    let to = random(bytes.len());
                    bytes.splice(to..to, piece);
                }
                _ => bytes.truncate(bytes.len() - random(bytes.len().min(50))),
            }
        }
        match jpeg::stripped(&bytes) {
            Ok((output, _)) => {
                jpeg::assert_clean(&bytes, &output);
                clean += 1;
            }
            Err(_) => refused += 1,
        }
    }
    println!("{clean} clean, {refused} refused");
    assert!(clean > 1000 && refused > 1000);
}

/// The orientation as another reader sees it; 1 where it sees none.
fn orientation(bytes: &[u8]) -> u32 {
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    let read = reader.read_from_container(&mut std::io::Cursor::new(bytes));
    let read = read.or_else(|error| error.distill_partial_result(|_| {}));
    let Ok(read) = read else { return 1 };
    let field = read.get_field(exif::Tag::Orientation, exif::In::PRIMARY);
    let value = field.and_then(|field| field.value.get_uint(0)).unwrap_or(1);
    if (1..=8).contains(&value) { value } else { 1 }
}
