//! The ways in which a picture is turned against its patient or against us, each under its number.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic in a test is the finding"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use safelight_core::photo::{Photo, PhotoError};
use safelight_core::strip::Removed;
use safelight_tests::pictures::canary::{self, MARK, Planted, Watch};
use safelight_tests::pictures::mutation::{Random, mutate};
use safelight_tests::pictures::pieces::{self, mend_checksums};
use safelight_tests::pictures::witnesses::{self, Pair};
use safelight_tests::pictures::{corpus, jpeg_writer, orientation, stripped, tiff, walk};

/// A picture of each container that is taken.
fn plain() -> Vec<(&'static str, Vec<u8>)> {
    vec![("jpeg", canary::jpeg::plain()), ("png", canary::png::plain()), ("webp", canary::webp::plain())]
}

fn planted() -> Vec<Planted> {
    let mut all = canary::jpeg::planted();
    all.extend(canary::png::planted());
    all.extend(canary::webp::planted());
    all
}

/// Where nothing but a decoder sees that the marker does not belong there.
const CODED: &str = "JPEG bytes behind the last block";

/// Originals about which decoders disagree: what stands there twice, or with a length that it must not have. Whatever is kept, some
/// decoder shows something else than before.
const AMBIGUOUS: &[&str] = &[
    "JPEG EXIF second orientation",
    "PNG EXIF second orientation",
    "WebP EXIF second orientation",
    "WebP EXIF second orientation, with a prefix",
    "PNG second profile",
    "PNG second EXIF",
    "PNG gamma that is too long",
    "PNG transparency of another length",
];

fn is_ambiguous(problem: &str) -> bool {
    AMBIGUOUS.iter().any(|carrier| problem.strip_prefix(carrier).is_some_and(|said| said.starts_with(": ")))
        && (problem.contains("changed")
            || problem.contains("the profile is gone")
            || problem.contains("shown the other way"))
}

/// Without the marker, without anything that no decoder needs, without a change to what is seen.
fn judge(before: &[u8], watch: &Watch) -> Result<Vec<u8>, String> {
    let (after, report) = stripped(before).map_err(|code| format!("refused: {code}"))?;
    witnesses::clean_and_unchanged(before, &after)?;
    if watch.finds(&after) {
        return Err("the marker survives".into());
    }
    if report.is_empty() && after != before {
        return Err("nothing is reported".into());
    }
    Ok(after)
}

