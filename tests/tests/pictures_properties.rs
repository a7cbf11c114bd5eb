//! Generated segment lists: whatever stands between the parts of a picture, only the picture is left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a panic in a test is the finding"
)]

use proptest::prelude::*;
use safelight_core::strip::Removed;
use safelight_tests::pictures::jpeg_writer::{Picture, exif, picture};
use safelight_tests::pictures::pieces::segment;
use safelight_tests::pictures::{pixels, stripped, witnesses};

const CANARY: &[u8] = b"CANARY-4711";

fn plain(picture: &Picture) -> Vec<u8> {
    picture.to_vec(|_| Vec::new())
}

fn has_canary(bytes: &[u8]) -> bool {
    bytes.windows(CANARY.len()).any(|window| window == CANARY)
}

/// Segments and stray bytes that decide nothing, each with the canary.
fn carriers() -> Vec<(Vec<u8>, Removed)> {
    let with = |name: &[u8]| [name, CANARY].concat();
    let text = CANARY.len() as u32;
    vec![
        (segment(0xFE, CANARY), Removed::Comment),
        (segment(0xE0, &with(b"JFXX\0\x10")), Removed::Thumbnail),
        (segment(0xE0, &with(b"JFIF\0")[..13]), Removed::OtherSegments),
        (segment(0xE0, &with(b"AVI1")), Removed::OtherSegments),
        (segment(0xE0, &with(b"II\x1a\0\0\0HEAPJPGM")), Removed::MakerNote),
        (exif(&[(0x010F, 2, text, 26)], CANARY), Removed::CameraModel),
        (exif(&[(0x0132, 2, text, 26)], CANARY), Removed::CaptureTime),
        (exif(&[(0x013B, 2, text, 26)], CANARY), Removed::Owner),
        (exif(&[(0x010E, 2, text, 26)], CANARY), Removed::Comment),
        (exif(&[(0x8825, 4, 1, 8)], CANARY), Removed::Location),
        (segment(0xE1, &with(b"http://ns.adobe.com/xap/1.0/\0")), Removed::Xmp),
        (segment(0xE1, &with(b"http://ns.adobe.com/xmp/extension/\0")), Removed::Xmp),
        (segment(0xE1, &with(b"Exif\0\0")), Removed::OtherSegments),
        (segment(0xE2, &with(b"MPF\0")), Removed::FurtherPictures),
        (segment(0xE2, &with(b"FPXR\0")), Removed::OtherSegments),
        (segment(0xEB, &with(b"JP\0\x01")), Removed::ContentCredentials),
        (segment(0xEC, &with(b"Ducky\0")), Removed::OtherSegments),
        (segment(0xED, &with(b"Photoshop 3.0\0")), Removed::Iptc),
        (segment(0xEE, &with(b"Other")), Removed::OtherSegments),
        (segment(0xEF, CANARY), Removed::OtherSegments),
        (segment(0xCC, CANARY), Removed::OtherSegments),
        (CANARY.to_vec(), Removed::StrayBytes),
        (segment(0xDB, &[&[3], CANARY, &[0; 53]].concat()), Removed::UnusedTables),
        (segment(0xC4, &[&[0x13, 11][..], &[0; 15], CANARY].concat()), Removed::UnusedTables),
    ]
}

#[test]
fn every_carrier_is_emptied_and_named_before_and_after_the_tables() {
    let base = picture(40, 24, &[0x22, 0x11, 0x11], 0, 7);
    let expected = pixels(&plain(&base)).expect("the writer writes a JPEG");
    for (carrier, kind) in carriers() {
        for place in 0..=base.head.len() + 1 {
            let mut bytes = base.to_vec(|at| if at == place { carrier.clone() } else { vec![] });
            if place == 0 && kind == Removed::StrayBytes {
                bytes.splice(2..2, segment(0xFE, b"first"));
            }
            assert!(has_canary(&bytes) || kind == Removed::OtherSegments);
            let (clean, report) = stripped(&bytes).unwrap();
            assert!(report.contains(kind), "{kind:?} is not in {report}");
            assert!(!has_canary(&clean), "{kind:?} survives");
            assert_eq!(witnesses::clean(&bytes, &clean), Ok(()));
            assert_eq!(clean, plain(&base), "nothing else is touched");
            assert_eq!(pixels(&clean).as_ref(), Some(&expected));
        }
    }
}

#[test]
fn what_follows_the_end_is_gone() {
    let base = plain(&picture(16, 16, &[0x11], 0, 1));
    for trailer in [CANARY.to_vec(), [&base[..], CANARY].concat(), b"PK\x03\x04".to_vec(), vec![0]] {
        let bytes = [&base[..], &trailer].concat();
        let (clean, report) = stripped(&bytes).unwrap();
        assert_eq!(clean, base);
        assert!(report.contains(Removed::Trailer));
        assert_eq!(report.bytes_removed(), trailer.len());
        assert_eq!(report.contains(Removed::FurtherPictures), trailer.starts_with(&base));
    }
}

