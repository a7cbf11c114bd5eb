//! Every picture of the corpus is stripped clean, with pixels, colours and orientation unchanged, or refused by name.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a panic in a test is the finding")]

use std::collections::BTreeMap;

use safelight_core::photo::Photo;
use safelight_core::strip::strip_thoroughly;
use safelight_tests::pictures::canary::MARK;
use safelight_tests::pictures::witnesses::{self, Pair};
use safelight_tests::pictures::{corpus, orientation, pixels, stripped};

/// What is refused, and why it must be: by name, so that a change is seen.
const REFUSED: &[(&str, &str)] = &[
    // A stretch of 0xFF overwrote a third of the scan.
    ("corrupted.jpg", "jpeg-scan-data"),
    ("corrupt-header.jpg", "jpeg-cut-off"),
    ("testimgl.jpg", "jpeg-lossless"),
    ("truncated.jpg", "jpeg-cut-off"),
    ("truncated.png", "png-cut-off"),
    ("65536-uint32-limit.png", "too-many-pixels"),
    ("advertises_rgba_but_frames_are_rgb.webp", "webp-animation"),
    ("anim.webp", "webp-animation"),
    ("animated-loop-3.webp", "webp-animation"),
    ("big-height.webp", "webp-animation"),
    ("rotating-squares.webp", "webp-animation"),
];

#[test]
fn every_picture_is_stripped_clean_or_refused_by_name() {
    let Some(photos) = corpus::photos() else { return };
    let read = photos.len();
    let mut undecodable = 0;
    let mut kinds = BTreeMap::<_, u32>::new();
    let (mut problems, mut pairs) = (Vec::new(), Vec::new());
    for photo in photos {
        let name = photo.name.rsplit('/').next().unwrap().to_owned();
        match stripped(&photo.bytes) {
            Err(code) => {
                println!("refused: {}: {code}", photo.name);
                if !REFUSED.contains(&(name.as_str(), code)) {
                    problems.push(format!("{}: refused: {code}", photo.name));
                }
            }
            Ok((clean, report)) => {
                if let Err(problem) = witnesses::clean_and_unchanged(&photo.bytes, &clean) {
                    problems.push(format!("{}: {problem}", photo.name));
                }
                if orientation(&photo.bytes) != orientation(&clean) {
                    problems.push(format!("{}: orientation", photo.name));
                }
                undecodable += u32::from(pixels(&clean).is_none());
                report.iter().for_each(|kind| *kinds.entry(kind).or_default() += 1);
                pairs.push(Pair { name: photo.name, before: photo.bytes, after: clean });
            }
        }
    }
    println!(
        "read {read} pictures, stripped {}; the clinic's decoder opens {undecodable} neither before nor after",
        pairs.len()
    );
    kinds.iter().for_each(|(kind, count)| println!("removed from {count}: {}", kind.words()));
    assert!(!pairs.is_empty());
    let attested = witnesses::attest(&pairs, "every_picture_is_stripped_clean_or_refused_by_name");
    problems.extend(attested.problems);
    if let Some(compared) = attested.compared {
        println!("Pillow opened {} before and after, {} through their profiles", compared.opened, compared.converted);
        println!("only once stripped: {:?}; never: {:?}", compared.only_after, compared.unopened);
        assert!(compared.converted > 0);
    }
    let telling = attested.unstripped.iter().filter(|found| !found.is_empty()).count();
    println!("ExifTool had something to say about {telling} before, and about none after");
    assert!(attested.unstripped.is_empty() || telling > pairs.len() / 4, "ExifTool is blind");
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!(undecodable, 0);
}

/// Behind the last block of a scan, in front of whatever follows it.
#[test]
fn what_lies_behind_the_last_block_of_a_jpeg_is_found() {
    let Some(photos) = corpus::photos() else { return };
    let thoroughly = |bytes: &[u8]| strip_thoroughly(Photo::parse(bytes).ok()?).ok().map(|photo| photo.to_vec());
    let (mut read, mut followed, mut progressive, mut had_some) = (0, 0, 0, Vec::new());
    let mut not_followed = Vec::new();
    for photo in photos.iter().filter(|photo| photo.bytes.starts_with(&[0xFF, 0xD8])) {
        let (Ok((clean, _)), Some(thorough)) = (stripped(&photo.bytes), thoroughly(&photo.bytes)) else { continue };
        read += 1;
        if thorough != clean {
            had_some.push(&photo.name);
        }
        assert!(pixels(&thorough) == pixels(&photo.bytes), "{}: the pixels changed", photo.name);
        assert!(thoroughly(&thorough).as_ref() == Some(&thorough), "{}: twice", photo.name);
        let planted = [&thorough[..thorough.len() - 2], MARK, &[0xFF, 0xD9]].concat();
        let found = thoroughly(&planted).unwrap();
        if found == thorough {
            followed += 1;
            progressive += u32::from(thorough.windows(4).any(|marker| marker == [0xFF, 0xC2, 0, 17]));
        } else {
            assert!(found == planted, "{}: something else changed", photo.name);
            not_followed.push(&photo.name);
        }
    }
    println!("{followed} of {read} JPEGs are followed to their last block, {progressive} of them progressive");
    println!("large ones that have something there already: {had_some:?}; not followed: {not_followed:?}");
    assert!(progressive > 0 && followed * 10 > read * 9);
}