#[test]
fn i01_every_carrier_with_a_canary_is_emptied() {
    let watch = Watch::default();
    for spelling in watch.spellings() {
        assert!(watch.finds(&[b"before", spelling, b"behind"].concat()));
    }
    let (mut problems, mut pairs, mut refused) = (Vec::new(), Vec::new(), BTreeMap::<_, u32>::new());
    let all = planted();
    println!("{} carriers", all.len());
    assert_eq!(all.iter().map(|planted| &planted.carrier).collect::<BTreeSet<_>>().len(), all.len());
    for planted in all {
        let name = planted.carrier;
        assert!(watch.finds(&planted.bytes), "{name}: the marker was not planted");
        if walk(&planted.bytes).is_ok() && name != CODED {
            problems.push(format!("{name}: the walker passes what nothing was stripped from"));
        }
        match judge(&planted.bytes, &watch) {
            Ok(after) => pairs.push(Pair { name, before: planted.bytes, after }),
            Err(problem) if planted.may_be_refused && problem.starts_with("refused") => {
                *refused.entry(problem).or_default() += 1;
            }
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
    println!("{} emptied; {refused:?}", pairs.len());
    let attested = witnesses::attest(&pairs, "i01_every_carrier_with_a_canary_is_emptied");
    problems.extend(attested.problems);
    if let Some(compared) = attested.compared {
        println!("Pillow opened {}, {} through their profiles", compared.opened, compared.converted);
        println!("only once stripped: {:?}; never: {:?}", compared.only_after, compared.unopened);
        assert!(compared.opened > pairs.len() / 2 && compared.converted > 0);
    }
    let silent: Vec<_> = pairs.iter().zip(&attested.unstripped).filter(|(_, found)| found.is_empty()).collect();
    println!("ExifTool itself finds nothing in: {:?}", silent.iter().map(|(pair, _)| &pair.name).collect::<Vec<_>>());
    assert!(silent.len() * 2 < pairs.len(), "ExifTool is blind");
    let (ambiguous, problems): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| is_ambiguous(problem));
    println!("decoders disagree about the original: {ambiguous:#?}");
    assert!(problems.is_empty(), "{} problems: {problems:#?}", problems.len());
}

/// Places at which a length stands, and how many bytes it has.
fn lengths(container: &str, bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    match container {
        "jpeg" => {
            let marked =
                bytes.windows(2).enumerate().filter(|(_, pair)| pair[0] == 0xFF && (0xC0..0xFF).contains(&pair[1]));
            places.extend(marked.map(|(at, _)| (at + 2, 2)).filter(|(at, _)| *at > 4 && at + 2 < bytes.len()));
        }
        "png" => {
            let kinds = [b"IHDR", b"IDAT", b"iCCP", b"IEND", b"tEXt"];
            let found = bytes.windows(4).enumerate().filter(|(_, kind)| kinds.iter().any(|known| *known == kind));
            places.extend(found.map(|(at, _)| (at - 4, 4)));
        }
        _ => {
            let kinds = [b"RIFF", b"VP8L", b"VP8X", b"ICCP", b"EXIF"];
            let found = bytes.windows(4).enumerate().filter(|(_, kind)| kinds.iter().any(|known| *known == kind));
            places.extend(found.map(|(at, _)| (at + 4, 4)));
        }
    }
    places
}

#[test]
fn i02_lengths_that_lie_are_errors_and_never_loops() {
    let watch = Watch::default();
    let started = Instant::now();
    let exif = tiff::block(true, &[vec![tiff::shorts(0x0112, &[6])]]);
    let profile = canary::icc::plain();
    let (mut tried, mut refused) = (0, 0);
    for (container, plain) in plain() {
        let rich = match container {
            "jpeg" => canary::jpeg::with(
                &[
                    pieces::segment(0xE1, &[b"Exif\0\0", &exif[..]].concat()),
                    canary::jpeg::profile_segments(&profile, 200),
                ]
                .concat(),
            ),
            "png" => canary::png::with(&plain, &pieces::chunk(b"tEXt", b"a\0b")),
            _ => canary::webp::extended(
                0x28,
                &pieces::riff_chunk(b"ICCP", &profile),
                &pieces::riff_chunk(b"EXIF", &exif),
            ),
        };
        assert!(stripped(&rich).is_ok(), "{container}");
        for (at, len) in lengths(container, &rich) {
            let old = rich[at..at + len].iter().fold(0u32, |old, byte| old << 8 | u32::from(*byte));
            let mut lies = vec![
                0,
                1,
                2,
                3,
                4,
                7,
                0x7F,
                0x80,
                0xFFFE,
                0xFFFF,
                0x7FFF_FFFF,
                0x8000_0000,
                0xFFFF_FFF0,
                0xFFFF_FFFE,
                u32::MAX,
            ];
            lies.extend([
                old.wrapping_add(1),
                old.wrapping_sub(1),
                old.wrapping_add(0x100_0000),
                old.wrapping_sub(0x100_0000),
            ]);
            for lie in lies.into_iter().filter(|lie| *lie != old) {
                let mut lying = rich.clone();
                lying[at..at + len].copy_from_slice(&lie.to_be_bytes()[4 - len..]);
                tried += 1;
                match stripped(&lying) {
                    Err(_) => refused += 1,
                    Ok((after, _)) => witnesses::clean(&lying, &after)
                        .unwrap_or_else(|problem| panic!("{container}: {lie:X} at {at}: {problem}")),
                }
            }
        }
    }
    for (name, boxes) in [
        ("64-bit size", &b"\0\0\0\x01ftypheic\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"[..]),
        ("size to the end", b"\0\0\0\0ftypheic\0\0\0\0heic"),
        ("size of nothing", b"\0\0\0\x02ftypheic\0\0\0\0heic"),
        ("size beyond the end", b"\xFF\xFF\xFF\xFFftypheic\0\0\0\0heic"),
    ] {
        assert!(matches!(Photo::parse(boxes), Err(PhotoError::Foreign(_))), "{name}");
    }
    for (name, overlapping) in overlapping_profiles() {
        let bytes = canary::jpeg::with(&canary::jpeg::profile_segments(&overlapping, 65_519));
        if let Err(problem) = judge(&bytes, &watch) {
            assert!(problem.starts_with("refused"), "{name}: {problem}");
        }
    }
    println!("{tried} lies, of which {refused} refused");
    assert!(refused * 2 > tried);
    assert!(started.elapsed() < Duration::from_secs(30));
}

/// Profiles whose tags lie over each other, over the table, or before the start.
fn overlapping_profiles() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in (132..132 + 9 * 12).step_by(12) {
        for from in [0u32, 4, 100, 128, 132, 140, 240, 244, u32::MAX - 19, u32::MAX] {
            let mut profile = canary::icc::plain();
            profile[entry + 4..entry + 8].copy_from_slice(&from.to_be_bytes());
            all.push((format!("entry at {entry} from {from}"), profile));
        }
    }
    all
}