#[test]
fn a_restart_marker_too_many_ends_the_picture_as_it_does_for_decoders() {
    let base = picture(40, 40, &[0x11], 5, 3);
    let bytes = base.to_vec(|at| match at {
        at if at == base.head.len() + 1 => [&[0xFF, 0xD4], CANARY].concat(),
        _ => vec![],
    });
    let (clean, report) = stripped(&bytes).unwrap();
    assert_eq!(clean, plain(&base));
    assert!(report.contains(Removed::StrayBytes));
    assert_eq!(pixels(&clean), pixels(&plain(&base)));
}

#[test]
fn damage_is_refused_by_name() {
    let base = picture(40, 40, &[0x11], 0, 3);
    let good = plain(&base);
    let code = |bytes: &[u8]| stripped(bytes).expect_err("refused");
    for len in 4..good.len() {
        assert_eq!(code(&good[..len]), "jpeg-cut-off", "cut after {len} bytes");
    }
    let end = base.head.len() + 1;
    let in_scan = |added: &[u8]| base.to_vec(|at| if at == end { added.to_vec() } else { vec![] });
    assert_eq!(code(&in_scan(&[0xFF, 0xD0])), "jpeg-scan-data");
    assert_eq!(code(&in_scan(&[0xFF, 0xFF, 0])), "jpeg-scan-data");
    assert_eq!(code(&in_scan(&segment(0xDC, &[0, 40]))), "jpeg-late-height");
    assert_eq!(code(&in_scan(&[0xFF, 0xD8])), "jpeg-nested-start");
    assert_eq!(code(&in_scan(&[0xFF, 0x02])), "jpeg-scan-data");
    assert_eq!(code(&in_scan(&segment(0xF0, b""))), "jpeg-unknown-marker");
    assert_eq!(code(&in_scan(&base.head[1])), "jpeg-second-frame");
    let without = |index: usize| {
        let mut picture = base.clone();
        picture.head.remove(index);
        plain(&picture)
    };
    assert_eq!(code(&without(0)), "jpeg-table");
    assert_eq!(code(&without(1)), "jpeg-no-frame");
    assert_eq!(code(&[&good[..good.len() - base.scan.len() - 2], &[0xFF, 0xD9]].concat()), "jpeg-no-scan");
    let scans = in_scan(&base.scan.repeat(100));
    assert_eq!(code(&scans), "jpeg-second-scan");
    let base = base.progressive();
    let scans = base.to_vec(|at| if at == end { base.scan.repeat(100) } else { vec![] });
    assert_eq!(code(&scans), "too-many-scans");
    let segments = base.to_vec(|at| if at == 0 { segment(0xFE, b"").repeat(8192) } else { vec![] });
    assert_eq!(code(&segments), "jpeg-too-many-segments");
}

#[test]
fn orientation_is_kept_and_upright_leaves_no_block() {
    let base = picture(24, 16, &[0x11], 0, 5);
    for value in 0..=9u32 {
        let exif = exif(&[(0x0112, 3, 1, value), (0x0131, 2, 4, 0x58585858)], CANARY);
        let bytes = base.to_vec(|at| if at == 0 { exif.clone() } else { vec![] });
        let (clean, _) = stripped(&bytes).unwrap();
        assert_eq!(witnesses::clean(&bytes, &clean), Ok(()));
        let kept = (2..=8).contains(&value);
        assert_eq!(clean.len() - plain(&base).len(), if kept { 36 } else { 0 });
        if kept {
            assert_eq!(u32::from(clean[2 + 4 + 25]), value);
        }
    }
}

#[test]
fn colour_decisions_are_kept_and_nothing_beside_them() {
    let base = picture(24, 16, &[0x11, 0x11, 0x11], 0, 5);
    for transform in 0..=1u8 {
        let adobe = [b"Adobe\0\x65CANA", &[transform][..], CANARY].concat();
        let jfif = [&b"JFIF\0\x01\x01\x01\0\x48\0\x48\x03\x01"[..], CANARY].concat();
        let bytes = base.to_vec(|at| match at {
            0 => [segment(0xE0, &jfif), segment(0xEE, &adobe)].concat(),
            _ => vec![],
        });
        let (clean, report) = stripped(&bytes).unwrap();
        assert_eq!(witnesses::clean(&bytes, &clean), Ok(()));
        assert!(report.contains(Removed::Thumbnail));
        assert_eq!(pixels(&bytes), pixels(&clean));
        let expected = b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x02\x01\0\x48\0\x48\0\0\xFF\xEE\0\x0EAdobe\0d\0\0\0\0";
        assert!(clean.starts_with(expected));
        assert_eq!(clean[expected.len()], transform);
    }
}