#[test]
fn i03_of_a_polyglot_only_the_picture_survives() {
    let zip = [&b"PK\x03\x04\x0A\0\0\0\0\0"[..], &[0; 16], &[1, 0, 0, 0], b"aPK\x05\x06", &[0; 18]].concat();
    let script = b"<html><script>alert(document.cookie)</script></html>";
    let php = b"<?php system($_GET['c']); ?>";
    let pdf = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF";
    for (container, plain) in plain() {
        for second in [&zip[..], script, php, pdf] {
            let inside = match container {
                "jpeg" => canary::jpeg::with(&pieces::segment(0xFE, second)),
                "png" => canary::png::with(&plain, &pieces::chunk(b"tEXt", &[b"Comment\0", second].concat())),
                _ => canary::webp::extended(0, &[], &pieces::riff_chunk(b"JUNK", second)),
            };
            for polyglot in [[&plain[..], second].concat(), inside.clone(), [&inside[..], second].concat()] {
                let (after, report) = stripped(&polyglot).unwrap();
                assert!(!report.is_empty());
                let telling = second.windows(8).filter(|part| part.iter().collect::<BTreeSet<_>>().len() > 4);
                for part in telling {
                    assert!(!after.windows(8).any(|window| window == part), "{container}: {part:?}");
                }
                if container != "webp" {
                    assert_eq!(after, stripped(&plain).unwrap().0);
                }
            }
        }
        for first in [&zip[..], script, php, pdf, b"GIF89a\x01\0\x01\0\0\0\0;"] {
            let polyglot = [first, &plain].concat();
            assert!(Photo::parse(&polyglot).is_err(), "what begins as something else is not a {container}");
        }
    }
}

#[test]
fn i07_of_several_pictures_one_is_kept_or_all_are_refused() {
    for (name, moving) in [("APNG", canary::png::animation()), ("WebP", canary::webp::animation())] {
        match stripped(&moving) {
            Ok((after, report)) => {
                assert_eq!(witnesses::clean(&moving, &after), Ok(()));
                assert!(report.contains(Removed::FurtherPictures), "{name}: {report}");
                for frame in [&b"fdAT"[..], b"fcTL", b"acTL", b"ANMF", b"ANIM"] {
                    assert!(!after.windows(4).any(|window| window == frame), "{name}");
                }
            }
            Err(code) => println!("{name}: {code}"),
        }
    }
    for still in [&b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc"[..], b"\0\0\0\x14ftypqt  \0\0\0\0qt  "] {
        assert!(matches!(Photo::parse(still), Err(PhotoError::Foreign(_))));
    }
}

#[test]
fn i08_all_orientations_are_shown_as_before() {
    let (mut pairs, mut problems) = (Vec::new(), Vec::new());
    for (container, plain) in plain() {
        for (value, big_endian) in (0..=9u16).flat_map(|value| [(value, true), (value, false)]) {
            let telling = vec![tiff::ascii(0x010F, MARK), tiff::shorts(0x0112, &[value]), tiff::ascii(0x0131, MARK)];
            let block = tiff::block(big_endian, &[telling]);
            let before = match container {
                "jpeg" => canary::jpeg::with(&pieces::segment(0xE1, &[b"Exif\0\0", &block[..]].concat())),
                "png" => canary::png::with(&plain, &pieces::chunk(b"eXIf", &block)),
                _ => canary::webp::extended(0x08, &[], &pieces::riff_chunk(b"EXIF", &block)),
            };
            let name = format!("{container} {value} {}", if big_endian { "MM" } else { "II" });
            match judge(&before, &Watch::default()) {
                Err(problem) => problems.push(format!("{name}: {problem}")),
                Ok(after) => {
                    assert_eq!(orientation(&before), orientation(&after), "{name}");
                    assert_eq!(
                        orientation(&after),
                        if (1..=8).contains(&value) { u32::from(value) } else { 1 },
                        "{name}"
                    );
                    pairs.push(Pair { name, before, after });
                }
            }
        }
    }
    let attested = witnesses::attest(&pairs, "i08_all_orientations_are_shown_as_before");
    problems.extend(attested.problems);
    println!("{} pictures", pairs.len());
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn i09_every_kind_of_colour_is_kept() {
    let profile = canary::icc::plain();
    let mut pictures = Vec::new();
    for samplings in [&[0x11u8][..], &[0x11; 3], &[0x22, 0x11, 0x11], &[0x11; 4]] {
        let base = jpeg_writer::picture(24, 16, samplings, 0, 5);
        for transform in [None, Some(0), Some(1), Some(2)] {
            let adobe = transform
                .map(|transform| pieces::segment(0xEE, &[b"Adobe\0\x65\x80\0\0\0", &[transform][..]].concat()));
            let icc = if samplings.len() == 3 { canary::jpeg::profile_segments(&profile, 100) } else { vec![] };
            let head = [adobe.unwrap_or_default(), icc].concat();
            let bytes = base.to_vec(|at| if at == 0 { head.clone() } else { vec![] });
            pictures.push((format!("JPEG of {samplings:X?}, transform {transform:?}"), bytes));
        }
    }
    let kinds = [
        (0, 1),
        (0, 2),
        (0, 4),
        (0, 8),
        (0, 16),
        (2, 8),
        (2, 16),
        (3, 1),
        (3, 2),
        (3, 4),
        (3, 8),
        (4, 8),
        (4, 16),
        (6, 8),
        (6, 16),
    ];
    for (colour, depth) in kinds {
        let bytes = canary::png::picture(13, 7, depth, colour);
        let chunk = pieces::chunk;
        let compressed = pieces::zlib(&profile);
        let beside = [
            ("nothing", vec![]),
            ("gamma", chunk(b"gAMA", &45_455u32.to_be_bytes())),
            ("sRGB", chunk(b"sRGB", &[0])),
            (
                "chromaticities",
                chunk(
                    b"cHRM",
                    &[31_270u32, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000].map(u32::to_be_bytes).concat(),
                ),
            ),
            ("code points", chunk(b"cICP", &[12, 13, 0, 1])),
            ("profile", chunk(b"iCCP", &[&b"Display P3\0\0"[..], &compressed].concat())),
        ];
        let kept = beside.into_iter().filter(|(name, _)| *name != "profile" || [2, 3, 6].contains(&colour));
        pictures.extend(kept.map(|(name, more)| {
            (format!("PNG of colour type {colour}, depth {depth}, with {name}"), canary::png::with(&bytes, &more))
        }));
    }
    let (mut pairs, mut problems) = (Vec::new(), Vec::new());
    for (name, before) in pictures {
        match judge(&before, &Watch::default()) {
            Ok(after) => pairs.push(Pair { name, before, after }),
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
    let attested = witnesses::attest(&pairs, "i09_every_kind_of_colour_is_kept");
    problems.extend(attested.problems);
    println!("{} pictures", pairs.len());
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn i10_what_was_cropped_away_is_gone_with_its_small_copies() {
    let plain = canary::jpeg::plain();
    let copies = ["thumbnail", "second picture", "second JPEG", "gain map", "depth map", "JFXX"];
    let all: Vec<_> =
        planted().into_iter().filter(|one| copies.iter().any(|copy| one.carrier.contains(copy))).collect();
    assert!(all.len() > 8);
    for one in all.iter().filter(|one| one.carrier.starts_with("JPEG") && !one.may_be_refused) {
        let (after, report) = stripped(&one.bytes).unwrap();
        let small = [Removed::Thumbnail, Removed::FurtherPictures, Removed::CameraModel];
        assert!(small.iter().any(|kind| report.contains(*kind)), "{}: {report}", one.carrier);
        // Some have an orientation or a density beside it, which stays.
        assert!(after.ends_with(&plain[2..]), "{}: the main picture changed", one.carrier);
        assert!(after.len() <= plain.len() + 36, "{}", one.carrier);
    }
}

#[test]
fn i11_what_follows_the_end_is_gone() {
    for (container, plain) in plain() {
        let (expected, _) = stripped(&plain).unwrap();
        for trailer in [&b"\0"[..], b"PK\x03\x04", MARK, &plain, &[0; 100_000]] {
            let (after, report) = stripped(&[&plain[..], trailer].concat()).unwrap();
            assert_eq!(after, expected, "{container}");
            assert!(report.contains(Removed::Trailer), "{container}: {report}");
        }
    }
}

#[test]
fn i12_ten_thousand_damaged_files_are_refused_or_clean() {
    const SEED: u64 = 0x5AFE;
    const ROUNDS: usize = 10_000;
    let mut seeds: Vec<Vec<u8>> = planted().into_iter().map(|planted| planted.bytes).collect();
    let photos = corpus::photos().unwrap_or_default();
    seeds.extend(photos.into_iter().map(|photo| photo.bytes).filter(|bytes| bytes.len() < 8 * 1024));
    println!("seed {SEED:#X}, {} files", seeds.len());
    let mut random = Random::new(SEED);
    let (mut clean, mut refused, mut problems) = (0, 0, Vec::new());
    for round in 0..ROUNDS {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        mutate(&mut bytes, &mut random);
        if random.below(4) > 0 {
            mend_checksums(&mut bytes);
        }
        match stripped(&bytes) {
            Err(_) => refused += 1,
            Ok((after, _)) => {
                clean += 1;
                if let Err(problem) = witnesses::clean(&bytes, &after) {
                    problems.push(format!("round {round}, {} bytes: {problem}", bytes.len()));
                }
            }
        }
    }
    println!("{clean} clean, {refused} refused");
    assert!(problems.is_empty(), "{} problems: {problems:#?}", problems.len());
    assert!(clean > ROUNDS / 10 && refused > ROUNDS / 10);
}