/// Bytes without marker prefix.
fn stray() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..=0xFEu8, 0..30)
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    let content = prop::collection::vec(any::<u8>(), 0..80);
    let carrier = prop::sample::select(carriers()).prop_map(|(bytes, _)| bytes);
    let app = (0xE3..=0xEDu8, content.clone()).prop_map(|(marker, content)| segment(marker, &content));
    let comment = content.prop_map(|content| segment(0xFE, &content));
    let fill = (1..9usize).prop_map(|count| vec![0xFF; count]);
    prop_oneof![carrier, app, comment, stray(), fill]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn only_the_picture_is_left(
        (width, height) in (1..70u16, 1..70u16),
        samplings in prop::sample::select(vec![
            vec![0x11u8], vec![0x22], vec![0x11; 3], vec![0x22, 0x11, 0x11], vec![0x21, 0x11, 0x11],
            vec![0x12, 0x11, 0x11],
        ]),
        interval in prop_oneof![Just(0u16), 1..9u16],
        seed: u64,
        noise in prop::collection::vec((0..5usize, noise()), 0..12),
        trailer in prop::collection::vec(any::<u8>(), 0..40),
        spare_restart: bool,
    ) {
        let base = picture(width, height, &samplings, interval, seed);
        let end = base.head.len() + 1;
        let mut bytes = base.to_vec(|at| {
            let chosen = noise.iter().filter(|(place, _)| at < end && *place == at);
            let mut here: Vec<u8> = chosen.flat_map(|(_, bytes)| bytes.iter().copied()).collect();
            if at == 0 {
                // Stray bytes directly behind the start are no JPEG's start.
                here.splice(0..0, segment(0xFE, b""));
            }
            if at == end && spare_restart && interval > 0 {
                here.extend([0xFF, 0xD0]);
            }
            here
        });
        bytes.extend(&trailer);
        // A fill byte in front of stray bytes would make a marker of their first byte.
        prop_assume!(noise.iter().all(|(_, bytes)| bytes.first() == Some(&0xFF) || bytes.is_empty())
            || noise.iter().all(|(_, bytes)| bytes.iter().any(|byte| *byte != 0xFF)));
        let (clean, _) = stripped(&bytes).unwrap();
        assert_eq!(witnesses::clean(&bytes, &clean), Ok(()));
        prop_assert_eq!(&clean, &plain(&base));
        prop_assert!(pixels(&clean).is_some());
    }

    #[test]
    fn any_bytes_are_refused_or_clean(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [&[0xFF, 0xD8, 0xFF][..], &bytes].concat();
        if let Ok((clean, _)) = stripped(&bytes) {
            assert_eq!(witnesses::clean(&bytes, &clean), Ok(()));
        }
    }

    #[test]
    fn mutated_pictures_are_refused_or_clean(
        interval in 0..4u16,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        noise in prop::collection::vec(noise(), 0..4),
    ) {
        let base = picture(30, 20, &[0x21, 0x11, 0x11], interval, 9);
        let mut bytes = base.to_vec(|at| noise.get(at).cloned().unwrap_or_default());
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok((clean, _)) = stripped(&bytes) {
            assert_eq!(witnesses::clean(&bytes, &clean), Ok(()));
        }
    }
}

/// Damaged ones among them: what is cut away must be what no decoder looks at.
#[test]
fn the_fuzzers_seeds_keep_their_pixels() {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let (mut compared, mut cut) = (0, 0);
    for folder in ["seeds/strip_jpeg", "regressions/strip_jpeg"] {
        for path in safelight_tests::gateway::files(&fuzz.join(folder)) {
            let bytes = std::fs::read(&path).unwrap();
            let Ok((clean, _)) = stripped(&bytes) else { continue };
            assert!(pixels(&clean) == pixels(&bytes), "{}: the pixels changed", path.display());
            compared += u32::from(pixels(&bytes).is_some());
            cut += u32::from(clean.len() < bytes.len());
        }
    }
    assert!(compared > 2 && cut > 0, "{compared} compared, {cut} shortened");
}

#[test]
fn a_second_picture_in_further_scans_is_refused() {
    let base = picture(40, 24, &[0x22, 0x11, 0x11], 0, 7);
    let twice = base.to_vec(|at| if at == base.head.len() + 1 { base.scan.clone() } else { vec![] });
    assert_eq!(stripped(&twice).unwrap_err(), "jpeg-second-scan");
}
